#include "ops/cpu/int8/conv_u8s8_pack.h"

#include "base/integers.h"

#include <stdio.h>

/* ---- sizes ---------------------------------------------------------------------------------- */

/* Range of w' over all weights; channels of int8 weights with zero point 0 need no look. */
static void weight_range(const nn_tensor *w, const nn_tensor *w_zero, const nn_u8s8_shape *shape,
                         int32_t *lowest, int32_t *highest) {
    int64_t taps = shape->height.kernel * shape->width.kernel;
    *lowest = *highest = 0;
    for (int64_t channel = 0; channel < shape->groups * shape->out_channels; channel++) {
        int32_t zero = nn_int8_weight_zero(w_zero, channel);
        if (w->type == NNOPT_INT8 && zero == 0) continue;
        int64_t base = channel / shape->out_channels * shape->w_group +
                       channel % shape->out_channels * shape->w_out;
        for (int64_t i = 0; i < shape->in_channels; i++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t at = base + i * shape->w_in + t * shape->w_tap;
                int32_t value = nn_quant_load(w->data, w->type, at) - zero;
                *lowest = value < *lowest ? value : *lowest;
                *highest = value > *highest ? value : *highest;
            }
    }
}

nn_u8s8_packing nn_u8s8_packing_make(const nn_node_view *node, const nn_u8s8_unit *unit,
                                     const nn_int8_inputs *inputs, const nn_u8s8_shape *shape,
                                     bool merged, bool shared) {
    nn_u8s8_packing out = {.shape = *shape,
                           .inputs = *inputs,
                           .unit = unit,
                           .merged = merged,
                           .shared = shared,
                           .parts = 1};
    if (unit->weight_bytes == 1) {
        int32_t lowest, highest;
        weight_range(nn_int8_constant(node, inputs->w), nn_int8_constant(node, inputs->w_zero),
                     shape, &lowest, &highest);
        while (lowest < INT8_MIN * out.parts || highest > INT8_MAX * out.parts) out.parts++;
    }
    int64_t k = shape->in_channels * (merged ? shape->width.kernel : 1);
    out.tap_count = shape->height.kernel * (merged ? 1 : shape->width.kernel) * out.parts;
    out.steps = nn_divide_up(k, unit->depth);
    out.width = (int64_t)unit->vectors * unit->lanes;
    out.panels = nn_divide_up(shape->out_channels, out.width);
    int64_t vector_bytes =
        out.tap_count * out.steps * unit->depth * unit->lanes * unit->weight_bytes;
    out.panel_bytes = unit->vectors * vector_bytes;
    out.group_bytes = (out.panels - 1) * out.panel_bytes +
                      nn_u8s8_panel_vectors(&out, out.panels - 1) * vector_bytes;
    return out;
}

/* ---- packing -------------------------------------------------------------------------------- */

/* Part `part` of w' when it is split in int8 parts. */
static int32_t weight_part(int32_t weight, int part) {
    for (;; part--) {
        int32_t value = weight < INT8_MIN ? INT8_MIN : weight > INT8_MAX ? INT8_MAX : weight;
        if (part == 0) return value;
        weight -= value;
    }
}

/* One channel's lane of a panel. */
typedef struct lane_target {
    int8_t *bytes; /* of k 0 */
    int64_t step;  /* bytes from one step of k to the next */
} lane_target;

/* A step holds 4 weights of one byte, or 2 of two. */
static inline void put_weight(const lane_target *lane, bool one_byte, uint64_t k, int32_t value) {
    if (one_byte)
        lane->bytes[(int64_t)(k / 4) * lane->step + (int64_t)(k % 4)] = (int8_t)value;
    else
        ((int16_t *)(lane->bytes + (int64_t)(k / 2) * lane->step))[k % 2] = (int16_t)value;
}

/* Input channels that are packed for all channels of a panel before the next ones, so that reads
 * and writes stay in L1. */
enum { INPUT_BLOCK = 32 };

enum { CELL = 4 }; /* weights of one byte in a step */

