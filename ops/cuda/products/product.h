/* A matrix product with all that stands behind it:
 *
 *     y = after(before(alpha a b + bias_scale bias) + residual)
 *
 * split between cuBLASLt, which adds a bias for each column, a matrix, and few activations, and one
 * kernel of ours for the rest. */
#ifndef NN_CUDA_PRODUCT_H
#define NN_CUDA_PRODUCT_H

#include "ops/cuda/products/cublas_gemm.h"

/* y lies dense, [batch, m, n], and so does the residual. */
typedef struct nn_product {
    nn_cublas_gemm gemm; /* sizes, steps and types of a and b, alpha, precision; not c, d */
    nn_type y_type;      /* float or that of a and b */
    nn_type bias_type, residual_type; /* NONE: there is none */
    int64_t bias_row, bias_column; /* elements from a row, a column of y to the next; 0 repeats */
    float bias_scale;
    nn_activation before, after;
} nn_product;

typedef struct nn_product_plan {
    nn_cublas_gemm gemm; /* what cuBLASLt does */
    nn_cublas_plan plan;
    bool is_float_first; /* d is of floats in workspace, rounded to y by the kernel of ours */
    bool has_own;        /* and what that kernel does */
    bool own_bias, own_residual;
    bool bias_is_matrix; /* cuBLASLt's c is the bias */
    nn_activation own_before, own_after;
    size_t cublas_workspace; /* offset */
    size_t workspace;        /* bytes in all */
} nn_product_plan;

nn_status nn_product_prepare(nn_device *device, const nn_product *product, nn_product_plan *out);

typedef struct nn_product_operands {
    const void *a, *b, *bias, *residual;
    void *y, *workspace;
} nn_product_operands;

nn_status nn_product_run(const nn_product *product, const nn_product_plan *plan,
                         const nn_product_operands *operands, nn_device_queue *queue);

/* Input `input`, of any floating type, as another one: what a product rounds first. */
nn_status nn_cuda_convert(const nn_call *call, int input, nn_type to_type, void *to);

#endif
