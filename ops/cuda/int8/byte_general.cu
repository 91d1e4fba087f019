#include "ops/cuda/int8/byte_general_launch.h"

#include "ops/cuda/int8/finish.cuh"
#include "ops/cuda/int8/parameters.cuh"

namespace {

enum { BLOCK = 128 };

__device__ __forceinline__ nn_cuda_rounding bounds_of(nnopt_type type, int zero) {
    const int lowest = type == NNOPT_INT8 ? -128 : 0;
    return {zero, static_cast<float>(lowest - zero), static_cast<float>(lowest + 255 - zero)};
}

__device__ uint8_t add(const nn_cuda_general_finish &f, uint8_t result, uint8_t addend,
                       float y_scale, int y_zero) {
    const float own_scale[2] = {y_scale, nn_parameter_float(f.addend_scale, 0)};
    const int own_zero[2] = {y_zero, nn_parameter_byte(f.addend_zero, 0)};
    const int left = f.addend_first ? 1 : 0;
    const float sum_scale = nn_parameter_float(f.sum_scale, 0);
    nn_cuda_finish sum = {};
    sum.type = f.type;
    sum.addend_first = f.addend_first;
    sum.a_scale = __fdiv_rn(own_scale[left], sum_scale);
    sum.b_scale = __fdiv_rn(own_scale[1 - left], sum_scale);
    sum.sum_offset =
        __fsub_rn(static_cast<float>(nn_parameter_byte(f.sum_zero, 0)),
                  __fadd_rn(__fmul_rn(sum.a_scale, static_cast<float>(own_zero[left])),
                            __fmul_rn(sum.b_scale, static_cast<float>(own_zero[1 - left]))));
    return nn_add_bytes(sum, result, addend);
}

/* Writes result `at`; x_scale and w_scale are its own, `bias` is in real values. */
__device__ void finish(const nn_cuda_general_finish &f, void *y, int64_t at, int sum, float x_scale,
                       float w_scale, float bias) {
    if (f.type == NNOPT_INT32) {
        static_cast<int32_t *>(y)[at] = sum;
        return;
    }
    const bool is_float = f.type == NNOPT_FLOAT;
    const float y_scale = is_float ? 1.0f : nn_parameter_float(f.y_scale, 0);
    const bool in_units = !is_float && !f.divides;
    float multiplier = __fmul_rn(__fmul_rn(f.scale, x_scale), w_scale), offset = bias;
    nn_activation_argument activation = f.activation;
    if (in_units) multiplier = __fdiv_rn(multiplier, y_scale);
    if (in_units) offset = __fdiv_rn(offset, y_scale);
    if (in_units && activation.kind == NN_ACT_CLIP) {
        activation.alpha = __fdiv_rn(activation.alpha, y_scale);
        activation.beta = __fdiv_rn(activation.beta, y_scale);
    }
    float value = __fadd_rn(__fmul_rn(static_cast<float>(sum), multiplier), offset);
    if (activation.kind != NN_ACT_NONE) value = nn_activate(activation, value);
    if (is_float) {
        static_cast<float *>(y)[at] = value;
        return;
    }
    if (f.divides) value = __fdiv_rn(value, y_scale);
    const int y_zero = nn_parameter_byte(f.y_zero, 0);
    uint8_t byte = static_cast<uint8_t>(nn_round_byte(value, bounds_of(f.type, y_zero)));
    if (f.addend != nullptr) byte = add(f, byte, f.addend[at], y_scale, y_zero);
    static_cast<uint8_t *>(y)[at] = byte;
}

/* ---- convolutions ---- */

__device__ __forceinline__ int byte_at(const nn_cuda_parameter &p, int64_t i) {
    return p.type == NNOPT_INT8 ? static_cast<int>(static_cast<const int8_t *>(p.data)[i])
                                : static_cast<int>(static_cast<const uint8_t *>(p.data)[i]);
}

/* Input place of a tap; false on padding. */
__device__ __forceinline__ bool place_of(const nn_cuda_general_axis &axis, int64_t out, int64_t tap,
                                         int64_t *in) {
    *in = out * axis.stride + tap * axis.dilation - axis.pad;
    return *in >= 0 && *in < axis.in;
}

__device__ int sum_of(const nn_cuda_general_conv &a, int64_t image, int64_t channel,
                      int64_t pixel) {
    const int64_t column = pixel % a.axes[2].out, line = pixel / a.axes[2].out;
    const int64_t row = line % a.axes[1].out, depth = line / a.axes[1].out;
    const int x_zero = nn_parameter_byte(a.x_zero, 0);
    const int w_zero = nn_parameter_byte(a.w_zero, channel);
    const int64_t group = channel / a.group_out_channels;
    const int64_t x_start = (image * a.in_channels + group * a.group_in_channels) * a.in_pixels;
    const int64_t w_start = channel * a.group_in_channels * a.taps;
    unsigned sum = 0;
    for (int64_t d = 0; d < a.axes[0].kernel; d++)
        for (int64_t h = 0; h < a.axes[1].kernel; h++)
            for (int64_t v = 0; v < a.axes[2].kernel; v++) {
                int64_t in_d, in_h, in_v;
                if (!place_of(a.axes[0], depth, d, &in_d) || !place_of(a.axes[1], row, h, &in_h) ||
                    !place_of(a.axes[2], column, v, &in_v))
                    continue;
                const int64_t x_at = x_start + (in_d * a.axes[1].in + in_h) * a.axes[2].in + in_v;
                const int64_t w_at = w_start + (d * a.axes[1].kernel + h) * a.axes[2].kernel + v;
                for (int64_t c = 0; c < a.group_in_channels; c++)
                    sum += static_cast<unsigned>((byte_at(a.x, x_at + c * a.in_pixels) - x_zero) *
                                                 (byte_at(a.w, w_at + c * a.taps) - w_zero));
            }
    return static_cast<int>(sum);
}

__global__ void __launch_bounds__(BLOCK) general_conv(nn_cuda_general_conv a) {
    const bool has_scales = a.finish.x_scale.data != nullptr;
    const bool has_units = a.bias.data != nullptr && a.bias.type == NNOPT_INT32;
    const bool has_offset = a.bias.data != nullptr && a.bias.type == NNOPT_FLOAT;
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        const int64_t channel = i / a.out_pixels % a.out_channels;
        unsigned sum = static_cast<unsigned>(
            sum_of(a, i / a.out_pixels / a.out_channels, channel, i % a.out_pixels));
        if (has_units)
            sum += static_cast<unsigned>(static_cast<const int32_t *>(a.bias.data)[channel]);
        finish(a.finish, a.y, i, static_cast<int>(sum),
               has_scales ? nn_parameter_float(a.finish.x_scale, 0) : 1.0f,
               has_scales ? nn_parameter_float(a.finish.w_scale, channel) : 1.0f,
               has_offset ? static_cast<const float *>(a.bias.data)[channel] : 0.0f);
    }
}

