/* Random elements for tests that compare a device with the CPU. */
#ifndef NN_TEST_DEVICE_FILL_H
#define NN_TEST_DEVICE_FILL_H

#include "tests/support/kernel_host.h"

/* Adds an input of this shape with elements in [low, high); integers are whole numbers of that
 * range. */
static inline nn_tensor *fill_input(kernel_host *host, nn_type type, const int64_t *dims, int rank,
                                    bool constant, double low, double high) {
    host_input(host, type, dims, rank, constant);
    nn_tensor *tensor = &host->in[host->in_count - 1];
    const int64_t count = nn_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++)
        nn_tensor_set(tensor, i, low + (high - low) * ((double)host_random() + 1) / 2);
    return tensor;
}

/* How far results of a type may lie apart, relative to the largest: the last places. */
static inline double device_tolerance(nn_type type) {
    switch (type) {
    case NNOPT_FLOAT:
        return 2e-6;
    case NNOPT_FLOAT16:
        return 1e-3;
    case NNOPT_BFLOAT16:
        return 8e-3;
    case NNOPT_DOUBLE:
        return 1e-14;
    default:
        return 0;
    }
}

#endif
