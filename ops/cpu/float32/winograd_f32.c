#include "ops/cpu/float32/winograd_f32.h"

#include "base/integers.h"

#include <math.h>

typedef struct winograd_job {
    const nn_winograd_plan *plan;
    const float *packed, *bias, *x, *residual;
    float *y;
    char *blocks, *workers; /* transformed inputs; what each worker has of its own */
    int64_t block;          /* that threads share */
} winograd_job;

/* Tiles [begin, end) of a block with their transformed input. */
typedef struct winograd_block {
    int64_t begin, end;
    float *v;
} winograd_block;

/* The pixel of the input that a tile reads first, and those of the output that it makes. */
typedef struct winograd_place {
    int64_t image, row, column; /* of the output */
    int rows, columns;
} winograd_place;

static winograd_place place_of(const nn_winograd_plan *plan, int64_t tile) {
    const int m = plan->form->outputs;
    int64_t line = tile / plan->tile_columns;
    winograd_place out = {
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
        .v = (float *)(job->blocks + plan->v_bytes * (size_t)slot),
    };
}

/* ---- input ---- */

/* Copies what a tile reads to `edge`, with zeros where it lies outside of the input. */
static void copy_edge(const nn_winograd_plan *plan, const float *image, int64_t top, int64_t left,
                      float *edge) {
    const int a = plan->form->points;
    const int64_t channels = plan->in_channels;
    for (int64_t row = top; row < top + a; row++)
        for (int64_t column = left; column < left + a; column++, edge += channels) {
            bool inside =
                row >= 0 && row < plan->height.in && column >= 0 && column < plan->width.in;
            const float *from = image + (row * plan->width.in + column) * channels;
            if (inside)
                memcpy(edge, from, (size_t)channels * sizeof *edge);
            else
                memset(edge, 0, (size_t)channels * sizeof *edge);
        }
}

static void transform_tile(const winograd_job *job, const winograd_block *block, int64_t tile,
                           float *edge) {
    const nn_winograd_plan *plan = job->plan;
    const int a = plan->form->points;
    const int64_t channels = plan->in_channels, row_floats = plan->width.in * channels;
    const winograd_place place = place_of(plan, tile);
    const float *image = job->x + place.image * plan->height.in * row_floats;
    const int64_t top = place.row - plan->height.pad_begin;
    const int64_t left = place.column - plan->width.pad_begin;
    nn_winograd_input input = {
        .row = row_floats,
        .pitch = channels,
        .channels = channels,
        .v = block->v + (tile - block->begin) * plan->v_pitch,
        .v_step = plan->v_step,
    };
    if (top < 0 || left < 0 || top + a > plan->height.in || left + a > plan->width.in) {
        copy_edge(plan, image, top, left, edge);
        input.x = edge;
        input.row = a * channels;
    } else {
        input.x = image + top * row_floats + left * channels;
    }
    plan->form->input(&input);
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
    out.first = out.begin * plan->shape->columns;
    out.columns = nn_min(out.end * plan->shape->columns, plan->out_channels) - out.first;
    return out;
}

static const nn_tile_shape *shape_of(const nn_winograd_plan *plan, int64_t panel) {
    return panel == plan->panels - 1 ? plan->last_shape : plan->shape;
}

/* The weights of one point of a panel: [input channel][columns]. */
static const float *weights_of(const winograd_job *job, int64_t panel, int64_t point) {
    const nn_winograd_plan *plan = job->plan;
    const int64_t points = plan->form->points * plan->form->points;
    return job->packed + panel * points * plan->in_channels * plan->shape->columns +
           point * plan->in_channels * shape_of(plan, panel)->columns;
}

/* The weights that are read after those of `point` and `panel`. */
static const float *weights_after(const winograd_job *job, const winograd_panels *panels,
                                  int64_t point, int64_t panel) {
    const int64_t points = job->plan->form->points * job->plan->form->points;
    if (panel + 1 < panels->end) return weights_of(job, panel + 1, point);
    if (point + 1 < points) return weights_of(job, panels->begin, point + 1);
    return weights_of(job, panels->end < job->plan->panels ? panels->end : 0, 0);
}

