/* Matrix products with the rules of numpy.matmul: A [batch..., M, K], B [batch..., K, N]; batch
 * axes broadcast, a vector stands for one row (A) or one column (B) and its axis goes from the
 * result. */
#ifndef NN_FAMILY_MATMUL_H
#define NN_FAMILY_MATMUL_H

#include "ops/op.h"

/* Checks shapes of inputs a and b and writes output 0. */
nn_status nn_matmul_infer(const nn_node_view *node, int a, int b, nn_type output_type);
void nn_matmul_cost(const nn_node_view *node, int a, int b, nn_cost *out);
nn_status nn_matmul_axes(const nn_node_view *node, int a, int b, nn_axis_relations *out);

/* Concrete numbers. Batch axes are those of the result; matrix `i` of the batch, counted in
 * row-major order, is found with nn_matmul_offsets. */
typedef struct nn_matmul_geometry {
    int64_t batch, m, n, k;
    int batch_rank;
    int64_t batch_dims[NN_MAX_RANK];
    int64_t a_steps[NN_MAX_RANK], b_steps[NN_MAX_RANK]; /* elements; 0 where broadcast */
} nn_matmul_geometry;

nn_matmul_geometry nn_matmul_geometry_of(const nn_node_view *node, int a, int b);

/* First elements of the matrices of A and B for batch index `index`. */
void nn_matmul_offsets(const nn_matmul_geometry *geometry, int64_t index, int64_t *a, int64_t *b);

#endif
