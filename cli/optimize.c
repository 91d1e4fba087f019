#include "cli/inputs.h"
#include "cli/output.h"
#include "cli/rewrite.h"

static const char *const functions[] = {"optimize", "session", "dataset", NULL};
static const char *const optimize_functions[] = {"optimize", "session", NULL};

/* What the search left: a model when one was better, and its report in any case but an error. */
static int finish(const cli_arguments *arguments, nnopt_status status, const nnopt_model *best,
                  nnopt_report *report, const char *path) {
    if (report == NULL || best == NULL) return deliver_outcome(arguments, status, report);
    int code = status == NNOPT_OK ? EXIT_DONE : fail_library(status);
    nnopt_status saved = nnopt_model_save(best, path);
    if (saved == NNOPT_OK) saved = nnopt_report_annotate(report, "output", path);
    if (saved != NNOPT_OK) {
        nnopt_report_destroy(report);
        return fail_library(saved);
    }
    if (status == NNOPT_INTERRUPTED) note("'%s' holds the best so far", path);
    int delivered = deliver(arguments, report);
    return code != EXIT_DONE ? code : delivered;
}

static int run(const cli_arguments *arguments) {
    char path[4096];
    nnopt_model *model = NULL, *best = NULL;
    nnopt_dataset *data = NULL, *calib = NULL;
    nnopt_report *report = NULL;
    nnopt_options *options = NULL;
    int code = output_path(arguments, path, sizeof path);
    if (code == EXIT_DONE) code = load_model(arguments->operands[0], &model);
    if (code == EXIT_DONE) code = open_data(arguments, model, true, &data);
    if (code == EXIT_DONE) code = open_calib(arguments, model, 0, &calib);
    if (code == EXIT_DONE) {
        options = argument_options(arguments, optimize_functions);
        code = options != NULL ? EXIT_DONE : EXIT_BAD;
    }
    if (code == EXIT_DONE) {
        nnopt_status status = nnopt_optimize(model, data, calib, options, &best, &report);
        code = finish(arguments, status, best, report, path);
    }
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(calib);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(best);
    nnopt_model_destroy(model);
    return code;
}

const cli_command command_optimize = {
    .name = "optimize",
    .operands = "MODEL",
    .minimum = 1,
    .maximum = 1,
    .summary = "searches over the techniques under a quality budget; writes the best, proved on "
               "samples that the search never saw",
    .functions = functions,
    .takes = CUTS_DATA | TAKES_DATA | TAKES_CALIB | TAKES_MODEL_OUT,
    .run = run,
};
