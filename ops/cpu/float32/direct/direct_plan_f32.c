/* How a direct convolution is cut up: which tile, which units for the threads, how much of the
 * weights at a time. */
#include "base/integers.h"
#include "ops/cpu/float32/direct/direct_product_f32.h"

#include "base/cpu.h"

#include <math.h>

enum {
    /* Fewer channels than this make taps too short: a whole kernel row is one then. */
    FEW_CHANNELS = 9,
    /* Weights of a panel that stay in L2 beside the activations while the tiles of a unit pass. */
    PASS_BYTES = 200 << 10,
    /* Multiply-accumulates that pay for waking a thread: some 5 microseconds. */
    WORTH_A_THREAD = 500 * 1000,
    /* Units for each thread, so that a core that is taken away costs little. */
    UNITS_PER_THREAD = 4,
    COLUMNS_PER_BAND = 320, /* for each tap: their products take twenty times a band's copy */
    SHARED_PER_BAND = 128,  /* or forty, where products are shared and threads keep a band */
    LEAST_ACCUMULATORS = 8, /* that keep two units busy, which take four cycles for an FMA */
    PART_ROWS = 128,        /* pixels that hide the reading of weights behind their products */
    PLANAR_ROWS = 4,        /* rows of output before the next ones, whose planes wait in L2 */
    L1_PERIOD = 4096,       /* bytes after which addresses share an L1 set, */
    L1_WAYS = 8,            /* which holds so many lines */
};

/* A fold must be faster by as much. */
static const double FOLD_GAIN = 0.9;

/* Tiles of one vector write less beside each other and have fewer sums to hide latency with. */
static const double ONE_VECTOR_COST = 1.06;

/* Threads may be done as much later than with shares of equal size before panels are cut, too. */
static const double MOST_UNEVENNESS = 1.04;

/* ---- shape of the problem ---- */

static bool is_trivial(const nn_window_axis *axis) {
    return axis->in == 1 && axis->out == 1 && axis->kernel == 1 && axis->pad_begin == 0;
}

nn_direct_problem nn_direct_product(int64_t m, int64_t n, int64_t k) {
    const nn_window_axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    nn_direct_problem out = {
        .images = 1,
        .groups = 1,
        .k = k,
        .columns = n,
        .in_pitch = k,
        .axes = {one, one, one},
        .compares_rows = true,
    };
    out.axes[NN_WIDTH].in = out.axes[NN_WIDTH].out = m;
    nn_direct_dense_output(&out, n);
    return out;
}

void nn_direct_dense_output(nn_direct_problem *problem, int64_t channels) {
    problem->out_pitch = channels;
    problem->out_row = problem->axes[NN_WIDTH].out * channels;
    problem->out_plane = problem->axes[NN_HEIGHT].out * problem->out_row;
    problem->out_image = problem->axes[NN_DEPTH].out * problem->out_plane;
}

static bool has_dense_output(const nn_direct_problem *problem) {
    nn_direct_problem dense = *problem;
    nn_direct_dense_output(&dense, problem->out_pitch);
    return dense.out_row == problem->out_row && dense.out_plane == problem->out_plane &&
           dense.out_image == problem->out_image;
}

bool nn_direct_is_pointwise(const nn_window_axis axes[NN_MAX_SPATIAL]) {
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &axes[i];
        if (axis->kernel != 1 || axis->stride != 1 || axis->pad_begin != 0 || axis->in != axis->out)
            return false;
    }
    return true;
}

bool nn_direct_is_one_pixel(const nn_direct_problem *p) {
    return p->images == 1 && p->axes[NN_DEPTH].out == 1 && p->axes[NN_HEIGHT].out == 1 &&
           p->axes[NN_WIDTH].out == 1;
}

