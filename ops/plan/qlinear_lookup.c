/* Activations of 8-bit data in plans, several in a row without rounding between them. */
#include "ops/family/activation.h"
#include "ops/family/axes.h"
#include "ops/family/lookup_table.h"

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    return nn_table_prepare(node, node->attrs, prepare);
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    return nn_table_run(call, call->node->attrs, loops);
}

NN_INT8_KERNELS("qlinear_lookup", .layout = NN_LAYOUT_ANY, .layout_inputs = 1, .in_place = 1,
                .prepare = prepare)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, NULL};

const nn_op nn_op_qlinear_lookup = {
    .name = "QLinearLookup",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_activation_chain),
    .parse = nn_activation_chain_parse,
    .infer = nn_table_infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
