/* Derivatives of operators: the column `grad` of a descriptor writes, with the parts of
 * ops/expansion.h, what the node contributes to the gradients of its inputs (reverse mode). The
 * engine expands Gradient with it (engine/transform/gradient.h). */
#ifndef NN_GRAD_H
#define NN_GRAD_H

#include "ops/expansion.h"

typedef struct nn_grad {
    const nn_node_view *node;     /* the node to differentiate */
    nn_expansion *build;          /* for parts and constants; it has no inputs and outputs */
    nn_term *const *in;           /* inputs of the node */
    nn_term *const *out;          /* its outputs */
    nn_term *const *out_gradient; /* NULL: zero; one at least is not */
    nn_term **in_gradient;        /* to be set; NULL: none, or zero */
} nn_grad;

static inline nn_term *nn_grad_unary(nn_grad *grad, const char *op, nn_term *x) {
    return nn_expand(grad->build, op, NN_TERMS(x));
}
static inline nn_term *nn_grad_binary(nn_grad *grad, const char *op, nn_term *a, nn_term *b) {
    return nn_expand(grad->build, op, NN_TERMS(a, b));
}
/* A scalar of the type of input 0. */
static inline nn_term *nn_grad_number(nn_grad *grad, float value) {
    nn_term *number = nn_expand_float(grad->build, value);
    nn_type type = grad->node->in[0]->type;
    return type == NNOPT_FLOAT ? number : nn_expand_cast(grad->build, number, type);
}
/* Sums over what broadcasting `like` had repeated. */
static inline nn_term *nn_grad_sum_to(nn_grad *grad, nn_term *x, nn_term *like) {
    return nn_grad_binary(grad, "SumTo", x, like);
}

#endif
