#include "ops/cpu/float32/winograd/winograd_f32.h"

#include "base/integers.h"

#include <math.h>

typedef struct float_maps {
    const nn_winograd_f32_plan *plan;
    const float *packed, *bias, *x, *residual;
    const float *factors; /* of columns; NULL: products are not shared */
    float *y;
    float scale; /* what the input is multiplied by; 0: products are not shared in this call */
} float_maps;

/* Sums for the pixels of a tile as a direct convolution does them, from channel `from` of the
 * results on: raw[pixel][channel]. */
static void convolve_directly(const float_maps *maps, const nn_winograd_results *results,
                              int64_t from) {
    const nn_winograd_f32_plan *plan = maps->plan;
    const int m = plan->form->outputs, r = nn_winograd_taps(&plan->cut.sizes);
    const int64_t channels = plan->cut.in_channels, pitch = plan->cut.in_pitch;
    const float *image =
        maps->x + results->image * plan->cut.height.in * plan->cut.width.in * pitch;
    for (int pixel = 0; pixel < m * m; pixel++)
        for (int64_t j = from; j < results->channels; j++)
            results->raw[pixel * plan->cut.m_pitch + j] = maps->bias[results->first + j];
    for (int64_t panel = results->begin; panel < results->end; panel++) {
        const int64_t width = nn_winograd_width(&plan->cut, panel);
        const int64_t offset = (panel - results->begin) * plan->cut.columns;
        const int64_t begin = from > offset ? from - offset : 0;
        const int64_t end = nn_min(width, results->channels - offset);
        const float *packed = maps->packed + nn_winograd_weights_at(&plan->cut, panel, 0);
        const float *factors =
            maps->factors != NULL ? maps->factors + panel * plan->cut.columns : NULL;
        for (int64_t i = 0; i < channels && begin < end; i++) {
            const int64_t k = nn_winograd_packed_channel(plan, i);
            float taps[NN_WINOGRAD_TAPS * NN_WINOGRAD_TAPS][NN_TILE_MAX_COLUMNS];
            nn_winograd_unpack(plan, packed + i * width, nn_winograd_point_step(&plan->cut),
                               factors, width, taps);
            for (int pixel = 0; pixel < m * m; pixel++)
                for (int tap = 0; tap < r * r; tap++) {
                    int64_t row = results->row + pixel / m + tap / r - plan->cut.height.pad_begin;
                    int64_t column =
                        results->column + pixel % m + tap % r - plan->cut.width.pad_begin;
                    if (row < 0 || row >= plan->cut.height.in || column < 0 ||
                        column >= plan->cut.width.in)
                        continue;
                    const float x = image[(row * plan->cut.width.in + column) * pitch + k];
                    float *to = results->raw + pixel * plan->cut.m_pitch + offset;
                    for (int64_t j = begin; j < end; j++) to[j] += x * taps[tap][j];
                }
        }
    }
}

/* Brings raw[pixel][channel] from channel `from` on through the epilogue to y, where pixel 0 lies
 * at `at`. */
static void finish_pixels(const float_maps *maps, const nn_winograd_results *results, int64_t at,
                          int64_t from) {
    const nn_winograd_f32_plan *plan = maps->plan;
    for (int row = 0; row < results->rows; row++) {
        const int64_t to = at + row * plan->cut.width.out * plan->cut.out_pitch + from;
        float *x = results->raw + row * plan->form->outputs * plan->cut.m_pitch + from;
        plan->form->tiles->finish(&plan->epilogue,
                                  &(nn_epilogue_block){
                                      .x = x,
                                      .x_step = plan->cut.m_pitch,
                                      .residual = maps->residual ? maps->residual + to : NULL,
                                      .y = maps->y + to,
                                      .y_step = plan->cut.out_pitch,
                                      .rows = results->columns,
                                      .columns = results->channels - from,
                                  });
    }
}

static void finish_tile(const void *argument, const nn_winograd_results *results) {
    const float_maps *maps = argument;
    const nn_winograd_f32_plan *plan = maps->plan;
    const int64_t at = nn_winograd_results_at(&plan->cut, results);
    nn_winograd_output output = {
        .m = results->sums,
        .m_step = plan->cut.m_step,
        .channels = results->channels,
        .bias = maps->bias + results->first,
        .factors = maps->factors != NULL ? maps->factors + results->first : NULL,
        .factor = maps->scale > 0 ? 1 / maps->scale : 1,
        .residual = maps->residual ? maps->residual + at : NULL,
        .y = maps->y + at,
        .row = plan->cut.width.out * plan->cut.out_pitch,
        .pitch = plan->cut.out_pitch,
        .rows = results->rows,
        .columns = results->columns,
        .low = plan->low,
        .high = plan->high,
    };
    if (!plan->tile_finishes) {
        output.residual = NULL;
        output.y = results->raw;
        output.row = plan->form->outputs * plan->cut.m_pitch;
        output.pitch = plan->cut.m_pitch;
        output.low = -INFINITY;
        output.high = INFINITY;
    }
    int64_t done = plan->form->output(&output);
    if (done < results->channels) convolve_directly(maps, results, done);
    int64_t from = plan->tile_finishes ? done : 0;
    if (from < results->channels) finish_pixels(maps, results, at, from);
}

