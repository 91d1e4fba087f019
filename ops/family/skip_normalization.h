/* Normalisation of the last axis after a sum: SkipLayerNormalization and its form without mean.
 *
 *     inputs: x, skip, then (gamma, [beta,] bias), where the ones after gamma may be absent
 *     sum = x + skip + bias        skip has x's shape, or repeats over its batch
 *     outputs: normalised sum, mean, inverse deviation, sum      all but the first may be unwanted
 */
#ifndef NN_FAMILY_SKIP_NORMALIZATION_H
#define NN_FAMILY_SKIP_NORMALIZATION_H

#include "ops/expansion.h"

typedef struct nn_skip_attrs {
    float epsilon;
} nn_skip_attrs;

nn_status nn_skip_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_skip_infer(const nn_node_view *node);
/* The sum; `bias` is the input's index. */
nn_term *nn_skip_sum(nn_expansion *expansion, int bias);
/* Outputs of an expansion: y, 1 / sqrt(mean(x^2) + epsilon) for `inverse_index` when it is wanted.
 */
void nn_expand_rms(nn_expansion *expansion, nn_term *x, nn_term *gamma, float epsilon, int64_t axis,
                   int inverse_index);

#endif