void nn_direct_simplify(nn_direct_problem *problem) {
    const nn_window_axis none = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    nn_window_axis *axes = problem->axes;
    if (nn_direct_is_pointwise(axes) && has_dense_output(problem)) {
        int64_t pixels = problem->images;
        for (int i = 0; i < NN_MAX_SPATIAL; i++) pixels *= axes[i].in;
        axes[NN_DEPTH] = axes[NN_HEIGHT] = axes[NN_WIDTH] = none;
        axes[NN_WIDTH].in = axes[NN_WIDTH].out = pixels;
        problem->images = 1;
    }
    for (int i = 0; i < NN_MAX_SPATIAL - 1 && is_trivial(&axes[NN_WIDTH]); i++) {
        axes[NN_WIDTH] = axes[NN_HEIGHT];
        axes[NN_HEIGHT] = axes[NN_DEPTH];
        axes[NN_DEPTH] = none;
        problem->out_pitch = problem->out_row;
        problem->out_row = problem->out_plane;
    }
}

/* ---- folding ---- */

/* Vector FMAs for an output pixel and a channel and row of the kernel, when `fold` pixels are one.
 */
static double folded_time(const nn_direct_problem *p, const nn_tiles_f32 *tiles, int64_t fold) {
    const nn_window_axis *width = &p->axes[NN_WIDTH];
    int64_t vectors = nn_divide_up(fold * p->columns, tiles->lanes);
    int64_t kernel = width->kernel + (fold - 1) * width->stride;
    int64_t pixels = nn_divide_up(width->out, fold);
    int64_t rows = nn_min(pixels * nn_min(p->axes[NN_HEIGHT].out, 2), NN_TILE_MAX_ROWS);
    /* Few accumulators wait for each other; one vector of weights is loaded for few FMAs. */
    double wait = rows * vectors < LEAST_ACCUMULATORS
                      ? (double)LEAST_ACCUMULATORS / (double)(rows * vectors)
                      : 1;
    return (double)(pixels * vectors * kernel) / (double)width->out * wait *
           (vectors == 1 ? 1.25 : 1);
}

/* How many neighbouring pixels are best taken as one: more where channels leave vectors empty and
 * the kernel is wide beside the strides. */
static int64_t best_fold(const nn_direct_problem *p, const nn_tiles_f32 *tiles) {
    const nn_window_axis *width = &p->axes[NN_WIDTH];
    const int64_t most = tiles->shapes[tiles->count > 1 ? 1 : 0]->columns / p->columns;
    bool dense = p->groups == 1 && p->out_pitch == p->columns;
    if (!dense || width->kernel == 1 || width->dilation != 1) return 1;
    const double plain = folded_time(p, tiles, 1);
    double least = FOLD_GAIN * plain;
    int64_t best = 1, rows = p->axes[NN_DEPTH].kernel * p->axes[NN_HEIGHT].kernel;
    for (int64_t fold = 2; fold <= most && fold <= width->out; fold++) {
        int64_t kernel = width->kernel + (fold - 1) * width->stride;
        int64_t columns = nn_divide_up(fold * p->columns, tiles->lanes) * tiles->lanes;
        double time = folded_time(p, tiles, fold);
        /* The sum is not split: what lies behind the last pixel is not in memory between passes. */
        if (rows * kernel * p->k * columns * (int64_t)sizeof(float) > PASS_BYTES) break;
        if (time >= least) continue;
        least = time;
        best = fold;
    }
    return best;
}

static void fold_pixels(nn_direct_plan *plan) {
    nn_direct_problem *p = &plan->problem;
    nn_window_axis *width = &p->axes[NN_WIDTH];
    plan->fold = best_fold(p, plan->tiles);
    plan->fold_channels = p->columns;
    plan->fold_step = width->stride;
    plan->last_columns = ((width->out - 1) % plan->fold + 1) * p->columns;
    width->kernel += (plan->fold - 1) * width->stride;
    width->stride *= plan->fold;
    width->out = nn_divide_up(width->out, plan->fold);
    p->columns *= plan->fold;
    p->out_pitch *= plan->fold;
}

/* ---- threads ---- */

/* As many as have enough to do. */
static int useful_threads(const nn_direct_plan *plan, int threads) {
    const nn_direct_problem *p = &plan->problem;
    double macs = (double)(p->images * p->groups) * (double)(plan->taps * plan->k * p->columns);
    for (int i = 0; i < NN_MAX_SPATIAL; i++) macs *= (double)p->axes[i].out;
    if (macs >= (double)WORTH_A_THREAD * threads) return threads;
    return macs < WORTH_A_THREAD ? 1 : (int)(macs / WORTH_A_THREAD);
}

