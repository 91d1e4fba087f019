/* Convolution of channels-last floats by a kernel of one pixel, as a product of matrices by
 * Strassen's algorithm (strassen_f32.h). */
#include "base/integers.h"
#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/float32/conv_f32.h"
#include "ops/cpu/float32/strassen/strassen_f32.h"
#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>

#if defined(__x86_64__)

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

/* Packed weights come behind what was found of them. */
typedef union weights_header {
    float limit; /* nn_strassen_finish_panel of all panels */
    char line[NN_ALIGNMENT];
} weights_header;

typedef struct strassen_state {
    nn_strassen_plan plan;
    const float *packed, *bias;
    float limit; /* 0: the weights do not suit, the node is run directly */
    nn_conv_f32_state direct;
} strassen_state;

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
    if (y->type != NNOPT_FLOAT || nn_fact_count(y) <= 0 || nn_fact_count(node->in[0]) <= 0)
        return false;
    if (nn_view_constant(node, inputs.w) == NULL) return false;
    if (nn_view_in(node, inputs.bias) != NULL && nn_view_constant(node, inputs.bias) == NULL)
        return false;
    if (target->deterministic) return false;
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    if (!is_pointwise(&g)) return false;
    const nn_strassen_product product = product_of(&g);
    return target->explores ? nn_strassen_suits(&product, target->isa)
                            : nn_strassen_pays(&product, target->isa, target->threads);
}

typedef struct pack_argument {
    const nn_strassen_plan *plan;
    nn_prepare *services;
} pack_argument;

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_strassen_plan *plan = pack->plan;
    const int64_t k = plan->product.k;
    weights_header *header = out;
    float *packed = (float *)(header + 1);
    (void)node;
    header->limit = INFINITY;
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        for (int right = 0; right < 2; right++) {
            const int64_t begin = right * plan->half_columns + nn_strassen_panel_begin(plan, panel);
            const void *w;
            NN_TRY(nn_prepare_piece(pack->services, inputs.w, begin * k,
                                    nn_strassen_panel_columns(plan, panel) * k, &w));
            nn_strassen_pack_columns(plan, panel, right, w, packed);
        }
        header->limit = fminf(header->limit, nn_strassen_finish_panel(plan, panel, packed));
    }
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_strassen_form *form) {
    strassen_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_strassen_plan *plan = &state->plan;
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    const nn_strassen_product product = product_of(&g);
    nn_strassen_plan_make(&product, form, target->threads, &node->epilogue, plan);
    char variant[80];
    const void *weights;
    snprintf(variant, sizeof variant, "strassen, %d+%d columns", plan->shape->columns,
             plan->last_shape->columns);
    const pack_argument argument = {plan, services};
    NN_TRY(nn_prepare_pack(services, 1u << inputs.w, variant,
                           sizeof(weights_header) + nn_strassen_packed_bytes(plan), pack_weights,
                           &argument, &weights));
    const weights_header *header = weights;
    state->limit = header->limit;
    if (state->limit == 0)
        return nn_conv_f32_prepare(node, target, services, form->tiles, &state->direct);
    NN_TRY(nn_conv_f32_prepare_bias(services, inputs.bias, product.columns, &state->bias));
    state->packed = (const float *)(header + 1);
    nn_prepare_workspace(services, nn_strassen_workspace(plan, target->threads));
    nn_prepare_describe(services, "Strassen, %dx%d, %lld blocks of %lld rows", plan->shape->rows,
                        plan->shape->columns, (long long)plan->blocks, (long long)plan->block_rows);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const strassen_state *state = call->state;
    if (state->limit == 0) {
        nn_conv_f32_run(&state->direct, call);
        return NN_OK;
    }
    const nn_strassen_operands operands = {
        .packed = state->packed,
        .bias = state->bias,
        .limit = state->limit,
        .a = call->in[inputs.x]->data,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
    };
    nn_strassen_run(&state->plan, &operands, call->pool, call->workspace);
    return NN_OK;
}

NN_CONV_KERNEL(conv_strassen_f32, nn_strassen_f32, NULL, NN_CONV_WEIGHTS, avx2, NN_ISA_AVX2)
NN_CONV_KERNEL(conv_strassen_f32, nn_strassen_f32, NULL, NN_CONV_WEIGHTS, avx512, NN_ISA_AVX512)

#endif
