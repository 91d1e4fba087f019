#include "ops/family/axes.h"
#include "ops/family/quantization.h"

enum { X, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO };

typedef struct pool_attrs {
    int64_t channels_last; /* the model's own layout is N x spatial x C */
} pool_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    pool_attrs *a = out;
    (void)node;
    return nn_attrs_int(attrs, "channels_last", 0, &a->channels_last);
}

static int channel_axis(const nn_node_view *node) {
    const pool_attrs *a = node->attrs;
    return a->channels_last ? node->in[X]->rank - 1 : 1;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[X], *y_zero = node->in[Y_ZERO];
    NN_TRY(nn_quant_check_8bit(node, X));
    NN_TRY(nn_quant_check_parameters(node, X, X_SCALE, X_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, -1, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    nn_fact *y = node->out[0];
    *y = nn_fact_make(y_zero->type, x->rank, x->dims);
    if (x->rank < 0) return NN_OK;
    if (x->rank < 3)
        return nn_view_fail(node, NN_BAD_INPUT, "input must have rank 3 or more, has %d", x->rank);
    for (int axis = 1; axis < x->rank; axis++)
        if (axis != channel_axis(node)) y->dims[axis] = 1;
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    int channel = channel_axis(node);
    for (int axis = 0; axis < node->in[X]->rank; axis++) {
        if (axis == 0 || axis == channel)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(X, axis), nn_out_axis(0, axis)));
        else
            NN_TRY(nn_axes_fixed(node, out, nn_in_axis(X, axis)));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[X];
    nn_tensor *y = call->out[0];
    nn_quant qx = nn_quant_read(call->in[X_SCALE], call->in[X_ZERO], x->type);
    nn_quant qy = nn_quant_read(call->in[Y_SCALE], call->in[Y_ZERO], y->type);
    int channel = channel_axis(call->node);
    int64_t channels = x->dims[channel], images = x->dims[0];
    int64_t pixels = nn_tensor_count(x) / (images * channels > 0 ? images * channels : 1);
    int64_t channel_step = channel == 1 ? pixels : 1, pixel_step = channel == 1 ? 1 : channels;
    float multiplier = qx.scale / (qy.scale * (float)pixels);
    for (int64_t n = 0; n < images; n++)
        for (int64_t c = 0; c < channels; c++) {
            int64_t start = n * channels * pixels + c * channel_step;
            uint32_t sum = 0;
            for (int64_t i = 0; i < pixels; i++)
                sum +=
                    (uint32_t)(nn_quant_load(x->data, x->type, start + i * pixel_step) - qx.zero);
            nn_quant_store(
                y->data, y->type, n * channels + c,
                nn_quant_round((float)(int32_t)sum * multiplier, qy.zero, qy.lowest, qy.highest));
        }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "qlinear_global_average_pool_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_qlinear_global_average_pool = {
    .name = "QLinearGlobalAveragePool",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 5,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(pool_attrs),
    .parse = parse,
    .infer = infer,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
