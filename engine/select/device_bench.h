/* How fast the kernels of a device are at the sizes of kernel_bench.h, by the device's clock. */
#ifndef NN_DEVICE_BENCH_H
#define NN_DEVICE_BENCH_H

#include "engine/select/kernel_bench.h"

/* nn_kernel_bench for the kernels of `device`: each is recorded and started many times over.
 * over_portable is not a number. */
nn_status nn_device_bench(nn_device *device, const nn_kernel_case *which, const char *wanted,
                          nn_status (*visit)(void *user, const nn_kernel_time *time), void *user);

#endif
