#include "ops/family/resize.h"

#include <math.h>

/* The places of the listed axes in order, all axes when there is no list. */
static nn_status find_places(const nn_node_view *node, int rank, int places[NN_MAX_RANK],
                             int *count) {
    const nn_resize_attrs *attrs = node->attrs;
    bool seen[NN_MAX_RANK];
    *count = attrs->axes.present ? attrs->axes.count : rank;
    if (attrs->axes.present)
        NN_TRY(nn_check_axes(node, attrs->axes.values, attrs->axes.count, rank, seen));
    for (int i = 0; i < *count; i++) {
        int64_t axis = attrs->axes.present ? attrs->axes.values[i] : i;
        places[i] = (int)(axis < 0 ? axis + rank : axis);
    }
    return NN_OK;
}

/* An input that is there and not empty; its count of elements must be `wanted` where known. */
static nn_status list_input(const nn_node_view *node, int index, const char *name, int wanted,
                            const nn_fact **out) {
    const nn_fact *fact = index >= 0 ? nn_view_in(node, index) : NULL;
    int64_t count = fact != NULL ? nn_fact_count(fact) : 0;
    *out = count != 0 ? fact : NULL;
    if (count > 0 && count != wanted)
        return nn_view_fail(node, NN_BAD_INPUT, "%s has %lld values for %d axes", name,
                            (long long)count, wanted);
    return NN_OK;
}

static nn_status use_scale(const nn_node_view *node, nn_resize_axis *axis, double scale) {
    if (!(scale > 0) || isinf(scale))
        return nn_view_fail(node, NN_BAD_INPUT, "a scale is %g", scale);
    axis->scale = scale;
    axis->unchanged = scale == 1 && axis->roi_begin == 0 && axis->roi_end == 1;
    if (axis->unchanged) axis->out = axis->in;
    if (!nn_dim_is_known(axis->in)) return NN_OK;
    double length = (double)axis->in * scale;
    double size = floor((double)axis->in * (axis->roi_end - axis->roi_begin) * scale);
    if (!(size < 0x1p62) || size < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "a size of %g is too large", size);
    axis->length = length;
    axis->out = (int64_t)size;
    axis->known = true;
    return NN_OK;
}

static void use_size(nn_resize_axis *axis, int64_t size) {
    axis->out = size;
    if (!nn_dim_is_known(size) || !nn_dim_is_known(axis->in) || axis->in == 0) {
        axis->unchanged = size != NN_DIM_UNKNOWN && size == axis->in;
        return;
    }
    axis->scale = (double)size / (double)axis->in;
    axis->length = axis->scale * (double)axis->in;
    axis->unchanged = size == axis->in && axis->roi_begin == 0 && axis->roi_end == 1;
    axis->known = true;
}

/* One scale for all listed axes, so that their proportions stay. */
static nn_status keep_proportions(const nn_node_view *node, nn_resize_axis *axes, const int *places,
                                  int count) {
    const nn_resize_attrs *attrs = node->attrs;
    bool smallest = attrs->policy == NN_RESIZE_NOT_LARGER, known = count > 0;
    double scale = smallest ? INFINITY : 0;
    for (int i = 0; i < count; i++) {
        const nn_resize_axis *axis = &axes[places[i]];
        known = known && axis->known;
        if (axis->known) scale = smallest ? fmin(scale, axis->scale) : fmax(scale, axis->scale);
    }
    for (int i = 0; i < count; i++) {
        nn_resize_axis *axis = &axes[places[i]];
        axis->out = NN_DIM_UNKNOWN;
        axis->unchanged = false;
        if (!known) continue;
        axis->out = (int64_t)floor(scale * (double)axis->in + 0.5);
        axis->scale = scale;
        axis->length = scale * (double)axis->in;
        axis->unchanged = scale == 1;
    }
    return NN_OK;
}

static nn_status read_roi(const nn_node_view *node, nn_resize_axis *axes, const int *places,
                          int count, bool *known) {
    const nn_resize_attrs *attrs = node->attrs;
    const nn_fact *roi;
    *known = true;
    if (attrs->coordinates != NN_COORDINATES_CROP) return NN_OK;
    NN_TRY(list_input(node, attrs->roi_input, "roi", 2 * count, &roi));
    if (roi == NULL) return nn_view_fail(node, NN_BAD_INPUT, "roi is missing");
    *known = roi->constant != NULL;
    for (int i = 0; *known && i < count; i++) {
        axes[places[i]].roi_begin = nn_tensor_get(roi->constant, i);
        axes[places[i]].roi_end = nn_tensor_get(roi->constant, i + count);
    }
    return NN_OK;
}

