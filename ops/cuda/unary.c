/* Operators of one input that compute each element by itself, and Activation of plans. */
#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/unary_launch.h"
#include "ops/family/activation.h"
#include "ops/family/predicate.h"

#include <math.h>

enum {
    FLOATS = NN_TYPES_FLOAT,
    INTEGERS = NN_TYPES_INTEGER,
    NUMBERS = NN_TYPES_NUMBER,
    SIGNED = NN_TYPES_FLOAT | NN_TYPES_SIGNED,
    BOOL = NN_TYPES_BOOL,
};

/* ---- parameters: what a node's attributes and constants say, written over a zeroed one ---- */

typedef void parameters(const nn_node_view *node, nn_cuda_unary *out);

static void none(const nn_node_view *node, nn_cuda_unary *out) {
    (void)node;
    (void)out;
}

static void alpha_beta(const nn_node_view *node, nn_cuda_unary *out) {
    const nn_alpha_beta *attrs = node->attrs;
    out->p = (double)attrs->alpha;
    out->q = (double)attrs->beta;
}

static void gelu(const nn_node_view *node, nn_cuda_unary *out) {
    const nn_gelu_attrs *attrs = node->attrs;
    if (attrs->approximate) out->function = NN_CUDA_FUNCTION_gelu_tanh;
}

static void hard_swish(const nn_node_view *node, nn_cuda_unary *out) {
    (void)node;
    out->p = 1.0 / 6;
    out->q = 0.5;
}

static void shrink(const nn_node_view *node, nn_cuda_unary *out) {
    const nn_shrink_attrs *attrs = node->attrs;
    out->p = (double)attrs->bias;
    out->q = (double)attrs->lambd;
}

static void infinities(const nn_node_view *node, nn_cuda_unary *out) {
    const nn_is_inf_attrs *attrs = node->attrs;
    out->p = attrs->positive;
    out->q = attrs->negative;
}

/* Clip: what is absent bounds nothing. */
static void bounds(const nn_node_view *node, nn_cuda_unary *out) {
    const nn_clip_attrs *attrs = node->attrs;
    const nn_type type = node->in[0]->type;
    const int bits = nn_type_bits(type);
    const bool is_signed = nn_type_is_signed(type);
    const uint64_t high = UINT64_MAX >> (64 - bits + is_signed);
    out->p = attrs->from_input ? -HUGE_VAL : (double)attrs->low;
    out->q = attrs->from_input ? HUGE_VAL : (double)attrs->high;
    out->low = is_signed ? (int64_t)(0 - high - 1) : 0;
    out->high = (int64_t)high;
    for (int i = 1; i < 3 && attrs->from_input; i++) {
        const nn_tensor *bound = nn_view_constant(node, i);
        if (bound == NULL || nn_tensor_count(bound) == 0) continue;
        *(i == 1 ? &out->p : &out->q) = nn_tensor_get(bound, 0);
        if (nn_type_is_integer(type))
            *(i == 1 ? &out->low : &out->high) = nn_tensor_get_int(bound, 0);
    }
}

/* ---- the operators ---- */

typedef struct row {
    const char *name;
    nn_type_set types;
    nn_cuda_function function;
    parameters *parameters;
} row;

#define NN_CUDA_UNARY(symbol, name, types, parameters, ...)                                        \
    {name, types, NN_CUDA_FUNCTION_##symbol, parameters},
#define NN_CUDA_FUNCTION(symbol, ...)
static const row rows[] = {
#include "ops/cuda/functions.def"
    {NULL, 0, NN_CUDA_FUNCTIONS, NULL},
};
#undef NN_CUDA_UNARY
#undef NN_CUDA_FUNCTION

static const row *row_of(const nn_node_view *node) {
    const row *found = rows;
    while (found->name != NULL && strcmp(found->name, node->op->name) != 0) found++;
    return found;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    for (int i = 1; i < node->in_count; i++) /* bounds of Clip */
        if (node->in[i] != NULL && node->in[i]->constant == NULL) return false;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[0]->type, row_of(node)->types);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepared) {
    (void)target;
    const row *own = row_of(node);
    nn_cuda_unary *state = nn_prepare_state(prepared, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->function = own->function;
    state->type = node->in[0]->type;
    own->parameters(node, state);
    if (node->in_count > 1) nn_prepare_read(prepared, ~1u);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    nn_cuda_unary arguments = *(const nn_cuda_unary *)call->state;
    arguments.x = call->in[0]->data;
    arguments.y = call->out[0]->data;
    arguments.count = nn_tensor_count(call->in[0]);
    return nn_cuda_launched(call, nn_cuda_launch_unary(&arguments, call->queue->stream));
}

#define UNARY_KERNEL(symbol, places, accepts_function, prepare_function)                           \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = 1,                                                                        \
        .in_place = places,                                                                        \
        .accepts = accepts_function,                                                               \
        .prepare = prepare_function,                                                               \
        .run = run,                                                                                \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};

#define NN_CUDA_UNARY(symbol, name, types, parameters, ...)                                        \
    UNARY_KERNEL(symbol, 1, accepts, prepare)
#define NN_CUDA_FUNCTION(symbol, ...)
#include "ops/cuda/functions.def"
#undef NN_CUDA_UNARY
#undef NN_CUDA_FUNCTION

/* ---- Activation ---- */

/* What ops/epilogue.h calls it, and whether its alpha and beta are parameters. */
static const struct {
    nn_cuda_function function;
    float p, q; /* that it has else */
    bool takes_own;
} activations[NN_ACT_KINDS] = {
    [NN_ACT_RELU] = {NN_CUDA_FUNCTION_relu, 0, 0, false},
    [NN_ACT_CLIP] = {NN_CUDA_FUNCTION_clip, 0, 0, true},
    [NN_ACT_LEAKY_RELU] = {NN_CUDA_FUNCTION_leaky_relu, 0, 0, true},
    [NN_ACT_SIGMOID] = {NN_CUDA_FUNCTION_sigmoid, 0, 0, false},
    [NN_ACT_TANH] = {NN_CUDA_FUNCTION_tanh, 0, 0, false},
    [NN_ACT_HARD_SIGMOID] = {NN_CUDA_FUNCTION_hard_sigmoid, 0, 0, true},
    [NN_ACT_HARD_SWISH] = {NN_CUDA_FUNCTION_hard_swish, 0, 0, true},
    [NN_ACT_SILU] = {NN_CUDA_FUNCTION_swish, 1, 0, false},
    [NN_ACT_GELU] = {NN_CUDA_FUNCTION_gelu, 0, 0, false},
    [NN_ACT_GELU_TANH] = {NN_CUDA_FUNCTION_gelu_tanh, 0, 0, false},
    [NN_ACT_LINEAR] = {NN_CUDA_FUNCTION_linear, 0, 0, true},
};

static bool accepts_activation(const nn_node_view *node, const nn_target *target) {
    const nn_activation *activation = node->attrs;
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && activation->kind > NN_ACT_NONE &&
           activation->kind < NN_ACT_KINDS && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static nn_status prepare_activation(const nn_node_view *node, const nn_target *target,
                                    nn_prepare *prepared) {
    (void)target;
    const nn_activation *activation = node->attrs;
    nn_cuda_unary *state = nn_prepare_state(prepared, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const bool own = activations[activation->kind].takes_own;
    state->function = activations[activation->kind].function;
    state->type = node->in[0]->type;
    state->p = (double)(own ? activation->alpha : activations[activation->kind].p);
    state->q = (double)(own ? activation->beta : activations[activation->kind].q);
    return NN_OK;
}

UNARY_KERNEL(activation, 1, accepts_activation, prepare_activation)