/* `count` whole cells of weights of one byte; returns their sum. */
static inline __attribute__((always_inline)) uint32_t pack_cells(const uint8_t *w,
                                                                 const int64_t w_step, uint8_t flip,
                                                                 int32_t zero, int64_t count,
                                                                 int8_t *out, int64_t out_step) {
    int32_t sum = 0;
    for (int64_t i = 0; i < count; i++, w += CELL * w_step, out += out_step)
        for (int j = 0; j < CELL; j++) {
            const int32_t value = (int8_t)(w[j * w_step] ^ flip) - zero;
            out[j] = (int8_t)value;
            sum += value;
        }
    return (uint32_t)sum;
}

/* The same of adjacent weights without a zero point, by words: bytes made unsigned are summed in
 * the two halves of one, which hold those of 128 cells. */
static uint32_t copy_cells(const uint8_t *w, uint8_t flip, int64_t count, int8_t *out,
                           int64_t out_step) {
    const uint32_t flips = flip * UINT32_C(0x01010101), high = UINT32_C(0x80808080);
    const uint32_t even = UINT32_C(0x00ff00ff);
    uint32_t sums = 0;
    for (int64_t i = 0; i < count; i++, w += CELL, out += out_step) {
        uint32_t cell;
        memcpy(&cell, w, sizeof cell);
        cell ^= flips;
        memcpy(out, &cell, sizeof cell);
        cell ^= high;
        sums += (cell & even) + (cell >> 8 & even);
    }
    return (sums & 0xffff) + (sums >> 16) - (uint32_t)(count * CELL * 128);
}

/* Input channels [begin, end) of one kernel tap, of which channel 0 is packed at k; returns the
 * sum. `w` is at input channel 0; w ^ flip is signed. */
static uint32_t pack_tap(const nn_u8s8_packing *packing, const uint8_t *w, uint8_t flip,
                         int32_t zero, int part, const lane_target *lane, int64_t k, int64_t begin,
                         int64_t end) {
    int64_t step = packing->shape.w_in;
    bool split = packing->parts > 1, one_byte = packing->unit->weight_bytes == 1;
    uint32_t sum = 0;
    if (one_byte && !split && (k + begin) % CELL == 0) {
        const int64_t count = (end - begin) / CELL;
        const uint8_t *from = w + begin * step;
        int8_t *to = lane->bytes + (k + begin) / CELL * lane->step;
        sum = step == 1 && zero == 0 ? copy_cells(from, flip, count, to, lane->step)
                                     : pack_cells(from, step, flip, zero, count, to, lane->step);
        begin += count * CELL;
    }
    for (int64_t i = begin; i < end; i++) {
        int32_t value = (int8_t)(w[i * step] ^ flip) - zero;
        if (split) value = weight_part(value, part);
        sum += (uint32_t)value;
        put_weight(lane, one_byte, (uint64_t)(k + i), value);
    }
    return sum;
}

/* Input channels [begin, end) of the output channel whose weights start at element `base`. */
static uint32_t pack_channel(const nn_u8s8_packing *packing, const nn_tensor *w, int32_t zero,
                             int64_t base, const lane_target *panel_lane, int64_t begin,
                             int64_t end) {
    const nn_u8s8_shape *shape = &packing->shape;
    const uint8_t *bytes = (const uint8_t *)w->data + base;
    const uint8_t flip = w->type == NNOPT_UINT8 ? 0x80 : 0;
    const int32_t signed_zero = w->type == NNOPT_UINT8 ? zero - 128 : zero;
    int64_t columns = packing->merged ? shape->width.kernel : 1;
    int64_t per_part = packing->tap_count / packing->parts;
    uint32_t sum = 0;
    for (int64_t tap = 0; tap < packing->tap_count; tap++) {
        lane_target lane = *panel_lane;
        lane.bytes += tap * packing->steps * lane.step;
        for (int64_t column = 0; column < columns; column++) {
            int64_t kernel_tap = tap % per_part * columns + column;
            sum += pack_tap(packing, bytes + kernel_tap * shape->w_tap, flip, signed_zero,
                            (int)(tap / per_part), &lane, column * shape->in_channels, begin, end);
        }
    }
    return sum;
}

/* The products of one channel's weights with each other, in steps two by two of each tap. */
static int32_t own_products(const nn_u8s8_packing *packing, const lane_target *lane) {
    uint32_t sum = 0;
    for (int64_t tap = 0; tap < packing->tap_count; tap++)
        for (int64_t step = 0; step + 2 <= packing->steps; step += 2) {
            const int8_t *at = lane->bytes + (tap * packing->steps + step) * lane->step;
            const int16_t *a = (const int16_t *)at, *b = (const int16_t *)(at + lane->step);
            sum += (uint32_t)(a[0] * b[0] + a[1] * b[1]);
        }
    return (int32_t)sum;
}

