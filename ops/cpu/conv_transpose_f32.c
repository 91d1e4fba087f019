/* Transposed convolution of channels-last floats. Outputs whose positions leave the same rest when
 * divided by the strides, a phase, are reached by the same taps: each phase is a direct convolution
 * of its own (direct_f32.h) that writes every stride-th pixel. */
#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/direct_f32.h"
#include "ops/cpu/kernels.h"
#include "ops/family/conv_transpose.h"

#include <stdio.h>

enum { MAX_PHASES = 64 };

/* The taps first, first + step, ... of one axis that reach a phase. */
typedef struct phase_axis {
    int64_t first, step, count; /* count 0: none */
    int64_t outputs;            /* positions of the phase */
    nn_window_axis window;
} phase_axis;

typedef struct phase {
    phase_axis axes[NN_MAX_SPATIAL];
    int64_t offset; /* of its first output, in floats */
    nn_direct_plan plan;
    const float *packed;
} phase;

typedef struct transpose_state {
    nn_conv_geometry geometry;
    const float *packed_bias; /* NULL: packed in each run, at the start of the workspace */
    size_t bias_bytes;
    int count;
    phase phases[]; /* those with outputs */
} transpose_state;

static int64_t divisor_of(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* y[o] takes x[i] by tap t where o + pad = i stride + t dilation. For the phase o = q stride + p
 * the taps come in steps of stride / d, with d the common divisor of stride and dilation, and i
 * falls by dilation / d each: backwards, a convolution with that dilation. */
static phase_axis phase_along(const nn_window_axis *axis, int64_t p) {
    int64_t common = divisor_of(axis->stride, axis->dilation);
    phase_axis out = {.step = axis->stride / common};
    out.outputs = p < axis->in ? (axis->in - p - 1) / axis->stride + 1 : 0;
    int64_t t = 0;
    while (t < out.step && (p + axis->pad_begin - t * axis->dilation) % axis->stride != 0) t++;
    if (t < out.step && t < axis->kernel) {
        out.first = t;
        out.count = (axis->kernel - 1 - t) / out.step + 1;
    }
    int64_t taps = out.count > 0 ? out.count : 1, dilation = axis->dilation / common;
    int64_t start = (p + axis->pad_begin - out.first * axis->dilation) / axis->stride;
    out.window = (nn_window_axis){
        .in = axis->out,
        .out = out.outputs,
        .kernel = taps,
        .stride = 1,
        .dilation = dilation,
        .pad_begin = (taps - 1) * dilation - (out.count > 0 ? start : 0),
    };
    return out;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (node->out[0]->type != NNOPT_FLOAT || nn_fact_count(node->out[0]) <= 0 ||
        nn_fact_count(node->in[0]) <= 0 || nn_view_constant(node, 1) == NULL ||
        nn_fact_count(node->in[1]) <= 0)
        return false;
    nn_conv_geometry g = nn_conv_transpose_geometry_of(node);
    int64_t phases = 1;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        if (g.axes[i].stride > MAX_PHASES) return false;
        phases *= g.axes[i].stride;
    }
    return phases <= MAX_PHASES;
}

typedef struct pack_argument {
    const transpose_state *state;
    const phase *phase;
} pack_argument;

/* The weights of the phase as [C][M / group][taps backwards], for nn_direct_pack. */
static void gather_taps(const pack_argument *pack, const float *w, float *out) {
    const nn_conv_geometry *g = &pack->state->geometry;
    const phase_axis *axes = pack->phase->axes;
    const nn_window_axis *windows = g->axes;
    for (int64_t i = 0; i < g->in_channels * g->group_out_channels; i++, w += g->taps)
        for (int64_t d = axes[0].window.kernel - 1; d >= 0; d--)
            for (int64_t h = axes[1].window.kernel - 1; h >= 0; h--)
                for (int64_t v = axes[2].window.kernel - 1; v >= 0; v--) {
                    bool reached = axes[0].count > 0 && axes[1].count > 0 && axes[2].count > 0;
                    int64_t tap_d = axes[0].first + d * axes[0].step;
                    int64_t tap_h = axes[1].first + h * axes[1].step;
                    int64_t tap_w = axes[2].first + v * axes[2].step;
                    int64_t tap = (tap_d * windows[1].kernel + tap_h) * windows[2].kernel + tap_w;
                    *out++ = reached ? w[tap] : 0;
                }
}

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_conv_geometry *g = &pack->state->geometry;
    const phase_axis *axes = pack->phase->axes;
    int64_t taps = axes[0].window.kernel * axes[1].window.kernel * axes[2].window.kernel;
    const nn_direct_source source = {
        .group_step = g->group_in_channels * g->group_out_channels * taps,
        .column_step = taps,
        .k_step = g->group_out_channels * taps,
        .tap_step = 1,
        .scale = 1,
    };
    size_t bytes = (size_t)(g->in_channels * g->group_out_channels * taps) * sizeof(float);
    float *gathered = nn_alloc(bytes);
    if (gathered == NULL) return nn_fail_memory(bytes);
    gather_taps(pack, nn_view_constant(node, 1)->data, gathered);
    nn_direct_pack(&pack->phase->plan, &source, gathered, out);
    nn_free(gathered);
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const transpose_state *state = argument;
    const nn_tensor *bias = nn_view_constant(node, 2);
    nn_direct_pack_bias(&state->phases[0].plan, bias ? bias->data : NULL, 1, 1, out);
    return NN_OK;
}

