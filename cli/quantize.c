#include "cli/output.h"
#include "cli/rewrite.h"

static const char *const functions[] = {"quantize", "dataset", NULL};

static int run(const cli_arguments *arguments) {
    return run_technique(arguments, nnopt_quantize);
}

const cli_command command_quantize = {
    .name = "quantize",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "int8 weights and activations, placed so that other runtimes fuse them too",
    .functions = functions,
    .takes = TAKES_CALIB | TAKES_RANDOM | TAKES_MODEL_OUT,
    .run = run,
};
