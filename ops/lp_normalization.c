#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/channel_norm.h"
#include "ops/family/loops.h"

#include <math.h>

typedef nn_lp_normalization_attrs lp_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    lp_attrs *parsed = out;
    int64_t p;
    NN_TRY(nn_attrs_int(attrs, "axis", -1, &parsed->axis));
    NN_TRY(nn_attrs_int(attrs, "p", 2, &p));
    if (p != 1 && p != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'p' is %lld, not 1 or 2", (long long)p);
    parsed->squares = p == 2;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const lp_attrs *attrs = node->attrs;
    int axis;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    if (node->in[0]->rank >= 0) NN_TRY(nn_check_axis(node, attrs->axis, node->in[0]->rank, &axis));
    return nn_infer_like(node);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    out->flops = 3 * (double)nn_fact_count(node->in[0]);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const lp_attrs *attrs = node->attrs;
    bool mixed[NN_MAX_RANK] = {0};
    int axis;
    NN_TRY(nn_check_axis(node, attrs->axis, node->in[0]->rank, &axis));
    mixed[axis] = true;
    return nn_axes_along(node, out, mixed);
}

enum { COLUMNS = 64 }; /* neighbouring positions that are computed together */

typedef struct lp_work {
    const nn_tensor *in;
    nn_tensor *out;
    int64_t size, inner;
    bool squares;
    const nn_rows_f32 *rows; /* NULL: the reference */
} lp_work;

/* The factor of a norm from its sum; zeros stay zeros. */
static double factor_of(const lp_work *work, double sum) {
    if (sum == 0) return 0;
    return 1 / (work->squares ? sqrt(sum) : sum);
}

/* A row of neighbours, in float. */
static void divide_row(const lp_work *work, int64_t row) {
    const float *x = (const float *)work->in->data + row * work->size;
    float sum = work->squares ? work->rows->sum_squares(x, 0, work->size)
                              : work->rows->sum_magnitudes(x, work->size);
    work->rows->scale(x, (float)factor_of(work, (double)sum), 0,
                      (float *)work->out->data + row * work->size, work->size);
}

static void divide_columns(const lp_work *work, int64_t first, int64_t count) {
    nn_type type = work->in->type;
    double sums[COLUMNS] = {0}, block[COLUMNS];
    for (int64_t i = 0; i < work->size; i++) {
        nn_load_double(type, nn_at(work->in->data, type, first + i * work->inner), block, count);
        for (int64_t k = 0; k < count; k++)
            sums[k] += work->squares ? block[k] * block[k] : fabs(block[k]);
    }
    for (int64_t k = 0; k < count; k++) sums[k] = factor_of(work, sums[k]);
    for (int64_t i = 0; i < work->size; i++) {
        int64_t place = first + i * work->inner;
        nn_load_double(type, nn_at(work->in->data, type, place), block, count);
        for (int64_t k = 0; k < count; k++) block[k] *= sums[k];
        nn_store_double(type, block, nn_at_out(work->out->data, type, place), count);
    }
}

static void divide_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const lp_work *work = argument;
    for (int64_t i = begin; i < end;) {
        int64_t column = i % work->inner, count = work->inner - column;
        if (work->rows != NULL && work->inner == 1) {
            divide_row(work, i++);
            continue;
        }
        if (count > COLUMNS) count = COLUMNS;
        if (count > end - i) count = end - i;
        divide_columns(work, i / work->inner * work->size * work->inner + column, count);
        i += count;
    }
}

static nn_status run_with(const nn_call *call, const nn_rows_f32 *rows) {
    const lp_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
    if (nn_tensor_count(in) == 0) return NN_OK;
    lp_work work = {.in = in,
                    .out = call->out[0],
                    .size = in->dims[axis],
                    .inner = nn_dims_product(in->dims, axis + 1, in->rank),
                    .squares = attrs->squares,
                    .rows = rows};
    nn_parallel(call->pool, nn_tensor_count(in) / work.size, NN_GRAIN / work.size + 1, divide_chunk,
                &work);
    return NN_OK;
}

static nn_status run_reference(const nn_call *call) {
    return run_with(call, NULL);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel lp_normalization_reference = {
    .name = "lp_normalization_reference",
    .exactness = NN_ROUNDING,
    .in_place = 1,
    .accepts = accepts,
    .run = run_reference,
};

NN_ROWS_F32_KERNELS(lp_normalization, NN_LAYOUT_STANDARD, 0, run_with)

const nn_op nn_op_lp_normalization = {
    .name = "LpNormalization",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(lp_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
