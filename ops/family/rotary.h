/* RotaryEmbedding: pairs (a, b) of the first `dim` elements of each head turn to
 * (a cos - b sin, a sin + b cos). Pairs are neighbours where interleaved, else an element of each
 * half. X is [batch, length, heads x size] or [batch, heads, length, size]; the angles of a token
 * are a row of the caches. */
#ifndef NN_FAMILY_ROTARY_H
#define NN_FAMILY_ROTARY_H

#include "ops/op.h"

enum { NN_ROTARY_X, NN_ROTARY_COS, NN_ROTARY_SIN, NN_ROTARY_POSITIONS };

typedef struct nn_rotary_attrs {
    int64_t dim, heads; /* 0: whole heads; 0: not given */
    bool interleaved;
} nn_rotary_attrs;

typedef struct nn_rotary_sizes {
    int64_t batch, length, heads, size, half; /* half: pairs of a head that turn */
} nn_rotary_sizes;

/* As far as they are known. */
nn_status nn_rotary_sizes_of(const nn_node_view *node, nn_rotary_sizes *out);

#endif
