/* A convolution, or a transposed one, with its epilogue as graphs of cuDNN's backend. */
#ifndef NN_CUDNN_CONV_H
#define NN_CUDNN_CONV_H

#include "ops/cuda/products/cudnn_plan.h"
#include "ops/cuda/products/product.h"
#include "ops/family/conv_transpose.h"

/* All that decides which plan runs it. Maps lie channels last; filters as [out, taps, in of the
 * group], for transposed convolutions "in" and "out" are those of the convolution that is
 * transposed. */
typedef struct nn_cudnn_conv {
    bool is_transpose;
    int spatial; /* 2 or 3; one axis is a map of one row */
    nn_conv_geometry geometry;
    nn_type type;                  /* of x and the filters: float, float16, bfloat16 */
    nn_type y_type, residual_type; /* residual NONE: there is none */
    bool has_bias;
    nn_activation before, after;
} nn_cudnn_conv;

/* How a graph and our own kernel share the work. */
typedef enum nn_cudnn_form {
    NN_CUDNN_FUSED,   /* all in the graph */
    NN_CUDNN_BIASED,  /* the graph adds bias and residual, activations are ours */
    NN_CUDNN_PLAIN,   /* the convolution in the graph, what follows it in a kernel of ours */
    NN_CUDNN_PRODUCT, /* no graph: a matrix product of cuBLASLt, for windows of one tap */
    NN_CUDNN_FORMS,
} nn_cudnn_form;
extern const char *const nn_cudnn_form_names[NN_CUDNN_FORMS]; /* in reports and files */

/* Names of tensors in graphs; numbers by value follow. */
enum {
    NN_CUDNN_X = 1,
    NN_CUDNN_W,
    NN_CUDNN_BIAS,
    NN_CUDNN_RESIDUAL,
    NN_CUDNN_Y,
    NN_CUDNN_NUMBERS,
};

/* Ready-made engines add the residual before the bias; it is the same where no activation stands
 * between. */
bool nn_cudnn_conv_adds_residual_first(const nn_cudnn_conv *problem);

/* Numbers by value in a graph: parameters of activations. */
enum { NN_CUDNN_MOST_NUMBERS = 8 };
typedef struct nn_cudnn_numbers {
    int count;
    float values[NN_CUDNN_MOST_NUMBERS];
} nn_cudnn_numbers;

/* The type of the bias in the graph: cuDNN's ready-made engines want that of the maps. */
nn_type nn_cudnn_conv_bias_type(const nn_cudnn_conv *problem, nn_cudnn_form form);
/* Is there such a form, and is it another than those before it? */
bool nn_cudnn_conv_has_form(const nn_cudnn_conv *problem, nn_cudnn_form form);

/* Writes the graph, finished; the caller clears it, also after a failure. */
nn_status nn_cudnn_conv_graph(const nn_cudnn_conv *problem, nn_cudnn_form form,
                              nn_cudnn_place place, nn_cudnn_graph *graph,
                              nn_cudnn_numbers *numbers);

/* The problem as one line of text, which names it in caches. */
void nn_cudnn_conv_key(const nn_cudnn_conv *problem, char *text, size_t size);

/* The product that a convolution is whose windows have one tap on each pixel. */
nn_product nn_cudnn_conv_product(const nn_cudnn_conv *problem, nn_precision precision,
                                 bool deterministic);

/* A form and its plan. */
typedef struct nn_cudnn_conv_plan {
    nn_cudnn_form form;
    size_t workspace;   /* bytes */
    nn_cudnn_plan plan; /* of a graph */
    nn_product product; /* of PRODUCT */
    nn_product_plan product_plan;
    nn_cudnn_numbers numbers;
    char engine[NN_CUDNN_ENGINE_TEXT];
} nn_cudnn_conv_plan;

/* Operands on the device. */
typedef struct nn_cudnn_conv_operands {
    const void *x, *w, *bias, *residual;
    void *y, *workspace;
} nn_cudnn_conv_operands;

/* Puts it into the queue. */
nn_status nn_cudnn_conv_run(const nn_cudnn_conv *problem, const nn_cudnn_conv_plan *plan,
                            const nn_cudnn_conv_operands *operands, nn_device_queue *queue);

#endif
