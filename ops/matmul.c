#include "ops/family/matmul.h"

#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"
#include "ops/grad.h"

static nn_status infer(const nn_node_view *node) {
    const nn_type_set types = NN_TYPES_FLOAT | NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64) |
                              NN_TYPE_BIT(NNOPT_UINT32) | NN_TYPE_BIT(NNOPT_UINT64);
    NN_TRY(nn_check_types(node, 0, 1, types));
    NN_TRY(nn_check_same_types(node, 0, 1));
    nn_type type = nn_in_type(node, 0);
    return nn_matmul_infer(node, 0, 1, type != NNOPT_TYPE_NONE ? type : nn_in_type(node, 1));
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_matmul_cost(node, 0, 1, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_matmul_axes(node, 0, 1, out);
}

/* Swaps the last two of `rank` axes. */
static nn_term *transposed(nn_grad *grad, nn_term *x, int rank) {
    int64_t order[NN_MAX_RANK];
    for (int axis = 0; axis < rank; axis++) order[axis] = axis;
    order[rank - 2] = rank - 1;
    order[rank - 1] = rank - 2;
    return nn_expand_transpose(grad->build, x, rank, order);
}

/* y = a b: da = dy b', db = a' dy, summed over broadcast axes. */
static nn_status grad(nn_grad *grad) {
    const nn_fact *a = grad->node->in[0], *b = grad->node->in[1];
    nn_term *dy = grad->out_gradient[0];
    if (a->rank < 2 || b->rank < 2)
        return nn_view_fail(grad->node, NN_UNSUPPORTED,
                            "the gradient needs matrices of known rank, got ranks %d and %d",
                            a->rank, b->rank);
    nn_term *by_a = nn_grad_binary(grad, "MatMul", dy, transposed(grad, grad->in[1], b->rank));
    nn_term *by_b = nn_grad_binary(grad, "MatMul", transposed(grad, grad->in[0], a->rank), dy);
    grad->in_gradient[0] = nn_grad_sum_to(grad, by_a, grad->in[0]);
    grad->in_gradient[1] = nn_grad_sum_to(grad, by_b, grad->in[1]);
    return NN_OK;
}

static const nn_kernel *const kernels[] = {NN_BF16_PRODUCT(matmul) NN_LINEAR_KERNELS(matmul),
                                           &nn_kernel_matmul_reference, NULL};

const nn_op nn_op_matmul = {
    .name = "MatMul",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_COMPUTES,
    .grad = grad,
    .kernels = kernels,
};
