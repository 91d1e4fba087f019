/* The loops of convolutions by Winograd's algorithms over blocks of tiles, whatever the elements of
 * their maps: input, products, output. */
#include "base/integers.h"
#include "ops/cpu/winograd/winograd.h"

typedef struct winograd_job {
    const nn_winograd_plan *plan;
    const nn_winograd_maps *maps;
    const char *packed;
    char *blocks, *workers; /* transformed inputs; what each worker has of its own */
    int64_t block;          /* that threads share */
} winograd_job;

/* Tiles at the lower end of their image, at its right end, and at both. */
typedef struct end_tiles {
    int64_t lower, right, both;
} end_tiles;

/* Tiles [begin, end) of a block with their transformed input. Where tiles at the ends of a map can
 * have fewer points, those at the right end alone come first, then those at no end, at the lower
 * end alone, at both: so the tiles that have a point follow each other, whatever point it is. */
typedef struct winograd_block {
    int64_t begin, end;
    end_tiles before, ends; /* of tiles [0, begin), of the block */
    char *v;
} winograd_block;

/* Sets which pixels exist. */
static void clip_place(const nn_winograd_plan *plan, nn_winograd_results *place) {
    const int m = plan->sizes.outputs;
    place->rows = (int)nn_min(m, plan->height.out - place->row);
    place->columns = (int)nn_min(m, plan->width.out - place->column);
}

/* The pixels of the output that a tile makes. */
static nn_winograd_results place_of(const nn_winograd_plan *plan, int64_t tile) {
    const int m = plan->sizes.outputs;
    int64_t line = tile / plan->tile_columns;
    nn_winograd_results out = {
        .image = line / plan->tile_rows,
        .row = line % plan->tile_rows * m,
        .column = tile % plan->tile_columns * m,
    };
    clip_place(plan, &out);
    return out;
}

/* Those of the next tile. */
static void next_place(const nn_winograd_plan *plan, nn_winograd_results *place) {
    const int m = plan->sizes.outputs;
    place->column += m;
    if (place->column >= plan->width.out) {
        place->column = 0;
        place->row += m;
        if (place->row >= plan->height.out) {
            place->row = 0;
            place->image++;
        }
    }
    clip_place(plan, place);
}

/* Those among tiles [0, tile). */
static end_tiles count_ends(const nn_winograd_plan *plan, int64_t tile) {
    const int64_t each = plan->tile_rows * plan->tile_columns, images = tile / each;
    const int64_t upper = each - plan->tile_columns;
    return (end_tiles){
        .lower = images * plan->tile_columns + nn_max(tile - images * each - upper, 0),
        .right = tile / plan->tile_columns,
        .both = images,
    };
}

static end_tiles less(end_tiles a, end_tiles b) {
    return (end_tiles){a.lower - b.lower, a.right - b.right, a.both - b.both};
}

static winograd_block block_at(const winograd_job *job, int64_t index, int64_t slot) {
    const nn_winograd_plan *plan = job->plan;
    winograd_block out = {
        .begin = plan->tiles * index / plan->blocks,
        .end = plan->tiles * (index + 1) / plan->blocks,
        .v = job->blocks + plan->v_bytes * (size_t)slot,
    };
    out.before = count_ends(plan, out.begin);
    out.ends = less(count_ends(plan, out.end), out.before);
    return out;
}

/* Where a tile lies in its block. */
static int64_t position_of(const nn_winograd_plan *plan, const winograd_block *block,
                           int64_t tile) {
    if (!plan->leaves_out_points) return tile - block->begin;
    const end_tiles now = count_ends(plan, tile), next = count_ends(plan, tile + 1);
    const end_tiles done = less(now, block->before);
    const bool is_lower = next.lower > now.lower, is_right = next.right > now.right;
    const int64_t right = block->ends.right - block->ends.both;
    const int64_t all = block->end - block->begin;
    if (is_lower && is_right) return all - block->ends.both + done.both;
    if (is_lower) return all - block->ends.lower + done.lower - done.both;
    if (is_right) return done.right - done.both;
    return right + (tile - block->begin) - done.lower - done.right + done.both;
}

