/* What kernels of bf16 products share: which nodes they take, and weights and bias packed once. */
#ifndef NN_BF16_OPERANDS_H
#define NN_BF16_OPERANDS_H

#include "ops/cpu/bf16/direct_bf16.h"

/* Input `x`, the residual and output 0 are float or bf16, each by itself; *types says which. */
bool nn_bf16_types_of(const nn_node_view *node, int x, nn_bf16_types *types);
/* Input `index` is absent or a constant of floats. */
bool nn_bf16_is_constant(const nn_node_view *node, int index);

/* Where weights and bias come from; packs both. `bias` -1: none. */
typedef struct nn_bf16_constants {
    int w, bias;
    nn_direct_source source;
    int64_t bias_step;
    float bias_scale;
    const void *packed;
    const float *packed_bias;
} nn_bf16_constants;
nn_status nn_bf16_prepare(const nn_node_view *node, const nn_bf16_plan *plan, nn_prepare *services,
                          nn_bf16_constants *constants);

/* Bias alone, for weights that are computed. */
nn_status nn_bf16_prepare_bias(const nn_bf16_plan *plan, nn_prepare *services,
                               nn_bf16_constants *constants);

/* The two kernels of an operator, best first in its list: for tiles of AMX, and of AVX-512 where
 * there are none. Further members of both follow. */
#define NN_BF16_KERNELS(stem, accepts_function, prepare_function, run_function, ...)               \
    static bool stem##_accepts_avx512bf16(const nn_node_view *node, const nn_target *target) {     \
        return target->isa < NN_ISA_AMX && accepts_function(node, target);                         \
    }                                                                                              \
    const nn_kernel nn_kernel_##stem##_bf16_amx = {                                                \
        .name = #stem "_bf16_amx",                                                                 \
        .isa = NN_ISA_AMX,                                                                         \
        .precision = NN_PRECISION_BF16,                                                            \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = accepts_function,                                                               \
        .prepare = prepare_function,                                                               \
        .run = run_function,                                                                       \
        __VA_ARGS__,                                                                               \
    };                                                                                             \
    const nn_kernel nn_kernel_##stem##_bf16_avx512bf16 = {                                         \
        .name = #stem "_bf16_avx512bf16",                                                          \
        .isa = NN_ISA_BF16,                                                                        \
        .precision = NN_PRECISION_BF16,                                                            \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = stem##_accepts_avx512bf16,                                                      \
        .prepare = prepare_function,                                                               \
        .run = run_function,                                                                       \
        __VA_ARGS__,                                                                               \
    }

/* Further members of those that convolve maps. */
#define NN_BF16_CHANNELS_LAST                                                                      \
    .layout = NN_LAYOUT_CHANNELS_LAST, .layout_inputs = 1,                                         \
    .in_place = 1 << 3 /* the residual, which comes after the bias */

#endif
