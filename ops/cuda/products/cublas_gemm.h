/* Matrix products of cuBLASLt, in terms of rows as they lie here:
 *
 *     d = activation(alpha a b + c + bias of the column)
 *
 * cuBLASLt counts columns first, so it is asked for d' = b' a'. */
#ifndef NN_CUBLAS_GEMM_H
#define NN_CUBLAS_GEMM_H

#include "ops/cuda/runtime/cublas_library.h"
#include "ops/op.h"

typedef struct nn_cublas_gemm {
    int64_t batch, m, n, k;
    bool transpose_a, transpose_b;              /* a lies as [k, m], b as [n, k] */
    int64_t a_row, b_row, c_row, d_row;         /* elements from a row to the next, as they lie */
    int64_t a_batch, b_batch, c_batch, d_batch; /* from a matrix to the next; a and b: 0 repeats */
    nn_type type;                               /* of a and b: float, float16, bfloat16, int8 */
    nn_type d_type; /* of c, d and bias: float or `type`; int32 of int8 */
    bool adds_c, adds_bias;
    nn_activation_kind activation; /* NONE, RELU or GELU_TANH */
    float alpha;
    int alignment;          /* bytes that every operand's address divides by */
    nn_precision precision; /* TF32 or another */
    bool deterministic;
} nn_cublas_gemm;

typedef struct nn_cublas_plan {
    cublasLtMatmulAlgo_t algorithm;
    size_t workspace;
} nn_cublas_plan;

/* The fastest of what the heuristics propose, from the caches where it was chosen before.
 * NN_UNSUPPORTED where there is none. */
nn_status nn_cublas_choose(nn_device *device, const nn_cublas_gemm *gemm, nn_cublas_plan *out);

/* On the device; c may be d. */
typedef struct nn_cublas_operands {
    const void *a, *b, *c, *bias;
    void *d, *workspace;
} nn_cublas_operands;

nn_status nn_cublas_run(const nn_cublas_gemm *gemm, const nn_cublas_plan *plan,
                        const nn_cublas_operands *operands, nn_device_queue *queue);

#endif
