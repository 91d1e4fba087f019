#include "ops/family/ml/svm.h"

typedef struct regressor_attrs {
    nn_svm_attrs svm;
    bool one_class; /* 1 or -1 by the sign of the result */
} regressor_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    regressor_attrs *parsed = out;
    int64_t vectors, one_class;
    NN_TRY(nn_svm_parse(node, attrs, &parsed->svm));
    NN_TRY(nn_attrs_int(attrs, "n_supports", 0, &vectors));
    NN_TRY(nn_attrs_int(attrs, "one_class", 0, &one_class));
    parsed->one_class = one_class != 0;
    if (vectors < 0 || (vectors > 0 && parsed->svm.coefficient_count != vectors))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "'coefficients' has %lld values, 'n_supports' is %lld",
                            (long long)parsed->svm.coefficient_count, (long long)vectors);
    return nn_svm_set_vectors(node, &parsed->svm, vectors, 1);
}

static nn_status infer(const nn_node_view *node) {
    const regressor_attrs *attrs = node->attrs;
    int64_t dims[2] = {0, 1}, columns;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FEATURE));
    NN_TRY(nn_features_shape(node, &dims[0], &columns));
    NN_TRY(nn_features_check_columns(node, columns, attrs->svm.columns));
    return nn_set_output(node, 0, NNOPT_FLOAT, 2, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_svm_cost(node, &((const regressor_attrs *)node->attrs)->svm, out);
}

static size_t scratch_bytes(const nn_svm_attrs *svm) {
    return (size_t)(svm->vectors > 0 ? svm->vectors : 1) * sizeof(float);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    const regressor_attrs *attrs = node->attrs;
    NN_TRY(nn_svm_prepare_state(&attrs->svm, plan));
    return nn_score_rows_prepare(node, target, plan, scratch_bytes(&attrs->svm));
}

static void score(const nn_call *call, int64_t index, const float *x, void *scratch) {
    const regressor_attrs *attrs = call->node->attrs;
    const nn_svm_attrs *svm = &attrs->svm;
    float *kernels = scratch;
    double result = svm->rho[0];
    nn_svm_kernels(svm, call->state, x, kernels);
    if (svm->vectors == 0) result += (double)kernels[0];
    for (int64_t v = 0; v < svm->vectors; v++)
        result += (double)kernels[v] * (double)svm->coefficients[v];
    nn_post_transform_apply(svm->transform, &result, 1);
    if (attrs->one_class) result = result > 0 ? 1 : -1;
    ((float *)call->out[0]->data)[index] = (float)result;
}

static nn_status run(const nn_call *call) {
    const nn_svm_attrs *svm = &((const regressor_attrs *)call->node->attrs)->svm;
    nn_score_rows_run(call, scratch_bytes(svm), svm->support_count + svm->coefficient_count, score);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "svm_regressor",
    .exactness = NN_ROUNDING,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_svm_regressor = {
    .name = "SVMRegressor",
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
