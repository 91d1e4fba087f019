#include "ops/cuda/movement/generate_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/movement/bytes.cuh"

namespace {

constexpr int THREADS = 256;

template <typename T> __global__ void fill(nn_cuda_fill a) {
    constexpr int width = nn_pack_width<T>::value;
    T *y = static_cast<T *>(a.y);
    nn_pack<T, width> pack;
#pragma unroll
    for (int k = 0; k < width; k++) pack.items[k] = nn_element_of<T>(a.value);
    const bool aligned = reinterpret_cast<uintptr_t>(y) % NN_CUDA_VECTOR_BYTES == 0;
    const int64_t whole = aligned ? a.count / width : 0;
    for (int64_t i = nn_first(); i < whole; i += nn_stride()) nn_store_pack(y + i * width, pack);
    for (int64_t i = whole * width + nn_first(); i < a.count; i += nn_stride())
        y[i] = pack.items[0];
}

template <typename T> cudaError_t launch_fill(const nn_cuda_fill &a, cudaStream_t stream) {
    constexpr int width = nn_pack_width<T>::value;
    return nn_launch(fill<T>, nn_grid_for((a.count + width - 1) / width, THREADS), THREADS, 0,
                     stream, a);
}

template <typename T> __global__ void eye(nn_cuda_eye a) {
    T *y = static_cast<T *>(a.y);
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        int64_t column;
        const int64_t row = nn_divide(i, a.columns, &column);
        y[i] = column - row == a.diagonal ? nn_element_of<T>(a.one) : T();
    }
}

template <typename T> cudaError_t launch_eye(const nn_cuda_eye &a, cudaStream_t stream) {
    return nn_launch(eye<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

/* Integers wrap; numbers are computed in double and rounded once. */
template <typename T> __global__ void range(nn_cuda_range a) {
    T *y = static_cast<T *>(a.y);
    for (int64_t i = nn_first(); i < a.count; i += nn_stride())
        if constexpr (nn_is_whole<T>::value)
            y[i] = static_cast<T>(static_cast<uint64_t>(nn_integer_at(a.type, a.start, 0)) +
                                  static_cast<uint64_t>(i) *
                                      static_cast<uint64_t>(nn_integer_at(a.type, a.delta, 0)));
        else /* a product and a sum, as the CPU has it */
            y[i] = nn_cast<T>(
                __dadd_rn(nn_number_at(a.type, a.start, 0),
                          __dmul_rn(static_cast<double>(i), nn_number_at(a.type, a.delta, 0))));
}

template <typename T> cudaError_t launch_range(const nn_cuda_range &a, cudaStream_t stream) {
    return nn_launch(range<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

template <typename T> __global__ void one_hot(nn_cuda_one_hot a) {
    const T *values = static_cast<const T *>(a.values);
    T *y = static_cast<T *>(a.y);
    const T off = values[0], on = values[1];
    const bool is_unsigned_64 = a.index_type == NNOPT_UINT64;
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        int64_t inside, place;
        const int64_t row = nn_divide(i, a.inner, &inside), outer = nn_divide(row, a.depth, &place);
        const int64_t at = outer * a.inner.size + inside;
        int64_t index =
            nn_is_integer(a.index_type)
                ? nn_integer_at(a.index_type, a.indices, at)
                : nn_clamp_to_integer<int64_t>(nn_number_at(a.index_type, a.indices, at));
        if (index < 0 && a.wraps && !is_unsigned_64) index += a.depth.size;
        y[i] = index == place ? on : off;
    }
}

template <typename T> cudaError_t launch_one_hot(const nn_cuda_one_hot &a, cudaStream_t stream) {
    return nn_launch(one_hot<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_fill(const nn_cuda_fill *arguments, cudaStream_t stream){
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_fill, *arguments, stream)}

cudaError_t nn_cuda_launch_eye(const nn_cuda_eye *arguments, cudaStream_t stream){
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_eye, *arguments, stream)}

cudaError_t nn_cuda_launch_one_hot(const nn_cuda_one_hot *arguments, cudaStream_t stream){
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_one_hot, *arguments, stream)}

cudaError_t nn_cuda_launch_range(const nn_cuda_range *arguments, cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch_range<type>(*arguments, stream);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
