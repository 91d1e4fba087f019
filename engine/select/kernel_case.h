/* Nodes that stand for what kernels are asked to do, for timing kernels and for testing them. */
#ifndef NN_KERNEL_CASE_H
#define NN_KERNEL_CASE_H

#include "ops/op.h"

/* Operators: "Conv", "com.microsoft:QGemm". Inputs, separated by spaces: TYPE:DIMS ("f32:1x3x8x8",
 * a scalar has no dims), or "-" where absent; then, in this order, "+" for positive random values,
 * "*NUMBER" for random values times that, "=NUMBER" for that value everywhere, "!" for a constant.
 * Attributes: "name=VALUE", an int, a
 * float (with a point), a 'text', or a list in brackets of one of these. */
typedef struct nn_kernel_case {
    const char *op, *inputs, *attributes;
    bool is_odd; /* for tests: too small to time */
} nn_kernel_case;

extern const nn_kernel_case nn_kernel_cases[]; /* op NULL ends it */

enum { NN_CASE_INPUTS = 16, NN_CASE_ATTRS = 8, NN_CASE_LIST = 8 };

/* The node of a case, inferred, its inputs filled with seeded random values in standard layout. It
 * must not move. */
typedef struct nn_case_node {
    const nn_op *op;
    int in_count;
    nn_tensor in[NN_CASE_INPUTS]; /* type NONE: absent */
    bool is_constant[NN_CASE_INPUTS];
    nn_attr attr_items[NN_CASE_ATTRS];
    int64_t lists[NN_CASE_ATTRS][NN_CASE_LIST];
    float float_lists[NN_CASE_ATTRS][NN_CASE_LIST];
    nn_text text_lists[NN_CASE_ATTRS][NN_CASE_LIST];
    nn_attrs attrs;
    nn_arena arena;
    nn_fact in_facts[NN_CASE_INPUTS], out_fact;
    const nn_fact *in_views[NN_CASE_INPUTS];
    nn_fact
        *out_views[NN_MAX_OUTPUTS]; /* the first; others are not wanted, or as the operator needs */
    nn_fact other_outs[NN_MAX_OUTPUTS];
    nn_node_view view;
} nn_case_node;

nn_status nn_case_node_init(nn_case_node *node, const nn_kernel_case *which);
void nn_case_node_clear(nn_case_node *node);

#endif
