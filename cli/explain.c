#include "cli/inputs.h"
#include "cli/output.h"

static int run(const cli_arguments *arguments) {
    nnopt_model *model = NULL;
    nnopt_report *report = NULL;
    int code = load_model(arguments->operands[0], &model);
    if (code == EXIT_DONE) {
        nnopt_status status = nnopt_explain(model, &report);
        code = status == NNOPT_OK ? deliver(arguments, report) : fail_library(status);
    }
    nnopt_model_destroy(model);
    return code;
}

const cli_command command_explain = {
    .name = "explain",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "where an optimised model came from: its parent, the passes, what was measured",
    .run = run,
};
