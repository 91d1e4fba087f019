#include "ops/family/convolution.h"

#include "ops/family/axes.h"
#include "ops/family/infer.h"

nn_status nn_conv_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_conv_attrs *conv = out;
    NN_TRY(nn_window_parse(node, attrs, &conv->window));
    NN_TRY(nn_attrs_int(attrs, "group", 1, &conv->group));
    if (conv->group < 1)
        return nn_view_fail(node, NN_BAD_INPUT, "group must be 1 or more, is %lld",
                            (long long)conv->group);
    return NN_OK;
}

static int64_t known_dim(const nn_fact *fact, int axis) {
    return fact != NULL && fact->rank > axis ? fact->dims[axis] : NN_DIM_UNKNOWN;
}

/* A spatial size of the kernel, from the attribute or from the weights; the two must agree. */
static nn_status kernel_size(const nn_node_view *node, const nn_conv_attrs *attrs, const nn_fact *w,
                             int axis, int64_t *out) {
    int64_t stored = known_dim(w, axis + 2);
    *out = stored;
    if (!attrs->window.has_kernel) return NN_OK;
    *out = attrs->window.kernel[axis];
    if (nn_dim_is_known(stored) && stored != *out)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "kernel_shape has %lld for axis %d, the weights have %lld",
                            (long long)*out, axis + 2, (long long)stored);
    return NN_OK;
}

static nn_status check_channels(const nn_node_view *node, const nn_conv_attrs *attrs,
                                const nn_fact *x, const nn_fact *w, const nn_fact *bias) {
    int64_t channels = known_dim(x, 1), outputs = known_dim(w, 0), columns = known_dim(w, 1);
    if (nn_dim_is_known(channels) && channels % attrs->group != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "%lld input channels do not divide into %lld groups",
                            (long long)channels, (long long)attrs->group);
    if (nn_dim_is_known(channels) && nn_dim_is_known(columns) && channels / attrs->group != columns)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "weights are for %lld input channels a group, the input has %lld",
                            (long long)columns, (long long)(channels / attrs->group));
    if (nn_dim_is_known(outputs) && outputs % attrs->group != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "%lld output channels do not divide into %lld groups",
                            (long long)outputs, (long long)attrs->group);
    if (bias == NULL || bias->rank == NN_RANK_UNKNOWN) return NN_OK;
    bool fits = bias->rank == 1 && (!nn_dim_is_known(bias->dims[0]) || !nn_dim_is_known(outputs) ||
                                    bias->dims[0] == outputs);
    char text[64];
    return fits ? NN_OK
                : nn_view_fail(node, NN_BAD_INPUT, "bias is %s for %lld output channels",
                               nn_dims_text(bias->dims, bias->rank, text, sizeof text),
                               (long long)outputs);
}

nn_status nn_conv_infer(const nn_node_view *node, const nn_conv_attrs *attrs, nn_conv_inputs inputs,
                        nn_type output_type) {
    const nn_fact *x = nn_view_in(node, inputs.x), *w = nn_view_in(node, inputs.w);
    const nn_fact *bias = inputs.bias >= 0 ? nn_view_in(node, inputs.bias) : NULL;
    NN_TRY(nn_window_check_rank(node, &attrs->window, x));
    NN_TRY(nn_window_check_rank(node, &attrs->window, w));
    int rank = x->rank != NN_RANK_UNKNOWN ? x->rank : w->rank;
    if (w->rank != NN_RANK_UNKNOWN && w->rank != rank)
        return nn_view_fail(node, NN_BAD_INPUT, "weights have rank %d, the input has %d", w->rank,
                            rank);
    NN_TRY(check_channels(node, attrs, x, w, bias));

    int64_t dims[NN_MAX_SPATIAL + 2];
    for (int i = 0; i < rank - 2; i++) {
        int64_t kernel;
        nn_window_axis axis;
        NN_TRY(kernel_size(node, attrs, w, i, &kernel));
        NN_TRY(nn_window_slide(node, &attrs->window, i, known_dim(x, i + 2), kernel, false, &axis));
        dims[i + 2] = axis.out;
    }
    dims[0] = known_dim(x, 0);
    dims[1] = known_dim(w, 0);
    return nn_set_output(node, 0, output_type, rank, dims);
}

