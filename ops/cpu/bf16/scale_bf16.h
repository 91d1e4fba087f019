/* Sums and products of maps in bf16, channels last: of two maps, or of a map and one number for
 * each channel. */
#ifndef NN_SCALE_BF16_H
#define NN_SCALE_BF16_H

#include <stdbool.h>
#include <stdint.h>

/* y[p][c] = x[p][c] * by[p * by_step + c], or the sum. */
typedef struct nn_bf16_scaling {
    int64_t channels, by_step; /* by_step 0: the same for all pixels, else `channels` */
    bool adds;
} nn_bf16_scaling;
void nn_bf16_scale_pixels(const nn_bf16_scaling *scaling, const uint16_t *x, const uint16_t *by,
                          uint16_t *y, int64_t pixels);

#endif
