#include "ops/cpu/float32/winograd/conv_winograd_f32.h"

#include "ops/cpu/float32/conv_f32.h"

#include <math.h>
#include <stdio.h>

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

/* Packed weights come behind what was measured of them. */
typedef union weights_header {
    double error; /* nn_winograd_error */
    char line[NN_ALIGNMENT];
} weights_header;

typedef struct winograd_state {
    nn_winograd_f32_plan plan;
    const float *packed, *bias;
    bool is_direct; /* no form is accurate enough */
    nn_conv_f32_state direct;
} winograd_state;

/* The form with `outputs` outputs for the kernel of the convolution; NULL: there is none. */
static const nn_winograd_form *form_of(const nn_winograd_forms *forms, const nn_conv_geometry *g,
                                       int outputs) {
    if (nn_winograd_suits(g)) return outputs == 4 ? &forms->four : &forms->two;
    return nn_winograd_suits_taps(g, 5) && outputs == 2 ? &forms->two_of_five : NULL;
}

bool nn_conv_winograd_accepts(const nn_node_view *node, const nn_target *target, int outputs) {
    const nn_fact *y = node->out[0];
    if (y->type != NNOPT_FLOAT || nn_fact_count(y) <= 0 || nn_fact_count(node->in[0]) <= 0 ||
        nn_fact_count(node->in[1]) <= 0)
        return false;
    if (nn_view_constant(node, inputs.w) == NULL) return false;
    if (nn_view_in(node, inputs.bias) != NULL && nn_view_constant(node, inputs.bias) == NULL)
        return false;
    if (target->deterministic) return false;
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    if (form_of(&nn_winograd_f32_portable, &g, outputs) == NULL) return false;
    return target->explores ||
           nn_winograd_choose(&g, &nn_winograd_rival_f32, target->isa, target->threads) == outputs;
}

typedef struct pack_argument {
    const nn_winograd_f32_plan *plan;
    nn_prepare *services;
} pack_argument;

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_winograd_f32_plan *plan = pack->plan;
    const int taps = nn_winograd_taps(&plan->cut.sizes);
    const int64_t floats = taps * taps * plan->cut.in_channels; /* of an output channel */
    weights_header *header = out;
    float *packed = (float *)(header + 1);
    (void)node;
    header->error = 0;
    for (int64_t panel = 0; panel < plan->cut.panels; panel++) {
        const int64_t first = nn_winograd_first_column(&plan->cut, panel);
        const void *w;
        NN_TRY(nn_prepare_piece(pack->services, inputs.w, first * floats,
                                nn_winograd_columns(&plan->cut, panel) * floats, &w));
        nn_winograd_pack_panel(plan, panel, w, packed);
        header->error = fmax(header->error, nn_winograd_panel_error(plan, panel, w, packed));
    }
    return NN_OK;
}

/* *packed is NULL when the form is not accurate enough. */
static nn_status try_form(const nn_winograd_f32_plan *plan, nn_prepare *services,
                          const float **packed) {
    char variant[80];
    const void *out;
    snprintf(variant, sizeof variant, "winograd %d of %d, %lld+%lld columns%s",
             plan->cut.sizes.outputs, nn_winograd_taps(&plan->cut.sizes),
             (long long)plan->cut.columns, (long long)plan->cut.last_columns,
             plan->shares ? ", shared" : "");
    const pack_argument argument = {plan, services};
    size_t bytes = sizeof(weights_header) + nn_winograd_packed_bytes(plan);
    NN_TRY(
        nn_prepare_pack(services, 1u << inputs.w, variant, bytes, pack_weights, &argument, &out));
    const weights_header *header = out;
    bool is_accurate = header->error <= NN_WINOGRAD_ERROR_LIMIT;
    *packed = is_accurate ? (const float *)(header + 1) : NULL;
    return NN_OK;
}

nn_status nn_conv_winograd_prepare(const nn_node_view *node, const nn_target *target,
                                   nn_prepare *services, const nn_winograd_forms *forms,
                                   int outputs) {
    winograd_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    for (; outputs >= 2 && state->packed == NULL; outputs -= 2) {
        nn_winograd_f32_plan_make(&g, form_of(forms, &g, outputs),
                                  target->deterministic ? NN_SHARE_NEVER : NN_SHARE_WHERE_FASTER,
                                  target->threads, &node->epilogue, &state->plan);
        NN_TRY(try_form(&state->plan, services, &state->packed));
    }
    if (state->packed == NULL) {
        state->is_direct = true;
        return nn_conv_f32_prepare(node, target, services, forms->two.tiles, &state->direct);
    }
    NN_TRY(nn_conv_f32_prepare_bias(services, inputs.bias, state->plan.cut.padded_channels,
                                    &state->bias));
    nn_prepare_workspace(services, nn_winograd_workspace(&state->plan.cut));
    nn_prepare_describe(services, "F(%d,%d), %lld blocks of %lld tiles%s",
                        state->plan.form->outputs, nn_winograd_taps(&state->plan.cut.sizes),
                        (long long)state->plan.cut.blocks, (long long)state->plan.cut.block_tiles,
                        state->plan.shares ? " with shared products" : "");
    return NN_OK;
}

nn_status nn_conv_winograd_run(const nn_call *call) {
    const winograd_state *state = call->state;
    if (state->is_direct) {
        nn_conv_f32_run(&state->direct, call);
        return NN_OK;
    }
    nn_winograd_run(&state->plan, state->packed, state->bias, call->in[inputs.x]->data,
                    nn_call_residual_data(call), call->out[0]->data, call->pool, call->workspace);
    return NN_OK;
}
