/* An activation of 8-bit data in plans: any kind of ops/epilogue.h, named by the attribute `kind`.
 */
#include "ops/family/activation.h"
#include "ops/family/axes.h"
#include "ops/family/lookup_table.h"

static nn_activation activation(const nn_node_view *node) {
    return *(const nn_activation *)node->attrs;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    return nn_table_prepare(node, activation(node), prepare);
}

static nn_status run(const nn_call *call) {
    return nn_table_run(call, activation(call->node));
}

static const nn_kernel table = {.name = "qlinear_lookup_table",
                                .exactness = NN_EXACT,
                                .layout = NN_LAYOUT_ANY,
                                .layout_inputs = 1,
                                .in_place = 1,
                                .prepare = prepare,
                                .run = run};

static const nn_kernel *const kernels[] = {&table, NULL};

const nn_op nn_op_qlinear_lookup = {
    .name = "QLinearLookup",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_activation),
    .parse = nn_activation_parse,
    .infer = nn_table_infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
