/* Convolution of channels-last floats by a kernel of three along one axis, with any dilation, by
 * Winograd's minimal filtering F(4, 3) at the points of winograd_f32.h: 1.5 multiplications for
 * each output instead of 3.
 *
 * The positions along the axis, with those of the axes behind it, are one line on which the taps
 * lie `step` apart. Four outputs that are `step` apart are a tile; they read six inputs, and
 * neighbouring tiles are neighbouring positions. For a block of tiles the sums over channels are
 * six matrix products between the transforms of inputs and outputs. Results that are not finite are
 * computed again directly.
 *
 * The error in the tests stays under 1.5e-6 of the greatest result. */
#ifndef NN_WINOGRAD_LINE_F32_H
#define NN_WINOGRAD_LINE_F32_H

#include "ops/cpu/float32/winograd/winograd_f32.h"

enum { NN_LINE_OUTPUTS = 4, NN_LINE_POINTS = 6, NN_LINE_TAPS = 3 };

typedef struct nn_line_input {
    const void *x[NN_LINE_POINTS]; /* `channels` each: floats or bytes as in nn_winograd_input */
    int64_t channels;
    float *v; /* [point], v_step apart, of whole vectors of channels */
    int64_t v_step;
    const float *scales; /* of each point, which it is multiplied by; NULL: none */
    uint8_t flip;
    int32_t zero;
} nn_line_input;

typedef struct nn_line_output {
    const float *m; /* [point], m_step apart, of whole vectors of channels */
    int64_t m_step, channels;
    const float *bias;
    const float *factors; /* as in nn_winograd_output */
    float factor;
    const float *residual; /* NULL: none; may be y */
    float *y;
    int64_t y_step; /* from an output to the next; of residuals too */
    int count;      /* outputs that exist */
    float low, high;
} nn_line_output;

/* One instruction set. */
typedef struct nn_winograd_line_form {
    const nn_tiles_f32 *tiles;
    void (*input)(const nn_line_input *input);
    /* Returns how many channels are done: it stops before the first vector that is not finite. */
    int64_t (*output)(const nn_line_output *output);
    const nn_winograd_shared_f32 *shared; /* NULL: products are not shared */
} nn_winograd_line_form;

extern const nn_winograd_line_form nn_winograd_line_f32_portable, nn_winograd_line_f32_avx2,
    nn_winograd_line_f32_avx512;

typedef struct nn_winograd_line_plan {
    const nn_winograd_line_form *form;
    int64_t lines, in, out, step, pad; /* positions of a line; zeros in front of it */
    int64_t in_channels, out_channels;
    int64_t in_pitch, out_pitch;
    int64_t line_tiles, tiles; /* of one line, of all */
    const nn_tile_shape *shape, *last_shape;
    int64_t panels;
    int64_t block_tiles, blocks;
    int64_t v_pitch, v_step, m_pitch, m_step;      /* floats */
    size_t worker_bytes, m_at, padding_at, raw_at; /* workspace */
    nn_epilogue epilogue;
    bool tile_finishes; /* the epilogue is a residual and a clip */
    float low, high;
    /* As in nn_winograd_f32_plan; of each point, own sums of the tiles lie side by side. */
    bool shares;
    double scales[NN_LINE_POINTS];
    int64_t weight_channels, own_step;
    size_t own_at;
} nn_winograd_line_plan;

/* Is it such a convolution, and is that estimated to be faster than a direct one? */
bool nn_winograd_line_suits(const nn_conv_geometry *geometry, const nn_winograd_rival *direct,
                            nn_isa isa, int threads);

void nn_winograd_line_plan_make(const nn_conv_geometry *geometry, const nn_winograd_line_form *form,
                                nn_sharing sharing, int threads, const nn_epilogue *epilogue,
                                nn_winograd_line_plan *out);
size_t nn_winograd_line_workspace(const nn_winograd_line_plan *plan, int threads);

/* Weights [output channel][input channel][tap] become [point][panel][input channel][columns], and
 * where products are shared as in nn_winograd_pack.
 * Returns false where one is not finite: the plan cannot run then. */
size_t nn_winograd_line_packed_bytes(const nn_winograd_line_plan *plan);
bool nn_winograd_line_pack(const nn_winograd_line_plan *plan, const float *w, float *packed);

/* The sums of one tile. */
typedef struct nn_line_results {
    int64_t at;          /* its first output, in pixels of the whole */
    int64_t line, first; /* that is, the line and the position on it */
    int count;           /* outputs that exist */
    const float *m;      /* [point], plan->m_step apart */
    float *raw;          /* room for [output][channel], plan->m_pitch apart */
} nn_line_results;

/* Maps of floats or bytes, as the loop over blocks of tiles sees them; like nn_winograd_maps. */
typedef struct nn_line_maps {
    nn_winograd_pixels pixels;
    void (*input)(const nn_line_input *input);
    const float *scales; /* nn_line_input; of a plan that shares products */
    bool shares;         /* such a plan may do so in this call */
    void (*finish)(const void *argument, const nn_line_results *results);
    const void *argument;
} nn_line_maps;

void nn_winograd_line_run_maps(const nn_winograd_line_plan *plan, const float *packed,
                               const nn_line_maps *maps, nn_pool *pool, void *workspace);

/* Maps of floats. `bias` has plan->m_pitch values; residual is NULL unless the epilogue has one; it
 * may be y. */
void nn_winograd_line_run(const nn_winograd_line_plan *plan, const float *packed, const float *bias,
                          const float *x, const float *residual, float *y, nn_pool *pool,
                          void *workspace);

#endif
