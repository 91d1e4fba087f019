#include "ops/family/deform.h"

#include "ops/family/dims.h"
#include "ops/family/infer.h"

#include <math.h>

nn_status nn_deform_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_deform_attrs *parsed = out;
    NN_TRY(nn_window_parse(node, attrs, &parsed->window));
    NN_TRY(nn_attrs_int(attrs, "group", 1, &parsed->group));
    NN_TRY(nn_attrs_int(attrs, "offset_group", 1, &parsed->offset_group));
    if (parsed->group > 0 && parsed->offset_group > 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "group is %lld and offset_group %lld, not positive",
                        (long long)parsed->group, (long long)parsed->offset_group);
}

static nn_status check_divides(const nn_node_view *node, const char *what, int64_t count,
                               int64_t groups) {
    if (!nn_dim_is_known(count) || count % groups == 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "%lld %s do not divide into %lld groups",
                        (long long)count, what, (long long)groups);
}

static nn_status slide(const nn_node_view *node, int axis, nn_window_axis *out) {
    const nn_deform_attrs *attrs = node->attrs;
    int64_t kernel = nn_fact_dim(node->in[NN_DEFORM_W], axis + 2);
    if (attrs->window.has_kernel) {
        int64_t stated = attrs->window.kernel[axis];
        NN_TRY(nn_agree_dim(node, NN_DEFORM_W, axis + 2, &stated));
        kernel = stated;
    }
    return nn_window_slide(node, &attrs->window, axis, nn_fact_dim(node->in[NN_DEFORM_X], axis + 2),
                           kernel, false, out);
}

nn_status nn_deform_infer(const nn_node_view *node) {
    const nn_deform_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[NN_DEFORM_X], *w = node->in[NN_DEFORM_W];
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, 0, -1));
    NN_TRY(nn_window_check_rank(node, &attrs->window, x));
    NN_TRY(nn_window_check_rank(node, &attrs->window, w));
    int rank = x->rank >= 0 ? x->rank : w->rank;
    if (rank == NN_RANK_UNKNOWN) return nn_set_output(node, 0, nn_in_type(node, 0), rank, NULL);
    for (int i = NN_DEFORM_X; i <= NN_DEFORM_MASK; i++)
        NN_TRY(nn_check_rank(node, i, i == NN_DEFORM_BIAS ? 1 : rank));
    int64_t channels = nn_fact_dim(x, 1), taps = 1;
    int64_t dims[NN_MAX_SPATIAL + 2] = {nn_fact_dim(x, 0), nn_fact_dim(w, 0)};
    NN_TRY(check_divides(node, "channels", channels, attrs->group));
    NN_TRY(check_divides(node, "channels", channels, attrs->offset_group));
    NN_TRY(check_divides(node, "output channels", dims[1], attrs->group));
    if (nn_dim_is_known(channels)) {
        int64_t own = channels / attrs->group;
        NN_TRY(nn_agree_dim(node, NN_DEFORM_W, 1, &own));
    }
    NN_TRY(nn_agree_dim(node, NN_DEFORM_BIAS, 0, &dims[1]));
    for (int axis = 0; axis < rank - 2; axis++) {
        nn_window_axis window;
        NN_TRY(slide(node, axis, &window));
        taps = nn_dim_multiply(taps, window.kernel);
        dims[axis + 2] = window.out;
    }
    taps = nn_dim_multiply(taps, attrs->offset_group);
    int64_t moves = nn_dim_multiply(taps, rank - 2);
    for (int i = NN_DEFORM_OFFSET; i <= NN_DEFORM_MASK; i += 2) {
        NN_TRY(nn_agree_dim(node, i, 0, &dims[0]));
        NN_TRY(nn_agree_dim(node, i, 1, i == NN_DEFORM_MASK ? &taps : &moves));
        for (int axis = 2; axis < rank; axis++) NN_TRY(nn_agree_dim(node, i, axis, &dims[axis]));
    }
    return nn_set_output(node, 0, nn_in_type(node, 0), rank, dims);
}

nn_deform nn_deform_of(const nn_node_view *node) {
    const nn_deform_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[NN_DEFORM_X], *w = node->in[NN_DEFORM_W];
    nn_deform out = {.axes = x->rank - 2,
                     .batch = x->dims[0],
                     .channels = x->dims[1],
                     .out_channels = w->dims[0],
                     .group = attrs->group,
                     .offset_group = attrs->offset_group,
                     .in_pixels = 1,
                     .out_pixels = 1,
                     .taps = 1};
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        int axis = i - (NN_MAX_SPATIAL - out.axes);
        out.axis[i] = (nn_window_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        if (axis >= 0) slide(node, axis, &out.axis[i]); /* succeeded in infer */
        out.in_pixels *= out.axis[i].in;
        out.out_pixels *= out.axis[i].out;
        out.taps *= out.axis[i].kernel;
    }
    return out;
}

void nn_deform_cost(const nn_node_view *node, nn_cost *out) {
    nn_deform d = nn_deform_of(node);
    double columns = (double)d.batch * (double)d.out_pixels * (double)d.channels * (double)d.taps;
    out->macs = columns * (double)d.out_channels / (double)d.group;
    out->flops = 2 * out->macs + 2 * columns * (double)(1 << d.axes);
}

static double element(const nn_tensor *tensor, int64_t index) {
    return tensor->type == NNOPT_FLOAT ? (double)((const float *)tensor->data)[index]
                                       : nn_tensor_get(tensor, index);
}

void nn_deform_find(const nn_call *call, const nn_deform *shape, int64_t sample,
                    int64_t offset_group, int64_t tap, int64_t pixel, nn_deform_corners *out) {
    const nn_tensor *offsets = call->in[NN_DEFORM_OFFSET], *mask = nn_call_in(call, NN_DEFORM_MASK);
    const int missing = NN_MAX_SPATIAL - shape->axes;
    int64_t row = (sample * shape->offset_group + offset_group) * shape->taps + tap;
    int64_t rest_tap = tap, rest = pixel, step = 1;
    out->count = 1;
    out->offset[0] = 0;
    out->weight[0] = mask != NULL ? element(mask, row * shape->out_pixels + pixel) : 1;
    for (int i = NN_MAX_SPATIAL - 1; i >= missing; i--) {
        const nn_window_axis *axis = &shape->axis[i];
        int64_t own = row * shape->axes + i - missing;
        double place = (double)(rest % axis->out * axis->stride - axis->pad_begin +
                                rest_tap % axis->kernel * axis->dilation) +
                       element(offsets, own * shape->out_pixels + pixel);
        place = fmin(fmax(place, -2), (double)axis->in + 1); /* further out is outside too; NaN */
        double whole = floor(place), share = place - whole;
        int64_t at = (int64_t)whole;
        for (int k = out->count - 1; k >= 0; k--) {
            int64_t offset = out->offset[k];
            double weight = out->weight[k];
            bool low = at >= 0 && at < axis->in, high = at + 1 >= 0 && at + 1 < axis->in;
            out->offset[2 * k] = offset >= 0 && low ? offset + at * step : -1;
            out->weight[2 * k] = weight * (1 - share);
            out->offset[2 * k + 1] = offset >= 0 && high ? offset + (at + 1) * step : -1;
            out->weight[2 * k + 1] = weight * share;
        }
        out->count *= 2;
        rest /= axis->out;
        rest_tap /= axis->kernel;
        step *= axis->in;
    }
}
