#include "ops/cuda/movement/tensor_scatter_launch.h"

#include "ops/cuda/movement/bytes.cuh"
#include "ops/cuda/runtime/index.cuh"

namespace {

enum { BLOCK = 256 };

template <typename T> __global__ void write(nn_cuda_tensor_scatter a) {
    const T *update = static_cast<const T *>(a.update);
    T *cache = static_cast<T *>(a.cache);
    const int64_t each = a.length * a.row, count = a.samples * a.prefixes * each;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t prefix = i / each, inside = i - prefix * each, row = inside / a.row;
        int64_t first = a.first != nullptr ? a.first[prefix / a.prefixes] : 0;
        if (a.circular) {
            first %= a.capacity;
            if (first < 0) first += a.capacity;
        } else if (first < 0 || first > a.capacity - a.length) {
            nn_report(a.fault);
            first = first < 0 ? 0 : a.capacity - a.length;
        }
        int64_t at = first + row;
        if (at >= a.capacity) at -= a.capacity;
        cache[(prefix * a.capacity + at) * a.row + inside - row * a.row] = update[i];
    }
}

template <typename T> cudaError_t launch(const nn_cuda_tensor_scatter &a, cudaStream_t stream) {
    const int64_t count = a.samples * a.prefixes * a.length * a.row;
    return nn_launch(write<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_tensor_scatter(const nn_cuda_tensor_scatter *arguments,
                                          cudaStream_t stream) {
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch, *arguments, stream)
}
