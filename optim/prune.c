/* The pass "prune": whole channels, over dependency groups, with a least-squares refit. */
#include "engine/graph/patch.h"
#include "engine/measure/measure.h"
#include "optim/pass.h"
#include "optim/predict.h"
#include "optim/prune_plan.h"
#include "optim/prune_unstructured.h"
#include "optim/simplify.h"

#include <math.h>
#include <stdio.h>

/* Seconds that each cut is timed for --latency. */
static const double trial_seconds = 0.3;

static const nn_option_spec specs[] = {
    {.name = "macs",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "F",
     .minimum = 0.01,
     .maximum = 1,
     .help = "fraction of the multiply-accumulates that stays"},
    {.name = "ratio",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "F",
     .minimum = 0.01,
     .maximum = 1,
     .help = "fraction of the channels of every group that stays"},
    {.name = "latency",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "MS",
     .minimum = 1e-6,
     .maximum = 1e9,
     .help = "prune until one run takes at most this many milliseconds"},
    {.name = "unstructured",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "F",
     .minimum = 0,
     .maximum = 0.99,
     .help = "zero this fraction of single weights instead (no kernel gains from it)"},
    {.name = "round-to",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "8",
     .minimum = 1,
     .maximum = 256,
     .help = "channel counts stay multiples of N"},
    {.name = "no-refit", .kind = NNOPT_OPTION_FLAG, .help = "cut only: no least-squares refit"},
    {.name = "calib-samples",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "256",
     .minimum = 0,
     .maximum = 1e9,
     .help = "use the first N calibration samples (0: all)"},
    {.name = "seed",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 9e15,
     .help = "seed of everything random"},
};

static const nn_option_table table = {"prune", specs, sizeof specs / sizeof specs[0]};

/* Every group is kept at an eighth of its channels or more. */
static const double least_kept = 0.125;
static const double refit_lambda = 1e-3;

static nn_status check_targets(const nnopt_options *options) {
    static const char *const targets[] = {"macs", "ratio", "latency", "unstructured"};
    const char *first = NULL;
    for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
        if (!nn_option_has(options, targets[t])) continue;
        if (first != NULL)
            return nn_fail(NN_USAGE, "--%s and --%s contradict each other", first, targets[t]);
        first = targets[t];
    }
    return first != NULL ? NN_OK
                         : nn_fail(NN_USAGE, "prune needs a target: --macs, --ratio, --latency or "
                                             "--unstructured");
}

static void clear_selection(nn_prune_plan *plan) {
    memset(plan->removed, 0, (size_t)plan->groups.structure_count);
    for (int64_t n = 0; n < plan->node_count; n++)
        plan->nodes[n].in_removed = plan->nodes[n].out_removed = 0;
}

/* Median seconds of a run on the calibration data, one thread. */
static nn_status measure(nn_model *model, nn_dataset *data, double *seconds) {
    nn_session *session;
    nn_session_options options = {.threads = 1};
    NN_TRY(nn_session_open(model, &options, &session));
    nn_status status = nn_bench_median(session, data, trial_seconds, seconds);
    nnopt_session_destroy(session);
    return status;
}

/* Bisects the fraction of MACs; each trial is cut and measured, without refit. */
static nn_status select_latency(nn_prune_plan *plan, nn_dataset *calib, double wanted,
                                int64_t round_to) {
    double low = 0.1, high = 1, seconds = 0, best = 0;
    for (int step = 0; step < 6; step++) {
        double middle = step == 0 ? low : (low + high) / 2;
        clear_selection(plan);
        nn_model *trial = NULL;
        nn_status status = nn_prune_select_macs(plan, middle, least_kept, round_to);
        if (status == NN_CHECK && step == 0) status = NN_OK; /* as far as the groups allow */
        NN_TRY(status);
        NN_TRY(nn_prune_apply(plan, &trial));
        status = measure(trial, calib, &seconds);
        nnopt_model_destroy(trial);
        NN_TRY(status);
        if (step == 0 && seconds > wanted)
            return nn_fail(
                NN_CHECK,
                "pruned as far as it goes, a run still takes %.3f ms; --latency asks for %.3f",
                1e3 * seconds, 1e3 * wanted);
        if (seconds <= wanted) {
            best = middle;
            low = middle;
        } else {
            high = middle;
        }
    }
    clear_selection(plan);
    nn_status status = nn_prune_select_macs(plan, best, least_kept, round_to);
    return status == NN_CHECK && best <= 0.1 ? NN_OK : status;
}

static void report_nodes(const nn_prune_plan *plan, nn_report *report) {
    cJSON *changes = nn_report_array(report, report->root, "changes");
    for (int64_t n = 0; n < plan->node_count; n++) {
        const nn_prune_node *node = &plan->nodes[n];
        if (node->in_removed == 0 && node->out_removed == 0) continue;
        cJSON *change = nn_report_object(report, changes, NULL);
        nn_report_set_text(report, change, "node", node->linear.node->origin);
        nn_report_set_text(report, change, "op", node->linear.node->op_type);
        nn_report_set_text(report, change, "change", "channels removed");
        nn_report_set_number(report, change, "inputs_before", (double)node->in_total);
        nn_report_set_number(report, change, "inputs_after",
                             (double)(node->in_total - node->in_removed));
        nn_report_set_number(report, change, "outputs_before", (double)node->out_total);
        nn_report_set_number(report, change, "outputs_after",
                             (double)(node->out_total - node->out_removed));
    }
}

