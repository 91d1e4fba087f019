#include "ops/cuda/windows/pool_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256 };

/* Input places of a window on data: begin, begin + dilation, ... below end. */
struct span {
    int begin, end;
};

__device__ __forceinline__ span taps_of(const nn_cuda_pool_axis &axis, int position) {
    int64_t begin = static_cast<int64_t>(position) * axis.stride - axis.pad_begin;
    int64_t end = begin + static_cast<int64_t>(axis.kernel) * axis.dilation;
    if (begin < 0) begin += (-begin + axis.dilation - 1) / axis.dilation * axis.dilation;
    if (end > axis.in) end = axis.in;
    if (begin > end) begin = end;
    return {static_cast<int>(begin), static_cast<int>(end)};
}

/* What an average divides by along one axis. */
__device__ __forceinline__ int divisor_of(const nn_cuda_pool_axis &axis, int position,
                                          bool include_pad) {
    nn_cuda_pool_axis padded = axis;
    if (include_pad) {
        padded.in += axis.pad_begin + axis.pad_end;
        padded.pad_begin = 0;
    }
    const span s = taps_of(padded, position);
    return (s.end - s.begin + axis.dilation - 1) / axis.dilation;
}

struct window {
    int at[3];
    span spans[3];
};

__device__ __forceinline__ window window_of(const nn_cuda_pool &a, int64_t pixel) {
    window out;
    out.at[2] = static_cast<int>(pixel % a.axes[2].out);
    pixel /= a.axes[2].out;
    out.at[1] = static_cast<int>(pixel % a.axes[1].out);
    out.at[0] = static_cast<int>(pixel / a.axes[1].out);
#pragma unroll
    for (int i = 0; i < 3; i++) out.spans[i] = taps_of(a.axes[i], out.at[i]);
    return out;
}

template <typename W> __device__ __forceinline__ W power(W x, W p) {
    x = fabs(x);
    return p == W(2) ? x * x : p == W(1) ? x : W(pow(x, p));
}

/* WIDTH neighbouring channels (channels last) or one of a plane. A sum of averages and powers, of
 * maxima the largest, which begins with the lowest and never becomes NaN. */
template <int POOLING, typename T, int WIDTH> struct pool_items {
    typedef typename nn_wide<T>::type wide;
    wide items[WIDTH];
    int64_t places[WIDTH];

    __device__ __forceinline__ pool_items(wide start) {
#pragma unroll
        for (int k = 0; k < WIDTH; k++) {
            items[k] = start;
            places[k] = 0;
        }
    }
    __device__ __forceinline__ void take(int k, wide x, int64_t place, wide p) {
        if constexpr (POOLING == NN_CUDA_POOL_MAX) {
            if (!(x > items[k])) return;
            items[k] = x;
            places[k] = place;
        } else if constexpr (POOLING == NN_CUDA_POOL_LP) {
            items[k] += power(x, p);
        } else {
            items[k] += x;
        }
    }
};

template <typename T, typename W> __device__ __forceinline__ W lowest_of() {
    if constexpr (static_cast<W>(0.5) != W(0))
        return static_cast<W>(-INFINITY);
    else
        return static_cast<T>(-1) < T(0) ? W(-128) : W(0);
}

