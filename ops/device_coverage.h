/* Which operators have kernels for CUDA devices, known without a device's library: from the tables
 * that it is built from. */
#ifndef NN_DEVICE_COVERAGE_H
#define NN_DEVICE_COVERAGE_H

#include "ops/op.h"

typedef enum nn_device_coverage_kind {
    NN_COVERAGE_UNKNOWN, /* in no table: tests/test_device_coverage.c fails */
    NN_COVERAGE_KERNELS, /* ops/cuda/kernel_table.def has a row */
    NN_COVERAGE_PARTS,   /* run as the operators that it is made of */
    NN_COVERAGE_HOST,    /* runs on the CPU: ops/cuda/host_table.def says why */
} nn_device_coverage_kind;

typedef struct nn_device_coverage {
    nn_device_coverage_kind kind;
    const char *reason; /* HOST; else NULL */
} nn_device_coverage;

nn_device_coverage nn_device_coverage_of(const nn_op *op);

/* The rows of both tables in turn, numbered from 0 on, for their test; false behind the last. */
bool nn_device_coverage_row(int index, const char **domain, const char **name, bool *is_host);

#endif
