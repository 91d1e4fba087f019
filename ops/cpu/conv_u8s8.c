#include "ops/cpu/conv_u8s8.h"

#include <stdio.h>

enum {
    BAND_BYTES = 192 * 1024,   /* of activations that one task reads: they stay in L2 */
    WEIGHT_BYTES = 512 * 1024, /* weights up to this size stay in L2 beside them */
    TASKS_PER_THREAD = 4,
    BAND_SLACK = 64,             /* a tap is read in whole steps, past its last value */
    MACS_PER_CHUNK = 1000 * 1000 /* some 10 microseconds */
};

/* Where the activations of one group lie: in the input itself, or in a band. */
typedef struct source_layout {
    bool uses_band;
    bool merged;                  /* a whole kernel row is one tap */
    int64_t pixel_step, row_step; /* bytes */
    int64_t band_columns;         /* input columns that a band holds */
} source_layout;

typedef struct conv_state {
    nn_u8s8_shape shape;
    nn_u8s8_inputs inputs;
    const nn_u8s8_unit *unit;
    source_layout source;
    int32_t *taps;
    int64_t tap_count, steps;    /* parts included */
    int parts;                   /* that weights are split in */
    int64_t panels, panel_bytes; /* of one group; panel_bytes of a full one */
    int64_t group_bytes;         /* packed weights of one group */
    int64_t padded_channels;     /* per group, in whole panels */
    int64_t band_rows;           /* output rows of one task */
    int64_t panels_per_task;
    int64_t worker_bytes;  /* workspace of one thread */
    const int32_t *w_sums; /* packed: sum of w' per padded channel of all groups */
    const int8_t *weights; /* packed */
    bool constant_parameters;
    int32_t *start;             /* per padded channel, when constant_parameters */
    float *multiplier, *offset; /* offset NULL: no float bias */
} conv_state;

nn_u8s8_shape nn_u8s8_shape_of_conv(const nn_conv_geometry *geometry) {
    int64_t taps = geometry->taps, in = geometry->group_in_channels;
    return (nn_u8s8_shape){
        .batch = geometry->batch,
        .groups = geometry->groups,
        .in_channels = in,
        .out_channels = geometry->group_out_channels,
        .height = geometry->axes[NN_HEIGHT],
        .width = geometry->axes[NN_WIDTH],
        .w_group = geometry->group_out_channels * in * taps,
        .w_out = in * taps,
        .w_in = taps,
        .w_tap = 1,
        .scale = 1,
    };
}

nn_u8s8_shape nn_u8s8_shape_of_matmul(int64_t rows, int64_t k, int64_t n, int64_t w_k,
                                      int64_t w_n) {
    const nn_window_axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    nn_u8s8_shape out = {.batch = 1,
                         .groups = 1,
                         .in_channels = k,
                         .out_channels = n,
                         .height = one,
                         .width = one,
                         .w_out = w_n,
                         .w_in = w_k,
                         .scale = 1};
    out.height.in = out.height.out = rows;
    return out;
}

static const nn_fact *fact_of(const nn_node_view *node, int index) {
    return index >= 0 ? nn_view_in(node, index) : NULL;
}

static const nn_tensor *constant_of(const nn_node_view *node, int index) {
    return index >= 0 ? nn_view_constant(node, index) : NULL;
}

static bool is_absent_or_constant(const nn_node_view *node, int index) {
    return fact_of(node, index) == NULL || constant_of(node, index) != NULL;
}

/* ---- packing -------------------------------------------------------------------------------- */

static int32_t weight_zero(const nn_tensor *zero, int64_t channel) {
    if (zero == NULL) return 0;
    return nn_quant_load(zero->data, zero->type, nn_tensor_count(zero) == 1 ? 0 : channel);
}

/* w' of group, channel, input channel and tap. */
static int32_t weight_at(const conv_state *state, const nn_tensor *w, int32_t zero, int64_t group,
                         int64_t channel, int64_t in, int64_t tap) {
    const nn_u8s8_shape *shape = &state->shape;
    int64_t at =
        group * shape->w_group + channel * shape->w_out + in * shape->w_in + tap * shape->w_tap;
    return nn_quant_load(w->data, w->type, at) - zero;
}

