/* An activation of 8-bit data in plans: any kind of ops/epilogue.h, named by the attribute `kind`.
 */
#include "ops/family/axes.h"
#include "ops/family/lookup_table.h"

static const char *const kind_names[NN_ACT_KINDS] = {
    [NN_ACT_NONE] = "Identity",
    [NN_ACT_RELU] = "Relu",
    [NN_ACT_CLIP] = "Clip",
    [NN_ACT_LEAKY_RELU] = "LeakyRelu",
    [NN_ACT_SIGMOID] = "Sigmoid",
    [NN_ACT_TANH] = "Tanh",
    [NN_ACT_HARD_SIGMOID] = "HardSigmoid",
    [NN_ACT_HARD_SWISH] = "HardSwish",
    [NN_ACT_SILU] = "Silu",
    [NN_ACT_GELU] = "Gelu",
    [NN_ACT_GELU_TANH] = "GeluTanh",
};

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_activation *a = out;
    const char *kind;
    NN_TRY(nn_attrs_string(attrs, "kind", "", &kind));
    NN_TRY(nn_attrs_float(attrs, "alpha", 0, &a->alpha));
    NN_TRY(nn_attrs_float(attrs, "beta", 0, &a->beta));
    for (int i = 0; i < NN_ACT_KINDS; i++) {
        if (strcmp(kind_names[i], kind) == 0) {
            a->kind = (nn_activation_kind)i;
            return NN_OK;
        }
    }
    return nn_view_fail(node, NN_BAD_INPUT, "unknown kind '%s'", kind);
}

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
    .parse = parse,
    .infer = nn_table_infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
