#include "ops/family/ml/features.h"

nn_status nn_features_shape(const nn_node_view *node, int64_t *rows, int64_t *columns) {
    const nn_fact *x = node->in[0];
    *rows = *columns = NN_DIM_UNKNOWN;
    if (x->rank < 0) return NN_OK;
    if (x->rank != 1 && x->rank != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must have rank 1 or 2, has %d", x->rank);
    *rows = x->rank == 1 ? 1 : x->dims[0];
    *columns = x->dims[x->rank - 1];
    return NN_OK;
}

nn_status nn_features_check_columns(const nn_node_view *node, int64_t columns, int64_t expected) {
    if (nn_dim_is_known(columns) && columns != expected)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has %lld features, not %lld",
                            (long long)columns, (long long)expected);
    return NN_OK;
}

#define LOAD(TYPE, type)                                                                           \
    case NNOPT_##TYPE: {                                                                           \
        const type *in = (const type *)x->data + begin;                                            \
        for (int64_t i = 0; i < count; i++) out[i] = (float)in[i];                                 \
        break;                                                                                     \
    }

void nn_load_features(const nn_tensor *x, int64_t begin, int64_t count, float *out) {
    switch (x->type) {
        LOAD(FLOAT, float)
        LOAD(DOUBLE, double)
        LOAD(INT32, int32_t)
        LOAD(INT64, int64_t)
    default:
        break;
    }
}
