#include "cli/inputs.h"
#include "cli/output.h"

static const char *const functions[] = {"tune", "session", NULL};

static nnopt_status call(nnopt_model *model, nnopt_dataset *data, const nnopt_options *options,
                         void *user, nnopt_report **out) {
    (void)user;
    return nnopt_tune(model, data, options, out);
}

static int run(const cli_arguments *arguments) {
    return run_on_model(arguments, false, call, NULL);
}

const cli_command command_tune = {
    .name = "tune",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "batch size and threads, on a device streams and precision, for latency or "
               "throughput, with the measured curve",
    .functions = functions,
    .takes = CUTS_DATA | TAKES_DATA,
    .run = run,
};
