/* Products of unsigned 8-bit activations and signed 8-bit weights on AMX tiles: convolutions in
 * channels-last layout and matrix products with many rows. What is multiplied is described as in
 * conv_u8s8.h; the results are the same bits, but for large sums with an addend after few products.
 * Those are made in fixed point and may be 1 off, unless plans are deterministic.
 *
 * Work is cut into jobs of two pixel tiles, of up to 16 pixels each, by a block of up to 64
 * channels. The sum over k goes in steps of up to 64 bytes of a tap. A pixel tile is loaded from
 * wherever its pixels lie, at one distance in bytes: in the input itself or in a band, a copy of
 * input rows with padding filled in and values made unsigned. Tiles may run over the end of a map
 * row into the next one, as long as all distances stay the same; pixels that are no outputs then
 * are computed and dropped.
 *
 * Weights are packed in the order in which jobs read them: [group][block][pair of channel tiles]
 * [step][channel tile][k / 4][channel][k % 4], or without pairs, [group][block][channel tile][step]
 * and so on. The k of a tap is cut evenly; where it does not
 * come out even, the last step begins earlier, and its weights are zero where the step before has
 * been. So nothing outside of the pixels is read. */
#ifndef NN_AMX_U8S8_H
#define NN_AMX_U8S8_H

#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/family/qlinear_binary.h"

enum {
    NN_AMX_U8S8_STEP = 64,     /* bytes of k in a step, at most */
    NN_AMX_U8S8_CHANNELS = 16, /* of a channel tile; a block has up to four of them */
    NN_AMX_U8S8_MAP_TILES = 4, /* of pixels, that one pass can multiply */
    NN_AMX_U8S8_RANGES = 3
};

/* ---- one thread's piece of work (conv_u8s8_amx.c) ------------------------------------------- */

typedef struct nn_amx_u8s8_range {
    const char *begin;
    int64_t bytes;
} nn_amx_u8s8_range;

typedef struct nn_amx_u8s8_piece {
    const uint8_t *a;
    int64_t a_step; /* bytes from pixel to pixel of a tile */
    int tile_rows;  /* pixels of a tile */
    int64_t pairs;
    const int32_t *tile_offsets; /* [pair][2]: bytes from a to the first pixel */
    const int32_t *pixels;       /* [pair][2][tile_rows]: output pixel, negative: none */

    int64_t step_count;
    int step_bytes;
    const int32_t *step_offsets; /* bytes from a pixel */

    int tiles; /* of channels, in a block */
    int64_t blocks;
    int64_t channels;    /* that exist in all these blocks */
    const int8_t *w;     /* of the first block */
    int64_t block_bytes; /* of its weights */
    bool weights_stream; /* they do not stay in L1 */
    /* All pixels for a block of channels before the next block; else all channels for a pair. */
    bool blocks_outside;
    /* The only four pixel tiles pass together through one channel tile after the other. */
    bool whole_map;

    const nn_int8_call *call;
    int64_t parameter; /* of the first channel */
    uint8_t *y;        /* pixel 0, first channel */
    int64_t y_step;    /* bytes from pixel to pixel */
    int64_t y_bytes;   /* of one value */
    /* Not NULL: results are sums with an addend, which lies as y does and may be y. */
    const nn_qbinary *sum;
    bool addend_first;
    bool adds_exactly; /* with the operator's own rounding, not in fixed point */
    const uint8_t *addend;
    /* Bytes to be brought to L2 meanwhile, at an even pace: of these weights what is read last,
     * then what the next piece reads. */
    nn_amx_u8s8_range fetched[NN_AMX_U8S8_RANGES];
    void *scratch; /* nn_amx_u8s8_scratch_bytes() */
} nn_amx_u8s8_piece;

int64_t nn_amx_u8s8_scratch_bytes(void);
void nn_amx_u8s8_run_piece(const nn_amx_u8s8_piece *piece);

/* ---- where activations come from (amx_u8s8_source.c) ---------------------------------------- */

typedef struct nn_amx_u8s8_source {
    bool uses_band;
    bool merged; /* a kernel row is one tap: its bytes are adjacent */
    /* A band may keep columns and rows of each remainder by the stride in planes of their own, so
     * that the pixels of an output row are adjacent: 1 where it does not. */
    int64_t row_planes, column_planes;
    int64_t pixel_step, row_step; /* bytes, within a plane */
    int64_t plane_step;           /* set when the rows of a band are known */
    int64_t a_step, out_row_step; /* from output pixel to pixel, and row to row */
    int64_t taps, tap_bytes;      /* tap_bytes: k of one tap */
    int64_t steps_per_tap;
    int step_bytes;
} nn_amx_u8s8_source;

/* False when offsets do not fit in 32 bits. */
bool nn_amx_u8s8_choose_source(const nn_u8s8_shape *shape, nn_type x_type, nn_amx_u8s8_source *out);
/* First k of step `index` of a tap. */
static inline int64_t nn_amx_u8s8_step_begin(const nn_amx_u8s8_source *source, int64_t index) {
    int64_t begin = index * source->step_bytes, last = source->tap_bytes - source->step_bytes;
    return begin <= last || last < 0 ? begin : last;
}
/* Offsets of all steps, blocks of k outside and taps inside, so that a pixel's bytes are used for
 * all taps while they are in L1. */
void nn_amx_u8s8_fill_steps(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                            int32_t *offsets);
/* Bytes of a plane, and of all of a band, for `rows` output rows. */
int64_t nn_amx_u8s8_plane_bytes(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                                int64_t rows);
int64_t nn_amx_u8s8_band_bytes(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                               int64_t rows);
/* Copies what output rows [first, first + rows) of a group of an image read. */
void nn_amx_u8s8_fill_band(const nn_u8s8_shape *shape, const nn_amx_u8s8_source *source,
                           const nn_int8_call *call, int64_t image, int64_t group, int64_t first,
                           int64_t rows, uint8_t *band);

/* ---- weights (amx_u8s8_pack.c) -------------------------------------------------------------- */

typedef struct nn_amx_u8s8_packing {
    nn_u8s8_shape shape;
    nn_int8_inputs inputs;
    nn_amx_u8s8_source source;
    int tiles;      /* of a block */
    int pass_tiles; /* that alternate from step to step: 2, or 1 for passes of whole maps */
    int64_t blocks, block_bytes, group_bytes;
} nn_amx_u8s8_packing;

nn_amx_u8s8_packing nn_amx_u8s8_packing_make(const nn_int8_inputs *inputs,
                                             const nn_u8s8_shape *shape,
                                             const nn_amx_u8s8_source *source);
nn_status nn_amx_u8s8_pack(const nn_node_view *node, nn_prepare *prepare,
                           const nn_amx_u8s8_packing *packing, nn_int8_parameters *parameters,
                           const int8_t **weights);

/* ---- kernel parts (amx_u8s8.c) -------------------------------------------------------------- */

bool nn_amx_u8s8_accepts(const nn_node_view *node, const nn_target *target,
                         const nn_int8_inputs *inputs, const nn_u8s8_shape *shape);
nn_status nn_amx_u8s8_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *prepare, const nn_int8_inputs *inputs,
                              const nn_u8s8_shape *shape);
nn_status nn_amx_u8s8_run(const nn_call *call);

#endif
