/* Attributes of Gradient. */
#ifndef NN_GRADIENT_OP_H
#define NN_GRADIENT_OP_H

#include "ops/op.h"

typedef struct nn_gradient_attrs {
    const nn_text *xs, *zs; /* names of the tensors that the inputs stand for, in order */
    int64_t x_count, z_count;
    const char *y; /* name of the tensor that is differentiated */
} nn_gradient_attrs;

#endif
