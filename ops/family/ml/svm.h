/* Support vector machines: kernel functions of a sample with all support vectors. */
#ifndef NN_FAMILY_SVM_H
#define NN_FAMILY_SVM_H

#include "ops/family/ml/post_transform.h"
#include "ops/family/ml/score_rows.h"

typedef enum nn_svm_kernel {
    NN_SVM_LINEAR,  /* x v */
    NN_SVM_POLY,    /* (gamma x v + coef0)^degree */
    NN_SVM_RBF,     /* exp(-gamma |x - v|^2) */
    NN_SVM_SIGMOID, /* tanh(gamma x v + coef0) */
} nn_svm_kernel;

/* What both operators read; lists borrow from the attributes. */
typedef struct nn_svm_attrs {
    nn_svm_kernel kernel;
    float gamma, coef0, degree;
    const float *coefficients, *rho, *support_vectors;
    int64_t coefficient_count, rho_count, support_count; /* of values */
    int64_t vectors; /* 0: a linear model, whose weights are the coefficients */
    int64_t columns; /* features of a sample; set by nn_svm_set_vectors */
    nn_post_transform transform;
} nn_svm_attrs;

nn_status nn_svm_parse(const nn_node_view *node, const nn_attrs *attrs, nn_svm_attrs *out);
/* Says how many support vectors there are, and how many rows of weights a linear model has. */
nn_status nn_svm_set_vectors(const nn_node_view *node, nn_svm_attrs *attrs, int64_t vectors,
                             int64_t linear_rows);

/* Leaves an nn_weight_rows of the support vectors, or of the linear model, as state. */
nn_status nn_svm_prepare_state(const nn_svm_attrs *attrs, nn_prepare *prepare);
/* out[v] = kernel(x, v) for all support vectors. */
void nn_svm_kernels(const nn_svm_attrs *attrs, const nn_weight_rows *vectors, const float *x,
                    float *out);
void nn_svm_cost(const nn_node_view *node, const nn_svm_attrs *attrs, nn_cost *out);

#endif
