#include "ops/cpu/int8/conv_u8s8.h"

#include "base/integers.h"
#include "ops/cpu/int8/conv_u8s8_pack.h"
#include "ops/cpu/int8/u8s8_tasks.h"
#include "ops/family/qlinear_convolution.h"

enum {
    BAND_BYTES = 192 * 1024,   /* that one task reads and writes: they stay in L2 over all panels */
    WEIGHT_BYTES = 512 * 1024, /* weights up to this size stay in L2 beside them */
    FETCHED_BYTES = 256 * 1024, /* of weights, before their step: more is often gone again */
    TASKS_PER_THREAD = 4,
    SHORT_ROW = 512, /* of a band, in bytes: calls that fill its ends take longer than its bytes */
    BAND_SLACK = 64, /* a tap is read in whole steps, past its last value */
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
    const nn_u8s8_unit *unit;
    nn_int8_setting setting;
    source_layout source;
    nn_u8s8_packing packing;
    const int8_t *weights;
    nn_int8_parameters parameters;
    int32_t *taps;
    int64_t band_rows; /* output rows of one task */
    int64_t panels_per_task;
    int64_t worker_bytes; /* workspace of one thread */
} conv_state;

nn_u8s8_shape nn_u8s8_shape_of_conv(const nn_conv_geometry *geometry) {
    int64_t taps = geometry->taps, in = geometry->group_in_channels;
    return (nn_u8s8_shape){
        .batch = geometry->batch,
        .groups = geometry->groups,
        .in_channels = in,
        .out_channels = geometry->group_out_channels,
        .in_pitch = geometry->in_pitch,
        .out_pitch = geometry->out_pitch,
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
                         .in_pitch = k,
                         .out_pitch = n,
                         .height = one,
                         .width = one,
                         .w_out = w_n,
                         .w_in = w_k,
                         .scale = 1};
    out.height.in = out.height.out = rows;
    return out;
}

/* ---- where activations come from ------------------------------------------------------------ */

static source_layout choose_source(const nn_u8s8_shape *shape, const nn_u8s8_unit *unit,
                                   nn_type x_type) {
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    int64_t in = shape->in_channels, pitch = shape->in_pitch;
    bool adjacent = w->dilation == 1 || w->kernel == 1;
    /* The input is read in place when it needs no padding, nor a conversion. */
    bool inside = h->pad_begin == 0 && w->pad_begin == 0 &&
                  (h->out - 1) * h->stride + (h->kernel - 1) * h->dilation < h->in &&
                  (w->out - 1) * w->stride + (w->kernel - 1) * w->dilation < w->in;
    bool whole_row = adjacent && shape->groups == 1 && w->kernel * in % unit->depth == 0;
    /* Offsets of taps were found to fit for dense maps. */
    bool near = pitch == in * shape->groups || (h->kernel == 1 && w->kernel == 1);
    bool convertible = unit->activation_bytes == 1 && x_type == NNOPT_UINT8;
    if (inside && near && convertible && (whole_row || in % unit->depth == 0))
        return (source_layout){.merged = whole_row, .pixel_step = pitch, .row_step = pitch * w->in};
    source_layout out = {.uses_band = true, .merged = adjacent};
    out.pixel_step = (adjacent ? in : nn_round_up(in, unit->depth)) * unit->activation_bytes;
    out.band_columns = (w->out - 1) * w->stride + (w->kernel - 1) * w->dilation + 1;
    out.row_step = out.band_columns * out.pixel_step;
    return out;
}

/* Offsets of taps are kept in 32 bits. */
static bool fits_in_band(const nn_u8s8_shape *shape, const source_layout *source) {
    int64_t rows, bytes;
    return nn_mul_size(shape->height.kernel - 1, shape->height.dilation, &rows) &&
           nn_mul_size(rows + 1, source->row_step, &bytes) && bytes < INT32_MAX / 2;
}

bool nn_u8s8_accepts(const nn_node_view *node, const nn_u8s8_unit *unit,
                     const nn_int8_inputs *inputs, const nn_u8s8_shape *shape) {
    if (!nn_int8_accepts(node, inputs) || (inputs->has_sum && !unit->adds)) return false;
    source_layout source = choose_source(shape, unit, node->in[inputs->x]->type);
    return fits_in_band(shape, &source);
}

/* ---- tasks and memory ----------------------------------------------------------------------- */

