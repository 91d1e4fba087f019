/* Transposed convolution with bf16 products and float sums, one direct convolution for each phase
 * (conv_phases.h), for plans of that precision. */
#include "ops/cpu/bf16/bf16_operands.h"
#include "ops/cpu/conv_phases.h"
#include "ops/cpu/kernels.h"
#include "ops/family/types.h"

#include <stdio.h>

typedef struct phase {
    nn_conv_phase at;
    nn_bf16_plan plan;
    const void *packed;
} phase;

typedef struct transpose_state {
    nn_conv_geometry geometry;
    nn_bf16_constants constants; /* of the bias */
    int64_t count;
    phase phases[]; /* those with outputs; then the lists of their plans */
} transpose_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    enum { LEAST_GROUP = 8 }; /* fewer channels leave most of a tile empty */
    nn_bf16_types types;
    if (!nn_bf16_types_of(node, 0, &types) || nn_view_constant(node, 1) == NULL ||
        !nn_bf16_is_constant(node, 1) || !nn_bf16_is_constant(node, 2) ||
        nn_fact_count(node->in[1]) <= 0)
        return false;
    nn_conv_geometry g = nn_conv_transpose_geometry_of(node);
    if (g.group_in_channels < LEAST_GROUP || g.group_out_channels < LEAST_GROUP) return false;
    if (!nn_conv_phases_fit(&g)) return false;
    bool has_outputs = false;
    for (int64_t i = 0; i < nn_conv_phase_count(&g); i++) {
        nn_conv_phase at;
        nn_bf16_plan plan;
        if (!nn_conv_phase_at(&g, i, &at)) continue;
        has_outputs = true;
        if (!nn_bf16_plan_make(&at.problem, &types, target->isa, target->threads, &node->epilogue,
                               &plan))
            return false;
    }
    return has_outputs;
}

typedef struct pack_argument {
    const transpose_state *state;
    const phase *phase;
} pack_argument;

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    nn_direct_source source;
    float *gathered;
    NN_TRY(nn_conv_phase_weights(&pack->state->geometry, &pack->phase->at,
                                 nn_view_constant(node, 1)->data, &source, &gathered));
    nn_bf16_pack(&pack->phase->plan, &source, gathered, out);
    nn_free(gathered);
    return NN_OK;
}

/* Bytes of the state with room for `count` phases and the lists of those that have outputs. */
static size_t state_bytes(const nn_node_view *node, const nn_target *target,
                          const nn_conv_geometry *g, const nn_bf16_types *types) {
    int64_t count = nn_conv_phase_count(g);
    size_t bytes = sizeof(transpose_state) + (size_t)count * sizeof(phase);
    for (int64_t i = 0; i < count; i++) {
        nn_conv_phase at;
        nn_bf16_plan plan;
        if (!nn_conv_phase_at(g, i, &at)) continue;
        nn_bf16_plan_make(&at.problem, types, target->isa, target->threads, &node->epilogue, &plan);
        bytes += nn_bf16_plan_bytes(&plan);
    }
    return bytes;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    const nn_conv_geometry g = nn_conv_transpose_geometry_of(node);
    nn_bf16_types types;
    nn_bf16_types_of(node, 0, &types);
    int64_t count = nn_conv_phase_count(&g);
    size_t bytes = state_bytes(node, target, &g, &types), workspace = 0;
    transpose_state *state = nn_prepare_state(services, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    char *lists = (char *)(state->phases + count);
    state->geometry = g;
    for (int64_t i = 0; i < count; i++) {
        phase *one = &state->phases[state->count];
        if (!nn_conv_phase_at(&g, i, &one->at)) continue;
        nn_bf16_plan_make(&one->at.problem, &types, target->isa, target->threads, &node->epilogue,
                          &one->plan);
        nn_bf16_plan_fill(&one->plan, lists);
        lists += nn_bf16_plan_bytes(&one->plan);
        char variant[192];
        const pack_argument argument = {state, one};
        snprintf(variant, sizeof variant, "bf16 phase %lld of %lldx%lldx%lld, %lld steps of %d%s",
                 (long long)i, (long long)g.axes[0].stride, (long long)g.axes[1].stride,
                 (long long)g.axes[2].stride, (long long)one->plan.step_count, one->plan.k,
                 one->plan.merged ? ", rows" : "");
        NN_TRY(nn_prepare_pack(services, 1u << 1, variant, nn_bf16_packed_bytes(&one->plan), pack,
                               &argument, &one->packed));
        size_t own = nn_bf16_workspace(&one->plan, target->threads);
        workspace = own > workspace ? own : workspace;
        state->count++;
    }
    nn_prepare_workspace(services, workspace);
    state->constants = (nn_bf16_constants){
        .w = 1,
        .bias = nn_view_in(node, 2) != NULL ? 2 : -1,
        .bias_step = 1,
        .bias_scale = 1,
    };
    return nn_bf16_prepare_bias(&state->phases[0].plan, services, &state->constants);
}

static nn_status run(const nn_call *call) {
    const transpose_state *state = call->state;
    const nn_tensor *residual = nn_call_residual(call);
    const nn_tensor *out = call->out[0];
    for (int64_t i = 0; i < state->count; i++) {
        const phase *one = &state->phases[i];
        const nn_bf16_operands operands = {
            .packed = one->packed,
            .bias = state->constants.packed_bias,
            .x = call->in[0]->data,
            .residual =
                residual != NULL ? nn_at(residual->data, residual->type, one->at.offset) : NULL,
            .y = nn_at_out(out->data, out->type, one->at.offset),
        };
        nn_bf16_run(&one->plan, &operands, call->pool, call->workspace);
    }
    return NN_OK;
}

NN_BF16_KERNELS(conv_transpose, accepts, prepare, run, NN_BF16_CHANNELS_LAST);
