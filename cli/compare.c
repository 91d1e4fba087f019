#include "cli/inputs.h"
#include "cli/output.h"

static const char *const functions[] = {"compare", "eval", "session", "dataset", NULL};

static int run(const cli_arguments *arguments) {
    nnopt_report *report = NULL;
    int code = run_on_models(arguments, nnopt_compare, &report);
    return code == EXIT_DONE ? deliver(arguments, report) : code;
}

const cli_command command_compare = {
    .name = "compare",
    .operands = "BASE [MODEL...]",
    .minimum = 1,
    .maximum = 8,
    .summary = "before and after: models measured in turn, node by node of the first, with "
               "intervals and verdicts",
    .details = "Rows are keyed by the nodes of BASE, through fusion, quantisation, pruning and\n"
               "rewrites. Quality needs --data: top1 with labels, else agreement with BASE.\n"
               "With --device cpu,cuda one model is compared with itself on each device.",
    .functions = functions,
    .takes = CUTS_DATA | TAKES_DATA,
    .run = run,
};
