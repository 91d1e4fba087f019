/* Plans of a batch whose samples keep apart: a plan for a group of them that fits into the caches
 * runs once for each group, and with several threads each runs groups of its own. */
#include "base/cpu.h"
#include "base/integers.h"
#include "engine/plan/batch_axis.h"
#include "engine/plan/plan_parts.h"
#include "engine/run/dynamic.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    /* What the largest node of a group reads and writes, before fusion: maps stay in the last
     * cache, and a good part of them in L2. */
    GROUP_BYTES = 80 << 20,
    /* Each group reads all constants again: of what its samples move, a part that is made as small
     * as this while groups fit, and must be as small as that. */
    WANTED_PART = 16,
    MOST_PART = 4,
};

/* ---- how many samples ---- */

static double group_bytes(void) {
    const double half = (double)nn_cpu_get()->l3_bytes / 2;
    return half > 0 && half < GROUP_BYTES ? half : GROUP_BYTES;
}

/* The samples of a group, or 0: few, such that threads have as many groups each. */
static int64_t group_size(const nn_batch_axis *axis, int threads) {
    const int64_t samples = axis->samples;
    const double most = group_bytes() / axis->sample_bytes;
    int64_t best = 0;
    if (threads == 1 && (double)samples <= most) return 0;
    for (int64_t size = 1; size <= samples / 2 && (double)size <= most; size++) {
        const double moved = axis->moved_bytes * (double)size;
        if (samples % size != 0 || samples / size % threads != 0) continue;
        if (axis->constant_bytes * MOST_PART <= moved) best = size;
        if (axis->constant_bytes * WANTED_PART <= moved) break;
    }
    return best;
}

/* Does the model mean the same by a batch of this size? Constants of the graph may say otherwise.
 */
static nn_status check_part(const nn_plan *plan, const nn_plan_request *request,
                            const nn_tensor *inputs, int64_t size, bool *out) {
    nn_plan part = {0};
    *out = false;
    nn_status status = nn_plan_make_graph(&part, request, inputs);
    if (status == NN_OK)
        *out = part.dynamic == NULL && nn_batch_axis_is_part(plan->graph, part.graph, size);
    nn_covers_clear(&part.covers);
    nn_dynamic_destroy(part.dynamic);
    nn_graph_destroy(part.graph);
    nn_arena_clear(&part.arena);
    return status == NN_NO_MEMORY ? status : NN_OK;
}

/* ---- making ---- */

static nn_status make_inputs(nn_plan *plan, const nn_tensor *inputs, int64_t size,
                             nn_tensor **out) {
    const int64_t count = plan->graph->input_count;
    nn_tensor *made = nn_arena_alloc(&plan->arena, ((size_t)count + 1) * sizeof *made);
    if (made == NULL) return nn_fail_memory((size_t)count * sizeof *made);
    for (int64_t i = 0; i < count; i++) {
        made[i] = inputs[i];
        made[i].dims[0] = size;
    }
    *out = made;
    return NN_OK;
}

/* The results of a whole run lie behind the memory of the groups. */
static nn_status make_results(nn_plan *plan, nn_plan_groups *groups, int64_t *bytes) {
    const int64_t count = plan->graph->output_count;
    groups->results = nn_arena_alloc(&plan->arena, ((size_t)count + 1) * sizeof(nn_tensor));
    groups->offsets = nn_arena_alloc(&plan->arena, ((size_t)count + 1) * sizeof(int64_t));
    if (groups->results == NULL || groups->offsets == NULL)
        return nn_fail_memory((size_t)count * sizeof(nn_tensor));
    for (int64_t i = 0; i < count; i++) {
        const nn_fact *fact = &plan->graph->outputs[i]->fact;
        nn_tensor *result = &groups->results[i];
        *result = (nn_tensor){.type = fact->type, .rank = fact->rank};
        memcpy(result->dims, fact->dims, (size_t)fact->rank * sizeof *fact->dims);
        groups->offsets[i] = *bytes;
        const int64_t size = nn_tensor_bytes(result);
        if (size > INT64_MAX - NN_ALIGNMENT ||
            !nn_add_size(*bytes, (int64_t)nn_aligned((size_t)size), bytes))
            return nn_fail(NN_NO_MEMORY, "out of memory: the outputs exceed 2^63 bytes");
    }
    return NN_OK;
}

static nn_status make_groups(nn_plan *plan, const nn_plan_request *request, const nn_tensor *inputs,
                             int64_t size) {
    const int64_t all = inputs[0].dims[0];
    const int threads = request->target.threads;
    nn_plan_groups *groups = nn_arena_alloc(&plan->arena, sizeof *groups);
    nn_plan_request own = *request;
    int64_t bytes = 0;
    if (groups == NULL) return nn_fail_memory(sizeof *groups);
    groups->plans = nn_arena_alloc(&plan->arena, (size_t)threads * sizeof *groups->plans);
    groups->inputs = nn_arena_alloc(&plan->arena, (size_t)threads * sizeof *groups->inputs);
    if (groups->plans == NULL || groups->inputs == NULL)
        return nn_fail_memory((size_t)threads * sizeof *groups->plans);
    groups->count = all / size;
    groups->plan_count = threads;
    plan->groups = groups;
    own.in_groups = false;
    own.pool = NULL; /* each runs on one thread */
    own.target.threads = 1;
    for (int i = 0; i < threads; i++) {
        NN_TRY(make_inputs(plan, inputs, size, &groups->inputs[i]));
        NN_TRY(nn_plan_create(&own, groups->inputs[i], &groups->plans[i]));
        const int64_t slab = groups->plans[i]->slabs[NN_MEMORY_HOST].bytes;
        if (slab > INT64_MAX - NN_ALIGNMENT ||
            !nn_add_size(bytes, (int64_t)nn_aligned((size_t)slab), &bytes))
            return nn_fail(NN_NO_MEMORY, "out of memory: the groups exceed 2^63 bytes");
    }
    NN_TRY(make_results(plan, groups, &bytes));
    plan->slabs[NN_MEMORY_HOST].bytes = bytes;
    groups->pool = request->pool;
    return NN_OK;
}

