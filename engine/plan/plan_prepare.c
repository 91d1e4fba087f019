#include "engine/plan/plan_parts.h"

#include <stdio.h>

/* The constant of the model that a step reads there, or NULL. */
static nn_plan_tensor *constant_at(const nn_step *step, int index) {
    if (step->in[index] == NULL) return NULL;
    nn_plan_tensor *owner = nn_plan_tensor_owner(step->in[index]);
    return owner->value != NULL ? owner : NULL;
}

static nn_status call_prepare(nn_plan_worker *worker, const nn_plan_request *request, nn_step *step,
                              uint32_t *packed_inputs) {
    const size_t count = (size_t)step->view.in_count + 1;
    uint64_t *blobs = nn_arena_alloc(&worker->arena, count * sizeof *blobs);
    const nn_blob **constants = nn_arena_alloc(&worker->arena, count * sizeof *constants);
    if (blobs == NULL || constants == NULL) return nn_fail_memory(2 * count * sizeof *blobs);
    for (int i = 0; i < step->view.in_count; i++) {
        const nn_plan_tensor *constant = constant_at(step, i);
        if (constant != NULL && constant->value->initializer != NULL) {
            constants[i] = constant->value->initializer;
            blobs[i] = constants[i]->id;
        }
    }
    nn_prepare prepare = {.node = &step->view,
                          .arena = &worker->arena,
                          .layout = step->call.layout,
                          .device = step->kernel->on_device ? request->target.device : NULL,
                          .weights = &worker->weights,
                          .blobs = blobs,
                          .constants = constants,
                          .room = &worker->room,
                          .variant = step->variant};
    NN_TRY(step->kernel->prepare(&step->view, &request->target, &prepare));
    if (prepare.workspace_bytes > INT64_MAX / 2) return nn_fail_memory(prepare.workspace_bytes);
    step->call.state = prepare.state;
    step->workspace_bytes = (int64_t)prepare.workspace_bytes;
    step->packed_bytes = prepare.packed_bytes;
    step->largest = prepare.largest;
    step->largest_bytes = prepare.largest_bytes;
    step->settled = nn_arena_strdup(&worker->arena, prepare.description);
    if (step->settled == NULL) return nn_fail_memory(sizeof prepare.description);
    *packed_inputs = prepare.packed_inputs;
    return NN_OK;
}

/* Does a step read the host's constant in run? */
static bool is_read_on_host(const nn_plan_tensor *constant) {
    return constant->memory == NN_MEMORY_HOST ? constant->is_read : constant->on_host->is_read;
}

/* Constants that the kernel does not read in pieces are in memory, aligned, while it prepares;
 * those that run reads stay. */
static nn_status prepare_step(nn_plan_worker *worker, const nn_plan_request *request,
                              nn_step *step) {
    for (int i = 0; i < step->view.in_count; i++) {
        nn_plan_tensor *constant = constant_at(step, i);
        if (constant == NULL || nn_has_bit(step->kernel->reads_pieces, i)) continue;
        NN_TRY(nn_value_pin(constant->value));
    }
    uint32_t packed_inputs = 0;
    if (step->kernel->prepare != NULL) {
        NN_TRY(call_prepare(worker, request, step, &packed_inputs));
    }
    for (int i = 0; i < step->view.in_count; i++) {
        nn_plan_tensor *constant = constant_at(step, i);
        if (constant == NULL || nn_has_bit(packed_inputs, i)) continue;
        NN_TRY(nn_value_pin(constant->value));
        constant->is_read = true;
    }
    for (int i = 0; i < step->view.in_count; i++) {
        nn_plan_tensor *constant = constant_at(step, i);
        if (constant == NULL || is_read_on_host(constant)) continue;
        nn_value_unpin(constant->value);
        if (constant->value->initializer != NULL) {
            nn_blob_drop_pages(constant->value->initializer);
        }
    }
    return NN_OK;
}

/* ---- all steps ---- */

/* Constants beyond this many bytes are packed on all threads of the session. */
enum { SPREAD_BYTES = 1 << 20 };

typedef struct prepare_job {
    nn_plan *plan;
    const nn_plan_request *request;
    int64_t *alone; /* steps whose constants nobody else reads: they may be prepared at once */
    int64_t alone_count;
    int64_t *others;
    int64_t other_count;
    int64_t constant_bytes;
    pthread_mutex_t lock;
    nn_status status; /* of the first that failed, with its message */
    char message[1024];
} prepare_job;

static void fail(prepare_job *job, nn_status status) {
    pthread_mutex_lock(&job->lock);
    if (job->status == NN_OK) {
        job->status = status;
        snprintf(job->message, sizeof job->message, "%s", nnopt_last_error());
    }
    pthread_mutex_unlock(&job->lock);
}

static void prepare_some(void *argument, int64_t begin, int64_t end, int worker) {
    prepare_job *job = argument;
    nn_status status = NN_OK;
    for (int64_t i = begin; i < end && status == NN_OK; i++)
        status = prepare_step(&job->plan->workers[worker], job->request,
                              &job->plan->steps[job->alone[i]]);
    if (status != NN_OK) fail(job, status);
}

