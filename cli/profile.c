#include "cli/inputs.h"
#include "cli/output.h"

static const char *const functions[] = {"profile", "session", "dataset", NULL};

static nnopt_status call(nnopt_model *model, nnopt_dataset *data, const nnopt_options *options,
                         void *user, nnopt_report **out) {
    (void)user;
    return nnopt_profile(model, data, options, out);
}

static int run(const cli_arguments *arguments) {
    return run_on_model(arguments, false, call, NULL);
}

const cli_command command_profile = {
    .name = "profile",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "where the time goes: per node, against this machine's roofline, with the "
               "bottleneck and what each optimisation should gain",
    .functions = functions,
    .takes = CUTS_DATA | TAKES_DATA,
    .run = run,
};
