#include "ops/family/normalize.h"

typedef struct norm_attrs {
    int64_t axis;
    float epsilon;
    nn_type stash; /* type of outputs 1 and 2 */
} norm_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    norm_attrs *parsed = out;
    int64_t stash;
    NN_TRY(nn_attrs_int(attrs, "axis", -1, &parsed->axis));
    NN_TRY(nn_attrs_float(attrs, "epsilon", 1e-5f, &parsed->epsilon));
    NN_TRY(nn_attrs_int(attrs, "stash_type", NNOPT_FLOAT, &stash));
    parsed->stash = (nn_type)stash;
    if (stash == NNOPT_FLOAT || stash == NNOPT_BFLOAT16 || stash == NNOPT_DOUBLE ||
        stash == NNOPT_FLOAT16)
        return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'stash_type' is %lld", (long long)stash);
}

/* Parameters are broadcast to the normalised axes. */
static nn_status check_parameter(const nn_node_view *node, int index, int first) {
    const nn_fact *in = node->in[0], *parameter = nn_view_in(node, index);
    if (parameter == NULL || parameter->rank < 0) return NN_OK;
    int64_t count = nn_fact_count(parameter);
    int64_t wanted = nn_dims_product(in->dims, first, in->rank);
    if (count < 0 || wanted < 0 || count == wanted) return NN_OK;
    char text[200];
    return nn_view_fail(node, NN_BAD_INPUT, "input %d of shape %s does not cover axes %d to %d",
                        index, nn_dims_text(parameter->dims, parameter->rank, text, sizeof text),
                        first, in->rank - 1);
}

static nn_status infer(const nn_node_view *node) {
    const norm_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[NN_MAX_RANK];
    int first = 0;
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_FLOAT));
    if (in->rank >= 0) {
        NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &first));
        for (int i = 1; i < 3; i++) NN_TRY(check_parameter(node, i, first));
    }
    for (int axis = 0; axis < in->rank; axis++) dims[axis] = axis < first ? in->dims[axis] : 1;
    for (int i = 1; i < 3; i++) NN_TRY(nn_set_output(node, i, attrs->stash, in->rank, dims));
    return nn_infer_like(node);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const norm_attrs *attrs = node->attrs;
    int rank = node->in[0]->rank, first;
    NN_TRY(nn_check_axis(node, attrs->axis, rank, &first));
    for (int axis = 0; axis < rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(axis < first ? nn_axes_same(node, out, from, to)
                            : nn_axes_mixed(node, out, from, to));
    }
    for (int i = 1; i < node->in_count; i++)
        for (int axis = 0; node->in[i] != NULL && axis < node->in[i]->rank; axis++)
            NN_TRY(nn_axes_fixed(node, out, nn_in_axis(i, axis)));
    return NN_OK;
}

nn_status nn_layer_normalization_of(const nn_call *call, nn_normalize *out) {
    const norm_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int first;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &first));
    int64_t size = nn_dims_product(in->dims, first, in->rank);
    *out = (nn_normalize){.type = in->type,
                          .rows = nn_dims_product(in->dims, 0, first),
                          .size = size,
                          .run = 1,
                          .period = size,
                          .row_periods = 1,
                          .width = size,
                          .stride = size,
                          .rows_per_block = 1,
                          .epsilon = attrs->epsilon,
                          .scale = call->in[1],
                          .bias = call->in_count > 2 ? call->in[2] : NULL,
                          .mean = call->out_count > 1 ? call->out[1] : NULL,
                          .inverse_deviation = call->out_count > 2 ? call->out[2] : NULL};
    return NN_OK;
}

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    nn_normalize shape;
    NN_TRY(nn_layer_normalization_of(call, &shape));
    nn_normalize_run(call, &shape, rows);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return run_rows(call, NULL);
}

static const nn_kernel layer_normalization_reference = {
    .name = "layer_normalization_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_normalize_accepts,
    .run = run,
};

NN_ROWS_F32_KERNELS(layer_normalization, NN_LAYOUT_STANDARD, 0, run_rows)

const nn_op nn_op_layer_normalization = {
    .name = "LayerNormalization",
    .domain = "",
    .since = 1, /* standard from 17 on; optimised files have it at any opset */
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 3,
    .attr_size = sizeof(norm_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_normalize_cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
