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

/* A slab that is no small part of a large page takes whole ones: kernels read many rows of a tensor
 * at a time, and find them faster where few pages hold them. */
static size_t slab_bytes(int64_t bytes) {
    enum { LARGE_PAGE = 2 << 20 };
    if (bytes < LARGE_PAGE / 4 || bytes > INT64_MAX - LARGE_PAGE) return (size_t)bytes;
    return ((size_t)bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
}

/* What lies in the host's memory beside a device is where copies run at full speed. */
static nn_status take_memory(nn_device *device, nn_memory memory, int64_t bytes, void **out) {
    if (device == NULL) {
        *out = nn_alloc(slab_bytes(bytes));
        return *out != NULL ? NN_OK : nn_fail_memory((size_t)bytes);
    }
    return memory == NN_MEMORY_DEVICE ? device->calls->allocate(device, (size_t)bytes, out)
                                      : device->calls->allocate_host(device, (size_t)bytes, out);
}

static void give_memory(nn_device *device, nn_memory memory, void *slab) {
    if (device == NULL)
        nn_free(slab);
    else if (memory == NN_MEMORY_DEVICE)
        device->calls->release(device, slab);
    else
        device->calls->release_host(device, slab);
}

void nn_executor_clear(nn_executor *executor) {
    nn_device *device = executor->request.target.device;
    for (int64_t i = 0; i < executor->plan_count; i++) destroy_plan(&executor->plans[i]);
    nn_free(executor->plans);
    for (int m = 0; m < NN_MEMORIES; m++) give_memory(device, m, executor->memory.slabs[m]);
    if (device != NULL) device->calls->destroy_queue(executor->memory.queue);
    const nn_plan_request request = executor->request;
    *executor = (nn_executor){.request = request};
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

static nn_status grow_slab(nn_executor *executor, nn_memory memory, int64_t bytes) {
    nn_device *device = executor->request.target.device;
    void *slab;
    if (bytes <= executor->bytes[memory]) return NN_OK;
    NN_TRY(take_memory(device, memory, bytes, &slab));
    give_memory(device, memory, executor->memory.slabs[memory]);
    executor->memory.slabs[memory] = slab;
    executor->bytes[memory] = bytes;
    return NN_OK;
}

static nn_status grow(nn_executor *executor, const nn_plan *plan) {
    nn_device *device = executor->request.target.device;
    if (device != NULL && executor->memory.queue == NULL)
        NN_TRY(device->calls->create_queue(device, &executor->memory.queue));
    for (int m = 0; m < NN_MEMORIES; m++) NN_TRY(grow_slab(executor, m, plan->slabs[m].bytes));
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
    NN_TRY_DONE(grow(executor, made.plan));
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
    nn_plan_bind(plan, &executor->memory);
    return nn_plan_run(plan, inputs, hook, user);
}
