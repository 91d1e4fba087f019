#include "ops/cpu/int8/depthwise_u8s8.h"

#include "base/integers.h"

#include <stdio.h>

enum { MACS_PER_TASK = 300 * 1000 }; /* some 10 microseconds */

/* Numbers of the channels of the packed blocks, in the order of lanes. */
typedef struct lane_numbers {
    const int32_t *start;
    const float *multiplier;
} lane_numbers;

typedef struct depthwise_state {
    nn_u8s8_shape shape;
    const nn_depthwise_unit *unit;
    nn_int8_setting setting;
    nn_int8_parameters parameters;
    lane_numbers lanes; /* where parameters are constant */
    const int8_t *weights;
    int64_t task_rows;
    int64_t worker_bytes; /* workspace of one thread: sums of a row of a block */
} depthwise_state;

/* ---- blocks of channels --------------------------------------------------------------------- */

typedef struct channel_block {
    int64_t packed;  /* channels in the packed blocks before it */
    int64_t channel; /* its first channel */
    int64_t width;
} channel_block;

static int64_t block_width(const nn_depthwise_unit *unit, int64_t channels, int64_t packed) {
    return channels - packed > unit->narrow ? unit->wide : unit->narrow;
}

static channel_block block_at(const nn_depthwise_unit *unit, int64_t channels, int64_t packed) {
    channel_block out = {packed, packed, block_width(unit, channels, packed)};
    if (unit->overlaps && channels >= out.width && packed + out.width > channels)
        out.channel = channels - out.width;
    return out;
}

/* Channels of all packed blocks. */
static int64_t padded_channels(const nn_depthwise_unit *unit, int64_t channels) {
    int64_t out = 0;
    while (out < channels) out += block_width(unit, channels, out);
    return out;
}

/* A kernel of one row has its taps side by side; turned, they are rows, and a row has one column.
 */
static nn_u8s8_shape turned(const nn_u8s8_shape *shape) {
    nn_u8s8_shape out = *shape;
    if (shape->height.in == 1 && shape->height.out == 1 && shape->height.kernel == 1) {
        out.height = shape->width;
        out.width = shape->height;
    }
    return out;
}

bool nn_depthwise_u8s8_accepts(const nn_node_view *node, const nn_int8_inputs *inputs,
                               const nn_u8s8_shape *shape) {
    if (shape->in_channels != 1 || shape->out_channels != 1 || shape->groups == 1) return false;
    if (!nn_int8_accepts(node, inputs)) return false;
    nn_u8s8_shape used = turned(shape);
    if (used.height.kernel > NN_DEPTHWISE_KERNEL_ROWS || used.width.kernel > INT16_MAX)
        return false;
    /* Weights must fit in int8 less their zero point. */
    const nn_tensor *w = nn_int8_constant(node, inputs->w);
    const nn_tensor *w_zero = nn_int8_constant(node, inputs->w_zero);
    int64_t taps = used.height.kernel * used.width.kernel;
    for (int64_t i = 0; i < shape->groups * taps; i++) {
        int32_t value = nn_quant_load(w->data, w->type, i) - nn_int8_weight_zero(w_zero, i / taps);
        if (value < INT8_MIN || value > INT8_MAX) return false;
    }
    return true;
}

/* ---- packing -------------------------------------------------------------------------------- */

/* Lane of a channel in a block: four vectors hold groups of four channels in turn, as interleaving
 * bytes and words within 128-bit lanes leaves them. */
static int64_t lane_of(int64_t channel, int64_t width) {
    return channel / 4 % 4 * (width / 4) + channel / 16 * 4 + channel % 4;
}

static int64_t quads_of(const nn_u8s8_shape *shape) {
    return (shape->height.kernel + 3) / 4;
}

typedef struct depthwise_packing {
    const nn_u8s8_shape *shape;
    const nn_int8_inputs *inputs;
    const nn_depthwise_unit *unit;
} depthwise_packing;

/* Bytes of one channel. */
static int64_t channel_bytes(const nn_depthwise_unit *unit, const nn_u8s8_shape *shape) {
    return shape->width.kernel * quads_of(shape) * 4 * unit->weight_bytes;
}

