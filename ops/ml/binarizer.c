#include "ops/family/axes.h"
#include "ops/family/ml/features.h"
#include "ops/family/loops.h"

typedef struct binarizer_attrs {
    float threshold;
} binarizer_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    binarizer_attrs *parsed = out;
    return nn_attrs_float(attrs, "threshold", 0, &parsed->threshold);
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FEATURE));
    return nn_infer_like(node);
}

#define BINARIZE(TYPE, type)                                                                       \
    case NNOPT_##TYPE: {                                                                           \
        const type *x = call->in[0]->data;                                                         \
        type *y = call->out[0]->data;                                                              \
        for (int64_t i = begin; i < end; i++) y[i] = x[i] > threshold;                             \
        break;                                                                                     \
    }

static void binarize(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const double threshold = (double)((const binarizer_attrs *)call->node->attrs)->threshold;
    switch (call->in[0]->type) {
        BINARIZE(FLOAT, float)
        BINARIZE(DOUBLE, double)
        BINARIZE(INT32, int32_t)
        BINARIZE(INT64, int64_t)
    default:
        break;
    }
}

static nn_status run(const nn_call *call) {
    nn_parallel(call->pool, nn_tensor_count(call->in[0]), NN_GRAIN, binarize, (void *)call);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "binarizer",
    .exactness = NN_EXACT,
    .in_place = 1,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_binarizer = {
    .name = "Binarizer",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(binarizer_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
