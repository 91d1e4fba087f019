/* Quantised convolution by a 3x3 kernel of stride 1 by Winograd's algorithm in integers
 * (winograd_s16.h), where that is estimated to be faster than direct products of bytes. */
#include "ops/cpu/int8/int8_operators.h"
#include "ops/cpu/int8/winograd_s16.h"
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)

enum { TAPS = 9 };

typedef struct winograd_state {
    nn_winograd_plan plan;
    const nn_winograd_s16_form *form;
    const int16_t *packed;
    nn_winograd_byte_node node;
} winograd_state;

/* ---- what it takes -------------------------------------------------------------------------- */

/* Weights as bytes, of which x ^ flip is signed, and what is taken off those of each channel. */
typedef struct byte_weights {
    const uint8_t *x;
    uint8_t flip;
    const nn_tensor *zero;
} byte_weights;

static byte_weights weights_of(const nn_node_view *node) {
    const nn_tensor *w = nn_view_constant(node, NN_QCONV_W);
    return (byte_weights){
        .x = w->data,
        .flip = w->type == NNOPT_UINT8 ? 0x80 : 0,
        .zero = nn_view_constant(node, NN_QCONV_W_ZERO),
    };
}
static int32_t zero_of(const byte_weights *w, int64_t channel) {
    return nn_int8_weight_zero(w->zero, channel) - w->flip;
}

/* Of one output channel's weights less their zero point: their sum, and what bounds results. */
typedef struct channel_sums {
    int64_t sum;
    int64_t most; /* the sum of the positive ones or of the negative ones, in magnitude, or more */
} channel_sums;

static channel_sums sums_of(const byte_weights *w, int64_t channel, int64_t each) {
    int64_t sum, magnitudes;
    nn_winograd_s16_vnni.add_up(w->x + channel * each, each, w->flip, &sum, &magnitudes);
    const int64_t zeros = each * zero_of(w, channel);
    return (channel_sums){
        .sum = sum - zeros,
        .most = (magnitudes + llabs(zeros) + llabs(sum - zeros)) / 2,
    };
}

/* Do results of direct products, with the bias, stay within the bits that are left of 32? Inputs
 * less their zero point are 255 at most, and the greatest result has all positive weights or all
 * negative ones. */
static bool is_in_range(const nn_node_view *node, const nn_conv_geometry *g) {
    const byte_weights w = weights_of(node);
    const nn_tensor *bias = nn_view_constant(node, NN_QCONV_BIAS);
    for (int64_t channel = 0; channel < g->out_channels; channel++) {
        const int64_t most = sums_of(&w, channel, g->taps * g->in_channels).most;
        const int64_t start = bias != NULL ? ((const int32_t *)bias->data)[channel] : 0;
        if (most * UINT8_MAX + llabs(start) >= (int64_t)1 << NN_S16_RESULT_BITS) return false;
    }
    return true;
}

/* Are results no more than nn_s16_output can make? */
static bool is_simple(const nn_node_view *node) {
    nn_int8_inputs inputs;
    nn_requant requant;
    nn_qbinary sum;
    return nn_int8_is_simple_qconv(node, &inputs, &requant) &&
           (!inputs.has_sum || (nn_qconv_constant_sum(node, &sum) && nn_is_sum_moderate(&sum)));
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    return nn_winograd_suits(&g) && (target->explores || nn_winograd_s16_pays(&g, target)) &&
           is_simple(node) && is_in_range(node, &g);
}

/* ---- weights -------------------------------------------------------------------------------- */

/* Packed weights end with each channel's sum of all weights. */
static int64_t sums_at(const nn_winograd_plan *plan) {
    const int64_t points = plan->sizes.points * plan->sizes.points;
    return nn_round_up(points * plan->weight_channels * plan->padded_channels *
                           (int64_t)sizeof(int16_t),
                       NN_ALIGNMENT);
}

/* Weights of input channels [k, k + 2) and columns [first, first + count), zero beyond. */
static void load_taps(const nn_winograd_plan *plan, const byte_weights *w, int64_t k, int64_t first,
                      int64_t count, int16_t taps[NN_S16_DEPTH][TAPS][NN_S16_WIDTH]) {
    const int64_t channels = nn_min(NN_S16_DEPTH, plan->in_channels - k);
    for (int64_t j = 0; j < count; j++) {
        const uint8_t *x = w->x + ((first + j) * plan->in_channels + k) * TAPS;
        const int32_t zero = zero_of(w, first + j);
        for (int64_t i = 0; i < channels; i++)
            for (int tap = 0; tap < TAPS; tap++)
                taps[i][tap][j] = (int16_t)((int8_t)(*x++ ^ w->flip) - zero);
    }
}

