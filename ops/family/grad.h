/* Derivatives that operators share, and those of arithmetic. */
#ifndef NN_FAMILY_GRAD_H
#define NN_FAMILY_GRAD_H

#include "ops/grad.h"

nn_status nn_grad_of_add(nn_grad *grad);
nn_status nn_grad_of_sub(nn_grad *grad);
nn_status nn_grad_of_mul(nn_grad *grad);
nn_status nn_grad_of_div(nn_grad *grad);
nn_status nn_grad_of_neg(nn_grad *grad);
nn_status nn_grad_of_exp(nn_grad *grad);
nn_status nn_grad_of_log(nn_grad *grad);
nn_status nn_grad_of_sqrt(nn_grad *grad);
nn_status nn_grad_of_relu(nn_grad *grad);
nn_status nn_grad_of_sigmoid(nn_grad *grad);
nn_status nn_grad_of_tanh(nn_grad *grad);
/* Of operators whose output 0 holds the elements of input 0 in the same order. */
nn_status nn_grad_of_reshaping(nn_grad *grad);

#endif
