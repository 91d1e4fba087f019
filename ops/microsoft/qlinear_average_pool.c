#include "ops/cpu/int8/int8_loops.h"
#include "ops/family/loops.h"
#include "ops/family/pooling.h"

enum { X, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    int64_t channels_last;
    NN_TRY(nn_attrs_int(attrs, "channels_last", 0, &channels_last));
    if (channels_last != 0)
        return nn_view_fail(node, NN_UNSUPPORTED, "channels_last must be 0, is %lld",
                            (long long)channels_last);
    return nn_pool_parse(node, attrs, out);
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *y_zero = nn_view_in(node, Y_ZERO);
    NN_TRY(nn_quant_check_8bit(node, X));
    NN_TRY(nn_quant_check_parameters(node, X, X_SCALE, X_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, X, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_pool_infer(node));
    if (y_zero != NULL) node->out[0]->type = y_zero->type;
    return NN_OK;
}

/* ---- reference ------------------------------------------------------------------------------ */

typedef struct tap_range {
    int64_t first, last;
} tap_range;

static tap_range taps_of(const nn_window_axis *axis, int64_t position) {
    tap_range taps;
    nn_pool_taps(axis, position, &taps.first, &taps.last);
    return taps;
}

/* The window at output (od, oh, ow) of a plane: the sum of its dequantised elements, one after the
 * other, and how many taps lie on data. */
static float window_sum(const nn_tensor *x, int64_t plane_start, const nn_window_axis *axes,
                        const int64_t *position, const nn_quant *quant, int64_t *count) {
    tap_range d = taps_of(&axes[0], position[0]), h = taps_of(&axes[1], position[1]);
    tap_range w = taps_of(&axes[2], position[2]);
    int64_t start[3];
    for (int i = 0; i < 3; i++) start[i] = position[i] * axes[i].stride - axes[i].pad_begin;
    float sum = 0;
    for (int64_t td = d.first; td < d.last; td++)
        for (int64_t th = h.first; th < h.last; th++)
            for (int64_t tw = w.first; tw < w.last; tw++) {
                int64_t id = start[0] + td * axes[0].dilation;
                int64_t ih = start[1] + th * axes[1].dilation;
                int64_t iw = start[2] + tw * axes[2].dilation;
                int64_t at = plane_start + (id * axes[1].in + ih) * axes[2].in + iw;
                sum += (float)(nn_quant_load(x->data, x->type, at) - quant->zero) * quant->scale;
            }
    *count = (d.last - d.first) * (h.last - h.first) * (w.last - w.first);
    return sum;
}

static nn_status run(const nn_call *call) {
    const nn_pool_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[X];
    nn_tensor *y = call->out[0];
    nn_quant qx = nn_quant_read(call->in[X_SCALE], nn_call_in(call, X_ZERO), x->type);
    nn_quant qy = nn_quant_read(call->in[Y_SCALE], nn_call_in(call, Y_ZERO), y->type);
    nn_pool_geometry g = nn_pool_geometry_of(call->node);
    int64_t taps = g.axes[0].kernel * g.axes[1].kernel * g.axes[2].kernel, index = 0;
    for (int64_t plane = 0; plane < g.batch * g.channels; plane++)
        for (int64_t i = 0; i < g.out_pixels; i++) {
            int64_t row = i / g.axes[2].out;
            int64_t position[3] = {row / g.axes[1].out, row % g.axes[1].out, i % g.axes[2].out};
            int64_t count;
            float sum = window_sum(x, plane * g.in_pixels, g.axes, position, &qx, &count);
            if (attrs->count_include_pad) count = taps;
            float value = sum / (float)count / qy.scale + (float)qy.zero;
            nn_quant_store(y->data, y->type, index++,
                           nn_quant_round(value, 0, qy.lowest, qy.highest));
        }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "qlinear_average_pool_reference", .exactness = NN_EXACT, .run = run};

/* ---- channels last -------------------------------------------------------------------------- */

enum { BLOCK = 128 }; /* channels whose sums are taken together */

static bool accepts_last(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_fact_count(node->in[X]) > 0;
}

typedef struct pool_work {
    const nn_int8_loops *loops;
    const uint8_t *x;
    uint8_t *y;
    nn_pool_geometry geometry;
    nn_bytes_quant x_quant, y_quant;
    bool include_pad;
} pool_work;

/* Sums of `channels` channels from `x` on, which is the image at depth, row and column 0. */
static int64_t sum_window(const pool_work *work, const uint8_t *x, const int64_t *position,
                          int64_t channels, float *sums) {
    const nn_window_axis *axes = work->geometry.axes;
    int64_t all = work->geometry.channels;
    tap_range d = taps_of(&axes[0], position[0]), h = taps_of(&axes[1], position[1]);
    tap_range w = taps_of(&axes[2], position[2]);
    int64_t count = (d.last - d.first) * (h.last - h.first) * (w.last - w.first);
    memset(sums, 0, (size_t)channels * sizeof *sums);
    int64_t column = position[2] * axes[2].stride - axes[2].pad_begin + w.first * axes[2].dilation;
    for (int64_t td = d.first; td < d.last; td++)
        for (int64_t th = h.first; th < h.last; th++) {
            int64_t depth =
                position[0] * axes[0].stride - axes[0].pad_begin + td * axes[0].dilation;
            int64_t row = position[1] * axes[1].stride - axes[1].pad_begin + th * axes[1].dilation;
            int64_t pixel = (depth * axes[1].in + row) * axes[2].in + column;
            work->loops->add_pixels(sums, x + pixel * all, w.last - w.first, axes[2].dilation * all,
                                    channels, work->x_quant);
        }
    return count;
}

/* Output rows, counted over images, depth and height. */
static void pool_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const pool_work *work = argument;
    const nn_pool_geometry *g = &work->geometry;
    int64_t taps = g->axes[0].kernel * g->axes[1].kernel * g->axes[2].kernel;
    (void)worker;
    for (int64_t i = begin * g->axes[2].out; i < end * g->axes[2].out; i++) {
        int64_t row = i % g->out_pixels / g->axes[2].out;
        int64_t position[3] = {row / g->axes[1].out, row % g->axes[1].out, i % g->axes[2].out};
        const uint8_t *x = work->x + i / g->out_pixels * g->in_pixels * g->channels;
        for (int64_t channel = 0; channel < g->channels; channel += BLOCK) {
            int64_t channels = g->channels - channel < BLOCK ? g->channels - channel : BLOCK;
            float sums[BLOCK];
            int64_t count = sum_window(work, x + channel, position, channels, sums);
            if (work->include_pad) count = taps;
            work->loops->quantize_means(sums, work->y + i * g->channels + channel, channels,
                                        (float)count, work->y_quant);
        }
    }
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    const nn_pool_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[X];
    nn_tensor *y = call->out[0];
    nn_quant qx = nn_quant_read(call->in[X_SCALE], nn_call_in(call, X_ZERO), x->type);
    nn_quant qy = nn_quant_read(call->in[Y_SCALE], nn_call_in(call, Y_ZERO), y->type);
    pool_work work = {.loops = loops,
                      .x = x->data,
                      .y = y->data,
                      .geometry = nn_pool_geometry_of(call->node),
                      .x_quant = nn_bytes_quant_of(&qx),
                      .y_quant = nn_bytes_quant_of(&qy),
                      .include_pad = attrs->count_include_pad};
    const nn_pool_geometry *g = &work.geometry;
    int64_t rows = g->batch * g->axes[0].out * g->axes[1].out;
    int64_t row_work = g->axes[2].out * g->channels * g->axes[1].kernel * g->axes[2].kernel;
    nn_parallel(call->pool, rows, NN_GRAIN / (row_work + 1) + 1, pool_rows, &work);
    return NN_OK;
}

NN_INT8_KERNELS("qlinear_average_pool", .layout = NN_LAYOUT_CHANNELS_LAST, .layout_inputs = 1,
                .accepts = accepts_last)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, &reference, NULL};

const nn_op nn_op_qlinear_average_pool = {
    .name = "QLinearAveragePool",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_pool_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_pool_cost,
    .axes = nn_pool_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