/* ---- matrices ---- */

/* nn_integer_matmul_parameter. */
__device__ __forceinline__ int64_t at_line(const nn_cuda_parameter &p, int64_t start, int64_t size,
                                           int64_t line, int64_t lines) {
    if (p.count == 1) return 0;
    return p.count == lines ? line : start / size * lines + line;
}

__device__ __forceinline__ int zero_at(const nn_cuda_parameter &p, int64_t start, int64_t size,
                                       int64_t line, int64_t lines) {
    return p.data == nullptr ? 0 : byte_at(p, at_line(p, start, size, line, lines));
}

__device__ __forceinline__ float scale_at(const nn_cuda_parameter &p, int64_t start, int64_t size,
                                          int64_t line, int64_t lines) {
    return p.data == nullptr ? 1.0f
                             : nn_load_as(p.type, p.data, at_line(p, start, size, line, lines));
}

__global__ void __launch_bounds__(BLOCK) general_matmul(nn_cuda_general_matmul a) {
    const int64_t count = a.batch * a.m * a.n;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t n = i % a.n, m = i / a.n % a.m;
        int64_t index = i / a.n / a.m, left = 0, right = 0;
        for (int axis = a.batch_rank - 1; axis >= 0; axis--) {
            const int64_t place = index % a.batch_dims[axis];
            index /= a.batch_dims[axis];
            left += place * a.a_steps[axis];
            right += place * a.b_steps[axis];
        }
        const int64_t a_size = a.m * a.k, b_size = a.k * a.n;
        const int a_zero = zero_at(a.a_zero, left, a_size, m, a.m);
        const int b_zero = zero_at(a.b_zero, right, b_size, n, a.n);
        unsigned sum = 0;
        for (int64_t k = 0; k < a.k; k++)
            sum += static_cast<unsigned>(
                (byte_at(a.a, left + m * a.a_row + k * a.a_depth) - a_zero) *
                (byte_at(a.b, right + k * a.b_depth + n * a.b_column) - b_zero));
        float offset = 0.0f;
        if (a.addend.data != nullptr) {
            const int64_t at = m * a.addend_row + n * a.addend_column;
            if (a.addend.type == NNOPT_FLOAT)
                offset = static_cast<const float *>(a.addend.data)[at];
            else
                sum += static_cast<unsigned>(static_cast<const int32_t *>(a.addend.data)[at]);
        }
        finish(a.finish, a.y, i, static_cast<int>(sum),
               scale_at(a.finish.x_scale, left, a_size, m, a.m),
               scale_at(a.finish.w_scale, right, b_size, n, a.n), offset);
    }
}

} // namespace

cudaError_t nn_cuda_launch_general_conv(const nn_cuda_general_conv *arguments,
                                        cudaStream_t stream) {
    return nn_launch(general_conv, nn_grid_for(arguments->count, BLOCK), BLOCK, 0, stream,
                     *arguments);
}

cudaError_t nn_cuda_launch_general_matmul(const nn_cuda_general_matmul *arguments,
                                          cudaStream_t stream) {
    const int64_t count = arguments->batch * arguments->m * arguments->n;
    return nn_launch(general_matmul, nn_grid_for(count, BLOCK), BLOCK, 0, stream, *arguments);
}
