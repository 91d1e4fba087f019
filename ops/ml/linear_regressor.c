#include "ops/family/ml/post_transform.h"
#include "ops/family/ml/score_rows.h"

typedef struct regressor_attrs {
    const float *coefficients, *intercepts;
    int64_t coefficient_count, intercept_count, targets;
    nn_post_transform transform;
} regressor_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    regressor_attrs *parsed = out;
    NN_TRY(
        nn_attrs_floats(attrs, "coefficients", &parsed->coefficients, &parsed->coefficient_count));
    NN_TRY(nn_attrs_floats(attrs, "intercepts", &parsed->intercepts, &parsed->intercept_count));
    NN_TRY(nn_attrs_int(attrs, "targets", 1, &parsed->targets));
    NN_TRY(nn_post_transform_parse(node, attrs, &parsed->transform));
    if (parsed->targets < 1 || parsed->coefficient_count % parsed->targets != 0 ||
        parsed->coefficient_count == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "'coefficients' has %lld values for %lld targets",
                            (long long)parsed->coefficient_count, (long long)parsed->targets);
    if (parsed->intercept_count != 0 && parsed->intercept_count != parsed->targets)
        return nn_view_fail(node, NN_BAD_INPUT, "'intercepts' has %lld values for %lld targets",
                            (long long)parsed->intercept_count, (long long)parsed->targets);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const regressor_attrs *attrs = node->attrs;
    int64_t dims[2] = {0, attrs->targets}, columns;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FEATURE));
    NN_TRY(nn_features_shape(node, &dims[0], &columns));
    NN_TRY(nn_features_check_columns(node, columns, attrs->coefficient_count / attrs->targets));
    return nn_set_output(node, 0, NNOPT_FLOAT, 2, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const regressor_attrs *attrs = node->attrs;
    out->macs = (double)node->out[0]->dims[0] * (double)attrs->coefficient_count;
    out->flops = 2 * out->macs;
}

static size_t scratch_bytes(const regressor_attrs *attrs) {
    return (size_t)attrs->targets * (sizeof(float) + sizeof(double));
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    const regressor_attrs *attrs = node->attrs;
    int64_t columns = attrs->coefficient_count / attrs->targets;
    size_t bytes;
    if (!nn_weight_rows_bytes(attrs->targets, columns, &bytes)) return nn_fail_memory(SIZE_MAX);
    char *state = nn_prepare_state(plan, NN_ALIGNMENT + bytes);
    if (state == NULL) return nn_fail_memory(NN_ALIGNMENT + bytes);
    nn_weight_rows_init((nn_weight_rows *)(void *)state, attrs->coefficients, attrs->targets,
                        columns, (float *)(void *)(state + NN_ALIGNMENT));
    return nn_score_rows_prepare(node, target, plan, scratch_bytes(attrs));
}

static void score(const nn_call *call, int64_t index, const float *x, void *scratch) {
    const regressor_attrs *attrs = call->node->attrs;
    double *scores = scratch;
    float *products = (float *)(void *)(scores + attrs->targets);
    nn_weight_products(call->state, x, products);
    for (int64_t t = 0; t < attrs->targets; t++)
        scores[t] = products[t] + (attrs->intercept_count > 0 ? attrs->intercepts[t] : 0.0F);
    nn_post_transform_apply(attrs->transform, scores, attrs->targets);
    float *out = (float *)call->out[0]->data + index * attrs->targets;
    for (int64_t t = 0; t < attrs->targets; t++) out[t] = (float)scores[t];
}

static nn_status run(const nn_call *call) {
    const regressor_attrs *attrs = call->node->attrs;
    nn_score_rows_run(call, scratch_bytes(attrs), attrs->coefficient_count, score);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "linear_regressor",
    .exactness = NN_ROUNDING,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_linear_regressor = {
    .name = "LinearRegressor",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(regressor_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