static int64_t sums_bytes(const nn_depthwise_unit *unit, const nn_u8s8_shape *shape) {
    return nn_round_up(padded_channels(unit, shape->groups) * (int64_t)sizeof(int32_t),
                       NN_ALIGNMENT);
}

/* Weight of `row` of four in lane `lane` of the block's vectors. */
static void put_weight(int8_t *vectors, const channel_block *block, int weight_bytes, int64_t lane,
                       int64_t row, int32_t value) {
    int64_t vector = lane / (block->width / 4), place = lane % (block->width / 4);
    int8_t *bytes = vectors + vector * block->width * weight_bytes;
    if (weight_bytes == 1)
        bytes[place * 4 + row] = (int8_t)value;
    else
        ((int16_t *)bytes)[row % 2 * (block->width / 2) + place * 2 + row / 2] = (int16_t)value;
}

/* All taps of one channel; returns their sum. */
static int32_t pack_channel(const depthwise_packing *packing, const nn_tensor *w, int32_t zero,
                            const channel_block *block, int64_t c, int8_t *target) {
    const nn_u8s8_shape *shape = packing->shape;
    int64_t rows = shape->height.kernel, columns = shape->width.kernel, quads = quads_of(shape);
    int weight_bytes = packing->unit->weight_bytes;
    int32_t sum = 0;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column++) {
            int64_t at = ((block->channel + c) * rows + row) * columns + column;
            int32_t value = nn_quant_load(w->data, w->type, at) - zero;
            int64_t quad = column * quads + row / 4;
            put_weight(target + quad * block->width * 4 * weight_bytes, block, weight_bytes,
                       lane_of(c, block->width), row % 4, value);
            sum += value;
        }
    return sum;
}

/* The packed memory: sums of all channels, then the blocks. */
static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const depthwise_packing *packing = argument;
    const nn_depthwise_unit *unit = packing->unit;
    const nn_u8s8_shape *shape = packing->shape;
    const nn_tensor *w = nn_int8_constant(node, packing->inputs->w);
    const nn_tensor *w_zero = nn_int8_constant(node, packing->inputs->w_zero);
    int32_t *sums = out;
    int8_t *weights = (int8_t *)out + sums_bytes(unit, shape);
    for (int64_t packed = 0; packed < shape->groups;) {
        channel_block block = block_at(unit, shape->groups, packed);
        int8_t *target = weights + packed * channel_bytes(unit, shape);
        for (int64_t c = 0; c < block.width && block.channel + c < shape->groups; c++) {
            int64_t channel = block.channel + c;
            sums[channel] =
                pack_channel(packing, w, nn_int8_weight_zero(w_zero, channel), &block, c, target);
        }
        packed += block.width;
    }
    return NN_OK;
}

