#include "ops/family/ml/categories.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

/* Version 1 maps texts to their places and back, by the type of the input. */
typedef struct label_attrs {
    bool by_place;
    nn_category_list keys, values;
    const nn_tensor *default_tensor;
    int64_t default_int;
    float default_float;
    const char *default_text;
    bool last; /* of equal keys the last one counts */
} label_attrs;

enum { FORMS = 4 };
static const nn_type_set list_types = NN_TYPE_BIT(NNOPT_STRING) | NN_TYPE_BIT(NNOPT_INT64) |
                                      NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_INT32) |
                                      NN_TYPE_BIT(NNOPT_INT16) | NN_TYPE_BIT(NNOPT_DOUBLE);

/* The one list among NAME_strings, NAME_int64s, NAME_floats and NAME_tensor that is given. */
static nn_status read_list(const nn_node_view *node, const nn_attrs *attrs,
                           const char *const names[FORMS], nn_category_list *out) {
    nn_category_list lists[FORMS] = {{.type = NNOPT_STRING},
                                     {.type = NNOPT_INT64},
                                     {.type = NNOPT_FLOAT},
                                     {.type = NNOPT_FLOAT}};
    NN_TRY(nn_attrs_strings(attrs, names[0], &lists[0].texts, &lists[0].count));
    NN_TRY(nn_attrs_ints(attrs, names[1], &lists[1].ints, &lists[1].count));
    NN_TRY(nn_attrs_floats(attrs, names[2], &lists[2].floats, &lists[2].count));
    NN_TRY(nn_attrs_tensor(attrs, names[3], &lists[3].tensor));
    if (lists[3].tensor != NULL) {
        lists[3].type = lists[3].tensor->type;
        lists[3].count = nn_tensor_count(lists[3].tensor);
        if (!nn_type_in(lists[3].type, list_types))
            return nn_view_fail(node, NN_BAD_INPUT, "'%s' must not be of type %s", names[3],
                                nnopt_type_name(lists[3].type));
    }
    int given = 0;
    for (int i = 0; i < FORMS; i++) {
        if (lists[i].count == 0) continue;
        *out = lists[i];
        given++;
    }
    if (given != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "needs one of '%s', '%s', '%s' and '%s', has %d",
                            names[0], names[1], names[2], names[3], given);
    return NN_OK;
}

static nn_status parse_lists(const nn_node_view *node, const nn_attrs *attrs, label_attrs *out) {
    static const char *const keys[FORMS] = {"keys_strings", "keys_int64s", "keys_floats",
                                            "keys_tensor"};
    static const char *const values[FORMS] = {"values_strings", "values_int64s", "values_floats",
                                              "values_tensor"};
    NN_TRY(read_list(node, attrs, keys, &out->keys));
    NN_TRY(read_list(node, attrs, values, &out->values));
    if (out->keys.count != out->values.count)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld keys but %lld values",
                            (long long)out->keys.count, (long long)out->values.count);
    NN_TRY(nn_attrs_tensor(attrs, "default_tensor", &out->default_tensor));
    const nn_tensor *fallback = out->default_tensor;
    if (fallback != NULL && (fallback->type != out->values.type || nn_tensor_count(fallback) != 1))
        return nn_view_fail(node, NN_BAD_INPUT, "'default_tensor' must be one %s",
                            nnopt_type_name(out->values.type));
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *parsed) {
    label_attrs *out = parsed;
    NN_TRY(nn_attrs_int(attrs, "default_int64", -1, &out->default_int));
    NN_TRY(nn_attrs_float(attrs, "default_float", -0.0F, &out->default_float));
    NN_TRY(nn_attrs_string(attrs, "default_string", "_Unused", &out->default_text));
    out->last = node->opset >= 4;
    if (node->opset >= 2) return parse_lists(node, attrs, out);
    out->by_place = true;
    out->keys.type = NNOPT_STRING;
    NN_TRY(nn_attrs_strings(attrs, "classes_strings", &out->keys.texts, &out->keys.count));
    out->values = (nn_category_list){.type = NNOPT_INT64, .count = out->keys.count};
    return NN_OK;
}

