/* What tests of kernels of plans in bf16 share: operands whose numbers are bf16, so that products
 * are exact, and the comparison with the float reference kernel. */
#ifndef TESTS_BF16_HOST_H
#define TESTS_BF16_HOST_H

#include "tests/support/kernel_host.h"

/* Kernels of one operator, those for AMX first; tests run all that this CPU can. */
#define BF16_PRODUCT(stem)                                                                         \
    static const nn_kernel *const stem##_kernels[] = {&nn_kernel_##stem##_bf16_amx,                \
                                                      &nn_kernel_##stem##_bf16_avx512bf16, NULL}
#define BF16_ALONE(stem, isa_suffix)                                                               \
    static const nn_kernel *const stem##_kernels[] = {&nn_kernel_##stem##_bf16_##isa_suffix, NULL}

/* Says once that tests are skipped where this CPU has less. */
bool bf16_has_isa(nn_isa isa);
/* Input `residual` is what may be added. */
nn_epilogue bf16_random_epilogue(int residual);
/* Operands that may be bf16 by themselves: x, the residual, the output. */
uint32_t bf16_random_operands(int residual);
/* Of numbers that are bf16. */
float *bf16_random_input(kernel_host *host, const int64_t *dims, int rank, bool constant);
/* Runs the reference on floats, then each of the kernels with operands `bf16` (a bit for each
 * input, bit 31 the output) in bf16. `absolute`: what the order of summation may change. */
void bf16_check_kernels(kernel_host *host, const nn_kernel *const *kernels, uint32_t bf16,
                        double absolute, const char *what);
/* In a plan in bf16. */
bool bf16_is_accepted(kernel_host *host, const nn_kernel *kernel);

#endif
