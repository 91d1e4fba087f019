#include "engine/select/select.h"

#include "base/file.h"
#include "engine/measure/measure.h"
#include "engine/plan/plan_parts.h"
#include "engine/select/select_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- life ---- */

static nn_status find_wisdom(nn_selector *selector, const char *wisdom) {
    if (wisdom != NULL) {
        selector->path = nn_strdup(wisdom);
        if (selector->path == NULL) return nn_fail_memory(strlen(wisdom) + 1);
    } else {
        nn_status status = nn_cache_path("wisdom.txt", &selector->path);
        if (status == NN_NO_MEMORY) return status;
        if (status != NN_OK) {
            selector->path = NULL;
            nn_log(NNOPT_LOG_WARNING, "wisdom is not kept: %s", nnopt_last_error());
            return NN_OK;
        }
    }
    return nn_wisdom_load(&selector->wisdom, selector->path);
}

nn_status nn_selector_create(nn_selection mode, double budget_seconds, const char *wisdom,
                             nn_selector **out) {
    nn_selector *selector = nn_alloc_zero(sizeof *selector);
    if (selector == NULL) return nn_fail_memory(sizeof *selector);
    selector->mode = mode;
    selector->budget = budget_seconds;
    nn_status status = find_wisdom(selector, wisdom);
    if (status != NN_OK) {
        nn_selector_destroy(selector);
        return status;
    }
    *out = selector;
    return NN_OK;
}

void nn_selector_destroy(nn_selector *selector) {
    if (selector == NULL) return;
    nn_wisdom_clear(&selector->wisdom);
    nn_wisdom_clear(&selector->fresh);
    nn_free(selector->path);
    nn_free(selector);
}

/* ---- names and reasons ---- */

const char *nn_select_variant(const nn_kernel *kernel, int variant) {
    if (variant == 0) return "";
    for (int i = 1; kernel->variants != NULL && kernel->variants[i - 1] != NULL; i++)
        if (i == variant) return kernel->variants[i - 1];
    return NULL;
}

const char *nn_select_name(const nn_kernel *kernel, const char *variant, char *text, size_t size) {
    snprintf(text, size, "%s%s%s", kernel->name, variant[0] != '\0' ? ", " : "", variant);
    return text;
}

const char *nn_choice_estimate_reason(const nn_node_view *node, const nn_target *target) {
    return nn_kernel_candidates(node, target, NULL, 0) > 1 ? "first in the list"
                                                           : "the only one that accepts";
}

/* ---- what is known ---- */

/* Takes what wisdom says, if that still can be had. */
static nn_status apply(const nn_wisdom_entry *entry, const nn_node_view *view,
                       const nn_target *target, nn_arena *arena, nn_choice *choice) {
    enum { MOST = 64 };
    const nn_kernel *kernels[MOST], *first = choice->kernel;
    nn_target wide = *target;
    wide.explores = true;
    int count = nn_kernel_candidates(view, &wide, kernels, MOST);
    for (int i = 0; i < count && i < MOST; i++) {
        if (strcmp(kernels[i]->name, entry->kernel) != 0) continue;
        if (kernels[i] != first && !nn_select_may_replace(view, kernels[i], first)) continue;
        int variant = 0;
        const char *name;
        while ((name = nn_select_variant(kernels[i], variant)) != NULL &&
               strcmp(name, entry->variant) != 0)
            variant++;
        if (name == NULL) continue;
        char reason[256];
        const bool is_first = kernels[i] == first && variant == 0;
        snprintf(reason, sizeof reason,
                 is_first ? "wisdom: first in the list" : "wisdom: %.2fx over %s", entry->gain,
                 entry->over);
        choice->kernel = kernels[i];
        choice->variant = variant;
        choice->reason = nn_arena_strdup(arena, reason);
        return choice->reason != NULL ? NN_OK : nn_fail_memory(sizeof reason);
    }
    return NN_OK;
}

/* ---- what is to be measured ---- */

/* Nodes that share a key are measured once. */
typedef struct select_task {
    const char *key;
    const nn_node *node;
    nn_choice choice;
    double work; /* of all of them: the most first, while the budget lasts */
    bool is_done;
} select_task;

typedef struct select_work {
    nn_plan *plan;
    const nn_plan_request *request;
    nn_choice *choices;
    nn_name_table tasks;
    select_task **list;
    select_task **of_node; /* by position; NULL: nothing to measure */
    int64_t count, capacity;
} select_work;

static nn_status add_task(select_work *work, const char *key, const nn_node *node,
                          const nn_node_view *view) {
    select_task *task = nn_name_table_get(&work->tasks, key);
    nn_cost cost;
    if (task == NULL) {
        task = nn_arena_alloc(&work->plan->arena, sizeof *task);
        if (task == NULL || !NN_GROW(work->list, work->count, work->capacity))
            return nn_fail_memory(sizeof *task);
        *task = (select_task){key, node, work->choices[node->position], 0, false};
        work->list[work->count++] = task;
        NN_TRY(nn_name_table_put(&work->tasks, key, task));
    }
    work->of_node[node->position] = task;
    /* some ten operations in the time of a byte */
    nn_op_cost(view, &cost);
    task->work += cost.flops + 10 * (cost.bytes_read + cost.bytes_written);
    return NN_OK;
}

