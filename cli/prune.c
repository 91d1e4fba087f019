#include "cli/output.h"
#include "cli/rewrite.h"

static const char *const functions[] = {"prune", "dataset", NULL};

static int run(const cli_arguments *arguments) {
    return run_technique(arguments, nnopt_prune);
}

const cli_command command_prune = {
    .name = "prune",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "fewer channels, over dependency groups, refitted by least squares",
    .functions = functions,
    .takes = TAKES_CALIB | TAKES_RANDOM | TAKES_MODEL_OUT,
    .run = run,
};