/* Sums of one point and one panel for all tiles of the block, in pieces of equal height. */
static void multiply(const winograd_job *job, const winograd_block *block,
                     const winograd_panels *panels, int64_t point, int64_t panel, float *sums) {
    const nn_winograd_plan *plan = job->plan;
    const nn_tile_shape *shape = shape_of(plan, panel);
    const nn_tile_tap tap = {0, 0};
    const int64_t count = block->end - block->begin;
    const int64_t pieces = (count + shape->rows - 1) / shape->rows;
    const int64_t next_bytes = plan->in_channels * shape->columns * (int64_t)sizeof(float);
    const char *next = (const char *)weights_after(job, panels, point, panel);
    const float *v = block->v + point * plan->v_step;
    float *to = sums + point * plan->m_step + (panel - panels->begin) * plan->shape->columns;
    nn_tile_f32 tile = {
        .a_step = plan->v_pitch,
        .w = weights_of(job, panel, point),
        .taps = &tap,
        .tap_count = 1,
        .k = plan->in_channels,
        .y_step = plan->m_pitch,
        .columns = shape->columns,
        .low = -INFINITY,
        .high = INFINITY,
        .prefetch_bytes = next_bytes / pieces,
    };
    for (int64_t i = 0; i < pieces; i++) {
        const int64_t begin = count * i / pieces, end = count * (i + 1) / pieces;
        /* The second address of a short tile is never read. */
        const int64_t second = nn_min(begin + NN_TILE_SEGMENT, count);
        tile.a[0] = v + begin * plan->v_pitch;
        tile.a[1] = v + second * plan->v_pitch;
        tile.y[0] = to + begin * plan->m_pitch;
        tile.y[1] = to + second * plan->m_pitch;
        tile.prefetch = next + next_bytes * i / pieces;
        shape->run[end - begin](&tile);
    }
}

/* ---- output ---- */

/* Sums for the pixels of a tile as a direct convolution does them, for channels [from,
 * panels->columns) of the panels: raw[pixel][channel]. */
static void convolve_directly(const winograd_job *job, const winograd_panels *panels,
                              const winograd_place *place, int64_t from, float *raw) {
    const nn_winograd_plan *plan = job->plan;
    const int m = plan->form->outputs;
    const int64_t channels = plan->in_channels;
    const float *image = job->x + place->image * plan->height.in * plan->width.in * channels;
    for (int pixel = 0; pixel < m * m; pixel++)
        for (int64_t j = from; j < panels->columns; j++)
            raw[pixel * plan->m_pitch + j] = job->bias[panels->first + j];
    for (int64_t panel = panels->begin; panel < panels->end; panel++) {
        const int64_t width = shape_of(plan, panel)->columns;
        const int64_t offset = (panel - panels->begin) * plan->shape->columns;
        const int64_t begin = from > offset ? from - offset : 0;
        const int64_t end = nn_min(width, panels->columns - offset);
        for (int64_t k = 0; k < channels && begin < end; k++) {
            float taps[9][NN_TILE_MAX_COLUMNS];
            nn_winograd_unpack(plan, weights_of(job, panel, 0) + k * width, channels * width, width,
                               taps);
            for (int pixel = 0; pixel < m * m; pixel++)
                for (int tap = 0; tap < 9; tap++) {
                    int64_t row = place->row + pixel / m + tap / 3 - plan->height.pad_begin;
                    int64_t column = place->column + pixel % m + tap % 3 - plan->width.pad_begin;
                    if (row < 0 || row >= plan->height.in || column < 0 || column >= plan->width.in)
                        continue;
                    const float x = image[(row * plan->width.in + column) * channels + k];
                    float *to = raw + pixel * plan->m_pitch + offset;
                    for (int64_t j = begin; j < end; j++) to[j] += x * taps[tap][j];
                }
        }
    }
}

