#include "ops/family/functions.h"

#include "ops/family/predicate.h"

#include <math.h>
#include <tgmath.h>

enum {
    FLOATS = NN_TYPES_FLOAT,
    INTEGERS = NN_TYPES_INTEGER,
    NUMBERS = NN_TYPES_NUMBER,
    SIGNED = NN_TYPES_FLOAT | NN_TYPES_SIGNED,
    BOOL = NN_TYPES_BOOL,
};

/* ---- parameters: what a node's attributes and constants say, written over zeros ---- */

typedef void parameters(const nn_node_view *node, nn_function *out);

static void none(const nn_node_view *node, nn_function *out) {
    (void)node;
    (void)out;
}

static void alpha_beta(const nn_node_view *node, nn_function *out) {
    const nn_alpha_beta *attrs = node->attrs;
    out->p = (double)attrs->alpha;
    out->q = (double)attrs->beta;
}

static void gelu(const nn_node_view *node, nn_function *out) {
    const nn_gelu_attrs *attrs = node->attrs;
    if (attrs->approximate) out->kind = NN_FUNCTION_gelu_tanh;
}

static void hard_swish(const nn_node_view *node, nn_function *out) {
    (void)node;
    out->p = 1.0 / 6;
    out->q = 0.5;
}

static void shrink(const nn_node_view *node, nn_function *out) {
    const nn_shrink_attrs *attrs = node->attrs;
    out->p = (double)attrs->bias;
    out->q = (double)attrs->lambd;
}

static void infinities(const nn_node_view *node, nn_function *out) {
    const nn_is_inf_attrs *attrs = node->attrs;
    out->p = attrs->positive;
    out->q = attrs->negative;
}

/* Clip: bounds are constants; what is absent bounds nothing. */
static void bounds(const nn_node_view *node, nn_function *out) {
    const nn_clip_attrs *attrs = node->attrs;
    out->p = attrs->from_input ? -HUGE_VAL : (double)attrs->low;
    out->q = attrs->from_input ? HUGE_VAL : (double)attrs->high;
    for (int i = 1; i < 3 && attrs->from_input; i++) {
        const nn_tensor *bound = nn_view_constant(node, i);
        if (bound != NULL && nn_tensor_count(bound) > 0)
            *(i == 1 ? &out->p : &out->q) = nn_tensor_get(bound, 0);
    }
}

/* ---- the operators ---- */

typedef struct operator_row {
    const char *name;
    nn_type_set types;
    nn_function_kind kind;
    parameters *parameters;
} operator_row;

#define NN_FUNCTION_OPERATOR(symbol, name, types, parameters, ...)                                 \
    {name, types, NN_FUNCTION_##symbol, parameters},
#define NN_FUNCTION_ROW(symbol, ...)
static const operator_row rows[] = {
#include "ops/family/functions.def"
    {NULL, 0, NN_FUNCTIONS, NULL},
};
#undef NN_FUNCTION_OPERATOR
#undef NN_FUNCTION_ROW

/* ---- Activation ---- */

/* What ops/epilogue.h calls it, and whether its alpha and beta are parameters. */
static const struct {
    nn_function_kind kind;
    float p, q; /* that it has else */
    bool takes_own;
} activations[NN_ACT_KINDS] = {
    [NN_ACT_RELU] = {NN_FUNCTION_relu, 0, 0, false},
    [NN_ACT_CLIP] = {NN_FUNCTION_clip, 0, 0, true},
    [NN_ACT_LEAKY_RELU] = {NN_FUNCTION_leaky_relu, 0, 0, true},
    [NN_ACT_SIGMOID] = {NN_FUNCTION_sigmoid, 0, 0, false},
    [NN_ACT_TANH] = {NN_FUNCTION_tanh, 0, 0, false},
    [NN_ACT_HARD_SIGMOID] = {NN_FUNCTION_hard_sigmoid, 0, 0, true},
    [NN_ACT_HARD_SWISH] = {NN_FUNCTION_hard_swish, 0, 0, true},
    [NN_ACT_SILU] = {NN_FUNCTION_swish, 1, 0, false},
    [NN_ACT_GELU] = {NN_FUNCTION_gelu, 0, 0, false},
    [NN_ACT_GELU_TANH] = {NN_FUNCTION_gelu_tanh, 0, 0, false},
    [NN_ACT_LINEAR] = {NN_FUNCTION_linear, 0, 0, true},
};

nn_function nn_function_of_activation(nn_activation activation) {
    const bool own = activations[activation.kind].takes_own;
    return (nn_function){.kind = activations[activation.kind].kind,
                         .p = (double)(own ? activation.alpha : activations[activation.kind].p),
                         .q = (double)(own ? activation.beta : activations[activation.kind].q)};
}

bool nn_function_of(const nn_node_view *node, nn_function *out) {
    const nn_type type = node->in[0]->type;
    if (strcmp(node->op->domain, "nnopt") == 0 && strcmp(node->op->name, "Activation") == 0) {
        const nn_activation *activation = node->attrs;
        if (activation->kind <= NN_ACT_NONE || activation->kind >= NN_ACT_KINDS) return false;
        *out = nn_function_of_activation(*activation);
        return nn_type_in(type, NN_TYPES_FLOAT);
    }
    if (node->op->domain[0] != '\0') return false;
    for (int i = 1; i < node->in_count; i++) /* bounds of Clip */
        if (node->in[i] != NULL && node->in[i]->constant == NULL) return false;
    for (const operator_row *row = rows; row->name != NULL; row++) {
        if (strcmp(row->name, node->op->name) != 0) continue;
        if (!nn_type_in(type, row->types)) return false;
        *out = (nn_function){.kind = row->kind};
        row->parameters(node, out);
        return true;
    }
    return false;
}

/* ---- on the CPU ---- */

static float nn_clamp(float x, float low, float high) {
    const float at_least = x < low ? low : x;
    return at_least > high ? high : at_least;
}

#define T(x) ((float)(x))
#define NN_FUNCTION_ROW(symbol, ...)                                                               \
    case NN_FUNCTION_##symbol:                                                                     \
        return T(__VA_ARGS__);
#define NN_FUNCTION_OPERATOR(symbol, name, types, parameters, ...)                                 \
    NN_FUNCTION_ROW(symbol, __VA_ARGS__)
float nn_function_apply(const nn_function *function, float x) {
    const float p = (float)function->p, q = (float)function->q;
    switch (function->kind) {
#include "ops/family/functions.def"
    case NN_FUNCTIONS:
        break;
    }
    return x;
}
