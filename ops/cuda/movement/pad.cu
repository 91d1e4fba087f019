#include "ops/cuda/movement/pad_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/movement/bytes.cuh"

namespace {

constexpr int THREADS = 256;

/* Where element `i` of a padded axis comes from; -1: the constant. */
__device__ __forceinline__ int64_t source_of(int mode, int64_t i, int64_t size) {
    if (i >= 0 && i < size) return i;
    if (mode == NN_CUDA_PAD_CONSTANT) return -1;
    if (mode == NN_CUDA_PAD_EDGE) return i < 0 ? 0 : size - 1;
    if (mode == NN_CUDA_PAD_WRAP) return ((i % size) + size) % size;
    if (size == 1) return 0;
    const int64_t period = 2 * (size - 1);
    i = ((i % period) + period) % period;
    return i < size ? i : period - i;
}

template <typename T> __global__ void pad(nn_cuda_pad a) {
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        int64_t rest = i, offset = 0;
        bool is_constant = false;
        for (int axis = a.rank - 1; axis >= 0; axis--) {
            int64_t place;
            rest = nn_divide(rest, a.dims[axis], &place);
            const int64_t source = source_of(a.mode, place - a.before[axis], a.sizes[axis]);
            is_constant = is_constant || source < 0;
            offset += source * a.steps[axis];
        }
        y[i] = is_constant ? nn_element_of<T>(a.value) : x[offset];
    }
}

template <typename T> cudaError_t launch_pad(const nn_cuda_pad &a, cudaStream_t stream) {
    return nn_launch(pad<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

template <typename T> __global__ void trilu(nn_cuda_trilu a) {
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    const int64_t diagonal = a.given != nullptr ? *a.given : a.diagonal;
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        int64_t column, row;
        nn_divide(nn_divide(i, a.columns, &column), a.rows, &row);
        const bool stays = a.upper ? column - row >= diagonal : column - row <= diagonal;
        y[i] = stays ? x[i] : T();
    }
}

template <typename T> cudaError_t launch_trilu(const nn_cuda_trilu &a, cudaStream_t stream) {
    return nn_launch(trilu<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

template <typename T> __global__ void reverse(nn_cuda_reverse a) {
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        int64_t inside, second;
        const int64_t row = nn_divide(i, a.length, &inside),
                      first = nn_divide(row, a.inner, &second);
        const int64_t sample = a.batch_first ? first : second,
                      time = a.batch_first ? second : first;
        int64_t length = a.lengths[sample];
        if (length < 0 || length > a.times) {
            if (a.fault.flag != nullptr) *a.fault.flag = a.fault.code;
            length = length < 0 ? 0 : a.times;
        }
        const int64_t from = time < length ? length - 1 - time : time;
        const int64_t source = a.batch_first ? sample * a.times + from : from * a.batch + sample;
        y[i] = x[source * a.length.size + inside];
    }
}

template <typename T> cudaError_t launch_reverse(const nn_cuda_reverse &a, cudaStream_t stream) {
    return nn_launch(reverse<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_pad(const nn_cuda_pad *arguments, cudaStream_t stream){
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_pad, *arguments, stream)}

cudaError_t nn_cuda_launch_trilu(const nn_cuda_trilu *arguments, cudaStream_t stream){
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_trilu, *arguments, stream)}

cudaError_t nn_cuda_launch_reverse(const nn_cuda_reverse *arguments, cudaStream_t stream) {
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_reverse, *arguments, stream)
}
