#include "ops/family/softmax.h"

#include "ops/family/loops.h"

#include <math.h>

nn_status nn_softmax_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_softmax_attrs *parsed = out;
    parsed->flattens = node->opset < 13;
    return nn_attrs_int(attrs, "axis", parsed->flattens ? 1 : -1, &parsed->axis);
}

nn_status nn_softmax_axis(const nn_node_view *node, int rank, int *axis) {
    const nn_softmax_attrs *attrs = node->attrs;
    *axis = rank;
    if (attrs->flattens && attrs->axis == rank) return NN_OK;
    if (rank == 0 && (attrs->axis == 0 || attrs->axis == -1)) return NN_OK;
    return nn_check_axis(node, attrs->axis, rank, axis);
}

nn_status nn_softmax_infer(const nn_node_view *node) {
    int axis;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    if (node->in[0]->rank >= 0) NN_TRY(nn_softmax_axis(node, node->in[0]->rank, &axis));
    return nn_infer_like(node);
}

nn_status nn_softmax_axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_softmax_attrs *attrs = node->attrs;
    int rank = node->in[0]->rank, first;
    NN_TRY(nn_softmax_axis(node, rank, &first));
    for (int axis = 0; axis < rank; axis++) {
        bool mixed = attrs->flattens ? axis >= first : axis == first;
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(mixed ? nn_axes_mixed(node, out, from, to) : nn_axes_same(node, out, from, to));
    }
    return NN_OK;
}

/* Maximum, subtraction, exponential, sum, division. */
void nn_softmax_cost(const nn_node_view *node, nn_cost *out) {
    int64_t count = nn_fact_count(node->in[0]);
    out->flops = count > 0 ? 5.0 * (double)count : 0;
}

bool nn_softmax_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

enum { COLUMNS = 64 }; /* neighbouring positions that are computed together */

typedef struct softmax_work {
    const nn_tensor *in;
    nn_tensor *out;
    int64_t size, inner;
    bool logarithm;
    const nn_rows_f32 *rows; /* NULL: the reference */
} softmax_work;

/* For `count` neighbouring columns of `size` elements, `inner` apart. */
static void softmax_columns(const softmax_work *work, int64_t offset, int64_t count) {
    nn_type type = work->in->type;
    double maximum[COLUMNS], sum[COLUMNS], x[COLUMNS];
    for (int64_t c = 0; c < count; c++) {
        maximum[c] = -INFINITY;
        sum[c] = 0;
    }
    for (int64_t i = 0; i < work->size; i++) {
        nn_load_double(type, nn_at(work->in->data, type, offset + i * work->inner), x, count);
        for (int64_t c = 0; c < count; c++) maximum[c] = x[c] > maximum[c] ? x[c] : maximum[c];
    }
    for (int64_t i = 0; i < work->size; i++) {
        nn_load_double(type, nn_at(work->in->data, type, offset + i * work->inner), x, count);
        for (int64_t c = 0; c < count; c++) sum[c] += exp(x[c] - maximum[c]);
    }
    for (int64_t i = 0; i < work->size; i++) {
        int64_t place = offset + i * work->inner;
        nn_load_double(type, nn_at(work->in->data, type, place), x, count);
        for (int64_t c = 0; c < count; c++)
            x[c] =
                work->logarithm ? x[c] - maximum[c] - log(sum[c]) : exp(x[c] - maximum[c]) / sum[c];
        nn_store_double(type, x, nn_at_out(work->out->data, type, place), count);
    }
}

/* As softmax_columns, for floats. */
static void softmax_float_columns(const softmax_work *work, int64_t offset, int64_t count) {
    const float *in = (const float *)work->in->data + offset;
    float *out = (float *)work->out->data + offset;
    float maximum[COLUMNS], sum[COLUMNS], shifted[COLUMNS];
    for (int64_t c = 0; c < count; c++) {
        maximum[c] = -INFINITY;
        sum[c] = 0;
    }
    for (int64_t i = 0; i < work->size; i++) {
        const float *x = in + i * work->inner;
        for (int64_t c = 0; c < count; c++) maximum[c] = x[c] > maximum[c] ? x[c] : maximum[c];
    }
    for (int64_t i = 0; i < work->size; i++) {
        const float *x = in + i * work->inner;
        float *y = out + i * work->inner;
        for (int64_t c = 0; c < count; c++) shifted[c] = x[c] - maximum[c];
        work->rows->exp(NULL, shifted, shifted, count);
        for (int64_t c = 0; c < count; c++) {
            sum[c] += shifted[c];
            y[c] = work->logarithm ? x[c] - maximum[c] : shifted[c];
        }
    }
    for (int64_t c = 0; c < count; c++) sum[c] = work->logarithm ? logf(sum[c]) : 1 / sum[c];
    for (int64_t i = 0; i < work->size; i++) {
        float *y = out + i * work->inner;
        for (int64_t c = 0; c < count; c++) y[c] = work->logarithm ? y[c] - sum[c] : y[c] * sum[c];
    }
}

static void softmax_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const softmax_work *work = argument;
    if (work->inner == 1 && work->rows != NULL) {
        const float *in = work->in->data;
        float *out = work->out->data;
        work->rows->softmax_rows(in + begin * work->size, work->size, work->logarithm,
                                 out + begin * work->size, end - begin);
        return;
    }
    for (int64_t i = begin; i < end;) {
        int64_t column = i % work->inner, count = work->inner - column;
        if (count > COLUMNS) count = COLUMNS;
        if (count > end - i) count = end - i;
        int64_t offset = i / work->inner * work->size * work->inner + column;
        if (work->rows != NULL)
            softmax_float_columns(work, offset, count);
        else
            softmax_columns(work, offset, count);
        i += count;
    }
}

nn_status nn_softmax_run(const nn_call *call, bool logarithm, const nn_rows_f32 *rows) {
    const nn_softmax_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int axis;
    NN_TRY(nn_softmax_axis(call->node, in->rank, &axis));
    int end = attrs->flattens || axis == in->rank ? in->rank : axis + 1;
    softmax_work work = {.in = in,
                         .out = call->out[0],
                         .size = nn_dims_product(in->dims, axis, end),
                         .inner = nn_dims_product(in->dims, end, in->rank),
                         .logarithm = logarithm,
                         .rows = rows};
    int64_t total = nn_tensor_count(in);
    if (total == 0) return NN_OK;
    int64_t grain = rows != NULL ? NN_GRAIN / 2 : NN_GRAIN / 8; /* elements */
    nn_parallel(call->pool, total / work.size, grain / work.size + 1, softmax_chunk, &work);
    return NN_OK;
}
