/* Pools. Channels-last data are vectorised over channels, one output pixel at a time; data in
 * standard order over the outputs of a row. */
#ifndef NN_CPU_POOLING_H
#define NN_CPU_POOLING_H

#include "ops/cpu/float32/rows_f32.h"

/* The input pixels of one window that lie on data; steps count elements. */
typedef struct nn_pool_view {
    int64_t planes, rows, columns;
    int64_t plane_step, row_step, column_step;
} nn_pool_view;

/* Windows of equal view, channels last. */
typedef struct nn_pool_windows {
    nn_pool_view view; /* may be empty */
    int64_t channels, count;
    int64_t step;     /* elements from the first pixel of a window to that of the next */
    int64_t out_step; /* from output to output */
} nn_pool_windows;

/* One instruction set. x is channel 0 of the first pixel of the first window. */
typedef struct nn_pooling {
    int lanes;                       /* floats of a vector */
    const struct nn_pooling *narrow; /* of shorter vectors; NULL: none */
    void (*max_f32)(const nn_pool_windows *windows, const float *x, float *y);
    void (*max_u8)(const nn_pool_windows *windows, const uint8_t *x, uint8_t *y);
    void (*max_i8)(const nn_pool_windows *windows, const int8_t *x, int8_t *y);
    void (*max_bf16)(const nn_pool_windows *windows, const uint16_t *x, uint16_t *y);
    /* Sums times scale, rows summed by themselves first. */
    void (*average_f32)(const nn_pool_windows *windows, const float *x, float *y, float scale);
    void (*average_bf16)(const nn_pool_windows *windows, const uint16_t *x, uint16_t *y,
                         float scale);
    /* Standard order: `count` outputs of a row, the window of output i at x + i stride. */
    void (*max_row_f32)(const nn_pool_view *view, const float *x, int64_t stride, float *y,
                        int64_t count);
    void (*max_row_u8)(const nn_pool_view *view, const uint8_t *x, int64_t stride, uint8_t *y,
                       int64_t count);
    void (*max_row_i8)(const nn_pool_view *view, const int8_t *x, int64_t stride, int8_t *y,
                       int64_t count);
    void (*average_row_f32)(const nn_pool_view *view, const float *x, int64_t stride, float *y,
                            int64_t count, float scale);
    float (*max_plane_f32)(const float *x, int64_t count); /* NaN left out; -infinity of nothing */
    const nn_rows_f32 *rows;
} nn_pooling;

extern const nn_pooling nn_pooling_portable, nn_pooling_avx2, nn_pooling_avx512;

#endif
