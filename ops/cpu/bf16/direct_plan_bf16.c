/* How a bf16 convolution is cut up: steps, band, units, tiles; and the packing of weights. */
#include "base/integers.h"
#include "ops/cpu/bf16/direct_bf16.h"

#include "base/cpu.h"

#include <stdio.h>

enum {
    ELEMENT = 2, /* bytes of a bf16 */
    /* Weights that stay in L2 while pairs of tiles pass through all panels. */
    RESIDENT_BYTES = 600 << 10,
    /* A panel that leaves L1 no room for pixels: then they may as well come from L2. */
    NEAR_BYTES = 24 << 10,
    UNITS_PER_THREAD = 4,
    PIXEL_UNITS_PER_THREAD = 8, /* the last of few is much smaller than the others */
    L1_PERIOD = 1024, /* a pixel pitch that is a multiple pushes the taps of a map out of L1 */
    LINE = 64,
};

/* Input positions that `count` outputs reach along an axis. */
static int64_t reach(const nn_window_axis *axis, int64_t count) {
    return (count - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

static bool needs_padding(const nn_direct_problem *p) {
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &p->axes[i];
        if (axis->pad_begin != 0 || reach(axis, axis->out) > axis->in) return true;
    }
    return false;
}

/* Rows of a narrow map that lie apart because of a stride would leave tiles half empty. */
static bool is_narrow_and_strided(const nn_direct_problem *p, const nn_bf16_unit *unit) {
    const nn_window_axis *width = &p->axes[NN_WIDTH];
    return width->stride > 1 && width->out < unit->least_rows && p->axes[NN_HEIGHT].out > 1;
}

/* ---- steps ---- */

/* Steps of one even size that make up `channels` exactly, not many more than have to be; 0: none.
 */
static int64_t exact_steps(int64_t channels) {
    const int64_t least = nn_divide_up(channels, NN_BF16_STEP);
    for (int64_t count = least; 3 * count <= 4 * least; count++)
        if (channels % count == 0 && channels / count % 2 == 0) return count;
    return 0;
}

static int64_t power_of_two_from(int64_t count) {
    int64_t power = 2;
    while (power < count) power *= 2;
    return power;
}

/* Channels of a copied pixel: as many as divide into steps; of a few, a power of two. */
static int64_t padded_channels(int64_t k) {
    if (exact_steps(k) > 0) return k;
    if (k < NN_BF16_STEP / 2) return power_of_two_from(k);
    int64_t count = nn_divide_up(k, NN_BF16_STEP);
    return nn_divide_up(nn_divide_up(k, count), 2) * 2 * count;
}

static void choose_steps(nn_bf16_plan *plan) {
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *width = &p->axes[NN_WIDTH];
    const int64_t rows = p->axes[NN_DEPTH].kernel * p->axes[NN_HEIGHT].kernel;
    plan->padded = padded_channels(p->k);
    plan->tap_steps = exact_steps(plan->padded);
    plan->k = (int)(plan->padded / plan->tap_steps);
    plan->taps = rows * width->kernel;
    const int64_t row = width->kernel * plan->padded, row_steps = exact_steps(row);
    plan->merged = width->kernel > 1 && width->dilation == 1 && row_steps > 0 &&
                   row_steps < width->kernel * plan->tap_steps;
    if (plan->merged) {
        plan->taps = rows;
        plan->tap_steps = row_steps;
        plan->k = (int)(row / row_steps);
    }
    plan->step_count = plan->taps * plan->tap_steps;
}

/* ---- input ---- */

static int phases_of(const nn_window_axis *axis) {
    return axis->stride <= NN_BF16_MOST_PHASES ? (int)axis->stride : 1;
}

static nn_bf16_view view_of_input(const nn_direct_problem *p) {
    const nn_window_axis *axes = p->axes;
    const int64_t pixel = p->in_pitch * ELEMENT, line = axes[NN_WIDTH].in * pixel;
    const int64_t plane = axes[NN_HEIGHT].in * line;
    return (nn_bf16_view){
        .slice = axes[NN_DEPTH].stride * plane,
        .row = axes[NN_HEIGHT].stride * line,
        .column = axes[NN_WIDTH].stride * pixel,
        .plane = plane,
        .line = line,
        .pixel = pixel,
        .row_phases = 1,
        .column_phases = 1,
    };
}

static void choose_band(nn_bf16_plan *plan) {
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *height = &p->axes[NN_HEIGHT], *width = &p->axes[NN_WIDTH];
    nn_bf16_view *view = &plan->view;
    view->row_phases = phases_of(height);
    view->column_phases = plan->merged ? 1 : phases_of(width);
    view->pixel = plan->padded * ELEMENT;
    if (!plan->merged && view->pixel % L1_PERIOD == 0 && plan->taps > 1) view->pixel += LINE;
    view->line = nn_divide_up(reach(width, plan->column_block), view->column_phases) * view->pixel;
    view->plane = nn_divide_up(reach(height, plan->row_block), view->row_phases) * view->line;
    view->column = width->stride / view->column_phases * view->pixel;
    view->row = height->stride / view->row_phases * view->line;
    view->slice = 0; /* each output depth has a band of its own */
    plan->band_bytes =
        p->axes[NN_DEPTH].kernel * view->row_phases * view->column_phases * view->plane;
}

/* What tap (depth, row, column) adds to where an output reads under its first tap. */
static int64_t tap_offset(const nn_bf16_plan *plan, int64_t d, int64_t h, int64_t w) {
    const nn_window_axis *axes = plan->problem.axes;
    const nn_bf16_view *view = &plan->view;
    const int64_t slice = d * (plan->uses_band ? 1 : axes[NN_DEPTH].dilation);
    const int64_t row = h * axes[NN_HEIGHT].dilation, column = w * axes[NN_WIDTH].dilation;
    const int64_t phase =
        row % view->row_phases * view->column_phases + column % view->column_phases;
    return (slice * view->row_phases * view->column_phases + phase) * view->plane +
           row / view->row_phases * view->line + column / view->column_phases * view->pixel;
}

/* ---- units ---- */

/* What products of that many pixels cost: tiles that are done together, all with as many rows. */
static int64_t cost_of_pixels(const nn_bf16_unit *unit, int64_t pixels) {
    const int64_t tiles = nn_round_up(nn_divide_up(pixels, unit->rows), unit->together);
    return tiles * nn_max(nn_divide_up(pixels, tiles), unit->least_rows);
}

/* Cuts `count` rows of `pixels` each (0: panels) into blocks of at most `most`, `others` times. The
 * thread that has most to do decides; of blocks that cost about the same, the smaller ones leave
 * others something to take over. */
static int64_t even_block(const nn_bf16_unit *unit, int64_t count, int64_t pixels, int64_t most,
                          int64_t others, int threads) {
    const int64_t wanted = threads * (pixels > 0 ? PIXEL_UNITS_PER_THREAD : UNITS_PER_THREAD);
    int64_t best = most, least = INT64_MAX;
    for (int64_t block = most; block > 0; block--) {
        const int64_t units = others * nn_divide_up(count, block);
        if (units > wanted && least < INT64_MAX) break;
        const int64_t each = pixels > 0 ? cost_of_pixels(unit, block * pixels) : block;
        const int64_t cost = nn_divide_up(units, threads) * each;
        if (least < INT64_MAX && cost > least + least / 50) continue;
        least = nn_min(cost, least);
        best = block;
    }
    return best;
}

static void choose_units(nn_bf16_plan *plan, int threads) {
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *height = &p->axes[NN_HEIGHT], *width = &p->axes[NN_WIDTH];
    const int64_t l2 = nn_cpu_get()->l2_bytes > 0 ? nn_cpu_get()->l2_bytes : 1 << 20;
    const int64_t pixel = plan->padded * ELEMENT;
    const double input = (double)height->in * (double)width->in * (double)pixel;
    /* Each thread reads half of the larger ones: weights, or else pixels. Lines of an output that
     * threads share by panels are in another core's cache before and after: they count as well,
     * unless weights are so many that both threads would wait for them. */
    const double output = (double)height->out * (double)width->out * (double)p->columns *
                          (plan->types.y_is_float ? (double)sizeof(float) : ELEMENT);
    const double pixels = plan->group_bytes <= l2 / 4 ? input + output : input;
    const bool heavy = (double)plan->group_bytes > (threads > 1 ? pixels : input);
    const int64_t budget = heavy ? l2 / 2 : l2 / 8;
    const int64_t others = p->images * p->groups * p->axes[NN_DEPTH].out;
    const int64_t pieces = (int64_t)(input * (double)p->axes[NN_DEPTH].kernel / (double)budget) + 1;
    const bool spreads = threads > 1 && others * pieces < (int64_t)threads * UNITS_PER_THREAD;
    plan->row_block = height->out;
    plan->column_block = width->out;
    plan->panel_block = plan->panels;
    if (height->out > 1) {
        plan->row_block = nn_divide_up(height->out, nn_min(pieces, height->out));
        if (spreads && !heavy)
            plan->row_block =
                even_block(plan->unit, height->out, width->out, plan->row_block, others, threads);
    } else {
        const int64_t tile_rows = plan->unit->rows;
        int64_t tiles = nn_divide_up(width->out, tile_rows),
                block = nn_divide_up(nn_divide_up(width->out, pieces), tile_rows);
        if (spreads && !heavy)
            block = even_block(plan->unit, tiles, tile_rows, block, others, threads);
        plan->column_block = nn_min(block * tile_rows, width->out);
    }
    plan->row_blocks = nn_divide_up(height->out, plan->row_block);
    plan->column_blocks = nn_divide_up(width->out, plan->column_block);
    const int64_t maps = others * plan->row_blocks * plan->column_blocks;
    if (spreads && (heavy || maps < threads))
        plan->panel_block = even_block(plan->unit, plan->panels, 0, plan->panels, maps, threads);
    plan->panel_blocks = nn_divide_up(plan->panels, plan->panel_block);
    plan->units = maps * plan->panel_blocks;
}

/* ---- tiles ---- */

/* Tiles of `rows` rows cover the positions of a unit: either all rows of it as one line, with what
 * lies between the rows, or each row by itself. */
typedef struct tiling {
    bool flat;
    int64_t count, line; /* of all; of one row */
    int rows;
} tiling;

static tiling tiling_of_line(const nn_bf16_unit *unit, int64_t positions, int64_t lines) {
    tiling out = {.line = nn_divide_up(positions, unit->rows)};
    out.count = out.line * lines;
    if (lines == 1 && out.count > 1) out.line = out.count = nn_round_up(out.count, unit->together);
    out.rows = (int)nn_divide_up(positions, out.line);
    if (out.count > 1) out.count = nn_round_up(out.count, unit->together);
    return out;
}

static int64_t cost_of(const nn_bf16_unit *unit, const tiling *t) {
    return t->count * nn_max(t->rows, unit->least_rows);
}

static tiling choose_tiling(const nn_bf16_plan *plan, int64_t rows, int64_t columns) {
    const nn_bf16_view *view = &plan->view;
    tiling by_row = tiling_of_line(plan->unit, columns, rows);
    if (rows > 1 && view->row % view->column != 0) return by_row;
    int64_t line = rows > 1 ? view->row / view->column : columns;
    tiling flat = tiling_of_line(plan->unit, (rows - 1) * line + columns, 1);
    flat.flat = true;
    return cost_of(plan->unit, &flat) <= cost_of(plan->unit, &by_row) ? flat : by_row;
}

/* A tile that would reach beyond the last position begins earlier and leaves out what the one
 * before has made. */
static void fill_tile(const nn_bf16_plan *plan, const tiling *t, int64_t row, int64_t columns,
                      int64_t positions, int64_t tile, int64_t *a, int32_t *outputs) {
    const nn_bf16_view *view = &plan->view;
    const nn_direct_problem *p = &plan->problem;
    const int64_t line = t->flat && view->row > 0 ? view->row / view->column : columns;
    const int64_t wanted = tile * t->rows, begin = nn_max(nn_min(wanted, positions - t->rows), 0);
    *a = row * view->row + begin * view->column;
    for (int i = 0; i < t->rows; i++) {
        int64_t position = begin + i, at_row = row, at_column = position;
        if (t->flat && positions > columns) {
            at_row = position / line;
            at_column = position % line;
        }
        bool is_wanted = position >= wanted && position < positions && at_column < columns;
        outputs[i] = is_wanted ? (int32_t)(at_row * p->out_row + at_column * p->out_pitch) : -1;
    }
}

static void fill_tiles(const nn_bf16_plan *plan, int64_t rows, int64_t columns, int64_t *a,
                       int32_t *outputs) {
    const tiling t = choose_tiling(plan, rows, columns);
    const int64_t line = plan->view.column > 0 ? plan->view.row / plan->view.column : 0;
    for (int64_t i = 0; i < t.count; i++, outputs += t.rows) {
        int64_t row = t.flat ? 0 : i / t.line;
        int64_t positions = t.flat && rows > 1 ? (rows - 1) * line + columns : columns;
        if (row < rows) {
            fill_tile(plan, &t, row, columns, positions, t.flat ? i : i % t.line, &a[i], outputs);
            continue;
        }
        a[i] = a[i - 1]; /* makes their number a multiple */
        for (int k = 0; k < t.rows; k++) outputs[k] = -1;
    }
}

/* Rows and columns of the last unit. */
static void last_unit(const nn_bf16_plan *plan, int64_t *rows, int64_t *columns) {
    const nn_window_axis *axes = plan->problem.axes;
    *rows = axes[NN_HEIGHT].out - (plan->row_blocks - 1) * plan->row_block;
    *columns = axes[NN_WIDTH].out - (plan->column_blocks - 1) * plan->column_block;
}

static void size_tiles(const nn_bf16_plan *plan, int64_t rows, int64_t columns,
                       nn_bf16_tiles *out) {
    tiling t = choose_tiling(plan, rows, columns);
    out->count = t.count;
    out->rows = t.rows;
}

/* ---- all together ---- */

/* Offsets of outputs are kept in 32 bits. */
static bool fits(const nn_direct_problem *p) {
    const nn_window_axis *axes = p->axes;
    int64_t row, column, most;
    if (__builtin_mul_overflow(axes[NN_HEIGHT].out, p->out_row, &row) ||
        __builtin_mul_overflow(axes[NN_WIDTH].out, p->out_pitch, &column) ||
        __builtin_add_overflow(row, column, &most))
        return false;
    return most <= INT32_MAX;
}

bool nn_bf16_plan_make(const nn_direct_problem *problem, const nn_bf16_types *types, nn_isa isa,
                       int threads, const nn_epilogue *epilogue, nn_bf16_plan *out) {
    *out = (nn_bf16_plan){
        .problem = *problem,
        .unit = isa >= NN_ISA_AMX ? &nn_bf16_amx : &nn_bf16_avx512bf16,
        .types = *types,
        .epilogue = *epilogue,
    };
    nn_direct_simplify(&out->problem);
    const nn_direct_problem *p = &out->problem;
    if (!fits(p)) return false;
    choose_steps(out);
    out->uses_band = types->x_is_float || needs_padding(p) || out->padded != p->k ||
                     (out->merged && p->in_pitch != p->k) || is_narrow_and_strided(p, out->unit);
    out->panels = nn_divide_up(p->columns, NN_BF16_PANEL);
    out->last_columns = (int)(p->columns - (out->panels - 1) * NN_BF16_PANEL);
    out->panel_bytes = out->step_count * out->k * NN_BF16_PANEL * ELEMENT;
    out->group_bytes = out->panels * out->panel_bytes;
    if (out->last_columns <= NN_BF16_COLUMNS) out->group_bytes -= out->panel_bytes / 2;
    choose_units(out, threads);
    if (out->uses_band)
        choose_band(out);
    else
        out->view = view_of_input(p);
    int64_t rows, columns;
    last_unit(out, &rows, &columns);
    size_tiles(out, out->row_block, out->column_block, &out->full);
    size_tiles(out, rows, columns, &out->last);
    out->panels_outer = out->panel_block * out->panel_bytes > RESIDENT_BYTES ||
                        (out->panel_blocks > 1 && out->panel_bytes > NEAR_BYTES);
    return true;
}

static size_t tiles_bytes(const nn_bf16_tiles *tiles) {
    size_t count = (size_t)tiles->count, outputs = count * (size_t)tiles->rows;
    return count * sizeof(int64_t) + (outputs + 1) / 2 * 2 * sizeof(int32_t);
}

size_t nn_bf16_plan_bytes(const nn_bf16_plan *plan) {
    return (size_t)plan->step_count * sizeof(int64_t) + tiles_bytes(&plan->full) +
           tiles_bytes(&plan->last);
}

static char *place_tiles(const nn_bf16_plan *plan, int64_t rows, int64_t columns, char *memory,
                         nn_bf16_tiles *tiles) {
    int64_t *a = (int64_t *)memory;
    int32_t *outputs = (int32_t *)(a + tiles->count);
    fill_tiles(plan, rows, columns, a, outputs);
    tiles->a = a;
    tiles->outputs = outputs;
    return memory + tiles_bytes(tiles);
}

void nn_bf16_plan_fill(nn_bf16_plan *plan, void *memory) {
    const nn_window_axis *axes = plan->problem.axes;
    const int64_t row_taps = plan->merged ? 1 : axes[NN_WIDTH].kernel;
    int64_t *steps = memory, rows, columns;
    /* Taps inside: they read the same channels of pixels that overlap. */
    for (int64_t s = 0; s < plan->step_count; s++) {
        int64_t tap = s % plan->taps, row = tap / row_taps;
        steps[s] = tap_offset(plan, row / axes[NN_HEIGHT].kernel, row % axes[NN_HEIGHT].kernel,
                              tap % row_taps) +
                   s / plan->taps * plan->k * ELEMENT;
    }
    plan->steps = steps;
    char *place = (char *)(steps + plan->step_count);
    last_unit(plan, &rows, &columns);
    place = place_tiles(plan, plan->row_block, plan->column_block, place, &plan->full);
    place_tiles(plan, rows, columns, place, &plan->last);
}

/* ---- packing ---- */

void nn_bf16_variant(const nn_bf16_plan *plan, const nn_direct_source *source, char *text,
                     size_t size) {
    snprintf(text, size,
             "bf16 %lld steps of %d, %lld padded%s, %lld groups, strides %lld %lld, x %a",
             (long long)plan->step_count, plan->k, (long long)plan->padded,
             plan->merged ? " rows" : "", (long long)plan->problem.groups,
             (long long)source->column_step, (long long)source->k_step, (double)source->scale);
}

size_t nn_bf16_packed_bytes(const nn_bf16_plan *plan) {
    return nn_aligned(plan->group_bytes * plan->problem.groups);
}

size_t nn_bf16_bias_bytes(const nn_bf16_plan *plan) {
    return nn_aligned(plan->panels * NN_BF16_PANEL * plan->problem.groups * (int64_t)sizeof(float));
}

/* Element i of a step: the channel of the tap, or of the kernel row. NULL: padding. */
static const float *weight_at(const nn_bf16_plan *plan, const nn_direct_source *source,
                              const float *w, int64_t step, int i) {
    int64_t tap = step % plan->taps, k = step / plan->taps * plan->k + i;
    if (plan->merged) {
        tap = tap * plan->problem.axes[NN_WIDTH].kernel + k / plan->padded;
        k %= plan->padded;
    }
    return k < plan->problem.k ? w + tap * source->tap_step + k * source->k_step : NULL;
}

/* One tile of 16 columns, of which `columns` exist, from the column at w. */
static void pack_tile(const nn_bf16_plan *plan, const nn_direct_source *source, const float *w,
                      int64_t step, int64_t columns, uint16_t *to) {
    for (int i = 0; i < plan->k; i++) {
        const float *from = weight_at(plan, source, w, step, i);
        uint16_t *pair = to + i / 2 * 2 * NN_BF16_COLUMNS + i % 2;
        for (int64_t j = 0; j < NN_BF16_COLUMNS; j++)
            pair[2 * j] = from != NULL && j < columns
                              ? nn_float_to_bfloat16(from[j * source->column_step] * source->scale)
                              : 0;
    }
}

void nn_bf16_pack(const nn_bf16_plan *plan, const nn_direct_source *source, const float *w,
                  uint16_t *packed) {
    const nn_direct_problem *p = &plan->problem;
    const int64_t tile = (int64_t)plan->k * NN_BF16_COLUMNS;
    for (int64_t group = 0; group < p->groups; group++)
        for (int64_t first = 0; first < p->columns; first += NN_BF16_PANEL) {
            const bool two = p->columns - first > NN_BF16_COLUMNS;
            for (int64_t step = 0; step < plan->step_count; step++)
                for (int64_t half = 0; half <= two; half++, packed += tile) {
                    int64_t column = first + half * NN_BF16_COLUMNS;
                    pack_tile(plan, source,
                              w + group * source->group_step + column * source->column_step, step,
                              p->columns - column, packed);
                }
        }
}

uint16_t *nn_bf16_packed_tile(const nn_bf16_plan *plan, uint16_t *packed, int64_t step,
                              int64_t column) {
    const int64_t tile = (int64_t)plan->k * NN_BF16_COLUMNS, panel = column / NN_BF16_PANEL;
    const bool is_narrow = panel == plan->panels - 1 && plan->last_columns <= NN_BF16_COLUMNS;
    return packed + panel * plan->panel_bytes / ELEMENT +
           (is_narrow ? step : 2 * step + column % NN_BF16_PANEL / NN_BF16_COLUMNS) * tile;
}

void nn_bf16_pack_matrix(const nn_bf16_plan *plan, const void *from, bool from_float, int64_t step,
                         uint16_t *packed) {
    const nn_direct_problem *p = &plan->problem;
    const int64_t element = from_float ? (int64_t)sizeof(float) : ELEMENT;
    for (int64_t first = 0; first < p->columns; first += NN_BF16_PANEL)
        for (int64_t k = 0; k < plan->padded; k += plan->k)
            for (int64_t column = first; column < nn_min(first + NN_BF16_PANEL, p->columns);
                 column += NN_BF16_COLUMNS) {
                const char *at = (const char *)from + (k * step + column) * element;
                nn_bf16_pack_rows(at, from_float, step, nn_max(p->k - k, 0),
                                  (int)nn_min(p->columns - column, NN_BF16_COLUMNS), plan->k / 2,
                                  packed);
                packed += plan->k * NN_BF16_COLUMNS;
            }
}

void nn_bf16_pack_transposed(const nn_bf16_plan *plan, const void *from, bool from_float,
                             int64_t step, float scale, uint16_t *packed) {
    const nn_direct_problem *p = &plan->problem;
    const int64_t element = from_float ? (int64_t)sizeof(float) : ELEMENT;
    for (int64_t first = 0; first < p->columns; first += NN_BF16_PANEL)
        for (int64_t k = 0; k < plan->padded; k += plan->k)
            for (int64_t column = first; column < nn_min(first + NN_BF16_PANEL, p->columns);
                 column += NN_BF16_COLUMNS) {
                const char *at = (const char *)from + (column * step + k) * element;
                nn_bf16_pack_columns(at, from_float, step, nn_max(p->k - k, 0),
                                     (int)nn_min(p->columns - column, NN_BF16_COLUMNS), plan->k / 2,
                                     scale, packed);
                packed += plan->k * NN_BF16_COLUMNS;
            }
}

void nn_bf16_pack_bias(const nn_bf16_plan *plan, const float *bias, int64_t step, float scale,
                       float *packed) {
    const nn_direct_problem *p = &plan->problem;
    for (int64_t group = 0; group < p->groups; group++)
        for (int64_t j = 0; j < plan->panels * NN_BF16_PANEL; j++) {
            bool given = bias != NULL && j < p->columns;
            *packed++ = given ? bias[(group * p->columns + j) * step] * scale : 0;
        }
}
