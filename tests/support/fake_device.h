/* A device made of host memory, for tests of what the engine does with one. Its addresses are no
 * addresses of the host: who reads them as such crashes. Work in its queue runs at once, except
 * while it is recorded. It has kernels for Relu and, channels last, for Add without broadcasting.
 */
#ifndef NN_TEST_FAKE_DEVICE_H
#define NN_TEST_FAKE_DEVICE_H

#include "ops/device_kernels.h"

typedef struct fake_device {
    nn_device base;
    int64_t blocks;                   /* of memory that are held */
    int64_t uploads, downloads, runs; /* copies and kernels that ran */
    int64_t recordings, starts, waits;
    int64_t fail_at; /* the run of a kernel with this number fails; 0: none */
} fake_device;

/* The device, attached. Every call gives the same one, with its counts zeroed. */
fake_device *fake_device_open(void);

#endif
