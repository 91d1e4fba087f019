/* Convolution with bf16 products and float sums (direct_bf16.h), for plans of that precision. */
#include "ops/cpu/bf16/bf16_operands.h"
#include "ops/cpu/float32/winograd/winograd_f32.h"
#include "ops/cpu/kernels.h"

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

/* Groups of fewer channels leave most of a tile empty. */
enum { LEAST_GROUP = 8 };

typedef struct conv_state {
    nn_bf16_plan plan;
    nn_bf16_constants constants;
    int64_t lists[];
} conv_state;

static bool make_plan(const nn_node_view *node, const nn_target *target, nn_bf16_plan *plan) {
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    nn_direct_problem problem = {
        .images = g.batch,
        .groups = g.groups,
        .k = g.group_in_channels,
        .columns = g.group_out_channels,
        .in_pitch = g.in_channels,
    };
    nn_bf16_types types;
    memcpy(problem.axes, g.axes, sizeof g.axes);
    nn_direct_dense_output(&problem, g.out_channels);
    return nn_bf16_types_of(node, inputs.x, &types) &&
           nn_bf16_plan_make(&problem, &types, target->isa, target->threads, &node->epilogue, plan);
}

/* Where a pair of products takes the time of one of floats, a quarter of the products in floats may
 * be faster; and kernels of floats fill vectors with pixels where channels are few. Of few pixels
 * (squeeze and excitation) that is little beside what their neighbours lose, which become floats,
 * too. */
static bool is_faster_in_floats(const nn_conv_geometry *g, const nn_target *target) {
    enum { MANY_PIXELS = 1024 };
    static const nn_winograd_rival direct = {0.5, sizeof(uint16_t)};
    if (target->isa >= NN_ISA_AMX || target->explores) return false;
    if (2 * g->group_out_channels <= NN_BF16_COLUMNS && g->out_pixels >= MANY_PIXELS) return true;
    return !target->deterministic && nn_winograd_suits(g) &&
           nn_winograd_choose(g, &direct, target->isa, target->threads) > 1;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    nn_bf16_types types;
    nn_bf16_plan plan;
    if (!nn_bf16_types_of(node, inputs.x, &types) || nn_view_constant(node, inputs.w) == NULL ||
        !nn_bf16_is_constant(node, inputs.w) || !nn_bf16_is_constant(node, inputs.bias) ||
        nn_fact_count(node->in[inputs.w]) <= 0)
        return false;
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    if (g.groups > 1 && (g.group_in_channels < LEAST_GROUP || g.group_out_channels < LEAST_GROUP))
        return false;
    return !is_faster_in_floats(&g, target) && make_plan(node, target, &plan);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    nn_bf16_plan plan;
    make_plan(node, target, &plan);
    size_t bytes = sizeof(conv_state) + nn_bf16_plan_bytes(&plan);
    conv_state *state = nn_prepare_state(services, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    state->plan = plan;
    nn_bf16_plan_fill(&state->plan, state->lists);
    state->constants = (nn_bf16_constants){
        .w = inputs.w,
        .bias = nn_view_in(node, inputs.bias) != NULL ? inputs.bias : -1,
        .source = {.group_step = g.group_out_channels * g.group_in_channels * g.taps,
                   .column_step = g.group_in_channels * g.taps,
                   .k_step = g.taps,
                   .tap_step = 1,
                   .scale = 1},
        .bias_step = 1,
        .bias_scale = 1,
    };
    nn_prepare_workspace(services, nn_bf16_workspace(&plan, target->threads));
    return nn_bf16_prepare(node, &state->plan, services, &state->constants);
}

static nn_status run(const nn_call *call) {
    const conv_state *state = call->state;
    const nn_bf16_operands operands = {
        .packed = state->constants.packed,
        .bias = state->constants.packed_bias,
        .x = call->in[inputs.x]->data,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
    };
    nn_bf16_run(&state->plan, &operands, call->pool, call->workspace);
    return NN_OK;
}

NN_BF16_KERNELS(conv, accepts, prepare, run, NN_BF16_CHANNELS_LAST);
