/* The equation of Einsum: subscripts, one letter for each axis. */
#ifndef NN_FAMILY_EINSUM_H
#define NN_FAMILY_EINSUM_H

#include "ops/family/infer.h"

enum {
    NN_EINSUM_TERMS = 24,                 /* inputs */
    NN_EINSUM_INDICES = 52 + NN_MAX_RANK, /* letters, then the axes of "..." */
};

/* Subscripts of one input or of the output. */
typedef struct nn_einsum_term {
    int count;                    /* letters */
    int ellipsis;                 /* letters before "...", -1: there is none */
    uint8_t letters[NN_MAX_RANK]; /* 0 .. 51 */
} nn_einsum_term;

typedef struct nn_einsum_equation {
    int inputs;
    bool has_output; /* else it is all letters that occur once, in order, behind "..." */
    nn_einsum_term in[NN_EINSUM_TERMS], out;
} nn_einsum_equation;

/* Reads "ij, jk -> ik". */
nn_status nn_einsum_parse(const nn_node_view *node, const char *text, nn_einsum_equation *out);

/* The indices of the axes of a value. */
typedef struct nn_einsum_axes {
    int count;
    uint8_t index[NN_MAX_RANK];
} nn_einsum_axes;

/* The equation for inputs of known rank. */
typedef struct nn_einsum {
    int inputs;
    nn_einsum_axes in[NN_EINSUM_TERMS], out;
    int64_t sizes[NN_EINSUM_INDICES]; /* dims; 1 only where every input has 1 */
} nn_einsum;

/* Checks ranks and sizes; *known is false where a rank is not known. */
nn_status nn_einsum_resolve(const nn_node_view *node, const nn_einsum_equation *equation,
                            nn_einsum *out, bool *known);

#endif
