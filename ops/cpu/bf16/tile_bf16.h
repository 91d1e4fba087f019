/* Products of bf16 tiles, on AMX or in AVX-512 registers, which convolutions, GEMM and MatMul are
 * built of.
 *
 * A tile of pixels is up to 16 pixels that lie at equal distances in the input; for each step it is
 * read where it lies, up to 32 channels of each pixel. A panel is 32 output channels, packed as two
 * tiles of pairs of channels: [panel][step][tile of 16 columns][k / 2][16][2]. The sum over all
 * steps stays in tile registers:
 *
 *     y[out[i] + j] = epilogue(bias[j] + sum_steps sum_k a[i][step + k] * w[step][k][j]) */
#ifndef NN_TILE_BF16_H
#define NN_TILE_BF16_H

#include "ops/epilogue.h"

enum {
    NN_BF16_ROWS = 16,    /* pixels of a tile, at most */
    NN_BF16_COLUMNS = 16, /* output channels of a tile */
    NN_BF16_PANEL = 32,   /* of a panel */
    NN_BF16_STEP = 32,    /* input channels of a step, at most */
};

/* Tiles of pixels of one piece of work, which all have as many rows. */
typedef struct nn_bf16_tiles {
    int64_t count;
    int rows;
    const int64_t *a;       /* bytes from the base of the input to the first pixel of each tile */
    const int32_t *outputs; /* [tile][row]: elements from y and the residual; -1: not wanted */
} nn_bf16_tiles;

typedef struct nn_bf16_work {
    const nn_bf16_tiles *tiles;
    const char *a;
    int64_t a_step;       /* bytes from a pixel of a tile to the next */
    int k;                /* channels of a step, even */
    const int64_t *steps; /* bytes from a pixel to what each step reads */
    int64_t step_count;
    const char *w; /* the first panel of those wanted */
    int64_t panel_bytes;
    const float *bias; /* [panel][NN_BF16_PANEL] */
    int64_t panels;
    int last_columns;  /* of the last panel, which is one tile wide when they fit */
    bool panels_outer; /* else a pair of tiles passes through all panels */
    bool is_followed;  /* as many panels behind these are likely to be wanted next */
    bool y_is_float, residual_is_float;
    void *y;              /* of the first panel */
    const void *residual; /* NULL: none; may be y when the types are the same */
    const nn_epilogue *epilogue;
    float *scratch; /* NN_BF16_SCRATCH bytes */
} nn_bf16_work;

enum { NN_BF16_SCRATCH = 2 * 2 * NN_BF16_ROWS * NN_BF16_PANEL * (int)sizeof(float) };

/* What an instruction set brings. */
typedef struct nn_bf16_unit {
    void (*run_tiles)(const nn_bf16_work *work);
    int rows;       /* pixels of a tile, at most */
    int least_rows; /* fewer take as long */
    int together;   /* tiles that are done at once: their number is 1 or a multiple of it */
} nn_bf16_unit;
extern const nn_bf16_unit nn_bf16_amx, nn_bf16_avx512bf16;

/* Copies `count` pixels of k channels, `from_pitch` elements apart, to pixels of `padded` channels
 * of bf16, `to_pitch` apart; channels from k on become zero. */
typedef struct nn_bf16_copy {
    bool from_float; /* else bf16 */
    int64_t k, padded, from_pitch, to_pitch;
} nn_bf16_copy;
void nn_bf16_copy_pixels(const nn_bf16_copy *copy, const void *from, uint16_t *to, int64_t count);

/* One panel tile of `pairs` pairs of rows of a matrix whose rows lie `step` elements apart, in the
 * order above: to[pair][column][2]. Beyond `rows` rows and `columns` columns are zeros. */
void nn_bf16_pack_rows(const void *from, bool from_float, int64_t step, int64_t rows, int columns,
                       int64_t pairs, uint16_t *to);

/* The same from a matrix whose columns are rows in memory: column j begins at j * step, and is
 * multiplied by `scale`. */
void nn_bf16_pack_columns(const void *from, bool from_float, int64_t step, int64_t rows,
                          int columns, int64_t pairs, float scale, uint16_t *to);

#endif
