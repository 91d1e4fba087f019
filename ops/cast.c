#include "ops/family/cast.h"

/* Before version 6 the type was named. */
static nn_status parse_name(const nn_node_view *node, const nn_attrs *attrs, nn_cast_attrs *out) {
    static const struct {
        const char *name;
        nn_type type;
    } names[] = {
        {"FLOAT", NNOPT_FLOAT},   {"UINT8", NNOPT_UINT8},   {"INT8", NNOPT_INT8},
        {"UINT16", NNOPT_UINT16}, {"INT16", NNOPT_INT16},   {"INT32", NNOPT_INT32},
        {"INT64", NNOPT_INT64},   {"BOOL", NNOPT_BOOL},     {"FLOAT16", NNOPT_FLOAT16},
        {"DOUBLE", NNOPT_DOUBLE}, {"UINT32", NNOPT_UINT32}, {"UINT64", NNOPT_UINT64},
        {"STRING", NNOPT_STRING},
    };
    const char *name;
    NN_TRY(nn_attrs_string(attrs, "to", "", &name));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0) out->to = names[i].type;
    if (out->to != NNOPT_TYPE_NONE) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'to' is '%s', which is no type", name);
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_cast_attrs *parsed = out;
    int64_t to;
    if (node->opset < 6) return parse_name(node, attrs, parsed);
    NN_TRY(nn_attrs_int(attrs, "to", 0, &to));
    if (to <= 0 || to >= NN_TYPE_COUNT)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'to' is %lld, which is no type",
                            (long long)to);
    parsed->to = (nn_type)to;
    return nn_cast_parse_rules(node, attrs, parsed);
}

static nn_status infer(const nn_node_view *node) {
    const nn_cast_attrs *attrs = node->attrs;
    return nn_infer_cast(node, attrs->to);
}

static const nn_kernel reference = {
    .name = "cast_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = nn_cast_accepts,
    .run = nn_cast_run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_cast = {
    .name = "Cast",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_cast_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