/* An own value of the tile at a position. */
static void *own_at(const nn_winograd_plan *plan, const winograd_block *block, int64_t position,
                    int64_t value) {
    const int64_t at = position * plan->sizes.own_values + value;
    if (plan->sizes.own_values == 0) return NULL;
    return block->v + plan->own_at + at * NN_WINOGRAD_SUM_BYTES;
}

/* The tiles of a block that have a point: positions [begin, end). */
typedef struct tile_range {
    int64_t begin, end;
} tile_range;

static tile_range tiles_with(const nn_winograd_plan *plan, const winograd_block *block,
                             int64_t point) {
    const nn_winograd_sizes *sizes = &plan->sizes;
    const end_tiles *ends = &block->ends;
    const int64_t right = ends->right - ends->both;
    tile_range out = {.end = block->end - block->begin};
    if (!plan->leaves_out_points) return out;
    const bool leaves_out_lower = sizes->least_outputs[point / sizes->points] > plan->end_rows;
    const bool leaves_out_right = sizes->least_outputs[point % sizes->points] > plan->end_columns;
    if (leaves_out_right) out.begin = right;
    if (leaves_out_lower)
        out.end -= ends->lower;
    else if (leaves_out_right)
        out.end -= ends->both;
    return out;
}

/* ---- input ---- */

/* Copies rows [top, top + rows) and columns [left, left + columns) of an image to `to`, with
 * padding where they lie outside of it. */
static void copy_padded(const winograd_job *job, const char *image, int64_t top, int64_t left,
                        int64_t rows, int64_t columns, char *to) {
    const nn_winograd_plan *plan = job->plan;
    const int padding = job->maps->pixels.padding;
    const int64_t bytes = plan->in_channels * job->maps->pixels.bytes;
    const int64_t pitch = plan->in_pitch * job->maps->pixels.bytes;
    const int64_t begin = nn_min(nn_max(-left, 0), columns);
    const int64_t end = nn_max(nn_min(plan->width.in - left, columns), begin);
    for (int64_t row = top; row < top + rows; row++, to += columns * bytes) {
        if (row < 0 || row >= plan->height.in) {
            memset(to, padding, (size_t)(columns * bytes));
            continue;
        }
        const char *from = image + (row * plan->width.in + left + begin) * pitch;
        if (begin > 0) memset(to, padding, (size_t)(begin * bytes));
        if (pitch == bytes)
            memcpy(to + begin * bytes, from, (size_t)((end - begin) * bytes));
        else
            for (int64_t i = begin; i < end; i++, from += pitch)
                memcpy(to + i * bytes, from, (size_t)bytes);
        if (end < columns) memset(to + end * bytes, padding, (size_t)((columns - end) * bytes));
    }
}

static const char *image_at(const winograd_job *job, int64_t index) {
    const nn_winograd_plan *plan = job->plan;
    return (const char *)job->maps->pixels.x +
           index * plan->height.in * plan->width.in * plan->in_pitch * job->maps->pixels.bytes;
}