/* Part `part` of w' when it is split in int8 parts. */
static int32_t weight_part(int32_t weight, int part) {
    for (;; part--) {
        int32_t value = weight < -128 ? -128 : weight > 127 ? 127 : weight;
        if (part == 0) return value;
        weight -= value;
    }
}

/* How many parts the weights need: those of one type without zero points need one. */
static int count_parts(const nn_node_view *node, const nn_u8s8_inputs *inputs,
                       const nn_u8s8_shape *shape, const nn_u8s8_unit *unit) {
    const nn_tensor *w = constant_of(node, inputs->w), *zero = constant_of(node, inputs->w_zero);
    if (unit->weight_bytes > 1) return 1;
    int32_t lowest = 0, highest = 0;
    int64_t taps = shape->height.kernel * shape->width.kernel;
    for (int64_t g = 0; g < shape->groups; g++)
        for (int64_t c = 0; c < shape->out_channels; c++) {
            int32_t offset = weight_zero(zero, g * shape->out_channels + c);
            if (w->type == NNOPT_INT8 && offset == 0) continue;
            for (int64_t i = 0; i < shape->in_channels; i++)
                for (int64_t t = 0; t < taps; t++) {
                    int64_t at =
                        g * shape->w_group + c * shape->w_out + i * shape->w_in + t * shape->w_tap;
                    int32_t value = nn_quant_load(w->data, w->type, at) - offset;
                    lowest = value < lowest ? value : lowest;
                    highest = value > highest ? value : highest;
                }
        }
    int parts = 1;
    while (lowest < -128 * parts || highest > 127 * parts) parts++;
    return parts;
}

/* The input channel and the tap that index k of packed tap `tap` stands for; false beyond both. */
static bool weight_place(const conv_state *state, int64_t tap, int64_t k, int64_t *in,
                         int64_t *kernel_tap) {
    const nn_u8s8_shape *shape = &state->shape;
    int64_t per_part = state->tap_count / state->parts;
    tap %= per_part;
    if (!state->source.merged) {
        *in = k;
        *kernel_tap = tap;
        return k < shape->in_channels;
    }
    *in = k % shape->in_channels;
    *kernel_tap = tap * shape->width.kernel + k / shape->in_channels;
    return k < shape->width.kernel * shape->in_channels;
}

/* Vectors of channels of a panel: the last one of a group may need only one. */
static int panel_vectors(const conv_state *state, int64_t panel) {
    int64_t rest = state->shape.out_channels - panel * 2 * state->unit->lanes;
    return rest > state->unit->lanes ? 2 : 1;
}

static int32_t pack_channel(const conv_state *state, const nn_tensor *w, const nn_tensor *zero,
                            int64_t group, int64_t channel, int64_t lane, int64_t step_channels,
                            int8_t *panel) {
    const nn_u8s8_unit *unit = state->unit;
    int32_t offset = weight_zero(zero, group * state->shape.out_channels + channel);
    int64_t depth = unit->depth, per_part = state->tap_count / state->parts;
    uint32_t sum = 0;
    for (int64_t tap = 0; tap < state->tap_count; tap++)
        for (int64_t k = 0; k < state->steps * depth; k++) {
            int64_t in, kernel_tap;
            if (!weight_place(state, tap, k, &in, &kernel_tap)) continue;
            int32_t value = weight_at(state, w, offset, group, channel, in, kernel_tap);
            if (unit->weight_bytes == 1) value = weight_part(value, (int)(tap / per_part));
            sum += (uint32_t)value;
            int64_t step = tap * state->steps + k / depth;
            int64_t at = (step * step_channels + lane) * depth + k % depth;
            if (unit->weight_bytes == 1)
                panel[at] = (int8_t)value;
            else
                ((int16_t *)panel)[at] = (int16_t)value;
        }
    return (int32_t)sum;
}

static int64_t sums_bytes(const conv_state *state) {
    int64_t bytes = state->shape.groups * state->padded_channels * (int64_t)sizeof(int32_t);
    return (bytes + NN_ALIGNMENT - 1) / NN_ALIGNMENT * NN_ALIGNMENT;
}

