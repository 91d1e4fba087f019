#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"
#include "ops/family/normalize.h"

#include <math.h>

/* y = x / sqrt(mean(x^2) + epsilon) scale, the mean over the axes from `axis` on. */
typedef nn_rms_attrs norm_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    norm_attrs *parsed = out;
    int64_t stash;
    NN_TRY(nn_attrs_int(attrs, "axis", -1, &parsed->axis));
    NN_TRY(nn_attrs_float(attrs, "epsilon", 1e-5f, &parsed->epsilon));
    NN_TRY(nn_attrs_int(attrs, "stash_type", NNOPT_FLOAT, &stash));
    if (stash >= 0 && stash < NN_TYPE_COUNT && nn_type_in((nn_type)stash, NN_TYPES_FLOAT))
        return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'stash_type' is %lld", (long long)stash);
}

static nn_status infer(const nn_node_view *node) {
    const norm_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0], *scale = node->in[1];
    int first, rank;
    int64_t dims[NN_MAX_RANK];
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPES_FLOAT));
    if (in->rank >= 0) NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &first));
    if (in->rank >= 0 && scale->rank >= 0) {
        bool fits = scale->rank <= in->rank &&
                    nn_broadcast_dims(in->dims, in->rank, scale->dims, scale->rank, dims, &rank);
        for (int i = 0; fits && i < in->rank; i++)
            fits = !nn_dim_is_known(in->dims[i]) || !nn_dim_is_known(dims[i]) ||
                   dims[i] == in->dims[i];
        char text[200];
        if (!fits)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "scale of shape %s does not broadcast to the input",
                                nn_dims_text(scale->dims, scale->rank, text, sizeof text));
    }
    return nn_set_output(node, 0, nn_in_type(node, 1), in->rank, in->dims);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const norm_attrs *attrs = node->attrs;
    int rank = node->in[0]->rank, first;
    NN_TRY(nn_check_axis(node, attrs->axis, rank, &first));
    for (int axis = 0; axis < rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(axis < first ? nn_axes_same(node, out, from, to)
                            : nn_axes_mixed(node, out, from, to));
    }
    for (int axis = 0; axis < node->in[1]->rank; axis++)
        NN_TRY(nn_axes_fixed(node, out, nn_in_axis(1, axis)));
    return NN_OK;
}

/* Square, sum, two products. */
static void cost(const nn_node_view *node, nn_cost *out) {
    int64_t count = nn_fact_count(node->in[0]);
    out->flops = count > 0 ? 4.0 * (double)count : 0;
}

typedef struct norm_work {
    const nn_tensor *in, *scale;
    nn_tensor *out;
    const nn_rows_f32 *rows;
    int64_t size;
    double epsilon;
    nn_loops loops; /* input, scale */
} norm_work;

static double mean_square(const norm_work *work, int64_t begin) {
    nn_type type = work->in->type;
    double block[NN_BLOCK], sum = 0;
    for (int64_t i = 0; i < work->size; i += NN_BLOCK) {
        int64_t count = work->size - i < NN_BLOCK ? work->size - i : NN_BLOCK;
        nn_load_double(type, nn_at(work->in->data, type, begin + i), block, count);
        for (int64_t k = 0; k < count; k++) sum += block[k] * block[k];
    }
    return sum / (double)work->size;
}

static void normalize_row(const norm_work *work, int64_t begin) {
    double factor = 1 / sqrt(mean_square(work, begin) + work->epsilon);
    nn_cursor cursor;
    nn_cursor_start(&cursor, &work->loops, begin, begin + work->size);
    for (int64_t run; (run = nn_cursor_next(&cursor)) > 0;) {
        bool varies = work->loops.steps[1][work->loops.rank - 1] != 0;
        for (int64_t i = 0; i < run; i += NN_BLOCK) {
            double x[NN_BLOCK], scale[NN_BLOCK];
            int64_t count = run - i < NN_BLOCK ? run - i : NN_BLOCK;
            int64_t place = cursor.offset[0] + i, own = cursor.offset[1] + (varies ? i : 0);
            nn_load_double(work->in->type, nn_at(work->in->data, work->in->type, place), x, count);
            nn_load_double(work->scale->type, nn_at(work->scale->data, work->scale->type, own),
                           scale, varies ? count : 1);
            for (int64_t k = 0; k < count; k++) x[k] *= factor * scale[varies ? k : 0];
            nn_store_double(work->out->type, x, nn_at_out(work->out->data, work->out->type, place),
                            count);
        }
    }
}

static void normalize_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const norm_work *work = argument;
    for (int64_t row = begin; row < end; row++) {
        if (work->rows == NULL) {
            normalize_row(work, row * work->size);
            continue;
        }
        const float *x = (const float *)work->in->data + row * work->size;
        float *y = (float *)work->out->data + row * work->size;
        float mean = work->rows->sum_squares(x, 0, work->size) / (float)work->size;
        work->rows->affine(x, 1 / sqrtf(mean + (float)work->epsilon), 0, work->scale->data, NULL, y,
                           work->size);
    }
}

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    const norm_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int first;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &first));
    norm_work work = {.in = in,
                      .scale = call->in[1],
                      .out = call->out[0],
                      .rows = rows,
                      .size = nn_dims_product(in->dims, first, in->rank),
                      .epsilon = (double)attrs->epsilon};
    if (nn_tensor_count(in) == 0) return NN_OK;
    if (nn_tensor_count(work.scale) != work.size || work.scale->rank > in->rank - first)
        work.rows = NULL;
    nn_loops_init(&work.loops, in->dims, in->rank);
    nn_loops_add_broadcast(&work.loops, in->dims, in->rank);
    nn_loops_add_broadcast(&work.loops, work.scale->dims, work.scale->rank);
    nn_loops_collapse(&work.loops);
    nn_parallel(call->pool, nn_dims_product(in->dims, 0, first), NN_GRAIN / 4 / work.size + 1,
                normalize_rows, &work);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return run_rows(call, NULL);
}

static const nn_kernel rms_normalization_reference = {
    .name = "rms_normalization_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .run = run,
};

NN_ROWS_F32_KERNELS(rms_normalization, NN_LAYOUT_STANDARD, 0, run_rows)

const nn_op nn_op_rms_normalization = {
    .name = "RMSNormalization",
    .domain = "",
    .since = 23,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(norm_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
