#include "ops/cuda/products/conv_general_launch.h"
#include "ops/cuda/runtime/activation.cuh"

namespace {

constexpr int THREADS = 256;

/* Where in x place `at` of y meets tap `tap`; -1: nowhere. */
__device__ __forceinline__ int64_t place_in_x(const nn_cuda_axis &a, bool is_transpose, int64_t at,
                                              int64_t tap) {
    int64_t place;
    if (is_transpose) {
        place = at + a.pad - tap * a.dilation;
        if (place < 0 || place % a.stride != 0) return -1;
        place /= a.stride;
    } else {
        place = at * a.stride + tap * a.dilation - a.pad;
    }
    return place < 0 || place >= a.x ? -1 : place;
}

/* The sum for one channel of one pixel of y. */
__device__ float convolve(const nn_cuda_conv_general &a, int64_t sample, const int64_t *at,
                          int64_t channel) {
    const int64_t in = a.in_channels / a.groups, out = a.out_channels / a.groups;
    const int64_t group = channel / out;
    const int64_t taps = a.axes[0].kernel * a.axes[1].kernel * a.axes[2].kernel;
    const bool transposed = a.is_transpose != 0;
    /* from one input channel of a filter to the next */
    const int64_t step = transposed ? out * taps : taps;
    const int64_t filter =
        transposed ? (group * in * out + channel % out) * taps : channel * in * taps;
    float sum = 0.0f;
    for (int64_t tap = 0; tap < taps; tap++) {
        int64_t rest = tap, place = 0, size = 1;
        bool meets = true;
        for (int i = 2; i >= 0; i--) {
            const nn_cuda_axis &axis = a.axes[i];
            const int64_t p = place_in_x(axis, transposed, at[i], rest % axis.kernel);
            rest /= axis.kernel;
            meets = meets && p >= 0;
            place += p * size;
            size *= axis.x;
        }
        if (!meets) continue;
        const int64_t pixel = (sample * size + place) * a.in_channels + group * in;
        for (int64_t c = 0; c < in; c++)
            sum += nn_load_as(a.x_type, a.x, pixel + c) *
                   nn_load_as(a.w_type, a.w, filter + c * step + tap);
    }
    return sum;
}

__global__ void conv_general(const nn_cuda_conv_general a, int64_t count) {
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t channel = i % a.out_channels;
        int64_t rest = i / a.out_channels, at[3];
        for (int axis = 2; axis >= 0; axis--) {
            at[axis] = rest % a.axes[axis].y;
            rest /= a.axes[axis].y;
        }
        float x = convolve(a, rest, at, channel);
        if (a.bias != nullptr) x += nn_load_as(a.bias_type, a.bias, channel);
        x = nn_activate(a.before, x);
        if (a.residual != nullptr) x += nn_load_as(a.residual_type, a.residual, i);
        nn_store_as(a.y_type, a.y, i, nn_activate(a.after, x));
    }
}

} // namespace

cudaError_t nn_cuda_launch_conv_general(const nn_cuda_conv_general *arguments,
                                        cudaStream_t stream) {
    const nn_cuda_conv_general &a = *arguments;
    const int64_t count = a.batch * a.axes[0].y * a.axes[1].y * a.axes[2].y * a.out_channels;
    return nn_launch(conv_general, nn_grid_for(count, THREADS), THREADS, 0, stream, a, count);
}