/* Layout of the packed block: w_sums, then the panels of all groups. */
static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const conv_state *state = argument;
    const nn_tensor *w = constant_of(node, state->inputs.w);
    const nn_tensor *zero = constant_of(node, state->inputs.w_zero);
    int32_t *sums = out;
    int8_t *weights = (int8_t *)out + sums_bytes(state);
    int64_t lanes = state->unit->lanes;
    for (int64_t g = 0; g < state->shape.groups; g++)
        for (int64_t c = 0; c < state->shape.out_channels; c++) {
            int64_t panel = c / (2 * lanes);
            int8_t *target = weights + g * state->group_bytes + panel * state->panel_bytes;
            sums[g * state->padded_channels + c] = pack_channel(
                state, w, zero, g, c, c % (2 * lanes), panel_vectors(state, panel) * lanes, target);
        }
    return NN_OK;
}

/* ---- parameters ----------------------------------------------------------------------------- */

/* The tensors of one call, or the constants of a node. */
typedef struct parameter_tensors {
    const nn_tensor *x_scale, *x_zero, *w_scale, *y_scale, *y_zero, *bias;
} parameter_tensors;

static int32_t unsigned_zero(const nn_tensor *x_zero, nn_type x_type) {
    int32_t zero = x_zero ? nn_quant_load(x_zero->data, x_zero->type, 0) : 0;
    return x_type == NNOPT_INT8 ? zero + 128 : zero;
}

static void fill_parameters(const conv_state *state, const parameter_tensors *tensors,
                            nn_type x_type, const nn_requant *requant, int32_t *start,
                            float *multiplier, float *offset) {
    const nn_u8s8_shape *shape = &state->shape;
    int64_t padded = state->padded_channels;
    bool has_float_bias = tensors->bias && tensors->bias->type == NNOPT_FLOAT;
    /* Activations of two bytes come without their zero point. */
    int32_t zero = state->unit->activation_bytes == 1 ? unsigned_zero(tensors->x_zero, x_type) : 0;
    float x_scale = tensors->x_scale
                        ? nn_quant_load_float(tensors->x_scale->data, tensors->x_scale->type, 0)
                        : 1;
    const nn_tensor *w_scale = tensors->w_scale;
    for (int64_t i = 0; i < shape->groups * padded; i++) {
        int64_t channel = i / padded * shape->out_channels + i % padded;
        bool exists = i % padded < shape->out_channels;
        uint32_t sum = 0u - (uint32_t)zero * (uint32_t)state->w_sums[i];
        if (exists && tensors->bias && !has_float_bias)
            sum += (uint32_t)((const int32_t *)tensors->bias->data)[channel];
        start[i] = (int32_t)sum;
        multiplier[i] = 0;
        if (exists && w_scale) {
            int64_t at = nn_tensor_count(w_scale) == 1 ? 0 : channel;
            multiplier[i] =
                nn_requant_multiplier(requant, shape->scale * x_scale,
                                      nn_quant_load_float(w_scale->data, w_scale->type, at));
        }
        if (offset)
            offset[i] =
                exists ? nn_requant_offset(requant, ((const float *)tensors->bias->data)[channel])
                       : 0;
    }
}

/* ---- where activations come from ------------------------------------------------------------ */

