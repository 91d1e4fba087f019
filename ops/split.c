#include "base/integers.h"
#include "ops/family/copy.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_split_attrs *parsed = out;
    NN_TRY(nn_attrs_int(attrs, "axis", 0, &parsed->axis));
    NN_TRY(nn_attrs_int(attrs, "num_outputs", 0, &parsed->parts));
    parsed->from_input = node->in_count > 1;
    if (parsed->from_input && parsed->parts > 0 && node->opset >= 18)
        return nn_view_fail(node, NN_BAD_INPUT, "both 'split' and 'num_outputs' are given");
    return nn_list_attribute(node, attrs, "split", NN_MAX_OUTPUTS, &parsed->sizes);
}

/* Sizes of all parts, unknown where they are. The last part of an uneven division is smaller. */
static nn_status find_sizes(const nn_node_view *node, int64_t total, int64_t *sizes) {
    const nn_split_attrs *attrs = node->attrs;
    nn_list list = attrs->sizes;
    int parts = node->out_count;
    if (attrs->from_input) NN_TRY(nn_list_input(node, 1, NN_MAX_OUTPUTS, &list));
    if (attrs->parts > 0 && attrs->parts != parts)
        return nn_view_fail(node, NN_BAD_INPUT, "num_outputs is %lld but there are %d outputs",
                            (long long)attrs->parts, parts);
    if (list.present && list.count >= 0 && list.count != parts)
        return nn_view_fail(node, NN_BAD_INPUT, "split has %d sizes but there are %d outputs",
                            list.count, parts);
    int64_t sum = 0, even = nn_dim_is_known(total) ? nn_divide_up(total, parts) : NN_DIM_UNKNOWN;
    bool uneven = nn_dim_is_known(total) && total % parts != 0;
    if (uneven && !list.present && node->opset < 18)
        return nn_view_fail(node, NN_BAD_INPUT, "axis of size %lld cannot be split into %d",
                            (long long)total, parts);
    for (int i = 0; i < parts; i++) {
        if (list.present) {
            sizes[i] = list.known ? list.values[i] : NN_DIM_UNKNOWN;
            if (list.known && sizes[i] < 0)
                return nn_view_fail(node, NN_BAD_INPUT, "size %d is %lld", i, (long long)sizes[i]);
        } else {
            sizes[i] = even < 0 ? even : (sum + even <= total ? even : total - sum);
            if (even >= 0 && sizes[i] < 0) sizes[i] = 0;
        }
        sum = nn_dim_add(sum, sizes[i]);
    }
    if (nn_dim_is_known(sum) && nn_dim_is_known(total) && sum != total)
        return nn_view_fail(node, NN_BAD_INPUT, "sizes add to %lld, the axis has %lld",
                            (long long)sum, (long long)total);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_split_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t sizes[NN_MAX_OUTPUTS], dims[NN_MAX_RANK];
    int axis;
    if (node->out_count > NN_MAX_OUTPUTS)
        return nn_view_fail(node, NN_UNSUPPORTED, "%d outputs are over the limit of %d",
                            node->out_count, NN_MAX_OUTPUTS);
    if (in->rank < 0) {
        for (int i = 0; i < node->out_count; i++)
            NN_TRY(nn_set_output(node, i, in->type, -1, NULL));
        return NN_OK;
    }
    NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
    NN_TRY(find_sizes(node, in->dims[axis], sizes));
    for (int k = 0; k < in->rank; k++) dims[k] = in->dims[k];
    for (int i = 0, next = 0; i < node->out_count; i++) {
        dims[axis] = sizes[i];
        NN_TRY(nn_set_output(node, i, in->type, in->rank, dims));
        int count = nn_elements_count(in);
        bool follows = in->rank == 1 && count >= 0 && sizes[i] >= 0 && next >= 0;
        if (follows && node->out[i] != NULL) {
            nn_elements_begin(node->out[i], (int)sizes[i]);
            for (int k = 0; k < sizes[i] && next + k < count; k++)
                nn_elements_set(node->out[i], k, nn_elements_get(in, next + k));
        }
        next = follows ? next + (int)sizes[i] : -1;
    }
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_split_attrs *attrs = node->attrs;
    int rank = node->in[0]->rank, cut;
    int64_t sizes[NN_MAX_OUTPUTS], offset = 0;
    NN_TRY(nn_check_axis(node, attrs->axis, rank, &cut));
    NN_TRY(find_sizes(node, node->in[0]->dims[cut], sizes));
    for (int i = 0; i < node->out_count; i++) {
        for (int axis = 0; axis < rank && node->out[i] != NULL; axis++) {
            nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(i, axis);
            if (axis != cut)
                NN_TRY(nn_axes_same(node, out, from, to));
            else if (offset >= 0)
                NN_TRY(nn_axes_offset(node, out, to, from, offset));
            else
                NN_TRY(nn_axes_mixed(node, out, from, to));
        }
        offset = nn_dim_is_known(offset) ? nn_dim_add(offset, sizes[i]) : NN_DIM_UNKNOWN;
        if (!nn_dim_is_known(offset)) offset = NN_DIM_UNKNOWN;
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_split_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int rank = in->rank, logical;
    NN_TRY(nn_check_axis(call->node, attrs->axis, rank, &logical));
    int axis = nn_physical_axis(call->layout, rank, logical);
    size_t size = nn_element_size(in->type);
    int64_t source[NN_MAX_RANK], target[NN_MAX_RANK], offset = 0;
    nn_dense_steps(in->dims, rank, source);
    for (int i = 0; i < call->out_count; i++) {
        nn_tensor *out = call->out[i];
        /* An output that nobody wants has a fact where its size is known, or is the last one. */
        if (out == NULL) {
            nn_list sizes = attrs->sizes;
            if (attrs->from_input)
                NN_TRY(nn_list_tensor(call->node, call->in[1], "split", NN_MAX_OUTPUTS, &sizes));
            int64_t even = nn_divide_up(in->dims[axis], call->out_count);
            offset += sizes.present ? sizes.values[i] : even;
            continue;
        }
        nn_dense_steps(out->dims, rank, target);
        const char *begin = (const char *)in->data + (size_t)(offset * source[axis]) * size;
        nn_copy_strided(call->pool, size, out->dims, rank, out->data, target, begin, source);
        offset += out->dims[axis];
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "split_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = UINT32_MAX,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_split = {
    .name = "Split",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = NN_MAX_OUTPUTS,
    .attr_size = sizeof(nn_split_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
