/* Nodes of kernel_host.h on a device, and the main function of tests that need one.
 *
 *     nn_device *device = device_host_open();                 the emulator, or a real device
 *     nn_target target = {.threads = 1, .device = device};
 *     ... host as in kernel_host.h ...
 *     device_host_run(&host, device_host_kernel(&host, "relu_cuda"), NN_LAYOUT_STANDARD, &target);
 *     ... host.out[0] holds the result in standard layout ...
 */
#ifndef NN_TEST_DEVICE_HOST_H
#define NN_TEST_DEVICE_HOST_H

#include "ops/device_kernels.h"
#include "tests/support/kernel_host.h"

/* "cuda" with its kernels, opened once. Ends the program as skipped, with the reason, where neither
 * the emulator could be built nor NNOPT_CUDA_LIBRARY names a library. */
nn_device *device_host_open(void);

/* The device's kernel of this name for the node's operator; asserts that there is one. */
const nn_kernel *device_host_kernel(const kernel_host *host, const char *name);
/* The first of the device's kernels that takes the node; NULL: none does. */
const nn_kernel *device_host_select(const kernel_host *host, const nn_target *target);

/* host_run on target->device. Constants that the kernel packed or read are not uploaded. Runs once
 * directly and once from a recording, into memory of garbage; asserts that both give the same bits
 * and that inputs stay as they are. */
void device_host_run(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                     const nn_target *target);
/* The same, once and with output 0 in the memory of input `input`. */
void device_host_run_in_place(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                              const nn_target *target, int input);

/* Asserts that output `index` is within `tolerance` of `expected`, relative to the largest
 * magnitude of its finite elements; NaN and infinities must stand at the same places. Integers and
 * bits too. */
void device_host_compare(const kernel_host *host, int index, const nn_tensor *expected,
                         double tolerance);
/* Runs the node with the operator's reference kernel on the CPU and compares all outputs of
 * device_host_run with it. */
void device_host_check(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                       const nn_target *target, double tolerance);

/* The same by the first of the device's kernels that takes the node, on one thread; asserts that
 * one does. The node was inferred. */
void device_host_check_first(kernel_host *host, nn_layout layout, double tolerance);
/* Infers the node, checks it so, and ends it. */
void device_host_judge(kernel_host *host, nn_layout layout, double tolerance);

/* A session of the model on a device and in a precision, by the public functions. */
nnopt_session *device_host_session(nnopt_model *model, const char *device, const char *precision);

#endif