/* Describes the phase that starts at output position (p[0], p[1], p[2]). */
static void make_phase(const nn_node_view *node, const nn_target *target, const nn_tiles_f32 *tiles,
                       const nn_conv_geometry *g, phase *out) {
    nn_direct_problem problem = {
        .images = g->batch,
        .groups = g->groups,
        .k = g->group_in_channels,
        .columns = g->group_out_channels,
        .in_pitch = g->in_channels,
    };
    const nn_window_axis *axes = g->axes;
    int64_t row = axes[NN_WIDTH].in * g->out_channels, plane = axes[NN_HEIGHT].in * row;
    problem.out_pitch = axes[NN_WIDTH].stride * g->out_channels;
    problem.out_row = axes[NN_HEIGHT].stride * row;
    problem.out_plane = axes[NN_DEPTH].stride * plane;
    problem.out_image = axes[NN_DEPTH].in * plane;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) problem.axes[i] = out->axes[i].window;
    nn_direct_plan_make(&problem, tiles, target->threads, &node->epilogue, &out->plan);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    const nn_conv_geometry g = nn_conv_transpose_geometry_of(node);
    const nn_window_axis *axes = g.axes;
    int64_t count = axes[0].stride * axes[1].stride * axes[2].stride;
    size_t bytes = sizeof(transpose_state) + (size_t)count * sizeof(phase);
    transpose_state *state = nn_prepare_state(services, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    state->geometry = g;
    size_t workspace = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t p[NN_MAX_SPATIAL] = {i / (axes[1].stride * axes[2].stride),
                                           i / axes[2].stride % axes[1].stride, i % axes[2].stride};
        phase *one = &state->phases[state->count];
        bool has_outputs = true;
        for (int axis = 0; axis < NN_MAX_SPATIAL; axis++) {
            one->axes[axis] = phase_along(&axes[axis], p[axis]);
            has_outputs = has_outputs && one->axes[axis].outputs > 0;
        }
        if (!has_outputs) continue;
        one->offset =
            ((p[0] * axes[NN_HEIGHT].in + p[1]) * axes[NN_WIDTH].in + p[2]) * g.out_channels;
        make_phase(node, target, tiles, &g, one);
        char variant[64];
        const void *packed;
        const pack_argument argument = {state, one};
        snprintf(variant, sizeof variant, "phase %lld of %lldx%lldx%lld, %d+%d columns",
                 (long long)i, (long long)axes[0].stride, (long long)axes[1].stride,
                 (long long)axes[2].stride, one->plan.shape->columns,
                 one->plan.last_shape->columns);
        NN_TRY(nn_prepare_pack(services, 1u << 1, variant, nn_direct_packed_bytes(&one->plan), pack,
                               &argument, &packed));
        one->packed = packed;
        size_t own = nn_direct_workspace(&one->plan, target->threads);
        workspace = own > workspace ? own : workspace;
        state->count++;
    }
    if (nn_view_in(node, 2) == NULL || nn_view_constant(node, 2) != NULL) {
        char variant[64];
        const void *packed;
        snprintf(variant, sizeof variant, "bias of %lld",
                 (long long)state->phases[0].plan.group_columns);
        NN_TRY(nn_prepare_pack(services, 1u << 2, variant,
                               nn_direct_bias_bytes(&state->phases[0].plan), pack_bias, state,
                               &packed));
        state->packed_bias = packed;
    } else {
        state->bias_bytes = nn_direct_bias_bytes(&state->phases[0].plan);
    }
    nn_prepare_workspace(services, state->bias_bytes + workspace);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const transpose_state *state = call->state;
    const nn_epilogue *epilogue = &call->node->epilogue;
    const float *residual = epilogue->has_residual ? call->in[epilogue->residual]->data : NULL;
    const float *bias = state->packed_bias;
    if (bias == NULL) {
        nn_direct_pack_bias(&state->phases[0].plan, call->in[2]->data, 1, 1, call->workspace);
        bias = call->workspace;
    }
    for (int i = 0; i < state->count; i++) {
        const phase *one = &state->phases[i];
        nn_direct_run(&one->plan, one->packed, bias, call->in[0]->data,
                      residual ? residual + one->offset : NULL,
                      (float *)call->out[0]->data + one->offset, call->pool,
                      (char *)call->workspace + state->bias_bytes);
    }
    return NN_OK;
}

NN_CONV_KERNELS(conv_transpose_f32, nn_tiles_f32)
