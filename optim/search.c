#include "optim/search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Seconds that one candidate is timed against the base model. */
static const double timing_seconds = 1.0;

/* Fractions of the MACs that pruning is tried at; it stops below the first that is far over budget.
 */
static const char *const prune_fractions[] = {"0.85", "0.70", "0.55", "0.45", "0.35", "0.25"};

static const nn_pass *pass_named(const char *name) {
    for (const nn_pass *const *pass = nn_pass_table; *pass != NULL; pass++)
        if (strcmp((*pass)->name, name) == 0) return *pass;
    return NULL;
}

static nn_evaluation evaluation_of(const nn_search *search) {
    return (nn_evaluation){.metric = search->options.metric,
                           .output = search->options.output,
                           .class_axis = search->options.class_axis};
}

static nn_status judge(const nn_search *search, nn_model *model, nn_dataset *data,
                       nn_quality *out) {
    nn_session *session = NULL;
    nn_evaluation evaluation = evaluation_of(search);
    NN_TRY(nn_session_open(model, &search->options.session, &session));
    nn_session *base =
        search->options.metric->needs == NN_METRIC_BASE ? search->base_session : NULL;
    nn_status status = nn_evaluate(session, base, data, &evaluation, out);
    nnopt_session_destroy(session);
    return status;
}

nn_status nn_search_create(nn_model *base, nn_data_split *data, const nn_search_options *options,
                           nn_search *out) {
    memset(out, 0, sizeof *out);
    out->options = *options;
    out->base = base;
    out->data = data;
    out->best = -1;
    out->started = nn_now();
    nn_status status = nn_session_open(base, &options->session, &out->base_session);
    if (status == NN_OK) status = judge(out, base, data->search, &out->base_quality);
    if (status == NN_OK) status = judge(out, base, data->test, &out->base_test_quality);
    if (status != NN_OK) nn_search_clear(out);
    return status;
}

void nn_search_clear(nn_search *search) {
    for (int64_t c = 0; c < search->count; c++) nnopt_model_destroy(search->candidates[c].model);
    nn_free(search->candidates);
    nnopt_session_destroy(search->base_session);
    nn_quality_clear(&search->base_quality);
    nn_quality_clear(&search->base_test_quality);
    nn_arena_clear(&search->arena);
    memset(search, 0, sizeof *search);
}

/* ---- one candidate ---- */

static nn_status time_candidate(const nn_search *search, nn_candidate *candidate) {
    nn_session *session;
    nn_bench_pair times;
    NN_TRY(nn_session_open(candidate->model, &search->options.session, &session));
    nn_status status = nn_bench_compare(search->base_session, session, search->data->search,
                                        timing_seconds, &times);
    if (status == NN_OK) {
        candidate->base_seconds = times.before;
        candidate->seconds = times.after;
        candidate->speed = times.comparison;
    }
    nnopt_session_destroy(session);
    return status;
}

static double judged_drop(const nn_search *search, const nn_drop *drop) {
    return search->options.strict ? drop->high : drop->value;
}

static nn_status measure(nn_search *search, nn_candidate *candidate) {
    NN_TRY(time_candidate(search, candidate));
    nn_quality quality = {0};
    NN_TRY(judge(search, candidate->model, search->data->search, &quality));
    nn_status status = nn_quality_drop(&search->base_quality, &quality, &candidate->drop);
    candidate->quality = quality.value;
    candidate->quality_low = quality.low;
    candidate->quality_high = quality.high;
    nn_quality_clear(&quality);
    NN_TRY(status);
    bool over = judged_drop(search, &candidate->drop) > search->options.max_drop;
    if (candidate->speed.verdict != NN_FASTER)
        candidate->reason = candidate->speed.verdict == NN_SLOWER ? "slower" : "no faster";
    else
        candidate->reason = over ? "over the budget" : "kept";
    candidate->is_kept = candidate->speed.verdict == NN_FASTER && !over;
    return NN_OK;
}

