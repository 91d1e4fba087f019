#include "ops/cpu/float32/tile_f32.h"

#include "base/integers.h"

void nn_tile_run_rows(const nn_tile_shape *shape, nn_tile_f32 tile, int64_t count) {
    if (count <= 0) return;
    /* In 32 bits, which are divided in half the time. */
    const uint32_t rows_left = (uint32_t)count, most = (uint32_t)shape->rows;
    const uint32_t pieces = (rows_left + most - 1) / most;
    const int64_t height = rows_left / pieces, higher = rows_left % pieces;
    const int64_t pieces_of[2] = {higher, pieces - higher};
    const int64_t prefetch_bytes = tile.prefetch_bytes;
    for (int i = 0; i < 2; i++) {
        if (pieces_of[i] == 0) continue;
        const int64_t rows = height + (i == 0), done = rows * pieces_of[i];
        /* The second address of a short tile is never read. */
        const int64_t second = nn_min(NN_TILE_SEGMENT, rows);
        tile.a[1] = tile.a[0] + second * tile.a_step;
        tile.y[1] = tile.y[0] + second * tile.y_step;
        if (tile.residual[0] != NULL)
            tile.residual[1] = tile.residual[0] + second * tile.residual_step;
        if (tile.own[0] != NULL) tile.own[1] = tile.own[0] + second;
        if (prefetch_bytes > 0) tile.prefetch_bytes = prefetch_bytes * pieces_of[i] / pieces;
        tile.more = pieces_of[i] - 1;
        shape->run[rows](&tile);
        tile.a[0] += done * tile.a_step;
        tile.y[0] += done * tile.y_step;
        if (tile.own[0] != NULL) tile.own[0] += done;
        for (int j = 0; j < NN_TILE_ADDENDS && tile.addends[j] != NULL; j++)
            tile.addends[j] += done * tile.addend_step;
        if (tile.residual[0] != NULL) tile.residual[0] += done * tile.residual_step;
        if (prefetch_bytes > 0) tile.prefetch = (const char *)tile.prefetch + tile.prefetch_bytes;
    }
}
