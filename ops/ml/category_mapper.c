#include "ops/family/ml/categories.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

typedef struct mapper_attrs {
    nn_category_list ints, texts;
    int64_t default_int;
    const char *default_text;
} mapper_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *parsed) {
    mapper_attrs *out = parsed;
    out->ints.type = NNOPT_INT64;
    out->texts.type = NNOPT_STRING;
    NN_TRY(nn_attrs_ints(attrs, "cats_int64s", &out->ints.ints, &out->ints.count));
    NN_TRY(nn_attrs_strings(attrs, "cats_strings", &out->texts.texts, &out->texts.count));
    NN_TRY(nn_attrs_int(attrs, "default_int64", -1, &out->default_int));
    NN_TRY(nn_attrs_string(attrs, "default_string", "_Unused", &out->default_text));
    if (out->ints.count != out->texts.count)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "'cats_int64s' has %lld values, 'cats_strings' %lld",
                            (long long)out->ints.count, (long long)out->texts.count);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_STRING) | NN_TYPE_BIT(NNOPT_INT64)));
    nn_type type = in->type == NNOPT_STRING  ? NNOPT_INT64
                   : in->type == NNOPT_INT64 ? NNOPT_STRING
                                             : NNOPT_TYPE_NONE;
    return nn_set_output(node, 0, type, in->rank, in->dims);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *plan) {
    (void)target;
    const mapper_attrs *attrs = node->attrs;
    void *state;
    return nn_categories_prepare(plan,
                                 node->in[0]->type == NNOPT_STRING ? &attrs->texts : &attrs->ints,
                                 true, sizeof(nn_lookup), 0, &state, NULL);
}

static void map(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const mapper_attrs *attrs = call->node->attrs;
    void *out = call->out[0]->data;
    for (int64_t i = begin; i < end; i++) {
        int64_t found = nn_categories_find(call->state, call->in[0], i);
        if (call->out[0]->type == NNOPT_INT64)
            ((int64_t *)out)[i] = found < 0 ? attrs->default_int : attrs->ints.ints[found];
        else
            ((const char **)out)[i] =
                found < 0 ? attrs->default_text : attrs->texts.texts[found].bytes;
    }
}

static nn_status run(const nn_call *call) {
    nn_parallel(call->pool, nn_tensor_count(call->in[0]), NN_GRAIN / 16, map, (void *)call);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "category_mapper",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_category_mapper = {
    .name = "CategoryMapper",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(mapper_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
