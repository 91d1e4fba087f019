#include "ops/family/grad.h"

nn_status nn_grad_of_add(nn_grad *grad) {
    nn_term *dy = grad->out_gradient[0];
    for (int i = 0; i < 2; i++) grad->in_gradient[i] = nn_grad_sum_to(grad, dy, grad->in[i]);
    return NN_OK;
}

nn_status nn_grad_of_sub(nn_grad *grad) {
    nn_term *dy = grad->out_gradient[0];
    grad->in_gradient[0] = nn_grad_sum_to(grad, dy, grad->in[0]);
    grad->in_gradient[1] = nn_grad_sum_to(grad, nn_grad_unary(grad, "Neg", dy), grad->in[1]);
    return NN_OK;
}

nn_status nn_grad_of_mul(nn_grad *grad) {
    nn_term *dy = grad->out_gradient[0];
    for (int i = 0; i < 2; i++) {
        nn_term *product = nn_grad_binary(grad, "Mul", dy, grad->in[1 - i]);
        grad->in_gradient[i] = nn_grad_sum_to(grad, product, grad->in[i]);
    }
    return NN_OK;
}

/* d(a / b) = da / b - y db / b */
nn_status nn_grad_of_div(nn_grad *grad) {
    nn_term *by_a = nn_grad_binary(grad, "Div", grad->out_gradient[0], grad->in[1]);
    nn_term *by_b = nn_grad_binary(grad, "Mul", by_a, grad->out[0]);
    grad->in_gradient[0] = nn_grad_sum_to(grad, by_a, grad->in[0]);
    grad->in_gradient[1] = nn_grad_sum_to(grad, nn_grad_unary(grad, "Neg", by_b), grad->in[1]);
    return NN_OK;
}

nn_status nn_grad_of_neg(nn_grad *grad) {
    grad->in_gradient[0] = nn_grad_unary(grad, "Neg", grad->out_gradient[0]);
    return NN_OK;
}

nn_status nn_grad_of_exp(nn_grad *grad) {
    grad->in_gradient[0] = nn_grad_binary(grad, "Mul", grad->out_gradient[0], grad->out[0]);
    return NN_OK;
}

nn_status nn_grad_of_log(nn_grad *grad) {
    grad->in_gradient[0] = nn_grad_binary(grad, "Div", grad->out_gradient[0], grad->in[0]);
    return NN_OK;
}

/* 1 / (2 y) */
nn_status nn_grad_of_sqrt(nn_grad *grad) {
    nn_term *twice = nn_grad_binary(grad, "Add", grad->out[0], grad->out[0]);
    grad->in_gradient[0] = nn_grad_binary(grad, "Div", grad->out_gradient[0], twice);
    return NN_OK;
}

/* 1 where y > 0; there the sign of y is 1, elsewhere 0. */
nn_status nn_grad_of_relu(nn_grad *grad) {
    nn_term *step = nn_grad_unary(grad, "Sign", grad->out[0]);
    grad->in_gradient[0] = nn_grad_binary(grad, "Mul", grad->out_gradient[0], step);
    return NN_OK;
}

/* y (1 - y) */
nn_status nn_grad_of_sigmoid(nn_grad *grad) {
    nn_term *rest = nn_grad_binary(grad, "Sub", nn_grad_number(grad, 1), grad->out[0]);
    nn_term *slope = nn_grad_binary(grad, "Mul", grad->out[0], rest);
    grad->in_gradient[0] = nn_grad_binary(grad, "Mul", grad->out_gradient[0], slope);
    return NN_OK;
}

/* 1 - y^2 */
nn_status nn_grad_of_tanh(nn_grad *grad) {
    nn_term *square = nn_grad_binary(grad, "Mul", grad->out[0], grad->out[0]);
    nn_term *slope = nn_grad_binary(grad, "Sub", nn_grad_number(grad, 1), square);
    grad->in_gradient[0] = nn_grad_binary(grad, "Mul", grad->out_gradient[0], slope);
    return NN_OK;
}

nn_status nn_grad_of_reshaping(nn_grad *grad) {
    nn_term *shape = nn_grad_unary(grad, "Shape", grad->in[0]);
    grad->in_gradient[0] = nn_grad_binary(grad, "Reshape", grad->out_gradient[0], shape);
    return NN_OK;
}