static void announce(const nn_search *search, const nn_candidate *candidate) {
    char line[400];
    double elapsed = nn_now() - search->started;
    if (candidate->model == NULL)
        snprintf(line, sizeof line, "[%4.0f s] %3lld  %-28s %s", elapsed, (long long)search->count,
                 candidate->name, candidate->reason);
    else
        snprintf(line, sizeof line, "[%4.0f s] %3lld  %-28s %8.3f ms  %5.2fx  %+6.2f points  %s",
                 elapsed, (long long)search->count, candidate->name, 1e3 * candidate->seconds,
                 1 / candidate->speed.ratio, -100 * candidate->drop.value, candidate->reason);
    nn_progress("optimising", elapsed, search->options.budget_seconds, line);
}

static bool out_of_time(const nn_search *search) {
    return nn_now() - search->started > search->options.budget_seconds;
}

/* Appends, builds and measures parent + step; *index is -1 when the pass refused or time is over.
 */
static nn_status try_step(nn_search *search, int64_t parent, nn_step step, int64_t *index) {
    *index = -1;
    if (out_of_time(search)) return NN_OK;
    NN_TRY(nn_check_interrupt());
    if (!NN_GROW(search->candidates, search->count, search->capacity))
        return nn_fail_memory(sizeof *search->candidates);
    nn_candidate *candidate = &search->candidates[search->count];
    *candidate = (nn_candidate){.parent = parent, .step = step};
    char name[200];
    if (parent == NN_NO_PARENT)
        snprintf(name, sizeof name, "%s", step.label);
    else
        snprintf(name, sizeof name, "%.150s + %s", search->candidates[parent].name, step.label);
    candidate->name = nn_arena_strdup(&search->arena, name);
    if (candidate->name == NULL) return nn_fail_memory(sizeof name);
    NN_TRY(nn_candidate_replay(&search->arena, search->candidates, candidate,
                               search->options.model_path, search->options.calib_path,
                               &candidate->replay));
    nn_status status = nn_candidate_build(&search->arena, search->candidates, candidate,
                                          search->base, search->data->calibrate);
    if (status == NN_OK && candidate->model != NULL) status = measure(search, candidate);
    if (status != NN_OK) { /* an unfinished candidate does not count */
        nnopt_model_destroy(candidate->model);
        candidate->model = NULL;
        return status;
    }
    if (candidate->model != NULL) *index = search->count;
    search->count++;
    announce(search, &search->candidates[search->count - 1]);
    return NN_OK;
}

static nn_step plain_step(const char *pass, const char *label) {
    return (nn_step){.pass = pass_named(pass), .label = label};
}

static nn_step option_step(const char *pass, const char *label, const char *name,
                           const char *value) {
    nn_step step = plain_step(pass, label);
    step.names[0] = name;
    step.values[0] = value;
    step.option_count = 1;
    return step;
}

/* ---- the order of trials ---- */

static nn_status int8_on(nn_search *search, int64_t parent, int64_t *index) {
    return try_step(search, parent, option_step("quantize", "int8", "mode", "static"), index);
}

/* int8 alone; with other ranges where its drop is over the budget. */
static nn_status try_int8(nn_search *search) {
    int64_t index;
    NN_TRY(int8_on(search, NN_NO_PARENT, &index));
    bool over = index >= 0 &&
                judged_drop(search, &search->candidates[index].drop) > search->options.max_drop;
    if (over) {
        static const char *const methods[] = {"percentile", "minmax"};
        for (int i = 0; i < 2; i++) {
            nn_step step = option_step("quantize", i == 0 ? "int8 percentile" : "int8 min-max",
                                       "mode", "static");
            step.names[1] = "range";
            step.values[1] = methods[i];
            step.option_count = 2;
            NN_TRY(try_step(search, NN_NO_PARENT, step, &index));
        }
    }
    if (index < 0)
        NN_TRY(try_step(search, NN_NO_PARENT,
                        option_step("quantize", "dynamic int8", "mode", "dynamic"), &index));
    return NN_OK;
}

