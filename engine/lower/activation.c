#include "engine/lower/activation.h"

#include <float.h>

static float attribute(const nn_node *node, const char *name, float fallback) {
    float value;
    return nn_attrs_float(&node->attrs, name, fallback, &value) == NN_OK ? value : fallback;
}

/* A bound of Clip: an attribute before opset 11, then an input. False when it is not known. */
static bool read_bound(const nn_node *node, int input, const char *name, float fallback,
                       float *out) {
    *out = fallback;
    if (node->opset < 11) {
        *out = attribute(node, name, fallback);
        return true;
    }
    if (input >= node->in_count || node->inputs[input] == NULL) return true;
    const nn_tensor *bound = node->inputs[input]->fact.constant;
    if (bound == NULL || bound->type != NNOPT_FLOAT || nn_tensor_count(bound) != 1) return false;
    *out = (float)nn_tensor_get(bound, 0);
    return true;
}

static bool match_clip(const nn_node *node, nn_activation *out) {
    out->kind = NN_ACT_CLIP;
    return read_bound(node, 1, "min", -FLT_MAX, &out->alpha) &&
           read_bound(node, 2, "max", FLT_MAX, &out->beta);
}

static bool match_gelu(const nn_node *node, nn_activation *out) {
    const char *approximate;
    if (nn_attrs_string(&node->attrs, "approximate", "none", &approximate) != NN_OK) return false;
    out->kind = strcmp(approximate, "tanh") == 0 ? NN_ACT_GELU_TANH : NN_ACT_GELU;
    return true;
}

bool nn_scalar_constant(const nn_value *value, const nn_value *like, float *out) {
    if (value == NULL || value->fact.constant == NULL) return false;
    const nn_tensor *constant = value->fact.constant;
    if (constant->type != NNOPT_FLOAT || nn_tensor_count(constant) != 1) return false;
    if (constant->rank > 0 && constant->rank > like->fact.rank) return false;
    *out = (float)nn_tensor_get(constant, 0);
    return true;
}

/* x + number, x - number, x * number, x / number, and number - x. */
static bool match_linear(const nn_node *node, nn_value **x, nn_activation *out) {
    float number;
    int side;
    for (side = 1; side >= 0; side--) {
        *x = node->inputs[1 - side];
        if (*x != NULL && nn_scalar_constant(node->inputs[side], *x, &number)) break;
    }
    if (side < 0 || nn_value_is_constant(*x) || (*x)->fact.type != NNOPT_FLOAT) return false;
    *out = (nn_activation){NN_ACT_LINEAR, 1, 0};
    if (node->op == &nn_op_add) {
        out->beta = number;
    } else if (node->op == &nn_op_sub) {
        out->alpha = side == 1 ? 1 : -1;
        out->beta = side == 1 ? -number : number;
    } else if (node->op == &nn_op_mul) {
        out->alpha = number;
    } else {
        out->alpha = 1 / number;
        return side == 1 && number != 0;
    }
    return true;
}

static bool is_arithmetic(const nn_op *op) {
    return op == &nn_op_add || op == &nn_op_sub || op == &nn_op_mul || op == &nn_op_div;
}

bool nn_match_activation(const nn_node *node, nn_value **x, nn_activation *out) {
    *out = (nn_activation){0};
    if (node->in_count < 1 || node->inputs[0] == NULL || node->out_count != 1) return false;
    if (is_arithmetic(node->op)) return match_linear(node, x, out);
    *x = node->inputs[0];
    if ((*x)->fact.type != NNOPT_FLOAT) return false;
    if (node->op == &nn_op_relu) {
        out->kind = NN_ACT_RELU;
    } else if (node->op == &nn_op_clip) {
        return match_clip(node, out);
    } else if (node->op == &nn_op_leaky_relu) {
        *out = (nn_activation){NN_ACT_LEAKY_RELU, attribute(node, "alpha", 0.01f), 0};
    } else if (node->op == &nn_op_sigmoid) {
        out->kind = NN_ACT_SIGMOID;
    } else if (node->op == &nn_op_tanh) {
        out->kind = NN_ACT_TANH;
    } else if (node->op == &nn_op_hard_sigmoid) {
        *out = (nn_activation){NN_ACT_HARD_SIGMOID, attribute(node, "alpha", 0.2f),
                               attribute(node, "beta", 0.5f)};
    } else if (node->op == &nn_op_hard_swish) {
        *out = (nn_activation){NN_ACT_HARD_SWISH, 1.0f / 6, 0.5f};
    } else if (node->op == &nn_op_gelu) {
        return match_gelu(node, out);
    } else if (node->op == &nn_op_activation) {
        *out = *(const nn_activation *)node->attrs_parsed;
    } else {
        return false;
    }
    return true;
}

nn_attrs nn_activation_attrs(nn_activation activation, nn_attr *items) {
    const char *kind = nn_activation_names[activation.kind];
    items[0] = (nn_attr){.name = "kind",
                         .kind = NN_ATTR_STRING,
                         .s = {.bytes = kind, .length = (int64_t)strlen(kind)}};
    items[1] = (nn_attr){.name = "alpha", .kind = NN_ATTR_FLOAT, .f = activation.alpha};
    items[2] = (nn_attr){.name = "beta", .kind = NN_ATTR_FLOAT, .f = activation.beta};
    return (nn_attrs){items, 3};
}

nn_attrs nn_activation_chain_attrs(const nn_activation_chain *chain, nn_chain_storage *storage) {
    for (int i = 0; i < chain->count; i++) {
        const char *kind = nn_activation_names[chain->items[i].kind];
        storage->kinds[i] = (nn_text){.bytes = kind, .length = (int64_t)strlen(kind)};
        storage->alphas[i] = chain->items[i].alpha;
        storage->betas[i] = chain->items[i].beta;
    }
    int64_t count = chain->count;
    nn_attr *items = storage->items;
    items[0] = (nn_attr){
        .name = "kinds", .kind = NN_ATTR_STRINGS, .count = count, .strings = storage->kinds};
    items[1] = (nn_attr){
        .name = "alphas", .kind = NN_ATTR_FLOATS, .count = count, .floats = storage->alphas};
    items[2] = (nn_attr){
        .name = "betas", .kind = NN_ATTR_FLOATS, .count = count, .floats = storage->betas};
    return (nn_attrs){items, 3};
}
