/* Derivatives of operators: the column `grad` of a descriptor builds, from nodes of the standard,
 * what the node contributes to the gradients of its inputs (reverse mode). The engine expands
 * Gradient with it (engine/gradient.h). */
#ifndef NN_GRAD_H
#define NN_GRAD_H

#include "ops/op.h"

/* A tensor of the graph that is being built. NULL: absent, or an error before; functions on NULL do
 * nothing, so that errors need no checks on the way. */
typedef struct nn_grad_tensor nn_grad_tensor;

typedef struct nn_grad nn_grad;
struct nn_grad {
    const nn_node_view *node;            /* the node to differentiate */
    nn_grad_tensor *const *in;           /* its inputs */
    nn_grad_tensor *const *out;          /* its outputs */
    nn_grad_tensor *const *out_gradient; /* NULL: zero */
    nn_grad_tensor **in_gradient;        /* to be set; NULL: none, or zero */
    /* A new node with one output, in the domain "" or "nnopt". */
    nn_grad_tensor *(*emit)(nn_grad *grad, const char *op, const char *domain,
                            nn_grad_tensor *const *inputs, int count, const nn_attrs *attrs);
    /* A scalar of the type of input 0. */
    nn_grad_tensor *(*number)(nn_grad *grad, double value);
    /* int64 values, rank 1. */
    nn_grad_tensor *(*integers)(nn_grad *grad, const int64_t *values, int count);
};

static inline nn_grad_tensor *nn_grad_unary(nn_grad *grad, const char *op, nn_grad_tensor *x) {
    return grad->emit(grad, op, "", &x, 1, NULL);
}
static inline nn_grad_tensor *nn_grad_binary(nn_grad *grad, const char *op, nn_grad_tensor *a,
                                             nn_grad_tensor *b) {
    return grad->emit(grad, op, "", (nn_grad_tensor *[]){a, b}, 2, NULL);
}
/* Sums over what broadcasting `like` had repeated. */
static inline nn_grad_tensor *nn_grad_sum_to(nn_grad *grad, nn_grad_tensor *x,
                                             nn_grad_tensor *like) {
    return grad->emit(grad, "SumTo", "nnopt", (nn_grad_tensor *[]){x, like}, 2, NULL);
}

#endif
