/* Nodes of quantised operators with random inputs, and the comparison of all their kernels with the
 * reference kernel: bit for bit, but for activations that vector code rounds otherwise, sums in
 * fixed point, and products of floats. */
#ifndef NN_TESTS_INT8_HOST_H
#define NN_TESTS_INT8_HOST_H

#include "tests/support/kernel_host.h"

/* Runs all kernels before `reference` that accept the node; returns how many. */
int compare_to(kernel_host *host, const nn_kernel *reference, const char *what);
/* The same with the last kernel, which is the portable reference. */
int compare_all(kernel_host *host, const char *what);

bool chance(int percent);
nn_type type8(void);

/* Inputs in order; `constant`: known when the kernel is prepared. */
void add_bytes(kernel_host *host, nn_type type, const int64_t *dims, int rank, bool constant);
void add_zero(kernel_host *host, nn_type type, int64_t count, int32_t value, bool constant);
void add_scale(kernel_host *host, int64_t count, float value, bool constant);
void add_bias(kernel_host *host, nn_type type, int64_t count, bool constant);
/* Scale and zero point of 8-bit data. */
void add_quant(kernel_host *host, nn_type type, float scale, bool constant);

#endif