/* `edge` holds the whole image of the tile with padding, or has room for what a tile reads. */
static void transform_tile(const winograd_job *job, const winograd_block *block, int64_t tile,
                           const nn_winograd_results *place, char *edge) {
    const nn_winograd_plan *plan = job->plan;
    const nn_winograd_pixels *pixels = &job->maps->pixels;
    const int beside = nn_winograd_taps(&plan->sizes) - 1; /* outputs: pixels that are read */
    const int m = plan->sizes.outputs;
    const int rows = (plan->leaves_out_points ? place->rows : m) + beside;
    const int columns = (plan->leaves_out_points ? place->columns : m) + beside;
    const int64_t channels = plan->in_channels, pitch = plan->in_pitch;
    const int64_t row_elements = plan->width.in * pitch;
    const int64_t top = place->row - plan->height.pad_begin;
    const int64_t left = place->column - plan->width.pad_begin;
    const int64_t position = position_of(plan, block, tile);
    nn_winograd_input input = {
        .row = row_elements,
        .pitch = pitch,
        .channels = channels,
        .v = block->v + position * plan->v_pitch * plan->sizes.v_bytes,
        .v_step = plan->v_step,
        .rows = place->rows,
        .columns = place->columns,
        .own = own_at(plan, block, position, 0),
        .scales = job->maps->scales,
        .flip = pixels->flip,
        .zero = pixels->zero,
    };
    if (plan->padded_rows > 0) {
        input.x =
            edge + (place->row * plan->padded_columns + place->column) * channels * pixels->bytes;
        input.row = plan->padded_columns * channels;
        input.pitch = channels;
    } else if (top < 0 || left < 0 || top + rows > plan->height.in ||
               left + columns > plan->width.in) {
        copy_padded(job, image_at(job, place->image), top, left, rows, columns, edge);
        input.x = edge;
        input.row = columns * channels;
        input.pitch = channels;
    } else {
        input.x = image_at(job, place->image) + (top * row_elements + left * pitch) * pixels->bytes;
    }
    job->maps->input(&input);
}

/* Tiles [begin, end) of a block. */
static void transform_tiles(const winograd_job *job, const winograd_block *block, int64_t begin,
                            int64_t end, char *edge) {
    const nn_winograd_plan *plan = job->plan;
    nn_winograd_results place = place_of(plan, begin);
    int64_t padded = -1; /* image */
    for (int64_t tile = begin; tile < end; tile++, next_place(plan, &place)) {
        if (plan->padded_rows > 0 && place.image != padded) {
            copy_padded(job, image_at(job, place.image), -plan->height.pad_begin,
                        -plan->width.pad_begin, plan->padded_rows, plan->padded_columns, edge);
            padded = place.image;
        }
        transform_tile(job, block, tile, &place, edge);
    }
}

/* ---- products ---- */

/* Panels [begin, end), whose sums stand side by side. */
typedef struct winograd_panels {
    int64_t begin, end;
    int64_t first, columns; /* output channels, those that exist */
} winograd_panels;

static winograd_panels panels_at(const nn_winograd_plan *plan, int64_t index) {
    winograd_panels out = {.begin = index * plan->panel_block};
    out.end = nn_min(out.begin + plan->panel_block, plan->panels);
    out.first = out.begin * plan->columns;
    out.columns = nn_min(out.end * plan->columns, plan->out_channels) - out.first;
    return out;
}

static const char *weights_of(const winograd_job *job, int64_t panel, int64_t point) {
    return job->packed +
           nn_winograd_weights_at(job->plan, panel, point) * job->plan->sizes.weight_bytes;
}

/* The weights that are read after those of `point` and `panel`. */
static const char *weights_after(const winograd_job *job, const winograd_panels *panels,
                                 int64_t point, int64_t panel) {
    const int64_t points = job->plan->sizes.points * job->plan->sizes.points;
    if (panel + 1 < panels->end) return weights_of(job, panel + 1, point);
    if (point + 1 < points) return weights_of(job, panels->begin, point + 1);
    return weights_of(job, panels->end < job->plan->panels ? panels->end : 0, 0);
}

/* Sums of one point and one panel for all tiles of the block that have the point. */
static void multiply(const winograd_job *job, const winograd_block *block,
                     const winograd_panels *panels, int64_t point, int64_t panel, bool shares,
                     char *sums) {
    const nn_winograd_plan *plan = job->plan;
    const int64_t width = nn_winograd_width(plan, panel);
    const tile_range tiles = tiles_with(plan, block, point);
    if (tiles.begin >= tiles.end) return;
    const int64_t at = point * plan->m_step + tiles.begin * plan->m_pitch +
                       (panel - panels->begin) * plan->columns;
    const int64_t from = point * plan->v_step + tiles.begin * plan->v_pitch;
    const nn_winograd_product product = {
        .v = block->v + from * plan->sizes.v_bytes,
        .weights = weights_of(job, panel, point),
        .sums = sums + at * NN_WINOGRAD_SUM_BYTES,
        .own = shares ? own_at(plan, block, tiles.begin, point) : NULL,
        .tiles = tiles.end - tiles.begin,
        .columns = width,
        .prefetch = weights_after(job, panels, point, panel),
        .prefetch_bytes = plan->weight_channels * width * plan->sizes.weight_bytes,
    };
    job->maps->multiply(job->maps->argument, &product);
}

