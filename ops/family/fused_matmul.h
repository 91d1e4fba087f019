/* FusedMatMul and its older name TransposeMatMul: alpha times a matrix product of transposed
 * operands.
 *
 *     transA, transB: the last two axes change places
 *     transBatchA, transBatchB: axis 0 comes behind the batch axes: [M, batch..., K] is a matrix
 *
 * Vectors are never transposed. */
#ifndef NN_FAMILY_FUSED_MATMUL_H
#define NN_FAMILY_FUSED_MATMUL_H

#include "ops/expansion.h"

typedef struct nn_fused_matmul_attrs {
    float alpha;
    bool transpose[2], transpose_batch[2]; /* by input */
} nn_fused_matmul_attrs;

nn_status nn_fused_matmul_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_fused_matmul_infer(const nn_node_view *node);
void nn_fused_matmul_cost(const nn_node_view *node, nn_cost *out);
nn_status nn_fused_matmul_expand(const nn_node_view *node, nn_expansion *expansion);

#define NN_FUSED_MATMUL_COLUMNS                                                                    \
    .domain = "com.microsoft", .since = 1, .min_inputs = 2, .max_inputs = 2, .min_outputs = 1,     \
    .max_outputs = 1, .attr_size = sizeof(nn_fused_matmul_attrs), .parse = nn_fused_matmul_parse,  \
    .infer = nn_fused_matmul_infer, .cost = nn_fused_matmul_cost, .quant = NN_QUANT_FLOAT,         \
    .expand = nn_fused_matmul_expand

#endif
