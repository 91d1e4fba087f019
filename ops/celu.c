#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_alpha_beta *parsed = out;
    return nn_attrs_float(attrs, "alpha", 1, &parsed->alpha);
}

#define ALPHA (((const nn_alpha_beta *)attrs)->alpha)
NN_UNARY_ROW(celu_f32, float, x < 0 ? ALPHA * expm1f(x / ALPHA) : x)
NN_UNARY_ROW(celu_f64, double, x < 0 ? ALPHA * expm1(x / ALPHA) : x)

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = celu_f32, [NNOPT_DOUBLE] = celu_f64}};

NN_UNARY_KERNEL(celu_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

typedef struct celu_work {
    nn_alpha_beta attrs;
    const nn_rows_f32 *table;
} celu_work;

/* Below zero Celu is Elu of x / alpha. */
static void celu_blocks(const void *argument, const void *x_, void *y_, int64_t count) {
    const celu_work *work = argument;
    const float *x = x_;
    float *y = y_, block[NN_BLOCK];
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t size = count - begin < NN_BLOCK ? count - begin : NN_BLOCK;
        work->table->scale(x + begin, 1 / work->attrs.alpha, 0, block, size);
        work->table->elu(&work->attrs, block, block, size);
        for (int64_t i = 0; i < size; i++) {
            float from = x[begin + i];
            y[begin + i] = from < 0 ? block[i] : from;
        }
    }
}

static nn_status run_with(const nn_call *call, const nn_rows_f32 *table) {
    const nn_alpha_beta *attrs = call->node->attrs;
    celu_work work = {*attrs, table};
    const nn_unary_rows blocks = {{[NNOPT_FLOAT] = celu_blocks}};
    /* Elu sees negative elements only where alpha is positive. */
    if (attrs->alpha > 0)
        nn_unary_apply(call, &blocks, &work);
    else
        nn_unary_apply(call, &rows, attrs);
    return NN_OK;
}

NN_ROWS_F32_KERNELS(celu, NN_LAYOUT_ANY, 1, run_with)

const nn_op nn_op_celu = {
    .name = "Celu",
    .domain = "",
    .since = 12,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
