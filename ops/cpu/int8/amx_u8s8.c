#include "ops/cpu/int8/amx_u8s8.h"

#include "base/integers.h"
#include "ops/cpu/int8/amx_u8s8_tiling.h"
#include "ops/cpu/int8/u8s8_tasks.h"
#include "ops/family/qlinear_convolution.h"

enum {
    BAND_BYTES = 128 * 1024,     /* that one task copies: they stay in L2 beside the weights */
    BAND_PIXELS = 4096,          /* of one task, which bounds its tables */
    OUTSIDE_BYTES = 1024 * 1024, /* weights from here on are read once, and pixels once a block */
    OUTSIDE_BAND_BYTES = 512 * 1024,
    L1_WEIGHT_BYTES = 16 * 1024,       /* weights up to this size stay in L1 */
    FETCHED_BYTES = 640 * 1024,        /* of weights, before their step, where pixels are outside */
    STREAM_FETCHED_BYTES = 128 * 1024, /* else: they come in time during the step */
    OWN_AHEAD_BYTES = 32 * 1024,       /* that a piece of one of several threads reads unfetched */
    TASKS_PER_THREAD = 4,
    /* Sums are in fixed point where products take less than finishing and results are many. */
    FIXED_STEPS = 8,
    FIXED_RESULTS = 100 * 1000,
    LEAST_MAP_STEPS = 7,
    LEAST_PIXELS = 9, /* below, tiles are too empty */
    LEAST_K = 16,
    LEAST_CHANNELS = 8,
    MACS_PER_CHUNK = 4 * 1000 * 1000 /* some 10 microseconds */
};

typedef struct amx_state {
    nn_u8s8_shape shape;
    nn_int8_setting setting;
    nn_amx_u8s8_source source;
    nn_amx_u8s8_packing packing;
    const int8_t *weights;
    nn_int8_parameters parameters;
    const int32_t *step_offsets;
    int64_t band_rows;              /* output rows of one task */
    nn_amx_u8s8_tiling whole, last; /* of a band, and of the last band where that is shorter */
    bool blocks_outside, whole_map;
    bool adds_exactly;
    int64_t blocks_per_task;
    int64_t worker_bytes; /* workspace of one thread */
} amx_state;

/* ---- which nodes ---------------------------------------------------------------------------- */

/* Are all weights less their zero point within int8? */
static bool fits_int8(const nn_node_view *node, const nn_int8_inputs *inputs,
                      const nn_u8s8_shape *shape) {
    const nn_tensor *w = nn_int8_constant(node, inputs->w);
    const nn_tensor *w_zero = nn_int8_constant(node, inputs->w_zero);
    int32_t usual = w->type == NNOPT_INT8 ? 0 : 128;
    int64_t taps = shape->height.kernel * shape->width.kernel;
    for (int64_t c = 0; c < shape->groups * shape->out_channels; c++) {
        int32_t zero = nn_int8_weight_zero(w_zero, c);
        if (zero == usual) continue;
        int64_t base =
            c / shape->out_channels * shape->w_group + c % shape->out_channels * shape->w_out;
        for (int64_t i = 0; i < shape->in_channels; i++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t at = base + i * shape->w_in + t * shape->w_tap;
                int32_t value = nn_quant_load(w->data, w->type, at) - zero;
                if (value < INT8_MIN || value > INT8_MAX) return false;
            }
    }
    return true;
}

/* Tiles that would be mostly empty are left to vectors. */
static bool fills_tiles(const nn_u8s8_shape *shape) {
    int64_t k = shape->in_channels * shape->height.kernel * shape->width.kernel;
    return shape->height.out * shape->width.out >= LEAST_PIXELS && k >= LEAST_K &&
           shape->out_channels >= LEAST_CHANNELS;
}