static int64_t round_up(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static source_layout choose_source(const nn_u8s8_shape *shape, const nn_u8s8_unit *unit,
                                   nn_type x_type) {
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    int64_t in = shape->in_channels, all = in * shape->groups;
    bool adjacent = w->dilation == 1 || w->kernel == 1;
    /* The input is read in place when it needs no padding, nor a conversion. */
    bool inside = h->pad_begin == 0 && w->pad_begin == 0 &&
                  (h->out - 1) * h->stride + (h->kernel - 1) * h->dilation < h->in &&
                  (w->out - 1) * w->stride + (w->kernel - 1) * w->dilation < w->in;
    bool whole_row = adjacent && shape->groups == 1 && w->kernel * in % unit->depth == 0;
    bool convertible = unit->activation_bytes == 1 && x_type == NNOPT_UINT8;
    if (inside && convertible && (whole_row || in % unit->depth == 0))
        return (source_layout){.merged = whole_row, .pixel_step = all, .row_step = all * w->in};
    source_layout out = {.uses_band = true, .merged = adjacent};
    out.pixel_step = (adjacent ? in : round_up(in, unit->depth)) * unit->activation_bytes;
    out.band_columns = (w->out - 1) * w->stride + (w->kernel - 1) * w->dilation + 1;
    out.row_step = out.band_columns * out.pixel_step;
    return out;
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* Offsets of taps are kept in 32 bits. */
static bool fits_in_band(const nn_u8s8_shape *shape, const source_layout *source) {
    int64_t rows, bytes;
    return nn_mul_size(shape->height.kernel - 1, shape->height.dilation, &rows) &&
           nn_mul_size(rows + 1, source->row_step, &bytes) && bytes < INT32_MAX / 2;
}

bool nn_u8s8_accepts(const nn_node_view *node, const nn_u8s8_unit *unit,
                     const nn_u8s8_inputs *inputs, const nn_u8s8_shape *shape) {
    const nn_fact *x = node->in[inputs->x], *w = node->in[inputs->w], *y = node->out[0];
    if (!nn_type_is_8bit(x->type) || !nn_type_is_8bit(w->type)) return false;
    if (w->constant == NULL || !is_absent_or_constant(node, inputs->w_zero)) return false;
    if (nn_fact_count(x) <= 0 || nn_fact_count(w) <= 0 || nn_fact_count(y) <= 0) return false;
    if (node->epilogue.has_residual || node->epilogue.after.kind != NN_ACT_NONE) return false;
    source_layout source = choose_source(shape, unit, x->type);
    return fits_in_band(shape, &source);
}

/* ---- preparing: tasks and memory ------------------------------------------------------------ */

/* Input rows that `rows` output rows need. */
static int64_t input_rows(const nn_u8s8_shape *shape, int64_t rows) {
    const nn_window_axis *h = &shape->height;
    return (rows - 1) * h->stride + (h->kernel - 1) * h->dilation + 1;
}

static void choose_tasks(conv_state *state, int threads) {
    const nn_u8s8_shape *shape = &state->shape;
    int64_t rows = shape->height.out;
    int64_t row_bytes = state->source.row_step * shape->height.stride;
    state->band_rows = BAND_BYTES / (row_bytes > 0 ? row_bytes : 1);
    /* Weights that do not stay in L2 come from further away once for each band. */
    if (state->group_bytes > WEIGHT_BYTES) state->band_rows *= state->group_bytes / WEIGHT_BYTES;
    if (state->band_rows < 1) state->band_rows = 1;
    if (state->band_rows > rows) state->band_rows = rows;
    if (shape->width.out == state->unit->segment) state->band_rows += state->band_rows % 2;
    state->panels_per_task = state->panels;
    if (threads == 1) return;
    int64_t wanted = (int64_t)TASKS_PER_THREAD * threads;
    int64_t bands = (rows + state->band_rows - 1) / state->band_rows * shape->batch * shape->groups;
    if (bands >= wanted) return;
    int64_t chunks = (wanted + bands - 1) / bands;
    if (state->group_bytes >= row_bytes * rows) {
        state->panels_per_task = (state->panels + chunks - 1) / chunks;
    } else {
        int64_t band_rows = (state->band_rows + chunks - 1) / chunks;
        state->band_rows = band_rows < 1 ? 1 : band_rows;
    }
}

static int64_t band_bytes(const conv_state *state) {
    if (!state->source.uses_band) return 0;
    int64_t bytes = input_rows(&state->shape, state->band_rows) * state->source.row_step;
    return round_up(bytes + BAND_SLACK, NN_ALIGNMENT);
}

static int64_t sums_tile_bytes(const conv_state *state) {
    return round_up((int64_t)state->unit->rows * 2 * state->unit->lanes * (int64_t)sizeof(int32_t),
                    NN_ALIGNMENT);
}

static void fill_taps(conv_state *state) {
    const nn_window_axis *h = &state->shape.height, *w = &state->shape.width;
    int64_t columns = state->source.merged ? 1 : w->kernel;
    int64_t index = 0;
    for (int part = 0; part < state->parts; part++)
        for (int64_t row = 0; row < h->kernel; row++)
            for (int64_t column = 0; column < columns; column++)
                state->taps[index++] = (int32_t)(row * h->dilation * state->source.row_step +
                                                 column * w->dilation * state->source.pixel_step);
}

static nn_requant requant_of(const nn_node_view *node, const parameter_tensors *tensors) {
    return nn_requant_make(node->epilogue.before, node->out[0]->type, tensors->y_scale,
                           tensors->y_zero);
}

/* Memory for the parameters of all channels: start, multiplier, offset. */
static int64_t parameter_bytes(const conv_state *state) {
    return 3 * sums_bytes(state);
}

static void place_parameters(conv_state *state, void *memory, bool has_offset) {
    char *bytes = memory;
    state->start = (int32_t *)bytes;
    state->multiplier = (float *)(bytes + sums_bytes(state));
    state->offset = has_offset ? (float *)(bytes + 2 * sums_bytes(state)) : NULL;
}

static bool has_constant_parameters(const nn_node_view *node, const nn_u8s8_inputs *inputs) {
    return is_absent_or_constant(node, inputs->x_scale) &&
           is_absent_or_constant(node, inputs->x_zero) &&
           is_absent_or_constant(node, inputs->w_scale) &&
           is_absent_or_constant(node, inputs->y_scale) &&
           is_absent_or_constant(node, inputs->y_zero) && is_absent_or_constant(node, inputs->bias);
}

static nn_status pack_weights(const nn_node_view *node, nn_prepare *prepare, conv_state *state) {
    char variant[128];
    const nn_u8s8_shape *shape = &state->shape;
    snprintf(variant, sizeof variant, "u8s8 %s group %lld steps %lld x %lld parts %d step %lld",
             state->unit->name, (long long)shape->groups, (long long)state->tap_count,
             (long long)state->steps, state->parts, (long long)shape->w_out);
    uint32_t inputs = 1u << state->inputs.w;
    if (fact_of(node, state->inputs.w_zero)) inputs |= 1u << state->inputs.w_zero;
    int64_t bytes = sums_bytes(state) + shape->groups * state->group_bytes;
    const void *packed;
    NN_TRY(nn_prepare_pack(prepare, inputs, variant, (size_t)bytes, pack, state, &packed));
    state->w_sums = packed;
    state->weights = (const int8_t *)packed + sums_bytes(state);
    return NN_OK;
}

nn_status nn_u8s8_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare,
                          const nn_u8s8_unit *unit, const nn_u8s8_inputs *inputs,
                          const nn_u8s8_shape *shape) {
    conv_state made = {.shape = *shape, .inputs = *inputs, .unit = unit};
    made.source = choose_source(shape, unit, node->in[inputs->x]->type);
    made.parts = count_parts(node, inputs, shape, unit);
    int64_t per_part = shape->height.kernel * (made.source.merged ? 1 : shape->width.kernel);
    int64_t k = shape->in_channels * (made.source.merged ? shape->width.kernel : 1);
    made.tap_count = per_part * made.parts;
    made.steps = (k + unit->depth - 1) / unit->depth;
    int64_t panel_channels = 2 * unit->lanes;
    made.panels = (shape->out_channels + panel_channels - 1) / panel_channels;
    made.padded_channels = made.panels * panel_channels;
    int64_t vector_bytes =
        made.tap_count * made.steps * unit->depth * unit->lanes * unit->weight_bytes;
    made.panel_bytes = 2 * vector_bytes;
    made.group_bytes =
        (made.panels - 1) * made.panel_bytes + panel_vectors(&made, made.panels - 1) * vector_bytes;
    choose_tasks(&made, target->threads);
    made.constant_parameters = has_constant_parameters(node, inputs);
    made.worker_bytes = band_bytes(&made) + sums_tile_bytes(&made);

    int64_t tap_bytes = round_up(made.tap_count * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
    int64_t state_bytes = round_up(sizeof made, NN_ALIGNMENT);
    int64_t own = made.constant_parameters ? parameter_bytes(&made) : 0;
    size_t total = (size_t)(state_bytes + tap_bytes + own);
    conv_state *state = nn_prepare_state(prepare, total);
    if (state == NULL) return nn_fail_memory(total);
    *state = made;
    state->taps = (int32_t *)((char *)state + state_bytes);
    fill_taps(state);
    NN_TRY(pack_weights(node, prepare, state));
    int64_t workspace = state->worker_bytes * target->threads;
    if (state->constant_parameters) {
        const parameter_tensors tensors = {
            constant_of(node, inputs->x_scale), constant_of(node, inputs->x_zero),
            constant_of(node, inputs->w_scale), constant_of(node, inputs->y_scale),
            constant_of(node, inputs->y_zero),  constant_of(node, inputs->bias)};
        bool has_offset = tensors.bias && tensors.bias->type == NNOPT_FLOAT;
        nn_requant requant = requant_of(node, &tensors);
        place_parameters(state, (char *)state + state_bytes + tap_bytes, has_offset);
        fill_parameters(state, &tensors, node->in[inputs->x]->type, &requant, state->start,
                        state->multiplier, state->offset);
    } else {
        workspace += parameter_bytes(state);
    }
    nn_prepare_workspace(prepare, (size_t)workspace);
    return NN_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct conv_work {
    const conv_state *state;
    nn_requant requant;
    const uint8_t *x;
    uint8_t flip;   /* what makes values unsigned */
    int32_t x_zero; /* of unsigned values */
    const int32_t *start;
    const float *multiplier, *offset;
    float low, high;   /* bounds of quantised results */
    bool in_registers; /* tiles write results themselves */
    uint8_t *y;
    int64_t y_bytes; /* of one value */
    char *workers;   /* workspace */
    int64_t bands, chunks;
} conv_work;

/* Copies the input rows that output rows [first, first + rows) of a group need. */
static void fill_band(const conv_work *work, int64_t image, int64_t group, int64_t first,
                      int64_t rows, uint8_t *band) {
    const conv_state *state = work->state;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_u8s8_unit *unit = state->unit;
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    const source_layout *source = &state->source;
    int64_t all = shape->in_channels * shape->groups;
    int64_t left = w->pad_begin < source->band_columns ? w->pad_begin : source->band_columns;
    int64_t columns = source->band_columns - left < w->in ? source->band_columns - left : w->in;
    /* Zero becomes 0 where activations come without their zero point. */
    int padding = unit->activation_bytes == 1 ? work->x_zero : 0;
    for (int64_t row = 0; row < input_rows(shape, rows); row++) {
        uint8_t *out = band + row * source->row_step;
        int64_t in_row = first * h->stride - h->pad_begin + row;
        if (in_row < 0 || in_row >= h->in) {
            memset(out, padding, (size_t)source->row_step);
            continue;
        }
        const uint8_t *x =
            work->x + (image * h->in + in_row) * w->in * all + group * shape->in_channels;
        memset(out, padding, (size_t)(left * source->pixel_step));
        out += left * source->pixel_step;
        if (shape->groups == 1 && all * unit->activation_bytes == source->pixel_step) {
            unit->copy(out, x, columns * all, work->flip, work->x_zero);
        } else {
            for (int64_t i = 0; i < columns; i++)
                unit->copy(out + i * source->pixel_step, x + i * all, shape->in_channels,
                           work->flip, work->x_zero);
        }
        int64_t right = source->band_columns - left - columns;
        memset(out + columns * source->pixel_step, padding, (size_t)(right * source->pixel_step));
    }
}

/* The outputs of one panel for some rows. */
typedef struct panel_run {
    const conv_work *work;
    const uint8_t *a; /* activations of output row `first`, column 0 */
    uint8_t *y;       /* results there */
    int64_t channel;  /* first padded channel of the panel, of all groups */
    nn_u8s8_tile tile;
    int vectors;
} panel_run;

static void run_tile(panel_run *run, int64_t a_first, int64_t a_second, int64_t y_first,
                     int64_t y_second, int rows) {
    const conv_work *work = run->work;
    const nn_u8s8_unit *unit = work->state->unit;
    nn_u8s8_tile *tile = &run->tile;
    tile->a[0] = run->a + a_first;
    tile->a[1] = run->a + a_second;
    tile->y[0] = run->y + y_first;
    tile->y[1] = run->y + y_second;
    unit->tile(tile, rows, run->vectors);
    if (work->in_registers) return;
    for (int i = 0; i < rows; i++) {
        int64_t row = i < unit->segment ? i : i - unit->segment;
        unit->finish(&work->requant, tile->sums + (int64_t)i * run->vectors * unit->lanes,
                     work->multiplier + run->channel,
                     work->offset ? work->offset + run->channel : NULL, tile->columns,
                     tile->y[i >= unit->segment] + row * tile->y_step);
    }
}

/* `count` pixels in a line, in tiles of about equal size. */
static void run_line(panel_run *run, int64_t a, int64_t y, int64_t count) {
    const nn_u8s8_unit *unit = run->work->state->unit;
    int64_t tiles = (count + unit->rows - 1) / unit->rows;
    for (int64_t i = 0; i < tiles; i++) {
        int64_t begin = count * i / tiles, end = count * (i + 1) / tiles;
        int64_t a_at = a + begin * run->tile.a_step, y_at = y + begin * run->tile.y_step;
        run_tile(run, a_at, a_at + unit->segment * run->tile.a_step, y_at,
                 y_at + unit->segment * run->tile.y_step, (int)(end - begin));
    }
}

static void run_panel(panel_run *run, int64_t rows) {
    const conv_state *state = run->work->state;
    const nn_window_axis *h = &state->shape.height, *w = &state->shape.width;
    int64_t a_row = state->source.row_step * h->stride, y_row = run->tile.y_step * w->out;
    bool one_line = a_row == run->tile.a_step * w->out;
    if (one_line) {
        run_line(run, 0, 0, rows * w->out);
        return;
    }
    int64_t row = 0;
    if (w->out == state->unit->segment)
        for (; row + 2 <= rows; row += 2)
            run_tile(run, row * a_row, (row + 1) * a_row, row * y_row, (row + 1) * y_row,
                     2 * (int)w->out);
    for (; row < rows; row++) run_line(run, row * a_row, row * y_row, w->out);
}

static void run_task(const conv_work *work, int64_t task, int worker) {
    const conv_state *state = work->state;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_u8s8_unit *unit = state->unit;
    int64_t chunk = task % work->chunks, rest = task / work->chunks;
    int64_t band = rest % work->bands, group = rest / work->bands % shape->groups;
    int64_t image = rest / work->bands / shape->groups;
    int64_t first = band * state->band_rows, rows = shape->height.out - first;
    if (rows > state->band_rows) rows = state->band_rows;

    char *memory = work->workers + worker * state->worker_bytes;
    const uint8_t *a = (const uint8_t *)memory;
    if (state->source.uses_band) {
        fill_band(work, image, group, first, rows, (uint8_t *)memory);
    } else {
        int64_t in_row = image * shape->height.in + first * shape->height.stride;
        a = work->x + in_row * state->source.row_step + group * shape->in_channels;
    }
    int64_t all_channels = shape->out_channels * shape->groups;
    int64_t pixel = (image * shape->height.out + first) * shape->width.out;
    int64_t panel = chunk * state->panels_per_task, end = panel + state->panels_per_task;
    for (; panel < end && panel < state->panels; panel++) {
        int64_t channel = panel * 2 * unit->lanes, left = shape->out_channels - channel;
        int vectors = panel_vectors(state, panel);
        panel_run run = {.work = work, .a = a, .vectors = vectors};
        run.channel = group * state->padded_channels + channel;
        run.y = work->y +
                (pixel * all_channels + group * shape->out_channels + channel) * work->y_bytes;
        run.tile = (nn_u8s8_tile){
            .a_step = state->source.pixel_step * shape->width.stride,
            .taps = state->taps,
            .tap_count = state->tap_count,
            .steps = state->steps,
            .w = state->weights + group * state->group_bytes + panel * state->panel_bytes,
            .start = work->start + run.channel,
            .sums = work->in_registers ? NULL : (int32_t *)(memory + band_bytes(state)),
            .y_step = all_channels * work->y_bytes,
            .multiplier = work->multiplier + run.channel,
            .low = work->low,
            .high = work->high,
            .zero = work->requant.zero,
            .columns = left < vectors * unit->lanes ? (int)left : vectors * unit->lanes};
        run_panel(&run, rows);
    }
}

static void run_tasks(void *argument, int64_t begin, int64_t end, int worker) {
    for (int64_t task = begin; task < end; task++) run_task(argument, task, worker);
}

static float clamp(float x, float low, float high) {
    return x < low ? low : x > high ? high : x;
}

/* Bounds that the tile applies: the range of the type, and an activation that only clips. */
static void set_bounds(conv_work *work) {
    const nn_requant *requant = &work->requant;
    nn_activation_kind kind = requant->activation.kind;
    bool clips = kind == NN_ACT_NONE || kind == NN_ACT_RELU || kind == NN_ACT_CLIP;
    work->in_registers = nn_type_is_8bit(requant->type) && clips && work->offset == NULL;
    float low = (float)(requant->lowest - requant->zero);
    float high = (float)(requant->highest - requant->zero);
    work->low = low;
    work->high = high;
    if (kind == NN_ACT_RELU) work->low = clamp(0, low, high);
    if (kind == NN_ACT_CLIP) {
        work->low = clamp(requant->activation.alpha, low, high);
        work->high = clamp(requant->activation.beta, low, high);
    }
}

static const nn_tensor *input_of(const nn_call *call, int index) {
    return index >= 0 ? nn_call_in(call, index) : NULL;
}

nn_status nn_u8s8_run(const nn_call *call) {
    const conv_state *state = call->state;
    const nn_u8s8_inputs *inputs = &state->inputs;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_tensor *x = call->in[inputs->x];
    nn_tensor *y = call->out[0];
    const parameter_tensors tensors = {
        input_of(call, inputs->x_scale), input_of(call, inputs->x_zero),
        input_of(call, inputs->w_scale), input_of(call, inputs->y_scale),
        input_of(call, inputs->y_zero),  input_of(call, inputs->bias)};
    conv_work work = {.state = state,
                      .requant = requant_of(call->node, &tensors),
                      .x = x->data,
                      .flip = x->type == NNOPT_INT8 ? 0x80 : 0,
                      .x_zero = unsigned_zero(tensors.x_zero, x->type),
                      .start = state->start,
                      .multiplier = state->multiplier,
                      .offset = state->offset,
                      .y = y->data,
                      .y_bytes = nn_type_bits(y->type) / 8,
                      .workers = call->workspace};
    if (!state->constant_parameters) {
        conv_state filled = *state;
        bool has_offset = tensors.bias && tensors.bias->type == NNOPT_FLOAT;
        place_parameters(&filled, call->workspace, has_offset);
        fill_parameters(state, &tensors, x->type, &work.requant, filled.start, filled.multiplier,
                        filled.offset);
        work.start = filled.start;
        work.multiplier = filled.multiplier;
        work.offset = filled.offset;
        work.workers += parameter_bytes(state);
    }
    set_bounds(&work);
    work.bands = (shape->height.out + state->band_rows - 1) / state->band_rows;
    work.chunks = (state->panels + state->panels_per_task - 1) / state->panels_per_task;
    int64_t tasks = work.chunks * work.bands * shape->batch * shape->groups;
    double macs = (double)shape->out_channels * (double)(shape->height.out * shape->width.out) /
                  (double)(work.chunks * work.bands) * (double)shape->in_channels *
                  (double)(shape->height.kernel * shape->width.kernel);
    int64_t grain = macs < MACS_PER_CHUNK ? (int64_t)(MACS_PER_CHUNK / macs) + 1 : 1;
    nn_parallel(call->pool, tasks, grain, run_tasks, &work);
    return NN_OK;
}
