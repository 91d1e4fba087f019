/* Linear (domain nnopt, plans only): y = x W + b, the product of MatMul with one matrix and a bias
 * for each column. x [..., k], W [k, n], b of n elements. */
#include "ops/cpu/kernels.h"
#include "ops/family/axes.h"
#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/matmul.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *w = node->in[1], *bias = node->in[2];
    NN_TRY(nn_check_types(node, 0, 2, NN_TYPE_BIT(NNOPT_FLOAT)));
    NN_TRY(nn_check_rank(node, 1, 2));
    if (w->rank == 2 && nn_dim_is_known(w->dims[1]) && nn_fact_count(bias) >= 0 &&
        nn_fact_count(bias) != w->dims[1])
        return nn_view_fail(node, NN_BAD_INPUT, "%lld values of the bias for %lld columns",
                            (long long)nn_fact_count(bias), (long long)w->dims[1]);
    return nn_matmul_infer(node, 0, 1, NNOPT_FLOAT);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_matmul_cost(node, 0, 1, out);
    out->flops += (double)nn_fact_count(node->out[0]);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_matmul_axes(node, 0, 1, out);
}

static const nn_kernel *const kernels[] = {NN_BF16_PRODUCT(linear) NN_LINEAR_KERNELS(linear),
                                           &nn_kernel_linear_reference, NULL};

const nn_op nn_op_linear = {
    .name = "Linear",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
