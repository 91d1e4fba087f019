/* LSTM of quantised weights [D, inputs, 4 hidden]. The inputs of LSTM come first, then scales and
 * zero points of W and R, one for a direction or one for each column. */
#ifndef NN_FAMILY_QUANTIZED_LSTM_H
#define NN_FAMILY_QUANTIZED_LSTM_H

#include "ops/family/recurrent.h"

enum { NN_LSTM_W_SCALE = NN_RNN_P + 1, NN_LSTM_W_ZERO, NN_LSTM_R_SCALE, NN_LSTM_R_ZERO };

nn_status nn_quantized_lstm_infer(const nn_node_view *node);
void nn_quantized_lstm_cost(const nn_node_view *node, nn_cost *out);
nn_recurrent nn_quantized_lstm_of(const nn_node_view *node);

#endif