/* Version 1 from places to texts. */
static bool is_inverse(const nn_node_view *node) {
    const label_attrs *attrs = node->attrs;
    return attrs->by_place && nn_in_type(node, 0) == NNOPT_INT64;
}

static const nn_category_list *keys_of(const nn_node_view *node) {
    const label_attrs *attrs = node->attrs;
    return is_inverse(node) ? &attrs->values : &attrs->keys;
}

static const nn_category_list *values_of(const nn_node_view *node) {
    const label_attrs *attrs = node->attrs;
    return is_inverse(node) ? &attrs->keys : &attrs->values;
}

static nn_status infer(const nn_node_view *node) {
    const label_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    nn_type type = values_of(node)->type;
    if (in->type != NNOPT_TYPE_NONE && in->type != keys_of(node)->type)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 is %s, the keys are %s",
                            nnopt_type_name(in->type), nnopt_type_name(keys_of(node)->type));
    if (attrs->by_place && in->type == NNOPT_TYPE_NONE) type = NNOPT_TYPE_NONE;
    return nn_set_output(node, 0, type, in->rank, in->dims);
}

/* Values of the output's type; the default stands behind them. */
typedef struct label_state {
    nn_lookup keys;
    int64_t count;
    const void *values;
} label_state;

static void write_value(void *values, nn_type type, int64_t at, const nn_category_list *list,
                        int64_t index) {
    if (type == NNOPT_STRING) {
        ((const char **)values)[at] = nn_category_text(list, index);
        return;
    }
    int64_t number = nn_key_kind_of(type) == NN_KEY_INT ? nn_category_int(list, index) : 0;
    double real = nn_key_kind_of(type) == NN_KEY_REAL ? nn_category_real(list, index) : 0;
    if (nn_key_kind_of(type) == NN_KEY_INT)
        nn_store_int(type, &number, nn_at_out(values, type, at), 1);
    else
        nn_store_double(type, &real, nn_at_out(values, type, at), 1);
}

static void write_default(const label_attrs *attrs, void *values, nn_type type, int64_t at) {
    nn_category_list list = {.count = 1, .tensor = attrs->default_tensor};
    float real = type == NNOPT_FLOAT ? attrs->default_float : -0.0F;
    int64_t number = type == NNOPT_INT64 ? attrs->default_int : -1;
    const nn_text text = {attrs->default_text, 0};
    if (list.tensor == NULL) {
        list.floats = &real;
        list.ints = &number;
        list.texts = &text;
    }
    write_value(values, type, at, &list, 0);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    (void)target;
    const label_attrs *attrs = node->attrs;
    const nn_category_list *keys = keys_of(node), *list = values_of(node);
    int64_t bytes;
    void *state = NULL, *values = NULL;
    if (!nn_mul_size(list->count + 1, nn_type_bits(list->type) / 8, &bytes))
        return nn_fail_memory(SIZE_MAX);
    NN_TRY(nn_categories_prepare(plan, keys, attrs->last, sizeof(label_state), (size_t)bytes,
                                 &state, &values));
    label_state *labels = state;
    labels->count = list->count;
    labels->values = values;
    for (int64_t i = 0; i < list->count; i++) write_value(values, list->type, i, list, i);
    write_default(attrs, values, list->type, list->count);
    return NN_OK;
}

static void encode(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const label_state *state = call->state;
    nn_type type = call->out[0]->type;
    size_t size = (size_t)nn_type_bits(type) / 8;
    for (int64_t i = begin; i < end; i++) {
        int64_t found = nn_categories_find(&state->keys, call->in[0], i);
        memcpy(nn_at_out(call->out[0]->data, type, i),
               nn_at(state->values, type, found >= 0 ? found : state->count), size);
    }
}

static nn_status run(const nn_call *call) {
    nn_parallel(call->pool, nn_tensor_count(call->in[0]), NN_GRAIN / 16, encode, (void *)call);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "label_encoder",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_label_encoder = {
    .name = "LabelEncoder",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(label_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
