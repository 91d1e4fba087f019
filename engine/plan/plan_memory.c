#include "engine/plan/plan_parts.h"

nn_plan_tensor *nn_plan_tensor_owner(nn_plan_tensor *tensor) {
    while (tensor->owner != NULL) tensor = tensor->owner;
    return tensor;
}

static void use(nn_plan_tensor *tensor, int64_t step) {
    if (tensor == NULL) return;
    nn_plan_tensor *owner = nn_plan_tensor_owner(tensor);
    if (step < owner->first) owner->first = step;
    if (step > owner->last) owner->last = step;
}

static void find_lifetimes(nn_plan *plan) {
    for (int64_t i = 0; i < plan->tensor_count; i++) {
        plan->tensors[i]->first = INT64_MAX;
        plan->tensors[i]->last = -1;
    }
    for (int64_t s = 0; s < plan->step_count; s++) {
        nn_step *step = &plan->steps[s];
        for (int i = 0; i < step->view.in_count; i++) use(step->in[i], s);
        for (int i = 0; i < step->view.out_count; i++) use(step->out[i], s);
    }
    for (int64_t i = 0; i < plan->graph->output_count; i++) use(plan->outputs[i], plan->step_count);
}

static nn_status find_input_views(nn_plan *plan) {
    size_t size = ((size_t)plan->tensor_count + 1) * sizeof *plan->input_views;
    plan->input_views = nn_arena_alloc(&plan->arena, size);
    if (plan->input_views == NULL) return nn_fail_memory(size);
    for (int64_t i = 0; i < plan->tensor_count; i++) {
        nn_plan_tensor *tensor = plan->tensors[i];
        if (tensor->owner != NULL && tensor->place == NN_PLACE_INPUT) {
            plan->input_views[plan->input_view_count++] = tensor;
        }
    }
    return NN_OK;
}

/* ---- in place ---- */

static bool is_only_input(const nn_step *step, int index, const nn_plan_tensor *owner) {
    for (int i = 0; i < step->view.in_count; i++) {
        if (i != index && step->in[i] != NULL && nn_plan_tensor_owner(step->in[i]) == owner) {
            return false;
        }
    }
    return true;
}

/* Lets output 0 take the memory of an input that nobody reads later. */
static void run_in_place(nn_step *step, int64_t index) {
    nn_plan_tensor *out = step->view.out_count > 0 ? step->out[0] : NULL;
    if (out == NULL || out->owner != NULL) return;
    for (int i = 0; i < step->view.in_count && i < 32; i++) {
        if ((step->kernel->in_place >> i & 1) == 0 || step->in[i] == NULL) continue;
        nn_plan_tensor *in = step->in[i], *owner = nn_plan_tensor_owner(in);
        if (owner->place != NN_PLACE_SLAB || owner->last != index) continue;
        if (in->tensor.type != out->tensor.type || in->memory != out->memory) continue;
        if (nn_tensor_count(&in->tensor) != nn_tensor_count(&out->tensor)) continue;
        if (!is_only_input(step, i, owner) || nn_plan_tensor_pitch(in) > 0) continue;
        out->owner = in;
        if (out->last > owner->last) owner->last = out->last;
        return;
    }
}

/* ---- offsets ---- */

static nn_memory memory_of(const nn_step *step) {
    return step->kernel->on_device ? NN_MEMORY_DEVICE : NN_MEMORY_HOST;
}

static int64_t add_block(nn_plan_slab *slab, nn_memory_block block) {
    slab->blocks[slab->count] = block;
    return slab->count++;
}

static nn_status collect_blocks(nn_plan *plan) {
    size_t size = (size_t)(plan->tensor_count + plan->step_count) * sizeof(nn_memory_block);
    if (size == 0) return NN_OK;
    for (int m = 0; m < NN_MEMORIES; m++) {
        if (m == NN_MEMORY_DEVICE && plan->target.device == NULL) continue;
        plan->slabs[m].blocks = nn_arena_alloc(&plan->arena, size);
        if (plan->slabs[m].blocks == NULL) return nn_fail_memory(size);
    }
    for (int64_t i = 0; i < plan->tensor_count; i++) {
        nn_plan_tensor *tensor = plan->tensors[i];
        if (tensor->owner != NULL || tensor->place != NN_PLACE_SLAB) continue;
        nn_memory_block block = {.bytes = nn_tensor_bytes(&tensor->tensor),
                                 .first = tensor->first,
                                 .last = tensor->last};
        tensor->block = add_block(&plan->slabs[tensor->memory], block);
    }
    for (int64_t s = 0; s < plan->step_count; s++) {
        nn_step *step = &plan->steps[s];
        if (step->workspace_bytes == 0) continue;
        nn_memory_block block = {.bytes = step->workspace_bytes, .first = s, .last = s};
        step->workspace_block = add_block(&plan->slabs[memory_of(step)], block);
    }
    return NN_OK;
}

nn_status nn_plan_place_tensors(nn_plan *plan) {
    NN_TRY(find_input_views(plan));
    find_lifetimes(plan);
    for (int64_t s = 0; s < plan->step_count; s++) run_in_place(&plan->steps[s], s);
    NN_TRY(collect_blocks(plan));
    for (int m = 0; m < NN_MEMORIES; m++) {
        nn_plan_slab *slab = &plan->slabs[m];
        NN_TRY(nn_memory_plan(slab->blocks, slab->count, &slab->bytes));
        for (int64_t s = 0; s < plan->step_count; s++)
            plan->steps[s].live_bytes += nn_memory_live(slab->blocks, slab->count, s);
    }
    return NN_OK;
}

/* ---- binding ---- */

static bool is_bound(const nn_plan *plan, const nn_plan_memory *memory) {
    for (int m = 0; m < NN_MEMORIES; m++)
        if (plan->slabs[m].base != memory->slabs[m]) return false;
    return plan->queue == memory->queue;
}

void nn_plan_bind(nn_plan *plan, const nn_plan_memory *memory) {
    if (is_bound(plan, memory)) return;
    if (plan->groups != NULL) nn_plan_bind_groups(plan, memory);
    for (int64_t i = 0; i < plan->tensor_count; i++) {
        nn_plan_tensor *tensor = plan->tensors[i], *owner = nn_plan_tensor_owner(tensor);
        if (owner->place != NN_PLACE_SLAB) continue;
        int64_t offset = plan->slabs[owner->memory].blocks[owner->block].offset;
        for (const nn_plan_tensor *part = tensor; part != owner; part = part->owner)
            offset += part->offset;
        tensor->tensor.data = (char *)memory->slabs[owner->memory] + offset;
    }
    for (int64_t s = 0; s < plan->step_count; s++) {
        nn_step *step = &plan->steps[s];
        const nn_memory m = memory_of(step);
        step->call.queue = memory->queue;
        if (step->workspace_bytes == 0) continue;
        step->call.workspace =
            (char *)memory->slabs[m] + plan->slabs[m].blocks[step->workspace_block].offset;
    }
    for (int m = 0; m < NN_MEMORIES; m++) plan->slabs[m].base = memory->slabs[m];
    plan->queue = memory->queue;
    nn_plan_forget_recordings(plan);
}
