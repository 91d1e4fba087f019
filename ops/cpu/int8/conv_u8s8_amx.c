/* The loops of amx_u8s8.h.
 *
 * A pass multiplies two pixel tiles (registers 4 and 5) with one or two channel tiles (6 and 7)
 * into up to four tiles of sums (0 to 3); a block of up to two channel tiles takes one pass, else
 * two. A tile product costs as many cycles as the pixel tile has rows, whatever the width, and a
 * step of four of them takes four tile loads: the multiplier is the bound as long as weights come
 * from L2.
 *
 * Everything else happens beside the products. The sums of a pass are stored while the first step
 * of the next pass runs, each tile just before it is cleared; rows of stored sums are finished
 * (scaled, rounded, packed) between the products of the passes after that. Which rows a pass
 * finishes is chosen such that none of them are stored in the same pass, so that two buffers of
 * sums suffice.
 *
 * Where all pixels of a map are in four tiles, a pass multiplies all of them (registers 4, 5 and 7)
 * with one channel tile (6) instead, and a block takes four passes: weights are as long on the way
 * from the last cache as the products take, and come once. */
#include "base/integers.h"
#include "ops/cpu/int8/amx_u8s8_finish.inc.h"

enum {
    /* A tile store more than some 2,000 cycles after the last one may wait for 900 more, as if the
     * unit had fallen asleep (Sapphire Rapids). In long sums a tile is stored for nobody's use each
     * time this many steps have passed. */
    AWAKE_STEPS = 16,
    CACHE_LINE = 64,
    MOST_LINES = 16, /* to be fetched in a step */
};

int64_t nn_amx_u8s8_scratch_bytes(void) {
    return nn_round_up((int64_t)sizeof(sums_buffers), NN_ALIGNMENT);
}

/* ---- jobs in order -------------------------------------------------------------------------- */

typedef struct job {
    int64_t pair, block;
} job;

INLINE job next_job(const nn_amx_u8s8_piece *piece, job at) {
    if (piece->blocks_outside) return ++at.pair < piece->pairs ? at : (job){0, at.block + 1};
    return ++at.block < piece->blocks ? at : (job){at.pair + 1, 0};
}

/* Points at part `part` of the rows of a job. */
INLINE void start_finishing(finisher *f, job at, int buffer, int part, const int tiles) {
    const nn_amx_u8s8_piece *piece = f->piece;
    const nn_int8_parameters *parameters = &piece->call->parameters;
    int64_t first = at.block * tiles * LANES, left = piece->channels - first;
    int row = part * piece->tile_rows;
    f->sums = f->buffers->sums[buffer] + row * SUMS_PITCH;
    f->pixels = piece->pixels + at.pair * 2 * piece->tile_rows + row;
    f->targets[0] = piece->y + first * piece->y_bytes;
    f->addends[0] = piece->addend != NULL ? piece->addend + first : f->addends[1];
    f->channel = piece->parameter + first;
    f->columns = (int)(left < tiles * LANES ? left : tiles * LANES);
    f->mask = UINT64_MAX >> (64 - f->columns);
    UNROLL for (int t = 0; t < tiles; t++) {
        f->multiplier[t] = _mm512_loadu_ps(parameters->multiplier + f->channel + t * LANES);
    }
}

/* Before the first job is complete: rows of whatever the buffer holds are finished and dropped,
 * which spares the passes a second form. */
static void start_dropping(finisher *f) {
    static const int32_t none[PASS_ROWS] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                            -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                            -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    f->sums = f->buffers->sums[0];
    f->pixels = none;
    f->channel = f->piece->parameter;
    f->columns = 1;
    f->mask = 1;
}

/* ---- passes --------------------------------------------------------------------------------- */

typedef struct pass {
    const int8_t *w;
    const int32_t *start;
    const uint8_t *a[NN_AMX_U8S8_MAP_TILES];
    bool loads_pixels; /* false: the pixel tiles of the only step are those of the pass before */
    /* Where the sums go that the pass before has left in its tiles; NULL: there are none. */
    int32_t *before;
    int tiles_before;    /* of channels */
    int64_t rows;        /* to be finished */
    const char *fetched; /* lines to be brought to L2, so many after each product */
    int64_t lines;
} pass;