/* How much longer `threads` threads take for `units` equal units than a share of each would. */
static double unevenness(int64_t units, int threads) {
    return (double)(nn_divide_up(units, threads) * threads) / (double)units;
}

/* Are there more weights than numbers that they make and are made for? Then threads share these. */
static bool is_mostly_weights(const nn_direct_plan *plan) {
    const nn_direct_problem *p = &plan->problem;
    double in = (double)p->k, out = (double)p->columns;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        /* A kernel of one passes over what strides leave out. */
        in *= (double)(p->axes[i].kernel == 1 ? p->axes[i].out : p->axes[i].in);
        out *= (double)p->axes[i].out;
    }
    return (double)(plan->taps * plan->k) * (double)p->columns > in + out;
}

/* ---- tile ---- */

const char *const nn_direct_widths[] = {"1 vector", "2 vectors", "3 vectors", "4 vectors", NULL};

/* Where 512-bit operations run as two halves, half a vector takes half the time. */
static bool has_halves(const nn_tiles_f32 *tiles) {
    return tiles->narrow != NULL && nn_cpu_get()->halves_512;
}

/* The narrowest shape of at least `columns` columns, else the widest. */
static const nn_tile_shape *shape_of_width(const nn_tiles_f32 *tiles, int64_t columns) {
    int i = 0;
    if (has_halves(tiles) && columns <= tiles->narrow->lanes) return tiles->narrow->shapes[0];
    if (has_halves(tiles) && columns > tiles->lanes && columns <= tiles->with_half->columns)
        return tiles->with_half;
    while (i < tiles->count - 1 && tiles->shapes[i]->columns < columns) i++;
    return tiles->shapes[i];
}

/* Columns that tiles compute, in panels of `width` and a last one. */
static int64_t computed_columns(const nn_tiles_f32 *tiles, int64_t width, int64_t columns) {
    const int64_t rest = columns % width;
    return columns - rest + (rest > 0 ? shape_of_width(tiles, rest)->columns : 0);
}

/* Vectors of a panel, which `threads` threads may share out. Two suit most: the most rows, so the
 * least traffic of weights. Folded pixels are one panel, and have no more. */
static int64_t best_vectors(const nn_direct_plan *plan, int threads) {
    const nn_tiles_f32 *tiles = plan->tiles;
    const int64_t columns = plan->problem.columns;
    const int64_t vectors = nn_divide_up(columns, tiles->lanes);
    if (plan->fold > 1) return 2;
    if (!has_halves(tiles)) return vectors % 3 == 0 && vectors % 2 != 0 ? 3 : 2;
    /* FMAs take so long there that weights can be read more often, and wide tiles read pixels and
     * write lines that lie together. One vector is worth an empty part of a wider tile only. */
    const int sharing = is_mostly_weights(plan) ? threads : 1;
    int64_t best = 0;
    double least = INFINITY;
    for (int64_t i = nn_min(tiles->count, vectors); i > 0; i--) {
        const int64_t width = i * tiles->lanes;
        const double time = (double)computed_columns(tiles, width, columns) *
                            unevenness(nn_divide_up(columns, width), sharing) *
                            (i == 1 && vectors > 1 ? ONE_VECTOR_COST : 1);
        if (time >= least) continue;
        best = i;
        least = time;
    }
    return best;
}

static int64_t pixels_of(const nn_direct_plan *plan) {
    return plan->problem.axes[NN_WIDTH].out * plan->problem.axes[NN_HEIGHT].out;
}