/* Own sums of a panel's columns, behind the weights of each point. */
static void pack_own(const nn_winograd_plan *plan, int64_t panel, int16_t *packed) {
    const int64_t width = nn_winograd_width(plan, panel);
    const int64_t channels = plan->weight_channels - plan->sizes.own_channels;
    for (int64_t point = 0; point < NN_S16_POINTS * NN_S16_POINTS; point++) {
        int16_t *u = packed + nn_winograd_weights_at(plan, panel, point);
        nn_winograd_s16_own(u, channels / NN_S16_DEPTH, width,
                            (int32_t *)(void *)(u + channels * width));
    }
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const nn_winograd_plan *plan = argument;
    const byte_weights w = weights_of(node);
    int32_t *sums = (int32_t *)((char *)out + sums_at(plan));
    memset(sums, 0, (size_t)plan->padded_channels * sizeof *sums);
    for (int64_t channel = 0; channel < plan->out_channels; channel++)
        sums[channel] = (int32_t)sums_of(&w, channel, plan->in_channels * TAPS).sum;
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        const int64_t width = nn_winograd_width(plan, panel);
        int16_t *packed = (int16_t *)out + nn_winograd_weights_at(plan, panel, 0);
        for (int64_t k = 0; k < plan->in_channels;
             k += NN_S16_DEPTH, packed += width * NN_S16_DEPTH) {
            int16_t taps[NN_S16_DEPTH][TAPS][NN_S16_WIDTH] = {{{0}}};
            load_taps(plan, &w, k, nn_winograd_first_column(plan, panel),
                      nn_winograd_columns(plan, panel), taps);
            nn_winograd_s16_weights(taps, width, packed, nn_winograd_point_step(plan));
        }
        if (plan->sizes.own_channels > 0) pack_own(plan, panel, out);
    }
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    winograd_state made = {.form = &nn_winograd_s16_vnni};
    nn_winograd_plan *plan = &made.plan;
    nn_winograd_sizes sizes = made.form->sizes;
    const bool shares = nn_winograd_s16_shares();
    if (shares) {
        sizes.own_values = NN_S16_POINTS * NN_S16_POINTS;
        sizes.own_channels = NN_S16_OWN_CHANNELS;
        sizes.rows[0] = sizes.rows[1] = NN_S16_SHARED_ROWS;
    }
    nn_winograd_plan_make(&g, &sizes, target->threads, plan);
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    nn_int8_describe_qconv(node, &inputs, &shape);
    char packing[80];
    const void *packed;
    snprintf(packing, sizeof packing, "winograd 4 in 16 bits, %lld+%lld columns%s",
             (long long)plan->columns, (long long)plan->last_columns, shares ? ", shared" : "");
    const size_t sum_bytes = (size_t)plan->padded_channels * sizeof(int32_t);
    NN_TRY(nn_prepare_pack(services, nn_int8_packed_inputs(node, &inputs), packing,
                           (size_t)sums_at(plan) + sum_bytes, pack_weights, plan, &packed));
    made.packed = packed;
    const int32_t *w_sums = (const int32_t *)((const char *)packed + sums_at(plan));
    winograd_state *state = nn_winograd_byte_state(node, services, sizeof made,
                                                   plan->padded_channels, w_sums, &made.node);
    if (state == NULL) return NN_NO_MEMORY;
    *state = made;
    nn_prepare_workspace(services, nn_winograd_workspace(plan));
    nn_prepare_describe(services, "F(4,3) in 16 bits, %s%lld blocks of %lld tiles",
                        shares ? "shared products, " : "", (long long)plan->blocks,
                        (long long)plan->block_tiles);
    return NN_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct byte_maps {
    const winograd_state *state;
    const nn_int8_call *call;
    const uint8_t *addend; /* NULL: there is none */
    nn_qbinary sum;
    bool addend_first;
    uint8_t *y;
} byte_maps;

static void multiply(const void *argument, const nn_winograd_product *product) {
    const winograd_state *state = ((const byte_maps *)argument)->state;
    state->form->multiply(&state->plan, product);
}

static void finish_tile(const void *argument, const nn_winograd_results *results) {
    const byte_maps *maps = argument;
    const nn_winograd_plan *plan = &maps->state->plan;
    const nn_int8_call *call = maps->call;
    const int64_t at = nn_winograd_results_at(plan, results);
    maps->state->form->output(&(nn_s16_output){
        .m = results->sums,
        .m_step = plan->m_step,
        .channels = results->channels,
        .bytes = nn_winograd_bytes_of(call, results->first),
        .is_signed = call->requant.type == NNOPT_INT8,
        .sum = maps->addend != NULL ? &maps->sum : NULL,
        .addend_first = maps->addend_first,
        .addend = maps->addend != NULL ? maps->addend + at : NULL,
        .y = maps->y + at,
        .row = plan->width.out * plan->out_pitch,
        .pitch = plan->out_pitch,
        .rows = results->rows,
        .columns = results->columns,
    });
}

static nn_status run(const nn_call *call) {
    const winograd_state *state = call->state;
    const nn_int8_call bytes =
        nn_int8_begin(call, &state->node.setting, &state->node.parameters, NULL);
    byte_maps argument = {.state = state, .call = &bytes, .y = call->out[0]->data};
    if (state->node.setting.inputs.has_sum) {
        const nn_qconv_attrs *attrs = call->node->attrs;
        argument.addend = call->in[NN_QCONV_ADDEND]->data;
        argument.addend_first = attrs->addend_first;
        argument.sum = nn_qconv_sum(call);
    }
    const nn_winograd_maps maps = {
        .pixels = nn_winograd_byte_pixels(&bytes),
        .input = state->form->input,
        .multiply = multiply,
        .finish = finish_tile,
        .argument = &argument,
    };
    nn_winograd_run_maps(&state->plan, state->packed, &maps, call->pool, call->workspace);
    return NN_OK;
}

/* Inputs of QConv that are maps, and the one whose memory the result may take. */
#    define ADDEND (1u << NN_QCONV_ADDEND)

const nn_kernel nn_kernel_qconv_winograd_s16_vnni = {
    .name = "qconv_winograd_s16_vnni",
    .isa = NN_ISA_VNNI,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1u | ADDEND,
    .in_place = ADDEND,
    .pitched_inputs = 1,
    .pitched_output = true,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};
#endif
