/* Activations and whole epilogues over rows of floats, per instruction set. The scalar definitions
 * are nn_activate and nn_epilogue_apply. */
#ifndef NN_ACTIVATION_F32_H
#define NN_ACTIVATION_F32_H

#include "ops/epilogue.h"

/* x[i] = activation(x[i]) */
typedef void (*nn_activate_function)(nn_activation activation, float *x, int64_t count);

/* Rows of results with what is done to them: y[i][j] = after(before(x[i][j]) + residual[i][j]). */
typedef struct nn_epilogue_block {
    float *x;       /* overwritten when there is a residual; may be y */
    int64_t x_step; /* floats from a row to the next; so is y_step, which residuals have too */
    const float *residual; /* not read unless the epilogue has one; may be y */
    float *y;
    int64_t y_step;
    int64_t rows, columns;
} nn_epilogue_block;
typedef void (*nn_epilogue_function)(const nn_epilogue *epilogue, const nn_epilogue_block *block);

void nn_activate_f32_portable(nn_activation activation, float *x, int64_t count);
void nn_activate_f32_avx2(nn_activation activation, float *x, int64_t count);
void nn_activate_f32_avx512(nn_activation activation, float *x, int64_t count);

void nn_epilogue_f32_portable(const nn_epilogue *epilogue, const nn_epilogue_block *block);
void nn_epilogue_f32_avx2(const nn_epilogue *epilogue, const nn_epilogue_block *block);
void nn_epilogue_f32_avx512(const nn_epilogue *epilogue, const nn_epilogue_block *block);

#endif
