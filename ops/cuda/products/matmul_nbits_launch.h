#ifndef NN_CUDA_MATMUL_NBITS_LAUNCH_H
#define NN_CUDA_MATMUL_NBITS_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weights of 2, 4 or 8 bits in blocks, as ops/family/matmul_nbits.h tells. */
typedef struct nn_cuda_nbits {
    int bits;
    int block_shift;      /* a block has 2^block_shift numbers */
    int64_t k, n, blocks; /* blocks of a column */
    int64_t block_bytes, zero_bytes;
    nnopt_type scale_type; /* float, float16, bfloat16 */
    nnopt_type zero_type;  /* uint8: packed; NONE: the middle of the range */
    const uint8_t *b;      /* aligned to 4 bytes */
    const void *scales, *zeros;
} nn_cuda_nbits;

/* y [rows, n] = a [rows, k] weights + bias; a and y of `type`, sums in float. */
typedef struct nn_cuda_nbits_product {
    nn_cuda_nbits weights;
    nnopt_type type, bias_type; /* bias_type NONE: no bias */
    int64_t rows;
    const void *a, *bias;
    void *y;
} nn_cuda_nbits_product;
cudaError_t nn_cuda_launch_nbits_product(const nn_cuda_nbits_product *arguments,
                                         cudaStream_t stream);

/* The weights as [n, k] of `type`. */
cudaError_t nn_cuda_launch_nbits_unpack(const nn_cuda_nbits *weights, nnopt_type type, void *out,
                                        cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
