#ifndef NN_PLAN_DIAGONAL_H
#define NN_PLAN_DIAGONAL_H

#include <stdint.h>

/* The diagonal of two axes of equal size: the first of them stays and walks both. */
typedef struct nn_diagonal_attrs {
    int64_t first, second; /* first < second */
} nn_diagonal_attrs;

#endif
