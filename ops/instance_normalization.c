#include "ops/family/normalize.h"

typedef struct norm_attrs {
    float epsilon;
} norm_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    norm_attrs *parsed = out;
    return nn_attrs_float(attrs, "epsilon", 1e-5f, &parsed->epsilon);
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 2, NN_TYPES_FLOAT));
    if (in->rank >= 0 && in->rank < 3)
        return nn_view_fail(node, NN_BAD_INPUT, "the input has rank %d, less than 3", in->rank);
    for (int i = 1; i < 3 && in->rank >= 0; i++) {
        int64_t count = nn_fact_count(node->in[i]);
        if (count >= 0 && nn_dim_is_known(in->dims[1]) && count != in->dims[1])
            return nn_view_fail(node, NN_BAD_INPUT, "input %d has %lld values for %lld channels", i,
                                (long long)count, (long long)in->dims[1]);
    }
    return nn_infer_like(node);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    for (int axis = 0; axis < node->in[0]->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(axis < 2 ? nn_axes_same(node, out, from, to) : nn_axes_mixed(node, out, from, to));
    }
    for (int i = 1; i < 3; i++)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(i, 0), nn_out_axis(0, 1)));
    return NN_OK;
}

nn_status nn_instance_normalization_of(const nn_call *call, nn_normalize *out) {
    const norm_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int64_t total = nn_tensor_count(in), channels = nn_tensor_count(call->in[1]);
    *out = (nn_normalize){.type = in->type};
    if (total == 0) return NN_OK;
    int64_t size = total / (in->dims[0] * channels);
    bool last = call->layout == NN_LAYOUT_CHANNELS_LAST;
    *out = (nn_normalize){.type = in->type,
                          .rows = in->dims[0] * channels,
                          .size = size,
                          .run = size,
                          .period = 1,
                          .row_periods = channels,
                          .width = last ? 1 : size,
                          .stride = last ? channels : size,
                          .rows_per_block = last ? channels : 1,
                          .epsilon = attrs->epsilon,
                          .scale = call->in[1],
                          .bias = call->in[2]};
    return NN_OK;
}

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    nn_normalize shape;
    NN_TRY(nn_instance_normalization_of(call, &shape));
    nn_normalize_run(call, &shape, rows);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return run_rows(call, NULL);
}

static const nn_kernel instance_normalization_reference = {
    .name = "instance_normalization_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = nn_normalize_accepts,
    .run = run,
};

NN_ROWS_F32_KERNELS(instance_normalization, NN_LAYOUT_ANY, 1, run_rows)

const nn_op nn_op_instance_normalization = {
    .name = "InstanceNormalization",
    .domain = "",
    .since = 1,
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
