#include "ops/family/window.h"

#include "ops/family/axes.h"

static nn_status parse_auto_pad(const nn_node_view *node, const nn_attrs *attrs, nn_auto_pad *out) {
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *text;
    NN_TRY(nn_attrs_string(attrs, "auto_pad", "NOTSET", &text));
    if (text[0] == '\0') text = names[0];
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (nn_auto_pad)i;
            return NN_OK;
        }
    }
    return nn_view_fail(node, NN_BAD_INPUT,
                        "auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID, is '%s'", text);
}

nn_status nn_window_parse_list(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                               int per_axis, int64_t minimum, nn_window_attrs *window,
                               const int64_t **values) {
    int64_t count;
    NN_TRY(nn_attrs_ints(attrs, name, values, &count));
    if (count == 0) {
        *values = NULL;
        return NN_OK;
    }
    if (window->rank == 0) {
        if (count % per_axis != 0)
            return nn_view_fail(node, NN_BAD_INPUT, "%s has %lld values, an odd number", name,
                                (long long)count);
        if (count / per_axis > NN_MAX_SPATIAL)
            return nn_view_fail(node, NN_UNSUPPORTED,
                                "%s is for %lld spatial axes, at most %d can be", name,
                                (long long)(count / per_axis), (int)NN_MAX_SPATIAL);
        window->rank = (int)(count / per_axis);
    }
    if (count != (int64_t)per_axis * window->rank)
        return nn_view_fail(node, NN_BAD_INPUT, "%s needs %d values for %d spatial axes, has %lld",
                            name, per_axis * window->rank, window->rank, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        if ((*values)[i] < minimum || (*values)[i] > INT32_MAX)
            return nn_view_fail(node, NN_BAD_INPUT, "%s must be from %lld to %d, has %lld", name,
                                (long long)minimum, INT32_MAX, (long long)(*values)[i]);
    }
    return NN_OK;
}

nn_status nn_window_parse(const nn_node_view *node, const nn_attrs *attrs, nn_window_attrs *out) {
    const int64_t *kernel, *stride, *dilation, *pads;
    *out = (nn_window_attrs){0};
    NN_TRY(parse_auto_pad(node, attrs, &out->auto_pad));
    NN_TRY(nn_window_parse_list(node, attrs, "kernel_shape", 1, 1, out, &kernel));
    NN_TRY(nn_window_parse_list(node, attrs, "strides", 1, 1, out, &stride));
    NN_TRY(nn_window_parse_list(node, attrs, "dilations", 1, 1, out, &dilation));
    NN_TRY(nn_window_parse_list(node, attrs, "pads", 2, 0, out, &pads));
    out->has_kernel = kernel != NULL;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        bool given = i < out->rank;
        out->kernel[i] = given && kernel ? kernel[i] : 1;
        out->stride[i] = given && stride ? stride[i] : 1;
        out->dilation[i] = given && dilation ? dilation[i] : 1;
        bool use_pads = given && pads && out->auto_pad == NN_AUTO_PAD_NONE;
        out->pad_begin[i] = use_pads ? pads[i] : 0;
        out->pad_end[i] = use_pads ? pads[i + out->rank] : 0;
    }
    return NN_OK;
}

nn_status nn_window_check_rank(const nn_node_view *node, const nn_window_attrs *attrs,
                               const nn_fact *data) {
    if (data == NULL || data->rank == NN_RANK_UNKNOWN) return NN_OK;
    if (data->rank < 3)
        return nn_view_fail(node, NN_BAD_INPUT, "input must have rank 3 or more, has %d",
                            data->rank);
    if (data->rank > NN_MAX_SPATIAL + 2)
        return nn_view_fail(node, NN_UNSUPPORTED, "input has %d spatial axes, at most %d can be",
                            data->rank - 2, (int)NN_MAX_SPATIAL);
    if (attrs->rank != 0 && data->rank != attrs->rank + 2)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attributes are for %d spatial axes, the input has %d", attrs->rank,
                            data->rank - 2);
    return NN_OK;
}

/* Known sizes: pads by the SAME rule, or the output size by the pads. */
static nn_status slide_known(const nn_node_view *node, const nn_window_attrs *attrs, int axis,
                             bool ceil_mode, nn_window_axis *out) {
    int64_t extent;
    if (!nn_mul_size(out->kernel - 1, out->dilation, &extent) || !nn_add_size(extent, 1, &extent) ||
        extent > INT32_MAX || out->in > INT64_MAX / 4)
        return nn_view_fail(node, NN_UNSUPPORTED, "window of axis %d is too large", axis + 2);

    if (attrs->auto_pad == NN_AUTO_PAD_SAME_UPPER || attrs->auto_pad == NN_AUTO_PAD_SAME_LOWER) {
        out->out = out->in / out->stride + (out->in % out->stride != 0);
        int64_t reach = out->out > 0 ? (out->out - 1) * out->stride + extent : 0;
        int64_t total = reach > out->in ? reach - out->in : 0;
        int64_t larger = total - total / 2;
        out->pad_begin = attrs->auto_pad == NN_AUTO_PAD_SAME_LOWER ? larger : total - larger;
        out->pad_end = total - out->pad_begin;
        return NN_OK;
    }
    int64_t padded = out->in + out->pad_begin + out->pad_end;
    if (padded < extent)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "window covers %lld of axis %d, which has %lld with padding",
                            (long long)extent, axis + 2, (long long)padded);
    int64_t room = padded - extent;
    out->out = room / out->stride + 1;
    bool partial = ceil_mode && room % out->stride != 0;
    if (partial && out->out * out->stride < out->in + out->pad_begin) out->out++;
    return NN_OK;
}

nn_status nn_window_slide(const nn_node_view *node, const nn_window_attrs *attrs, int axis,
                          int64_t in, int64_t kernel, bool ceil_mode, nn_window_axis *out) {
    *out = (nn_window_axis){.in = in,
                            .out = NN_DIM_UNKNOWN,
                            .kernel = kernel,
                            .stride = attrs->stride[axis],
                            .dilation = attrs->dilation[axis],
                            .pad_begin = attrs->pad_begin[axis],
                            .pad_end = attrs->pad_end[axis]};
    if (nn_dim_is_known(kernel) && kernel < 1)
        return nn_view_fail(node, NN_BAD_INPUT, "window of axis %d has no taps", axis + 2);
    if (nn_dim_is_known(in) && nn_dim_is_known(kernel))
        return slide_known(node, attrs, axis, ceil_mode, out);

    /* A size that stays what it is has the same symbol. */
    if (out->stride != 1) return NN_OK;
    bool same =
        attrs->auto_pad == NN_AUTO_PAD_SAME_UPPER || attrs->auto_pad == NN_AUTO_PAD_SAME_LOWER;
    bool kept = nn_dim_is_known(kernel) && kernel <= INT32_MAX &&
                out->pad_begin + out->pad_end == (kernel - 1) * out->dilation;
    if (same || kept) out->out = in;
    return NN_OK;
}

nn_status nn_window_relate(const nn_node_view *node, const nn_window_axis *window, int axis,
                           nn_axis_relations *out) {
    nn_axis_relation relation = {
        .a = nn_in_axis(0, axis + 2),
        .b = nn_out_axis(0, axis + 2),
        .kernel = window->kernel,
        .stride = window->stride,
        .dilation = window->dilation,
        .pad_begin = window->pad_begin,
        .pad_end = window->pad_end,
    };
    return nn_axes_window(node, out, &relation);
}
