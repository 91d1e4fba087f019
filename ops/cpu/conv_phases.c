#include "ops/cpu/conv_phases.h"

enum { MAX_PHASES = 64 };

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
static nn_phase_axis phase_along(const nn_window_axis *axis, int64_t p) {
    int64_t common = divisor_of(axis->stride, axis->dilation);
    nn_phase_axis out = {.step = axis->stride / common};
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

bool nn_conv_phases_fit(const nn_conv_geometry *g) {
    for (int i = 0; i < NN_MAX_SPATIAL; i++)
        if (g->axes[i].stride > MAX_PHASES) return false;
    return nn_conv_phase_count(g) <= MAX_PHASES;
}

int64_t nn_conv_phase_count(const nn_conv_geometry *g) {
    return g->axes[0].stride * g->axes[1].stride * g->axes[2].stride;
}

static nn_direct_problem problem_of(const nn_conv_geometry *g, const nn_phase_axis *axes) {
    nn_direct_problem problem = {
        .images = g->batch,
        .groups = g->groups,
        .k = g->group_in_channels,
        .columns = g->group_out_channels,
        .in_pitch = g->in_pitch,
    };
    const nn_window_axis *windows = g->axes;
    int64_t row = windows[NN_WIDTH].in * g->out_pitch, plane = windows[NN_HEIGHT].in * row;
    problem.out_pitch = windows[NN_WIDTH].stride * g->out_pitch;
    problem.out_row = windows[NN_HEIGHT].stride * row;
    problem.out_plane = windows[NN_DEPTH].stride * plane;
    problem.out_image = windows[NN_DEPTH].in * plane;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) problem.axes[i] = axes[i].window;
    return problem;
}

bool nn_conv_phase_at(const nn_conv_geometry *g, int64_t index, nn_conv_phase *out) {
    const nn_window_axis *axes = g->axes;
    const int64_t p[NN_MAX_SPATIAL] = {index / (axes[1].stride * axes[2].stride),
                                       index / axes[2].stride % axes[1].stride,
                                       index % axes[2].stride};
    bool has_outputs = true;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        out->axes[i] = phase_along(&axes[i], p[i]);
        has_outputs = has_outputs && out->axes[i].outputs > 0;
    }
    out->offset = ((p[0] * axes[NN_HEIGHT].in + p[1]) * axes[NN_WIDTH].in + p[2]) * g->out_pitch;
    if (has_outputs) out->problem = problem_of(g, out->axes);
    return has_outputs;
}

static void gather_taps(const nn_conv_geometry *g, const nn_phase_axis *axes, const float *w,
                        float *out) {
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

nn_status nn_conv_phase_weights(const nn_conv_geometry *g, const nn_conv_phase *phase,
                                const float *w, nn_direct_source *source, float **out) {
    const nn_phase_axis *axes = phase->axes;
    int64_t taps = axes[0].window.kernel * axes[1].window.kernel * axes[2].window.kernel;
    *source = (nn_direct_source){
        .group_step = g->group_in_channels * g->group_out_channels * taps,
        .column_step = taps,
        .k_step = g->group_out_channels * taps,
        .tap_step = 1,
        .scale = 1,
    };
    size_t bytes = (size_t)(g->in_channels * g->group_out_channels * taps) * sizeof(float);
    *out = nn_alloc(bytes);
    if (*out == NULL) return nn_fail_memory(bytes);
    gather_taps(g, axes, w, *out);
    return NN_OK;
}
