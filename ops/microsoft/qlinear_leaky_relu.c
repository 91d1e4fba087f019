#include "ops/family/axes.h"
#include "ops/family/lookup_table.h"

typedef struct leaky_relu_attrs {
    float alpha;
} leaky_relu_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    leaky_relu_attrs *a = out;
    (void)node;
    return nn_attrs_float(attrs, "alpha", 0.01f, &a->alpha);
}

nn_activation_chain nn_qlinear_leaky_relu_chain(const nn_node_view *node) {
    const leaky_relu_attrs *a = node->attrs;
    return (nn_activation_chain){1, {{.kind = NN_ACT_LEAKY_RELU, .alpha = a->alpha}}};
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    nn_activation_chain chain = nn_qlinear_leaky_relu_chain(node);
    return nn_table_prepare(node, &chain, prepare);
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    nn_activation_chain chain = nn_qlinear_leaky_relu_chain(call->node);
    return nn_table_run(call, &chain, loops);
}

NN_INT8_KERNELS("qlinear_leaky_relu", .layout = NN_LAYOUT_ANY, .layout_inputs = 1, .in_place = 1,
                .prepare = prepare)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, NULL};

const nn_op nn_op_qlinear_leaky_relu = {
    .name = "QLinearLeakyRelu",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(leaky_relu_attrs),
    .parse = parse,
    .infer = nn_table_infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
