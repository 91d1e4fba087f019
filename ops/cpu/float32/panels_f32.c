#include "ops/cpu/float32/panels_f32.h"

#include "base/integers.h"

#include <math.h>

nn_panels nn_panels_make(const nn_tiles_f32 *tiles, int64_t rows, int64_t k, int64_t columns) {
    nn_panels out = {.k = k, .columns = columns};
    int index = tiles->count > 1 ? 1 : 0;
    const nn_tile_shape *widest = tiles->shapes[tiles->count - 1];
    out.shape = rows <= widest->rows && columns > tiles->shapes[index]->columns
                    ? widest
                    : tiles->shapes[index];
    out.count = nn_divide_up(columns, out.shape->columns);
    int64_t left = columns - (out.count - 1) * out.shape->columns;
    out.last = tiles->shapes[left > 0 ? (left - 1) / tiles->lanes : 0];
    return out;
}

void nn_panels_pack(const nn_panels *panels, const nn_rows_f32 *rows, const float *w,
                    int64_t k_step, int64_t column_step, int64_t begin, int64_t end,
                    float *packed) {
    for (int64_t column = begin; column < end; column += panels->shape->columns) {
        bool is_last = column / panels->shape->columns == panels->count - 1;
        const int64_t width = is_last ? panels->last->columns : panels->shape->columns;
        int64_t count = end - column < width ? end - column : width;
        const float *from = w + (column - begin) * column_step;
        float *to = packed + column * panels->k;
        if (k_step == 1) {
            rows->transpose((const uint32_t *)from, column_step, (uint32_t *)to, width, panels->k,
                            count);
        } else {
            for (int64_t k = 0; k < panels->k; k++)
                memcpy(to + k * width, from + k * k_step, (size_t)count * sizeof *to);
        }
        for (int64_t k = 0; k < panels->k && count < width; k++)
            memset(to + k * width + count, 0, (size_t)(width - count) * sizeof *to);
    }
}

void nn_panels_multiply(const nn_panels *panels, const nn_panels_product *product) {
    const int64_t width = panels->shape->columns;
    const nn_tile_tap tap = {0, 0};
    nn_tile_f32 tile = {.a = {product->x},
                        .a_step = product->x_step,
                        .taps = &tap,
                        .tap_count = 1,
                        .k = product->k_end - product->k_begin,
                        .residual_step = product->y_step,
                        .y_step = product->y_step,
                        .low = -INFINITY,
                        .high = INFINITY,
                        .claims = true};
    for (int64_t panel = product->first; panel < product->last; panel++) {
        bool is_last = panel == panels->count - 1;
        const nn_tile_shape *shape = is_last ? panels->last : panels->shape;
        tile.columns = (int)(is_last ? panels->columns - panel * width : width);
        tile.w = product->packed + panel * width * panels->k + product->k_begin * shape->columns;
        tile.y[0] = product->y + panel * width;
        tile.residual[0] = product->add ? tile.y[0] : NULL;
        nn_tile_run_rows(shape, tile, product->rows);
    }
}