/* The lines of product `index` of the pass. Even spacing is what makes fetching free: a burst takes
 * all fill buffers of L1. */
INLINE void fetch_lines(const pass *p, int64_t index) {
    if (p->lines == 0) return;
    const char *line = p->fetched + index * p->lines * CACHE_LINE;
    for (int64_t i = 0; i < p->lines; i++) _mm_prefetch(line + i * CACHE_LINE, _MM_HINT_T1);
}

/* What happens after product `index` of `products` in a step that finishes `pace` rows. */
INLINE void beside_product(const pass *p, int64_t step, finisher *f, const int pace,
                           const int index, const int products, const int tiles,
                           const result_form form) {
    const int count = pace * (index + 1) / products - pace * index / products;
    UNROLL for (int i = 0; i < count; i++) finish_row(f, tiles, form);
    fetch_lines(p, step * products + index);
}

INLINE void load_weights_0(const nn_amx_u8s8_piece *piece, const int8_t *w) {
    if (piece->weights_stream)
        _tile_stream_loadd(6, w, NN_AMX_ROW_BYTES);
    else
        _tile_loadd(6, w, NN_AMX_ROW_BYTES);
}
INLINE void load_weights_1(const nn_amx_u8s8_piece *piece, const int8_t *w) {
    if (piece->weights_stream)
        _tile_stream_loadd(7, w, NN_AMX_ROW_BYTES);
    else
        _tile_loadd(7, w, NN_AMX_ROW_BYTES);
}

/* Stores of what the pass before has left: tile 2 m + n holds pixel tile m by channel tile n. */
INLINE void store_0(const pass *p) {
    if (p->before != NULL) _tile_stored(0, p->before, SUMS_BYTES);
}
INLINE void store_1(const pass *p) {
    if (p->tiles_before > 1) _tile_stored(1, p->before + LANES, SUMS_BYTES);
}
INLINE void store_2(const pass *p, int tile_rows) {
    if (p->before != NULL) _tile_stored(2, p->before + tile_rows * SUMS_PITCH, SUMS_BYTES);
}
INLINE void store_3(const pass *p, int tile_rows) {
    if (p->tiles_before > 1)
        _tile_stored(3, p->before + tile_rows * SUMS_PITCH + LANES, SUMS_BYTES);
}

/* Sums begin with the channels' start values, the same in all rows. */
INLINE void start_0(const pass *p) {
    _tile_loadd(0, p->start, 0);
}
INLINE void start_1(const pass *p) {
    _tile_loadd(1, p->start + LANES, 0);
}
INLINE void start_2(const pass *p) {
    _tile_loadd(2, p->start, 0);
}
INLINE void start_3(const pass *p) {
    _tile_loadd(3, p->start + LANES, 0);
}

/* The products of one step, `pace` rows finished between them. */
INLINE void run_step(const nn_amx_u8s8_piece *piece, const pass *p, const int8_t *w, int64_t step,
                     finisher *f, const int channel_tiles, const int tiles, const int pace,
                     const result_form form) {
    const int64_t offset = piece->step_offsets[step];
    const int products = 2 * channel_tiles;
    load_weights_0(piece, w);
    _tile_loadd(4, p->a[0] + offset, piece->a_step);
    if (step % AWAKE_STEPS == 0) _tile_stored(6, f->buffers->unused, NN_AMX_ROW_BYTES);
    _tile_dpbusd(0, 4, 6);
    beside_product(p, step, f, pace, 0, products, tiles, form);
    _tile_loadd(5, p->a[1] + offset, piece->a_step);
    _tile_dpbusd(2, 5, 6);
    beside_product(p, step, f, pace, 1, products, tiles, form);
    if (channel_tiles == 1) return;
    load_weights_1(piece, w + piece->step_bytes * LANES);
    _tile_dpbusd(1, 4, 7);
    beside_product(p, step, f, pace, 2, products, tiles, form);
    _tile_dpbusd(3, 5, 7);
    beside_product(p, step, f, pace, 3, products, tiles, form);
}

