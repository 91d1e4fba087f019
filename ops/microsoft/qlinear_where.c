/* QLinearWhere: where the condition holds x, else y, both brought to the scale of z. */
#include "ops/expansion.h"
#include "ops/family/infer.h"
#include "ops/family/quantization.h"

enum { CONDITION, X, X_SCALE, X_ZERO, Y, Y_SCALE, Y_ZERO, Z_SCALE, Z_ZERO };

static nn_status infer(const nn_node_view *node) {
    const int data[] = {CONDITION, X, Y};
    int64_t dims[NN_MAX_RANK];
    int rank = 0;
    NN_TRY(nn_check_types(node, CONDITION, CONDITION, NN_TYPES_BOOL));
    NN_TRY(nn_quant_check_8bit(node, X));
    NN_TRY(nn_quant_check_parameters(node, X, X_SCALE, X_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, Y, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, X, Z_SCALE, Z_ZERO, NN_DIM_UNKNOWN));
    for (int i = 0; i < 3 && rank >= 0; i++) {
        const nn_fact *fact = node->in[data[i]];
        int64_t joined[NN_MAX_RANK];
        char text[128];
        if (fact->rank < 0) {
            rank = NN_RANK_UNKNOWN;
        } else if (!nn_broadcast_dims(dims, rank, fact->dims, fact->rank, joined, &rank)) {
            return nn_view_fail(node, NN_BAD_INPUT, "input %d of shape %s does not broadcast",
                                data[i], nn_dims_text(fact->dims, fact->rank, text, sizeof text));
        } else {
            memcpy(dims, joined, sizeof dims);
        }
    }
    return nn_set_output(node, 0, node->in[Z_ZERO]->type, rank, dims);
}

static nn_term *to_result_scale(nn_expansion *e, int data) {
    return nn_expand(e, "QLinearLookup",
                     NN_TERMS(nn_expand_in(e, data), nn_expand_in(e, data + 1),
                              nn_expand_in(e, data + 2), nn_expand_in(e, Z_SCALE),
                              nn_expand_in(e, Z_ZERO)));
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    (void)node;
    nn_term *x = to_result_scale(e, X), *y = to_result_scale(e, Y);
    nn_expand_out(e, 0, nn_expand(e, "Where", NN_TERMS(nn_expand_in(e, CONDITION), x, y)));
    return NN_OK;
}

const nn_op nn_op_qlinear_where = {
    .name = "QLinearWhere",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 9,
    .max_inputs = 9,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
