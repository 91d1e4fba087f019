#include "ops/family/reduce.h"
#include "ops/grad.h"

/* The output with the reduced axes back, as axes of size 1. */
static nn_status restore_axes(nn_grad *grad, nn_term **dy) {
    const nn_reduce_attrs *attrs = grad->node->attrs;
    nn_list axes = attrs->axes;
    if (attrs->keep_dims) return NN_OK;
    if (attrs->from_input) NN_TRY(nn_list_input(grad->node, 1, NN_MAX_RANK, &axes));
    if (!axes.known)
        return nn_view_fail(grad->node, NN_UNSUPPORTED, "the gradient needs constant axes");
    if (axes.count == 0) return NN_OK; /* a scalar, or nothing was reduced */
    *dy = nn_grad_binary(grad, "Unsqueeze", *dy,
                         nn_expand_ints(grad->build, axes.count, axes.values));
    return NN_OK;
}

nn_status nn_reduce_grad_of_sum(nn_grad *grad) {
    nn_term *dy = grad->out_gradient[0];
    NN_TRY(restore_axes(grad, &dy));
    grad->in_gradient[0] =
        nn_grad_binary(grad, "Expand", dy, nn_grad_unary(grad, "Shape", grad->in[0]));
    return NN_OK;
}

static nn_term *size_of(nn_grad *grad, nn_term *x) {
    return nn_expand_cast(grad->build, nn_grad_unary(grad, "Size", x), grad->node->in[0]->type);
}

nn_status nn_reduce_grad_of_mean(nn_grad *grad) {
    NN_TRY(nn_reduce_grad_of_sum(grad));
    nn_term *share =
        nn_grad_binary(grad, "Div", size_of(grad, grad->out[0]), size_of(grad, grad->in[0]));
    grad->in_gradient[0] = nn_grad_binary(grad, "Mul", grad->in_gradient[0], share);
    return NN_OK;
}
