#include "cli/inputs.h"
#include "cli/output.h"

static const char *const functions[] = {"inspect", NULL};

static nnopt_status call(nnopt_model *model, nnopt_dataset *data, const nnopt_options *options,
                         void *user, nnopt_report **out) {
    (void)data;
    (void)user;
    return nnopt_inspect(model, options, out);
}

static int run(const cli_arguments *arguments) {
    return run_on_model(arguments, false, call, NULL);
}

const cli_command command_inspect = {
    .name = "inspect",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "inputs, outputs, operators, parameters, work, and what cannot run here",
    .functions = functions,
    .run = run,
};
