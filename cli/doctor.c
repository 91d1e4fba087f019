#include "cli/output.h"

static const char *const functions[] = {"doctor", NULL};

static int run(const cli_arguments *arguments) {
    nnopt_report *report = NULL;
    nnopt_options *options = argument_options(arguments, functions);
    if (options == NULL) return EXIT_BAD;
    nnopt_status status = nnopt_doctor(options, &report);
    nnopt_options_destroy(options);
    return status == NNOPT_OK ? deliver(arguments, report) : fail_library(status);
}

const cli_command command_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "this machine: CPU, instruction sets, BLAS, memory, devices, measured ceilings",
    .functions = functions,
    .run = run,
};
