/* Convolution of channels-last floats by a kernel of one pixel, as a product of matrices by
 * Strassen's algorithm (strassen_f32.h). */
#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/float32/strassen/strassen_node.h"
#include "ops/cpu/kernels.h"

#if defined(__x86_64__)

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};
static const nn_strassen_inputs weights = {.w = 1, .bias = 2, .order = NN_STRASSEN_BY_COLUMNS};

/* Does an output pixel read one input pixel, and are there no others but those left out by strides?
 */
static bool reads_pixels(const nn_window_axis *axis) {
    return axis->kernel == 1 && axis->pad_begin == 0 && (axis->out - 1) * axis->stride < axis->in;
}

static bool is_pointwise(const nn_conv_geometry *g) {
    const nn_window_axis *depth = &g->axes[NN_DEPTH];
    return g->groups == 1 && reads_pixels(depth) && reads_pixels(&g->axes[NN_HEIGHT]) &&
           reads_pixels(&g->axes[NN_WIDTH]) &&
           (nn_direct_is_pointwise(g->axes) || (depth->in == 1 && depth->out == 1));
}

static nn_strassen_product product_of(const nn_conv_geometry *g) {
    const nn_window_axis *height = &g->axes[NN_HEIGHT], *width = &g->axes[NN_WIDTH];
    nn_strassen_product product = {
        .rows = g->batch * g->out_pixels,
        .k = g->in_channels,
        .columns = g->out_channels,
        .a_step = g->in_pitch,
        .y_step = g->out_pitch,
    };
    if (!nn_direct_is_pointwise(g->axes))
        product.pixels = (nn_strassen_pixels){
            .height = height->out,
            .width = width->out,
            .column_step = width->stride * g->in_pitch,
            .row_step = height->stride * width->in * g->in_pitch,
            .image_step = height->in * width->in * g->in_pitch,
        };
    return product;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *y = node->out[0];
    if (y->type != NNOPT_FLOAT || nn_fact_count(y) <= 0 || nn_fact_count(node->in[inputs.x]) <= 0)
        return false;
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    const nn_strassen_product product = product_of(&g);
    return is_pointwise(&g) && nn_strassen_takes(node, target, &weights, &product);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_strassen_form *form) {
    nn_strassen_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    const nn_strassen_product product = product_of(&g);
    NN_TRY(nn_strassen_prepare(node, target, services, &weights, &product, form, state));
    if (state->packed != NULL) return NN_OK;
    return nn_conv_f32_prepare(node, target, services, form->tiles, &state->plain);
}

static nn_status run(const nn_call *call) {
    return nn_strassen_run_node(call);
}

NN_CONV_KERNEL(conv_strassen_f32, nn_strassen_f32, NULL, NN_CONV_WEIGHTS, avx2, NN_ISA_AVX2)
NN_CONV_KERNEL(conv_strassen_f32, nn_strassen_f32, NULL, NN_CONV_WEIGHTS, avx512, NN_ISA_AVX512)

#endif
