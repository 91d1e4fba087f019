/* Convolution of channels-last floats by a 3x3 kernel of stride 1 with the minimal filtering
 * algorithms of Winograd, F(2x2, 3x3) and F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2015).
 *
 * The output is cut into tiles of m x m pixels, each of which reads a x a pixels, a = m + 2:
 *
 *     Y = A^T [ sum over channels of (G w G^T) . (B^T x B) ] A
 *
 * with . element by element. Done for many tiles, the sums are a^2 matrix products of tiles by
 * input channels by output channels: 4 (m = 2) or 2.25 (m = 4) multiplications for each output
 * instead of 9. The polynomials are evaluated at 0, 1, -1, infinity for m = 2 and at 0, +-11/16,
 * +-3/2, infinity for m = 4: all constants of A and B are exact in binary, and rounding is a third
 * of what 0, +-1, +-2, infinity give.
 *
 * A block of tiles at a time goes through all steps, so that what stands between them stays in
 * cache. Results that are not finite are computed again directly, so that an infinity or NaN
 * reaches the pixels it should and no others. */
#ifndef NN_WINOGRAD_F32_H
#define NN_WINOGRAD_F32_H

#include "ops/cpu/float32/tile_f32.h"
#include "ops/family/convolution.h"

enum {
    NN_WINOGRAD_OUTPUTS = 4, /* the most m and a */
    NN_WINOGRAD_POINTS = 6,
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
    uint8_t flip;
    int32_t zero;
} nn_winograd_input;

/* rows x columns of the m x m pixels exist. */
typedef struct nn_winograd_output {
    const float *m; /* [a * a], m_step apart, of `channels` rounded up to whole vectors */
    int64_t m_step, channels;
    const float *bias;
    const float *residual; /* NULL: none; may be y and has its steps */
    float *y;
    int64_t row, pitch;
    int rows, columns;
    float low, high;
} nn_winograd_output;

/* m and a, and the functions of one instruction set. */
typedef struct nn_winograd_form {
    int outputs, points;
    const nn_tiles_f32 *tiles;
    void (*input)(const nn_winograd_input *input);
    /* Returns how many channels are done: it stops before the first vector that is not finite, of
     * which y may then have the results all the same, unless there is a residual. */
    int64_t (*output)(const nn_winograd_output *output);
} nn_winograd_form;

typedef struct nn_winograd_forms {
    nn_winograd_form two, four; /* by their outputs */
} nn_winograd_forms;

extern const nn_winograd_forms nn_winograd_f32_portable, nn_winograd_f32_avx2,
    nn_winograd_f32_avx512;

/* ---- the plan of one convolution ---- */

/* What a convolution is cut up by, whatever its elements are. */
typedef struct nn_winograd_sizes {
    int outputs, points;       /* m and a */
    int lanes;                 /* output channels of a vector of sums */
    int rows[2];               /* tiles that products take at once, of one vector and of two */
    int v_bytes, weight_bytes; /* of an element of the transformed input, of packed weights */
    int depth;                 /* input channels that products add up at once */
} nn_winograd_sizes;

typedef struct nn_winograd_plan {
    const nn_winograd_form *form; /* NULL: the elements are not floats */
    nn_winograd_sizes sizes;
    int64_t images, in_channels, out_channels;
    int64_t in_pitch, out_pitch; /* elements between pixels; residuals have that of the output */
    nn_window_axis height, width;
    int64_t tile_rows, tile_columns, tiles; /* of one image; of all */
    int64_t columns, last_columns;          /* of all panels but the last, of the last */
    int64_t panels, padded_channels;
    int64_t weight_channels;     /* in_channels, as packed weights have them: in whole depths */
    int64_t block_tiles, blocks; /* at most so many tiles in a block */
    int64_t panel_block, panel_blocks; /* panels whose sums stand side by side */
    bool shares_blocks;                /* threads work on one block together */
    int threads;
    int64_t v_pitch, v_step, m_pitch, m_step;
    size_t v_bytes, worker_bytes, m_at, edge_at, raw_at; /* workspace; offsets in a worker's part */
    nn_epilogue epilogue;
    bool tile_finishes; /* the epilogue is a residual and a clip */
    float low, high;
} nn_winograd_plan;

/* Is it a convolution that these algorithms compute? */
bool nn_winograd_suits(const nn_conv_geometry *geometry);

/* The direct convolution of the same maps: the time of the products that a vector FMA does, in that
 * of a vector FMA, and the bytes of a weight. */