/* Input rows that `rows` output rows need. */
static int64_t input_rows(const nn_u8s8_shape *shape, int64_t rows) {
    const nn_window_axis *h = &shape->height;
    return (rows - 1) * h->stride + (h->kernel - 1) * h->dilation + 1;
}

/* Two short rows of a map make one tile. */
static bool takes_pairs(const conv_state *state, int vectors) {
    const nn_u8s8_unit *unit = state->unit;
    return state->shape.width.out == unit->segment && 2 * unit->segment <= unit->rows[vectors - 1];
}

static void choose_tasks(conv_state *state, int threads) {
    const nn_u8s8_shape *shape = &state->shape;
    int64_t rows = shape->height.out, weight_bytes = state->packing.group_bytes;
    int64_t row_bytes = state->source.row_step * shape->height.stride;
    state->band_rows = BAND_BYTES / (row_bytes > 0 ? row_bytes : 1);
    /* Weights that do not stay in L2 come from further away once for each band. */
    if (weight_bytes > WEIGHT_BYTES) state->band_rows *= weight_bytes / WEIGHT_BYTES;
    if (state->band_rows < 1) state->band_rows = 1;
    if (state->band_rows > rows) state->band_rows = rows;
    state->panels_per_task = state->packing.panels;
    int64_t wanted = threads == 1 ? 1 : (int64_t)TASKS_PER_THREAD * threads;
    int64_t bands = nn_divide_up(rows, state->band_rows) * shape->batch * shape->groups;
    if (bands < wanted) {
        int64_t chunks = nn_divide_up(wanted, bands);
        if (weight_bytes >= row_bytes * rows)
            state->panels_per_task = nn_divide_up(state->packing.panels, chunks);
        else
            state->band_rows = nn_divide_up(state->band_rows, chunks);
    }
    if (takes_pairs(state, 1)) state->band_rows += state->band_rows % 2;
}

static int64_t band_bytes(const conv_state *state) {
    if (!state->source.uses_band) return 0;
    int64_t bytes = input_rows(&state->shape, state->band_rows) * state->source.row_step;
    return nn_round_up(bytes + BAND_SLACK, NN_ALIGNMENT);
}

