/* Convolution of channels-last floats by a 3x3 or 5x5 kernel of stride 1 with the minimal filtering
 * algorithms of Winograd, F(2x2, 3x3), F(4x4, 3x3) and F(2x2, 5x5) (Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks", 2015).
 *
 * The output is cut into tiles of m x m pixels, each of which reads a x a pixels, a = m + r - 1,
 * with a kernel of r x r:
 *
 *     Y = A^T [ sum over channels of (G w G^T) . (B^T x B) ] A
 *
 * with . element by element. Done for many tiles, the sums are a^2 matrix products of tiles by
 * input channels by output channels: 4 (m = 2) or 2.25 (m = 4) multiplications for each output
 * instead of 9, and 9 instead of 25. The polynomials are evaluated at 0, 1, -1, infinity for a = 4
 * and at 0, +-11/16, +-3/2, infinity for a = 6: all constants of A and B are exact in binary, and
 * rounding is a third of what 0, +-1, +-2, infinity give.
 *
 * A block of tiles at a time goes through all steps, so that what stands between them stays in
 * cache. Products may be shared (winograd_shared_f32.h). Results that are not finite are computed
 * again directly, so that an infinity or NaN reaches the pixels it should and no others. */
#ifndef NN_WINOGRAD_F32_H
#define NN_WINOGRAD_F32_H

#include "ops/cpu/float32/winograd/winograd_shared_f32.h"
#include "ops/cpu/winograd/winograd.h"

/* rows x columns of the m x m pixels exist. */
typedef struct nn_winograd_output {
    const float *m; /* [a * a], m_step apart, of `channels` rounded up to whole vectors */
    int64_t m_step, channels;
    const float *bias;
    const float *factors; /* of the channels' sums, which are multiplied by `factor`, too, before
                             the bias is added; NULL: none, and `factor` is not read */
    float factor;
    const float *residual; /* NULL: none; may be y and has its steps */
    float *y;
    int64_t row, pitch;
    int rows, columns;
    float low, high;
} nn_winograd_output;

/* m and a, of which r = a - m + 1, and the functions of one instruction set. */
typedef struct nn_winograd_form {
    int outputs, points;
    const nn_tiles_f32 *tiles;
    void (*input)(const nn_winograd_input *input);
    /* Returns how many channels are done: it stops before the first vector that is not finite, of
     * which y may then have the results all the same, unless there is a residual. */
    int64_t (*output)(const nn_winograd_output *output);
    const struct nn_winograd_form *narrow; /* of vectors half as long; NULL: none */
    /* Products that are shared, and the transform of their input; NULL: they are not. */
    const nn_winograd_shared_f32 *shared;
    void (*shared_input)(const nn_winograd_input *input);
} nn_winograd_form;

typedef struct nn_winograd_forms {
    nn_winograd_form two, four;   /* by their outputs, of 3x3 kernels */
    nn_winograd_form two_of_five; /* of 5x5 kernels */
} nn_winograd_forms;

extern const nn_winograd_forms nn_winograd_f32_portable, nn_winograd_f32_avx2,
    nn_winograd_f32_avx512;

/* ---- the plan of one convolution ---- */

typedef struct nn_winograd_f32_plan {
    nn_winograd_plan cut;
    const nn_winograd_form *form;
    void (*input)(const nn_winograd_input *input); /* of the form, or of its narrow one */
    nn_epilogue epilogue;
    bool tile_finishes; /* the epilogue is a residual and a clip */
    float low, high;
    /* Products are shared (shared/shared_f32.h), one vector of columns at a time. Of each point
     * what the transformed input is multiplied by and weights are divided by, so that both are of
     * one magnitude; columns have factors. */
    bool shares;
    double scales[NN_WINOGRAD_POINTS * NN_WINOGRAD_POINTS];
} nn_winograd_f32_plan;

void nn_winograd_f32_plan_make(const nn_conv_geometry *geometry, const nn_winograd_form *form,
                               nn_sharing sharing, int threads, const nn_epilogue *epilogue,
                               nn_winograd_f32_plan *out);

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

/* Packed weights: [point][panel][input channel][columns of the panel]. Where products are shared
 * the channels are in the order of their products, the columns' own sums behind them, and their
 * factors behind all. */
size_t nn_winograd_packed_bytes(const nn_winograd_f32_plan *plan);
void nn_winograd_pack(const nn_winograd_f32_plan *plan, const float *w, float *packed);
/* One panel; w begins with its first output channel, `columns` of which exist. */
void nn_winograd_pack_panel(const nn_winograd_f32_plan *plan, int64_t panel, const float *w,
                            float *packed);
/* Undoes the transform for columns [0, count) of one input channel: taps[ky * r + kx][column].
 * `packed` is the panel's first weight of that channel, points are `point_step` floats apart;
 * `factors` are those of the columns, NULL where products are not shared. */
void nn_winograd_unpack(const nn_winograd_f32_plan *plan, const float *packed, int64_t point_step,
                        const float *factors, int64_t count, float (*taps)[NN_TILE_MAX_COLUMNS]);
/* The input channel that is packed as the i-th. */
static inline int64_t nn_winograd_packed_channel(const nn_winograd_f32_plan *plan, int64_t i) {
    return plan->shares ? nn_winograd_shared_channel(plan->cut.in_channels, i).channel : i;
}
/* The columns' factors; NULL where products are not shared. */
const float *nn_winograd_factors(const nn_winograd_f32_plan *plan, const float *packed);

/* Fills plan->scales; the same of F(4, 3) along a line. */
void nn_winograd_find_scales(nn_winograd_f32_plan *plan);
void nn_winograd_find_line_scales(double scales[NN_WINOGRAD_POINTS]);

/* The greatest error, against the greatest result of the same channel, that one tile of random
 * pixels shows in some of the output channels: what these weights make of rounding. Infinite where
 * weights are not finite. Above the limit the form is not used. */
#define NN_WINOGRAD_ERROR_LIMIT 2e-5
double nn_winograd_error(const nn_winograd_f32_plan *plan, const float *w, const float *packed);
/* The same of those channels that lie in one panel; w begins with its first. */
double nn_winograd_panel_error(const nn_winograd_f32_plan *plan, int64_t panel, const float *w,
                               const float *packed);

/* ---- running ---- */

/* The products of floats by tiles of one instruction set. */
void nn_winograd_multiply_f32(const nn_tiles_f32 *tiles, const nn_winograd_plan *plan,
                              const nn_winograd_product *product);

/* Maps of floats. `bias` has plan->cut.padded_channels values; residual is NULL unless the epilogue
 * has one; it may be y. */
void nn_winograd_run(const nn_winograd_f32_plan *plan, const float *packed, const float *bias,
                     const float *x, const float *residual, float *y, nn_pool *pool,
                     void *workspace);

#endif
