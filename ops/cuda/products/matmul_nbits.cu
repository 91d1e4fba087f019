#include "ops/cuda/products/matmul_nbits_launch.h"

#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { WARPS = 8, WORD = 4 }; /* bytes that a lane reads at once: they lie in one block */

/* What the numbers of one word have in common. */
struct word {
    uint32_t bits;
    float scale, zero;
};

__device__ __forceinline__ float zero_of(const nn_cuda_nbits &w, int64_t column, int64_t block) {
    if (w.zero_type == NNOPT_TYPE_NONE) return static_cast<float>(1 << (w.bits - 1));
    if (w.zero_type != NNOPT_UINT8)
        return nn_load_as(w.zero_type, w.zeros, column * w.blocks + block);
    const int64_t place = block * w.bits;
    const uint8_t *bytes = static_cast<const uint8_t *>(w.zeros) + column * w.zero_bytes;
    return static_cast<float>(bytes[place / 8] >> (place % 8) & ((1 << w.bits) - 1));
}

/* The word that begins with number `first` of a column. */
__device__ __forceinline__ word word_of(const nn_cuda_nbits &w, int64_t column, int64_t first) {
    const int64_t block = first >> w.block_shift, at = column * w.blocks + block;
    const uint8_t *bytes =
        w.b + at * w.block_bytes + (first - (block << w.block_shift)) * w.bits / 8;
    return {*reinterpret_cast<const uint32_t *>(bytes), nn_load_as(w.scale_type, w.scales, at),
            zero_of(w, column, block)};
}

template <int BITS> __device__ __forceinline__ float number_of(const word &w, int k) {
    return static_cast<float>(w.bits >> (k * BITS) & ((1u << BITS) - 1)) - w.zero;
}

/* A warp for each column and ROWS rows: what few rows need is bound by reading the weights once. */
template <typename T, int BITS, int ROWS>
__global__ void __launch_bounds__(WARPS *NN_WARP) product(nn_cuda_nbits_product p) {
    constexpr int numbers = 8 * WORD / BITS;
    const nn_cuda_nbits &w = p.weights;
    const int lane = threadIdx.x % NN_WARP, warp = threadIdx.x / NN_WARP;
    const int64_t bands = (p.rows + ROWS - 1) / ROWS, tasks = w.n * bands;
    const int64_t step = static_cast<int64_t>(gridDim.x) * WARPS;
    for (int64_t task = static_cast<int64_t>(blockIdx.x) * WARPS + warp; task < tasks;
         task += step) {
        const int64_t column = task / bands, row = task % bands * ROWS;
        const T *a = static_cast<const T *>(p.a) + row * w.k;
        float sums[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) sums[r] = 0.0f;
        for (int64_t first = static_cast<int64_t>(lane) * numbers; first < w.k;
             first += NN_WARP * numbers) {
            const word own = word_of(w, column, first);
            const int64_t left = w.k - first;
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                if (row + r >= p.rows) break;
                float part = 0.0f;
#pragma unroll
                for (int k = 0; k < numbers; k++)
                    if (k < left)
                        part += nn_to_float(a[r * w.k + first + k]) * number_of<BITS>(own, k);
                sums[r] += part * own.scale;
            }
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const float sum = nn_join_warp(sums[r], [](float x, float other) { return x + other; });
            if (lane != 0 || row + r >= p.rows) continue;
            const float bias =
                p.bias_type != NNOPT_TYPE_NONE ? nn_load_as(p.bias_type, p.bias, column) : 0.0f;
            nn_store(static_cast<T *>(p.y) + (row + r) * w.n + column, sum + bias);
        }
    }
}

template <typename T, int BITS>
cudaError_t launch_rows(const nn_cuda_nbits_product &p, cudaStream_t stream) {
    const dim3 block(WARPS * NN_WARP);
    const int rows = p.rows <= 1 ? 1 : p.rows <= 4 ? 4 : 8;
    const int64_t tasks = p.weights.n * ((p.rows + rows - 1) / rows);
    const unsigned grid = nn_grid_for(tasks, WARPS);
    if (rows == 1) return nn_launch(product<T, BITS, 1>, grid, block, 0, stream, p);
    if (rows == 4) return nn_launch(product<T, BITS, 4>, grid, block, 0, stream, p);
    return nn_launch(product<T, BITS, 8>, grid, block, 0, stream, p);
}

template <typename T> cudaError_t launch(const nn_cuda_nbits_product &p, cudaStream_t stream) {
    if (p.weights.bits == 2) return launch_rows<T, 2>(p, stream);
    if (p.weights.bits == 4) return launch_rows<T, 4>(p, stream);
    return launch_rows<T, 8>(p, stream);
}

template <typename T, int BITS> __global__ void unpack(nn_cuda_nbits w, T *out, int64_t words) {
    constexpr int numbers = 8 * WORD / BITS;
    const int64_t count = w.n * words;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t column = i / words, first = i % words * numbers;
        const word own = word_of(w, column, first);
        T *to = out + column * w.k + first;
#pragma unroll
        for (int k = 0; k < numbers; k++)
            if (first + k < w.k) nn_store(to + k, number_of<BITS>(own, k) * own.scale);
    }
}

template <typename T, int BITS>
cudaError_t unpack_bits(const nn_cuda_nbits &w, void *out, cudaStream_t stream) {
    enum { THREADS = 256 };
    constexpr int numbers = 8 * WORD / BITS;
    const int64_t words = (w.k + numbers - 1) / numbers;
    return nn_launch(unpack<T, BITS>, nn_grid_for(w.n * words, THREADS), THREADS, 0, stream, w,
                     static_cast<T *>(out), words);
}

template <typename T>
cudaError_t unpack_as(const nn_cuda_nbits &w, void *out, cudaStream_t stream) {
    if (w.bits == 2) return unpack_bits<T, 2>(w, out, stream);
    if (w.bits == 4) return unpack_bits<T, 4>(w, out, stream);
    return unpack_bits<T, 8>(w, out, stream);
}

} // namespace

cudaError_t nn_cuda_launch_nbits_product(const nn_cuda_nbits_product *arguments,
                                         cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch<typename decltype(element)::type>(*arguments, stream);
    });
}

cudaError_t nn_cuda_launch_nbits_unpack(const nn_cuda_nbits *weights, nnopt_type type, void *out,
                                        cudaStream_t stream) {
    return nn_by_floating(type, [&](auto element) {
        return unpack_as<typename decltype(element)::type>(*weights, out, stream);
    });
}