/* The first step: before each tile is cleared, it is stored. */
INLINE void run_first_step(const nn_amx_u8s8_piece *piece, const pass *p, finisher *f,
                           const int channel_tiles, const int tiles, const int pace,
                           const result_form form) {
    const int64_t step = 0, offset = piece->step_offsets[0];
    const int products = 2 * channel_tiles;
    load_weights_0(piece, p->w);
    if (p->loads_pixels) _tile_loadd(4, p->a[0] + offset, piece->a_step);
    store_0(p);
    start_0(p);
    _tile_dpbusd(0, 4, 6);
    beside_product(p, step, f, pace, 0, products, tiles, form);
    if (p->loads_pixels) _tile_loadd(5, p->a[1] + offset, piece->a_step);
    store_2(p, piece->tile_rows);
    start_2(p);
    _tile_dpbusd(2, 5, 6);
    beside_product(p, step, f, pace, 1, products, tiles, form);
    if (channel_tiles == 1) {
        store_1(p);
        store_3(p, piece->tile_rows);
        return;
    }
    load_weights_1(piece, p->w + piece->step_bytes * LANES);
    store_1(p);
    start_1(p);
    _tile_dpbusd(1, 4, 7);
    beside_product(p, step, f, pace, 2, products, tiles, form);
    store_3(p, piece->tile_rows);
    start_3(p);
    _tile_dpbusd(3, 5, 7);
    beside_product(p, step, f, pace, 3, products, tiles, form);
}

/* The same for passes of all pixels by one channel tile, tile m being that of pixel tile m. */
INLINE void run_map_step(const nn_amx_u8s8_piece *piece, const pass *p, const int8_t *w,
                         int64_t step, finisher *f, const int tiles, const int pace,
                         const result_form form) {
    const int64_t offset = piece->step_offsets[step];
    load_weights_0(piece, w);
    _tile_loadd(4, p->a[0] + offset, piece->a_step);
    if (step % AWAKE_STEPS == 0) _tile_stored(6, f->buffers->unused, NN_AMX_ROW_BYTES);
    _tile_dpbusd(0, 4, 6);
    beside_product(p, step, f, pace, 0, 4, tiles, form);
    _tile_loadd(5, p->a[1] + offset, piece->a_step);
    _tile_dpbusd(1, 5, 6);
    beside_product(p, step, f, pace, 1, 4, tiles, form);
    _tile_loadd(7, p->a[2] + offset, piece->a_step);
    _tile_dpbusd(2, 7, 6);
    beside_product(p, step, f, pace, 2, 4, tiles, form);
    _tile_loadd(4, p->a[3] + offset, piece->a_step);
    _tile_dpbusd(3, 4, 6);
    beside_product(p, step, f, pace, 3, 4, tiles, form);
}

INLINE void store_map(const nn_amx_u8s8_piece *piece, const pass *p, const int m) {
    if (p->before == NULL) return;
    int32_t *to = p->before + m * piece->tile_rows * SUMS_PITCH;
    if (m == 0) _tile_stored(0, to, SUMS_BYTES);
    if (m == 1) _tile_stored(1, to, SUMS_BYTES);
    if (m == 2) _tile_stored(2, to, SUMS_BYTES);
    if (m == 3) _tile_stored(3, to, SUMS_BYTES);
}

INLINE void run_first_map_step(const nn_amx_u8s8_piece *piece, const pass *p) {
    const int64_t offset = piece->step_offsets[0];
    load_weights_0(piece, p->w);
    _tile_loadd(4, p->a[0] + offset, piece->a_step);
    store_map(piece, p, 0);
    _tile_loadd(0, p->start, 0);
    _tile_dpbusd(0, 4, 6);
    fetch_lines(p, 0);
    _tile_loadd(5, p->a[1] + offset, piece->a_step);
    store_map(piece, p, 1);
    _tile_loadd(1, p->start, 0);
    _tile_dpbusd(1, 5, 6);
    fetch_lines(p, 1);
    _tile_loadd(7, p->a[2] + offset, piece->a_step);
    store_map(piece, p, 2);
    _tile_loadd(2, p->start, 0);
    _tile_dpbusd(2, 7, 6);
    fetch_lines(p, 2);
    _tile_loadd(4, p->a[3] + offset, piece->a_step);
    store_map(piece, p, 3);
    _tile_loadd(3, p->start, 0);
    _tile_dpbusd(3, 4, 6);
    fetch_lines(p, 3);
}

