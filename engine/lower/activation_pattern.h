/* Activations that a model spells out in elementary operators, and runs of operators of one
 * operand. */
#ifndef NN_ACTIVATION_PATTERN_H
#define NN_ACTIVATION_PATTERN_H

#include "engine/graph/node_pattern.h"
#include "engine/lower/activation.h"

/* `last` is an activation of *x in several operators:
 *
 *     x sigmoid(x)    x clip(x + 3, 0, 6) / 6    x (1 + erf(x / sqrt 2)) / 2    clip(x + 3, 0, 6) /
 * 6
 *
 * and their like, numbers anywhere in the products. */
bool nn_match_spelled_activation(nn_pattern *p, nn_value *last, nn_value **x, nn_activation *out);
/* `last` is alpha *x + beta in several steps. */
bool nn_match_linear_chain(nn_pattern *p, nn_value *last, nn_value **x, nn_activation *out);

/* Nodes, at least one, that together compute a function of each element of x alone:
 * activations, spelled out or not, sums and products with numbers. It does not start with a clamp
 * (Relu, Clip), which belongs to what stands in front. */
typedef struct nn_activation_run {
    nn_pattern nodes;
    nn_value *x;
} nn_activation_run;

/* The run that ends with `last`; false when there is none. */
bool nn_match_activation_run(nn_value *last, nn_activation_run *out);

#endif