nn_status nn_resize_find_axes(const nn_node_view *node, const int64_t *dims, int rank,
                              nn_resize_axis axes[NN_MAX_RANK]) {
    const nn_resize_attrs *attrs = node->attrs;
    int places[NN_MAX_RANK], count;
    const nn_fact *scales, *sizes;
    bool roi_known;
    for (int axis = 0; axis < rank; axis++)
        axes[axis] = (nn_resize_axis){.known = true,
                                      .unchanged = true,
                                      .in = dims[axis],
                                      .out = dims[axis],
                                      .scale = 1,
                                      .length = (double)dims[axis],
                                      .roi_end = 1};
    NN_TRY(find_places(node, rank, places, &count));
    NN_TRY(read_roi(node, axes, places, count, &roi_known));
    NN_TRY(list_input(node, attrs->scales_input, "scales", count, &scales));
    NN_TRY(list_input(node, attrs->sizes_input, "sizes", count, &sizes));
    if (attrs->scale_count > 0 && attrs->scale_count != count)
        return nn_view_fail(node, NN_BAD_INPUT, "%d scales for %d axes", attrs->scale_count, count);
    if (scales != NULL && sizes != NULL && nn_fact_count(scales) > 0 && nn_fact_count(sizes) > 0)
        return nn_view_fail(node, NN_BAD_INPUT, "both scales and sizes are given");
    if (scales == NULL && sizes == NULL && attrs->scale_count == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "neither scales nor sizes are given");
    for (int i = 0; i < count; i++) {
        nn_resize_axis *axis = &axes[places[i]];
        axis->known = axis->unchanged = false;
        axis->out = NN_DIM_UNKNOWN;
        if (!roi_known) continue;
        if (attrs->scale_count > 0)
            NN_TRY(use_scale(node, axis, (double)attrs->scales[i]));
        else if (sizes == NULL && scales->constant != NULL)
            NN_TRY(use_scale(node, axis, nn_tensor_get(scales->constant, i)));
        else if (sizes != NULL && i < nn_elements_count(sizes))
            use_size(axis, nn_dim_of_element(nn_elements_get(sizes, i)));
    }
    if (sizes != NULL && attrs->policy != NN_RESIZE_STRETCH)
        return keep_proportions(node, axes, places, count);
    return NN_OK;
}

nn_status nn_resize_infer(const nn_node_view *node) {
    const nn_resize_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    nn_resize_axis axes[NN_MAX_RANK];
    int64_t dims[NN_MAX_RANK];
    NN_TRY(nn_check_types(node, 0, 0,
                          attrs->mode == NN_RESIZE_NEAREST ? NN_TYPES_BYTES : NN_TYPES_NUMBER));
    if (in->rank < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    NN_TRY(nn_resize_find_axes(node, in->dims, in->rank, axes));
    for (int axis = 0; axis < in->rank; axis++) {
        dims[axis] = axes[axis].out;
        if (dims[axis] > 0 && in->dims[axis] == 0)
            return nn_view_fail(node, NN_BAD_INPUT, "axis %d is empty: it cannot have size %lld",
                                axis, (long long)dims[axis]);
    }
    return nn_set_output(node, 0, in->type, in->rank, dims);
}

nn_status nn_resize_axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_fact *in = node->in[0];
    nn_resize_axis axes[NN_MAX_RANK];
    NN_TRY(nn_resize_find_axes(node, in->dims, in->rank, axes));
    for (int axis = 0; axis < in->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(axes[axis].unchanged ? nn_axes_same(node, out, from, to)
                                    : nn_axes_mixed(node, out, from, to));
    }
    return NN_OK;
}

void nn_resize_cost(const nn_node_view *node, nn_cost *out) {
    static const double taps[] = {
        [NN_RESIZE_NEAREST] = 0, [NN_RESIZE_LINEAR] = 2, [NN_RESIZE_CUBIC] = 4};
    const nn_resize_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0], *result = node->out[0];
    int64_t count = nn_fact_count(result);
    for (int axis = 0; axis < in->rank; axis++)
        if (in->dims[axis] != result->dims[axis])
            out->flops += 2 * taps[attrs->mode] * (count > 0 ? (double)count : 0);
}
