/* What the kernels of products by Strassen's algorithm share: a node whose weights suit, or that is
 * computed plainly. */
#ifndef NN_STRASSEN_NODE_H
#define NN_STRASSEN_NODE_H

#include "ops/cpu/float32/conv_f32.h"
#include "ops/cpu/float32/strassen/strassen_f32.h"

/* How the matrix B lies in a node's input. */
typedef enum nn_strassen_order {
    NN_STRASSEN_BY_ROWS,    /* [k][columns] */
    NN_STRASSEN_BY_COLUMNS, /* [columns][k], as weights of convolutions */
} nn_strassen_order;

/* Inputs of a node beside A, which is 0; the bias may be absent. */
typedef struct nn_strassen_inputs {
    int w, bias;
    nn_strassen_order order;
} nn_strassen_inputs;

typedef struct nn_strassen_state {
    nn_strassen_plan plan;
    const float *packed, *bias; /* NULL: the weights do not suit, and the node runs as `plain` */
    nn_conv_f32_state plain;
} nn_strassen_state;

/* Are weights and bias constant, and is the product worth it? */
bool nn_strassen_takes(const nn_node_view *node, const nn_target *target,
                       const nn_strassen_inputs *inputs, const nn_strassen_product *product);

/* Packs the weights. Where state->packed is NULL afterwards, the caller prepares state->plain. */
nn_status nn_strassen_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_strassen_inputs *inputs,
                              const nn_strassen_product *product, const nn_strassen_form *form,
                              nn_strassen_state *state);

nn_status nn_strassen_run_node(const nn_call *call);

#endif
