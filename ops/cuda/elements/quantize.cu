#include "ops/cuda/elements/quantize_launch.h"

#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/scales.cuh"
#include "ops/cuda/elements/types.cuh"

namespace {

constexpr int THREADS = 256;

/* The clamp comes before the rounding, which gives the same; NaN becomes the lowest. */
template <typename T> __device__ __forceinline__ T quantized(float units, int zero) {
    constexpr int bits = 8 * static_cast<int>(sizeof(T));
    constexpr int lowest = nn_is_whole<T>::has_sign ? -(1 << (bits - 1)) : 0;
    constexpr int highest = lowest + (1 << bits) - 1;
    const float low = static_cast<float>(lowest - zero), high = static_cast<float>(highest - zero);
    const float at_least = units > low ? units : low;
    return static_cast<T>(static_cast<int>(rintf(at_least < high ? at_least : high)) + zero);
}

/* Elements that share a scale go in packs. */
template <typename IN, typename OUT, int V> __global__ void quantize(nn_cuda_quantize a) {
    const IN *x = static_cast<const IN *>(a.x);
    const OUT *zeros = static_cast<const OUT *>(a.map.zeros);
    OUT *y = static_cast<OUT *>(a.y);
    for (int64_t i = nn_first(); i * V < a.count; i += nn_stride()) {
        const int64_t at = nn_scale_of(a.map, i * V);
        const int zero = zeros != nullptr ? static_cast<int>(zeros[at]) : 0;
        const float scale = nn_round_to(nn_float_at(a.map.type, a.map.scales, at), a.precision);
        const nn_pack<IN, V> in = nn_load_pack<V>(x + i * V, 1);
        nn_pack<OUT, V> out;
#pragma unroll
        for (int k = 0; k < V; k++)
            out.items[k] = quantized<OUT>(
                nn_round_to(nn_round_to(nn_to_float(in.items[k]), a.precision) / scale,
                            a.precision),
                zero);
        nn_store_pack(y + i * V, out);
    }
}

template <typename IN, typename OUT, int V> __global__ void dequantize(nn_cuda_dequantize a) {
    const IN *x = static_cast<const IN *>(a.x), *zeros = static_cast<const IN *>(a.map.zeros);
    OUT *y = static_cast<OUT *>(a.y);
    for (int64_t i = nn_first(); i * V < a.count; i += nn_stride()) {
        const int64_t at = nn_scale_of(a.map, i * V);
        const float zero = zeros != nullptr ? nn_to_float(zeros[at]) : 0.0f;
        const float scale = nn_float_at(a.map.type, a.map.scales, at);
        const nn_pack<IN, V> in = nn_load_pack<V>(x + i * V, 1);
        nn_pack<OUT, V> out;
#pragma unroll
        for (int k = 0; k < V; k++)
            out.items[k] = nn_from_float<OUT>((nn_to_float(in.items[k]) - zero) * scale);
        nn_store_pack(y + i * V, out);
    }
}

/* May `width` neighbours share a scale, and be accessed at once? */
template <typename IN, typename OUT>
bool takes_packs(const nn_cuda_scales &map, const void *x, const void *y, int64_t count) {
    constexpr int width = nn_pack_width<IN, OUT>::value;
    const bool shares = map.grain == NN_CUDA_PER_TENSOR ||
                        (map.grain == NN_CUDA_PER_AXIS && map.inner.size % width == 0);
    return shares && count % width == 0 &&
           reinterpret_cast<uintptr_t>(x) % (sizeof(IN) * width) == 0 &&
           reinterpret_cast<uintptr_t>(y) % (sizeof(OUT) * width) == 0;
}

template <typename OUT, typename IN>
cudaError_t launch_quantize(const nn_cuda_quantize &a, cudaStream_t stream) {
    constexpr int width = nn_pack_width<IN, OUT>::value;
    if (takes_packs<IN, OUT>(a.map, a.x, a.y, a.count))
        return nn_launch(quantize<IN, OUT, width>, nn_grid_for(a.count / width, THREADS), THREADS,
                         0, stream, a);
    return nn_launch(quantize<IN, OUT, 1>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

template <typename OUT> cudaError_t quantize_to(const nn_cuda_quantize &a, cudaStream_t stream) {
    switch (a.from) {
    case NNOPT_FLOAT:
        return launch_quantize<OUT, float>(a, stream);
    case NNOPT_FLOAT16:
        return launch_quantize<OUT, __half>(a, stream);
    case NNOPT_BFLOAT16:
        return launch_quantize<OUT, __nv_bfloat16>(a, stream);
    case NNOPT_INT32:
        return launch_quantize<OUT, int32_t>(a, stream);
    default:
        return cudaErrorInvalidValue;
    }
}

template <typename IN, typename OUT>
cudaError_t launch_dequantize(const nn_cuda_dequantize &a, cudaStream_t stream) {
    constexpr int width = nn_pack_width<IN, OUT>::value;
    if (takes_packs<IN, OUT>(a.map, a.x, a.y, a.count))
        return nn_launch(dequantize<IN, OUT, width>, nn_grid_for(a.count / width, THREADS), THREADS,
                         0, stream, a);
    return nn_launch(dequantize<IN, OUT, 1>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

template <typename IN>
cudaError_t dequantize_from(const nn_cuda_dequantize &a, cudaStream_t stream) {
    return nn_by_floating(a.to, [&](auto element) {
        return launch_dequantize<IN, typename decltype(element)::type>(a, stream);
    });
}

/* ---- the range of the data ---- */

/* ends: the bits of the magnitudes of the lowest and of the highest element or 0, which as integers
 * are in the order of the numbers. NaN counts as 0. */
__global__ void find_ends(const float *x, uint32_t *ends, int64_t count) {
    float low = 0.0f, high = 0.0f;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    for (int lanes = 16; lanes > 0; lanes /= 2) {
        low = fminf(low, __shfl_xor_sync(0xffffffffu, low, lanes));
        high = fmaxf(high, __shfl_xor_sync(0xffffffffu, high, lanes));
    }
    if (threadIdx.x % 32 == 0) {
        if (low < 0.0f) atomicMax(&ends[0], __float_as_uint(-low));
        if (high > 0.0f) atomicMax(&ends[1], __float_as_uint(high));
    }
}

__global__ void quantize_range(nn_cuda_dynamic_quantize a) {
    const float low = -__uint_as_float(a.ends[0]), high = __uint_as_float(a.ends[1]);
    const float scale = high == low ? 1.0f : (high - low) / 255.0f;
    const int zero = quantized<uint8_t>(-low / scale, 0);
    for (int64_t i = nn_first(); i < a.count; i += nn_stride())
        a.y[i] = quantized<uint8_t>(a.x[i] / scale, zero);
    if (nn_first() == 0) {
        *a.scale = scale;
        *a.zero = static_cast<uint8_t>(zero);
    }
}

} // namespace

cudaError_t nn_cuda_launch_quantize(const nn_cuda_quantize *arguments, cudaStream_t stream) {
    switch (arguments->to) {
    case NNOPT_UINT8:
        return quantize_to<uint8_t>(*arguments, stream);
    case NNOPT_INT8:
        return quantize_to<int8_t>(*arguments, stream);
    case NNOPT_UINT16:
        return quantize_to<uint16_t>(*arguments, stream);
    case NNOPT_INT16:
        return quantize_to<int16_t>(*arguments, stream);
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_dequantize(const nn_cuda_dequantize *arguments, cudaStream_t stream) {
    switch (arguments->from) {
    case NNOPT_UINT8:
        return dequantize_from<uint8_t>(*arguments, stream);
    case NNOPT_INT8:
        return dequantize_from<int8_t>(*arguments, stream);
    case NNOPT_UINT16:
        return dequantize_from<uint16_t>(*arguments, stream);
    case NNOPT_INT16:
        return dequantize_from<int16_t>(*arguments, stream);
    case NNOPT_INT32:
        return dequantize_from<int32_t>(*arguments, stream);
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_dynamic_quantize(const nn_cuda_dynamic_quantize *arguments,
                                            cudaStream_t stream) {
    const nn_cuda_dynamic_quantize &a = *arguments;
    const cudaError_t error = cudaMemsetAsync(a.ends, 0, 2 * sizeof *a.ends, stream);
    if (error != cudaSuccess) return error;
    const unsigned grid = nn_grid_for(a.count, THREADS);
    const cudaError_t found = nn_launch(find_ends, grid, THREADS, 0, stream, a.x, a.ends, a.count);
    if (found != cudaSuccess) return found;
    return nn_launch(quantize_range, grid > 0 ? grid : 1, THREADS, 0, stream, a);
}
