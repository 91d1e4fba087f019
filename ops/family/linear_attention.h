/* LinearAttention: a state S [key size, value size] of each key head goes from token to token:
 *     S = exp(decay) S;  v = beta (v - S^T k) where it is corrected;  S = S + k v^T;
 *     y = scale S^T q */
#ifndef NN_FAMILY_LINEAR_ATTENTION_H
#define NN_FAMILY_LINEAR_ATTENTION_H

#include "ops/op.h"

enum {
    NN_LINEAR_QUERY,
    NN_LINEAR_KEY,
    NN_LINEAR_VALUE,
    NN_LINEAR_PAST,
    NN_LINEAR_DECAY,
    NN_LINEAR_BETA
};
enum { NN_LINEAR_Y, NN_LINEAR_PRESENT };

typedef struct nn_linear_attrs {
    int64_t q_heads, kv_heads;
    float scale; /* 0: one over the root of the key size */
    bool decays, corrects;
} nn_linear_attrs;

typedef struct nn_linear_sizes {
    int64_t batch, length, key, value;
    int64_t decays; /* of a key head: 1 or the key size */
    int64_t betas;  /* of a token */
} nn_linear_sizes;

/* As far as they are known; refuses what does not fit. */
nn_status nn_linear_sizes_of(const nn_node_view *node, nn_linear_sizes *out);
/* What results are multiplied by. */
float nn_linear_scale(const nn_linear_attrs *attrs, const nn_linear_sizes *sizes);

#endif
