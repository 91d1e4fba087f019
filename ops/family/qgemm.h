/* QGemm: see ops/microsoft/qgemm.c. */
#ifndef NN_FAMILY_QGEMM_H
#define NN_FAMILY_QGEMM_H

#include <stdbool.h>

typedef struct nn_qgemm_attrs {
    float alpha;
    bool transpose_a, transpose_b;
} nn_qgemm_attrs;

#endif
