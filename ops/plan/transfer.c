#include "ops/plan/transfer.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)attrs;
    (void)out;
    return nn_view_fail(node, NN_BAD_INPUT, "only the planner makes this operator");
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    if (node->out[0] != NULL) *node->out[0] = nn_fact_make(x->type, x->rank, x->dims);
    return NN_OK;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    (void)node;
    out->flops = 0;
}

typedef struct transfer_state {
    const nn_device_calls *calls;
} transfer_state;

static bool goes_up(const nn_node_view *node, const nn_target *target) {
    return target->device != NULL && ((const nn_transfer_attrs *)node->attrs)->to_device;
}

static bool comes_down(const nn_node_view *node, const nn_target *target) {
    return target->device != NULL && !((const nn_transfer_attrs *)node->attrs)->to_device;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *out) {
    (void)node;
    transfer_state *state = nn_prepare_state(out, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->calls = target->device->calls;
    return NN_OK;
}

static nn_status upload(const nn_call *call) {
    const transfer_state *state = call->state;
    const size_t bytes = (size_t)nn_tensor_bytes(call->in[0]);
    if (bytes == 0) return NN_OK;
    return state->calls->upload(call->queue, call->out[0]->data, call->in[0]->data, bytes);
}

static nn_status download(const nn_call *call) {
    const transfer_state *state = call->state;
    const size_t bytes = (size_t)nn_tensor_bytes(call->in[0]);
    if (bytes == 0) return NN_OK;
    return state->calls->download(call->queue, call->out[0]->data, call->in[0]->data, bytes);
}

static const nn_kernel upload_kernel = {
    .name = "upload",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .accepts = goes_up,
    .prepare = prepare,
    .run = upload,
};

static const nn_kernel download_kernel = {
    .name = "download",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .accepts = comes_down,
    .prepare = prepare,
    .run = download,
};

static const nn_kernel *const kernels[] = {&upload_kernel, &download_kernel, NULL};

const nn_op nn_op_transfer = {
    .name = "Transfer",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_transfer_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
