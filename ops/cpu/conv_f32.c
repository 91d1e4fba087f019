/* Convolution of channels-last floats by the direct method (direct_f32.h). */
#include "ops/cpu/direct_f32.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

typedef struct conv_state {
    nn_direct_plan plan;
    nn_direct_source source; /* without pointers */
    const float *packed;     /* NULL: packed in each run, at the start of the workspace */
    size_t packed_bytes;
} conv_state;

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *y = node->out[0];
    (void)target;
    return y->type == NNOPT_FLOAT && nn_fact_count(y) > 0 && nn_fact_count(node->in[0]) > 0 &&
           nn_fact_count(node->in[1]) > 0;
}

static void describe(const nn_node_view *node, nn_direct_problem *problem,
                     nn_direct_source *source) {
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    *problem = (nn_direct_problem){
        .images = g.batch,
        .groups = g.groups,
        .k = g.group_in_channels,
        .columns = g.group_out_channels,
        .in_pitch = g.in_channels,
        .out_pitch = g.out_channels,
    };
    memcpy(problem->axes, g.axes, sizeof g.axes);
    *source = (nn_direct_source){
        .group_step = g.group_out_channels * g.group_in_channels * g.taps,
        .column_step = g.group_in_channels * g.taps,
        .k_step = g.taps,
        .tap_step = 1,
        .scale = 1,
        .bias_scale = 1,
    };
}

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const conv_state *state = argument;
    const nn_tensor *bias = nn_view_constant(node, inputs.bias);
    nn_direct_source source = state->source;
    source.w = nn_view_constant(node, inputs.w)->data;
    source.bias = bias ? bias->data : NULL;
    nn_direct_pack(&state->plan, &source, out);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    conv_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_direct_problem problem;
    describe(node, &problem, &state->source);
    nn_direct_plan_make(&problem, tiles, target->threads, &node->epilogue, &state->plan);

    bool constant = nn_view_constant(node, inputs.w) != NULL &&
                    (nn_view_in(node, inputs.bias) == NULL || nn_view_constant(node, inputs.bias));
    state->packed_bytes = nn_direct_packed_bytes(&state->plan);
    size_t workspace = nn_direct_workspace(&state->plan, target->threads);
    if (constant) {
        char variant[96];
        const void *packed;
        nn_direct_variant(&state->plan, variant, sizeof variant);
        NN_TRY(nn_prepare_pack(services, 1u << inputs.w | 1u << inputs.bias, variant,
                               state->packed_bytes, pack, state, &packed));
        state->packed = packed;
    } else {
        state->packed_bytes =
            (state->packed_bytes + NN_ALIGNMENT - 1) / NN_ALIGNMENT * NN_ALIGNMENT;
        workspace += state->packed_bytes;
    }
    nn_prepare_workspace(services, workspace);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const conv_state *state = call->state;
    const nn_epilogue *epilogue = &call->node->epilogue;
    const float *packed = state->packed;
    char *workspace = call->workspace;
    if (packed == NULL) {
        nn_direct_source source = state->source;
        const nn_tensor *bias = call->in_count > inputs.bias ? call->in[inputs.bias] : NULL;
        source.w = call->in[inputs.w]->data;
        source.bias = bias ? bias->data : NULL;
        nn_direct_pack(&state->plan, &source, call->workspace);
        packed = call->workspace;
        workspace += state->packed_bytes;
    }
    nn_direct_run(&state->plan, packed, call->in[inputs.x]->data,
                  epilogue->has_residual ? call->in[epilogue->residual]->data : NULL,
                  call->out[0]->data, call->pool, workspace);
    return NN_OK;
}

#define CONV_KERNEL(set, level)                                                                    \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        return prepare(node, target, services, &nn_tiles_f32_##set);                               \
    }                                                                                              \
    const nn_kernel nn_kernel_conv_f32_##set = {                                                   \
        .name = "conv_f32_" #set,                                                                  \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1,                                                                        \
        .in_place = 1 << 3, /* the residual, which comes after the bias */                         \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run,                                                                                \
    };

CONV_KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
CONV_KERNEL(avx2, NN_ISA_AVX2)
CONV_KERNEL(avx512, NN_ISA_AVX512)
#endif
