/* Reorder (domain nnopt, plans only): the same tensor in another physical order. */
#ifndef NN_REORDER_H
#define NN_REORDER_H

#include "ops/op.h"

/* Never ANY. Equal ones make a plain copy. */
typedef struct nn_reorder_attrs {
    nn_layout from, to;
} nn_reorder_attrs;

#endif
