/* Samples as rows of features: what the operators of ai.onnx.ml take as input 0. */
#ifndef NN_FAMILY_FEATURES_H
#define NN_FAMILY_FEATURES_H

#include "ops/family/infer.h"

#define NN_TYPES_FEATURE                                                                           \
    (NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE) | NN_TYPE_BIT(NNOPT_INT32) |             \
     NN_TYPE_BIT(NNOPT_INT64))

/* Rows and columns of input 0: rank 2, or rank 1 for one sample. Sizes may be unknown. */
nn_status nn_features_shape(const nn_node_view *node, int64_t *rows, int64_t *columns);
/* The same for a tensor that passed the check. */
static inline int64_t nn_features_rows(const nn_tensor *x) {
    return x->rank == 1 ? 1 : x->dims[0];
}
static inline int64_t nn_features_columns(const nn_tensor *x) {
    return x->dims[x->rank - 1];
}

/* Fails when input 0 is known to have other than `expected` columns. */
nn_status nn_features_check_columns(const nn_node_view *node, int64_t columns, int64_t expected);

/* Elements [begin, begin + count) of a tensor of floats, doubles, int32 or int64. */
void nn_load_features(const nn_tensor *x, int64_t begin, int64_t count, float *out);

#endif
