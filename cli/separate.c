#include "cli/output.h"
#include "cli/rewrite.h"

static const char *const functions[] = {"separate", "dataset", NULL};

static int run(const cli_arguments *arguments) {
    return run_technique(arguments, nnopt_separate);
}

const cli_command command_separate = {
    .name = "separate",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary =
        "layers as two thinner ones, where that is measured faster and within the error bound",
    .functions = functions,
    .takes = TAKES_CALIB | TAKES_RANDOM | TAKES_MODEL_OUT,
    .run = run,
};
