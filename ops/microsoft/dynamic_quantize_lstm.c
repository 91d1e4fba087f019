/* DynamicQuantizeLSTM: its inputs are quantised all at once and its states in each step, as
 * DynamicQuantizeLinear does. */
#include "ops/cpu/kernels.h"
#include "ops/family/quantized_lstm.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    return nn_recurrent_parse(node, attrs, NN_GATES_LSTM, out);
}

static const nn_kernel *const kernels[] = {
#if defined(__x86_64__)
    &nn_kernel_lstm_u8s8_vnni, &nn_kernel_lstm_u8s8_avx2,
#endif
    &nn_kernel_lstm_u8s8_portable, NULL};

const nn_op nn_op_dynamic_quantize_lstm = {
    .name = "DynamicQuantizeLSTM",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 12,
    .min_outputs = 0,
    .max_outputs = 3,
    .attr_size = sizeof(nn_recurrent_attrs),
    .parse = parse,
    .infer = nn_quantized_lstm_infer,
    .cost = nn_quantized_lstm_cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
