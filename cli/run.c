#include "cli/inputs.h"
#include "cli/output.h"

static const char *const functions[] = {"dataset", "session", NULL};
static const char *const session_functions[] = {"session", NULL};

static int run(const cli_arguments *arguments) {
    nnopt_model *model = NULL;
    nnopt_dataset *data = NULL;
    nnopt_report *report = NULL;
    nnopt_options *options = NULL;
    int code = load_model(arguments->operands[0], &model);
    if (code == EXIT_DONE) code = open_data(arguments, model, true, &data);
    if (code == EXIT_DONE) {
        options = argument_options(arguments, session_functions);
        code = options != NULL ? EXIT_DONE : EXIT_BAD;
    }
    if (code == EXIT_DONE) {
        nnopt_status status =
            nnopt_run(model, data, options, argument_text(arguments, "o"), &report);
        code = status == NNOPT_OK ? deliver(arguments, report) : fail_library(status);
    }
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
    return code;
}

const cli_command command_run = {
    .name = "run",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "run a model on data; the outputs go to a file by name",
    .functions = functions,
    .takes = TAKES_DATA | TAKES_RANDOM | TAKES_DATA_OUT,
    .run = run,
};
