/* What convolutions by a 3x3 or 5x5 kernel of stride 1 with Winograd's algorithms share, whatever
 * their elements are: how the output is cut into tiles and blocks, and the loops over them. The
 * algorithms are told in winograd_f32.h (floats) and winograd_s16.h (integers).
 *
 * A tile of m x m pixels of the output reads a x a pixels, a = m + kernel - 1. Transformed, it is
 * a^2 values for each input channel; their products with the transformed weights are summed over
 * these, for many tiles at once: a^2 matrix products of tiles by input channels by output channels.
 * Transformed back, the sums are the m x m pixels. A block of tiles at a time goes through all
 * steps, so that what stands between them stays in cache. */
#ifndef NN_WINOGRAD_H
#define NN_WINOGRAD_H

#include "ops/family/convolution.h"

enum {
    NN_WINOGRAD_OUTPUTS = 4, /* the most m and a */
    NN_WINOGRAD_POINTS = 6,
    NN_WINOGRAD_TAPS = 5,      /* the most pixels of a kernel along an axis */
    NN_WINOGRAD_SUM_BYTES = 4, /* of a sum: a float, or an int32_t where elements are integers */
};

/* A whole input: floats, or bytes, of which x ^ flip less `zero` are transformed. */
typedef struct nn_winograd_pixels {
    const void *x;
    int64_t bytes; /* of an element */
    int padding;   /* each byte of an element outside of the input */
    uint8_t flip;
    int32_t zero;
} nn_winograd_pixels;

/* a x a pixels; steps count elements. */
typedef struct nn_winograd_input {
    const void *x; /* elements as nn_winograd_pixels has them */
    int64_t row, pitch, channels;
    void *v; /* [a * a], v_step elements apart, of `channels` rounded up to whole vectors */
    int64_t v_step;
    int rows, columns; /* outputs of the tile that exist */
    /* Where products are shared: where the tile's own values go, and of floats what each point is
     * multiplied by, a * a of them. */
    void *own;
    const float *scales;
    uint8_t flip;
    int32_t zero;
} nn_winograd_input;

/* ---- the plan of one convolution ---- */

/* What a convolution is cut up by, whatever its elements are. */
typedef struct nn_winograd_sizes {
    int outputs, points;       /* m and a */
    int lanes;                 /* output channels of a vector of sums */
    int rows[2];               /* tiles that products take at once, of one vector and of two */
    int vectors;               /* of a panel, one or two */
    int v_bytes, weight_bytes; /* of an element of the transformed input, of packed weights */
    int depth;                 /* input channels that products add up at once */
    /* Of each point along an axis, the fewest outputs that a tile has which needs it. A tile at the
     * end of a map has as many outputs as are left there, and products leave out what it does not
     * need. 0: every tile has all points, and outputs beyond the map. */
    int least_outputs[NN_WINOGRAD_POINTS];
    /* Products are shared (winograd_s16.h, shared_f32.h): a tile has so many values of four bytes
     * of its own, and each column of packed weights has a sum, in as many more rows of input
     * channels. 0: they are not. */
    int own_values, own_channels;
} nn_winograd_sizes;

typedef struct nn_winograd_plan {
    nn_winograd_sizes sizes;
    int64_t images, in_channels, out_channels;
    int64_t in_pitch, out_pitch; /* elements between pixels; residuals have that of the output */
    nn_window_axis height, width;
    int64_t tile_rows, tile_columns, tiles; /* of one image; of all */
    int end_rows, end_columns;              /* outputs of the last tile along each axis */
    bool leaves_out_points;                 /* that tiles at the ends do not need */
    int64_t columns, last_columns;          /* of all panels but the last, of the last */
    int64_t panels, padded_channels;
    int64_t weight_channels;           /* in_channels in whole depths, and own_channels */
    int64_t block_tiles, blocks;       /* at most so many tiles in a block */
    int64_t panel_block, panel_blocks; /* panels whose sums stand side by side */
    bool shares_blocks;                /* threads work on one block together */
    /* Of an image with its padding, where tiles read from a copy of the whole; 0: those at the edge
     * copy what they read. */
    int64_t padded_rows, padded_columns;
    int threads;
    int64_t v_pitch, v_step, m_pitch, m_step;
    size_t v_bytes, own_at;                     /* workspace of a block; offset of own values */
    size_t worker_bytes, m_at, edge_at, raw_at; /* workspace of a worker; offsets there */
} nn_winograd_plan;

