/* The attributes that an operator reads, found by asking it: the target is linked so that the
 * functions of base/attr.h come by here, and every `parse` is called with what it asked for so far.
 */
#ifndef NN_TEST_OPERATOR_ATTRS_H
#define NN_TEST_OPERATOR_ATTRS_H

#include "ops/op.h"

enum { OPERATOR_ATTRS = 24 };

typedef struct operator_attrs {
    const nn_op *op;
    uint16_t key; /* a hash of domain and name */
    int count;
    const char *names[OPERATOR_ATTRS];
    nn_attr_kind kinds[OPERATOR_ATTRS];
} operator_attrs;

/* All operators that a model may name, by ascending key; call it once. */
const operator_attrs *operator_attrs_table(int *count);

#endif
