/* Products of bytes on tensor cores: rows of activations by columns of weights, of convolutions as
 * of matrices.
 *
 * Activations lie channels last, x [image][height][width][pixel bytes]; row m is an output pixel,
 * and its depth are the channels of one group under each tap of the window in turn. A matrix is an
 * image of one column of pixels, with one tap. Weights are packed as w [group][column][depth] of
 * int8, the depth zero up to a multiple of 16. Sums are
 *
 *     sum over depth of x w - w_zero[column] (sum over depth of x)
 *
 * where places on the padding hold the byte of `padding`; zero points of x are in `start` of
 * nn_cuda_finish. */
#ifndef NN_CUDA_TILES_LAUNCH_H
#define NN_CUDA_TILES_LAUNCH_H

#include "ops/cuda/int8/finish_launch.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Along height or width. */
typedef struct nn_cuda_tile_axis {
    int in, out, kernel, stride, dilation, pad;
} nn_cuda_tile_axis;

typedef struct nn_cuda_tiles {
    bool is_signed;    /* x */
    int rows, columns; /* of a group */
    int depth, w_step; /* w_step: the padded one */
    int channels;      /* of a group */
    int pixel;         /* bytes from pixel to pixel */
    nn_cuda_tile_axis height, width;
    bool is_plain; /* row m of x is pixel m, and there is one tap */
    nn_divisor by_channels, by_taps_across, by_width, by_pixels; /* out */

    int groups;
    int64_t x_group, w_group, y_group; /* from group to group, in elements */
    int numbers_group;                 /* in w_zero and those of finish */
    int y_step;                        /* elements from row to row */

    const uint8_t *x;
    const int8_t *w;
    const uint8_t *padding; /* 16 bytes, aligned to them */
    const int32_t *w_zero;  /* NULL: 0 */
    nn_cuda_finish finish;
    void *y;

    /* Depths that several blocks share: each leaves its sums in parts [split][row][y_step]. */
    int splits, split_depth;
    int32_t *parts;
} nn_cuda_tiles;

/* The forms of the kernel. */
#define NN_CUDA_TILE_ROWS(ROW)                                                                     \
    /*  rows, columns, depth, rows and columns of a warp, slices of depth, stages */               \
    ROW(256, 128, 64, 64, 64, 1, 3)                                                                \
    ROW(128, 128, 64, 64, 32, 1, 4)                                                                \
    ROW(128, 64, 64, 32, 32, 1, 4)                                                                 \
    ROW(64, 64, 64, 32, 32, 1, 4)                                                                  \
    ROW(64, 32, 128, 32, 32, 2, 4)                                                                 \
    ROW(32, 32, 128, 32, 32, 4, 4)                                                                 \
    ROW(16, 32, 128, 16, 32, 4, 4)

typedef struct nn_cuda_tile {
    int rows, columns, depth, warp_rows, warp_columns, slices, stages;
} nn_cuda_tile;

enum { NN_CUDA_TILES = 7 };
extern const nn_cuda_tile nn_cuda_tile_forms[NN_CUDA_TILES];

static inline int nn_cuda_tile_threads(const nn_cuda_tile *tile) {
    return tile->rows / tile->warp_rows * (tile->columns / tile->warp_columns) * tile->slices * 32;
}
static inline int nn_cuda_tile_shared_bytes(const nn_cuda_tile *tile) {
    return tile->stages * (tile->rows + tile->columns) * tile->depth;
}

/* Bytes of x that are copied at once: 16, 4, or 1 (which goes through registers). */
int nn_cuda_tile_access(const nn_cuda_tiles *arguments);
/* Does this form take such accesses, and zero points of weights? */
bool nn_cuda_tile_takes(int form, int access, bool has_zeros);

cudaError_t nn_cuda_launch_tiles(const nn_cuda_tiles *arguments, int form, cudaStream_t stream);

/* The same for x of one sign, for the above alone. */
cudaError_t nn_cuda_launch_unsigned_tiles(const nn_cuda_tiles *arguments, int form,
                                          cudaStream_t stream);
cudaError_t nn_cuda_launch_signed_tiles(const nn_cuda_tiles *arguments, int form,
                                        cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
