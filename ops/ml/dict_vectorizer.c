#include "ops/family/ml/categories.h"
#include "ops/family/ml/maps.h"

typedef struct vectorizer_attrs {
    nn_category_list vocabulary;
} vectorizer_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    vectorizer_attrs *parsed = out;
    nn_category_list ints = {.type = NNOPT_INT64}, texts = {.type = NNOPT_STRING};
    NN_TRY(nn_attrs_ints(attrs, "int64_vocabulary", &ints.ints, &ints.count));
    NN_TRY(nn_attrs_strings(attrs, "string_vocabulary", &texts.texts, &texts.count));
    if ((ints.count > 0) == (texts.count > 0))
        return nn_view_fail(
            node, NN_BAD_INPUT,
            "needs either 'int64_vocabulary' or 'string_vocabulary', has %lld and %lld values",
            (long long)ints.count, (long long)texts.count);
    parsed->vocabulary = ints.count > 0 ? ints : texts;
    return NN_OK;
}

static nn_status check_map(const nn_node_view *node, const nn_tensor *map) {
    const vectorizer_attrs *attrs = node->attrs;
    nn_type_set values = NN_TYPE_BIT(NNOPT_INT64) | NN_TYPE_BIT(NNOPT_FLOAT) |
                         NN_TYPE_BIT(NNOPT_DOUBLE) | NN_TYPE_BIT(NNOPT_STRING);
    return nn_map_check(node, map, NN_TYPE_BIT(attrs->vocabulary.type), values);
}

static nn_status infer(const nn_node_view *node) {
    const vectorizer_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[2] = {1, attrs->vocabulary.count};
    nn_type type = NNOPT_TYPE_NONE;
    if (in->type != NNOPT_TYPE_NONE && in->type != NNOPT_MAP)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must not be of type %s",
                            nnopt_type_name(in->type));
    if (in->constant != NULL) {
        NN_TRY(check_map(node, in->constant));
        type = nn_map_values(in->constant)->type;
    }
    return nn_set_output(node, 0, type, 2, dims);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    (void)target;
    const vectorizer_attrs *attrs = node->attrs;
    void *state;
    return nn_categories_prepare(plan, &attrs->vocabulary, false, sizeof(nn_lookup), 0, &state,
                                 NULL);
}

/* Where a word of the vocabulary is repeated, its value is too. */
static void repeat_values(const nn_call *call, nn_tensor *out) {
    const nn_lookup *lookup = call->state;
    size_t size = (size_t)nn_type_bits(out->type) / 8;
    for (int64_t i = 0; i < nn_tensor_count(out); i++) {
        int64_t first = lookup->kind == NN_KEY_INT ? nn_lookup_int(lookup, lookup->ints[i])
                                                   : nn_lookup_text(lookup, lookup->texts[i]);
        if (first != i)
            memcpy(nn_at_out(out->data, out->type, i), nn_at(out->data, out->type, first), size);
    }
}

static nn_status run(const nn_call *call) {
    const nn_tensor *map = call->in[0];
    NN_TRY(check_map(call->node, map));
    const nn_tensor *keys = nn_map_keys(map), *values = nn_map_values(map);
    nn_tensor *out = call->out[0];
    size_t size = (size_t)nn_type_bits(out->type) / 8;
    nn_tensor_zero(out);
    if (out->type == NNOPT_STRING)
        for (int64_t i = 0; i < nn_tensor_count(out); i++) ((const char **)out->data)[i] = "";
    for (int64_t i = 0; i < nn_tensor_count(keys); i++) {
        int64_t place = nn_categories_find(call->state, keys, i);
        if (place >= 0)
            memcpy(nn_at_out(out->data, out->type, place), nn_at(values->data, values->type, i),
                   size);
    }
    repeat_values(call, out);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "dict_vectorizer",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_dict_vectorizer = {
    .name = "DictVectorizer",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(vectorizer_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
