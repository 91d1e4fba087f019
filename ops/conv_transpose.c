#include "ops/family/conv_transpose.h"

#include "ops/cpu/kernels.h"
#include "ops/family/axes.h"
#include "ops/family/infer.h"

/* Reads a list of one value for each spatial axis; absent: all zero. */
static nn_status parse_sizes(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                             int64_t minimum, nn_window_attrs *window, bool *given,
                             int64_t out[NN_MAX_SPATIAL]) {
    const int64_t *values;
    NN_TRY(nn_window_parse_list(node, attrs, name, 1, minimum, window, &values));
    *given = values != NULL;
    for (int i = 0; *given && i < window->rank; i++) out[i] = values[i];
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_conv_transpose_attrs *conv = out;
    bool has_padding;
    NN_TRY(nn_window_parse(node, attrs, &conv->window));
    NN_TRY(nn_attrs_int(attrs, "group", 1, &conv->group));
    NN_TRY(parse_sizes(node, attrs, "output_shape", 1, &conv->window, &conv->has_output_shape,
                       conv->output_shape));
    NN_TRY(parse_sizes(node, attrs, "output_padding", 0, &conv->window, &has_padding,
                       conv->output_padding));
    if (conv->group < 1)
        return nn_view_fail(node, NN_BAD_INPUT, "group must be 1 or more, is %lld",
                            (long long)conv->group);
    return NN_OK;
}

/* One axis from the size of x and the kernel; unknown sizes leave y unknown. */
static nn_status transpose_axis(const nn_node_view *node, int axis, int64_t x_size, int64_t kernel,
                                nn_window_axis *out) {
    const nn_conv_transpose_attrs *attrs = node->attrs;
    const nn_window_attrs *window = &attrs->window;
    *out =
        (nn_window_axis){.in = attrs->has_output_shape ? attrs->output_shape[axis] : NN_DIM_UNKNOWN,
                         .out = x_size,
                         .kernel = kernel,
                         .stride = window->stride[axis],
                         .dilation = window->dilation[axis],
                         .pad_begin = window->pad_begin[axis],
                         .pad_end = window->pad_end[axis]};
    if (!nn_dim_is_known(x_size) || !nn_dim_is_known(kernel)) return NN_OK;
    if (x_size > INT32_MAX || kernel > INT32_MAX)
        return nn_view_fail(node, NN_UNSUPPORTED, "axis %d is too large", axis + 2);

    /* What the input reaches without pads. */
    int64_t full = x_size == 0 ? 0
                               : out->stride * (x_size - 1) + attrs->output_padding[axis] +
                                     (kernel - 1) * out->dilation + 1;
    bool same_upper = window->auto_pad == NN_AUTO_PAD_SAME_UPPER;
    bool same = same_upper || window->auto_pad == NN_AUTO_PAD_SAME_LOWER;
    if (attrs->has_output_shape || same) {
        if (!attrs->has_output_shape) out->in = x_size * out->stride;
        int64_t total = full > out->in ? full - out->in : 0;
        out->pad_begin = same_upper ? total / 2 : total - total / 2;
        out->pad_end = total - out->pad_begin;
        return NN_OK;
    }
    out->in = full - out->pad_begin - out->pad_end;
    if (out->in < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "pads of axis %d take away more than there is",
                            axis + 2);
    return NN_OK;
}

static int64_t known_dim(const nn_fact *fact, int axis) {
    return fact->rank > axis ? fact->dims[axis] : NN_DIM_UNKNOWN;
}

