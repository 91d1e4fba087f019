#include "ops/family/normalize.h"

/* Scale and bias: one per group before version 21, one per channel since. */
typedef struct norm_attrs {
    float epsilon;
    int64_t groups;
    bool per_channel;
} norm_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    norm_attrs *parsed = out;
    NN_TRY(nn_attrs_float(attrs, "epsilon", 1e-5f, &parsed->epsilon));
    NN_TRY(nn_attrs_int(attrs, "num_groups", 0, &parsed->groups));
    parsed->per_channel = node->opset >= 21;
    if (parsed->groups > 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'num_groups' is %lld",
                        (long long)parsed->groups);
}

static nn_status infer(const nn_node_view *node) {
    const norm_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 2, NN_TYPES_FLOAT));
    if (in->rank >= 0 && in->rank < 2)
        return nn_view_fail(node, NN_BAD_INPUT, "the input has rank %d, less than 2", in->rank);
    int64_t channels = in->rank >= 0 ? in->dims[1] : NN_DIM_UNKNOWN;
    if (nn_dim_is_known(channels) && channels % attrs->groups != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld channels do not divide into %lld groups",
                            (long long)channels, (long long)attrs->groups);
    int64_t wanted = attrs->per_channel ? channels : attrs->groups;
    for (int i = 1; i < 3; i++) {
        int64_t count = nn_fact_count(node->in[i]);
        if (count >= 0 && nn_dim_is_known(wanted) && count != wanted)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d has %lld values, not %lld", i,
                                (long long)count, (long long)wanted);
    }
    return nn_infer_like(node);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    for (int axis = 0; axis < node->in[0]->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(axis == 0 ? nn_axes_same(node, out, from, to) : nn_axes_mixed(node, out, from, to));
    }
    for (int i = 1; i < 3; i++) NN_TRY(nn_axes_fixed(node, out, nn_in_axis(i, 0)));
    return NN_OK;
}

nn_status nn_group_normalization_of(const nn_call *call, nn_normalize *out) {
    const norm_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int64_t total = nn_tensor_count(in);
    *out = (nn_normalize){.type = in->type};
    if (total == 0) return NN_OK;
    bool last = call->layout == NN_LAYOUT_CHANNELS_LAST && in->rank >= 3;
    int64_t channels = in->dims[last ? in->rank - 1 : 1], groups = attrs->groups;
    int64_t positions = total / (in->dims[0] * channels), depth = channels / groups;
    *out = (nn_normalize){.type = in->type,
                          .rows = in->dims[0] * groups,
                          .size = depth * positions,
                          .period = attrs->per_channel ? depth : 1,
                          .row_periods = groups,
                          .epsilon = attrs->epsilon,
                          .scale = call->in[1],
                          .bias = call->in[2]};
    out->run = last ? 1 : positions;
    out->width = last ? depth : out->size;
    out->stride = last ? channels : out->size;
    out->rows_per_block = last ? groups : 1;
    return NN_OK;
}

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    nn_normalize shape;
    NN_TRY(nn_group_normalization_of(call, &shape));
    nn_normalize_run(call, &shape, rows);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return run_rows(call, NULL);
}

static const nn_kernel group_normalization_reference = {
    .name = "group_normalization_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = nn_normalize_accepts,
    .run = run,
};

NN_ROWS_F32_KERNELS(group_normalization, NN_LAYOUT_ANY, 1, run_rows)

const nn_op nn_op_group_normalization = {
    .name = "GroupNormalization",
    .domain = "",
    .since = 18,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(norm_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_normalize_cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
