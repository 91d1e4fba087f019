/* Swish and SwiGLU: x sigmoid(alpha x), in the second times another input of the same shape. */
#ifndef NN_FAMILY_SWISH_H
#define NN_FAMILY_SWISH_H

#include "ops/cpu/float32/rows_f32.h"

nn_status nn_swish_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

/* y = x sigmoid(alpha x) of at most NN_BLOCK floats; x and y may be the same. */
void nn_swish_block(const nn_rows_f32 *table, float alpha, const float *x, float *y, int64_t count);
double nn_swish_double(double alpha, double x);

#endif
