#include "ops/family/copy.h"

typedef struct shape_attrs {
    int64_t start, end;
} shape_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    shape_attrs *parsed = out;
    NN_TRY(nn_attrs_int(attrs, "start", 0, &parsed->start));
    return nn_attrs_int(attrs, "end", INT64_MAX, &parsed->end);
}

static int clamp_axis(int64_t axis, int rank) {
    if (axis < 0) axis = axis < -rank ? 0 : axis + rank;
    return axis > rank ? rank : (int)axis;
}

static void axis_range(const shape_attrs *attrs, int rank, int *first, int *count) {
    *first = clamp_axis(attrs->start, rank);
    int end = clamp_axis(attrs->end, rank);
    *count = end > *first ? end - *first : 0;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    int first = 0, count = -1;
    if (in->rank >= 0) axis_range(node->attrs, in->rank, &first, &count);
    int64_t dims[1] = {count};
    NN_TRY(nn_set_output(node, 0, NNOPT_INT64, 1, dims));
    if (node->out[0] == NULL) return NN_OK;
    nn_elements_begin(node->out[0], count);
    for (int i = 0; i < count; i++)
        nn_elements_set(node->out[0], i, nn_element_of_dim(in->dims[first + i]));
    return NN_OK;
}

/* What is computed from a size depends on every index of that axis. */
static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    int first, count;
    axis_range(node->attrs, node->in[0]->rank, &first, &count);
    for (int i = 0; i < count; i++) NN_TRY(nn_axes_fixed(node, out, nn_in_axis(0, first + i)));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    int64_t *out = call->out[0]->data;
    int first, count;
    axis_range(call->node->attrs, in->rank, &first, &count);
    for (int i = 0; i < count; i++) out[i] = in->dims[first + i];
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "shape_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_shape = {
    .name = "Shape",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(shape_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_header,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
