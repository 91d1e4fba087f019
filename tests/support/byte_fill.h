/* Inputs of operators on bytes, for kernel_host.h. */
#ifndef NN_TESTS_BYTE_FILL_H
#define NN_TESTS_BYTE_FILL_H

#include "tests/support/device_fill.h"

enum { ALL_VARIANTS = 14 }; /* of the tile kernel */

#define U8 NNOPT_UINT8
#define S8 NNOPT_INT8

/* A parameter: `count` numbers from `low` up to `high`, a scalar where count is 0. */
static inline void parameter(kernel_host *host, nn_type type, int64_t count, bool constant,
                             double low, double high) {
    fill_input(host, type, &count, count > 0 ? 1 : 0, constant, low, high);
}

/* Bytes over their whole range, the ends among them. */
static inline void bytes(kernel_host *host, nn_type type, const int64_t *dims, int rank,
                         bool constant) {
    const double low = type == NNOPT_INT8 ? -128 : 0;
    nn_tensor *tensor = fill_input(host, type, dims, rank, constant, low, low + 256);
    const int64_t count = nn_tensor_count(tensor);
    for (int64_t i = 0; i < count; i += 13) nn_tensor_set(tensor, i, i % 2 == 0 ? low : low + 255);
}

static inline double middle(nn_type type) {
    return type == NNOPT_INT8 ? 0 : 128;
}

#endif