/* `sums` and `bytes` are those of the panel. */
static void pack_panel(const nn_u8s8_packing *packing, const nn_tensor *w, const nn_tensor *w_zero,
                       int64_t group, int64_t panel, int32_t *sums, int8_t *bytes) {
    const nn_u8s8_shape *shape = &packing->shape;
    const nn_u8s8_unit *unit = packing->unit;
    int64_t width = packing->width, first = panel * width;
    int64_t count = shape->out_channels - first < width ? shape->out_channels - first : width;
    int64_t cell = (int64_t)unit->depth * unit->weight_bytes; /* of one channel in a step */
    int vectors = nn_u8s8_panel_vectors(packing, panel);
    lane_target lanes[NN_U8S8_WIDTH];
    for (int64_t c = 0; c < count; c++)
        lanes[c] = (lane_target){.bytes = bytes + nn_u8s8_lane(c, vectors, unit->lanes) * cell,
                                 .step = vectors * unit->lanes * cell};
    for (int64_t begin = 0; begin < shape->in_channels; begin += INPUT_BLOCK) {
        int64_t left = shape->in_channels - begin;
        int64_t end = begin + (left < INPUT_BLOCK ? left : INPUT_BLOCK);
        for (int64_t c = 0; c < count; c++) {
            int32_t zero = nn_int8_weight_zero(w_zero, group * shape->out_channels + first + c);
            uint32_t sum =
                pack_channel(packing, w, zero, group * shape->w_group + (first + c) * shape->w_out,
                             &lanes[c], begin, end);
            sums[c] = (int32_t)((uint32_t)sums[c] + sum);
        }
    }
    for (int64_t c = 0; packing->shared && c < count; c++)
        sums[c] = own_products(packing, &lanes[c]);
}

static int64_t padded_channels(const nn_u8s8_packing *packing) {
    return packing->shape.groups * packing->panels * packing->width;
}

/* The packed block: w_sums, then the panels of all groups. */
static int64_t sums_bytes(const nn_u8s8_packing *packing) {
    return nn_round_up(padded_channels(packing) * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
}

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const nn_u8s8_packing *packing = argument;
    const nn_tensor *w = nn_int8_constant(node, packing->inputs.w);
    const nn_tensor *w_zero = nn_int8_constant(node, packing->inputs.w_zero);
    int32_t *sums = out;
    int8_t *weights = (int8_t *)out + sums_bytes(packing);
    int64_t width = packing->width;
    for (int64_t g = 0; g < packing->shape.groups; g++)
        for (int64_t panel = 0; panel < packing->panels; panel++) {
            int64_t at = (g * packing->panels + panel) * width;
            pack_panel(packing, w, w_zero, g, panel, sums + at,
                       weights + g * packing->group_bytes + panel * packing->panel_bytes);
        }
    return NN_OK;
}

nn_status nn_u8s8_pack(const nn_node_view *node, nn_prepare *prepare,
                       const nn_u8s8_packing *packing, nn_int8_parameters *parameters,
                       const int8_t **weights) {
    const nn_u8s8_shape *shape = &packing->shape;
    char variant[160];
    snprintf(variant, sizeof variant, "u8s8 %s%s groups %lld taps %lld steps %lld parts %d by %lld",
             packing->unit->name, packing->shared ? " shared" : "", (long long)shape->groups,
             (long long)packing->tap_count, (long long)packing->steps, packing->parts,
             (long long)shape->w_out);
    int64_t bytes = sums_bytes(packing) + shape->groups * packing->group_bytes;
    const void *packed;
    NN_TRY(nn_prepare_pack(prepare, nn_int8_packed_inputs(node, &packing->inputs), variant,
                           (size_t)bytes, pack, packing, &packed));
    parameters->groups = shape->groups;
    parameters->channels = shape->out_channels;
    parameters->padded = packing->panels * packing->width;
    parameters->w_sums = packed;
    *weights = (const int8_t *)packed + sums_bytes(packing);
    return NN_OK;
}
