#include "ops/family/copy.h"
#include "ops/family/movement.h"
#include "ops/family/packed.h"
#include "ops/grad.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_transpose_attrs *parsed = out;
    return nn_list_attribute(node, attrs, "perm", NN_MAX_RANK, &parsed->order);
}

static nn_status infer(const nn_node_view *node) {
    const nn_transpose_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    if (in->rank < 0)
        return nn_set_output(
            node, 0, in->type, attrs->order.present ? attrs->order.count : -1,
            (int64_t[NN_MAX_RANK]){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1});
    if (attrs->order.present) {
        bool seen[NN_MAX_RANK];
        if (attrs->order.count != in->rank)
            return nn_view_fail(node, NN_BAD_INPUT, "perm has %d values, the input has rank %d",
                                attrs->order.count, in->rank);
        NN_TRY(nn_check_axes(node, attrs->order.values, in->rank, in->rank, seen));
        for (int i = 0; i < in->rank; i++)
            if (attrs->order.values[i] < 0)
                return nn_view_fail(node, NN_BAD_INPUT, "perm holds %lld",
                                    (long long)attrs->order.values[i]);
    }
    int64_t dims[NN_MAX_RANK];
    for (int axis = 0; axis < in->rank; axis++)
        dims[axis] = in->dims[nn_transpose_source(attrs, in->rank, axis)];
    if (in->rank <= 1) return nn_infer_same(node);
    return nn_set_output(node, 0, in->type, in->rank, dims);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    int rank = node->in[0]->rank;
    for (int axis = 0; axis < rank; axis++)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(0, nn_transpose_source(node->attrs, rank, axis)),
                            nn_out_axis(0, axis)));
    return NN_OK;
}

/* The inverse order takes the axes back. */
static nn_status grad(nn_grad *grad) {
    const nn_transpose_attrs *attrs = grad->node->attrs;
    nn_term *dy = grad->out_gradient[0];
    int64_t inverse[NN_MAX_RANK];
    for (int axis = 0; axis < attrs->order.count; axis++) inverse[attrs->order.values[axis]] = axis;
    grad->in_gradient[0] = attrs->order.present
                               ? nn_expand_transpose(grad->build, dy, attrs->order.count, inverse)
                               : nn_grad_unary(grad, "Transpose", dy);
    return NN_OK;
}

static nn_status run_bytes(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int64_t in_steps[NN_MAX_RANK], source[NN_MAX_RANK], target[NN_MAX_RANK];
    nn_dense_steps(in->dims, in->rank, in_steps);
    nn_dense_steps(out->dims, out->rank, target);
    for (int axis = 0; axis < out->rank; axis++)
        source[axis] = in_steps[nn_transpose_source(call->node->attrs, in->rank, axis)];
    nn_copy_strided(call->pool, nn_element_size(in->type), out->dims, out->rank, out->data, target,
                    in->data, source);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return nn_packed_run(call, run_bytes);
}

static const nn_kernel reference = {
    .name = "transpose_reference",
    .exactness = NN_EXACT,
    .accepts = nn_packed_accepts,
    .prepare = nn_packed_prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_transpose = {
    .name = "Transpose",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_transpose_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .grad = grad,
    .kernels = kernels,
};