static int64_t sums_bytes(const nn_u8s8_unit *unit) {
    int64_t most = 0;
    for (int i = 0; i < unit->vectors; i++)
        if (unit->rows[i] * (i + 1) > most) most = unit->rows[i] * (i + 1);
    return nn_round_up(most * unit->lanes * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
}

/* Of the products of a band's pixels with themselves. */
static int64_t own_bytes_of(const conv_state *state) {
    if (!state->setting.shares) return 0;
    int64_t pixels = state->band_rows * state->shape.width.out;
    return nn_round_up(pixels * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
}

static void fill_taps(conv_state *state) {
    const nn_window_axis *h = &state->shape.height, *w = &state->shape.width;
    int64_t columns = state->source.merged ? 1 : w->kernel;
    int64_t index = 0;
    for (int part = 0; part < state->packing.parts; part++)
        for (int64_t row = 0; row < h->kernel; row++)
            for (int64_t column = 0; column < columns; column++)
                state->taps[index++] = (int32_t)(row * h->dilation * state->source.row_step +
                                                 column * w->dilation * state->source.pixel_step);
}

/* Do the shared products save more than those of pixels with themselves cost? In cycles of a pixel,
 * with AVX2: one for four values of k and 16 channels, against some for each tap and each sum;
 * twice those, so that it shows. */
static bool pays_to_share(const nn_u8s8_shape *shape, const nn_u8s8_unit *unit, bool merged) {
    if (unit->own == NULL) return false;
    const int64_t k = shape->in_channels * (merged ? shape->width.kernel : 1);
    const int64_t taps = shape->height.kernel * (merged ? 1 : shape->width.kernel);
    const int64_t pairs = nn_divide_up(k, unit->depth) / 2;
    return taps * pairs * shape->out_channels / 16 > 2 * (taps * (3 + pairs / 4) + 6);
}

nn_status nn_u8s8_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare,
                          const nn_u8s8_unit *unit, const nn_int8_inputs *inputs,
                          const nn_u8s8_shape *shape) {
    conv_state made = {.shape = *shape,
                       .unit = unit,
                       .setting = {.inputs = *inputs,
                                   .scale = shape->scale,
                                   .keeps_zero = unit->activation_bytes == 1}};
    made.source = choose_source(shape, unit, node->in[inputs->x]->type);
    if (!fits_in_band(shape, &made.source))
        return nn_view_fail(node, NN_UNSUPPORTED, "the rows of a kernel lie too far apart");
    made.setting.shares = pays_to_share(shape, unit, made.source.merged);
    made.packing =
        nn_u8s8_packing_make(node, unit, inputs, shape, made.source.merged, made.setting.shares);
    NN_TRY(nn_u8s8_pack(node, prepare, &made.packing, &made.parameters, &made.weights));
    choose_tasks(&made, target->threads);
    made.worker_bytes = band_bytes(&made) + sums_bytes(unit) + own_bytes_of(&made);

    bool constant = nn_int8_has_constant_parameters(node, inputs);
    int64_t tap_bytes =
        nn_round_up(made.packing.tap_count * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
    int64_t own_bytes = nn_round_up(sizeof made, NN_ALIGNMENT);
    int64_t parameter_bytes = nn_int8_parameter_bytes(&made.parameters);
    size_t total = (size_t)(own_bytes + tap_bytes + (constant ? parameter_bytes : 0));
    conv_state *state = nn_prepare_state(prepare, total);
    if (state == NULL) return nn_fail_memory(total);
    *state = made;
    state->taps = (int32_t *)((char *)state + own_bytes);
    fill_taps(state);
    if (constant)
        nn_int8_fill_constant(node, &state->setting, (char *)state + own_bytes + tap_bytes,
                              &state->parameters);
    int64_t workspace = state->worker_bytes * target->threads + (constant ? 0 : parameter_bytes);
    nn_prepare_workspace(prepare, (size_t)workspace);
    return NN_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct conv_work {
    const conv_state *state;
    nn_int8_call call;
    uint8_t *y;
    int64_t y_bytes; /* of one value */
    char *workers;   /* workspace */
    nn_u8s8_tasks tasks;
    const uint8_t *addend; /* NULL: there is none */
    bool addend_first, adds_in_tile;
    nn_qbinary sum;
    nn_pool *pool;
    const char *upcoming; /* weights of the next step */
    int64_t upcoming_bytes;
} conv_work;

/* Copies the input rows that output rows [first, first + rows) of a group need. */
static void fill_band(const conv_work *work, int64_t image, int64_t group, int64_t first,
                      int64_t rows, uint8_t *band) {
    const conv_state *state = work->state;
    const nn_int8_call *call = &work->call;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_u8s8_unit *unit = state->unit;
    const nn_window_axis *h = &shape->height, *w = &shape->width;
    const source_layout *source = &state->source;
    int64_t channels = shape->in_channels, pitch = shape->in_pitch;
    int64_t left = nn_min(w->pad_begin, source->band_columns);
    int64_t columns = source->band_columns - left < w->in ? source->band_columns - left : w->in;
    int64_t right = source->band_columns - left - columns;
    bool is_copy = pitch == channels && pitch * unit->activation_bytes == source->pixel_step;
    /* Zero becomes 0 where activations come without their zero point. */
    int padding = unit->activation_bytes == 1 ? call->x_zero : 0;
    const int64_t count = input_rows(shape, rows);
    const bool clears_all = source->row_step < SHORT_ROW;
    if (clears_all) memset(band, padding, (size_t)(count * source->row_step));
    for (int64_t row = 0; row < count; row++) {
        uint8_t *out = band + row * source->row_step;
        int64_t in_row = first * h->stride - h->pad_begin + row;
        const bool is_inside = in_row >= 0 && in_row < h->in;
        if (!is_inside && !clears_all) memset(out, padding, (size_t)source->row_step);
        if (!is_inside) continue;
        const uint8_t *x = call->x + (image * h->in + in_row) * w->in * pitch + group * channels;
        if (!clears_all) memset(out, padding, (size_t)(left * source->pixel_step));
        out += left * source->pixel_step;
        if (is_copy)
            unit->copy(out, x, columns * channels, call->flip, call->x_zero);
        else
            for (int64_t i = 0; i < columns; i++)
                unit->copy(out + i * source->pixel_step, x + i * pitch, channels, call->flip,
                           call->x_zero);
        if (clears_all) continue;
        memset(out + columns * source->pixel_step, padding, (size_t)(right * source->pixel_step));
    }
}

/* Weights that a task brings to L2 while it multiplies, evenly over its products. Rates are of
 * 2^-16 bytes. */
typedef struct fetch_plan {
    const char *begin[2];
    int64_t bytes[2];
    int64_t pixel_rate, step_rate; /* for a pixel of a panel, for a step of its tile */
    int64_t done;                  /* pixels, over all panels */
} fetch_plan;

/* The outputs of one panel for some rows. */
typedef struct panel_run {
    const conv_work *work;
    fetch_plan *fetch;
    const uint8_t *a; /* activations of the first output row, column 0 */
    uint8_t *y;       /* results there */
    const uint8_t *addend;
    const int32_t *own; /* NULL: products are not shared */
    int64_t channel;    /* first of the panel in the parameters */
    nn_u8s8_tile tile;
    int vectors;
    _Alignas(64) int32_t start[NN_U8S8_WIDTH]; /* of the panel, in the order of lanes */
    _Alignas(64) float multiplier[NN_U8S8_WIDTH];
} panel_run;

/* Results from the sums of pixel i of a tile. */
static void finish_pixel(const panel_run *run, int i) {
    const conv_work *work = run->work;
    const nn_int8_call *call = &work->call;
    const nn_u8s8_unit *unit = work->state->unit;
    const nn_u8s8_tile *tile = &run->tile;
    const float *offset = call->parameters.offset, *multiplier = call->parameters.multiplier;
    int segment = i >= unit->segment;
    int64_t at = (i - segment * unit->segment) * tile->y_step;
    uint8_t *y = tile->y[segment] + at, conv[NN_INT8_FINISH_CHANNELS];
    unit->finish(&call->requant, tile->sums + (int64_t)i * run->vectors * unit->lanes,
                 multiplier + run->channel, offset ? offset + run->channel : NULL, tile->columns,
                 work->addend != NULL ? conv : y);
    if (work->addend == NULL) return;
    const uint8_t *addend = tile->addend + (y - tile->y[0]);
    bool swap = work->addend_first;
    nn_qbinary_row_reference(&work->sum, swap ? addend : conv, 1, swap ? conv : addend, 1, y,
                             tile->columns);
}

/* The share of a tile of `rows` pixels and of those that are done with it. */
static void set_fetch(fetch_plan *plan, int rows, nn_u8s8_tile *tile) {
    int64_t begin = plan->done * plan->pixel_rate >> 16;
    plan->done += rows * (tile->more + 1);
    tile->fetch =
        begin < plan->bytes[0] ? plan->begin[0] + begin : plan->begin[1] + (begin - plan->bytes[0]);
    tile->fetch_step = (rows * plan->step_rate + 0xffff) >> 16;
}

/* Offsets of the two segments in a, and their first pixels in y. */
static void run_tile(panel_run *run, int64_t a_first, int64_t a_second, int64_t first,
                     int64_t second, int rows) {
    nn_u8s8_tile *tile = &run->tile;
    tile->a[0] = run->a + a_first;
    tile->a[1] = run->a + a_second;
    tile->y[0] = run->y + first * tile->y_step;
    tile->y[1] = run->y + second * tile->y_step;
    if (run->addend != NULL) tile->addend = run->addend + first * tile->y_step;
    if (run->own != NULL) tile->own = run->own + first;
    set_fetch(run->fetch, rows, tile);
    run->work->state->unit->tile(tile, rows, run->vectors);
    if (tile->sums == NULL) return;
    for (int i = 0; i < rows; i++) finish_pixel(run, i);
}

/* `count` pixels in a line, in tiles of about equal size. */
static void run_line(panel_run *run, int64_t a, int64_t first, int64_t count) {
    const nn_u8s8_unit *unit = run->work->state->unit;
    const int most = unit->rows[run->vectors - 1];
    int64_t tiles = nn_divide_up(count, most), each = count / tiles, larger = count % tiles;
    const bool continues = unit->continues && run->tile.sums == NULL;
    for (int64_t i = 0, begin = 0, same; i < tiles; i += same) {
        const int64_t rows = each + (i < larger);
        int64_t a_at = a + begin * run->tile.a_step, pixel = first + begin;
        same = continues ? (i < larger ? larger : tiles) - i : 1;
        run->tile.more = same - 1;
        run_tile(run, a_at, a_at + unit->segment * run->tile.a_step, pixel, pixel + unit->segment,
                 (int)rows);
        begin += rows * same;
    }
}

static void run_panel(panel_run *run, int64_t rows) {
    const conv_state *state = run->work->state;
    const nn_window_axis *h = &state->shape.height, *w = &state->shape.width;
    int64_t a_row = state->source.row_step * h->stride;
    if (a_row == run->tile.a_step * w->out) { /* the rows follow each other as pixels do */
        run_line(run, 0, 0, rows * w->out);
        return;
    }
    int64_t row = 0;
    if (takes_pairs(state, run->vectors))
        for (; row + 2 <= rows; row += 2)
            run_tile(run, row * a_row, (row + 1) * a_row, row * w->out, (row + 1) * w->out,
                     2 * (int)w->out);
    for (; row < rows; row++) run_line(run, row * a_row, row * w->out, w->out);
}

/* Puts the numbers of a panel's channels into the order of lanes. */
static void take_lanes(panel_run *run) {
    const nn_u8s8_unit *unit = run->work->state->unit;
    for (int i = 0; i < run->vectors * unit->lanes; i += 4) {
        int64_t lane = nn_u8s8_lane(i, run->vectors, unit->lanes);
        memcpy(run->start + lane, run->tile.start + i, 4 * sizeof *run->start);
        memcpy(run->multiplier + lane, run->tile.multiplier + i, 4 * sizeof *run->multiplier);
    }
    run->tile.start = run->start;
    run->tile.multiplier = run->multiplier;
}

/* Panels of one group of one image. */
typedef struct panel_range {
    const conv_work *work;
    int64_t image, group, begin, end;
    int32_t *sums, *own;
} panel_range;

/* What task `task` brings to L2 where one thread has it to itself: its part of the node's weights,
 * but for those that the step before has fetched, then of the first of the next step. */
static void set_fetched(const conv_work *work, int64_t task, int64_t pixels, fetch_plan *out) {
    const conv_state *state = work->state;
    const char *weights = (const char *)state->weights;
    *out = (fetch_plan){.begin = {weights, weights}};
    if (nn_pool_threads(work->pool) > 1) return;
    int64_t all = state->shape.groups * state->packing.group_bytes;
    int64_t ahead = nn_min(all, FETCHED_BYTES), total = 0;
    const char *begin[2] = {weights + ahead, work->upcoming};
    int64_t bytes[2] = {all - ahead, work->upcoming_bytes};
    for (int i = 0; i < 2; i++) {
        if (bytes[i] == 0) continue;
        int64_t from = bytes[i] * task / work->tasks.count;
        int64_t to = bytes[i] * (task + 1) / work->tasks.count;
        out->begin[i] = begin[i] + from;
        total += out->bytes[i] = to - from;
    }
    out->pixel_rate = (total << 16) / pixels;
    out->step_rate = out->pixel_rate / (state->packing.tap_count * state->packing.steps) + 1;
}

/* The products of the pixels of `rows` output rows with themselves. */
static void fill_own(const conv_state *state, const uint8_t *a, int64_t rows, int32_t *own) {
    const nn_window_axis *h = &state->shape.height, *w = &state->shape.width;
    nn_u8s8_tile tile = {.a_step = state->source.pixel_step * w->stride,
                         .taps = state->taps,
                         .tap_count = state->packing.tap_count,
                         .steps = state->packing.steps};
    for (int64_t row = 0; row < rows; row++) {
        tile.a[0] = a + row * state->source.row_step * h->stride;
        state->unit->own(&tile, w->out, own + row * w->out);
    }
}

/* Rows [first, first + rows) of a map, whose activations begin at `a`. */
static void run_panels(const panel_range *part, const uint8_t *a, int64_t first, int64_t rows,
                       fetch_plan *fetch) {
    const conv_work *work = part->work;
    const conv_state *state = work->state;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_u8s8_packing *packing = &state->packing;
    int64_t pitch = shape->out_pitch, width = packing->width;
    int64_t pixel = (part->image * shape->height.out + first) * shape->width.out;
    bool finishes = work->call.is_simple && (work->addend == NULL || work->adds_in_tile);
    for (int64_t panel = part->begin; panel < part->end; panel++) {
        int64_t channel = panel * width, left = shape->out_channels - channel;
        int64_t parameter = (part->group * packing->panels + panel) * width;
        int64_t y = pixel * pitch + part->group * shape->out_channels + channel;
        panel_run run = {.work = work,
                         .fetch = fetch,
                         .a = a,
                         .y = work->y + y * work->y_bytes,
                         .addend = work->addend != NULL ? work->addend + y : NULL,
                         .own = part->own,
                         .channel = parameter,
                         .vectors = nn_u8s8_panel_vectors(packing, panel),
                         .tile = {.a_step = state->source.pixel_step * shape->width.stride,
                                  .taps = state->taps,
                                  .tap_count = packing->tap_count,
                                  .steps = packing->steps,
                                  .w = state->weights + part->group * packing->group_bytes +
                                       panel * packing->panel_bytes,
                                  .start = work->call.parameters.start + parameter,
                                  .sums = finishes ? NULL : part->sums,
                                  .y_step = pitch * work->y_bytes,
                                  .multiplier = work->call.parameters.multiplier + parameter,
                                  .zero = work->call.zero,
                                  .low = work->call.low,
                                  .high = work->call.high,
                                  .is_signed = work->call.requant.type == NNOPT_INT8,
                                  .sum = work->addend != NULL ? &work->sum : NULL,
                                  .addend_first = work->addend_first,
                                  .columns = left < width ? (int)left : (int)width}};
        if (state->unit->takes_lanes) take_lanes(&run);
        run_panel(&run, rows);
    }
}

/* A band of output rows, for some panels of one group of one image. */
static void run_task(const conv_work *work, int64_t task, int worker) {
    const conv_state *state = work->state;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_u8s8_packing *packing = &state->packing;
    const nn_u8s8_task at = nn_u8s8_task_at(&work->tasks, shape, task);
    const int64_t image = at.image, group = at.group;
    int64_t first = at.band * state->band_rows, rows = shape->height.out - first;
    if (rows > state->band_rows) rows = state->band_rows;

    char *memory = work->workers + worker * state->worker_bytes;
    const uint8_t *a = (const uint8_t *)memory;
    if (state->source.uses_band) {
        fill_band(work, image, group, first, rows, (uint8_t *)memory);
    } else {
        int64_t in_row = image * shape->height.in + first * shape->height.stride;
        a = work->call.x + in_row * state->source.row_step + group * shape->in_channels;
    }
    int64_t panel = at.chunk * state->panels_per_task, end = panel + state->panels_per_task;
    if (end > packing->panels) end = packing->panels;
    int32_t *own = NULL;
    if (state->setting.shares)
        own = (int32_t *)(memory + band_bytes(state) + sums_bytes(state->unit));
    const panel_range part = {.work = work,
                              .image = image,
                              .group = group,
                              .begin = panel,
                              .end = end,
                              .sums = (int32_t *)(memory + band_bytes(state)),
                              .own = own};
    if (own != NULL) fill_own(state, a, rows, own);
    fetch_plan fetch;
    set_fetched(work, task, rows * shape->width.out * (end - panel), &fetch);
    run_panels(&part, a, first, rows, &fetch);
}

static void run_tasks(void *argument, int64_t begin, int64_t end, int worker) {
    for (int64_t task = begin; task < end; task++) run_task(argument, task, worker);
}

nn_status nn_u8s8_run(const nn_call *call) {
    const conv_state *state = call->state;
    const nn_u8s8_shape *shape = &state->shape;
    nn_tensor *y = call->out[0];
    conv_work work = {.state = state,
                      .call =
                          nn_int8_begin(call, &state->setting, &state->parameters, call->workspace),
                      .y = y->data,
                      .y_bytes = nn_type_bits(y->type) / 8,
                      .workers = call->workspace};
    if (!state->parameters.are_constant)
        work.workers += nn_int8_parameter_bytes(&state->parameters);
    if (state->setting.inputs.has_sum) {
        const nn_qconv_attrs *attrs = call->node->attrs;
        work.addend = call->in[NN_QCONV_ADDEND]->data;
        work.addend_first = attrs->addend_first;
        work.sum = nn_qconv_sum(call);
        work.adds_in_tile = nn_is_sum_moderate(&work.sum);
    }
    work.tasks = nn_u8s8_tasks_make(shape, nn_divide_up(shape->height.out, state->band_rows),
                                    nn_divide_up(state->packing.panels, state->panels_per_task),
                                    MACS_PER_CHUNK);
    work.pool = call->pool;
    work.upcoming = call->upcoming;
    work.upcoming_bytes = nn_min(call->upcoming_bytes, FETCHED_BYTES);
    nn_parallel(call->pool, work.tasks.count, work.tasks.grain, run_tasks, &work);
    return NN_OK;
}
