#include "cli/inputs.h"
#include "cli/output.h"

#include <stdio.h>

static const char *const functions[] = {"bench", "session", "dataset", NULL};

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

static int run(const cli_arguments *arguments) {
    nnopt_report *report = NULL, *baseline = NULL;
    const char *path = argument_text(arguments, "baseline");
    if (path != NULL) {
        nnopt_status status = nnopt_report_load(path, &baseline);
        if (status != NNOPT_OK) return fail_library(status);
    }
    int code = run_on_models(arguments, nnopt_bench, &report);
    if (report != NULL) {
        int gate =
            baseline != NULL ? compare_with_baseline(arguments, report, baseline) : EXIT_DONE;
        int delivered = deliver(arguments, report);
        if (code == EXIT_DONE) code = delivered != EXIT_DONE ? delivered : gate;
    }
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
