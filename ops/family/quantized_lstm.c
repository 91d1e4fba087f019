#include "ops/family/quantized_lstm.h"

#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/quantization.h"

enum { FLOAT_INPUTS = NN_LSTM_W_SCALE }; /* those of LSTM */

/* The node as LSTM sees it: floats, and weights with their last axes in the other order. */
typedef struct float_view {
    nn_fact weights[2];
    const nn_fact *in[FLOAT_INPUTS];
    nn_node_view view;
} float_view;

static void make_float_view(const nn_node_view *node, float_view *out) {
    for (int i = 0; i < FLOAT_INPUTS; i++) out->in[i] = nn_view_in(node, i);
    for (int i = 0; i < 2; i++) {
        nn_fact *fact = &out->weights[i];
        *fact = *node->in[NN_RNN_W + i];
        fact->type = NNOPT_FLOAT;
        fact->constant = NULL;
        if (fact->rank == 3) {
            fact->dims[1] = node->in[NN_RNN_W + i]->dims[2];
            fact->dims[2] = node->in[NN_RNN_W + i]->dims[1];
        }
        out->in[NN_RNN_W + i] = fact;
    }
    out->view = *node;
    out->view.in = out->in;
    out->view.in_count = FLOAT_INPUTS;
}

static nn_status check_parameter(const nn_node_view *node, int index, int weights) {
    const nn_recurrent_attrs *attrs = node->attrs;
    const nn_fact *fact = node->in[index], *w = node->in[weights];
    int64_t count = nn_fact_count(fact);
    int64_t columns = w->rank == 3 ? nn_dim_multiply(w->dims[0], w->dims[2]) : NN_DIM_UNKNOWN;
    if (count < 0 || count == attrs->directions || !nn_dim_is_known(columns) || count == columns)
        return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have %d or %lld elements, has %lld",
                        index, attrs->directions, (long long)columns, (long long)count);
}

nn_status nn_quantized_lstm_infer(const nn_node_view *node) {
    float_view plain;
    NN_TRY(nn_check_types(node, NN_RNN_X, NN_RNN_X, NN_TYPE_BIT(NNOPT_FLOAT)));
    for (int i = NN_LSTM_W_SCALE; i <= NN_LSTM_R_ZERO; i++)
        if (nn_view_in(node, i) == NULL)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d is absent", i);
    for (int i = 0; i < 2; i++) {
        int weights = NN_RNN_W + i, scale = NN_LSTM_W_SCALE + 2 * i;
        NN_TRY(nn_quant_check_8bit(node, weights));
        NN_TRY(nn_quant_check_zero_type(node, weights, scale + 1));
        NN_TRY(nn_check_types(node, scale, scale, NN_TYPE_BIT(NNOPT_FLOAT)));
        NN_TRY(check_parameter(node, scale, weights));
        NN_TRY(check_parameter(node, scale + 1, weights));
    }
    make_float_view(node, &plain);
    return nn_recurrent_infer(&plain.view);
}

void nn_quantized_lstm_cost(const nn_node_view *node, nn_cost *out) {
    float_view plain;
    make_float_view(node, &plain);
    nn_recurrent_cost(&plain.view, out);
}

nn_recurrent nn_quantized_lstm_of(const nn_node_view *node) {
    float_view plain;
    make_float_view(node, &plain);
    return nn_recurrent_of(&plain.view);
}
