#include "ops/family/copy.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_axis_attrs *parsed = out;
    if (node->opset >= 4 && nn_attrs_find(attrs, "axis") == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'axis' is missing");
    return nn_attrs_int(attrs, "axis", 1, &parsed->axis);
}

static nn_status shapes_fail(const nn_node_view *node, int index, int axis) {
    char first[200], other[200];
    const nn_fact *a = node->in[0], *b = node->in[index];
    return nn_view_fail(node, NN_BAD_INPUT,
                        "inputs 0 and %d have shapes %s and %s, which differ beside axis %d", index,
                        nn_dims_text(a->dims, a->rank, first, sizeof first),
                        nn_dims_text(b->dims, b->rank, other, sizeof other), axis);
}

/* The elements of vectors follow one another; a vector whose length is not known ends it. */
static void join_elements(const nn_node_view *node) {
    int total = 0;
    for (int i = 0; i < node->in_count; i++) {
        const nn_fact *in = node->in[i];
        if (in->rank != 1 || !nn_dim_is_known(in->dims[0]) || in->dims[0] > NN_FACT_ELEMENTS ||
            !nn_type_is_integer(in->type))
            return;
        total += (int)in->dims[0];
        if (total > NN_FACT_ELEMENTS) return;
    }
    nn_elements_begin(node->out[0], total);
    for (int i = 0, next = 0; i < node->in_count; i++) {
        int count = nn_elements_count(node->in[i]);
        for (int k = 0; k < count; k++)
            nn_elements_set(node->out[0], next + k, nn_elements_get(node->in[i], k));
        next += (int)node->in[i]->dims[0];
    }
}

static nn_status infer(const nn_node_view *node) {
    const nn_axis_attrs *attrs = node->attrs;
    int64_t dims[NN_MAX_RANK];
    int rank = -1, axis = 0, first = -1;
    nn_type type = NNOPT_TYPE_NONE;
    bool all_ranked = true;
    NN_TRY(nn_check_same_types(node, 0, -1));
    for (int i = 0; i < node->in_count; i++) {
        const nn_fact *in = node->in[i];
        if (in == NULL) return nn_view_fail(node, NN_BAD_INPUT, "input %d is missing", i);
        if (in->type != NNOPT_TYPE_NONE) type = in->type;
        if (in->rank < 0) {
            all_ranked = false;
            continue;
        }
        if (rank < 0) {
            NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
            rank = in->rank;
            first = i;
            for (int k = 0; k < rank; k++) dims[k] = in->dims[k];
            continue;
        }
        if (in->rank != rank) return shapes_fail(node, i, axis);
        for (int k = 0; k < rank; k++) {
            if (k == axis)
                dims[k] = nn_dim_add(dims[k], in->dims[k]);
            else if (!nn_dim_is_known(dims[k]))
                dims[k] = nn_dim_is_known(in->dims[k]) || dims[k] == NN_DIM_UNKNOWN ? in->dims[k]
                                                                                    : dims[k];
            else if (nn_dim_is_known(in->dims[k]) && in->dims[k] != dims[k])
                return shapes_fail(node, i, axis);
        }
    }
    if (first >= 0 && !all_ranked) dims[axis] = NN_DIM_UNKNOWN;
    NN_TRY(nn_set_output(node, 0, type, rank, dims));
    if (rank == 1 && all_ranked && node->out[0] != NULL) join_elements(node);
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_axis_attrs *attrs = node->attrs;
    int rank = node->out[0]->rank, joined;
    int64_t offset = 0;
    NN_TRY(nn_check_axis(node, attrs->axis, rank, &joined));
    for (int i = 0; i < node->in_count; i++) {
        for (int axis = 0; axis < rank; axis++) {
            nn_axis_end a = nn_in_axis(i, axis), b = nn_out_axis(0, axis);
            if (axis != joined)
                NN_TRY(nn_axes_same(node, out, a, b));
            else if (offset >= 0)
                NN_TRY(nn_axes_offset(node, out, a, b, offset));
            else
                NN_TRY(nn_axes_mixed(node, out, a, b));
        }
        offset = nn_dim_add(offset, node->in[i]->dims[joined]);
        if (!nn_dim_is_known(offset)) offset = NN_DIM_UNKNOWN;
    }
    return NN_OK;
}

static bool part(const nn_node_view *node, int index, nn_joined_part *out) {
    const nn_axis_attrs *attrs = node->attrs;
    *out = (nn_joined_part){0};
    if (nn_check_axis(node, attrs->axis, node->out[0]->rank, &out->axis) != NN_OK) return false;
    for (int i = 0; i < index; i++) out->begin += node->in[i]->dims[out->axis];
    return true;
}

static nn_status run(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    int rank = out->rank, logical;
    NN_TRY(nn_check_axis(call->node, attrs->axis, rank, &logical));
    int axis = nn_physical_axis(call->layout, rank, logical);
    size_t size = nn_element_size(out->type);
    int64_t target[NN_MAX_RANK], source[NN_MAX_RANK], offset = 0;
    const int64_t out_channels = out->dims[rank - 1];
    nn_dense_steps(out->dims, rank, target);
    nn_pitch_steps(target, rank, out_channels, nn_view_out_pitch(call->node, 0, out_channels));
    for (int i = 0; i < call->in_count; i++) {
        const nn_tensor *in = call->in[i];
        const int64_t channels = in->dims[rank - 1];
        nn_dense_steps(in->dims, rank, source);
        nn_pitch_steps(source, rank, channels, nn_view_in_pitch(call->node, i, channels));
        char *begin = (char *)out->data + (size_t)(offset * target[axis]) * size;
        if (begin != in->data)
            nn_copy_strided(call->pool, size, in->dims, rank, begin, target, in->data, source);
        offset += in->dims[axis];
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "concat_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = UINT32_MAX,
    .pitched_inputs = UINT32_MAX,
    .pitched_output = true,
    .part = part,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_concat = {
    .name = "Concat",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_axis_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
