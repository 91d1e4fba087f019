/* Gemm: Y = alpha A' B' + beta C, where ' transposes on request and C broadcasts to Y. */
#ifndef NN_FAMILY_GEMM_H
#define NN_FAMILY_GEMM_H

#include "ops/op.h"

typedef struct nn_gemm_attrs {
    float alpha, beta;
    bool transpose_a, transpose_b;
} nn_gemm_attrs;

typedef struct nn_gemm_geometry {
    int64_t m, n, k;
    int64_t a_row, a_column, b_row, b_column; /* steps in elements of A' and B' */
    int64_t c_row, c_column;                  /* steps of C, 0 where broadcast */
} nn_gemm_geometry;

nn_gemm_geometry nn_gemm_geometry_of(const nn_node_view *node);

#endif
