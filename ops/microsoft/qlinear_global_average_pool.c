#include "base/integers.h"
#include "ops/cpu/int8/int8_loops.h"
#include "ops/family/axes.h"
#include "ops/family/loops.h"

enum { X, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO };

typedef struct pool_attrs {
    int64_t channels_last; /* the model's own layout is N x spatial x C */
} pool_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    pool_attrs *a = out;
    (void)node;
    return nn_attrs_int(attrs, "channels_last", 0, &a->channels_last);
}

static int channel_axis(const nn_node_view *node) {
    const pool_attrs *a = node->attrs;
    return a->channels_last ? node->in[X]->rank - 1 : 1;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[X], *y_zero = node->in[Y_ZERO];
    NN_TRY(nn_quant_check_8bit(node, X));
    NN_TRY(nn_quant_check_parameters(node, X, X_SCALE, X_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, -1, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    nn_fact *y = node->out[0];
    *y = nn_fact_make(y_zero->type, x->rank, x->dims);
    if (x->rank < 0) return NN_OK;
    if (x->rank < 3)
        return nn_view_fail(node, NN_BAD_INPUT, "input must have rank 3 or more, has %d", x->rank);
    for (int axis = 1; axis < x->rank; axis++)
        if (axis != channel_axis(node)) y->dims[axis] = 1;
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    int channel = channel_axis(node);
    for (int axis = 0; axis < node->in[X]->rank; axis++) {
        if (axis == 0 || axis == channel)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(X, axis), nn_out_axis(0, axis)));
        else
            NN_TRY(nn_axes_fixed(node, out, nn_in_axis(X, axis)));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[X];
    nn_tensor *y = call->out[0];
    nn_quant qx = nn_quant_read(call->in[X_SCALE], call->in[X_ZERO], x->type);
    nn_quant qy = nn_quant_read(call->in[Y_SCALE], call->in[Y_ZERO], y->type);
    int channel = channel_axis(call->node);
    int64_t channels = x->dims[channel], images = x->dims[0];
    int64_t pixels = nn_tensor_count(x) / (images * channels > 0 ? images * channels : 1);
    int64_t channel_step = channel == 1 ? pixels : 1, pixel_step = channel == 1 ? 1 : channels;
    float multiplier = qx.scale / (qy.scale * (float)pixels);
    for (int64_t n = 0; n < images; n++)
        for (int64_t c = 0; c < channels; c++) {
            int64_t start = n * channels * pixels + c * channel_step;
            uint32_t sum = 0;
            for (int64_t i = 0; i < pixels; i++)
                sum +=
                    (uint32_t)(nn_quant_load(x->data, x->type, start + i * pixel_step) - qx.zero);
            nn_quant_store(
                y->data, y->type, n * channels + c,
                nn_quant_round((float)(int32_t)sum * multiplier, qy.zero, qy.lowest, qy.highest));
        }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "qlinear_global_average_pool_reference", .exactness = NN_EXACT, .run = run};

/* ---- channels last -------------------------------------------------------------------------- */

enum { BLOCK = 128 }; /* channels whose sums are taken together */

static bool accepts_last(const nn_node_view *node, const nn_target *target) {
    const pool_attrs *a = node->attrs;
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && a->channels_last == 0 &&
           nn_fact_count(node->in[X]) > 0;
}

typedef struct pool_work {
    const nn_int8_loops *loops;
    const uint8_t *x;
    uint8_t *y;
    int64_t channels, pixels, blocks;
    nn_bytes_quant x_quant, y_quant;
    float multiplier;
} pool_work;

static void pool_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const pool_work *work = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t image = i / work->blocks, channel = i % work->blocks * BLOCK;
        int64_t count = work->channels - channel < BLOCK ? work->channels - channel : BLOCK;
        int32_t sums[BLOCK];
        for (int64_t c = 0; c < count; c++)
            sums[c] = (int32_t)((uint32_t)-work->x_quant.zero * (uint32_t)work->pixels);
        work->loops->sum_pixels(sums, work->x + image * work->pixels * work->channels + channel,
                                work->pixels, work->channels, count, work->x_quant.flip);
        work->loops->requantize(sums, work->y + image * work->channels + channel, count,
                                work->multiplier, work->y_quant);
    }
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    const nn_tensor *x = call->in[X];
    nn_tensor *y = call->out[0];
    nn_quant qx = nn_quant_read(call->in[X_SCALE], call->in[X_ZERO], x->type);
    nn_quant qy = nn_quant_read(call->in[Y_SCALE], call->in[Y_ZERO], y->type);
    int64_t channels = x->dims[x->rank - 1];
    pool_work work = {.loops = loops,
                      .x = x->data,
                      .y = y->data,
                      .channels = channels,
                      .pixels = nn_tensor_count(x) / (x->dims[0] * channels),
                      .blocks = nn_divide_up(channels, BLOCK),
                      .x_quant = nn_bytes_quant_of(&qx),
                      .y_quant = nn_bytes_quant_of(&qy)};
    work.multiplier = qx.scale / (qy.scale * (float)work.pixels);
    nn_parallel(call->pool, x->dims[0] * work.blocks, NN_GRAIN / (BLOCK * work.pixels) + 1,
                pool_blocks, &work);
    return NN_OK;
}

NN_INT8_KERNELS("qlinear_global_average_pool", .layout = NN_LAYOUT_CHANNELS_LAST,
                .layout_inputs = 1, .accepts = accepts_last)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, &reference, NULL};

const nn_op nn_op_qlinear_global_average_pool = {
    .name = "QLinearGlobalAveragePool",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 5,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(pool_attrs),
    .parse = parse,
    .infer = infer,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