bool nn_amx_u8s8_accepts(const nn_node_view *node, const nn_target *target,
                         const nn_int8_inputs *inputs, const nn_u8s8_shape *shape) {
    nn_amx_u8s8_source source;
    return (target->explores || fills_tiles(shape)) && nn_int8_accepts(node, inputs) &&
           nn_amx_u8s8_choose_source(shape, node->in[inputs->x]->type, &source) &&
           fits_int8(node, inputs, shape);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

/* Bytes of activations that an output row reads. */
static int64_t row_bytes(const amx_state *state) {
    const nn_amx_u8s8_source *source = &state->source;
    return source->row_step * source->column_planes * state->shape.height.stride;
}

/* Bytes of `all` weights that the step before brings to L2. The first pixels read all of them where
 * pixels are outside. */
static int64_t fetched_ahead(int64_t all) {
    return nn_min(all, all > OUTSIDE_BYTES ? STREAM_FETCHED_BYTES : FETCHED_BYTES);
}

static void choose_tasks(amx_state *state, int threads) {
    const nn_u8s8_shape *shape = &state->shape;
    const nn_amx_u8s8_packing *packing = &state->packing;
    int64_t rows = shape->height.out, bytes = row_bytes(state);
    state->blocks_outside = packing->group_bytes > OUTSIDE_BYTES;
    int64_t limit = state->blocks_outside ? OUTSIDE_BAND_BYTES : BAND_BYTES;
    int64_t most = state->source.uses_band ? limit / (bytes > 0 ? bytes : 1) : rows;
    most = nn_min(most, BAND_PIXELS / shape->width.out);
    if (most < 1) most = 1;
    int64_t bands = nn_divide_up(rows, most),
            wanted = threads == 1 ? 1 : TASKS_PER_THREAD * threads;
    int64_t tasks = bands * shape->batch * shape->groups;
    state->blocks_per_task = packing->blocks;
    if (tasks < wanted) {
        int64_t parts = nn_divide_up(wanted, tasks);
        if (packing->group_bytes >= bytes * rows && packing->blocks >= threads)
            state->blocks_per_task = nn_divide_up(packing->blocks, nn_min(parts, packing->blocks));
        else
            bands = nn_min(bands * parts, rows);
    }
    state->band_rows = nn_divide_up(rows, bands);
}

static int64_t bands_of(const amx_state *state) {
    return nn_divide_up(state->shape.height.out, state->band_rows);
}

/* Does a task hold a map in four pixel tiles, and are there enough products to hide the finishing
 * of rows behind? */
static bool takes_whole_maps(const amx_state *state) {
    const nn_amx_u8s8_source *source = &state->source;
    return bands_of(state) == 1 && state->whole.tiles == NN_AMX_U8S8_MAP_TILES &&
           state->packing.tiles == NN_AMX_U8S8_MAP_TILES &&
           source->taps * source->steps_per_tap >= LEAST_MAP_STEPS;
}

static bool adds_exactly(const amx_state *state, const nn_target *target) {
    const nn_u8s8_shape *shape = &state->shape;
    int64_t steps = state->source.taps * state->source.steps_per_tap;
    int64_t results = shape->height.out * shape->width.out * shape->out_channels;
    bool pays = steps <= FIXED_STEPS && results >= FIXED_RESULTS;
    return target->deterministic || (!pays && !target->explores);
}

/* ---- preparing ------------------------------------------------------------------------------ */

/* The state's memory: itself, offsets of steps, tables of both tilings, parameters. */
typedef struct state_sizes {
    int64_t own, steps, whole, last, parameters, total;
} state_sizes;

static state_sizes sizes_of(const amx_state *state, bool constant) {
    const nn_amx_u8s8_source *source = &state->source;
    int64_t steps = source->taps * source->steps_per_tap;
    state_sizes out = {.own = nn_round_up(sizeof *state, NN_ALIGNMENT),
                       .steps = nn_round_up(steps * (int64_t)sizeof(int32_t), NN_ALIGNMENT),
                       .whole = nn_amx_u8s8_tiling_bytes(&state->whole),
                       .last = nn_amx_u8s8_tiling_bytes(&state->last),
                       .parameters = constant ? nn_int8_parameter_bytes(&state->parameters) : 0};
    out.total = out.own + out.steps + out.whole + out.last + out.parameters;
    return out;
}

nn_status nn_amx_u8s8_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *prepare, const nn_int8_inputs *inputs,
                              const nn_u8s8_shape *shape) {
    amx_state made = {.shape = *shape,
                      .setting = {.inputs = *inputs, .scale = shape->scale, .keeps_zero = true}};
    nn_amx_u8s8_source *source = &made.source;
    nn_amx_u8s8_choose_source(shape, node->in[inputs->x]->type, source);
    made.packing = nn_amx_u8s8_packing_make(inputs, shape, source);
    choose_tasks(&made, target->threads);
    int64_t last_rows = shape->height.out - (bands_of(&made) - 1) * made.band_rows;
    made.whole = nn_amx_u8s8_tiling_make(shape, source, made.band_rows);
    made.last = nn_amx_u8s8_tiling_make(shape, source, last_rows);
    made.whole_map = takes_whole_maps(&made);
    made.adds_exactly = adds_exactly(&made, target);
    if (made.whole_map) made.packing.pass_tiles = 1;
    NN_TRY(nn_amx_u8s8_pack(node, prepare, &made.packing, &made.parameters, &made.weights));
    source->plane_step = nn_amx_u8s8_plane_bytes(shape, source, made.band_rows);
    made.worker_bytes =
        nn_amx_u8s8_band_bytes(shape, source, made.band_rows) + nn_amx_u8s8_scratch_bytes();

    nn_prepare_describe(prepare, "tiles of %d pixels, blocks of %d channels%s%s",
                        made.whole.tile_rows, made.packing.tiles * NN_AMX_U8S8_CHANNELS,
                        source->uses_band ? ", bands" : "", made.whole_map ? ", whole maps" : "");

    bool constant = nn_int8_has_constant_parameters(node, inputs);
    const state_sizes sizes = sizes_of(&made, constant);
    amx_state *state = nn_prepare_state(prepare, (size_t)sizes.total);
    if (state == NULL) return nn_fail_memory((size_t)sizes.total);
    *state = made;
    char *memory = (char *)state + sizes.own;
    nn_amx_u8s8_fill_steps(shape, source, (int32_t *)memory);
    state->step_offsets = (int32_t *)memory;
    memory += sizes.steps;
    nn_amx_u8s8_fill_tiling(&state->whole, memory);
    nn_amx_u8s8_fill_tiling(&state->last, memory + sizes.whole);
    memory += sizes.whole + sizes.last;
    if (constant) nn_int8_fill_constant(node, &state->setting, memory, &state->parameters);
    int64_t workspace = state->worker_bytes * target->threads;
    if (!constant) workspace += nn_int8_parameter_bytes(&state->parameters);
    nn_prepare_workspace(prepare, (size_t)workspace);
    return NN_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct amx_work {
    const amx_state *state;
    nn_int8_call call;
    uint8_t *y;
    int64_t y_bytes; /* of one value */
    char *workers;   /* workspace */
    nn_u8s8_tasks tasks;
    const uint8_t *addend; /* NULL: there is none */
    bool addend_first;
    nn_qbinary sum;
    bool is_alone; /* one thread, with its L2 */
    nn_amx_u8s8_range upcoming;
} amx_work;

/* The input rows of a band, of all groups. */
static nn_amx_u8s8_range band_input(const amx_work *work, int64_t image, int64_t band) {
    const nn_window_axis *h = &work->state->shape.height;
    int64_t first = band * work->state->band_rows,
            rows = nn_min(h->out - first, work->state->band_rows);
    int64_t begin = first * h->stride - h->pad_begin;
    int64_t end = nn_min(begin + (rows - 1) * h->stride + (h->kernel - 1) * h->dilation + 1, h->in);
    if (begin < 0) begin = 0;
    int64_t row_bytes =
        work->state->shape.width.in * work->state->shape.in_channels * work->state->shape.groups;
    return (nn_amx_u8s8_range){(const char *)work->call.x + (image * h->in + begin) * row_bytes,
                               (end - begin) * row_bytes};
}

/* What task `task` brings to L2: its part of the weights that the node and the next step need, of
 * which the step before has fetched a first part, and the input of the band after it. */
static void set_fetched(const amx_work *work, int64_t task, const nn_u8s8_task *at,
                        nn_amx_u8s8_range out[NN_AMX_U8S8_RANGES]) {
    const amx_state *state = work->state;
    int64_t all = state->shape.groups * state->packing.group_bytes;
    int64_t ahead = fetched_ahead(all), tasks = work->tasks.count;
    out[0] = (nn_amx_u8s8_range){(const char *)state->weights + ahead, all - ahead};
    out[1] = work->upcoming;
    for (int i = 0; i < 2; i++) {
        int64_t begin = out[i].bytes * task / tasks, end = out[i].bytes * (task + 1) / tasks;
        out[i] = (nn_amx_u8s8_range){out[i].begin + begin, end - begin};
    }
    if (at->band + 1 < work->tasks.bands) out[2] = band_input(work, at->image, at->band + 1);
}

/* Where each thread has weights of its own: what a piece reads last of them. */
static nn_amx_u8s8_range late_weights(const nn_amx_u8s8_piece *piece) {
    int64_t all = piece->blocks * piece->block_bytes, ahead = nn_min(all, OWN_AHEAD_BYTES);
    return (nn_amx_u8s8_range){(const char *)piece->w + ahead, all - ahead};
}

/* A band of output rows, for some blocks of channels of one group of one image. */
static void run_task(const amx_work *work, int64_t task, int worker) {
    const amx_state *state = work->state;
    const nn_u8s8_shape *shape = &state->shape;
    const nn_amx_u8s8_source *source = &state->source;
    const nn_amx_u8s8_packing *packing = &state->packing;
    const nn_u8s8_task at = nn_u8s8_task_at(&work->tasks, shape, task);
    const int64_t image = at.image, group = at.group;
    int64_t first = at.band * state->band_rows;
    int64_t rows = nn_min(shape->height.out - first, state->band_rows);
    const nn_amx_u8s8_tiling *tiling = rows == state->band_rows ? &state->whole : &state->last;

    char *memory = work->workers + worker * state->worker_bytes;
    const uint8_t *a = (const uint8_t *)memory;
    if (source->uses_band) {
        nn_amx_u8s8_fill_band(shape, source, &work->call, image, group, first, rows,
                              (uint8_t *)memory);
        memory += nn_amx_u8s8_band_bytes(shape, source, state->band_rows);
    } else {
        int64_t in_row = image * shape->height.in + first * shape->height.stride;
        a = work->call.x + in_row * source->row_step + group * shape->in_channels;
    }
    int64_t block = at.chunk * state->blocks_per_task;
    int64_t channel = block * packing->tiles * NN_AMX_U8S8_CHANNELS;
    int64_t all = shape->out_channels * shape->groups;
    int64_t pixel = (image * shape->height.out + first) * shape->width.out;
    int64_t steps = source->taps * source->steps_per_tap;
    int64_t y = pixel * all + group * shape->out_channels + channel;
    nn_amx_u8s8_piece piece = {
        .a = a,
        .a_step = source->a_step,
        .tile_rows = tiling->tile_rows,
        .pairs = tiling->tiles / 2,
        .tile_offsets = tiling->offsets,
        .pixels = tiling->pixels,
        .step_count = steps,
        .step_bytes = source->step_bytes,
        .step_offsets = state->step_offsets,
        .tiles = packing->tiles,
        .blocks = nn_min(packing->blocks - block, state->blocks_per_task),
        .channels = shape->out_channels - channel,
        .w = state->weights + group * packing->group_bytes + block * packing->block_bytes,
        .block_bytes = packing->block_bytes,
        .weights_stream = packing->group_bytes > L1_WEIGHT_BYTES && steps > 1,
        .blocks_outside = state->blocks_outside,
        .whole_map = state->whole_map,
        .call = &work->call,
        .parameter = group * state->parameters.padded + channel,
        .y = work->y + y * work->y_bytes,
        .y_step = all * work->y_bytes,
        .y_bytes = work->y_bytes,
        .sum = work->addend != NULL ? &work->sum : NULL,
        .addend_first = work->addend_first,
        .adds_exactly = state->adds_exactly,
        .addend = work->addend != NULL ? work->addend + y : NULL,
        .scratch = memory};
    if (work->is_alone)
        set_fetched(work, task, &at, piece.fetched);
    else if (work->tasks.chunks > 1)
        piece.fetched[0] = late_weights(&piece);
    nn_amx_u8s8_run_piece(&piece);
}

static void run_tasks(void *argument, int64_t begin, int64_t end, int worker) {
    for (int64_t task = begin; task < end; task++) run_task(argument, task, worker);
}

nn_status nn_amx_u8s8_run(const nn_call *call) {
    const amx_state *state = call->state;
    nn_tensor *y = call->out[0];
    amx_work work = {.state = state,
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
    }
    work.tasks = nn_u8s8_tasks_make(&state->shape, bands_of(state),
                                    nn_divide_up(state->packing.blocks, state->blocks_per_task),
                                    MACS_PER_CHUNK);
    work.is_alone = nn_pool_threads(call->pool) == 1;
    work.upcoming = (nn_amx_u8s8_range){call->upcoming, fetched_ahead(call->upcoming_bytes)};
    nn_parallel(call->pool, work.tasks.count, work.tasks.grain, run_tasks, &work);
    return NN_OK;
}
