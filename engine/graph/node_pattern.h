/* Steps of matching several nodes that together compute something with a name: each looks at what
 * makes a value. */
#ifndef NN_NODE_PATTERN_H
#define NN_NODE_PATTERN_H

#include "engine/graph/graph.h"

enum { NN_MOST_PATTERN_NODES = 20 };

/* The nodes something is made of, last one first. */
typedef struct nn_pattern {
    nn_node *nodes[NN_MOST_PATTERN_NODES];
    int count;
} nn_pattern;

/* The producer of `value` joins the pattern. False when it is full, or when something outside reads
 * the value, unless it is the first: the pattern's result. */
bool nn_pattern_take(nn_pattern *p, const nn_value *value);
/* The same for values that several nodes of the pattern read; the whole is judged by
 * nn_pattern_is_closed. A node joins once. */
bool nn_pattern_join(nn_pattern *p, const nn_value *value);
/* Nothing outside of the pattern reads what its nodes make, but for the first node's result. */
bool nn_pattern_is_closed(const nn_pattern *p);
/* No node of it has been marked, by position. The second marks them. */
bool nn_pattern_is_free(const nn_pattern *p, const bool *taken);
void nn_pattern_mark(const nn_pattern *p, bool *taken);

/* Floats that one node with this operator makes. */
bool nn_is_made_by(const nn_value *value, const nn_op *op);
/* value = *other OP number, in either order where `commutes`; the node is taken. */
bool nn_pattern_number(nn_pattern *p, const nn_value *value, const nn_op *op, bool commutes,
                       nn_value **other, float *number);
/* What `value` is a multiple of; multiplies *scale by the factor. The nodes are taken. */
nn_value *nn_pattern_strip_scale(nn_pattern *p, nn_value *value, float *scale);

/* Sizes that are equal in every run: the same number or the same symbol. */
bool nn_is_same_dim(int64_t a, int64_t b);

#endif