static bool can_share(const nn_direct_plan *plan) {
    const nn_direct_problem *p = &plan->problem;
    const nn_tiles_f32 *tiles = plan->tiles;
    if (p->sharing == NN_SHARE_NEVER || tiles->shared == NULL || plan->fold > 1 || p->vectors > 0 ||
        p->columns <= tiles->narrow->lanes || plan->k < NN_SHARED_STEP)
        return false;
    if (p->sharing == NN_SHARE_WHERE_POSSIBLE) return true;
    /* Fewer pixels wait for their weights. */
    enum { LEAST_PIXELS = 6 };
    return nn_shared_gains(NN_ISA_AVX512) && pixels_of(plan) >= LEAST_PIXELS &&
           nn_shared_pays(plan->taps, plan->k, p->columns);
}

static void choose_shared_shapes(nn_direct_plan *plan) {
    const nn_tiles_f32 *tiles = plan->tiles;
    plan->shape = plan->last_shape = tiles->shared->shape;
    plan->panels = nn_divide_up(plan->problem.columns, plan->shape->columns);
    if (nn_shared_ends_in_half(plan->problem.columns)) plan->last_shape = tiles->narrow->shapes[0];
}

static void choose_shapes(nn_direct_plan *plan, int threads) {
    const nn_tiles_f32 *tiles = plan->tiles;
    const int64_t columns = plan->problem.columns;
    const int64_t vectors = nn_divide_up(columns, tiles->lanes);
    const int64_t pixels = pixels_of(plan);
    plan->shares = can_share(plan);
    if (plan->shares) {
        choose_shared_shapes(plan);
        return;
    }
    int64_t wanted = best_vectors(plan, threads);
    /* Few pixels need width to hide the latency of an FMA; few channels leave little to read of the
     * pixels. */
    const bool is_wide = plan->merged && vectors % 4 == 0 && tiles->count >= 4;
    if (vectors >= 4 && (pixels < 4 || is_wide)) wanted = 4;
    if (plan->problem.vectors > 0) wanted = plan->problem.vectors;
    plan->shape = shape_of_width(tiles, nn_min(wanted * tiles->lanes, columns));
    plan->panels = nn_divide_up(columns, plan->shape->columns);
    const int64_t rest = columns % plan->shape->columns;
    plan->last_shape = rest > 0 ? shape_of_width(tiles, rest) : plan->shape;
}

/* ---- units and passes ---- */

