#include "ops/family/copy.h"

typedef struct constant_attrs {
    const nn_tensor *tensor; /* or one of the following */
    nn_type type;
    int rank;
    int64_t count;
    const void *values; /* borrowed list: of texts for strings */
    float number;
    int64_t integer;
} constant_attrs;

static nn_status check_texts(const nn_node_view *node, const char *name,
                             const constant_attrs *attrs) {
    const nn_text *texts = attrs->values;
    for (int64_t i = 0; i < attrs->count; i++)
        if (texts[i].length > 0 && memchr(texts[i].bytes, '\0', (size_t)texts[i].length) != NULL)
            return nn_view_fail(node, NN_UNSUPPORTED, "attribute '%s': a string holds a zero byte",
                                name);
    return NN_OK;
}

static nn_status parse_value(const nn_node_view *node, const nn_attr *attr, constant_attrs *out) {
    switch (attr->kind) {
    case NN_ATTR_FLOAT:
        *out = (constant_attrs){.type = NNOPT_FLOAT, .count = 1, .number = attr->f};
        return NN_OK;
    case NN_ATTR_INT:
        *out = (constant_attrs){.type = NNOPT_INT64, .count = 1, .integer = attr->i};
        return NN_OK;
    case NN_ATTR_FLOATS:
        *out = (constant_attrs){
            .type = NNOPT_FLOAT, .rank = 1, .count = attr->count, .values = attr->floats};
        return NN_OK;
    case NN_ATTR_INTS:
        *out = (constant_attrs){
            .type = NNOPT_INT64, .rank = 1, .count = attr->count, .values = attr->ints};
        return NN_OK;
    case NN_ATTR_STRING:
        *out = (constant_attrs){.type = NNOPT_STRING, .count = 1, .values = &attr->s};
        return check_texts(node, attr->name, out);
    case NN_ATTR_STRINGS:
        *out = (constant_attrs){
            .type = NNOPT_STRING, .rank = 1, .count = attr->count, .values = attr->strings};
        return check_texts(node, attr->name, out);
    default:
        return nn_view_fail(node, NN_UNSUPPORTED, "attribute '%s' is not supported", attr->name);
    }
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const names[] = {"value_float", "value_int",    "value_floats",
                                        "value_ints",  "value_string", "value_strings",
                                        "sparse_value"};
    constant_attrs *parsed = out;
    const nn_attr *found = NULL;
    NN_TRY(nn_attrs_tensor(attrs, "value", &parsed->tensor));
    int count = parsed->tensor != NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const nn_attr *attr = nn_attrs_find(attrs, names[i]);
        if (attr == NULL) continue;
        found = attr;
        count++;
    }
    if (count != 1) return nn_view_fail(node, NN_BAD_INPUT, "needs one value, has %d", count);
    return found != NULL ? parse_value(node, found, parsed) : NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const constant_attrs *attrs = node->attrs;
    if (attrs->tensor != NULL) {
        NN_TRY(
            nn_set_output(node, 0, attrs->tensor->type, attrs->tensor->rank, attrs->tensor->dims));
        bool aligned = (uintptr_t)attrs->tensor->data % sizeof(int64_t) == 0;
        if (node->out[0] != NULL && aligned) node->out[0]->constant = attrs->tensor;
        return NN_OK;
    }
    NN_TRY(nn_set_output(node, 0, attrs->type, attrs->rank, &attrs->count));
    if (attrs->type != NNOPT_INT64 || attrs->count > NN_FACT_ELEMENTS || node->out[0] == NULL)
        return NN_OK;
    const int64_t *values = attrs->rank == 1 ? attrs->values : &attrs->integer;
    nn_elements_begin(node->out[0], (int)attrs->count);
    for (int i = 0; i < attrs->count; i++)
        nn_elements_set(node->out[0], i, nn_element_number(values[i]));
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const constant_attrs *attrs = node->attrs;
    return attrs->tensor == NULL || nn_type_bits(attrs->tensor->type) > 0;
}

static nn_status run(const nn_call *call) {
    const constant_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    const void *source = attrs->values;
    if (attrs->type == NNOPT_STRING) {
        const nn_text *texts = attrs->values;
        for (int64_t i = 0; i < attrs->count; i++) ((const char **)out->data)[i] = texts[i].bytes;
        return NN_OK;
    }
    if (attrs->tensor != NULL)
        source = attrs->tensor->data;
    else if (attrs->rank == 0)
        source = attrs->type == NNOPT_FLOAT ? (const void *)&attrs->number : &attrs->integer;
    int64_t bytes = nn_tensor_bytes(out);
    if (bytes > 0) memcpy(out->data, source, (size_t)bytes);
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    (void)node;
    (void)out;
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "constant_reference",
    .exactness = NN_EXACT,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_constant = {
    .name = "Constant",
    .domain = "",
    .since = 1,
    .min_inputs = 0,
    .max_inputs = 0,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(constant_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .kernels = kernels,
};
