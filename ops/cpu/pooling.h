/* Pools of channels-last data, vectorised over channels: one output pixel at a time. */
#ifndef NN_CPU_POOLING_H
#define NN_CPU_POOLING_H

#include <stdint.h>

/* The input pixels of one window that lie on data; steps count elements. */
typedef struct nn_pool_view {
    int64_t planes, rows, columns;
    int64_t plane_step, row_step, column_step;
} nn_pool_view;

/* One instruction set. x is channel 0 of the first pixel of the window, which may be empty. */
typedef struct nn_pooling {
    void (*max_f32)(const nn_pool_view *view, const float *x, float *y, int64_t channels);
    void (*max_u8)(const nn_pool_view *view, const uint8_t *x, uint8_t *y, int64_t channels);
    void (*max_i8)(const nn_pool_view *view, const int8_t *x, int8_t *y, int64_t channels);
    /* Sums times scale, rows summed by themselves first. */
    void (*average_f32)(const nn_pool_view *view, const float *x, float *y, int64_t channels,
                        float scale);
} nn_pooling;

extern const nn_pooling nn_pooling_portable, nn_pooling_avx2, nn_pooling_avx512;

#endif
