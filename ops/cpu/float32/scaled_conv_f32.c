/* ScaledConv on channels-last floats: the weights are scaled in place of the pixels, which are
 * more, once for each image; then it is a direct product. */
#include "ops/cpu/kernels.h"

#include "ops/cpu/float32/direct_operands.h"
#include "ops/family/scaled_conv.h"

typedef struct scaled_state {
    nn_direct_plan plan; /* of one image */
    nn_direct_operands operands;
    size_t scaled_bytes; /* of workspace, in front of the plan's */
} scaled_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    return target->precision == NN_PRECISION_FP32 && node->out[0]->type == NNOPT_FLOAT &&
           nn_fact_count(node->out[0]) > 0 && nn_fact_count(node->in[NN_SCALED_X]) > 0 &&
           nn_view_constant(node, NN_SCALED_W) != NULL &&
           (nn_view_in(node, NN_SCALED_BIAS) == NULL ||
            nn_view_constant(node, NN_SCALED_BIAS) != NULL);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    scaled_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const int64_t *x = node->in[NN_SCALED_X]->dims;
    const nn_direct_problem problem = nn_direct_product(x[2] * x[3], node->out[0]->dims[1], x[1]);
    nn_direct_plan_make(&problem, tiles, target->threads, &node->epilogue, &state->plan);
    state->operands = (nn_direct_operands){
        .w = NN_SCALED_W,
        .bias = NN_SCALED_BIAS,
        .source = {.column_step = x[1], .k_step = 1, .tap_step = 1, .scale = 1},
        .bias_step = 1,
        .bias_scale = 1,
    };
    size_t none; /* all is constant */
    NN_TRY(nn_direct_operands_prepare(node, &state->plan, services, &state->operands, &none));
    state->scaled_bytes = nn_direct_packed_bytes(&state->plan);
    nn_prepare_workspace(services,
                         state->scaled_bytes + nn_direct_workspace(&state->plan, target->threads));
    return NN_OK;
}

/* Panels [panel][k][columns]: row k times scale[k]. */
static void scale_weights(const nn_direct_plan *plan, const float *packed, const float *scale,
                          float *scaled) {
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        bool last = panel == plan->panels - 1;
        const int64_t columns = last ? plan->last_shape->columns : plan->shape->columns;
        for (int64_t k = 0; k < plan->k; k++)
            for (int64_t j = 0; j < columns; j++) *scaled++ = *packed++ * scale[k];
    }
}

static nn_status run(const nn_call *call) {
    const scaled_state *state = call->state;
    const nn_tensor *x = call->in[NN_SCALED_X];
    const int64_t images = x->dims[0], in_floats = nn_tensor_count(x) / images;
    const int64_t out_floats = nn_tensor_count(call->out[0]) / images;
    const int64_t channels = x->dims[3];
    const float *scale = call->in[NN_SCALED_SCALE]->data;
    const float *residual = nn_call_residual_data(call);
    float *scaled = call->workspace;
    for (int64_t i = 0; i < images; i++) {
        scale_weights(&state->plan, state->operands.packed, scale + i * channels, scaled);
        nn_direct_run(&state->plan, scaled, state->operands.packed_bias,
                      (const float *)x->data + i * in_floats,
                      residual != NULL ? residual + i * out_floats : NULL,
                      (float *)call->out[0]->data + i * out_floats, call->pool,
                      (char *)call->workspace + state->scaled_bytes);
    }
    return NN_OK;
}

#define KERNEL(set, level)                                                                         \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        return prepare(node, target, services, &nn_tiles_f32_##set);                               \
    }                                                                                              \
    const nn_kernel nn_kernel_scaled_conv_f32_##set = {                                            \
        .name = "scaled_conv_f32_" #set,                                                           \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1 << NN_SCALED_X,                                                         \
        .in_place = 1 << NN_SCALED_INPUTS, /* the residual */                                      \
        .reads_pieces = 1 << NN_SCALED_W,                                                          \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run,                                                                                \
    };

KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
KERNEL(avx2, NN_ISA_AVX2)
KERNEL(avx512, NN_ISA_AVX512)
#endif
