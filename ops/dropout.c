#include "ops/family/copy.h"
#include "ops/family/fill.h"

/* Inference only: training mode drops elements at random, which no kernel here does. */

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    NN_TRY(nn_check_types(node, 2, 2, NN_TYPES_BOOL));
    NN_TRY(nn_infer_like(node));
    return nn_set_output(node, 1, node->opset >= 10 ? NNOPT_BOOL : in->type, in->rank, in->dims);
}

static bool is_training(const nn_tensor *mode) {
    return mode != NULL && nn_tensor_count(mode) > 0 && nn_tensor_get_int(mode, 0) != 0;
}

static bool drops_nothing(const nn_tensor *ratio) {
    return ratio != NULL && nn_tensor_count(ratio) > 0 && nn_tensor_get(ratio, 0) == 0;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    if (is_training(nn_view_constant(node, 2)) && !drops_nothing(nn_view_constant(node, 1)))
        return false;
    return nn_moves_bytes(node, target);
}

static nn_status run(const nn_call *call) {
    static const float one_float = 1;
    static const uint8_t one_byte = 1;
    const nn_tensor *mode = call->in_count > 2 ? call->in[2] : NULL;
    if (is_training(mode) && !drops_nothing(call->in[1]))
        return nn_view_fail(call->node, NN_UNSUPPORTED, "training mode is not supported");
    NN_TRY(nn_copy_run(call));
    if (call->out_count < 2 || call->out[1] == NULL) return NN_OK;
    nn_tensor *mask = call->out[1];
    if (mask->type == NNOPT_BOOL) {
        nn_fill(call->pool, mask->data, &one_byte, 1, nn_tensor_count(mask));
        return NN_OK;
    }
    uint64_t one = 0;
    if (mask->type == NNOPT_DOUBLE)
        nn_store_double(mask->type, (const double[]){1}, &one, 1);
    else
        nn_store_float(mask->type, &one_float, &one, 1);
    nn_fill(call->pool, mask->data, &one, nn_element_size(mask->type), nn_tensor_count(mask));
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "dropout_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_dropout = {
    .name = "Dropout",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 2,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