/* The first step finishes rows only where there are too few steps: its stores take their time. */
enum { LAZY_PACE = 4 };

INLINE void run_pass(const nn_amx_u8s8_piece *piece, const pass *p, finisher *f,
                     const int channel_tiles, const int tiles, const int pace,
                     const result_form form) {
    const int64_t steps = piece->step_count,
                  step_weights = channel_tiles * piece->step_bytes * LANES;
    const int lazy = pace <= LAZY_PACE;
    run_first_step(piece, p, f, channel_tiles, tiles, lazy ? 0 : pace, form);
    const int8_t *w = p->w + step_weights;
    int64_t busy = p->rows / pace + lazy, step = 1;
    if (busy > steps) busy = steps;
    for (; step < busy; step++, w += step_weights)
        run_step(piece, p, w, step, f, channel_tiles, tiles, pace, form);
    for (int64_t left = p->rows - (step - lazy) * pace; left > 0; left--)
        finish_row(f, tiles, form);
    for (; step < steps; step++, w += step_weights)
        run_step(piece, p, w, step, f, channel_tiles, tiles, 0, form);
}

INLINE void run_map_pass(const nn_amx_u8s8_piece *piece, const pass *p, finisher *f,
                         const int tiles, const int pace, const result_form form) {
    const int64_t steps = piece->step_count, step_weights = piece->step_bytes * LANES;
    run_first_map_step(piece, p);
    const int8_t *w = p->w + step_weights;
    int64_t busy = p->rows / pace + 1, step = 1;
    if (busy > steps) busy = steps;
    for (; step < busy; step++, w += step_weights)
        run_map_step(piece, p, w, step, f, tiles, pace, form);
    for (int64_t left = p->rows - (step - 1) * pace; left > 0; left--) finish_row(f, tiles, form);
    for (; step < steps; step++, w += step_weights)
        run_map_step(piece, p, w, step, f, tiles, 0, form);
}

/* What is left to be fetched, and how many lines are due for each product. */
typedef struct fetcher {
    nn_amx_u8s8_range left[NN_AMX_U8S8_RANGES];
    double rate, due;
} fetcher;

INLINE fetcher fetcher_of(const nn_amx_u8s8_piece *piece, int64_t products) {
    fetcher out = {.due = 0};
    int64_t bytes = 0;
    for (int i = 0; i < NN_AMX_U8S8_RANGES; i++) {
        out.left[i] = piece->fetched[i];
        bytes += out.left[i].bytes;
    }
    out.rate = (double)bytes / CACHE_LINE / (double)products;
    return out;
}

/* Gives a pass of `products` products its lines: the same number after each. */
INLINE void take_lines(fetcher *from, int64_t products, pass *p) {
    nn_amx_u8s8_range *range = from->left, *last = from->left + NN_AMX_U8S8_RANGES - 1;
    while (range < last && range->bytes <= 0) range++;
    p->fetched = range->begin;
    p->lines = 0;
    if (range->bytes <= 0) return;
    from->due += from->rate;
    int64_t lines = (int64_t)from->due;
    from->due -= (double)lines;
    p->lines = lines < MOST_LINES ? lines : MOST_LINES;
    range->begin += products * p->lines * CACHE_LINE;
    range->bytes -= products * p->lines * CACHE_LINE;
}

/* Passes are numbered through all jobs. One finishes a part of the rows of a job whose sums are all
 * stored: as many parts as a job has passes, the last one in the first pass of the job after the
 * next. Where jobs have one pass, all rows of the job before the last. That is `lag` passes
 * behind. */
