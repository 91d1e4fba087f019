#include "ops/family/pooling.h"

#include "ops/family/axes.h"
#include "ops/family/infer.h"

nn_status nn_pool_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_pool_attrs *pool = out;
    int64_t ceil_mode, include_pad, storage_order;
    NN_TRY(nn_window_parse(node, attrs, &pool->window));
    if (!pool->window.has_kernel)
        return nn_view_fail(node, NN_BAD_INPUT, "kernel_shape is required");
    NN_TRY(nn_attrs_int(attrs, "ceil_mode", 0, &ceil_mode));
    NN_TRY(nn_attrs_int(attrs, "count_include_pad", 0, &include_pad));
    NN_TRY(nn_attrs_int(attrs, "storage_order", 0, &storage_order));
    pool->ceil_mode = ceil_mode != 0;
    pool->count_include_pad = include_pad != 0;
    pool->column_major = storage_order != 0;
    return NN_OK;
}

static nn_status slide(const nn_node_view *node, int axis, nn_window_axis *out) {
    const nn_pool_attrs *attrs = node->attrs;
    return nn_window_slide(node, &attrs->window, axis, node->in[0]->dims[axis + 2],
                           attrs->window.kernel[axis], attrs->ceil_mode, out);
}

nn_status nn_pool_infer(const nn_node_view *node) {
    const nn_pool_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    NN_TRY(nn_window_check_rank(node, &attrs->window, x));
    int64_t dims[NN_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        dims[i] = x->dims[i];
        if (i < 2) continue;
        nn_window_axis axis;
        NN_TRY(slide(node, i - 2, &axis));
        dims[i] = axis.out;
    }
    NN_TRY(nn_set_output(node, 0, x->type, x->rank, dims));
    return nn_set_output(node, 1, NNOPT_INT64, x->rank, dims);
}

nn_status nn_pool_axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_fact *x = node->in[0];
    for (int output = 0; output < node->out_count && node->out[output] != NULL; output++)
        for (int axis = 0; axis < 2; axis++)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(0, axis), nn_out_axis(output, axis)));
    for (int i = 0; i < x->rank - 2; i++) {
        nn_window_axis axis;
        NN_TRY(slide(node, i, &axis));
        NN_TRY(nn_window_relate(node, &axis, i, out));
    }
    return NN_OK;
}

nn_pool_geometry nn_pool_geometry_of(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    nn_pool_geometry out = {.batch = x->dims[0],
                            .channels = x->dims[1],
                            .in_pixels = 1,
                            .out_pixels = 1,
                            .in_pitch = nn_view_in_pitch(node, 0, x->dims[1]),
                            .out_pitch = nn_view_out_pitch(node, 0, x->dims[1])};
    int missing = NN_MAX_SPATIAL - (x->rank - 2);
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        nn_window_axis *axis = &out.axes[i];
        *axis = (nn_window_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        if (i >= missing) slide(node, i - missing, axis); /* succeeded in infer */
        out.in_pixels *= axis->in;
        out.out_pixels *= axis->out;
    }
    return out;
}

void nn_pool_cost(const nn_node_view *node, nn_cost *out) {
    nn_pool_geometry g = nn_pool_geometry_of(node);
    out->flops = (double)g.batch * (double)g.channels * (double)g.out_pixels;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) out->flops *= (double)g.axes[i].kernel;
}

nn_status nn_global_pool_infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    if (x->rank != NN_RANK_UNKNOWN && x->rank < 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input must have rank 2 or more, has %d", x->rank);
    int64_t dims[NN_MAX_RANK];
    for (int i = 0; i < x->rank; i++) dims[i] = i < 2 ? x->dims[i] : 1;
    return nn_set_output(node, 0, x->type, x->rank, dims);
}

nn_status nn_global_pool_axes(const nn_node_view *node, nn_axis_relations *out) {
    for (int axis = 0; axis < node->in[0]->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis);
        NN_TRY(axis < 2 ? nn_axes_same(node, out, from, nn_out_axis(0, axis))
                        : nn_axes_fixed(node, out, from));
    }
    return NN_OK;
}

void nn_global_pool_cost(const nn_node_view *node, nn_cost *out) {
    out->flops = (double)nn_fact_count(node->in[0]);
}