typedef struct nn_winograd_rival {
    double product;
    int weight_bytes;
} nn_winograd_rival;

extern const nn_winograd_rival nn_winograd_rival_f32;

/* The outputs m of the form that is estimated to be fastest; 1: direct convolution. */
int nn_winograd_choose(const nn_conv_geometry *geometry, const nn_winograd_rival *direct,
                       nn_isa isa, int threads);

void nn_winograd_plan_make(const nn_conv_geometry *geometry, const nn_winograd_form *form,
                           int threads, const nn_epilogue *epilogue, nn_winograd_plan *out);
/* The same for other elements, of which the plan keeps the sizes alone. */
void nn_winograd_plan_cut(const nn_conv_geometry *geometry, const nn_winograd_sizes *sizes,
                          int threads, nn_winograd_plan *out);
size_t nn_winograd_workspace(const nn_winograd_plan *plan);

/* Packed weights: [panel][point][input channel][columns of the panel]. */
size_t nn_winograd_packed_bytes(const nn_winograd_plan *plan);
void nn_winograd_pack(const nn_winograd_plan *plan, const float *w, float *packed);
/* One panel; w begins with its first output channel, `columns` of which exist. */
void nn_winograd_pack_panel(const nn_winograd_plan *plan, int64_t panel, const float *w,
                            float *packed);
int64_t nn_winograd_first_column(const nn_winograd_plan *plan, int64_t panel);
int64_t nn_winograd_columns(const nn_winograd_plan *plan, int64_t panel);
/* Undoes the transform for columns [0, count) of one input channel: taps[ky * 3 + kx][column].
 * `packed` is the panel's first weight of that channel, points are `point_step` floats apart. */
void nn_winograd_unpack(const nn_winograd_plan *plan, const float *packed, int64_t point_step,
                        int64_t count, float taps[9][NN_TILE_MAX_COLUMNS]);

/* The greatest error, against the greatest result of the same channel, that one tile of random
 * pixels shows in some of the output channels: what these weights make of rounding. Infinite where
 * weights are not finite. Above the limit the form is not used. */
#define NN_WINOGRAD_ERROR_LIMIT 2e-5
double nn_winograd_error(const nn_winograd_plan *plan, const float *w, const float *packed);
/* The same of those channels that lie in one panel; w begins with its first. */
double nn_winograd_panel_error(const nn_winograd_plan *plan, int64_t panel, const float *w,
                               const float *packed);

/* ---- running ---- */

/* Columns of a panel, whole vectors. */
static inline int64_t nn_winograd_width(const nn_winograd_plan *plan, int64_t panel) {
    return panel == plan->panels - 1 ? plan->last_columns : plan->columns;
}

/* The packed weights of one point of a panel: [input channel][columns], in elements. */
static inline int64_t nn_winograd_weights_at(const nn_winograd_plan *plan, int64_t panel,
                                             int64_t point) {
    const int64_t points = plan->sizes.points * plan->sizes.points;
    return panel * points * plan->weight_channels * plan->columns +
           point * plan->weight_channels * nn_winograd_width(plan, panel);
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
    int64_t tiles, columns;  /* whole vectors */
    const void *prefetch;    /* as in nn_tile_f32 */
    int64_t prefetch_bytes;
} nn_winograd_product;

/* Maps of floats or bytes, as the loops over blocks of tiles see them. */
typedef struct nn_winograd_maps {
    nn_winograd_pixels pixels;
    void (*input)(const nn_winograd_input *input);
    void (*multiply)(const nn_winograd_plan *plan, const nn_winograd_product *product);
    /* Transforms the sums back and finishes the results. */
    void (*finish)(const void *argument, const nn_winograd_results *results);
    const void *argument;
} nn_winograd_maps;

void nn_winograd_run_maps(const nn_winograd_plan *plan, const void *packed,
                          const nn_winograd_maps *maps, nn_pool *pool, void *workspace);

/* The products of plans of floats. */
void nn_winograd_multiply(const nn_winograd_plan *plan, const nn_winograd_product *product);

/* Maps of floats. `bias` has plan->padded_channels values; residual is NULL unless the epilogue has
 * one; it may be y. */
void nn_winograd_run(const nn_winograd_plan *plan, const float *packed, const float *bias,
                     const float *x, const float *residual, float *y, nn_pool *pool,
                     void *workspace);

#endif
