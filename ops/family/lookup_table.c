#include "ops/family/lookup_table.h"

void nn_table_fill(uint8_t *table, const nn_activation_chain *activations, nn_type x_type,
                   nn_quant x, nn_quant y) {
    for (int i = 0; i < NN_TABLE_SIZE; i++) {
        int32_t q = x_type == NNOPT_INT8 ? (int8_t)i : i;
        float value = nn_activate_chain(activations, (float)(q - x.zero) * x.scale);
        table[i] = (uint8_t)nn_quant_round(value / y.scale, y.zero, y.lowest, y.highest);
    }
}

nn_status nn_table_infer(const nn_node_view *node) {
    const nn_fact *x = node->in[NN_TABLE_X], *y_zero = nn_view_in(node, NN_TABLE_Y_ZERO);
    NN_TRY(nn_quant_check_8bit(node, NN_TABLE_X));
    NN_TRY(nn_quant_check_parameters(node, NN_TABLE_X, NN_TABLE_X_SCALE, NN_TABLE_X_ZERO,
                                     NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, -1, NN_TABLE_Y_SCALE, NN_TABLE_Y_ZERO, NN_DIM_UNKNOWN));
    *node->out[0] = nn_fact_make(y_zero ? y_zero->type : x->type, x->rank, x->dims);
    return NN_OK;
}

static bool has_constant(const nn_node_view *node, int index) {
    return nn_view_in(node, index) == NULL || nn_view_constant(node, index) != NULL;
}

static bool has_constant_parameters(const nn_node_view *node) {
    for (int i = NN_TABLE_X_SCALE; i <= NN_TABLE_Y_ZERO; i++)
        if (!has_constant(node, i)) return false;
    return true;
}

nn_status nn_table_prepare(const nn_node_view *node, const nn_activation_chain *activations,
                           nn_prepare *prepare) {
    if (!has_constant_parameters(node)) {
        nn_prepare_workspace(prepare, NN_TABLE_SIZE);
        return NN_OK;
    }
    uint8_t *table = nn_prepare_state(prepare, NN_TABLE_SIZE);
    if (table == NULL) return nn_fail_memory(NN_TABLE_SIZE);
    nn_type x_type = node->in[NN_TABLE_X]->type;
    nn_table_fill(table, activations, x_type,
                  nn_quant_read(nn_view_constant(node, NN_TABLE_X_SCALE),
                                nn_view_constant(node, NN_TABLE_X_ZERO), x_type),
                  nn_quant_read(nn_view_constant(node, NN_TABLE_Y_SCALE),
                                nn_view_constant(node, NN_TABLE_Y_ZERO), node->out[0]->type));
    return NN_OK;
}

typedef struct table_work {
    const nn_int8_loops *loops;
    const uint8_t *x, *table;
    uint8_t *y;
} table_work;

static void look_up(void *argument, int64_t begin, int64_t end, int worker) {
    const table_work *work = argument;
    (void)worker;
    work->loops->look_up(work->table, work->x + begin, work->y + begin, end - begin);
}

nn_status nn_table_run(const nn_call *call, const nn_activation_chain *activations,
                       const nn_int8_loops *loops) {
    enum { GRAIN = 32768 };
    const nn_tensor *x = call->in[NN_TABLE_X];
    if (call->state == NULL)
        nn_table_fill(call->workspace, activations, x->type,
                      nn_quant_read(call->in[NN_TABLE_X_SCALE], call->in[NN_TABLE_X_ZERO], x->type),
                      nn_quant_read(call->in[NN_TABLE_Y_SCALE], nn_call_in(call, NN_TABLE_Y_ZERO),
                                    call->out[0]->type));
    table_work work = {.loops = loops,
                       .x = x->data,
                       .table = call->state ? call->state : call->workspace,
                       .y = call->out[0]->data};
    nn_parallel(call->pool, nn_tensor_count(x), GRAIN, look_up, &work);
    return NN_OK;
}
