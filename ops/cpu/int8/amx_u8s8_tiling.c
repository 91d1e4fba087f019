#include "ops/cpu/int8/amx_u8s8_tiling.h"

#include "base/integers.h"

enum {
    MOST_ROWS = 16,
    LEAST_COST = 9, /* cycles of a tile product, which are else the tile's rows */
    LOAD_COST = 3   /* what a tile costs beside them */
};

static int64_t cost_of(const nn_amx_u8s8_tiling *tiling) {
    int64_t rows = nn_max(tiling->tile_rows, LEAST_COST);
    return tiling->tiles * (rows + LOAD_COST);
}

static int64_t tiles_per_row(const nn_amx_u8s8_tiling *tiling) {
    return nn_divide_up(tiling->columns, MOST_ROWS);
}

static int64_t line_pixels(const nn_amx_u8s8_tiling *tiling) {
    return (tiling->rows - 1) * tiling->line + tiling->columns;
}

nn_amx_u8s8_tiling nn_amx_u8s8_tiling_make(const nn_u8s8_shape *shape,
                                           const nn_amx_u8s8_source *source, int64_t rows) {
    nn_amx_u8s8_tiling out = {.rows = rows,
                              .columns = shape->width.out,
                              .a_step = source->a_step,
                              .out_row_step = source->out_row_step};
    int64_t each = tiles_per_row(&out);
    out.tile_rows = (int)nn_divide_up(out.columns, each);
    out.tiles = nn_round_up(each * rows, 2);
    int64_t step = out.out_row_step / out.a_step;
    if (out.out_row_step % out.a_step != 0 || step < out.columns) return out;
    nn_amx_u8s8_tiling line = out;
    line.line = step;
    line.tiles = 2 * nn_divide_up(line_pixels(&line), 2 * MOST_ROWS);
    line.tile_rows = (int)nn_divide_up(line_pixels(&line), line.tiles);
    return cost_of(&line) < cost_of(&out) ? line : out;
}

static int64_t offset_bytes(const nn_amx_u8s8_tiling *tiling) {
    return nn_round_up(tiling->tiles * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
}

int64_t nn_amx_u8s8_tiling_bytes(const nn_amx_u8s8_tiling *tiling) {
    int64_t pixels = tiling->tiles * tiling->tile_rows;
    return offset_bytes(tiling) + nn_round_up(pixels * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
}

/* A line of `count` positions in tiles: the first position of tile `index`, and the first that no
 * tile before it holds. */
static int64_t tile_begin(const nn_amx_u8s8_tiling *tiling, int64_t index, int64_t count,
                          int64_t *fresh) {
    int64_t begin = index * tiling->tile_rows, last = count - tiling->tile_rows;
    if (last < 0) last = 0;
    *fresh = begin;
    return nn_min(begin, last);
}

void nn_amx_u8s8_fill_tiling(nn_amx_u8s8_tiling *tiling, void *memory) {
    int32_t *offsets = memory, *pixels = (int32_t *)((char *)memory + offset_bytes(tiling));
    tiling->offsets = offsets;
    tiling->pixels = pixels;
    int64_t each = tiles_per_row(tiling), columns = tiling->columns;
    for (int64_t tile = 0; tile < tiling->tiles; tile++) {
        bool in_line = tiling->line > 0;
        int64_t row = in_line ? 0 : tile / each, fresh;
        bool exists = row < tiling->rows; /* the tile that makes their count even may not */
        if (!exists) row = tiling->rows - 1;
        int64_t count = in_line ? line_pixels(tiling) : columns;
        int64_t begin = tile_begin(tiling, in_line ? tile : tile % each, count, &fresh);
        *offsets++ = (int32_t)(row * tiling->out_row_step + begin * tiling->a_step);
        for (int64_t i = begin; i < begin + tiling->tile_rows; i++) {
            int64_t x = in_line ? i % tiling->line : i, y = in_line ? i / tiling->line : row;
            bool is_output = exists && i >= fresh && i < count && x < columns;
            *pixels++ = is_output ? (int32_t)(y * columns + x) : -1;
        }
    }
}
