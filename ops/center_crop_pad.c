#include "ops/family/copy.h"
#include "ops/family/fill.h"

typedef struct center_crop_pad_attrs {
    nn_list axes; /* absent: all */
} center_crop_pad_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    center_crop_pad_attrs *parsed = out;
    return nn_list_attribute(node, attrs, "axes", NN_MAX_RANK, &parsed->axes);
}

/* Place i of the input `shape` is about this axis. */
static nn_status find_axes(const nn_node_view *node, int rank, int axes[NN_MAX_RANK], int *count) {
    const center_crop_pad_attrs *attrs = node->attrs;
    bool flags[NN_MAX_RANK];
    *count = attrs->axes.present ? attrs->axes.count : rank;
    NN_TRY(nn_check_axes(node, attrs->axes.values, attrs->axes.count, rank, flags));
    for (int i = 0; i < *count; i++) {
        axes[i] = i;
        if (attrs->axes.present) NN_TRY(nn_check_axis(node, attrs->axes.values[i], rank, &axes[i]));
    }
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    int axes[NN_MAX_RANK], count;
    int64_t dims[NN_MAX_RANK];
    nn_list shape;
    NN_TRY(nn_list_input(node, 1, NN_MAX_RANK, &shape));
    if (in->rank < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    NN_TRY(find_axes(node, in->rank, axes, &count));
    if (shape.count >= 0 && shape.count != count)
        return nn_view_fail(node, NN_BAD_INPUT, "shape has %d values for %d axes", shape.count,
                            count);
    for (int i = 0; i < in->rank; i++) dims[i] = in->dims[i];
    for (int i = 0; i < count; i++) {
        int64_t size;
        dims[axes[i]] = NN_DIM_UNKNOWN;
        if (i >= nn_elements_count(node->in[1])) continue;
        if (nn_fact_element(node->in[1], i, &size) && size < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "size %d of the shape is %lld", i,
                                (long long)size);
        dims[axes[i]] = nn_dim_of_element(nn_elements_get(node->in[1], i));
    }
    return nn_set_output(node, 0, in->type, in->rank, dims);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    int places[NN_MAX_RANK], count;
    bool mixed[NN_MAX_RANK] = {0};
    NN_TRY(find_axes(node, node->in[0]->rank, places, &count));
    for (int i = 0; i < count; i++) mixed[places[i]] = true;
    return nn_axes_along(node, out, mixed);
}

/* Of an odd difference the smaller half comes first. */
static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int64_t dims[NN_MAX_RANK], in_steps[NN_MAX_RANK], out_steps[NN_MAX_RANK], from = 0, to = 0;
    size_t size = nn_element_size(in->type);
    bool pads = false;
    nn_dense_steps(in->dims, in->rank, in_steps);
    nn_dense_steps(out->dims, out->rank, out_steps);
    for (int i = 0; i < in->rank; i++) {
        int64_t given = in->dims[i], wanted = out->dims[i];
        dims[i] = given < wanted ? given : wanted;
        if (given > wanted) from += (given - wanted) / 2 * in_steps[i];
        if (given < wanted) to += (wanted - given) / 2 * out_steps[i];
        pads = pads || given < wanted;
    }
    if (pads) nn_fill_zero(out->type, out->data, nn_tensor_count(out));
    nn_copy_strided(call->pool, size, dims, in->rank, (char *)out->data + (size_t)to * size,
                    out_steps, (const char *)in->data + (size_t)from * size, in_steps);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "center_crop_pad_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_center_crop_pad = {
    .name = "CenterCropPad",
    .domain = "",
    .since = 18,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(center_crop_pad_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
