#include "engine/run/executor.h"

#include "engine/run/shape_key.h"

/* Plans that are kept. */
enum { MOST_PLANS = 32 };

struct nn_executor_plan {
    nn_shape_key key;
    nn_plan *plan;
    uint64_t last_use;
    bool is_borrowed;
};

static void destroy_plan(nn_executor_plan *entry) {
    nn_plan_destroy(entry->plan);
    nn_shape_key_clear(&entry->key);
}

void nn_executor_clear(nn_executor *executor) {
    for (int64_t i = 0; i < executor->plan_count; i++) destroy_plan(&executor->plans[i]);
    nn_free(executor->plans);
    nn_free(executor->slab);
    executor->plans = NULL;
    executor->slab = NULL;
    executor->plan_count = executor->plan_capacity = executor->slab_bytes = 0;
}

static int64_t find_plan(const nn_executor *executor, const nn_tensor *inputs, size_t input_count) {
    int64_t current = executor->current;
    if (current < executor->plan_count &&
        nn_shape_key_matches(&executor->plans[current].key, inputs, input_count)) {
        return current;
    }
    for (int64_t i = 0; i < executor->plan_count; i++) {
        if (nn_shape_key_matches(&executor->plans[i].key, inputs, input_count)) return i;
    }
    return -1;
}

bool nn_executor_has(const nn_executor *executor, const nn_tensor *inputs, size_t input_count) {
    return find_plan(executor, inputs, input_count) >= 0;
}

static nn_status grow_slab(nn_executor *executor, int64_t bytes) {
    if (bytes <= executor->slab_bytes) return NN_OK;
    char *slab = nn_alloc((size_t)bytes);
    if (slab == NULL) return nn_fail_memory((size_t)bytes);
    nn_free(executor->slab);
    executor->slab = slab;
    executor->slab_bytes = bytes;
    return NN_OK;
}

/* Makes room for one more plan. */
static void drop_oldest_plan(nn_executor *executor) {
    int64_t oldest = -1;
    if (executor->plan_count < MOST_PLANS) return;
    for (int64_t i = 0; i < executor->plan_count; i++) {
        const nn_executor_plan *entry = &executor->plans[i];
        if (entry->is_borrowed) continue;
        if (oldest < 0 || entry->last_use < executor->plans[oldest].last_use) oldest = i;
    }
    if (oldest < 0) return;
    destroy_plan(&executor->plans[oldest]);
    executor->plans[oldest] = executor->plans[--executor->plan_count];
    executor->current = INT64_MAX;
}

static nn_status add_plan(nn_executor *executor, const nn_tensor *inputs, size_t input_count,
                          int64_t *out) {
    nn_executor_plan made = {0};
    nn_status status = NN_OK;
    drop_oldest_plan(executor);
    if (!NN_GROW(executor->plans, executor->plan_count, executor->plan_capacity)) {
        return nn_fail_memory(sizeof *executor->plans);
    }
    NN_TRY_DONE(nn_shape_key_init(&made.key, inputs, input_count));
    NN_TRY_DONE(nn_plan_create(&executor->request, inputs, &made.plan));
    NN_TRY_DONE(grow_slab(executor, made.plan->slab_bytes));
done:
    if (status != NN_OK) {
        destroy_plan(&made);
        return status;
    }
    *out = executor->plan_count;
    executor->plans[executor->plan_count++] = made;
    return NN_OK;
}

nn_status nn_executor_select(nn_executor *executor, const nn_tensor *inputs, size_t input_count,
                             bool borrow, nn_plan **out) {
    int64_t found = find_plan(executor, inputs, input_count);
    if (found < 0) NN_TRY(add_plan(executor, inputs, input_count, &found));
    nn_executor_plan *entry = &executor->plans[found];
    executor->current = found;
    entry->last_use = ++executor->uses;
    entry->is_borrowed |= borrow;
    *out = entry->plan;
    return NN_OK;
}

nn_plan *nn_executor_current(const nn_executor *executor) {
    bool is_there = executor->uses > 0 && executor->current < executor->plan_count;
    return is_there ? executor->plans[executor->current].plan : NULL;
}

nn_status nn_executor_run(nn_executor *executor, const nn_tensor *inputs, nn_step_hook hook,
                          void *user) {
    nn_plan *plan = nn_executor_current(executor);
    nn_plan_bind(plan, executor->slab);
    return nn_plan_run(plan, inputs, hook, user);
}