void nn_winograd_multiply_f32(const nn_tiles_f32 *tiles, const nn_winograd_plan *plan,
                              const nn_winograd_product *product) {
    const nn_tile_tap tap = {0, 0};
    const nn_tile_f32 tile = {
        .a = {product->v},
        .a_step = plan->v_pitch,
        .w = product->weights,
        .taps = &tap,
        .tap_count = 1,
        .k = plan->in_channels,
        .y = {product->sums},
        .y_step = plan->m_pitch,
        .columns = (int)product->columns,
        .low = -INFINITY,
        .high = INFINITY,
        .prefetch = product->prefetch,
        .prefetch_bytes = product->prefetch_bytes,
    };
    nn_tile_run_rows(tiles->shapes[product->columns / tiles->lanes - 1], tile, product->tiles);
}

static void multiply(const void *argument, const nn_winograd_product *product) {
    const float_maps *maps = argument;
    nn_winograd_multiply_f32(maps->plan->form->tiles, &maps->plan->cut, product);
}

/* ---- products that are shared (shared/shared_f32.h) ---- */

static void multiply_shared(const void *argument, const nn_winograd_product *product) {
    const nn_winograd_f32_plan *plan = ((const float_maps *)argument)->plan;
    plan->form->shared->multiply(&(nn_winograd_shared_product){
        .v = product->v,
        .w = product->weights,
        .sums = product->sums,
        .v_step = plan->cut.v_pitch,
        .sum_step = plan->cut.m_pitch,
        .tiles = product->tiles,
        .channels = plan->cut.in_channels,
        .own = product->own,
        .own_step = NN_WINOGRAD_OWN_VALUES,
        .prefetch = product->prefetch,
        .prefetch_bytes = product->prefetch_bytes,
    });
}

static bool shares(const void *argument, const void *own, int64_t tiles) {
    const float_maps *maps = argument;
    const nn_winograd_plan *cut = &maps->plan->cut;
    const double most_of_tile = 8;
    const int64_t points = cut->sizes.points * cut->sizes.points;
    const float *squares = (const float *)own + NN_WINOGRAD_SQUARES;
    nn_winograd_squares all = {0};
    if (maps->scale == 0) return false;
    for (int64_t i = 0; i < tiles; i++, squares += NN_WINOGRAD_OWN_VALUES)
        nn_winograd_add_squares(&all, *squares, points);
    return nn_winograd_are_near(&all, cut->in_channels, most_of_tile);
}

static float scale_of(const nn_winograd_f32_plan *plan, const float *x) {
    const nn_winograd_plan *cut = &plan->cut;
    return nn_winograd_input_scale(plan->form->tiles->shared, x,
                                   cut->images * cut->height.in * cut->width.in, cut->in_pitch,
                                   cut->in_channels);
}

/* ---- running ---- */

void nn_winograd_run(const nn_winograd_f32_plan *plan, const float *packed, const float *bias,
                     const float *x, const float *residual, float *y, nn_pool *pool,
                     void *workspace) {
    float scales[NN_WINOGRAD_POINTS * NN_WINOGRAD_POINTS];
    const float_maps argument = {
        .plan = plan,
        .packed = packed,
        .bias = bias,
        .x = x,
        .residual = residual,
        .factors = nn_winograd_factors(plan, packed),
        .y = y,
        .scale = plan->shares ? scale_of(plan, x) : 0,
    };
    nn_winograd_maps maps = {
        .pixels = {.x = x, .bytes = sizeof *x},
        .input = plan->input,
        .multiply = multiply,
        .finish = finish_tile,
        .argument = &argument,
    };
    if (plan->shares) {
        const float scale = argument.scale > 0 ? argument.scale : 1;
        for (int64_t i = 0; i < plan->form->points * plan->form->points; i++)
            scales[i] = (float)plan->scales[i] * scale;
        maps.scales = scales;
        maps.shares = shares;
        maps.multiply = multiply_shared;
    }
    nn_winograd_run_maps(&plan->cut, packed, &maps, pool, workspace);
}