/* Input positions that `count` outputs reach along an axis, not more than there are. */
static int64_t reach(const nn_window_axis *axis, int64_t count) {
    return (count - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

static nn_band_use band_use(const nn_direct_plan *plan) {
    const nn_window_axis *width = &plan->problem.axes[NN_WIDTH];
    int64_t step = plan->problem.in_pitch * width->stride * (int64_t)sizeof(float);
    bool collides = step % L1_PERIOD == 0 && plan->shape->rows > L1_WAYS && plan->panels > 1;
    bool pads = width->pad_begin > 0 || reach(width, width->out) - width->pad_begin > width->in;
    return collides ? NN_BAND_ALWAYS : pads ? NN_BAND_FOR_PADDING : NN_BAND_NEVER;
}

/* Units that differ in panels, at most `wanted`, as long as the copy of the band that each makes
 * for itself is little beside its products. */
static int64_t most_panel_units(const nn_direct_plan *plan, int64_t wanted) {
    if (band_use(plan) == NN_BAND_NEVER) return wanted;
    const int64_t columns = plan->shares ? SHARED_PER_BAND : COLUMNS_PER_BAND;
    return nn_min(wanted, plan->taps * plan->problem.columns / columns);
}

/* The block, `most` or somewhat smaller, in which `threads` threads are done soonest with `count`
 * things in each of `others` places: seven blocks would leave one of two threads without work. */
static int64_t even_block(int64_t count, int64_t most, int64_t others, int threads) {
    int64_t best = most, best_time = INT64_MAX;
    for (int64_t block = most; block >= 1 && 2 * block >= most; block--) {
        const int64_t time = nn_divide_up(others * nn_divide_up(count, block), threads) * block;
        if (time >= best_time) continue;
        best = block;
        best_time = time;
    }
    return best;
}

/* Cuts the panels of each unit, too, where units of pixels alone leave a thread without work at the
 * end: 33 tiles make 11 units of three, six for one of two threads. */
static void cut_panels(nn_direct_plan *plan, int64_t places, int threads) {
    if (plan->panel_block < plan->panels || band_use(plan) != NN_BAND_NEVER ||
        unevenness(places, threads) < MOST_UNEVENNESS)
        return;
    const int64_t block = nn_divide_up(plan->panels, threads);
    const int64_t parts = nn_divide_up(plan->panels, block);
    /* The last part may be shorter than the others. */
    const double lost = (double)(block * parts) / (double)plan->panels;
    if (unevenness(places * parts, threads) * lost < unevenness(places, threads))
        plan->panel_block = block;
}

/* Partial sums stand in y, where a residual that tiles do not add may be waiting. */
static bool can_sum_in_passes(const nn_direct_plan *plan) {
    return !plan->epilogue.has_residual || plan->tile_finishes;
}

static int64_t l2_bytes(void) {
    const int64_t l2 = nn_cpu_get()->l2_bytes;
    return l2 > 0 ? l2 : 1 << 20;
}

/* Bytes of input that stay in L2 beside the weights. */
static int64_t input_bytes(void) {
    return l2_bytes() * 3 / 8;
}

/* The same of a unit: more where weights are so many that each unit reads them from further away.
 */
static int64_t unit_bytes(const nn_direct_plan *plan) {
    const int64_t weights = plan->group_floats * (int64_t)sizeof(float);
    return weights > 2 * l2_bytes() ? l2_bytes() * 5 / 8 : input_bytes();
}

/* Bytes of input for a row of output, not counting what rows have in common. A kernel of one pixel
 * passes over others. */
static int64_t row_bytes(const nn_direct_plan *plan) {
    const nn_window_axis *height = &plan->problem.axes[NN_HEIGHT];
    const nn_window_axis *width = &plan->problem.axes[NN_WIDTH];
    const int64_t pixel = nn_divide_up(plan->problem.k, plan->input_parts) * (int64_t)sizeof(float);
    if (height->kernel == 1 && width->kernel == 1) return nn_max(width->out * pixel, 1);
    return nn_max(width->in * pixel * height->stride, 1);
}

/* Pixels so deep that L2 keeps only few of them would have the weights read again for each few:
 * then so much of k that more of them fit is summed for all panels before the next. */
static void choose_input_parts(nn_direct_plan *plan) {
    const int64_t row =
        (int64_t)sizeof(float) * nn_min(plan->problem.axes[NN_WIDTH].out, PART_ROWS);
    plan->input_parts = 1;
    if (plan->taps == 1 && can_sum_in_passes(plan) && row * plan->k > 2 * input_bytes())
        plan->input_parts = nn_divide_up(row * plan->k, input_bytes());
}

/* Units of so many pixels that their input stays in L2: rows, and parts of rows that are too long.
 */
static void fit_units(nn_direct_plan *plan) {
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *height = &p->axes[NN_HEIGHT], *width = &p->axes[NN_WIDTH];
    const int64_t budget = plan->input_parts > 1 ? input_bytes() : unit_bytes(plan);
    const int64_t pixel = nn_divide_up(p->k, plan->input_parts) * (int64_t)sizeof(float);
    const int64_t row = row_bytes(plan);
    const int rows = plan->shape->rows;

    plan->row_block = nn_min(nn_max(budget / row, 1), height->out);
    plan->row_block = nn_divide_up(height->out, nn_divide_up(height->out, plan->row_block));
    if (nn_direct_is_planar(p)) plan->row_block = nn_min(plan->row_block, PLANAR_ROWS);
    plan->column_block = width->out;
    if (row > 2 * budget) {
        const int64_t fitting = budget / nn_max(pixel * width->stride * height->kernel, 1);
        plan->column_block = nn_min(nn_max(fitting / rows, 1) * rows, width->out);
    }
    plan->panel_block = plan->panels;
}

/* Cuts rows, then columns, until the `others` places have `wanted` units together, or units are
 * single tiles. */
static void cut_pixels(nn_direct_plan *plan, int64_t others, int64_t wanted, int threads) {
    const nn_window_axis *axes = plan->problem.axes;
    const int64_t height = axes[NN_HEIGHT].out, width = axes[NN_WIDTH].out;
    const int rows = plan->shape->rows;
    const int64_t in_row = others * nn_divide_up(width, plan->column_block);
    const int64_t row_pieces = nn_min(nn_divide_up(wanted, in_row), height);
    plan->row_block = even_block(height, nn_divide_up(height, row_pieces), in_row, threads);
    others *= nn_divide_up(height, plan->row_block);
    if (others * nn_divide_up(width, plan->column_block) >= wanted) return;
    const int64_t tiles = nn_divide_up(width, rows);
    int64_t pieces = nn_min(nn_divide_up(wanted, others), tiles);
    /* A tile of few channels takes a tenth more where a panel has no other. */
    if (plan->shares && others == 1 && tiles % threads == 0) pieces = threads;
    plan->column_block = even_block(tiles, nn_divide_up(tiles, pieces), others, threads) * rows;
}

static void choose_units(nn_direct_plan *plan, int threads) {
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *height = &p->axes[NN_HEIGHT], *width = &p->axes[NN_WIDTH];
    const int64_t others = p->images * p->groups * p->axes[NN_DEPTH].out;
    const int64_t wanted = threads > 1 ? (int64_t)threads * UNITS_PER_THREAD : 1;
    fit_units(plan);
    const int64_t fitting = others * nn_divide_up(height->out, plan->row_block) *
                            nn_divide_up(width->out, plan->column_block);
    if (fitting < wanted) {
        const int64_t most = most_panel_units(plan, wanted);
        if (is_mostly_weights(plan) && most >= threads) {
            const int64_t pieces = nn_min(nn_divide_up(most, fitting), plan->panels);
            plan->panel_block =
                even_block(plan->panels, nn_divide_up(plan->panels, pieces), fitting, threads);
        } else {
            cut_pixels(plan, others, wanted, threads);
        }
    }
    plan->row_blocks = nn_divide_up(height->out, plan->row_block);
    plan->column_blocks = nn_divide_up(width->out, plan->column_block);
    cut_panels(plan, others * plan->row_blocks * plan->column_blocks, threads);
    plan->panel_blocks = nn_divide_up(plan->panels, plan->panel_block);
    plan->units = others * plan->row_blocks * plan->column_blocks * plan->panel_blocks;
}

static void choose_passes(nn_direct_plan *plan) {
    int64_t bytes = plan->taps * plan->k * plan->shape->columns * (int64_t)sizeof(float);
    int64_t tiles = plan->row_block * nn_divide_up(plan->column_block, plan->shape->rows);
    plan->taps_per_pass = plan->taps;
    plan->k_per_pass = plan->k;
    plan->passes = 1;
    if (plan->input_parts == 1 && (bytes <= PASS_BYTES || tiles < 2 || !can_sum_in_passes(plan)))
        return;
    int64_t passes = plan->input_parts > 1 ? plan->input_parts : nn_divide_up(bytes, PASS_BYTES);
    if (plan->taps > 1) {
        plan->taps_per_pass = nn_divide_up(plan->taps, nn_min(passes, plan->taps));
        plan->passes = nn_divide_up(plan->taps, plan->taps_per_pass);
    } else {
        plan->k_per_pass = nn_divide_up(nn_divide_up(plan->k, passes), 2) * 2;
        plan->passes = nn_divide_up(plan->k, plan->k_per_pass);
    }
    if (plan->input_parts > 1) plan->input_parts = plan->passes;
}

/* ---- band ---- */

static void choose_band(nn_direct_plan *plan) {
    const nn_window_axis *axes = plan->problem.axes, *width = &axes[NN_WIDTH];
    plan->band_use = band_use(plan);
    plan->band_is_compact = width->kernel == 1;
    plan->taps_at = nn_aligned(sizeof(nn_direct_kept));
    plan->band_at = plan->taps_at + nn_aligned(sizeof(nn_tile_tap) * (size_t)plan->taps);
    plan->worker_bytes = plan->band_at;
    if (plan->band_use != NN_BAND_NEVER) {
        int64_t depth = nn_min(reach(&axes[NN_DEPTH], 1), axes[NN_DEPTH].in);
        int64_t height = nn_min(reach(&axes[NN_HEIGHT], plan->row_block), axes[NN_HEIGHT].in);
        plan->band_pitch = plan->input_parts > 1 ? plan->k_per_pass : plan->problem.k;
        if (plan->band_pitch * (int64_t)sizeof(float) % (L1_PERIOD / 2) == 0)
            plan->band_pitch += NN_ALIGNMENT / sizeof(float);
        plan->band_columns =
            plan->band_is_compact ? plan->column_block : reach(width, plan->column_block);
        plan->band_rows = depth * height;
        int64_t floats = plan->band_rows * plan->band_columns * plan->band_pitch;
        plan->worker_bytes += (size_t)floats * sizeof(float) + NN_ALIGNMENT;
    }
    plan->worker_bytes = nn_round_up(plan->worker_bytes, NN_ALIGNMENT);
}

/* Floats of what is brought to another magnitude: weights of a group of panels, or all rows of a
 * unit, which do not share a set of L1. The room for a group stays in L1 or L2, that for rows is
 * written from anew by each layer, so rows must be much fewer. */
static int64_t scaled_floats(nn_direct_plan *plan) {
    enum { LINE = NN_ALIGNMENT / (int)sizeof(float), LEAST_COLUMNS_PER_ROW = 2 };
    const bool is_product = nn_direct_is_product(plan);
    const int64_t group = is_product ? nn_direct_panels_at_once(plan) : 1;
    const int64_t columns = plan->panel_block * plan->shape->columns;
    const int64_t lines = nn_divide_up(plan->k, LINE);
    plan->scales_rows = is_product && LEAST_COLUMNS_PER_ROW * plan->own_pixels < columns;
    plan->copied_step = (lines + (lines % 2 == 0)) * LINE;
    if (plan->scales_rows) return plan->own_pixels * plan->copied_step;
    return group * plan->taps * plan->k * plan->shape->columns;
}

static void choose_own_sums(nn_direct_plan *plan) {
    if (!plan->shares) return;
    plan->own_parts = plan->taps > 1 ? plan->taps : plan->passes;
    plan->own_pixels = plan->row_block * plan->column_block;
    plan->own_at = plan->worker_bytes;
    const int64_t own = plan->passes * (1 + plan->own_pixels);
    plan->scaled_at = plan->own_at + nn_aligned((size_t)own * sizeof(float));
    plan->worker_bytes = plan->scaled_at + nn_aligned((size_t)scaled_floats(plan) * sizeof(float));
}

size_t nn_direct_workspace(const nn_direct_plan *plan, int threads) {
    return plan->worker_bytes * (size_t)threads;
}

/* ---- all together ---- */

void nn_direct_plan_make(const nn_direct_problem *problem, const nn_tiles_f32 *tiles, int threads,
                         const nn_epilogue *epilogue, nn_direct_plan *out) {
    *out = (nn_direct_plan){.problem = *problem, .tiles = tiles, .epilogue = *epilogue};
    nn_direct_simplify(&out->problem);
    fold_pixels(out);
    const nn_window_axis *axes = out->problem.axes, *width = &axes[NN_WIDTH];
    int64_t kernel_rows = axes[NN_DEPTH].kernel * axes[NN_HEIGHT].kernel;
    out->merged = problem->groups == 1 && problem->k < FEW_CHANNELS && width->kernel > 1 &&
                  width->dilation == 1 && problem->in_pitch == problem->k;
    out->taps = out->merged ? kernel_rows : kernel_rows * width->kernel;
    out->k = out->merged ? problem->k * width->kernel : problem->k;
    out->tile_finishes = nn_epilogue_as_clip(epilogue, &out->low, &out->high);
    const int useful = useful_threads(out, threads);
    choose_shapes(out, useful);
    out->group_columns = (out->panels - 1) * out->shape->columns + out->last_shape->columns;
    out->group_floats = out->group_columns * out->taps * out->k;
    choose_input_parts(out);
    choose_units(out, useful);
    choose_passes(out);
    choose_band(out);
    choose_own_sums(out);
}
