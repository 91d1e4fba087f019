/* Places of linear GridSample over two axes, a block of them at a time: first the four neighbours
 * of each and their weights, 64 KB that all channels share, then the sums of each channel, whose
 * plane stays in a near cache for many places. */
#ifndef NN_GRID_SAMPLE_F32_H
#define NN_GRID_SAMPLE_F32_H

#include "ops/family/grid_sample.h"

enum { NN_SAMPLE_BLOCK = 2048, NN_SAMPLE_TAPS = 4 };

typedef struct nn_sample_map {
    int32_t height, width; /* below 2^24: floats hold them */
    bool align_corners, to_border;
} nn_sample_map;

typedef struct nn_sample_taps {
    int32_t offset[NN_SAMPLE_TAPS][NN_SAMPLE_BLOCK]; /* in a plane; -1: padding */
    float weight[NN_SAMPLE_TAPS][NN_SAMPLE_BLOCK];
} nn_sample_taps;

typedef struct nn_grid_sample_f32 {
    /* grid: x and y of `count` places, at most a block */
    void (*find)(const nn_sample_map *map, const float *grid, int64_t count, nn_sample_taps *taps);
    void (*sum)(const nn_sample_taps *taps, const float *plane, int64_t count, float *y);
} nn_grid_sample_f32;

extern const nn_grid_sample_f32 nn_grid_sample_f32_portable, nn_grid_sample_f32_avx2,
    nn_grid_sample_f32_avx512;

#endif
