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

/* Tiles [begin, end) of a block with their transformed input. */
typedef struct winograd_block {
    int64_t begin, end;
    char *v;
} winograd_block;

/* The pixels of the output that a tile makes. */
static nn_winograd_results place_of(const nn_winograd_plan *plan, int64_t tile) {
    const int m = plan->sizes.outputs;
    int64_t line = tile / plan->tile_columns;
    nn_winograd_results out = {
        .image = line / plan->tile_rows,
        .row = line % plan->tile_rows * m,
        .column = tile % plan->tile_columns * m,
    };
    out.rows = (int)nn_min(m, plan->height.out - out.row);
    out.columns = (int)nn_min(m, plan->width.out - out.column);
    return out;
}

static winograd_block block_at(const winograd_job *job, int64_t index, int64_t slot) {
    const nn_winograd_plan *plan = job->plan;
    return (winograd_block){
        .begin = plan->tiles * index / plan->blocks,
        .end = plan->tiles * (index + 1) / plan->blocks,
        .v = job->blocks + plan->v_bytes * (size_t)slot,
    };
}

/* ---- input ---- */

/* Copies what a tile reads to `edge`, with padding where it lies outside of the input. */
static void copy_edge(const winograd_job *job, const char *image, int64_t top, int64_t left,
                      char *edge) {
    const nn_winograd_plan *plan = job->plan;
    const int a = plan->sizes.points;
    const int64_t bytes = plan->in_channels * job->maps->pixels.bytes;
    const int64_t pitch = plan->in_pitch * job->maps->pixels.bytes;
    for (int64_t row = top; row < top + a; row++)
        for (int64_t column = left; column < left + a; column++, edge += bytes) {
            bool inside =
                row >= 0 && row < plan->height.in && column >= 0 && column < plan->width.in;
            if (inside)
                memcpy(edge, image + (row * plan->width.in + column) * pitch, (size_t)bytes);
            else
                memset(edge, job->maps->pixels.padding, (size_t)bytes);
        }
}

static void transform_tile(const winograd_job *job, const winograd_block *block, int64_t tile,
                           char *edge) {
    const nn_winograd_plan *plan = job->plan;
    const nn_winograd_pixels *pixels = &job->maps->pixels;
    const int a = plan->sizes.points;
    const int64_t channels = plan->in_channels, pitch = plan->in_pitch;
    const int64_t row_elements = plan->width.in * pitch;
    const nn_winograd_results place = place_of(plan, tile);
    const char *image =
        (const char *)pixels->x + place.image * plan->height.in * row_elements * pixels->bytes;
    const int64_t top = place.row - plan->height.pad_begin;
    const int64_t left = place.column - plan->width.pad_begin;
    nn_winograd_input input = {
        .row = row_elements,
        .pitch = pitch,
        .channels = channels,
        .v = block->v + (tile - block->begin) * plan->v_pitch * plan->sizes.v_bytes,
        .v_step = plan->v_step,
        .flip = pixels->flip,
        .zero = pixels->zero,
    };
    if (top < 0 || left < 0 || top + a > plan->height.in || left + a > plan->width.in) {
        copy_edge(job, image, top, left, edge);
        input.x = edge;
        input.row = a * channels;
        input.pitch = channels;
    } else {
        input.x = image + (top * row_elements + left * pitch) * pixels->bytes;
    }
    job->maps->input(&input);
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

/* Sums of one point and one panel for all tiles of the block. */
static void multiply(const winograd_job *job, const winograd_block *block,
                     const winograd_panels *panels, int64_t point, int64_t panel, char *sums) {
    const nn_winograd_plan *plan = job->plan;
    const int64_t width = nn_winograd_width(plan, panel);
    const int64_t at = point * plan->m_step + (panel - panels->begin) * plan->columns;
    const nn_winograd_product product = {
        .v = block->v + point * plan->v_step * plan->sizes.v_bytes,
        .weights = weights_of(job, panel, point),
        .sums = sums + at * NN_WINOGRAD_SUM_BYTES,
        .tiles = block->end - block->begin,
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
    char *sums = own + plan->m_at;
    float *raw = (float *)(own + plan->raw_at);
    for (int64_t point = 0; point < plan->sizes.points * plan->sizes.points; point++)
        for (int64_t panel = panels.begin; panel < panels.end; panel++)
            multiply(job, block, &panels, point, panel, sums);
    for (int64_t tile = block->begin; tile < block->end; tile++) {
        nn_winograd_results results = place_of(plan, tile);
        results.begin = panels.begin;
        results.end = panels.end;
        results.first = panels.first;
        results.channels = panels.columns;
        results.sums = sums + (tile - block->begin) * plan->m_pitch * NN_WINOGRAD_SUM_BYTES;
        results.raw = raw;
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
        for (int64_t tile = block.begin; tile < block.end; tile++)
            transform_tile(job, &block, tile, own + plan->edge_at);
        for (int64_t panels = 0; panels < plan->panel_blocks; panels++)
            run_panels(job, &block, panels, own);
    }
}

/* or all share the tiles, then the panels, of one. */
static void transform_shared(void *argument, int64_t begin, int64_t end, int worker) {
    const winograd_job *job = argument;
    const winograd_block block = block_at(job, job->block, 0);
    char *edge = own_of(job, worker) + job->plan->edge_at;
    for (int64_t i = begin; i < end; i++) transform_tile(job, &block, block.begin + i, edge);
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
