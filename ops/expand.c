#include "ops/family/copy.h"
#include "ops/grad.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    nn_list shape;
    int64_t wanted[NN_MAX_RANK], dims[NN_MAX_RANK];
    int rank;
    NN_TRY(nn_list_input(node, 1, NN_MAX_RANK, &shape));
    if (in->rank < 0 || shape.count < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    for (int i = 0; i < shape.count; i++) {
        wanted[i] = NN_DIM_UNKNOWN;
        if (i < nn_elements_count(node->in[1]))
            wanted[i] = nn_dim_of_element(nn_elements_get(node->in[1], i));
        if (shape.known && shape.values[i] < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "size %d of the shape is %lld", i,
                                (long long)shape.values[i]);
    }
    if (!nn_broadcast_dims(in->dims, in->rank, wanted, shape.count, dims, &rank)) {
        char from[200], to[200];
        return nn_view_fail(node, NN_BAD_INPUT, "shapes %s and %s cannot be broadcast",
                            nn_dims_text(in->dims, in->rank, from, sizeof from),
                            nn_dims_text(wanted, shape.count, to, sizeof to));
    }
    NN_TRY(nn_set_output(node, 0, in->type, rank, dims));
    if (rank != 1 || node->out[0] == NULL || !nn_dim_is_known(dims[0])) return NN_OK;
    int count = nn_elements_count(in);
    if (count < 0 || dims[0] > NN_FACT_ELEMENTS || (count != 1 && count != dims[0])) return NN_OK;
    nn_elements_begin(node->out[0], (int)dims[0]);
    for (int i = 0; i < dims[0]; i++)
        nn_elements_set(node->out[0], i, nn_elements_get(in, count == 1 ? 0 : i));
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_axes_add_broadcast(node, out, 0);
}

static nn_status grad(nn_grad *grad) {
    grad->in_gradient[0] = nn_grad_sum_to(grad, grad->out_gradient[0], grad->in[0]);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    nn_loops loops;
    nn_loops_init(&loops, out->dims, out->rank);
    nn_loops_add_broadcast(&loops, out->dims, out->rank);
    nn_loops_add_broadcast(&loops, in->dims, in->rank);
    nn_copy_strided(call->pool, nn_element_size(in->type), out->dims, out->rank, out->data,
                    loops.steps[0], in->data, loops.steps[1]);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "expand_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_expand = {
    .name = "Expand",
    .domain = "",
    .since = 8,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .grad = grad,
    .kernels = kernels,
};
