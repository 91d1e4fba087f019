#include "ops/family/integer_convolution.h"

/* Input position of a tap, or false on padding, which holds the zero point and adds nothing. */
static bool tap_position(const nn_window_axis *axis, int64_t out, int64_t tap, int64_t *in) {
    *in = out * axis->stride + tap * axis->dilation - axis->pad_begin;
    return *in >= 0 && *in < axis->in;
}

static uint32_t channel_sum(const nn_integer_conv *conv, int64_t x_start, int64_t w_start,
                            int64_t depth, int64_t row, int64_t column, int32_t w_zero) {
    const nn_window_axis *axes = conv->geometry.axes;
    int32_t x_zero = conv->x_zero ? nn_quant_load(conv->x_zero->data, conv->x->type, 0) : 0;
    uint32_t sum = 0;
    for (int64_t d = 0; d < axes[NN_DEPTH].kernel; d++)
        for (int64_t h = 0; h < axes[NN_HEIGHT].kernel; h++)
            for (int64_t w = 0; w < axes[NN_WIDTH].kernel; w++) {
                int64_t in_d, in_h, in_w;
                if (!tap_position(&axes[NN_DEPTH], depth, d, &in_d) ||
                    !tap_position(&axes[NN_HEIGHT], row, h, &in_h) ||
                    !tap_position(&axes[NN_WIDTH], column, w, &in_w))
                    continue;
                int64_t x_at = (in_d * axes[NN_HEIGHT].in + in_h) * axes[NN_WIDTH].in + in_w;
                int64_t w_at = (d * axes[NN_HEIGHT].kernel + h) * axes[NN_WIDTH].kernel + w;
                int32_t x = nn_quant_load(conv->x->data, conv->x->type, x_start + x_at) - x_zero;
                int32_t weight = nn_quant_load(conv->w->data, conv->w->type, w_start + w_at);
                sum += (uint32_t)(x * (weight - w_zero));
            }
    return sum;
}

int32_t nn_integer_conv_sum(const nn_integer_conv *conv, int64_t image, int64_t out_channel,
                            int64_t out_pixel) {
    const nn_conv_geometry *g = &conv->geometry;
    const nn_window_axis *axes = g->axes;
    int64_t column = out_pixel % axes[NN_WIDTH].out, rest = out_pixel / axes[NN_WIDTH].out;
    int64_t row = rest % axes[NN_HEIGHT].out, depth = rest / axes[NN_HEIGHT].out;
    int32_t w_zero = 0;
    if (conv->w_zero) {
        int64_t at = nn_tensor_count(conv->w_zero) == 1 ? 0 : out_channel;
        w_zero = nn_quant_load(conv->w_zero->data, conv->w->type, at);
    }
    int64_t group = out_channel / g->group_out_channels;
    int64_t x_start = (image * g->in_channels + group * g->group_in_channels) * g->in_pixels;
    int64_t w_start = out_channel * g->group_in_channels * g->taps;
    uint32_t sum = conv->bias ? (uint32_t)conv->bias[out_channel] : 0;
    for (int64_t c = 0; c < g->group_in_channels; c++)
        sum += channel_sum(conv, x_start + c * g->in_pixels, w_start + c * g->taps, depth, row,
                           column, w_zero);
    return (int32_t)sum;
}
