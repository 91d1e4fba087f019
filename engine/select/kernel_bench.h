/* How fast the kernels of an operator are at a size that networks have, on one thread. */
#ifndef NN_KERNEL_BENCH_H
#define NN_KERNEL_BENCH_H

#include "engine/select/kernel_case.h"

typedef struct nn_kernel_time {
    const nn_op *op;
    const char *text; /* of the case: its inputs and attributes */
    const nn_kernel *kernel;
    const char *variant; /* what the kernel settled on, or the variant's name; "" */
    bool is_int8;
    nn_cost cost;
    double seconds;       /* of the fastest run, with warm caches */
    double over_portable; /* time of the fastest portable kernel by this one's; the reference counts
                             as one only where there is no other */
} nn_kernel_time;

/* Calls `visit` for every kernel that takes the case, in each of its variants; nothing when the
 * case is not of the operator `wanted` (NULL: any). */
nn_status nn_kernel_bench(const nn_kernel_case *which, const char *wanted,
                          nn_status (*visit)(void *user, const nn_kernel_time *time), void *user);

#endif