/* Ever smaller models from `parent`, each also in int8, until the drop is twice the budget. */
static nn_status try_pruning(nn_search *search, int64_t parent) {
    for (size_t f = 0; f < sizeof prune_fractions / sizeof prune_fractions[0]; f++) {
        char label[40];
        snprintf(label, sizeof label, "prune %s", prune_fractions[f]);
        const char *kept_label = nn_arena_strdup(&search->arena, label);
        if (kept_label == NULL) return nn_fail_memory(sizeof label);
        int64_t pruned, quantised;
        NN_TRY(try_step(search, parent,
                        option_step("prune", kept_label, "macs", prune_fractions[f]), &pruned));
        if (pruned < 0) return NN_OK;
        double drop = judged_drop(search, &search->candidates[pruned].drop);
        if (drop > 2 * search->options.max_drop + 0.002) return NN_OK;
        NN_TRY(int8_on(search, pruned, &quantised));
    }
    return NN_OK;
}

static nn_status try_separating(nn_search *search) {
    int64_t separated, next;
    NN_TRY(try_step(search, NN_NO_PARENT, plain_step("separate", "separate"), &separated));
    if (separated < 0 || !search->candidates[separated].is_kept) return NN_OK;
    NN_TRY(int8_on(search, separated, &next));
    NN_TRY(try_step(search, separated, option_step("prune", "prune 0.70", "macs", "0.70"), &next));
    if (next >= 0 && search->candidates[next].is_kept) return int8_on(search, next, &next);
    return NN_OK;
}

nn_status nn_search_run(nn_search *search) {
    nn_status status = try_int8(search);
    if (status == NN_OK) status = try_pruning(search, NN_NO_PARENT);
    if (status == NN_OK) status = try_separating(search);
    if (status == NN_INTERRUPTED) {
        search->is_interrupted = true;
        return NN_OK;
    }
    return status;
}

/* ---- the choice ---- */

static void mark_front(nn_search *search) {
    for (int64_t a = 0; a < search->count; a++) {
        nn_candidate *candidate = &search->candidates[a];
        candidate->is_on_front = candidate->model != NULL && candidate->speed.verdict == NN_FASTER;
        for (int64_t b = 0; b < search->count && candidate->is_on_front; b++) {
            const nn_candidate *other = &search->candidates[b];
            if (a == b || other->model == NULL) continue;
            bool better = other->speed.ratio <= candidate->speed.ratio &&
                          other->drop.value <= candidate->drop.value &&
                          (other->speed.ratio < candidate->speed.ratio ||
                           other->drop.value < candidate->drop.value);
            if (better) candidate->is_on_front = false;
        }
    }
}

static nn_status judge_on_test(nn_search *search, nn_candidate *candidate) {
    nn_quality quality = {0};
    NN_TRY(judge(search, candidate->model, search->data->test, &quality));
    nn_status status = nn_quality_drop(&search->base_test_quality, &quality, &candidate->test_drop);
    candidate->test_quality = quality.value;
    candidate->has_test = status == NN_OK;
    nn_quality_clear(&quality);
    return status;
}

nn_status nn_search_choose(nn_search *search) {
    mark_front(search);
    while (search->best < 0) {
        int64_t fastest = -1;
        for (int64_t c = 0; c < search->count; c++) {
            const nn_candidate *candidate = &search->candidates[c];
            if (!candidate->is_kept || candidate->has_test) continue;
            if (fastest < 0 || candidate->speed.ratio < search->candidates[fastest].speed.ratio)
                fastest = c;
        }
        if (fastest < 0) return NN_OK;
        nn_candidate *candidate = &search->candidates[fastest];
        nn_status status = judge_on_test(search, candidate);
        if (status == NN_INTERRUPTED) { /* what was found is judged before the end */
            search->is_interrupted = true;
            continue;
        }
        NN_TRY(status);
        if (judged_drop(search, &candidate->test_drop) <= search->options.max_drop) {
            search->best = fastest;
            candidate->reason = "best";
        } else {
            candidate->is_kept = false;
            candidate->reason = "over the budget on the test samples";
        }
    }
    return NN_OK;
}
