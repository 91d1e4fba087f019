#include "ops/cuda/products/causal_conv_launch.h"

#include "ops/cuda/runtime/elements.cuh"

namespace {

enum { BLOCK = 256 };

/* Element `at` of the line of a row. */
template <typename T>
__device__ __forceinline__ T line_at(const nn_cuda_causal_conv &a, int64_t row, int64_t at) {
    const int64_t carried = a.taps - 1;
    if (at >= carried) return static_cast<const T *>(a.x)[row * a.length + at - carried];
    return a.past != nullptr ? static_cast<const T *>(a.past)[row * carried + at]
                             : nn_from_float<T>(0.0f);
}

/* Outputs of y, then elements of the present. */
template <typename T> __global__ void __launch_bounds__(BLOCK) convolve(nn_cuda_causal_conv a) {
    const T *weight = static_cast<const T *>(a.weight), *bias = static_cast<const T *>(a.bias);
    const int64_t rows = a.batch * a.channels, outputs = rows * a.length, carried = a.taps - 1;
    const int64_t count = outputs + (a.present != nullptr ? rows * carried : 0);
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        if (i >= outputs) {
            const int64_t row = (i - outputs) / carried, at = (i - outputs) % carried;
            static_cast<T *>(a.present)[i - outputs] = line_at<T>(a, row, a.length + at);
            continue;
        }
        const int64_t row = i / a.length, t = i - row * a.length, channel = row % a.channels;
        float sum = bias != nullptr ? nn_load(bias + channel) : 0.0f;
        for (int64_t k = 0; k < a.taps; k++)
            sum += nn_load(weight + channel * a.taps + k) * nn_to_float(line_at<T>(a, row, t + k));
        T y = nn_from_float<T>(sum);
        if (a.silu) {
            const float value = nn_to_float(y); /* the activation sees the result as T holds it */
            y = nn_from_float<T>(value / (1.0f + expf(-value)));
        }
        static_cast<T *>(a.y)[i] = y;
    }
}

template <typename T> cudaError_t launch(const nn_cuda_causal_conv &a, cudaStream_t stream) {
    const int64_t count = a.batch * a.channels * (a.length + a.taps - 1);
    return nn_launch(convolve<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_causal_conv(const nn_cuda_causal_conv *arguments, cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch<typename decltype(element)::type>(*arguments, stream);
    });
}