static void run_panels(const winograd_job *job, const winograd_block *block, int64_t index,
                       char *own) {
    const nn_winograd_plan *plan = job->plan;
    const winograd_panels panels = panels_at(plan, index);
    const bool shares = job->maps->shares == NULL ||
                        job->maps->shares(job->maps->argument, own_at(plan, block, 0, 0),
                                          block->end - block->begin);
    char *sums = own + plan->m_at;
    float *raw = (float *)(own + plan->raw_at);
    for (int64_t point = 0; point < plan->sizes.points * plan->sizes.points; point++)
        for (int64_t panel = panels.begin; panel < panels.end; panel++)
            multiply(job, block, &panels, point, panel, shares, sums);
    nn_winograd_results results = place_of(plan, block->begin);
    results.begin = panels.begin;
    results.end = panels.end;
    results.first = panels.first;
    results.channels = panels.columns;
    results.raw = raw;
    for (int64_t tile = block->begin; tile < block->end; tile++, next_place(plan, &results)) {
        results.sums =
            sums + position_of(plan, block, tile) * plan->m_pitch * NN_WINOGRAD_SUM_BYTES;
        job->maps->finish(job->maps->argument, &results);
    }
}

/* ---- threads ---- */

static char *own_of(const winograd_job *job, int worker) {
    return job->workers + job->plan->worker_bytes * (size_t)worker;
}

/* Each thread has blocks of its own, */
static void run_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const winograd_job *job = argument;
    const nn_winograd_plan *plan = job->plan;
    char *own = own_of(job, worker);
    for (int64_t i = begin; i < end; i++) {
        const winograd_block block = block_at(job, i, worker);
        transform_tiles(job, &block, block.begin, block.end, own + plan->edge_at);
        for (int64_t panels = 0; panels < plan->panel_blocks; panels++)
            run_panels(job, &block, panels, own);
    }
}

/* or all share the tiles, then the panels, of one. */
static void transform_shared(void *argument, int64_t begin, int64_t end, int worker) {
    const winograd_job *job = argument;
    const winograd_block block = block_at(job, job->block, 0);
    char *edge = own_of(job, worker) + job->plan->edge_at;
    transform_tiles(job, &block, block.begin + begin, block.begin + end, edge);
}

static void multiply_shared(void *argument, int64_t begin, int64_t end, int worker) {
    const winograd_job *job = argument;
    const winograd_block block = block_at(job, job->block, 0);
    for (int64_t i = begin; i < end; i++) run_panels(job, &block, i, own_of(job, worker));
}

void nn_winograd_run_maps(const nn_winograd_plan *plan, const void *packed,
                          const nn_winograd_maps *maps, nn_pool *pool, void *workspace) {
    const size_t slots = plan->shares_blocks ? 1 : (size_t)plan->threads;
    winograd_job job = {
        .plan = plan,
        .maps = maps,
        .packed = packed,
        .blocks = workspace,
        .workers = (char *)workspace + slots * plan->v_bytes,
    };
    if (!plan->shares_blocks) {
        nn_parallel(pool, plan->blocks, 1, run_blocks, &job);
        return;
    }
    for (job.block = 0; job.block < plan->blocks; job.block++) {
        const winograd_block block = block_at(&job, job.block, 0);
        nn_parallel(pool, block.end - block.begin, 1, transform_shared, &job);
        nn_parallel(pool, plan->panel_blocks, 1, multiply_shared, &job);
    }
}