static nn_status look_at(select_work *work, const nn_node *node) {
    nn_selector *selector = work->request->selector;
    const nn_target *target = &work->request->target;
    nn_choice *choice = &work->choices[node->position];
    nn_view_storage storage;
    nn_node_view view;
    const char *key;
    NN_TRY(nn_node_view_init(node, &storage, &view));
    nn_status status = nn_select_key(node, &view, target, choice->kernel, &work->plan->arena, &key);
    if (status == NN_OK && key != NULL) {
        const nn_wisdom_entry *entry = nn_wisdom_find(&selector->wisdom, key);
        const bool is_enough =
            entry != NULL && (entry->is_exhaustive || selector->mode != NN_SELECT_EXHAUSTIVE);
        if (is_enough)
            status = apply(entry, &view, target, &work->plan->arena, choice);
        else if (selector->mode != NN_SELECT_WISDOM)
            status = add_task(work, key, node, &view);
    }
    nn_node_view_clear(&storage);
    return status;
}

/* ---- measuring ---- */

static nn_status record(select_work *work, select_task *task, const nn_kernel *first, double gain,
                        int raced) {
    nn_selector *selector = work->request->selector;
    char over[128], reason[256];
    nn_select_name(first, "", over, sizeof over);
    if (gain > 1)
        snprintf(reason, sizeof reason, "measured %.2fx over %s", gain, over);
    else
        snprintf(reason, sizeof reason, "measured: first of %d", raced);
    task->choice.reason = nn_arena_strdup(&work->plan->arena, reason);
    if (task->choice.reason == NULL) return nn_fail_memory(sizeof reason);
    task->is_done = true;
    return nn_wisdom_put(
        &selector->fresh,
        &(nn_wisdom_entry){
            .key = task->key,
            .kernel = task->choice.kernel->name,
            .variant = nn_select_variant(task->choice.kernel, task->choice.variant),
            .over = over,
            .gain = gain,
            .is_exhaustive = selector->mode == NN_SELECT_EXHAUSTIVE,
        });
}

static nn_status measure_view(select_work *work, select_task *task, const nn_node_view *view) {
    const nn_plan_request *request = work->request;
    const nn_kernel *first = task->choice.kernel;
    uint64_t blobs[32] = {0};
    nn_trial_node trial_node;
    double gain;
    int raced;
    for (int i = 0; i < view->in_count && i < 32; i++) {
        const nn_value *value = task->node->inputs[i];
        if (value != NULL && value->initializer != NULL) blobs[i] = value->initializer->id;
    }
    NN_TRY(nn_trial_node_init(&trial_node, view, blobs, first));
    nn_status status = nn_select_race(request->selector, &trial_node, &request->target,
                                      request->cache, request->pool, &task->choice, &gain, &raced);
    nn_trial_node_clear(&trial_node);
    if (status == NN_OK && raced > 0) status = record(work, task, first, gain, raced);
    return status;
}

static nn_status measure(select_work *work, select_task *task) {
    const nn_node *node = task->node;
    nn_view_storage storage;
    nn_node_view view;
    nn_status status = NN_OK;
    if (node->in_count > 32) return NN_OK;
    for (int i = 0; i < node->in_count && status == NN_OK; i++)
        if (nn_value_is_constant(node->inputs[i])) status = nn_value_pin(node->inputs[i]);
    if (status == NN_OK) status = nn_node_view_init(node, &storage, &view);
    if (status == NN_OK) {
        status = measure_view(work, task, &view);
        nn_node_view_clear(&storage);
    }
    for (int i = 0; i < node->in_count; i++)
        if (nn_value_is_constant(node->inputs[i])) nn_value_unpin(node->inputs[i]);
    return status;
}

static int compare_work(const void *a, const void *b) {
    const select_task *x = *(select_task *const *)a, *y = *(select_task *const *)b;
    return (x->work < y->work) - (x->work > y->work);
}

static nn_status measure_all(select_work *work) {
    nn_selector *selector = work->request->selector;
    if (work->count > 0) qsort(work->list, (size_t)work->count, sizeof *work->list, compare_work);
    for (int64_t i = 0; i < work->count && selector->budget > 0; i++) {
        const double start = nn_now();
        nn_progress("selecting kernels", (double)i, (double)work->count, NULL);
        NN_TRY(measure(work, work->list[i]));
        NN_TRY(nn_check_interrupt());
        if (selector->mode != NN_SELECT_EXHAUSTIVE) selector->budget -= nn_now() - start;
    }
    for (int64_t i = 0; i < work->plan->graph->node_count; i++)
        if (work->of_node[i] != NULL && work->of_node[i]->is_done)
            work->choices[i] = work->of_node[i]->choice;
    return NN_OK;
}

nn_status nn_plan_select_measured(nn_plan *plan, const nn_plan_request *request,
                                  nn_choice *choices) {
    const size_t size = ((size_t)plan->graph->node_count + 1) * sizeof(select_task *);
    select_work work = {.plan = plan,
                        .request = request,
                        .choices = choices,
                        .of_node = nn_arena_alloc(&plan->arena, size)};
    nn_status status = work.of_node != NULL ? NN_OK : nn_fail_memory(size);
    nn_wisdom_clear(&request->selector->fresh); /* of a plan that failed */
    for (int64_t i = 0; i < plan->graph->node_count && status == NN_OK; i++)
        if (choices[i].kernel != NULL) status = look_at(&work, plan->graph->nodes[i]);
    if (status == NN_OK) status = measure_all(&work);
    nn_name_table_clear(&work.tasks);
    nn_free(work.list);
    return status;
}