nn_status nn_plan_make_groups(nn_plan *plan, const nn_plan_request *request,
                              const nn_tensor *inputs) {
    const nn_target *target = &request->target;
    if (!request->in_groups || request->reference_only || request->selector != NULL ||
        target->device != NULL || target->deterministic || plan->dynamic != NULL)
        return NN_OK;
    nn_batch_axis axis;
    bool is_part;
    NN_TRY(nn_batch_axis_find(plan->graph, target->precision == NN_PRECISION_BF16 ? 2 : 4, &axis));
    const int64_t size = axis.samples > 1 ? group_size(&axis, target->threads) : 0;
    if (size == 0) return NN_OK;
    nn_tensor *part_inputs;
    NN_TRY(make_inputs(plan, inputs, size, &part_inputs));
    NN_TRY(check_part(plan, request, part_inputs, size, &is_part));
    return is_part ? make_groups(plan, request, inputs, size) : NN_OK;
}

void nn_plan_destroy_groups(nn_plan *plan) {
    for (int i = 0; plan->groups != NULL && i < plan->groups->plan_count; i++)
        nn_plan_destroy(plan->groups->plans[i]);
    plan->groups = NULL;
}

/* ---- running ---- */

void nn_plan_bind_groups(nn_plan *plan, const nn_plan_memory *memory) {
    nn_plan_groups *groups = plan->groups;
    char *base = memory->slabs[NN_MEMORY_HOST];
    int64_t offset = 0;
    for (int i = 0; i < groups->plan_count; i++) {
        nn_plan *part = groups->plans[i];
        nn_plan_bind(part, &(nn_plan_memory){.slabs = {[NN_MEMORY_HOST] = base + offset}});
        offset += (int64_t)nn_aligned((size_t)part->slabs[NN_MEMORY_HOST].bytes);
    }
    for (int64_t i = 0; i < plan->graph->output_count; i++)
        groups->results[i].data = base + groups->offsets[i];
}

typedef struct group_job {
    nn_plan *plan;
    const nn_tensor *inputs;
    nn_step_hook hook;
    void *user;
    /* The hook sees one thread's groups: of the one that takes the first, for the caller may come
     * too late to take any. */
    atomic_int watched;
    pthread_mutex_t lock;
    nn_status status; /* of the first that failed, with its message */
    char message[1024];
} group_job;

static void fail_group(group_job *job, nn_status status) {
    pthread_mutex_lock(&job->lock);
    if (job->status == NN_OK) {
        job->status = status;
        snprintf(job->message, sizeof job->message, "%s", nnopt_last_error());
    }
    pthread_mutex_unlock(&job->lock);
}

/* Group `index` of a whole tensor. */
static char *group_of(const nn_plan_groups *groups, const nn_tensor *whole, int64_t index) {
    return (char *)whole->data + nn_tensor_bytes(whole) / groups->count * index;
}

/* The steps of a group have the hook of a whole run. */
static void call_hook(void *user, const nn_plan *part, int64_t step, bool begin) {
    const group_job *job = user;
    (void)part;
    job->hook(job->user, job->plan, step, begin);
}

static void run_groups(void *argument, int64_t begin, int64_t end, int worker) {
    group_job *job = argument;
    const nn_plan_groups *groups = job->plan->groups;
    nn_plan *part = groups->plans[worker];
    nn_tensor *inputs = groups->inputs[worker];
    for (int64_t g = begin; g < end; g++) {
        if (g == 0) atomic_store_explicit(&job->watched, worker, memory_order_relaxed);
        const bool is_watched = job->hook != NULL &&
                                atomic_load_explicit(&job->watched, memory_order_relaxed) == worker;
        for (int64_t i = 0; i < job->plan->graph->input_count; i++)
            inputs[i].data = group_of(groups, &job->inputs[i], g);
        nn_status status = nn_plan_run(part, inputs, is_watched ? call_hook : NULL, job);
        if (status != NN_OK) {
            fail_group(job, status);
            return;
        }
        for (int64_t i = 0; i < job->plan->graph->output_count; i++) {
            const nn_tensor *output = nn_plan_output(part, i);
            const size_t bytes = (size_t)nn_tensor_bytes(output);
            if (bytes > 0) memcpy(group_of(groups, &groups->results[i], g), output->data, bytes);
        }
    }
}

nn_status nn_plan_run_groups(nn_plan *plan, const nn_tensor *inputs, nn_step_hook hook,
                             void *user) {
    group_job job = {.plan = plan,
                     .inputs = inputs,
                     .hook = hook,
                     .user = user,
                     .watched = -1,
                     .lock = PTHREAD_MUTEX_INITIALIZER};
    nn_parallel(plan->groups->pool, plan->groups->count, 1, run_groups, &job);
    return job.status == NN_OK ? NN_OK : nn_fail(job.status, "%s", job.message);
}
