#include "tests/cuda_emulator/samples.h"

#include "ops/cuda/runtime/launch.cuh"

extern "C" void nn_cuda_note_launch(const void *, int, size_t) {}

namespace {

constexpr unsigned ALL = 0xffffffffu;

__device__ int64_t place() {
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__global__ void double_all(const float *x, float *y, int64_t n) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = place(); i < n; i += stride) y[i] = 2 * x[i];
}

__global__ void sum_of_block(const float *x, float *y, int64_t n) {
    __shared__ float sums[1024];
    const unsigned t = threadIdx.x;
    sums[t] = place() < n ? x[place()] : 0;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) sums[t] += sums[t + half];
        __syncthreads();
    }
    if (t == 0) y[blockIdx.x] = sums[0];
}

__global__ void sum_of_warp(const float *x, float *y, int64_t n) {
    float sum = place() < n ? x[place()] : 0;
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(ALL, sum, step);
    float down = place() < n ? x[place()] : 0;
    for (unsigned step = 16; step > 0; step /= 2) down += __shfl_down_sync(ALL, down, step);
    if (threadIdx.x % 32 == 0) y[place() / 32] = sum == __shfl_sync(1u, down, 0) ? sum : -1;
}

__global__ void reverse(const float *x, float *y, int64_t n, bool waits) {
    float *shared = nn_dynamic_shared<float>();
    const unsigned t = threadIdx.x;
    if (place() < n) shared[t] = x[place()];
    if (waits) __syncthreads();
    if (place() < n) y[place()] = shared[blockDim.x - 1 - t];
}

__global__ void count(const float *x, float *y, int64_t n) {
    const bool is_odd = place() < n && static_cast<int>(x[place()]) % 2 != 0;
    const unsigned votes = __ballot_sync(ALL, is_odd);
    if (threadIdx.x % 32 == 0) atomicAdd(&y[1], static_cast<float>(__popc(votes)));
    atomicAdd(&y[0], 1.0f);
    if (__any_sync(ALL, is_odd) && !__all_sync(ALL, is_odd)) atomicMax(&y[2], 1.0f);
}

__global__ void places(float *y) {
    const unsigned in_block = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    y[block * (blockDim.x * blockDim.y * blockDim.z) + in_block] =
        static_cast<float>(100 * block + in_block);
}

__global__ void early_end(float *y) {
    if (threadIdx.x >= blockDim.x / 2) return;
    __syncthreads();
    y[threadIdx.x] = 1;
}

__global__ void split_barrier() {
    if (threadIdx.x % 2 == 0)
        __syncthreads();
    else
        __syncthreads();
}

__global__ void missing_lane(float *y) {
    if (threadIdx.x == 5) return;
    y[threadIdx.x] = __shfl_sync(ALL, 1.0f, 5);
}

__global__ void own_mask(float *y) {
    y[threadIdx.x] = __shfl_sync(1u, 1.0f, 0);
}

__global__ void split_warp() {
    if (threadIdx.x < 16)
        __syncwarp();
    else
        __syncwarp();
}

__global__ void wait_for_ever() {
    if (threadIdx.x == 0)
        __syncthreads();
    else
        __syncwarp();
}

__global__ void behind_shared(int64_t bytes) {
    nn_dynamic_shared<char>()[bytes + threadIdx.x] = 0;
}

__global__ void behind_block(float *y, int64_t n) {
    y[n + threadIdx.x] = 0;
}

/* Blocks of as many threads as shared memory has floats. */
__global__ void copy_reversed(const float *x, float *y, bool waits) {
    float *shared = nn_dynamic_shared<float>();
    const unsigned t = threadIdx.x;
    nn_copy_async<4>(&shared[t], &x[place()], true);
    nn_end_copies();
    nn_end_copies(); /* a group of none */
    if (!waits) return;
    nn_wait_copies<1>();
    __syncthreads();
    y[place()] = shared[blockDim.x - 1 - t];
}

__global__ void copy_unaligned(const float *x) {
    nn_copy_async<16>(nn_dynamic_shared<float>() + 1, x, true);
    nn_end_copies();
    nn_wait_copies<0>();
}

} // namespace

cudaError_t run_sample(sample which, dim3 grid, dim3 block, size_t shared, const float *x, float *y,
                       int64_t n, cudaStream_t stream) {
    switch (which) {
    case SAMPLE_DOUBLE:
        return nn_launch(double_all, grid, block, shared, stream, x, y, n);
    case SAMPLE_SUM_OF_BLOCK:
        return nn_launch(sum_of_block, grid, block, shared, stream, x, y, n);
    case SAMPLE_SUM_OF_WARP:
        return nn_launch(sum_of_warp, grid, block, shared, stream, x, y, n);
    case SAMPLE_REVERSE:
    case SAMPLE_WITHOUT_BARRIER:
        return nn_launch(reverse, grid, block, shared, stream, x, y, n, which == SAMPLE_REVERSE);
    case SAMPLE_COUNT:
        return nn_launch(count, grid, block, shared, stream, x, y, n);
    case SAMPLE_PLACES:
        return nn_launch(places, grid, block, shared, stream, y);
    case SAMPLE_EARLY_END:
        return nn_launch(early_end, grid, block, shared, stream, y);
    case SAMPLE_SPLIT_BARRIER:
        return nn_launch(split_barrier, grid, block, shared, stream);
    case SAMPLE_MISSING_LANE:
        return nn_launch(missing_lane, grid, block, shared, stream, y);
    case SAMPLE_OWN_MASK:
        return nn_launch(own_mask, grid, block, shared, stream, y);
    case SAMPLE_SPLIT_WARP:
        return nn_launch(split_warp, grid, block, shared, stream);
    case SAMPLE_WAIT_FOR_EVER:
        return nn_launch(wait_for_ever, grid, block, shared, stream);
    case SAMPLE_BEHIND_SHARED:
        return nn_launch(behind_shared, grid, block, shared, stream, static_cast<int64_t>(shared));
    case SAMPLE_BEHIND_BLOCK:
        return nn_launch(behind_block, grid, block, shared, stream, y, n);
    case SAMPLE_COPY:
    case SAMPLE_COPY_AND_END:
        return nn_launch(copy_reversed, grid, block, shared, stream, x, y, which == SAMPLE_COPY);
    case SAMPLE_COPY_UNALIGNED:
        return nn_launch(copy_unaligned, grid, block, shared, stream, x);
    }
    return cudaErrorInvalidValue;
}
