#include "cli/output.h"

static int run(const cli_arguments *arguments) {
    nnopt_report *report = NULL;
    nnopt_status status = nnopt_list_kernels(NULL, &report);
    return status == NNOPT_OK ? deliver(arguments, report) : fail_library(status);
}

const cli_command command_list_kernels = {
    .name = "list-kernels",
    .operands = "",
    .summary = "the kernels of each operator, best first, and which of them this machine can run",
    .run = run,
};