/* The groups: how many channels each had and keeps, and the nodes that must change together. */
static void report_groups(const nn_prune_plan *plan, nn_report *report) {
    cJSON *list = nn_report_array(report, report->root, "groups");
    for (int64_t f = 0; f < plan->groups.family_count; f++) {
        int64_t total = 0, removed = 0;
        const nn_structure *sample = NULL;
        for (int64_t s = 0; s < plan->groups.structure_count; s++) {
            if (plan->groups.structures[s].family != f) continue;
            if (sample == NULL) sample = &plan->groups.structures[s];
            total++;
            removed += plan->removed[s];
        }
        if (sample == NULL || total < 2) continue;
        cJSON *group = nn_report_object(report, list, NULL);
        nn_report_set_number(report, group, "channels_before", (double)total);
        nn_report_set_number(report, group, "channels_after", (double)(total - removed));
        cJSON *tensors = nn_report_array(report, group, "tensors");
        for (int64_t m = 0; m < sample->member_count; m++) {
            const nn_channel_member *member = &sample->members[m];
            if (m > 0 && member->value == sample->members[m - 1].value &&
                member->axis == sample->members[m - 1].axis)
                continue;
            char text[600];
            snprintf(text, sizeof text, "%.500s axis %d", member->value->name, member->axis);
            nn_report_add_text(report, tensors, text);
        }
    }
}

static nn_status select_channels(nn_prune_plan *plan, nn_dataset *calib,
                                 const nnopt_options *options) {
    int64_t round_to = nn_option_int(options, &table, "round-to");
    if (nn_option_has(options, "ratio"))
        return nn_prune_select_ratio(plan, nn_option_number(options, &table, "ratio"), round_to);
    if (nn_option_has(options, "latency"))
        return select_latency(plan, calib, 1e-3 * nn_option_number(options, &table, "latency"),
                              round_to);
    return nn_prune_select_macs(plan, nn_option_number(options, &table, "macs"), least_kept,
                                round_to);
}

static nn_status run_structured(nn_model *simple, nn_dataset *calib, const nnopt_options *options,
                                nn_report *report, nn_model **out) {
    int64_t samples = nn_option_int(options, &table, "calib-samples");
    uint64_t seed = (uint64_t)nn_option_int(options, &table, "seed");
    nn_prune_plan plan;
    nn_model *pruned = NULL;
    NN_TRY(nn_prune_plan_create(simple, &plan));
    nn_status status = NN_OK;
    if (calib != NULL)
        status = nn_prune_importance(&plan, calib, samples, seed);
    else
        nn_prune_importance_by_norm(&plan);
    if (status == NN_OK) status = select_channels(&plan, calib, options);
    if (status == NN_OK) status = nn_prune_apply(&plan, &pruned);
    int64_t refitted = 0;
    bool refit = calib != NULL && !nn_option_flag(options, "no-refit");
    if (status == NN_OK && refit)
        status = nn_prune_refit(&plan, pruned, calib, samples, refit_lambda, seed, &refitted);
    if (status == NN_OK) {
        report_nodes(&plan, report);
        report_groups(&plan, report);
        nn_report_array(report, report->root, "refused");
        nn_report_set_number(report, report->root, "macs_kept", nn_prune_macs(&plan) / plan.macs);
        nn_report_set_number(report, report->root, "refitted_nodes", (double)refitted);
    }
    nn_prune_plan_clear(&plan);
    if (status != NN_OK) {
        nnopt_model_destroy(pruned);
        return status;
    }
    *out = pruned;
    return NN_OK;
}

static nn_status run(nn_model *model, nn_dataset *calib, const nnopt_options *options,
                     nn_report *report, nn_model **out) {
    NN_TRY(check_targets(options));
    if (nn_option_has(options, "latency") && calib == NULL)
        return nn_fail(NN_USAGE, "--latency needs --calib (or --random) to measure with");
    nn_model *simple = NULL, *result = NULL;
    NN_TRY(nn_simplify_model(model, "prune", &simple));
    nn_status status;
    if (nn_option_has(options, "unstructured")) {
        status =
            nn_prune_unstructured(simple, calib, nn_option_number(options, &table, "unstructured"),
                                  nn_option_int(options, &table, "calib-samples"),
                                  (uint64_t)nn_option_int(options, &table, "seed"), report);
        result = nn_model_retain(simple);
    } else {
        status = run_structured(simple, calib, options, report, &result);
    }
    nnopt_model_destroy(simple);
    if (status == NN_OK) status = nn_graph_prune_unused(result->graph, "prune");
    if (status != NN_OK) {
        nnopt_model_destroy(result);
        return status;
    }
    *out = result;
    return NN_OK;
}

const nn_pass nn_pass_prune = {
    .name = "prune",
    .summary = "fewer channels, over dependency groups, refitted by least squares",
    .options = {"prune", specs, sizeof specs / sizeof specs[0]},
    .predict = nn_predict_prune,
    .run = run,
};

nnopt_status nnopt_prune(nnopt_model *model, nnopt_dataset *calib, const nnopt_options *options,
                         nnopt_model **out, nnopt_report **report) {
    return nn_pass_run(&nn_pass_prune, model, calib, options, out, report);
}