nn_conv_geometry nn_conv_geometry_of(const nn_node_view *node, const nn_conv_attrs *attrs,
                                     nn_conv_inputs inputs) {
    const nn_fact *x = node->in[inputs.x], *w = node->in[inputs.w];
    nn_conv_geometry out = {
        .batch = x->dims[0],
        .groups = attrs->group,
        .in_channels = x->dims[1],
        .out_channels = w->dims[0],
        .group_in_channels = w->dims[1],
        .group_out_channels = w->dims[0] / attrs->group,
        .in_pixels = 1,
        .out_pixels = 1,
        .taps = 1,
        .in_pitch = nn_view_in_pitch(node, inputs.x, x->dims[1]),
        .out_pitch = nn_view_out_pitch(node, 0, w->dims[0]),
    };
    int spatial = x->rank - 2, missing = NN_MAX_SPATIAL - spatial;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        nn_window_axis *axis = &out.axes[i];
        *axis = (nn_window_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        if (i >= missing) {
            int at = i - missing;
            /* Succeeded in infer with the same numbers. */
            nn_window_slide(node, &attrs->window, at, x->dims[at + 2], w->dims[at + 2], false,
                            axis);
        }
        out.in_pixels *= axis->in;
        out.out_pixels *= axis->out;
        out.taps *= axis->kernel;
    }
    return out;
}

void nn_conv_cost(const nn_node_view *node, const nn_conv_attrs *attrs, nn_conv_inputs inputs,
                  nn_cost *out) {
    nn_conv_geometry g = nn_conv_geometry_of(node, attrs, inputs);
    double outputs = (double)g.batch * (double)g.out_channels * (double)g.out_pixels;
    out->macs = outputs * (double)g.group_in_channels * (double)g.taps;
    out->flops = 2 * out->macs;
    if (inputs.bias >= 0 && nn_view_in(node, inputs.bias) != NULL) out->flops += outputs;
}

nn_status nn_conv_axes(const nn_node_view *node, const nn_conv_attrs *attrs, nn_conv_inputs inputs,
                       nn_axis_relations *out) {
    const nn_fact *x = node->in[inputs.x], *w = node->in[inputs.w];
    nn_axis_end x_channel = nn_in_axis(inputs.x, 1), y_channel = nn_out_axis(0, 1);
    nn_axis_end w_column = nn_in_axis(inputs.w, 1);
    NN_TRY(nn_axes_same(node, out, nn_in_axis(inputs.x, 0), nn_out_axis(0, 0)));
    NN_TRY(nn_axes_same(node, out, nn_in_axis(inputs.w, 0), y_channel));
    if (inputs.bias >= 0 && nn_view_in(node, inputs.bias) != NULL)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(inputs.bias, 0), y_channel));
    if (attrs->group == 1) {
        NN_TRY(nn_axes_contract(node, out, x_channel, w_column));
    } else {
        NN_TRY(nn_axes_group(node, out, x_channel, y_channel, attrs->group));
        NN_TRY(nn_axes_fixed(node, out, w_column));
    }
    for (int i = 0; i < x->rank - 2; i++) {
        int64_t kernel;
        nn_window_axis axis;
        NN_TRY(kernel_size(node, attrs, w, i, &kernel));
        NN_TRY(nn_window_slide(node, &attrs->window, i, x->dims[i + 2], kernel, false, &axis));
        NN_TRY(nn_window_relate(node, &axis, i, out));
        NN_TRY(nn_axes_fixed(node, out, nn_in_axis(inputs.w, i + 2)));
    }
    return NN_OK;
}
