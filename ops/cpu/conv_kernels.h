/* The kernels that float convolutions of every form declare, one for each instruction set, from the
 * file's own `accepts`, `prepare` (with the functions of the set as its last argument) and `run`;
 * the second form with the columns `variants` and `reads_pieces`. */
#ifndef NN_CONV_KERNELS_H
#define NN_CONV_KERNELS_H

#include "ops/op.h"

enum { NN_CONV_WEIGHTS = 1 << 1 }; /* a mask of inputs */

#define NN_CONV_KERNEL(stem, functions, names, pieces, set, level)                                 \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        return prepare(node, target, services, &functions##_##set);                                \
    }                                                                                              \
    const nn_kernel nn_kernel_##stem##_##set = {                                                   \
        .name = #stem "_" #set,                                                                    \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1,                                                                        \
        .in_place = 1 << 3, /* the residual, which comes after the bias */                         \
        .pitched_inputs = 1,                                                                       \
        .pitched_output = true,                                                                    \
        .reads_pieces = pieces,                                                                    \
        .variants = names,                                                                         \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run,                                                                                \
    };

#if defined(__x86_64__)
#    define NN_CONV_KERNELS_WITH(stem, functions, names, pieces)                                   \
        NN_CONV_KERNEL(stem, functions, names, pieces, portable, NN_ISA_PORTABLE)                  \
        NN_CONV_KERNEL(stem, functions, names, pieces, avx2, NN_ISA_AVX2)                          \
        NN_CONV_KERNEL(stem, functions, names, pieces, avx512, NN_ISA_AVX512)
#else
#    define NN_CONV_KERNELS_WITH(stem, functions, names, pieces)                                   \
        NN_CONV_KERNEL(stem, functions, names, pieces, portable, NN_ISA_PORTABLE)
#endif

#define NN_CONV_KERNELS(stem, functions) NN_CONV_KERNELS_WITH(stem, functions, NULL, 0)

#endif
