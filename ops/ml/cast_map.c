#include "ops/family/ml/maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct cast_attrs {
    nn_type to;
    bool sparse;   /* keys are places; else the values follow each other in the order of keys */
    int64_t width; /* SPARSE */
} cast_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const struct {
        const char *name;
        nn_type type;
    } types[] = {{"TO_FLOAT", NNOPT_FLOAT}, {"TO_STRING", NNOPT_STRING}, {"TO_INT64", NNOPT_INT64}};
    cast_attrs *parsed = out;
    const char *to, *form;
    NN_TRY(nn_attrs_string(attrs, "cast_to", "TO_FLOAT", &to));
    NN_TRY(nn_attrs_string(attrs, "map_form", "DENSE", &form));
    NN_TRY(nn_attrs_int(attrs, "max_map", 1, &parsed->width));
    for (int i = 0; i < 3; i++)
        if (strcmp(to, types[i].name) == 0) parsed->to = types[i].type;
    if (parsed->to == NNOPT_TYPE_NONE)
        return nn_view_fail(node, NN_BAD_INPUT, "'cast_to' is '%s'", to);
    parsed->sparse = strcmp(form, "SPARSE") == 0;
    if (!parsed->sparse && strcmp(form, "DENSE") != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "'map_form' is '%s'", form);
    if (parsed->sparse && parsed->width < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "'max_map' is %lld", (long long)parsed->width);
    return NN_OK;
}

static const nn_type_set key_types = NN_TYPE_BIT(NNOPT_INT64);
static const nn_type_set value_types = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_STRING);

static nn_status infer(const nn_node_view *node) {
    const cast_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[2] = {1, attrs->sparse ? attrs->width : NN_DIM_UNKNOWN};
    if (in->type != NNOPT_TYPE_NONE && in->type != NNOPT_MAP)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must not be of type %s",
                            nnopt_type_name(in->type));
    if (in->constant != NULL) {
        NN_TRY(nn_map_check(node, in->constant, key_types, value_types));
        if (!attrs->sparse) dims[1] = nn_map_count(in->constant);
    }
    return nn_set_output(node, 0, attrs->to, 2, dims);
}

static nn_status cast_text(const nn_call *call, const char *text, nn_tensor *out, int64_t at) {
    char *end;
    errno = 0;
    if (out->type == NNOPT_FLOAT)
        ((float *)out->data)[at] = strtof(text, &end);
    else
        ((int64_t *)out->data)[at] = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || (errno == ERANGE && out->type == NNOPT_INT64))
        return nn_view_fail(call->node, NN_BAD_INPUT, "'%s' is no %s", text,
                            nnopt_type_name(out->type));
    return NN_OK;
}

/* out[at] = values[index]. A float becomes a text with six decimals. */
static nn_status cast_value(const nn_call *call, const nn_tensor *values, int64_t index,
                            nn_tensor *out, int64_t at) {
    char text[64];
    if (values->type == NNOPT_STRING) {
        const char *value = ((const char *const *)values->data)[index];
        if (out->type != NNOPT_STRING) return cast_text(call, value, out, at);
        ((const char **)out->data)[at] = value;
        return NN_OK;
    }
    float value = ((const float *)values->data)[index];
    if (out->type == NNOPT_STRING) {
        int length = snprintf(text, sizeof text, "%f", (double)value);
        return nn_call_text(call, text, (size_t)length, &((const char **)out->data)[at]);
    }
    nn_tensor_set(out, at, (double)value);
    return NN_OK;
}

static nn_status fill_sparse(const nn_call *call, const nn_tensor *keys, const nn_tensor *values) {
    const cast_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    nn_tensor_zero(out);
    if (out->type == NNOPT_STRING)
        for (int64_t i = 0; i < attrs->width; i++) ((const char **)out->data)[i] = "0.f";
    for (int64_t i = 0; i < nn_tensor_count(keys); i++) {
        int64_t key = ((const int64_t *)keys->data)[i];
        if (key < 0 || key >= attrs->width)
            return nn_view_fail(call->node, NN_BAD_INPUT, "key %lld is outside of 'max_map' %lld",
                                (long long)key, (long long)attrs->width);
        NN_TRY(cast_value(call, values, i, out, key));
    }
    return NN_OK;
}

/* The place of each key is the number of smaller ones; maps of this operator are small. */
static nn_status fill_dense(const nn_call *call, const nn_tensor *keys, const nn_tensor *values) {
    const int64_t *key = keys->data;
    int64_t count = nn_tensor_count(keys);
    bool ascending = true;
    for (int64_t i = 1; i < count; i++) ascending = ascending && key[i - 1] < key[i];
    for (int64_t i = 0; i < count; i++) {
        int64_t at = ascending ? i : 0;
        for (int64_t k = 0; !ascending && k < count; k++) {
            at += key[k] < key[i];
            if (k != i && key[k] == key[i])
                return nn_view_fail(call->node, NN_BAD_INPUT, "key %lld is given twice",
                                    (long long)key[i]);
        }
        NN_TRY(cast_value(call, values, i, call->out[0], at));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const cast_attrs *attrs = call->node->attrs;
    const nn_tensor *map = call->in[0];
    NN_TRY(nn_map_check(call->node, map, key_types, value_types));
    return attrs->sparse ? fill_sparse(call, nn_map_keys(map), nn_map_values(map))
                         : fill_dense(call, nn_map_keys(map), nn_map_values(map));
}

static const nn_kernel reference = {
    .name = "cast_map",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_cast_map = {
    .name = "CastMap",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(cast_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