INLINE void run_jobs(const nn_amx_u8s8_piece *piece, const int tiles, const int pace,
                     const result_form form, const bool whole_map) {
    enum { RING = 4 };
    const int passes = whole_map ? tiles : tiles > 2 ? 2 : 1, lag = passes + 1;
    const int pass_tiles = whole_map ? 1 : 2;
    const int products = tiles == 1 ? 2 : 4; /* of a step */
    const int64_t jobs = whole_map ? piece->blocks : piece->pairs * piece->blocks;
    const int64_t total = jobs * passes;
    const int64_t pass_weights = pass_tiles * LANES * piece->step_bytes * piece->step_count;
    finisher f = finisher_of(piece);
    pass p = {.rows = passes > 1 ? piece->tile_rows : 2 * piece->tile_rows};
    fetcher lines = fetcher_of(piece, total * piece->step_count * products);
    job ring[RING] = {{0}}, at = {0};
    int64_t loaded_pair = -1;
    for (int64_t n = 0; n < total + lag; n++) {
        const int64_t finishing = n - lag, index = n / passes;
        const int part = (int)(n % passes);
        if (finishing >= 0)
            start_finishing(&f, ring[finishing / passes % RING], (int)(finishing / passes & 1),
                            (int)(finishing % passes), tiles);
        else
            start_dropping(&f);
        if (n >= total) { /* nothing is multiplied any more */
            if (n == total && whole_map) {
                UNROLL for (int m = 0; m < NN_AMX_U8S8_MAP_TILES; m++) store_map(piece, &p, m);
            } else if (n == total) {
                store_0(&p);
                store_1(&p);
                store_2(&p, piece->tile_rows);
                store_3(&p, piece->tile_rows);
            }
            for (int64_t i = 0; i < p.rows; i++) finish_row(&f, tiles, form);
            continue;
        }
        ring[index % RING] = at;
        const int32_t *offsets = piece->tile_offsets + 2 * at.pair;
        p.w = piece->w + at.block * piece->block_bytes + part * pass_weights;
        p.start = piece->call->parameters.start + piece->parameter +
                  (at.block * tiles + part * pass_tiles) * LANES;
        for (int m = 0; m < (whole_map ? NN_AMX_U8S8_MAP_TILES : 2); m++)
            p.a[m] = piece->a + offsets[m];
        p.loads_pixels = piece->step_count > 1 || at.pair != loaded_pair;
        loaded_pair = at.pair;
        take_lines(&lines, piece->step_count * products, &p);
        const bool is_narrow = tiles == 1 || (tiles == 3 && part);
        if (whole_map)
            run_map_pass(piece, &p, &f, tiles, pace, form);
        else if (is_narrow)
            run_pass(piece, &p, &f, 1, tiles, pace, form);
        else
            run_pass(piece, &p, &f, 2, tiles, pace, form);
        p.before = f.buffers->sums[index & 1] + part * pass_tiles * LANES;
        p.tiles_before = is_narrow ? 1 : 2;
        if (part < passes - 1) continue;
        if (whole_map)
            at.block++;
        else
            at = next_job(piece, at);
    }
}

/* ---- all forms ------------------------------------------------------------------------------ */

/* Rows of a step, in the order of the tables below. */
enum { PACES = 5 };

#define RUN(tiles, pace)                                                                           \
    static void run_##tiles##_##pace(const nn_amx_u8s8_piece *piece) {                             \
        run_jobs(piece, tiles, pace, TO_BYTES, false);                                             \
    }                                                                                              \
    static void add_##tiles##_##pace(const nn_amx_u8s8_piece *piece) {                             \
        run_jobs(piece, tiles, pace, TO_BYTES_FIXED, false);                                       \
    }
#define RUN_ALL(tiles)                                                                             \
    RUN(tiles, 1)                                                                                  \
    RUN(tiles, 2)                                                                                  \
    RUN(tiles, 4)                                                                                  \
    RUN(tiles, 8)                                                                                  \
    RUN(tiles, 16)                                                                                 \
    static void add_exactly_##tiles(const nn_amx_u8s8_piece *piece) {                              \
        run_jobs(piece, tiles, 1, TO_BYTES_EXACT, false);                                          \
    }                                                                                              \
    static void run_##tiles##_any(const nn_amx_u8s8_piece *piece) {                                \
        run_jobs(piece, tiles, 1, TO_ANY, false);                                                  \
    }
#define ENTRIES(stem, tiles)                                                                       \
    {                                                                                              \
        stem##_##tiles##_1, stem##_##tiles##_2, stem##_##tiles##_4, stem##_##tiles##_8,            \
            stem##_##tiles##_16                                                                    \
    }
