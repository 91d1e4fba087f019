#include "ops/family/dft.h"
#include "ops/family/infer.h"

enum { LENGTH = 1, AXIS = 2 };

typedef struct dft_attrs {
    bool inverse, onesided;
    bool axis_is_input; /* from version 20 on */
    int64_t axis;
} dft_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    dft_attrs *parsed = out;
    int64_t inverse, onesided;
    NN_TRY(nn_attrs_int(attrs, "inverse", 0, &inverse));
    NN_TRY(nn_attrs_int(attrs, "onesided", 0, &onesided));
    parsed->inverse = inverse != 0;
    parsed->onesided = onesided != 0;
    parsed->axis_is_input = node->opset >= 20;
    if (parsed->axis_is_input) {
        parsed->axis = -2;
        return NN_OK;
    }
    return nn_attrs_int(attrs, "axis", 1, &parsed->axis);
}

typedef struct geometry {
    int axis;
    int64_t n, in_length, out_length; /* of the transform, of the axis before and after */
    int in_parts, out_parts;
} geometry;

/* False where the axis or a size that it needs is not known. */
static nn_status find_geometry(const nn_node_view *node, geometry *out, bool *known) {
    const dft_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    bool to_real = attrs->inverse && attrs->onesided;
    int64_t axis = attrs->axis;
    *known = in->rank >= 0;
    if (*known && in->rank < 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has rank %d, signals need 2 axes",
                            in->rank);
    int64_t parts = *known ? in->dims[in->rank - 1] : NN_DIM_UNKNOWN;
    if (nn_dim_is_known(parts) && parts != 1 && parts != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "the last axis has size %lld, not 1 or 2",
                            (long long)parts);
    if (to_real && parts == 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the spectrum of a real signal must be complex");
    out->in_parts = (int)parts;
    out->out_parts = to_real ? 1 : 2;
    if (attrs->axis_is_input && !nn_scalar_input(node, AXIS, attrs->axis, &axis)) *known = false;
    if (!*known) return NN_OK;
    NN_TRY(nn_check_axis(node, axis, in->rank, &out->axis));
    if (out->axis == in->rank - 1)
        return nn_view_fail(node, NN_BAD_INPUT, "axis %d holds the parts of complex numbers",
                            out->axis);
    out->in_length = in->dims[out->axis];
    int64_t fallback = out->in_length;
    if (to_real && nn_dim_is_known(fallback)) fallback = 2 * (fallback - 1);
    if (!nn_scalar_input(node, LENGTH, fallback, &out->n)) out->n = NN_DIM_UNKNOWN;
    bool is_given = nn_view_in(node, LENGTH) != NULL;
    if (out->n < 1 && (nn_dim_is_known(out->n) || (is_given && out->n != NN_DIM_UNKNOWN)))
        return nn_view_fail(node, NN_BAD_INPUT, "a transform of length %lld", (long long)out->n);
    out->out_length = out->n;
    if (attrs->onesided && !to_real)
        out->out_length = nn_dim_is_known(out->n) ? out->n / 2 + 1 : NN_DIM_UNKNOWN;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    const nn_type_set indices = NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64);
    int64_t dims[NN_MAX_RANK];
    geometry g;
    bool known;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    NN_TRY(nn_check_types(node, LENGTH, AXIS, indices));
    NN_TRY(nn_check_scalar(node, LENGTH));
    NN_TRY(nn_check_scalar(node, AXIS));
    NN_TRY(find_geometry(node, &g, &known));
    for (int i = 0; i < in->rank; i++) dims[i] = known ? in->dims[i] : NN_DIM_UNKNOWN;
    if (in->rank >= 0) dims[in->rank - 1] = g.out_parts;
    if (known) dims[g.axis] = g.out_length;
    return nn_set_output(node, 0, in->type, in->rank, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    geometry g;
    bool known;
    if (find_geometry(node, &g, &known) != NN_OK || !known || g.n < 1) return;
    double signals = (double)nn_fact_count(node->out[0]) / (double)(g.out_length * g.out_parts);
    double levels = 0;
    for (int64_t n = g.n; n > 1; n /= 2) levels++;
    out->flops = (g.in_parts == 1 ? 2.5 : 5) * signals * (double)g.n * levels;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    geometry g;
    nn_dft_plan *plan;
    bool known;
    NN_TRY(find_geometry(node, &g, &known));
    if (!known || g.n < 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the length of the transform is not known");
    NN_TRY(nn_dft_plan_make(node, g.n, node->in[0]->type == NNOPT_DOUBLE, prepare, &plan));
    plan->axis = g.axis;
    nn_prepare_workspace(prepare, nn_dft_workspace(plan, target->threads));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const dft_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    const nn_dft_plan *plan = call->state;
    if (nn_tensor_count(out) == 0) return NN_OK;
    int axis = plan->axis, last = in->rank - 1;
    int64_t in_parts = in->dims[last], out_parts = out->dims[last];
    int64_t in_length = in->dims[axis], out_length = out->dims[axis];
    int64_t inner = nn_dims_product(in->dims, axis + 1, last);
    nn_dft_job job = {
        .plan = plan,
        .kind = attrs->inverse && attrs->onesided ? NN_DFT_TO_REAL
                : in_parts == 2                   ? NN_DFT_COMPLEX
                                                  : NN_DFT_REAL,
        .inverse = attrs->inverse,
        .count = nn_dims_product(in->dims, 0, axis) * inner,
        .in = {in->type, inner, in_length * inner * in_parts, in_parts, inner * in_parts,
               in_length},
        .out = {out->type, inner, out_length * inner * out_parts, out_parts, inner * out_parts,
                out_length},
        .x = in->data,
        .y = out->data,
    };
    nn_dft_run(&job, call->pool, call->workspace);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "dft_reference",
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_dft = {
    .name = "DFT",
    .domain = "",
    .since = 17,
    .min_inputs = 1,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(dft_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
