#include "ops/family/activation.h"

#include <float.h>

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

static nn_status parse_kind(const nn_node_view *node, const char *name, nn_activation_kind *out) {
    for (int i = 0; i < NN_ACT_KINDS; i++) {
        if (strcmp(nn_activation_names[i], name) != 0) continue;
        *out = (nn_activation_kind)i;
        return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "'%s' is not an activation", name);
}

nn_status nn_activation_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_activation *activation = out;
    const char *kind;
    NN_TRY(nn_attrs_string(attrs, "kind", "", &kind));
    NN_TRY(nn_attrs_float(attrs, "alpha", 0, &activation->alpha));
    NN_TRY(nn_attrs_float(attrs, "beta", 0, &activation->beta));
    return parse_kind(node, kind, &activation->kind);
}

nn_status nn_activation_of_fused(const nn_node_view *node, const char *name, const float *numbers,
                                 int64_t count, nn_activation *out) {
    static const nn_activation known[] = {
        {NN_ACT_RELU, 0, 0},          {NN_ACT_SIGMOID, 0, 0},
        {NN_ACT_TANH, 0, 0},          {NN_ACT_LEAKY_RELU, 0.01f, 0},
        {NN_ACT_CLIP, -FLT_MAX, FLT_MAX}, {NN_ACT_HARD_SIGMOID, 0.2f, 0.5f},
    };
    *out = (nn_activation){0};
    if (name == NULL || name[0] == '\0') return NN_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(nn_activation_names[known[i].kind], name) != 0) continue;
        *out = known[i];
        if (count > 0) out->alpha = numbers[0];
        if (count > 1) out->beta = numbers[1];
        return NN_OK;
    }
    return nn_view_fail(node, NN_UNSUPPORTED, "attribute 'activation' is '%s'", name);
}

nn_status nn_activation_chain_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_activation_chain *chain = out;
    const nn_attr *kinds = nn_attrs_find(attrs, "kinds");
    const float *alphas, *betas;
    int64_t alpha_count, beta_count, count = kinds != NULL ? kinds->count : 0;
    NN_TRY(nn_attrs_floats(attrs, "alphas", &alphas, &alpha_count));
    NN_TRY(nn_attrs_floats(attrs, "betas", &betas, &beta_count));
    if (kinds != NULL && kinds->kind != NN_ATTR_STRINGS)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'kinds' must be a list of texts");
    if (count > NN_MOST_ACTIVATIONS || alpha_count != count || beta_count != count)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld kinds, %lld alphas and %lld betas",
                            (long long)count, (long long)alpha_count, (long long)beta_count);
    for (int64_t i = 0; i < count; i++) {
        NN_TRY(parse_kind(node, kinds->strings[i].bytes, &chain->items[i].kind));
        chain->items[i].alpha = alphas[i];
        chain->items[i].beta = betas[i];
    }
    chain->count = (int)count;
    return NN_OK;
}

float nn_activate_chain(const nn_activation_chain *chain, float x) {
    for (int i = 0; i < chain->count; i++) x = nn_activate(chain->items[i], x);
    return x;
}
