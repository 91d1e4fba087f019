#include "ops/cuda/int8/columns_launch.h"

#include "ops/cuda/int8/parameters.cuh"

namespace {

enum { COLUMNS = 32, DEPTH = 128, ROWS = 8, BLOCK = COLUMNS * ROWS };

/* A block takes 32 columns of one matrix: 128 places of their depth at a time go through shared
 * memory, read along rows and written along columns. */
__global__ void __launch_bounds__(BLOCK) make_columns(nn_cuda_columns a) {
    __shared__ uint8_t part[COLUMNS][DEPTH + 4];
    __shared__ int sums[ROWS][COLUMNS];
    const int thread = static_cast<int>(threadIdx.x);
    const int own = thread % COLUMNS, line = thread / COLUMNS;
    const int first = static_cast<int>(blockIdx.x) * COLUMNS, n = first + own;
    const int flip = a.b.type == NNOPT_UINT8 ? 0x80 : 0; /* u - 128, as a byte */
    for (int64_t matrix = blockIdx.y; matrix < a.batch; matrix += gridDim.y) {
        const uint8_t *b = static_cast<const uint8_t *>(a.b.data) + matrix * a.k * a.n;
        int8_t *to = a.columns + matrix * a.n * a.step;
        int sum = 0;
        for (int begin = 0; begin < a.step; begin += DEPTH) {
            for (int k = line; k < DEPTH; k += ROWS) {
                int value = 0;
                if (n < a.n && begin + k < a.k)
                    value =
                        static_cast<int8_t>(b[static_cast<int64_t>(begin + k) * a.n + n] ^ flip);
                part[own][k] = static_cast<uint8_t>(value);
                sum += value;
            }
            __syncthreads();
            for (int at = thread; at < COLUMNS * DEPTH / 4; at += BLOCK) {
                const int column = at / (DEPTH / 4), k = at % (DEPTH / 4) * 4;
                if (first + column < a.n && begin + k < a.step)
                    *reinterpret_cast<uint32_t *>(
                        to + static_cast<int64_t>(first + column) * a.step + begin + k) =
                        *reinterpret_cast<const uint32_t *>(&part[column][k]);
            }
            __syncthreads();
        }
        sums[line][own] = sum;
        __syncthreads();
        if (line == 0 && n < a.n) {
            for (int i = 1; i < ROWS; i++) sum += sums[i][own];
            const int64_t at = matrix * a.n + n;
            const int zero = nn_parameter_byte(a.b_zero, n) - (flip != 0 ? 128 : 0);
            const int a_zero = nn_parameter_byte(a.a_zero, 0);
            a.start[at] = static_cast<int>(
                0u - static_cast<unsigned>(a_zero) *
                         (static_cast<unsigned>(sum) -
                          static_cast<unsigned>(a.k) * static_cast<unsigned>(zero)));
            if (a.zeros != nullptr) a.zeros[at] = zero;
            float multiplier = 0.0f;
            if (a.b_scale.data != nullptr) {
                multiplier =
                    __fmul_rn(nn_parameter_float(a.a_scale, 0), nn_parameter_float(a.b_scale, n));
                if (a.divides) multiplier = __fdiv_rn(multiplier, a.y_scale);
            }
            a.multiplier[at] = multiplier;
            if (a.offset != nullptr) a.offset[at] = static_cast<const float *>(a.bias.data)[n];
        }
        __syncthreads();
    }
}

} // namespace

cudaError_t nn_cuda_launch_columns(const nn_cuda_columns *arguments, cudaStream_t stream) {
    const nn_cuda_columns &a = *arguments;
    const dim3 grid(static_cast<unsigned>((a.n + COLUMNS - 1) / COLUMNS),
                    static_cast<unsigned>(a.batch < 65535 ? a.batch : 65535));
    return nn_launch(make_columns, grid, BLOCK, 0, stream, a);
}
