#include "ops/family/axes.h"
#include "ops/family/lookup_table.h"

static nn_activation_chain activations(const nn_node_view *node) {
    (void)node;
    return (nn_activation_chain){1, {{.kind = NN_ACT_SIGMOID}}};
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    nn_activation_chain chain = activations(node);
    return nn_table_prepare(node, &chain, prepare);
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    nn_activation_chain chain = activations(call->node);
    return nn_table_run(call, &chain, loops);
}

NN_INT8_KERNELS("qlinear_sigmoid", .layout = NN_LAYOUT_ANY, .layout_inputs = 1, .in_place = 1,
                .prepare = prepare)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, NULL};

const nn_op nn_op_qlinear_sigmoid = {
    .name = "QLinearSigmoid",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = nn_table_infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
