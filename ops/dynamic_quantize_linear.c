#include "ops/family/quantization.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    if (x->type != NNOPT_TYPE_NONE && x->type != NNOPT_FLOAT)
        return nn_view_fail(node, NN_BAD_INPUT, "input must be float32, got %s",
                            nnopt_type_name(x->type));
    *node->out[0] = nn_fact_make(NNOPT_UINT8, x->rank, x->dims);
    *node->out[1] = nn_fact_make(NNOPT_FLOAT, 0, NULL);
    *node->out[2] = nn_fact_make(NNOPT_UINT8, 0, NULL);
    return NN_OK;
}

/* ---- reference --------------------------------------------------------------------------------
 */

/* The range is widened to hold zero, which then has an exact image. */
static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    const float *values = x->data;
    int64_t count = nn_tensor_count(x);
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    float scale = high == low ? 1.0f : (high - low) / 255.0f;
    int32_t zero = nn_quant_round(-low / scale, 0, 0, 255);
    uint8_t *y = call->out[0]->data;
    for (int64_t i = 0; i < count; i++)
        y[i] = (uint8_t)nn_quant_round(values[i] / scale, zero, 0, 255);
    *(float *)call->out[1]->data = scale;
    *(uint8_t *)call->out[2]->data = (uint8_t)zero;
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "dynamic_quantize_linear_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_dynamic_quantize_linear = {
    .name = "DynamicQuantizeLinear",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 3,
    .max_outputs = 3,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