/* Brings channels [from, panels->columns) of raw[pixel][channel] through the epilogue to y. */
static void finish_pixels(const winograd_job *job, const winograd_panels *panels,
                          const winograd_place *place, int64_t at, int64_t from, float *raw) {
    const nn_winograd_plan *plan = job->plan;
    for (int row = 0; row < place->rows; row++) {
        const int64_t to = at + row * plan->width.out * plan->out_channels + from;
        plan->form->tiles->finish(&plan->epilogue,
                                  &(nn_epilogue_block){
                                      .x = raw + row * plan->form->outputs * plan->m_pitch + from,
                                      .x_step = plan->m_pitch,
                                      .residual = job->residual ? job->residual + to : NULL,
                                      .y = job->y + to,
                                      .y_step = plan->out_channels,
                                      .rows = place->columns,
                                      .columns = panels->columns - from,
                                  });
    }
}

static void finish_tile(const winograd_job *job, const winograd_panels *panels, int64_t tile,
                        const float *sums, float *raw) {
    const nn_winograd_plan *plan = job->plan;
    const winograd_place place = place_of(plan, tile);
    const int64_t pixel = (place.image * plan->height.out + place.row) * plan->width.out;
    const int64_t at = (pixel + place.column) * plan->out_channels + panels->first;
    nn_winograd_output output = {
        .m = sums,
        .m_step = plan->m_step,
        .channels = panels->columns,
        .bias = job->bias + panels->first,
        .residual = job->residual ? job->residual + at : NULL,
        .y = job->y + at,
        .row = plan->width.out * plan->out_channels,
        .pitch = plan->out_channels,
        .rows = place.rows,
        .columns = place.columns,
        .low = plan->low,
        .high = plan->high,
    };
    if (!plan->tile_finishes) {
        output.residual = NULL;
        output.y = raw;
        output.row = plan->form->outputs * plan->m_pitch;
        output.pitch = plan->m_pitch;
        output.low = -INFINITY;
        output.high = INFINITY;
    }
    int64_t done = plan->form->output(&output);
    if (done < panels->columns) convolve_directly(job, panels, &place, done, raw);
    int64_t from = plan->tile_finishes ? done : 0;
    if (from < panels->columns) finish_pixels(job, panels, &place, at, from, raw);
}

static void run_panels(const winograd_job *job, const winograd_block *block, int64_t index,
                       char *own) {
    const nn_winograd_plan *plan = job->plan;
    const winograd_panels panels = panels_at(plan, index);
    float *sums = (float *)(own + plan->m_at), *raw = (float *)(own + plan->raw_at);
    for (int64_t point = 0; point < plan->form->points * plan->form->points; point++)
        for (int64_t panel = panels.begin; panel < panels.end; panel++)
            multiply(job, block, &panels, point, panel, sums);
    for (int64_t tile = block->begin; tile < block->end; tile++)
        finish_tile(job, &panels, tile, sums + (tile - block->begin) * plan->m_pitch, raw);
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
            transform_tile(job, &block, tile, (float *)(own + plan->edge_at));
        for (int64_t panels = 0; panels < plan->panel_blocks; panels++)
            run_panels(job, &block, panels, own);
    }
}

/* or all share the tiles, then the panels, of one. */
static void transform_shared(void *argument, int64_t begin, int64_t end, int worker) {
    const winograd_job *job = argument;
    const winograd_block block = block_at(job, job->block, 0);
    float *edge = (float *)(own_of(job, worker) + job->plan->edge_at);
    for (int64_t i = begin; i < end; i++) transform_tile(job, &block, block.begin + i, edge);
}

static void multiply_shared(void *argument, int64_t begin, int64_t end, int worker) {
    const winograd_job *job = argument;
    const winograd_block block = block_at(job, job->block, 0);
    for (int64_t i = begin; i < end; i++) run_panels(job, &block, i, own_of(job, worker));
}

void nn_winograd_run(const nn_winograd_plan *plan, const float *packed, const float *bias,
                     const float *x, const float *residual, float *y, nn_pool *pool,
                     void *workspace) {
    const size_t slots = plan->shares_blocks ? 1 : (size_t)plan->threads;
    winograd_job job = {
        .plan = plan,
        .packed = packed,
        .bias = bias,
        .x = x,
        .residual = residual,
        .y = y,
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
