/* ScaledConv (domain nnopt, plans only): a multiplication of channels and the 1x1 convolution
 * behind it (ops/family/scaled_conv.h). */
#include "ops/family/scaled_conv.h"

#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = nn_view_in(node, NN_SCALED_X), *w = nn_view_in(node, NN_SCALED_W);
    const nn_fact *scale = nn_view_in(node, NN_SCALED_SCALE);
    const nn_fact *bias = nn_view_in(node, NN_SCALED_BIAS);
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPE_BIT(NNOPT_FLOAT)));
    if (x->rank != 4 || w->rank != 4 || w->dims[1] != x->dims[1] || w->dims[2] != 1 ||
        w->dims[3] != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "weights are no 1x1 convolution of the input");
    if (scale->rank != 4 || scale->dims[0] != x->dims[0] || scale->dims[1] != x->dims[1] ||
        scale->dims[2] != 1 || scale->dims[3] != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the scale has not one factor for each channel");
    if (bias != NULL && (bias->rank != 1 || bias->dims[0] != w->dims[0]))
        return nn_view_fail(node, NN_BAD_INPUT, "bias does not fit %lld channels",
                            (long long)w->dims[0]);
    const int64_t dims[4] = {x->dims[0], w->dims[0], x->dims[2], x->dims[3]};
    return nn_set_output(node, 0, NNOPT_FLOAT, 4, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const double in = (double)nn_fact_count(node->in[NN_SCALED_X]);
    out->macs = in * (double)node->in[NN_SCALED_W]->dims[0];
    out->flops = 2 * out->macs + in;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[NN_SCALED_X], *bias = nn_call_in(call, NN_SCALED_BIAS);
    const float *w = call->in[NN_SCALED_W]->data, *scale = call->in[NN_SCALED_SCALE]->data;
    const nn_epilogue *epilogue = &call->node->epilogue;
    const int64_t channels = x->dims[1], outputs = call->out[0]->dims[1];
    const int64_t pixels = x->dims[2] * x->dims[3];
    const float *from = x->data;
    float *y = call->out[0]->data;
    for (int64_t image = 0; image < x->dims[0]; image++, from += channels * pixels)
        for (int64_t m = 0; m < outputs; m++)
            for (int64_t i = 0; i < pixels; i++) {
                double sum = bias != NULL ? ((const float *)bias->data)[m] : 0;
                for (int64_t c = 0; c < channels; c++)
                    sum += (double)(from[c * pixels + i] * scale[image * channels + c]) *
                           w[m * channels + c];
                *y++ = (float)sum;
            }
    nn_epilogue_apply(epilogue, nn_call_residual_data(call), call->out[0]->data,
                      nn_tensor_count(call->out[0]));
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return node->out[0]->type == NNOPT_FLOAT;
}

static const nn_kernel reference = {
    .name = "scaled_conv_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {NN_KERNELS(scaled_conv_f32), &reference, NULL};

const nn_op nn_op_scaled_conv = {
    .name = "ScaledConv",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = NN_SCALED_SCALE + 1,
    .max_inputs = NN_SCALED_INPUTS,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
