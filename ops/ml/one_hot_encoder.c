#include "ops/family/ml/categories.h"
#include "ops/family/infer.h"

typedef struct one_hot_attrs {
    nn_category_list categories;
    bool zeros; /* unknown categories are all zero; else they are refused */
} one_hot_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *parsed) {
    one_hot_attrs *out = parsed;
    const int64_t *ints;
    const nn_text *texts;
    int64_t int_count, text_count, zeros;
    NN_TRY(nn_attrs_ints(attrs, "cats_int64s", &ints, &int_count));
    NN_TRY(nn_attrs_strings(attrs, "cats_strings", &texts, &text_count));
    NN_TRY(nn_attrs_int(attrs, "zeros", 1, &zeros));
    if ((int_count > 0) == (text_count > 0))
        return nn_view_fail(
            node, NN_BAD_INPUT,
            "needs either 'cats_int64s' or 'cats_strings', has %lld and %lld values",
            (long long)int_count, (long long)text_count);
    out->zeros = zeros != 0;
    if (int_count > 0)
        out->categories = (nn_category_list){.type = NNOPT_INT64, .count = int_count, .ints = ints};
    else
        out->categories =
            (nn_category_list){.type = NNOPT_STRING, .count = text_count, .texts = texts};
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const one_hot_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[NN_MAX_RANK + 1];
    bool texts = attrs->categories.type == NNOPT_STRING;
    NN_TRY(nn_check_types(node, 0, 0,
                          texts ? NN_TYPE_BIT(NNOPT_STRING)
                                : NN_TYPE_BIT(NNOPT_INT64) | NN_TYPE_BIT(NNOPT_INT32) |
                                      NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE)));
    if (in->rank < 0) return nn_set_output(node, 0, NNOPT_FLOAT, -1, NULL);
    for (int i = 0; i < in->rank; i++) dims[i] = in->dims[i];
    dims[in->rank] = attrs->categories.count;
    return nn_set_output(node, 0, NNOPT_FLOAT, in->rank + 1, dims);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    (void)target;
    const one_hot_attrs *attrs = node->attrs;
    void *state;
    return nn_categories_prepare(plan, &attrs->categories, true, sizeof(nn_lookup), 0, &state,
                                 NULL);
}

static nn_status run(const nn_call *call) {
    const one_hot_attrs *attrs = call->node->attrs;
    int64_t count = nn_tensor_count(call->in[0]), width = attrs->categories.count;
    float *out = call->out[0]->data;
    nn_tensor_zero(call->out[0]);
    for (int64_t i = 0; i < count; i++) {
        int64_t found = nn_categories_find(call->state, call->in[0], i);
        if (found >= 0)
            out[i * width + found] = 1;
        else if (!attrs->zeros)
            return nn_view_fail(call->node, NN_BAD_INPUT, "element %lld is in no category",
                                (long long)i);
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "one_hot_encoder",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_one_hot_encoder = {
    .name = "OneHotEncoder",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(one_hot_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