/* Taps of the kernel along an axis. */
static inline int nn_winograd_taps(const nn_winograd_sizes *sizes) {
    return sizes->points - sizes->outputs + 1;
}

/* Is it a convolution that these algorithms compute, by a 3x3 kernel, or one of taps x taps? */
bool nn_winograd_suits(const nn_conv_geometry *geometry);
bool nn_winograd_suits_taps(const nn_conv_geometry *geometry, int taps);

void nn_winograd_plan_make(const nn_conv_geometry *geometry, const nn_winograd_sizes *sizes,
                           int threads, nn_winograd_plan *out);
size_t nn_winograd_workspace(const nn_winograd_plan *plan);

int64_t nn_winograd_first_column(const nn_winograd_plan *plan, int64_t panel);
int64_t nn_winograd_columns(const nn_winograd_plan *plan, int64_t panel);

/* ---- running ---- */

/* Columns of a panel, whole vectors. */
static inline int64_t nn_winograd_width(const nn_winograd_plan *plan, int64_t panel) {
    return panel == plan->panels - 1 ? plan->last_columns : plan->columns;
}

/* Packed weights lie as products read them, [point][panel][input channel][columns], in elements:
 * from a point to the next, and those of one point of a panel. */
static inline int64_t nn_winograd_point_step(const nn_winograd_plan *plan) {
    return plan->weight_channels * plan->padded_channels;
}

static inline int64_t nn_winograd_weights_at(const nn_winograd_plan *plan, int64_t panel,
                                             int64_t point) {
    return point * nn_winograd_point_step(plan) + panel * plan->weight_channels * plan->columns;
}

/* The sums of one tile for some neighbouring panels. */
typedef struct nn_winograd_results {
    int64_t image, row, column; /* of the output */
    int rows, columns;          /* pixels that exist */
    int64_t begin, end;         /* panels */
    int64_t first, channels;    /* output channels, those that exist */
    const void *sums;           /* [point][channel], plan->m_step and 1 apart */
    float *raw;                 /* room for [m * m][channel], plan->m_pitch and 1 apart */
} nn_winograd_results;

/* Where pixel (0, 0) of the results lies in the output. */
static inline int64_t nn_winograd_results_at(const nn_winograd_plan *plan,
                                             const nn_winograd_results *results) {
    const int64_t row = results->image * plan->height.out + results->row;
    return (row * plan->width.out + results->column) * plan->out_pitch + results->first;
}

/* The sums of one point and one panel for some tiles: sums[tile][column], of v[tile][channel]. */
typedef struct nn_winograd_product {
    const void *v, *weights; /* v's tiles are plan->v_pitch apart */
    void *sums;              /* plan->m_pitch apart */
    const void *own; /* of each tile, sizes.own_values apart; NULL: products are not shared */
    int64_t tiles, columns; /* whole vectors */
    const void *prefetch;   /* as in nn_tile_f32 */
    int64_t prefetch_bytes;
} nn_winograd_product;

/* Maps of floats or bytes, as the loops over blocks of tiles see them. */
typedef struct nn_winograd_maps {
    nn_winograd_pixels pixels;
    void (*input)(const nn_winograd_input *input);
    const float *scales; /* nn_winograd_input */
    /* May the products of a block be shared, whose tiles have such own values? NULL: they may. */
    bool (*shares)(const void *argument, const void *own, int64_t tiles);
    void (*multiply)(const void *argument, const nn_winograd_product *product);
    /* Transforms the sums back and finishes the results. */
    void (*finish)(const void *argument, const nn_winograd_results *results);
    const void *argument;
} nn_winograd_maps;

void nn_winograd_run_maps(const nn_winograd_plan *plan, const void *packed,
                          const nn_winograd_maps *maps, nn_pool *pool, void *workspace);

#endif
