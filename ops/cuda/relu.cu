#include "ops/cuda/relu_launch.h"
#include "ops/cuda/runtime/elements.cuh"

namespace {

constexpr int THREADS = 256;

/* NaN stays. */
template <typename T> __global__ void relu(const T *x, T *y, int64_t count) {
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const float value = nn_load(x + i);
        nn_store(y + i, value < 0.0f ? 0.0f : value);
    }
}

template <typename T> cudaError_t launch(const nn_cuda_relu &a, cudaStream_t stream) {
    return nn_launch(relu<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream,
                     static_cast<const T *>(a.x), static_cast<T *>(a.y), a.count);
}

} // namespace

cudaError_t nn_cuda_launch_relu(const nn_cuda_relu *arguments, cudaStream_t stream) {
    switch (arguments->type) {
    case NNOPT_FLOAT:
        return launch<float>(*arguments, stream);
    case NNOPT_FLOAT16:
        return launch<__half>(*arguments, stream);
    case NNOPT_BFLOAT16:
        return launch<__nv_bfloat16>(*arguments, stream);
    default:
        return cudaErrorInvalidValue;
    }
}
