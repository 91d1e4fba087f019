/* A function of one 8-bit value as a table of 256 results. */
#ifndef NN_LOOKUP_TABLE_H
#define NN_LOOKUP_TABLE_H

#include "ops/cpu/int8/int8_loops.h"
#include "ops/family/activation.h"
#include "ops/family/quantization.h"

enum { NN_TABLE_SIZE = 256 };

/* Fills the table of q -> quantize(activations(dequantize(q))), indexed by the byte of q; both
 * types of 8 bits. */
void nn_table_fill(uint8_t *table, const nn_activation_chain *activations, nn_type x_type,
                   nn_quant x, nn_quant y);

/* Kernel parts for operators with inputs (x, x_scale, x_zero, y_scale, y_zero), where the
 * activations of the node come from its attributes. The table is made once when the parameters are
 * constant. */
enum nn_table_input {
    NN_TABLE_X,
    NN_TABLE_X_SCALE,
    NN_TABLE_X_ZERO,
    NN_TABLE_Y_SCALE,
    NN_TABLE_Y_ZERO
};

/* The activation of QLinearLeakyRelu. */
nn_activation_chain nn_qlinear_leaky_relu_chain(const nn_node_view *node);

nn_status nn_table_infer(const nn_node_view *node);
nn_status nn_table_prepare(const nn_node_view *node, const nn_activation_chain *activations,
                           nn_prepare *prepare);
nn_status nn_table_run(const nn_call *call, const nn_activation_chain *activations,
                       const nn_int8_loops *loops);

#endif
