#include "ops/cuda/movement/gather_launch.h"

#include "ops/cuda/movement/bytes.cuh"
#include "ops/cuda/runtime/index.cuh"

namespace {

constexpr int THREADS = 256;

template <typename T> __global__ void gather(nn_cuda_gather a) {
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    for (int64_t i = nn_first(); i < a.total; i += nn_stride()) {
        int64_t inside, at;
        const int64_t row = nn_divide(i, a.inner, &inside), outer = nn_divide(row, a.count, &at);
        const int64_t index =
            nn_checked_index(nn_index_at(a.index_type, a.indices, at), a.size, a.fault);
        y[i] = index < 0 ? T() : x[(outer * a.size + index) * a.inner.size + inside];
    }
}

template <typename T> cudaError_t launch_gather(const nn_cuda_gather &a, cudaStream_t stream) {
    return nn_launch(gather<T>, nn_grid_for(a.total, THREADS), THREADS, 0, stream, a);
}

template <typename T> __global__ void gather_elements(nn_cuda_gather_elements a) {
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    for (int64_t i = nn_first(); i < a.loops.count; i += nn_stride()) {
        int64_t places[2];
        nn_locate(a.loops, i, places);
        const int64_t index =
            nn_checked_index(nn_index_at(a.index_type, a.indices, i), a.size, a.fault);
        y[i] = index < 0 ? T() : x[places[1] + index * a.axis_step];
    }
}

template <typename T>
cudaError_t launch_elements(const nn_cuda_gather_elements &a, cudaStream_t stream) {
    return nn_launch(gather_elements<T>, nn_grid_for(a.loops.count, THREADS), THREADS, 0, stream,
                     a);
}

template <typename T> __global__ void gather_nd(nn_cuda_gather_nd a) {
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    const int64_t total = a.slices.count * a.slices.length.size;
    for (int64_t i = nn_first(); i < total; i += nn_stride()) {
        int64_t inside;
        const int64_t slice = nn_divide(i, a.slices.length, &inside);
        const int64_t offset = nn_slice_offset(a.slices, slice);
        y[i] = offset < 0 ? T() : x[offset + inside];
    }
}

template <typename T> cudaError_t launch_nd(const nn_cuda_gather_nd &a, cudaStream_t stream) {
    return nn_launch(gather_nd<T>, nn_grid_for(a.slices.count * a.slices.length.size, THREADS),
                     THREADS, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_gather(const nn_cuda_gather *arguments, cudaStream_t stream){
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_gather, *arguments, stream)}

cudaError_t
    nn_cuda_launch_gather_elements(const nn_cuda_gather_elements *arguments, cudaStream_t stream){
        NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_elements, *arguments, stream)}

cudaError_t nn_cuda_launch_gather_nd(const nn_cuda_gather_nd *arguments, cudaStream_t stream) {
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_nd, *arguments, stream)
}
