#include "ops/family/axes.h"
#include "ops/family/channel_norm.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

#include <math.h>

typedef nn_lrn_attrs lrn_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    lrn_attrs *parsed = out;
    NN_TRY(nn_attrs_float(attrs, "alpha", 1e-4f, &parsed->alpha));
    NN_TRY(nn_attrs_float(attrs, "beta", 0.75f, &parsed->beta));
    NN_TRY(nn_attrs_float(attrs, "bias", 1, &parsed->bias));
    NN_TRY(nn_attrs_int(attrs, "size", 0, &parsed->size));
    if (parsed->size > 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'size' is %lld", (long long)parsed->size);
}

static nn_status infer(const nn_node_view *node) {
    if (node->in[0]->rank >= 0 && node->in[0]->rank < 2)
        return nn_view_fail(node, NN_BAD_INPUT, "the input has rank %d, less than 2",
                            node->in[0]->rank);
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    return nn_infer_like(node);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    for (int axis = 0; axis < node->in[0]->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(axis == 1 ? nn_axes_mixed(node, out, from, to) : nn_axes_same(node, out, from, to));
    }
    return NN_OK;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const lrn_attrs *attrs = node->attrs;
    int64_t count = nn_fact_count(node->in[0]);
    out->flops = count > 0 ? (double)count * (2.0 * (double)attrs->size + 4) : 0;
}

enum { COLUMNS = 128 };

typedef struct lrn_work {
    const lrn_attrs *attrs;
    const nn_tensor *in;
    nn_tensor *out;
    int64_t channels, inner;
} lrn_work;

static void lrn_columns(const lrn_work *work, int64_t offset, int64_t count) {
    const lrn_attrs *attrs = work->attrs;
    nn_type type = work->in->type;
    int64_t before = (attrs->size - 1) / 2, after = attrs->size - 1 - before;
    double x[COLUMNS], squares[COLUMNS];
    for (int64_t c = 0; c < work->channels; c++) {
        int64_t first = c > before ? c - before : 0;
        int64_t end = work->channels - c > after ? c + after + 1 : work->channels;
        for (int64_t i = 0; i < count; i++) squares[i] = 0;
        for (int64_t other = first; other < end; other++) {
            nn_load_double(type, nn_at(work->in->data, type, offset + other * work->inner), x,
                           count);
            for (int64_t i = 0; i < count; i++) squares[i] += x[i] * x[i];
        }
        int64_t place = offset + c * work->inner;
        nn_load_double(type, nn_at(work->in->data, type, place), x, count);
        for (int64_t i = 0; i < count; i++) {
            double base = attrs->bias + attrs->alpha / (double)attrs->size * squares[i];
            x[i] /= attrs->beta == 0.75f ? sqrt(base) * sqrt(sqrt(base)) : pow(base, attrs->beta);
        }
        nn_store_double(type, x, nn_at_out(work->out->data, type, place), count);
    }
}

static void lrn_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const lrn_work *work = argument;
    for (int64_t i = begin; i < end;) {
        int64_t column = i % work->inner, count = work->inner - column;
        if (count > COLUMNS) count = COLUMNS;
        if (count > end - i) count = end - i;
        lrn_columns(work, i / work->inner * work->channels * work->inner + column, count);
        i += count;
    }
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    int channel = nn_physical_axis(call->layout, in->rank, 1);
    lrn_work work = {.attrs = call->node->attrs,
                     .in = in,
                     .out = call->out[0],
                     .channels = in->dims[channel],
                     .inner = nn_dims_product(in->dims, channel + 1, in->rank)};
    int64_t total = nn_tensor_count(in);
    if (total == 0) return NN_OK;
    nn_parallel(call->pool, total / work.channels, NN_GRAIN / 8 / work.channels + 1, lrn_chunk,
                &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "lrn_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_lrn = {
    .name = "LRN",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(lrn_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
