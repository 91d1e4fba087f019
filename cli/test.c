#include "cli/output.h"

static const char *const functions[] = {"test", NULL};

static int run(const cli_arguments *arguments) {
    nnopt_report *report = NULL;
    double failed = 0;
    nnopt_options *options = argument_options(arguments, functions);
    if (options == NULL) return EXIT_BAD;
    nnopt_status status =
        nnopt_test(arguments->operands, (size_t)arguments->operand_count, options, &report);
    nnopt_options_destroy(options);
    if (status != NNOPT_OK) return fail_library(status);
    status = nnopt_report_number(report, "failed", &failed);
    int code = deliver(arguments, report);
    if (status != NNOPT_OK) return fail_library(status);
    return code == EXIT_DONE && failed > 0 ? EXIT_CHECK : code;
}

const cli_command command_test = {
    .name = "test",
    .operands = "DIR...",
    .minimum = 1,
    .maximum = NO_LIMIT,
    .summary = "run every model.onnx below the folders against its test_data_set_* folders",
    .details = "A case is one model folder; it passes when all its data sets do. tolerance.json "
               "beside the model sets 'rtol' and 'atol' (1e-3 and 1e-7 without it).",
    .functions = functions,
    .run = run,
};
