/* Nodes of float operators with random inputs and epilogues, and the comparison of all their
 * kernels with the reference kernel. */
#ifndef NN_TESTS_FLOAT_HOST_H
#define NN_TESTS_FLOAT_HOST_H

#include "tests/support/kernel_host.h"

int64_t count_of(const int64_t *dims, int rank);
float *random_input(kernel_host *host, const int64_t *dims, int rank, bool constant);
nn_activation random_activation(void);
/* `residual`: the input that it is, if there is one. */
nn_epilogue random_epilogue(int residual);

/* Differs by more than rounding; NaN equals NaN, infinities equal themselves. */
bool differs(float got, float want, double tolerance);
/* Runs all kernels of the node that take it and compares them with the last one. */
void check_all(kernel_host *host, double tolerance, const char *what);

#endif
