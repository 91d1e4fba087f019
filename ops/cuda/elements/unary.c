/* Operators of one input that compute each element by itself, and Activation of plans. */
#include "ops/family/unary.h"
#include "ops/cuda/elements/clip.h"
#include "ops/cuda/elements/unary_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/types.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    nn_function function;
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_function_of(node, &function);
}

/* Clip of integers: bounds may have more bits than a double. What is absent bounds nothing. */
static void set_bounds(const nn_node_view *node, nn_cuda_unary *out) {
    const nn_type type = node->in[0]->type;
    const bool is_signed = nn_type_is_signed(type);
    const uint64_t high = UINT64_MAX >> (64 - nn_type_bits(type) + is_signed);
    out->low = is_signed ? (int64_t)(0 - high - 1) : 0;
    out->high = (int64_t)high;
    for (int i = 1; i < 3; i++) {
        const nn_tensor *bound = nn_view_constant(node, i);
        if (bound != NULL && nn_tensor_count(bound) > 0)
            *(i == 1 ? &out->low : &out->high) = nn_tensor_get_int(bound, 0);
    }
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepared) {
    (void)target;
    nn_function function;
    nn_cuda_unary *state = nn_prepare_state(prepared, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    if (!nn_function_of(node, &function))
        return nn_view_fail(node, NN_INTERNAL, "is no function of one input");
    state->function = function;
    state->type = node->in[0]->type;
    if (function.kind == NN_FUNCTION_clip && nn_type_is_integer(state->type))
        set_bounds(node, state);
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

#define UNARY_KERNEL(symbol)                                                                       \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = 1,                                                                        \
        .in_place = 1,                                                                             \
        .accepts = accepts,                                                                        \
        .prepare = prepare,                                                                        \
        .run = run,                                                                                \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};

#define NN_FUNCTION_OPERATOR(symbol, name, types, parameters, ...) UNARY_KERNEL(symbol)
#define NN_FUNCTION_ROW(symbol, ...)
#include "ops/family/functions.def"
#undef NN_FUNCTION_OPERATOR
#undef NN_FUNCTION_ROW

UNARY_KERNEL(activation)

/* Constant bounds first: functions of them join in chains. */
const nn_kernel *const nn_cuda_clip_of_inputs_kernels[] = {&clip_cuda, &nn_kernel_clip_bounds_cuda,
                                                           NULL};
