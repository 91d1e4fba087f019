/* The best k elements of a row: a heap of candidates with the worst at the root. */
#ifndef NN_FAMILY_TOP_K_H
#define NN_FAMILY_TOP_K_H

#include "ops/family/types.h"

typedef struct nn_top_k_attrs {
    int64_t axis;
    int64_t k; /* before version 10; else -1: an input */
    bool largest;
} nn_top_k_attrs;

/* An element as a number: the better one is larger. */
typedef unsigned __int128 nn_candidate;

/* Where the element is in its row. */
int64_t nn_candidate_index(nn_candidate candidate);

/* The best k of the `size` elements at x, `step` apart, best first; k <= size. Of equal elements
 * the one with the lower index is better. NaN is larger than every number; zeros of both signs are
 * equal. */
void nn_top_k_find(nn_type type, const void *x, int64_t size, int64_t step, int64_t k, bool largest,
                   nn_candidate *best);

#endif
