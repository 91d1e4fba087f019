/* Which output pixels the pixel tiles of a band hold (amx_u8s8.h). All tiles have the same number
 * of pixels; where they do not come out even the last one begins earlier, and drops what the one
 * before has made. Either each output row has tiles of its own, or the band is one long line, in
 * which pixels between the end of an output row and the begin of the next are no outputs. */
#ifndef NN_AMX_U8S8_TILING_H
#define NN_AMX_U8S8_TILING_H

#include "ops/cpu/int8/amx_u8s8.h"

typedef struct nn_amx_u8s8_tiling {
    int64_t rows, columns;        /* of outputs */
    int64_t a_step, out_row_step; /* as in the source */
    int64_t line;  /* pixels from row to row of the one line; 0: rows by themselves */
    int64_t tiles; /* even */
    int tile_rows;
    const int32_t *offsets, *pixels; /* as in nn_amx_u8s8_piece */
} nn_amx_u8s8_tiling;

/* Chooses; the tables are not there yet. */
nn_amx_u8s8_tiling nn_amx_u8s8_tiling_make(const nn_u8s8_shape *shape,
                                           const nn_amx_u8s8_source *source, int64_t rows);
int64_t nn_amx_u8s8_tiling_bytes(const nn_amx_u8s8_tiling *tiling);
void nn_amx_u8s8_fill_tiling(nn_amx_u8s8_tiling *tiling, void *memory);

#endif