/* Of a number for each channel of all blocks. */
static int64_t numbers_bytes(const depthwise_state *state) {
    return nn_round_up(state->parameters.padded * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
}

/* Numbers of channels, four bytes each, into the order of lanes of all blocks. */
static void take_lanes(const depthwise_state *state, const void *numbers, void *lanes) {
    const int64_t channels = state->shape.groups;
    for (int64_t packed = 0; packed < channels;) {
        const channel_block block = block_at(state->unit, channels, packed);
        const char *from = (const char *)numbers + 4 * block.channel;
        char *to = (char *)lanes + 4 * packed;
        for (int64_t c = 0; c < block.width; c += 4)
            memcpy(to + 4 * lane_of(c, block.width), from + 4 * c, 16);
        packed += block.width;
    }
}

/* Those of the parameters, written to twice numbers_bytes of memory. */
static lane_numbers lanes_of(const depthwise_state *state, const nn_int8_parameters *parameters,
                             char *memory) {
    void *start = memory, *multiplier = memory + numbers_bytes(state);
    take_lanes(state, parameters->start, start);
    take_lanes(state, parameters->multiplier, multiplier);
    return (lane_numbers){start, multiplier};
}

nn_status nn_depthwise_u8s8_prepare(const nn_node_view *node, const nn_target *target,
                                    nn_prepare *prepare, const nn_depthwise_unit *unit,
                                    const nn_int8_inputs *inputs, const nn_u8s8_shape *shape) {
    depthwise_state made = {.shape = turned(shape), .unit = unit};
    made.setting = (nn_int8_setting){.inputs = *inputs, .scale = 1, .keeps_zero = true};
    int64_t channels = made.shape.groups, padded = padded_channels(unit, channels);
    made.parameters = (nn_int8_parameters){.groups = 1, .channels = channels, .padded = padded};
    made.worker_bytes = nn_round_up(
        made.shape.width.out * NN_DEPTHWISE_CHANNELS * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
    double row_macs = (double)(made.shape.width.out * channels) *
                      (double)(made.shape.height.kernel * made.shape.width.kernel);
    made.task_rows = row_macs < MACS_PER_TASK ? (int64_t)(MACS_PER_TASK / row_macs) + 1 : 1;

    char variant[64];
    snprintf(variant, sizeof variant, "depthwise u8s8 %s %lld x %lld", unit->name,
             (long long)made.shape.height.kernel, (long long)made.shape.width.kernel);
    const depthwise_packing packing = {&made.shape, inputs, unit};
    int64_t packed_bytes =
        sums_bytes(unit, &made.shape) + padded * channel_bytes(unit, &made.shape);
    const void *packed;
    NN_TRY(nn_prepare_pack(prepare, nn_int8_packed_inputs(node, inputs), variant,
                           (size_t)packed_bytes, pack, &packing, &packed));
    made.parameters.w_sums = packed;
    made.weights = (const int8_t *)packed + sums_bytes(unit, &made.shape);

    bool constant = nn_int8_has_constant_parameters(node, inputs);
    int64_t parameter_bytes = nn_int8_parameter_bytes(&made.parameters);
    int64_t own_bytes = nn_round_up(sizeof made, NN_ALIGNMENT);
    const int64_t lane_bytes = 2 * numbers_bytes(&made),
                  number_bytes = parameter_bytes + lane_bytes;
    size_t total = (size_t)(own_bytes + (constant ? number_bytes : 0));
    depthwise_state *state = nn_prepare_state(prepare, total);
    if (state == NULL) return nn_fail_memory(total);
    *state = made;
    if (constant) {
        char *numbers = (char *)state + own_bytes;
        nn_int8_fill_constant(node, &state->setting, numbers, &state->parameters);
        state->lanes = lanes_of(state, &state->parameters, numbers + parameter_bytes);
    }
    int64_t workspace = state->worker_bytes * target->threads + (constant ? 0 : number_bytes);
    nn_prepare_workspace(prepare, (size_t)workspace);
    return NN_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct depthwise_work {
    const depthwise_state *state;
    nn_int8_call call;
    uint8_t *y;
    int64_t y_bytes; /* of one value */
    char *workers;
    lane_numbers lanes;
    uint8_t padding[NN_DEPTHWISE_CHANNELS]; /* a pixel of padding as input rows hold it */
} depthwise_work;

static void finish_row(const depthwise_work *work, const nn_depthwise_row *row, int64_t channel,
                       int64_t width) {
    const nn_int8_parameters *parameters = &work->call.parameters;
    const float *offset = parameters->offset ? parameters->offset + channel : NULL;
    for (int64_t i = 0; i < row->out_columns; i++)
        work->state->unit->finish(&work->call.requant, row->sums + i * width,
                                  parameters->multiplier + channel, offset, row->channels,
                                  row->y + i * row->y_step);
}

/* What all rows have in common. */
static nn_depthwise_row row_of(const depthwise_work *work, int worker) {
    const depthwise_state *state = work->state;
    const nn_int8_call *call = &work->call;
    const nn_window_axis *h = &state->shape.height, *w = &state->shape.width;
    const bool is_signed = call->requant.type == NNOPT_INT8;
    const int lowest = is_signed ? INT8_MIN : 0;
    nn_depthwise_row row = {.kernel_rows = h->kernel,
                            .kernel_columns = w->kernel,
                            .stride = w->stride,
                            .dilation = w->dilation,
                            .pad_begin = w->pad_begin,
                            .in_columns = w->in,
                            .out_columns = w->out,
                            .flip = call->flip,
                            .x_zero = (uint8_t)call->x_zero,
                            .zero = call->zero,
                            .low = call->low,
                            .high = call->high,
                            .is_plain = call->zero == 0 && call->low == lowest &&
                                        call->high == lowest + UINT8_MAX,
                            .is_signed = is_signed,
                            .y_step = state->shape.groups * work->y_bytes,
                            .y_row = w->out * state->shape.groups * work->y_bytes};
    if (!call->is_simple) row.sums = (int32_t *)(work->workers + worker * state->worker_bytes);
    return row;
}

/* Can two neighbouring output rows be made at once? */
static bool takes_pairs(const depthwise_work *work) {
    const depthwise_state *state = work->state;
    const nn_window_axis *h = &state->shape.height, *w = &state->shape.width;
    return state->unit->run_wide_pair != NULL && work->call.is_simple && h->kernel == 3 &&
           w->kernel == 3 && h->stride == 1 && w->stride == 1 && h->dilation == 1 &&
           w->dilation == 1;
}

/* Output row `out_row` of image `image`, or a pair of them, all channels. */
static void run_row(const depthwise_work *work, nn_depthwise_row *row, int64_t image,
                    int64_t out_row, bool pair) {
    const depthwise_state *state = work->state;
    const nn_int8_call *call = &work->call;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    int64_t channels = shape->groups;
    int64_t first = out_row * h->stride - h->pad_begin;
    int64_t y_pixel = (image * h->out + out_row) * w->out;
    const nn_depthwise_unit *unit = state->unit;
    for (int64_t packed = 0; packed < channels;) {
        channel_block block = block_at(unit, channels, packed);
        int64_t channel = block.channel, left = channels - channel;
        for (int64_t i = 0; i < h->kernel + pair; i++) {
            int64_t in_row = first + i * h->dilation;
            bool inside = in_row >= 0 && in_row < h->in;
            row->rows[i] = inside ? call->x + (image * h->in + in_row) * w->in * channels + channel
                                  : work->padding;
            row->row_steps[i] = inside ? channels : 0;
        }
        row->w = state->weights + packed * channel_bytes(unit, shape);
        row->start = work->lanes.start + packed;
        row->multiplier = work->lanes.multiplier + packed;
        row->channels = (int)(left < block.width ? left : block.width);
        row->y = work->y + (y_pixel * channels + channel) * work->y_bytes;
        if (pair)
            (block.width == unit->wide ? unit->run_wide_pair : unit->run_narrow_pair)(row);
        else
            (block.width == unit->wide ? unit->run_wide : unit->run_narrow)(row);
        if (!call->is_simple) finish_row(work, row, channel, block.width);
        packed += block.width;
    }
}

static void run_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const depthwise_work *work = argument;
    nn_depthwise_row row = row_of(work, worker);
    int64_t rows = work->state->shape.height.out;
    const bool pairs = takes_pairs(work);
    for (int64_t i = begin; i < end; i++) {
        const bool pair = pairs && i + 1 < end && i % rows + 1 < rows;
        run_row(work, &row, i / rows, i % rows, pair);
        i += pair;
    }
}

nn_status nn_depthwise_u8s8_run(const nn_call *call) {
    const depthwise_state *state = call->state;
    nn_tensor *y = call->out[0];
    depthwise_work work = {
        .state = state,
        .call = nn_int8_begin(call, &state->setting, &state->parameters, call->workspace),
        .y = y->data,
        .y_bytes = nn_type_bits(y->type) / 8,
        .workers = call->workspace,
        .lanes = state->lanes};
    if (!state->parameters.are_constant) {
        work.workers += nn_int8_parameter_bytes(&state->parameters);
        work.lanes = lanes_of(state, &work.call.parameters, work.workers);
        work.workers += 2 * numbers_bytes(state);
    }
    memset(work.padding, work.call.x_zero ^ work.call.flip, sizeof work.padding);
    nn_parallel(call->pool, state->shape.batch * state->shape.height.out, state->task_rows,
                run_rows, &work);
    return NN_OK;
}
