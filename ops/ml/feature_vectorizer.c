#include "ops/family/copy.h"
#include "ops/family/ml/features.h"

/* How many columns each input gets: longer rows are cut, shorter ones filled with zeros. */
typedef struct vectorizer_attrs {
    const int64_t *widths;
    int64_t count; /* 0: each input as it is */
} vectorizer_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    vectorizer_attrs *parsed = out;
    NN_TRY(nn_attrs_ints(attrs, "inputdimensions", &parsed->widths, &parsed->count));
    if (parsed->count > 0 && parsed->count != node->in_count)
        return nn_view_fail(node, NN_BAD_INPUT, "'inputdimensions' has %lld values for %d inputs",
                            (long long)parsed->count, node->in_count);
    for (int64_t i = 0; i < parsed->count; i++)
        if (parsed->widths[i] < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "'inputdimensions' holds %lld",
                                (long long)parsed->widths[i]);
    return NN_OK;
}

/* Columns of an input of shape [N, ...] or [C]; -1 when not known. */
static int64_t columns_of(const int64_t *dims, int rank) {
    if (rank < 1) return NN_DIM_UNKNOWN;
    for (int i = rank > 1; i < rank; i++)
        if (!nn_dim_is_known(dims[i])) return NN_DIM_UNKNOWN;
    return nn_dims_product(dims, rank > 1, rank);
}

static int64_t width_of(const vectorizer_attrs *attrs, int index, const int64_t *dims, int rank) {
    return attrs->count > 0 ? attrs->widths[index] : columns_of(dims, rank);
}

static nn_status infer(const nn_node_view *node) {
    const vectorizer_attrs *attrs = node->attrs;
    int64_t dims[2] = {NN_DIM_UNKNOWN, 0};
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_FEATURE));
    NN_TRY(nn_check_same_types(node, 0, -1));
    for (int i = 0; i < node->in_count; i++) {
        const nn_fact *x = node->in[i];
        int64_t width = width_of(attrs, i, x->dims, x->rank);
        dims[1] = nn_dim_add(dims[1], width);
        if (x->rank < 0) continue;
        if (x->rank == 0) return nn_view_fail(node, NN_BAD_INPUT, "input %d is a scalar", i);
        int64_t rows = x->rank == 1 ? 1 : x->dims[0];
        if (nn_dim_is_known(rows) && nn_dim_is_known(dims[0]) && rows != dims[0])
            return nn_view_fail(node, NN_BAD_INPUT,
                                "input %d has %lld rows, those before have %lld", i,
                                (long long)rows, (long long)dims[0]);
        if (!nn_dim_is_known(dims[0])) dims[0] = rows;
    }
    return nn_set_output(node, 0, NNOPT_FLOAT, 2, dims);
}

static nn_status run(const nn_call *call) {
    const vectorizer_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    int64_t at = 0, rows = out->dims[0], total = out->dims[1];
    nn_tensor_zero(out);
    for (int i = 0; i < call->in_count; i++) {
        const nn_tensor *x = call->in[i];
        int64_t columns = columns_of(x->dims, x->rank);
        int64_t width = width_of(attrs, i, x->dims, x->rank);
        int64_t count = columns < width ? columns : width;
        for (int64_t row = 0; row < rows; row++)
            nn_load_features(x, row * columns, count, (float *)out->data + row * total + at);
        at += width;
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "feature_vectorizer",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_feature_vectorizer = {
    .name = "FeatureVectorizer",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(vectorizer_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
