#include "ops/family/ml/categories.h"
#include "ops/family/ml/class_labels.h"
#include "ops/family/ml/features.h"
#include "ops/family/ml/maps.h"

typedef struct zip_attrs {
    nn_class_labels keys;
} zip_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    zip_attrs *parsed = out;
    return nn_class_labels_parse(node, attrs, "classlabels_int64s", "classlabels_strings",
                                 &parsed->keys);
}

static nn_status infer(const nn_node_view *node) {
    const zip_attrs *attrs = node->attrs;
    int64_t rows, columns;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_FLOAT)));
    NN_TRY(nn_features_shape(node, &rows, &columns));
    NN_TRY(nn_features_check_columns(node, columns, attrs->keys.count));
    return nn_set_output(node, 0, NNOPT_SEQUENCE, 1, &rows);
}

/* Refuses keys that are given twice. */
static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    (void)target;
    const nn_class_labels *keys = &((const zip_attrs *)node->attrs)->keys;
    const nn_category_list list = {.type = nn_class_labels_type(keys),
                                   .count = keys->count,
                                   .ints = keys->ints,
                                   .texts = keys->texts};
    void *state;
    NN_TRY(nn_categories_prepare(plan, &list, false, sizeof(nn_lookup), 0, &state, NULL));
    for (int64_t i = 0; i < keys->count; i++) {
        int64_t place = keys->ints != NULL ? nn_lookup_int(state, keys->ints[i])
                                           : nn_lookup_text(state, keys->texts[i].bytes);
        if (place != i)
            return nn_view_fail(node, NN_BAD_INPUT, "keys %lld and %lld are the same",
                                (long long)place, (long long)i);
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_class_labels *keys = &((const zip_attrs *)call->node->attrs)->keys;
    const nn_tensor *x = call->in[0];
    int64_t rows = nn_features_rows(x);
    NN_TRY(nn_tensor_init(call->out[0], NNOPT_SEQUENCE, &rows, 1));
    for (int64_t row = 0; row < rows; row++) {
        nn_tensor *map = (nn_tensor *)call->out[0]->data + row;
        NN_TRY(nn_map_init(map, nn_class_labels_type(keys), NNOPT_FLOAT, keys->count));
        nn_tensor *parts = map->data;
        for (int64_t i = 0; i < keys->count; i++) nn_class_labels_write(keys, i, &parts[0], i);
        memcpy(parts[1].data, (const float *)x->data + row * keys->count,
               (size_t)keys->count * sizeof(float));
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "zip_map",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_zip_map = {
    .name = "ZipMap",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(zip_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