RUN_ALL(1)
RUN_ALL(2)
RUN_ALL(3)
RUN_ALL(4)

/* Passes of all pixels have many steps, or are few. */
#define RUN_MAP(pace)                                                                              \
    static void run_map_##pace(const nn_amx_u8s8_piece *piece) {                                   \
        run_jobs(piece, MOST_TILES, pace, TO_BYTES, true);                                         \
    }                                                                                              \
    static void add_map_##pace(const nn_amx_u8s8_piece *piece) {                                   \
        run_jobs(piece, MOST_TILES, pace, TO_BYTES_FIXED, true);                                   \
    }
RUN_MAP(1)
RUN_MAP(2)
static void add_map_exactly(const nn_amx_u8s8_piece *piece) {
    run_jobs(piece, MOST_TILES, 1, TO_BYTES_EXACT, true);
}
static void run_map_any(const nn_amx_u8s8_piece *piece) {
    run_jobs(piece, MOST_TILES, 1, TO_ANY, true);
}

/* The slowest pace that is done, or nearly, with the steps of a pass. */
static int choose_pace(const nn_amx_u8s8_piece *piece) {
    int64_t rows = piece->tiles > 2 ? piece->tile_rows : 2 * piece->tile_rows;
    for (int i = 0; i < PACES; i++) {
        int64_t pace = 1 << i, steps = piece->step_count - (pace <= LAZY_PACE);
        if (pace * steps * 4 >= rows * 3 || 2 * pace > rows) return i;
    }
    return PACES - 1;
}

static void configure(const nn_amx_u8s8_piece *piece) {
    nn_amx_config config = {.palette = 1};
    for (int tile = 0; tile < NN_AMX_TILES; tile++) {
        const bool is_weights = tile == 6 || (tile == 7 && !piece->whole_map);
        const bool is_pixels = tile >= 4 && !is_weights;
        config.rows[tile] = (uint8_t)(is_weights ? piece->step_bytes / 4 : piece->tile_rows);
        config.row_bytes[tile] = (uint16_t)(is_pixels ? piece->step_bytes : NN_AMX_ROW_BYTES);
    }
    nn_amx_configure(&config);
}

typedef void (*run_function)(const nn_amx_u8s8_piece *);

static run_function choose_run(const nn_amx_u8s8_piece *piece) {
    static const run_function plain[MOST_TILES][PACES] = {ENTRIES(run, 1), ENTRIES(run, 2),
                                                          ENTRIES(run, 3), ENTRIES(run, 4)};
    static const run_function adding[MOST_TILES][PACES] = {ENTRIES(add, 1), ENTRIES(add, 2),
                                                           ENTRIES(add, 3), ENTRIES(add, 4)};
    static const run_function any[MOST_TILES] = {run_1_any, run_2_any, run_3_any, run_4_any};
    static const run_function exactly[MOST_TILES] = {add_exactly_1, add_exactly_2, add_exactly_3,
                                                     add_exactly_4};
    static const run_function plain_map[] = {run_map_1, run_map_2};
    static const run_function adding_map[] = {add_map_1, add_map_2};
    const int tiles = piece->tiles - 1;
    const bool is_any =
        !piece->call->is_simple || (piece->sum != NULL && !nn_is_sum_moderate(piece->sum));
    const bool is_exact =
        piece->sum != NULL && (piece->adds_exactly || fraction_of(piece->sum) == 0);
    if (piece->whole_map) {
        const bool is_short = piece->step_count <= piece->tile_rows;
        if (is_any) return run_map_any;
        if (is_exact) return add_map_exactly;
        return piece->sum != NULL ? adding_map[is_short] : plain_map[is_short];
    }
    if (is_any) return any[tiles];
    if (is_exact) return exactly[tiles];
    return piece->sum != NULL ? adding[tiles][choose_pace(piece)]
                              : plain[tiles][choose_pace(piece)];
}

void nn_amx_u8s8_run_piece(const nn_amx_u8s8_piece *piece) {
    configure(piece);
    choose_run(piece)(piece);
    nn_amx_release();
}
