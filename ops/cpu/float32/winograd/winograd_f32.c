#include "ops/cpu/float32/winograd/winograd_f32.h"

#include "base/integers.h"

#include <math.h>

typedef struct float_maps {
    const nn_winograd_f32_plan *plan;
    const float *packed, *bias, *x, *residual;
    float *y;
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
        for (int64_t k = 0; k < channels && begin < end; k++) {
            float taps[NN_WINOGRAD_TAPS * NN_WINOGRAD_TAPS][NN_TILE_MAX_COLUMNS];
            nn_winograd_unpack(plan, packed + k * width, channels * width, width, taps);
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

void nn_winograd_run(const nn_winograd_f32_plan *plan, const float *packed, const float *bias,
                     const float *x, const float *residual, float *y, nn_pool *pool,
                     void *workspace) {
    const float_maps argument = {plan, packed, bias, x, residual, y};
    const nn_winograd_maps maps = {
        .pixels = {.x = x, .bytes = sizeof *x},
        .input = plan->input,
        .multiply = multiply,
        .finish = finish_tile,
        .argument = &argument,
    };
    nn_winograd_run_maps(&plan->cut, packed, &maps, pool, workspace);
}
