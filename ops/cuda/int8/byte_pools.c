/* QLinearGlobalAveragePool and QLinearAveragePool. */
#include "ops/cuda/int8/byte_pools_launch.h"

#include "ops/cuda/runtime/queue.h"
#include "ops/family/pooling.h"
#include "ops/family/quantization.h"

enum { X, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO };

static bool accepts_bytes(const nn_node_view *node) {
    for (int i = X_SCALE; i <= Y_ZERO; i++)
        if (nn_view_in(node, i) != NULL && nn_view_constant(node, i) == NULL) return false;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_is_8bit(node->in[X]->type) &&
           nn_type_is_8bit(node->out[0]->type) && nn_fact_count(node->in[X]) > 0;
}

/* Scale and zero point of x and y. */
typedef struct pool_state {
    nn_quant x, y;
} pool_state;

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    (void)target;
    pool_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->x = nn_quant_read(nn_view_constant(node, X_SCALE), nn_view_constant(node, X_ZERO),
                             node->in[X]->type);
    state->y = nn_quant_read(nn_view_constant(node, Y_SCALE), nn_view_constant(node, Y_ZERO),
                             node->out[0]->type);
    nn_prepare_read(services, ~(1u << X));
    return NN_OK;
}

/* ---- all pixels ---- */

/* The model's own layout has one pixel, or the channels at its second place. */
static bool accepts_global(const nn_node_view *node, const nn_target *target) {
    const nn_fact *x = node->in[X], *y = node->out[0];
    (void)target;
    return accepts_bytes(node) && x->rank >= 3 && y->dims[1] == x->dims[1] &&
           nn_fact_count(y) == x->dims[0] * x->dims[1];
}

static nn_status run_global(const nn_call *call) {
    const pool_state *state = call->state;
    const nn_tensor *x = call->in[X];
    const bool is_last = call->layout == NN_LAYOUT_CHANNELS_LAST;
    const int64_t channels = x->dims[is_last ? x->rank - 1 : 1];
    const int64_t pixels = nn_tensor_count(x) / (x->dims[0] * channels);
    const nn_quant *y = &state->y;
    const nn_cuda_byte_means arguments = {
        .x_signed = x->type == NNOPT_INT8,
        .channels_last = is_last,
        .images = x->dims[0],
        .channels = channels,
        .pixels = pixels,
        .x_zero = state->x.zero,
        .multiplier = state->x.scale / (y->scale * (float)pixels),
        .rounding = {y->zero, (float)(y->lowest - y->zero), (float)(y->highest - y->zero)},
        .x = x->data,
        .y = call->out[0]->data};
    return nn_cuda_launched(call, nn_cuda_launch_byte_means(&arguments, call->queue->stream));
}

/* ---- windows ---- */

static bool fits(const nn_window_axis *axis) {
    return axis->in + axis->pad_begin + axis->pad_end < INT32_MAX && axis->out < INT32_MAX &&
           axis->kernel < INT32_MAX;
}

static bool accepts_windows(const nn_node_view *node, const nn_target *target) {
    const nn_fact *x = node->in[X];
    (void)target;
    if (!accepts_bytes(node) || x->rank < 3 || x->rank > NN_MAX_SPATIAL + 2) return false;
    const nn_pool_geometry g = nn_pool_geometry_of(node);
    return fits(&g.axes[NN_DEPTH]) && fits(&g.axes[NN_HEIGHT]) && fits(&g.axes[NN_WIDTH]);
}

static nn_status run_windows(const nn_call *call) {
    const nn_pool_attrs *attrs = call->node->attrs;
    const pool_state *state = call->state;
    const nn_pool_geometry g = nn_pool_geometry_of(call->node);
    nn_cuda_byte_pool arguments = {.x_signed = call->in[X]->type == NNOPT_INT8,
                                   .channels_last = call->layout == NN_LAYOUT_CHANNELS_LAST,
                                   .include_pad = attrs->count_include_pad,
                                   .images = g.batch,
                                   .channels = g.channels,
                                   .in_pixels = g.in_pixels,
                                   .out_pixels = g.out_pixels,
                                   .x_zero = state->x.zero,
                                   .x_scale = state->x.scale,
                                   .y_scale = state->y.scale,
                                   .y_zero = (float)state->y.zero,
                                   .lowest = (float)state->y.lowest,
                                   .highest = (float)state->y.highest,
                                   .x = call->in[X]->data,
                                   .y = call->out[0]->data};
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &g.axes[i];
        arguments.axes[i] =
            (nn_cuda_byte_pool_axis){(int)axis->in,     (int)axis->out,      (int)axis->kernel,
                                     (int)axis->stride, (int)axis->dilation, (int)axis->pad_begin};
    }
    return nn_cuda_launched(call, nn_cuda_launch_byte_pool(&arguments, call->queue->stream));
}

/* ---- kernels ---- */

static const nn_kernel qlinear_global_average_pool_cuda = {
    .name = "qlinear_global_average_pool_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1u << X,
    .accepts = accepts_global,
    .prepare = prepare,
    .run = run_global,
};

static const nn_kernel qlinear_average_pool_cuda = {
    .name = "qlinear_average_pool_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1u << X,
    .accepts = accepts_windows,
    .prepare = prepare,
    .run = run_windows,
};

const nn_kernel *const nn_cuda_qlinear_global_average_pool_kernels[] = {
    &qlinear_global_average_pool_cuda, NULL};
const nn_kernel *const nn_cuda_qlinear_average_pool_kernels[] = {&qlinear_average_pool_cuda, NULL};