static void sort_steps(prepare_job *job) {
    nn_plan *plan = job->plan;
    for (int64_t s = 0; s < plan->step_count; s++)
        for (int i = 0; i < plan->steps[s].view.in_count; i++) {
            nn_plan_tensor *constant = constant_at(&plan->steps[s], i);
            if (constant == NULL) continue;
            if (constant->readers++ == 0)
                job->constant_bytes += nn_fact_bytes(&constant->value->fact);
        }
    for (int64_t s = 0; s < plan->step_count; s++) {
        bool is_alone = true;
        for (int i = 0; i < plan->steps[s].view.in_count; i++) {
            const nn_plan_tensor *constant = constant_at(&plan->steps[s], i);
            if (constant != NULL && constant->readers > 1) is_alone = false;
        }
        /* a constant may have tensors on both sides, and kernels of a device time themselves */
        if (plan->target.device != NULL) is_alone = false;
        if (is_alone)
            job->alone[job->alone_count++] = s;
        else
            job->others[job->other_count++] = s;
    }
}

static nn_status prepare_all(prepare_job *job) {
    nn_plan *plan = job->plan;
    const int threads = plan->target.threads;
    sort_steps(job);
    const bool spreads = threads > 1 && job->constant_bytes > SPREAD_BYTES;
    nn_parallel(spreads ? job->request->pool : NULL, job->alone_count, 1, prepare_some, job);
    for (int64_t i = 0; i < job->other_count && job->status == NN_OK; i++) {
        nn_status status =
            prepare_step(&plan->workers[0], job->request, &plan->steps[job->others[i]]);
        if (status != NN_OK) fail(job, status);
    }
    if (job->status != NN_OK) return nn_fail(job->status, "%s", job->message);
    for (int i = 0; i < threads; i++)
        NN_TRY(nn_weight_list_take(&plan->weights, &plan->workers[i].weights));
    return NN_OK;
}

static nn_status prepare_steps(nn_plan *plan, const nn_plan_request *request) {
    const size_t count = (size_t)plan->step_count + 1;
    const size_t bytes = (size_t)plan->target.threads * sizeof *plan->workers;
    prepare_job job = {.plan = plan,
                       .request = request,
                       .alone = nn_arena_alloc(&plan->arena, count * sizeof *job.alone),
                       .others = nn_arena_alloc(&plan->arena, count * sizeof *job.others)};
    plan->workers = nn_arena_alloc(&plan->arena, bytes);
    if (job.alone == NULL || job.others == NULL || plan->workers == NULL)
        return nn_fail_memory(bytes + 2 * count * sizeof *job.alone);
    for (int i = 0; i < plan->target.threads; i++) plan->workers[i].weights.cache = request->cache;
    pthread_mutex_init(&job.lock, NULL);
    nn_status status = prepare_all(&job);
    pthread_mutex_destroy(&job.lock);
    for (int i = 0; i < plan->target.threads; i++) nn_prepare_room_clear(&plan->workers[i].room);
    nn_blob_drop_spares();
    return status;
}

/* Tells each step which packed constants are read after it. */
static void announce_upcoming(nn_plan *plan) {
    const nn_step *next = NULL;
    for (int64_t s = plan->step_count - 1; s >= 0; s--) {
        nn_step *step = &plan->steps[s];
        if (next != NULL) {
            step->call.upcoming = next->largest;
            step->call.upcoming_bytes = next->largest_bytes;
        }
        if (step->largest_bytes > 0) next = step;
    }
}

static nn_status fill_constant(const void *argument, void *out) {
    const nn_tensor *constant = argument;
    const size_t bytes = (size_t)nn_tensor_bytes(constant);
    if (bytes > 0) memcpy(out, constant->data, bytes);
    return NN_OK;
}

static nn_status copy_to_device(nn_plan *plan, nn_plan_tensor *owner) {
    nn_value *value = owner->value;
    NN_TRY(nn_value_pin(value));
    uint64_t id = value->initializer != NULL ? value->initializer->id : nn_weight_new_id();
    nn_weight_key key = {.device = plan->target.device,
                         .blobs = &id,
                         .blob_count = 1,
                         .variant = "copy",
                         .bytes = (size_t)nn_tensor_bytes(value->fact.constant)};
    const nn_weight *weight;
    NN_TRY(nn_weight_list_get(&plan->weights, &key, fill_constant, value->fact.constant, &weight));
    owner->tensor.data = weight->data;
    if (!is_read_on_host(owner)) nn_value_unpin(value);
    return NN_OK;
}

/* Where the constants lie that steps read; last, for a pin moves a constant. */
static nn_status place_constants(nn_plan *plan) {
    for (int64_t i = 0; i < plan->tensor_count; i++) {
        nn_plan_tensor *tensor = plan->tensors[i];
        if (tensor->owner != NULL || tensor->value == NULL || !tensor->is_read) continue;
        if (tensor->memory == NN_MEMORY_DEVICE)
            NN_TRY(copy_to_device(plan, tensor));
        else
            tensor->tensor.data = tensor->value->fact.constant->data;
    }
    for (int64_t i = 0; i < plan->tensor_count; i++) {
        nn_plan_tensor *tensor = plan->tensors[i], *owner = nn_plan_tensor_owner(tensor);
        if (owner->place == NN_PLACE_CONSTANT) tensor->tensor.data = owner->tensor.data;
    }
    return NN_OK;
}

nn_status nn_plan_prepare_steps(nn_plan *plan, const nn_plan_request *request) {
    NN_TRY(prepare_steps(plan, request));
    announce_upcoming(plan);
    return place_constants(plan);
}
