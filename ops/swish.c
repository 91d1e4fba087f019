#include "ops/family/swish.h"

#include <math.h>

#define ALPHA (((const nn_alpha_beta *)attrs)->alpha)
NN_UNARY_ROW(swish_f32, float, x / (1 + expf(-ALPHA * x)))
NN_UNARY_ROW(swish_f64, double, nn_swish_double(ALPHA, x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = swish_f32, [NNOPT_DOUBLE] = swish_f64}};

NN_UNARY_KERNEL(swish_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

typedef struct swish_work {
    const nn_rows_f32 *table;
    float alpha;
} swish_work;

static void swish_blocks(const void *argument, const void *x, void *y, int64_t count) {
    const swish_work *work = argument;
    for (int64_t i = 0; i < count; i += NN_BLOCK)
        nn_swish_block(work->table, work->alpha, (const float *)x + i, (float *)y + i,
                       count - i < NN_BLOCK ? count - i : NN_BLOCK);
}

static nn_status run_with(const nn_call *call, const nn_rows_f32 *table) {
    const nn_alpha_beta *attrs = call->node->attrs;
    swish_work work = {table, attrs->alpha};
    const nn_unary_rows blocks = {{[NNOPT_FLOAT] = swish_blocks}};
    nn_unary_apply(call, &blocks, &work);
    return NN_OK;
}

NN_ROWS_F32_KERNELS(swish, NN_LAYOUT_ANY, 1, run_with)

const nn_op nn_op_swish = {
    .name = "Swish",
    .domain = "",
    .since = 24,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = nn_swish_parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
