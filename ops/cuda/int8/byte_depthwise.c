/* Depthwise convolutions of bytes: bound by memory, without tensor cores. */
#include "ops/cuda/int8/byte_depthwise_launch.h"

#include "ops/cuda/int8/byte_kernels.h"
#include "ops/cuda/int8/numbers.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/qlinear_convolution.h"

typedef struct depthwise_state {
    nn_byte_product product;
    nn_byte_numbers numbers;
    nn_cuda_byte_depthwise arguments;
} depthwise_state;

static bool axis_fits(const nn_window_axis *axis) {
    const int64_t most = 1 << 30;
    return axis->in + axis->pad_begin + axis->pad_end < most && axis->out < most &&
           axis->out * axis->stride < most && axis->kernel * axis->dilation < most;
}

static bool accepts(const nn_node_view *node, nn_int8_describe *describe) {
    nn_byte_product product;
    if (!nn_byte_product_of(node, describe, &product)) return false;
    const nn_u8s8_shape *shape = &product.shape;
    return shape->groups > 1 && shape->in_channels == 1 && shape->out_channels == 1 &&
           axis_fits(&shape->height) && axis_fits(&shape->width) && shape->groups < INT32_MAX;
}

/* [taps, channels] from [channels, taps]. */
static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const nn_byte_product *product = argument;
    const nn_tensor *w = nn_int8_constant(node, product->inputs.w);
    const nn_tensor *zero = nn_int8_constant(node, product->inputs.w_zero);
    for (int64_t channel = 0; channel < product->columns; channel++)
        for (int64_t tap = 0; tap < product->taps; tap++)
            ((int16_t *)out)[tap * product->columns + channel] =
                (int16_t)(nn_quant_load(w->data, w->type, channel * product->taps + tap) -
                          nn_int8_weight_zero(zero, channel));
    return NN_OK;
}

static nn_cuda_byte_axis axis_of(const nn_window_axis *axis) {
    return (nn_cuda_byte_axis){(int)axis->in,     (int)axis->out,      (int)axis->kernel,
                               (int)axis->stride, (int)axis->dilation, (int)axis->pad_begin};
}

static nn_status prepare(const nn_node_view *node, nn_prepare *services,
                         nn_int8_describe *describe) {
    depthwise_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = (depthwise_state){.arguments = {.batch = 0}};
    if (!nn_byte_product_of(node, describe, &state->product))
        return nn_view_fail(node, NN_INTERNAL, "is not what was accepted");
    const nn_byte_product *product = &state->product;
    const void *w;
    NN_TRY(nn_prepare_pack(
        services, nn_int8_packed_inputs(node, &product->inputs), "byte depthwise",
        (size_t)(product->taps * product->columns) * sizeof(int16_t), pack, product, &w));
    NN_TRY(nn_byte_numbers_prepare(node, product, services, &state->numbers));
    nn_prepare_workspace(services, state->numbers.workspace_bytes);
    state->arguments =
        (nn_cuda_byte_depthwise){.is_signed = node->in[product->inputs.x]->type == NNOPT_INT8,
                                 .batch = product->shape.batch,
                                 .channels = product->columns,
                                 .height = axis_of(&product->shape.height),
                                 .width = axis_of(&product->shape.width),
                                 .w = w,
                                 .finish = nn_byte_finish(node, product)};
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const depthwise_state *state = call->state;
    nn_cuda_byte_depthwise arguments = state->arguments;
    NN_TRY(nn_byte_numbers_set(call, &state->product, &state->numbers, &arguments.finish,
                               &arguments.padding));
    arguments.x = call->in[state->product.inputs.x]->data;
    arguments.y = call->out[0]->data;
    return nn_cuda_launched(call, nn_cuda_launch_byte_depthwise(&arguments, call->queue->stream));
}

#define DEPTHWISE(operator, bits, in_place_bits)                                                   \
    static bool operator##_accepts(const nn_node_view *node, const nn_target *target) {            \
        (void)target;                                                                              \
        return accepts(node, nn_int8_describe_##operator);                                         \
    }                                                                                              \
    static nn_status operator##_prepare(const nn_node_view *node, const nn_target *target,         \
                                        nn_prepare *services) {                                    \
        (void)target;                                                                              \
        return prepare(node, services, nn_int8_describe_##operator);                               \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_depthwise_cuda = {                                      \
        .name = #operator"_depthwise_cuda",                                                        \
        .on_device = true,                                                                         \
        .exactness = NN_EXACT,                                                                     \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = bits,                                                                     \
        .in_place = in_place_bits,                                                                 \
        .accepts = operator##_accepts,                                                             \
        .prepare = operator##_prepare,                                                             \
        .run = run,                                                                                \
    };

DEPTHWISE(qconv, 1u | 1u << NN_QCONV_ADDEND, 1u << NN_QCONV_ADDEND)
DEPTHWISE(conv_integer, 1, 0)
