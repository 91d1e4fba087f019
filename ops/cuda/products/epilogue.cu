#include "ops/cuda/products/epilogue_launch.h"
#include "ops/cuda/runtime/activation.cuh"

namespace {

constexpr int THREADS = 256;
constexpr int WIDTH = 4; /* neighbours in a row, for one thread */

template <typename T> struct alignas(WIDTH * sizeof(T)) pack { T items[WIDTH]; };

/* Element i of the matrix, whose bias lies at `bias`. */
__device__ __forceinline__ float finish(const nn_cuda_epilogue &a, float x, int64_t i,
                                        int64_t bias) {
    x *= a.scale;
    if (a.bias != nullptr) x += a.bias_scale * nn_load_as(a.bias_type, a.bias, bias);
    x = nn_activate(a.before, x);
    if (a.residual != nullptr) x += nn_load_as(a.residual_type, a.residual, i);
    return nn_activate(a.after, x);
}

/* Where the bias of element i lies. */
__device__ __forceinline__ int64_t bias_of(const nn_cuda_epilogue &a, int64_t i) {
    if (a.bias == nullptr) return 0;
    const int64_t column = i % a.columns;
    return column * a.bias_column + (a.bias_row != 0 ? i / a.columns * a.bias_row : 0);
}

template <typename X, typename Y>
__global__ void apply(const X *x, Y *y, nn_cuda_epilogue a, int64_t count) {
    for (int64_t i = nn_first(); i < count; i += nn_stride())
        nn_store(y + i, finish(a, nn_load(x + i), i, bias_of(a, i)));
}

/* For columns that divide by WIDTH and memory aligned to as many elements. */
template <typename X, typename Y>
__global__ void apply_packs(const X *x, Y *y, nn_cuda_epilogue a, int64_t count) {
    for (int64_t i = nn_first() * WIDTH; i < count; i += nn_stride() * WIDTH) {
        const pack<X> in = *reinterpret_cast<const pack<X> *>(x + i);
        const int64_t bias = bias_of(a, i);
        pack<Y> out;
        for (int j = 0; j < WIDTH; j++)
            nn_store(out.items + j,
                     finish(a, nn_load(in.items + j), i + j, bias + j * a.bias_column));
        *reinterpret_cast<pack<Y> *>(y + i) = out;
    }
}

template <typename T> bool is_aligned(const T *p) {
    return reinterpret_cast<uintptr_t>(p) % (WIDTH * sizeof(T)) == 0;
}

template <typename X, typename Y>
cudaError_t launch(const nn_cuda_epilogue &a, cudaStream_t stream) {
    const X *x = static_cast<const X *>(a.x);
    Y *y = static_cast<Y *>(a.y);
    const int64_t count = a.rows * a.columns;
    if (a.columns % WIDTH == 0 && is_aligned(x) && is_aligned(y))
        return nn_launch(apply_packs<X, Y>, nn_grid_for(count / WIDTH, THREADS), THREADS, 0, stream,
                         x, y, a, count);
    return nn_launch(apply<X, Y>, nn_grid_for(count, THREADS), THREADS, 0, stream, x, y, a, count);
}

template <typename X> cudaError_t launch_to(const nn_cuda_epilogue &a, cudaStream_t stream) {
    return nn_by_floating(a.y_type, [&](auto element) {
        return launch<X, typename decltype(element)::type>(a, stream);
    });
}

template <typename From, typename To>
__global__ void reorder(const From *from, To *to, int64_t channels, int64_t taps, int64_t count) {
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t channel = i % channels, tap = i / channels % taps;
        const int64_t filter = i / channels / taps;
        nn_store(to + i, nn_load(from + (filter * channels + channel) * taps + tap));
    }
}

template <typename From, typename To>
cudaError_t launch_reorder(const nn_cuda_filters &a, cudaStream_t stream) {
    const int64_t count = a.filters * a.channels * a.taps;
    return nn_launch(reorder<From, To>, nn_grid_for(count, THREADS), THREADS, 0, stream,
                     static_cast<const From *>(a.from), static_cast<To *>(a.to), a.channels, a.taps,
                     count);
}

template <typename From>
cudaError_t launch_reorder_to(const nn_cuda_filters &a, cudaStream_t stream) {
    return nn_by_floating(a.to_type, [&](auto element) {
        return launch_reorder<From, typename decltype(element)::type>(a, stream);
    });
}

} // namespace

cudaError_t nn_cuda_launch_epilogue(const nn_cuda_epilogue *arguments, cudaStream_t stream) {
    switch (arguments->x_type) {
    case NNOPT_FLOAT:
        return launch_to<float>(*arguments, stream);
    case NNOPT_FLOAT16:
        return launch_to<__half>(*arguments, stream);
    case NNOPT_BFLOAT16:
        return launch_to<__nv_bfloat16>(*arguments, stream);
    case NNOPT_INT32:
        return launch_to<int32_t>(*arguments, stream);
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_filters(const nn_cuda_filters *arguments, cudaStream_t stream) {
    return nn_by_floating(arguments->from_type, [&](auto element) {
        return launch_reorder_to<typename decltype(element)::type>(*arguments, stream);
    });
}
