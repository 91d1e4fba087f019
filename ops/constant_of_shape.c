#include "ops/family/copy.h"
#include "ops/family/fill.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_constant_attrs *parsed = out;
    NN_TRY(nn_attrs_tensor(attrs, "value", &parsed->value));
    if (parsed->value != NULL && nn_tensor_count(parsed->value) != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'value' has %lld elements, not 1",
                            (long long)nn_tensor_count(parsed->value));
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_constant_attrs *attrs = node->attrs;
    nn_type type = attrs->value != NULL ? attrs->value->type : NNOPT_FLOAT;
    nn_list shape;
    int64_t dims[NN_MAX_RANK];
    NN_TRY(nn_list_input(node, 0, NN_MAX_RANK, &shape));
    for (int i = 0; i < shape.count; i++) {
        dims[i] = NN_DIM_UNKNOWN;
        if (shape.known && shape.values[i] < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "size %d of the shape is %lld", i,
                                (long long)shape.values[i]);
        if (i < nn_elements_count(node->in[0]))
            dims[i] = nn_dim_of_element(nn_elements_get(node->in[0], i));
    }
    NN_TRY(nn_set_output(node, 0, type, shape.count, dims));
    bool is_vector = shape.count == 1 && nn_dim_is_known(dims[0]) && dims[0] <= NN_FACT_ELEMENTS;
    if (!is_vector || type != NNOPT_INT64 || node->out[0] == NULL) return NN_OK;
    nn_elements_begin(node->out[0], (int)dims[0]);
    for (int i = 0; i < dims[0]; i++)
        nn_elements_set(node->out[0], i, nn_element_number(nn_tensor_get_int(attrs->value, 0)));
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_type_in(node->out[0]->type, NN_TYPES_BYTES | NN_TYPES_PACKED);
}

/* Four packed elements fill whole bytes. */
static void fill_packed(const nn_call *call, unsigned code) {
    nn_tensor *out = call->out[0];
    int bits = nn_type_bits(out->type);
    int64_t count = nn_tensor_count(out), whole = count / 4 * 4;
    uint8_t codes[4], pattern[4] = {0};
    memset(codes, (int)code, sizeof codes);
    nn_pack(codes, bits, pattern, 4);
    nn_fill(call->pool, out->data, pattern, (size_t)bits / 2, whole / 4);
    if (count > whole) nn_pack(codes, bits, nn_at_out(out->data, out->type, whole), count - whole);
}

static nn_status run(const nn_call *call) {
    const nn_constant_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    static const float zero = 0;
    if (nn_type_in(out->type, NN_TYPES_PACKED)) {
        fill_packed(call, nn_packed_get(attrs->value->data, nn_type_bits(out->type), 0));
        return NN_OK;
    }
    nn_fill(call->pool, out->data, attrs->value != NULL ? attrs->value->data : &zero,
            nn_element_size(out->type), nn_tensor_count(out));
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "constant_of_shape_reference",
    .exactness = NN_EXACT,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_constant_of_shape = {
    .name = "ConstantOfShape",
    .domain = "",
    .since = 9,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_constant_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
