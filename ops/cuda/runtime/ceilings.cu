#include "ops/cuda/runtime/ceilings_launch.h"
#include "ops/cuda/runtime/launch.cuh"

namespace {

/* Eight sums a thread, each waiting four cycles for itself: with eight warps on a scheduler its
 * units are always busy. */
constexpr int SUMS = 8;

__global__ void fma_all(int64_t iterations, float factor, float never, float *sink) {
    float sums[SUMS];
    for (int i = 0; i < SUMS; i++) sums[i] = static_cast<float>(threadIdx.x + i);
    for (int64_t n = 0; n < iterations; n++) {
#pragma unroll
        for (int step = 0; step < NN_CUDA_FMA_STEP / SUMS; step++)
#pragma unroll
            for (int i = 0; i < SUMS; i++) sums[i] = fmaf(sums[i], factor, 1.0f);
    }
    float sum = 0;
    for (int i = 0; i < SUMS; i++) sum += sums[i];
    if (sum == never) *sink = sum;
}

} // namespace

cudaError_t nn_cuda_launch_fma(const nn_cuda_fma *arguments, cudaStream_t stream) {
    return nn_launch(fma_all, static_cast<unsigned>(arguments->blocks), NN_CUDA_FMA_THREADS, 0,
                     stream, arguments->iterations, arguments->factor, arguments->never,
                     arguments->sink);
}
