#include "ops/family/activation.h"

const char *const nn_activation_names[NN_ACT_KINDS] = {
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
    [NN_ACT_LINEAR] = "Linear",
};

nn_status nn_activation_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_activation *activation = out;
    const char *kind;
    NN_TRY(nn_attrs_string(attrs, "kind", "", &kind));
    NN_TRY(nn_attrs_float(attrs, "alpha", 0, &activation->alpha));
    NN_TRY(nn_attrs_float(attrs, "beta", 0, &activation->beta));
    for (int i = 0; i < NN_ACT_KINDS; i++) {
        if (strcmp(nn_activation_names[i], kind) != 0) continue;
        activation->kind = (nn_activation_kind)i;
        return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'kind' is '%s', not an activation", kind);
}
