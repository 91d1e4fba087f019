/* TableMap (domain nnopt, plans only): y = table[x] for each byte of x, uint8 or int8; the table
 * has 256 entries of the type of y, indexed by the byte as an unsigned number. */
#include "ops/cpu/int8/int8_loops.h"
#include "ops/family/axes.h"
#include "ops/family/lookup_table.h"

enum { X, TABLE };

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[X], *table = node->in[TABLE];
    NN_TRY(nn_quant_check_8bit(node, X));
    NN_TRY(nn_quant_check_8bit(node, TABLE));
    if (nn_fact_count(table) != NN_TABLE_SIZE)
        return nn_view_fail(node, NN_BAD_INPUT, "the table has %lld entries, not %d",
                            (long long)nn_fact_count(table), NN_TABLE_SIZE);
    *node->out[0] = nn_fact_make(table->type, x->rank, x->dims);
    return NN_OK;
}

typedef struct map_work {
    const nn_int8_loops *loops;
    const uint8_t *x, *table;
    uint8_t *y;
} map_work;

static void look_up(void *argument, int64_t begin, int64_t end, int worker) {
    const map_work *work = argument;
    (void)worker;
    work->loops->look_up(work->table, work->x + begin, work->y + begin, end - begin);
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    enum { GRAIN = 32768 };
    map_work work = {loops, call->in[X]->data, call->in[TABLE]->data, call->out[0]->data};
    nn_parallel(call->pool, nn_tensor_count(call->in[X]), GRAIN, look_up, &work);
    return NN_OK;
}

NN_INT8_KERNELS("table_map", .layout = NN_LAYOUT_ANY, .layout_inputs = 1, .in_place = 1)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, NULL};

const nn_op nn_op_table_map = {
    .name = "TableMap",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
