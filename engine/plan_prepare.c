#include "engine/plan_parts.h"

/* The constant of the model that a step reads there, or NULL. */
static nn_plan_tensor *constant_at(const nn_step *step, int index) {
    if (step->in[index] == NULL) return NULL;
    nn_plan_tensor *owner = nn_plan_tensor_owner(step->in[index]);
    return owner->value != NULL ? owner : NULL;
}

static nn_status call_prepare(nn_plan *plan, const nn_plan_request *request, nn_step *step,
                              uint32_t *packed_inputs) {
    int in_count = step->view.in_count;
    uint64_t *blobs = nn_arena_alloc(&plan->arena, ((size_t)in_count + 1) * sizeof *blobs);
    if (blobs == NULL) return nn_fail_memory(((size_t)in_count + 1) * sizeof *blobs);
    for (int i = 0; i < in_count; i++) {
        const nn_plan_tensor *constant = constant_at(step, i);
        if (constant != NULL && constant->value->initializer != NULL) {
            blobs[i] = constant->value->initializer->id;
        }
    }
    nn_prepare prepare = {.node = &step->view,
                          .arena = &plan->arena,
                          .layout = step->call.layout,
                          .weights = &plan->weights,
                          .blobs = blobs,
                          .variant = step->variant};
    NN_TRY(step->kernel->prepare(&step->view, &request->target, &prepare));
    if (prepare.workspace_bytes > INT64_MAX / 2) return nn_fail_memory(prepare.workspace_bytes);
    step->call.state = prepare.state;
    step->workspace_bytes = (int64_t)prepare.workspace_bytes;
    step->packed_bytes = prepare.packed_bytes;
    step->settled = nn_arena_strdup(&plan->arena, prepare.description);
    if (step->settled == NULL) return nn_fail_memory(sizeof prepare.description);
    *packed_inputs = prepare.packed_inputs;
    return NN_OK;
}

/* Constants stay in memory, aligned, while a kernel prepares, and longer only when run reads them.
 */
static nn_status prepare_step(nn_plan *plan, const nn_plan_request *request, nn_step *step) {
    for (int i = 0; i < step->view.in_count; i++) {
        nn_plan_tensor *constant = constant_at(step, i);
        if (constant != NULL) NN_TRY(nn_value_pin(constant->value));
    }
    uint32_t packed_inputs = 0;
    if (step->kernel->prepare != NULL) {
        NN_TRY(call_prepare(plan, request, step, &packed_inputs));
    }
    for (int i = 0; i < step->view.in_count; i++) {
        nn_plan_tensor *constant = constant_at(step, i);
        if (constant == NULL) continue;
        bool is_packed = i < 32 && (packed_inputs >> i & 1) != 0;
        if (!is_packed) constant->is_read = true;
    }
    for (int i = 0; i < step->view.in_count; i++) {
        nn_plan_tensor *constant = constant_at(step, i);
        if (constant == NULL || constant->is_read) continue;
        nn_value_unpin(constant->value);
        if (constant->value->initializer != NULL) {
            nn_blob_drop_pages(constant->value->initializer);
        }
    }
    return NN_OK;
}

nn_status nn_plan_prepare_steps(nn_plan *plan, const nn_plan_request *request) {
    nn_status status = NN_OK;
    for (int64_t s = 0; s < plan->step_count && status == NN_OK; s++)
        status = prepare_step(plan, request, &plan->steps[s]);
    nn_blob_drop_spare();
    NN_TRY(status);
    /* addresses last: a pin moves a constant */
    for (int64_t i = 0; i < plan->tensor_count; i++) {
        nn_plan_tensor *tensor = plan->tensors[i], *owner = nn_plan_tensor_owner(tensor);
        if (owner->value != NULL && owner->is_read) {
            tensor->tensor.data = owner->value->fact.constant->data;
        }
    }
    return NN_OK;
}