static nn_status kernel_size(const nn_node_view *node, int axis, int64_t *out) {
    const nn_conv_transpose_attrs *attrs = node->attrs;
    int64_t stored = known_dim(node->in[1], axis + 2);
    *out = attrs->window.has_kernel ? attrs->window.kernel[axis] : stored;
    if (nn_dim_is_known(stored) && stored != *out)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "kernel_shape has %lld for axis %d, the weights have %lld",
                            (long long)*out, axis + 2, (long long)stored);
    if (nn_dim_is_known(*out) && *out < 1)
        return nn_view_fail(node, NN_BAD_INPUT, "window of axis %d has no taps", axis + 2);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_conv_transpose_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0], *w = node->in[1], *bias = nn_view_in(node, 2);
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, 0, -1));
    NN_TRY(nn_window_check_rank(node, &attrs->window, x));
    NN_TRY(nn_window_check_rank(node, &attrs->window, w));
    int rank = x->rank != NN_RANK_UNKNOWN ? x->rank : w->rank;
    if (w->rank != NN_RANK_UNKNOWN && w->rank != rank)
        return nn_view_fail(node, NN_BAD_INPUT, "weights have rank %d, the input has %d", w->rank,
                            rank);
    int64_t channels = known_dim(x, 1), rows = known_dim(w, 0), columns = known_dim(w, 1);
    if (nn_dim_is_known(channels) && nn_dim_is_known(rows) && channels != rows)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "weights are for %lld input channels, the input has %lld",
                            (long long)rows, (long long)channels);
    if (nn_dim_is_known(rows) && rows % attrs->group != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "%lld input channels do not divide into %lld groups", (long long)rows,
                            (long long)attrs->group);
    int64_t outputs = NN_DIM_UNKNOWN;
    if (nn_dim_is_known(columns) && !nn_mul_size(columns, attrs->group, &outputs))
        return nn_view_fail(node, NN_BAD_INPUT, "group %lld is too large", (long long)attrs->group);
    if (bias != NULL && bias->rank != NN_RANK_UNKNOWN &&
        (bias->rank != 1 ||
         (nn_dim_is_known(bias->dims[0]) && nn_dim_is_known(outputs) && bias->dims[0] != outputs)))
        return nn_view_fail(node, NN_BAD_INPUT, "bias must have %lld values", (long long)outputs);

    int64_t dims[NN_MAX_SPATIAL + 2];
    for (int i = 0; i < rank - 2; i++) {
        int64_t kernel;
        nn_window_axis axis;
        NN_TRY(kernel_size(node, i, &kernel));
        NN_TRY(transpose_axis(node, i, known_dim(x, i + 2), kernel, &axis));
        dims[i + 2] = axis.in;
    }
    dims[0] = known_dim(x, 0);
    dims[1] = outputs;
    return nn_set_output(node, 0, x->type != NNOPT_TYPE_NONE ? x->type : w->type, rank, dims);
}

nn_conv_geometry nn_conv_transpose_geometry_of(const nn_node_view *node) {
    const nn_conv_transpose_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0], *w = node->in[1];
    nn_conv_geometry out = {
        .batch = x->dims[0],
        .groups = attrs->group,
        .in_channels = x->dims[1],
        .out_channels = w->dims[1] * attrs->group,
        .group_in_channels = x->dims[1] / attrs->group,
        .group_out_channels = w->dims[1],
        .in_pixels = 1,
        .out_pixels = 1,
        .taps = 1,
        .in_pitch = nn_view_in_pitch(node, 0, x->dims[1]),
        .out_pitch = nn_view_out_pitch(node, 0, w->dims[1] * attrs->group),
    };
    int missing = NN_MAX_SPATIAL - (x->rank - 2);
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        nn_window_axis *axis = &out.axes[i];
        *axis = (nn_window_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        /* Succeeded in infer with the same numbers. */
        int at = i - missing;
        if (at >= 0) transpose_axis(node, at, x->dims[at + 2], w->dims[at + 2], axis);
        out.in_pixels *= axis->out;
        out.out_pixels *= axis->in;
        out.taps *= axis->kernel;
    }
    return out;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_conv_geometry g = nn_conv_transpose_geometry_of(node);
    out->macs = (double)g.batch * (double)g.in_channels * (double)g.in_pixels *
                (double)g.group_out_channels * (double)g.taps;
    out->flops = 2 * out->macs;
    if (nn_view_in(node, 2) != NULL)
        out->flops += (double)g.batch * (double)g.out_channels * (double)g.out_pixels;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_conv_transpose_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    nn_axis_end x_channel = nn_in_axis(0, 1), y_channel = nn_out_axis(0, 1);
    NN_TRY(nn_axes_same(node, out, nn_in_axis(0, 0), nn_out_axis(0, 0)));
    if (attrs->group == 1) {
        NN_TRY(nn_axes_contract(node, out, x_channel, nn_in_axis(1, 0)));
        NN_TRY(nn_axes_same(node, out, nn_in_axis(1, 1), y_channel));
    } else {
        NN_TRY(nn_axes_same(node, out, x_channel, nn_in_axis(1, 0)));
        NN_TRY(nn_axes_group(node, out, x_channel, y_channel, attrs->group));
        NN_TRY(nn_axes_fixed(node, out, nn_in_axis(1, 1)));
    }
    if (nn_view_in(node, 2) != NULL) NN_TRY(nn_axes_same(node, out, nn_in_axis(2, 0), y_channel));
    for (int axis = 2; axis < x->rank; axis++) {
        NN_TRY(nn_axes_mixed(node, out, nn_in_axis(0, axis), nn_out_axis(0, axis)));
        NN_TRY(nn_axes_fixed(node, out, nn_in_axis(1, axis)));
    }
    return NN_OK;
}

static const nn_kernel *const kernels[] = {NN_BF16_PRODUCT(conv_transpose)
                                               NN_KERNELS(conv_transpose_f32),
                                           &nn_kernel_conv_transpose_reference, NULL};

const nn_op nn_op_conv_transpose = {
    .name = "ConvTranspose",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_conv_transpose_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
