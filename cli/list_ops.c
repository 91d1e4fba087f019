#include "cli/output.h"

static int run(const cli_arguments *arguments) {
    nnopt_report *report = NULL;
    nnopt_status status = nnopt_list_ops(NULL, &report);
    return status == NNOPT_OK ? deliver(arguments, report) : fail_library(status);
}

const cli_command command_list_ops = {
    .name = "list-ops",
    .operands = "",
    .summary =
        "the operators nnopt knows, with their versions and what the passes can do with them",
    .run = run,
};
