#include "base/integers.h"
#include "ops/cpu/int8/amx_u8s8.h"

#include <stdio.h>

nn_amx_u8s8_packing nn_amx_u8s8_packing_make(const nn_int8_inputs *inputs,
                                             const nn_u8s8_shape *shape,
                                             const nn_amx_u8s8_source *source) {
    nn_amx_u8s8_packing out = {
        .shape = *shape, .inputs = *inputs, .source = *source, .pass_tiles = 2};
    int64_t tiles = nn_divide_up(shape->out_channels, NN_AMX_U8S8_CHANNELS);
    out.blocks = (tiles + 3) / 4;
    out.tiles = (int)nn_divide_up(tiles, out.blocks);
    out.blocks = nn_divide_up(tiles, out.tiles);
    out.block_bytes = out.tiles * source->taps * source->steps_per_tap * source->step_bytes *
                      NN_AMX_U8S8_CHANNELS;
    out.group_bytes = out.blocks * out.block_bytes;
    return out;
}

static int64_t padded_channels(const nn_amx_u8s8_packing *packing) {
    return packing->blocks * packing->tiles * NN_AMX_U8S8_CHANNELS;
}

/* The packed memory: sums of all channels, then the weights of all groups. */
static int64_t sums_bytes(const nn_amx_u8s8_packing *packing) {
    return nn_round_up(packing->shape.groups * padded_channels(packing) * (int64_t)sizeof(int32_t),
                       NN_ALIGNMENT);
}

/* Where channel `channel` of a group begins in the group's weights, and the bytes from step to
 * step. */
static int8_t *channel_weights(const nn_amx_u8s8_packing *packing, int8_t *group, int64_t channel,
                               int64_t *step) {
    const nn_amx_u8s8_source *source = &packing->source;
    int64_t tile = channel / NN_AMX_U8S8_CHANNELS, in_block = tile % packing->tiles;
    int64_t tile_bytes = (int64_t)source->step_bytes * NN_AMX_U8S8_CHANNELS;
    int64_t together = packing->pass_tiles, pass = in_block / together;
    int64_t steps = source->taps * source->steps_per_tap, left = packing->tiles - pass * together;
    *step = nn_min(left, together) * tile_bytes;
    return group + tile / packing->tiles * packing->block_bytes +
           pass * together * tile_bytes * steps + in_block % together * tile_bytes +
           channel % NN_AMX_U8S8_CHANNELS * 4;
}

typedef struct weight_source {
    const uint8_t *bytes; /* of the channel */
    uint8_t flip;         /* w ^ flip is signed */
    int32_t zero;         /* of that */
} weight_source;

/* k of a tap: columns of the kernel row where they are merged, with all input channels each. */
static int32_t weight_at(const nn_amx_u8s8_packing *packing, const weight_source *w, int64_t tap,
                         int64_t k) {
    const nn_u8s8_shape *shape = &packing->shape;
    int64_t column = k / shape->in_channels, channel = k % shape->in_channels;
    if (packing->source.merged) tap = tap * shape->width.kernel + column;
    uint8_t byte = w->bytes[tap * shape->w_tap + channel * shape->w_in];
    return (int8_t)(byte ^ w->flip) - w->zero;
}

/* Returns the sum. */
static int32_t pack_channel(const nn_amx_u8s8_packing *packing, const weight_source *w, int8_t *to,
                            int64_t step_bytes) {
    const nn_amx_u8s8_source *source = &packing->source;
    int32_t sum = 0;
    for (int64_t step = 0; step < source->steps_per_tap; step++) {
        int64_t begin = nn_amx_u8s8_step_begin(source, step), end = begin + source->step_bytes;
        int64_t first = step * source->step_bytes; /* before it: packed in the step before */
        if (end > source->tap_bytes) end = source->tap_bytes;
        for (int64_t tap = 0; tap < source->taps; tap++, to += step_bytes)
            for (int64_t k = first; k < end; k++) {
                int32_t weight = weight_at(packing, w, tap, k);
                to[(k - begin) / 4 * 4 * NN_AMX_U8S8_CHANNELS + (k - begin) % 4] = (int8_t)weight;
                sum += weight;
            }
    }
    return sum;
}

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const nn_amx_u8s8_packing *packing = argument;
    const nn_u8s8_shape *shape = &packing->shape;
    const nn_tensor *w = nn_int8_constant(node, packing->inputs.w);
    const nn_tensor *w_zero = nn_int8_constant(node, packing->inputs.w_zero);
    int32_t *sums = out;
    int8_t *weights = (int8_t *)out + sums_bytes(packing);
    bool is_unsigned = w->type == NNOPT_UINT8;
    for (int64_t g = 0; g < shape->groups; g++)
        for (int64_t c = 0; c < shape->out_channels; c++) {
            int32_t zero = nn_int8_weight_zero(w_zero, g * shape->out_channels + c);
            const weight_source from = {.bytes = (const uint8_t *)w->data + g * shape->w_group +
                                                 c * shape->w_out,
                                        .flip = is_unsigned ? 0x80 : 0,
                                        .zero = is_unsigned ? zero - 128 : zero};
            int64_t step;
            int8_t *to = channel_weights(packing, weights + g * packing->group_bytes, c, &step);
            sums[g * padded_channels(packing) + c] = pack_channel(packing, &from, to, step);
        }
    return NN_OK;
}

nn_status nn_amx_u8s8_pack(const nn_node_view *node, nn_prepare *prepare,
                           const nn_amx_u8s8_packing *packing, nn_int8_parameters *parameters,
                           const int8_t **weights) {
    const nn_u8s8_shape *shape = &packing->shape;
    const nn_amx_u8s8_source *source = &packing->source;
    char variant[160];
    snprintf(variant, sizeof variant,
             "u8s8 amx groups %lld taps %lld steps %lld of %d by %lld in %d",
             (long long)shape->groups, (long long)source->taps, (long long)source->steps_per_tap,
             source->step_bytes, (long long)shape->w_out, packing->pass_tiles);
    int64_t bytes = sums_bytes(packing) + shape->groups * packing->group_bytes;
    const void *packed;
    NN_TRY(nn_prepare_pack(prepare, nn_int8_packed_inputs(node, &packing->inputs), variant,
                           (size_t)bytes, pack, packing, &packed));
    parameters->groups = shape->groups;
    parameters->channels = shape->out_channels;
    parameters->padded = padded_channels(packing);
    parameters->w_sums = packed;
    *weights = (const int8_t *)packed + sums_bytes(packing);
    return NN_OK;
}
