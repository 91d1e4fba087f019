#include "ops/family/ml/class_labels.h"
#include "ops/family/ml/post_transform.h"
#include "ops/family/ml/score_rows.h"

/* One row of coefficients for each class, or a single one for two classes. */
typedef struct classifier_attrs {
    const float *coefficients, *intercepts;
    int64_t coefficient_count, intercept_count;
    int64_t rows;
    nn_class_labels labels;
    nn_post_transform transform;
} classifier_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    classifier_attrs *parsed = out;
    NN_TRY(
        nn_attrs_floats(attrs, "coefficients", &parsed->coefficients, &parsed->coefficient_count));
    NN_TRY(nn_attrs_floats(attrs, "intercepts", &parsed->intercepts, &parsed->intercept_count));
    NN_TRY(nn_class_labels_parse(node, attrs, "classlabels_ints", "classlabels_strings",
                                 &parsed->labels));
    NN_TRY(nn_post_transform_parse(node, attrs, &parsed->transform));
    parsed->rows = parsed->intercept_count > 0 ? parsed->intercept_count : parsed->labels.count;
    if (parsed->coefficient_count == 0 || parsed->coefficient_count % parsed->rows != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "'coefficients' has %lld values for %lld rows",
                            (long long)parsed->coefficient_count, (long long)parsed->rows);
    if (parsed->rows > 1 && parsed->rows != parsed->labels.count)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld intercepts for %lld classes",
                            (long long)parsed->rows, (long long)parsed->labels.count);
    return NN_OK;
}

/* A single row scores two classes. */
static bool makes_pair(const classifier_attrs *attrs) {
    return attrs->rows == 1 && attrs->labels.count == 2;
}

static nn_status infer(const nn_node_view *node) {
    const classifier_attrs *attrs = node->attrs;
    int64_t dims[2] = {0, makes_pair(attrs) ? 2 : attrs->rows}, columns;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FEATURE));
    NN_TRY(nn_features_shape(node, &dims[0], &columns));
    NN_TRY(nn_features_check_columns(node, columns, attrs->coefficient_count / attrs->rows));
    NN_TRY(nn_set_output(node, 0, nn_class_labels_type(&attrs->labels), 1, dims));
    return nn_set_output(node, 1, NNOPT_FLOAT, 2, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const classifier_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    out->macs = (double)(x->rank == 1 ? 1 : x->dims[0]) * (double)attrs->coefficient_count;
    out->flops = 2 * out->macs;
}

static size_t scratch_bytes(const classifier_attrs *attrs) {
    return (size_t)(attrs->rows + 1) * (sizeof(float) + sizeof(double));
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    const classifier_attrs *attrs = node->attrs;
    int64_t columns = attrs->coefficient_count / attrs->rows;
    size_t bytes;
    if (!nn_weight_rows_bytes(attrs->rows, columns, &bytes)) return nn_fail_memory(SIZE_MAX);
    char *state = nn_prepare_state(plan, NN_ALIGNMENT + bytes);
    if (state == NULL) return nn_fail_memory(NN_ALIGNMENT + bytes);
    nn_weight_rows_init((nn_weight_rows *)(void *)state, attrs->coefficients, attrs->rows, columns,
                        (float *)(void *)(state + NN_ALIGNMENT));
    return nn_score_rows_prepare(node, target, plan, scratch_bytes(attrs));
}

static void write_label(const classifier_attrs *attrs, const double *scores, nn_tensor *out,
                        int64_t index) {
    if (attrs->rows == 1 && attrs->labels.count != 2) {
        nn_class_labels_write_sign(&attrs->labels, scores[0] > 0, out, index);
        return;
    }
    int64_t best = attrs->rows == 1 ? scores[0] > 0 : 0;
    for (int64_t r = 1; r < attrs->rows; r++)
        if (scores[r] > scores[best]) best = r;
    nn_class_labels_write(&attrs->labels, best, out, index);
}

static void score(const nn_call *call, int64_t index, const float *x, void *scratch) {
    const classifier_attrs *attrs = call->node->attrs;
    double *scores = scratch;
    float *products = (float *)(void *)(scores + attrs->rows + 1);
    nn_tensor *labels = nn_call_out(call, 0), *out = nn_call_out(call, 1);
    nn_weight_products(call->state, x, products);
    for (int64_t r = 0; r < attrs->rows; r++)
        scores[r] = products[r] + (attrs->intercept_count > 0 ? attrs->intercepts[r] : 0.0F);
    if (labels != NULL) write_label(attrs, scores, labels, index);
    if (out == NULL) return;
    int64_t count = makes_pair(attrs) ? 2 : attrs->rows;
    if (makes_pair(attrs))
        nn_post_transform_pair(attrs->transform, NN_SECOND_COMPLEMENT, scores[0], scores);
    else
        nn_post_transform_apply(attrs->transform, scores, count);
    float *row = (float *)out->data + index * count;
    for (int64_t i = 0; i < count; i++) row[i] = (float)scores[i];
}

static nn_status run(const nn_call *call) {
    const classifier_attrs *attrs = call->node->attrs;
    nn_score_rows_run(call, scratch_bytes(attrs), attrs->coefficient_count, score);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "linear_classifier",
    .exactness = NN_ROUNDING,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_linear_classifier = {
    .name = "LinearClassifier",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(classifier_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
