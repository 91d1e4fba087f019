#include "cli/inputs.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const functions[] = {"bench", "session", "dataset", NULL};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* ---- the regression gate ---- */

typedef struct latency {
    double median, low, high;
} latency;

/* Result `index` of a report of bench. */
static nnopt_status read_latency(const nnopt_report *report, int index, latency *out) {
    static const char *const keys[] = {"median", "low", "high"};
    double *const values[] = {&out->median, &out->low, &out->high};
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "results[%d].latency_ms.%s", index, keys[i]);
        nnopt_status status = nnopt_report_number(report, path, values[i]);
        if (status != NNOPT_OK) return status;
    }
    return NNOPT_OK;
}

/* Slower only when the intervals do not meet and the medians differ by more than 1 %. */
static int compare_with_baseline(const cli_arguments *arguments, const nnopt_report *report,
                                 const nnopt_report *baseline) {
    int code = EXIT_DONE;
    for (int i = 0; i < arguments->operand_count; i++) {
        latency now, before;
        nnopt_status status = read_latency(report, i, &now);
        if (status == NNOPT_OK) status = read_latency(baseline, i, &before);
        if (status != NNOPT_OK) {
            fail_library(status);
            return fail_usage("bench: '%s' has no result for '%s'",
                              argument_text(arguments, "baseline"), arguments->operands[i]);
        }
        bool is_slower = now.low > before.high && now.median > 1.01 * before.median;
        bool is_faster = now.high < before.low && now.median < 0.99 * before.median;
        note("%s: %s: %.4g ms (%.4g .. %.4g), was %.4g ms (%.4g .. %.4g)", arguments->operands[i],
             is_slower   ? "slower than the baseline"
             : is_faster ? "faster than the baseline"
                         : "no difference from the baseline",
             now.median, now.low, now.high, before.median, before.low, before.high);
        if (is_slower) code = EXIT_CHECK;
    }
    return code;
}

/* ---- the command ---- */

static int measure(const cli_arguments *arguments, nnopt_model **models, const char **names,
                   nnopt_report **report) {
    nnopt_dataset *data = NULL;
    nnopt_options *options = NULL;
    size_t count = (size_t)arguments->operand_count;
    int code = EXIT_DONE;
    for (size_t i = 0; i < count && code == EXIT_DONE; i++) {
        names[i] = base_name(arguments->operands[i]);
        code = load_model(arguments->operands[i], &models[i]);
    }
    if (code == EXIT_DONE) code = open_data(arguments, models[0], false, &data);
    if (code == EXIT_DONE) {
        options = argument_options(arguments, functions);
        code = options != NULL ? EXIT_DONE : EXIT_BAD;
    }
    if (code == EXIT_DONE) {
        nnopt_status status = nnopt_bench(models, names, count, data, options, report);
        if (status != NNOPT_OK) code = fail_library(status);
    }
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    return code;
}

static int run(const cli_arguments *arguments) {
    size_t count = (size_t)arguments->operand_count;
    nnopt_report *report = NULL, *baseline = NULL;
    const char *path = argument_text(arguments, "baseline");
    if (path != NULL) {
        nnopt_status status = nnopt_report_load(path, &baseline);
        if (status != NNOPT_OK) return fail_library(status);
    }
    nnopt_model **models = calloc(count, sizeof(nnopt_model *));
    const char **names = calloc(count, sizeof(const char *));
    int code = models != NULL && names != NULL ? measure(arguments, models, names, &report)
                                               : fail_usage("out of memory");
    if (code == EXIT_DONE) {
        int gate =
            baseline != NULL ? compare_with_baseline(arguments, report, baseline) : EXIT_DONE;
        code = deliver(arguments, report);
        if (code == EXIT_DONE) code = gate;
    }
    for (size_t i = 0; models != NULL && i < count; i++) nnopt_model_destroy(models[i]);
    free(models);
    free(names);
    nnopt_report_destroy(baseline);
    return code;
}

const cli_command command_bench = {
    .name = "bench",
    .operands = "MODEL...",
    .minimum = 1,
    .maximum = NO_LIMIT,
    .summary = "end-to-end latency without instrumentation; several models are measured in turn",
    .functions = functions,
    .takes = CUTS_DATA | TAKES_DATA | TAKES_BASELINE,
    .run = run,
};
