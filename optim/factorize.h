/* One linear map as two thinner ones, from calibration moments: y = W x becomes y = B (A x).
 *
 * A is given by the form; B is fitted by ridge regression to what the original computes on the
 * calibration data. Everything is judged on the Gram matrix of x, without running the model. */
#ifndef NN_FACTORIZE_H
#define NN_FACTORIZE_H

#include "optim/least_squares.h"
#include "optim/linear_node.h"

typedef enum nn_factor_form {
    NN_FORM_CHANNEL, /* k x k to r channels, then 1 x 1 (PCA of the responses; Zhang et al. 2015) */
    NN_FORM_SPATIAL, /* k x 1 to r channels, then 1 x k (Jaderberg et al. 2014) */
    NN_FORM_DEPTHWISE, /* r depthwise filters a channel, then 1 x 1 (Guo et al. 2018) */
    NN_FORM_LOW_RANK,  /* two matrix products (Gemm, MatMul, 1 x 1 convolutions) */
    NN_FORM_COUNT,
} nn_factor_form;

const char *nn_factor_form_name(nn_factor_form form);

/* What a dense linear node computes; kernel height and width matter to the spatial form only. */
typedef struct nn_factor_source {
    int64_t inputs, outputs, kernel_height, kernel_width;
    const double *weights;     /* outputs x side, as nn_linear_get gives them */
    const nn_moments *moments; /* of x (with the bias row when has_bias); cross is not read */
} nn_factor_source;

typedef struct nn_factorization {
    nn_factor_form form;
    int64_t rank;
    /* First weights, as ONNX lays out the first node: CHANNEL rank x inputs x kh x kw; SPATIAL rank
     * x inputs x kh; DEPTHWISE (inputs * rank) x kh x kw; LOW_RANK rank x inputs. */
    double *first;
    int64_t first_count;
    /* Second weights, outputs x features: features are rank (CHANNEL, LOW_RANK), rank x kw
     * (SPATIAL), inputs * rank (DEPTHWISE). */
    double *second;
    int64_t features;
    double *bias; /* outputs; NULL when the node has none */
    double error; /* |y - y'|^2 / |y - mean y|^2 over the calibration data */
    double macs;  /* multiply-accumulates per output position, both nodes (SPATIAL: stride 1) */
} nn_factorization;

/* Largest rank that makes sense: there the form is exact. */
int64_t nn_factor_full_rank(const nn_factor_source *source, nn_factor_form form);
nn_status nn_factorize(const nn_factor_source *source, nn_factor_form form, int64_t rank,
                       nn_factorization *out);
void nn_factorization_clear(nn_factorization *factorization);

#endif
