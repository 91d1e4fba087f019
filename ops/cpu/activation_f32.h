/* Activations and whole epilogues over rows of floats, per instruction set. The scalar definitions
 * are nn_activate and nn_epilogue_apply. */
#ifndef NN_ACTIVATION_F32_H
#define NN_ACTIVATION_F32_H

#include "ops/epilogue.h"

/* x[i] = activation(x[i]) */
typedef void (*nn_activate_function)(nn_activation activation, float *x, int64_t count);
/* x[i] = after(before(x[i]) + residual[i]); residual may be NULL when the epilogue has none. */
typedef void (*nn_epilogue_function)(const nn_epilogue *epilogue, const float *residual, float *x,
                                     int64_t count);

void nn_activate_f32_portable(nn_activation activation, float *x, int64_t count);
void nn_activate_f32_avx2(nn_activation activation, float *x, int64_t count);
void nn_activate_f32_avx512(nn_activation activation, float *x, int64_t count);

void nn_epilogue_f32_portable(const nn_epilogue *epilogue, const float *residual, float *x,
                              int64_t count);
void nn_epilogue_f32_avx2(const nn_epilogue *epilogue, const float *residual, float *x,
                          int64_t count);
void nn_epilogue_f32_avx512(const nn_epilogue *epilogue, const float *residual, float *x,
                            int64_t count);

#endif
