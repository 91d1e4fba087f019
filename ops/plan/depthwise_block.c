/* DepthwiseBlock (domain nnopt, plans only): a depthwise convolution and the convolutions before
 * and behind it as one node, so that a kernel can keep what stands between them in cache. */
#include "ops/family/depthwise_block.h"

#include "ops/cpu/kernels.h"

/* ---- reference: one convolution after the other over whole maps ---- */

typedef struct block_maps {
    float *expanded, *filtered; /* [E, H, W] and [E, OH, OW] of one image */
} block_maps;

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    nn_conv_geometry g = nn_depthwise_block_geometry(node);
    (void)target;
    size_t floats = (size_t)(g.out_channels * (g.in_pixels + g.out_pixels));
    nn_prepare_workspace(services, floats * sizeof(float));
    return NN_OK;
}

/* y [to, pixels] = w [to, from] x [from, pixels] + bias */
static void multiply(const nn_tensor *w, const nn_tensor *bias, const float *x, int64_t pixels,
                     float *y) {
    const int64_t from = w->dims[1];
    for (int64_t m = 0; m < w->dims[0]; m++)
        for (int64_t i = 0; i < pixels; i++) {
            double sum = bias != NULL ? ((const float *)bias->data)[m] : 0;
            for (int64_t k = 0; k < from; k++)
                sum += (double)((const float *)w->data)[m * from + k] * x[k * pixels + i];
            y[m * pixels + i] = (float)sum;
        }
}

/* The sum over the taps of one plane. */
static double filter_pixel(const nn_conv_geometry *g, const float *w, const float *x, int64_t row,
                           int64_t column) {
    const nn_window_axis *height = &g->axes[NN_HEIGHT], *width = &g->axes[NN_WIDTH];
    double sum = 0;
    for (int64_t i = 0; i < height->kernel; i++)
        for (int64_t j = 0; j < width->kernel; j++) {
            int64_t h = row * height->stride - height->pad_begin + i * height->dilation;
            int64_t v = column * width->stride - width->pad_begin + j * width->dilation;
            if (h < 0 || h >= height->in || v < 0 || v >= width->in) continue;
            sum += (double)w[i * width->kernel + j] * x[h * width->in + v];
        }
    return sum;
}

/* A dense convolution. */
static void expand_map(const nn_conv_geometry *g, const nn_tensor *w, const nn_tensor *bias,
                       const float *x, float *y) {
    const int64_t columns = g->axes[NN_WIDTH].out;
    for (int64_t m = 0; m < g->out_channels; m++)
        for (int64_t i = 0; i < g->out_pixels; i++) {
            double sum = bias != NULL ? ((const float *)bias->data)[m] : 0;
            for (int64_t k = 0; k < g->in_channels; k++)
                sum += filter_pixel(g, (const float *)w->data + (m * g->in_channels + k) * g->taps,
                                    x + k * g->in_pixels, i / columns, i % columns);
            y[m * g->out_pixels + i] = (float)sum;
        }
}

static void filter(const nn_conv_geometry *g, const nn_tensor *w, const nn_tensor *bias,
                   const float *x, float *y) {
    for (int64_t c = 0; c < g->out_channels; c++, x += g->in_pixels)
        for (int64_t i = 0; i < g->out_pixels; i++) {
            const int64_t columns = g->axes[NN_WIDTH].out;
            float start = bias != NULL ? ((const float *)bias->data)[c] : 0;
            *y++ = start + (float)filter_pixel(g, (const float *)w->data + c * g->taps, x,
                                               i / columns, i % columns);
        }
}

static nn_status run(const nn_call *call) {
    const nn_depthwise_block_attrs *attrs = call->node->attrs;
    const nn_epilogue *epilogue = &call->node->epilogue;
    const nn_epilogue behind_expand = nn_depthwise_block_behind_expand(attrs);
    const nn_epilogue behind_depthwise = nn_depthwise_block_behind_depthwise(attrs);
    const nn_conv_geometry g = nn_depthwise_block_geometry(call->node);
    const nn_tensor *expand = nn_call_in(call, NN_BLOCK_EXPAND_W);
    const nn_tensor *project = nn_call_in(call, NN_BLOCK_PROJECT_W);
    const int64_t in_floats = nn_tensor_count(call->in[NN_BLOCK_X]) / g.batch;
    const int64_t expanded_count = g.out_channels * g.in_pixels;
    const int64_t filtered_count = g.out_channels * g.out_pixels;
    const int64_t out_floats = nn_tensor_count(call->out[0]) / g.batch;
    float *expanded = call->workspace, *filtered = expanded + expanded_count;
    for (int64_t image = 0; image < g.batch; image++) {
        const float *x = (const float *)call->in[NN_BLOCK_X]->data + image * in_floats;
        float *y = (float *)call->out[0]->data + image * out_floats;
        if (expand != NULL) {
            const nn_conv_geometry first = nn_depthwise_block_expand_geometry(call->node);
            expand_map(&first, expand, nn_call_in(call, NN_BLOCK_EXPAND_BIAS), x, expanded);
            nn_epilogue_apply(&behind_expand, NULL, expanded, expanded_count);
            x = expanded;
        }
        filter(&g, call->in[NN_BLOCK_W], nn_call_in(call, NN_BLOCK_BIAS), x,
               project != NULL ? filtered : y);
        if (project != NULL) {
            nn_epilogue_apply(&behind_depthwise, NULL, filtered, filtered_count);
            multiply(project, nn_call_in(call, NN_BLOCK_PROJECT_BIAS), filtered, g.out_pixels, y);
        }
        const float *residual = NULL;
        if (epilogue->has_residual)
            residual = (const float *)call->in[epilogue->residual]->data + image * out_floats;
        nn_epilogue_apply(epilogue, residual, y, out_floats);
    }
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return node->out[0]->type == NNOPT_FLOAT && nn_fact_count(node->in[NN_BLOCK_X]) > 0;
}

static const nn_kernel reference = {
    .name = "depthwise_block_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {NN_KERNELS(depthwise_block_f32), &reference, NULL};

const nn_op nn_op_depthwise_block = {
    .name = "DepthwiseBlock",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = NN_BLOCK_W + 1,
    .max_inputs = NN_BLOCK_INPUTS,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_depthwise_block_attrs),
    .parse = nn_depthwise_block_parse,
    .infer = nn_depthwise_block_infer,
    .cost = nn_depthwise_block_cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
