#include "cli/output.h"

static const char *const functions[] = {"list_kernels", NULL};

static int run(const cli_arguments *arguments) {
    nnopt_report *report = NULL;
    nnopt_options *options = argument_options(arguments, functions);
    if (options == NULL) return EXIT_BAD;
    nnopt_status status = nnopt_list_kernels(options, &report);
    nnopt_options_destroy(options);
    return status == NNOPT_OK ? deliver(arguments, report) : fail_library(status);
}

const cli_command command_list_kernels = {
    .name = "list-kernels",
    .operands = "",
    .summary =
        "the kernels of each operator, best first, and which of them this machine can run; or "
        "how fast they are",
    .functions = functions,
    .run = run,
};