template <int POOLING, typename T, int WIDTH>
__global__ void __launch_bounds__(BLOCK) pool(nn_cuda_pool a, int64_t count) {
    typedef typename nn_wide<T>::type wide;
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    const int64_t groups = a.channels_last ? a.channels / WIDTH : a.channels;
    const int64_t step = a.channels_last ? a.channels : 1;
    const wide p = static_cast<wide>(a.p);
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        /* standard: [batch, channel, pixel]; channels last: [batch, pixel, group of channels] */
        const int64_t fast = a.channels_last ? groups : a.out_pixels, high = i / fast;
        const int64_t low = i - high * fast;
        const int64_t slow = a.channels_last ? a.out_pixels : groups;
        const int64_t batch = high / slow, middle = high - batch * slow;
        const int64_t pixel = a.channels_last ? middle : low;
        const int64_t channel = a.channels_last ? low * WIDTH : middle;
        const window w = window_of(a, pixel);
        const T *from = a.channels_last ? x + batch * a.in_pixels * a.channels + channel
                                        : x + (batch * a.channels + channel) * a.in_pixels;
        pool_items<POOLING, T, WIDTH> found(POOLING == NN_CUDA_POOL_MAX ? lowest_of<T, wide>()
                                                                        : wide(0));
        for (int d = w.spans[0].begin; d < w.spans[0].end; d += a.axes[0].dilation)
            for (int h = w.spans[1].begin; h < w.spans[1].end; h += a.axes[1].dilation)
                for (int v = w.spans[2].begin; v < w.spans[2].end; v += a.axes[2].dilation) {
                    const int64_t place =
                        (static_cast<int64_t>(d) * a.axes[1].in + h) * a.axes[2].in + v;
                    if constexpr (WIDTH == 1) {
                        found.take(0, nn_wide<T>::load(from[place * step]), place, p);
                    } else {
                        const nn_vector<T> loaded = nn_load_vector(from + place * step);
#pragma unroll
                        for (int k = 0; k < WIDTH; k++)
                            found.take(k, nn_wide<T>::load(loaded.items[k]), place, p);
                    }
                }
        wide scale = 1;
        if constexpr (POOLING == NN_CUDA_POOL_AVERAGE) {
            const bool include = a.count_include_pad != 0;
            const wide divisor = static_cast<wide>(divisor_of(a.axes[0], w.at[0], include)) *
                                 static_cast<wide>(divisor_of(a.axes[1], w.at[1], include)) *
                                 static_cast<wide>(divisor_of(a.axes[2], w.at[2], include));
            scale = divisor;
        }
        nn_vector<T> out;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) {
            wide value = found.items[k];
            if constexpr (POOLING == NN_CUDA_POOL_AVERAGE)
                value = scale > wide(0) ? value / scale : wide(0);
            if constexpr (POOLING == NN_CUDA_POOL_LP)
                value = p == wide(2)   ? wide(sqrt(value))
                        : p == wide(1) ? value
                                       : wide(pow(value, wide(1) / p));
            out.items[k] = nn_wide<T>::store(value);
        }
        T *to = a.channels_last ? y + (batch * a.out_pixels + pixel) * a.channels + channel
                                : y + (batch * a.channels + channel) * a.out_pixels + pixel;
        if constexpr (WIDTH == 1)
            *to = out.items[0];
        else
            nn_store_vector(to, out);
        if constexpr (POOLING == NN_CUDA_POOL_MAX) {
            for (int k = 0; k < WIDTH && a.indices != nullptr; k++) {
                int64_t place = found.places[k];
                if (a.column_major) {
                    const int64_t v = place % a.axes[2].in, rest = place / a.axes[2].in;
                    const int64_t h = rest % a.axes[1].in, d = rest / a.axes[1].in;
                    place = d + a.axes[0].in * (h + a.axes[1].in * v);
                }
                a.indices[to - y + k] = (batch * a.channels + channel + k) * a.in_pixels + place;
            }
        }
    }
}

template <int POOLING, typename T> cudaError_t launch(const nn_cuda_pool &a, cudaStream_t stream) {
    constexpr int width = nn_vector<T>::count;
    const int64_t count = a.batch * a.channels * a.out_pixels;
    if (a.channels_last && width > 1 && nn_is_vectorizable(a.channels, sizeof(T), a.x, a.y))
        return nn_launch(pool<POOLING, T, width>, nn_grid_for(count / width, BLOCK), BLOCK, 0,
                         stream, a, count / width);
    return nn_launch(pool<POOLING, T, 1>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

template <typename T> cudaError_t launch_real(const nn_cuda_pool &a, cudaStream_t stream) {
    if (a.pooling == NN_CUDA_POOL_MAX) return launch<NN_CUDA_POOL_MAX, T>(a, stream);
    if (a.pooling == NN_CUDA_POOL_AVERAGE) return launch<NN_CUDA_POOL_AVERAGE, T>(a, stream);
    return launch<NN_CUDA_POOL_LP, T>(a, stream);
}

} // namespace

cudaError_t nn_cuda_launch_pool(const nn_cuda_pool *arguments, cudaStream_t stream) {
    const nn_cuda_pool &a = *arguments;
    switch (a.type) {
#define LAUNCH(type) return launch_real<type>(a, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    case NNOPT_INT8:
        return launch<NN_CUDA_POOL_MAX, int8_t>(a, stream);
    case NNOPT_UINT8:
        return launch<NN_CUDA_POOL_MAX, uint8_t>(a, stream);
    default:
        return cudaErrorInvalidValue;
    }
}
