#include "cli/inputs.h"
#include "cli/output.h"

static const char *const functions[] = {"eval", "session", "dataset", NULL};
static const char *const eval_functions[] = {"eval", "session", NULL};

static int run(const cli_arguments *arguments) {
    nnopt_model *model = NULL, *base = NULL;
    nnopt_dataset *data = NULL;
    nnopt_report *report = NULL;
    nnopt_options *options = NULL;
    const char *against = argument_text(arguments, "against");
    int code = load_model(arguments->operands[0], &model);
    if (code == EXIT_DONE && against != NULL) code = load_model(against, &base);
    if (code == EXIT_DONE) code = open_data(arguments, model, true, &data);
    if (code == EXIT_DONE) {
        options = argument_options(arguments, eval_functions);
        code = options != NULL ? EXIT_DONE : EXIT_BAD;
    }
    if (code == EXIT_DONE) {
        nnopt_status status = nnopt_eval(model, base, data, options, &report);
        code = status == NNOPT_OK ? deliver(arguments, report) : fail_library(status);
    }
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(base);
    nnopt_model_destroy(model);
    return code;
}

const cli_command command_eval = {
    .name = "eval",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "quality on labelled data, or against another model, with its interval",
    .functions = functions,
    .takes = CUTS_DATA | TAKES_DATA | TAKES_RANDOM | TAKES_AGAINST,
    .run = run,
};
