/* The kernels of conv_u8s8.h: one for each operator and instruction set. */
#include "ops/cpu/int8/amx_u8s8.h"
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/depthwise_u8s8.h"
#include "ops/cpu/int8/int8_operators.h"
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

typedef nn_int8_describe *describe_function;

static bool accepts(const nn_node_view *node, const nn_u8s8_unit *unit,
                    describe_function describe) {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    if (!describe(node, &inputs, &shape)) return false;
    /* Depthwise ones have kernels of their own, which do not add. */
    if (inputs.has_sum && nn_depthwise_u8s8_accepts(node, &inputs, &shape)) return false;
    return nn_u8s8_accepts(node, unit, &inputs, &shape);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *out,
                         const nn_u8s8_unit *unit, describe_function describe) {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    describe(node, &inputs, &shape);
    return nn_u8s8_prepare(node, target, out, unit, &inputs, &shape);
}

/* ---- kernels -------------------------------------------------------------------------------- */

/* Inputs of QConv that are maps, and the one whose memory the result may take. */
#define QCONV_ADDEND (1u << NN_QCONV_ADDEND)
#define QCONV_MAPS   (1u | QCONV_ADDEND)

#define KERNEL(operator, layout_kind, bits, in_place_bits, suffix, isa_level)                      \
    static bool operator##_accepts_##suffix(const nn_node_view *node, const nn_target *target) {   \
        (void)target;                                                                              \
        return accepts(node, &nn_u8s8_##suffix, nn_int8_describe_##operator);                      \
    }                                                                                              \
    static nn_status operator##_prepare_##suffix(const nn_node_view *node,                         \
                                                 const nn_target *target, nn_prepare *out) {       \
        return prepare(node, target, out, &nn_u8s8_##suffix, nn_int8_describe_##operator);         \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_u8s8_##suffix = {                                       \
        .name = #operator"_u8s8_" #suffix,                                                         \
        .isa = isa_level,                                                                          \
        .exactness = NN_EXACT,                                                                     \
        .layout = layout_kind,                                                                     \
        .layout_inputs = bits,                                                                     \
        .in_place = in_place_bits,                                                                 \
        .pitched_inputs = (bits)&1u,                                                               \
        .pitched_output = (bits) != 0,                                                             \
        .accepts = operator##_accepts_##suffix,                                                    \
        .prepare = operator##_prepare_##suffix,                                                    \
        .run = nn_u8s8_run,                                                                        \
    };
#define TILED(operator, layout_kind, bits, in_place_bits, exactness_kind)                          \
    static bool operator##_accepts_amx(const nn_node_view *node, const nn_target *target) {        \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        return nn_int8_describe_##operator(node, &inputs, &shape) &&                               \
               nn_amx_u8s8_accepts(node, target, &inputs, &shape);                                 \
    }                                                                                              \
    static nn_status operator##_prepare_amx(const nn_node_view *node, const nn_target *target,     \
                                            nn_prepare *out) {                                     \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        nn_int8_describe_##operator(node, &inputs, &shape);                                        \
        return nn_amx_u8s8_prepare(node, target, out, &inputs, &shape);                            \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_u8s8_amx = {                                            \
        .name = #operator"_u8s8_amx",                                                              \
        .isa = NN_ISA_AMX,                                                                         \
        .exactness = exactness_kind,                                                               \
        .layout = layout_kind,                                                                     \
        .layout_inputs = bits,                                                                     \
        .in_place = in_place_bits,                                                                 \
        .accepts = operator##_accepts_amx,                                                         \
        .prepare = operator##_prepare_amx,                                                         \
        .run = nn_amx_u8s8_run,                                                                    \
    };
#define DEPTHWISE(operator, suffix, isa_level)                                                     \
    static bool operator##_depthwise_accepts_##suffix(const nn_node_view *node,                    \
                                                      const nn_target *target) {                   \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        (void)target;                                                                              \
        return nn_int8_describe_##operator(node, &inputs, &shape) && !inputs.has_sum &&            \
               nn_depthwise_u8s8_accepts(node, &inputs, &shape);                                   \
    }                                                                                              \
    static nn_status operator##_depthwise_prepare_##suffix(                                        \
        const nn_node_view *node, const nn_target *target, nn_prepare *out) {                      \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        nn_int8_describe_##operator(node, &inputs, &shape);                                        \
        return nn_depthwise_u8s8_prepare(node, target, out, &nn_depthwise_u8s8_##suffix, &inputs,  \
                                         &shape);                                                  \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_depthwise_u8s8_##suffix = {                             \
        .name = #operator"_depthwise_u8s8_" #suffix,                                               \
        .isa = isa_level,                                                                          \
        .exactness = NN_EXACT,                                                                     \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1,                                                                        \
        .accepts = operator##_depthwise_accepts_##suffix,                                          \
        .prepare = operator##_depthwise_prepare_##suffix,                                          \
        .run = nn_depthwise_u8s8_run,                                                              \
    };
#define PRODUCTS(suffix, isa_level)                                                                \
    KERNEL(qconv, NN_LAYOUT_CHANNELS_LAST, QCONV_MAPS, QCONV_ADDEND, suffix, isa_level)            \
    KERNEL(conv_integer, NN_LAYOUT_CHANNELS_LAST, 1, 0, suffix, isa_level)                         \
    KERNEL(qlinear_matmul, NN_LAYOUT_STANDARD, 0, 0, suffix, isa_level)                            \
    KERNEL(matmul_integer, NN_LAYOUT_STANDARD, 0, 0, suffix, isa_level)                            \
    KERNEL(matmul_integer_to_float, NN_LAYOUT_STANDARD, 0, 0, suffix, isa_level)                   \
    KERNEL(qgemm, NN_LAYOUT_STANDARD, 0, 0, suffix, isa_level)
#define DEPTHWISES(suffix, isa_level)                                                              \
    DEPTHWISE(qconv, suffix, isa_level)                                                            \
    DEPTHWISE(conv_integer, suffix, isa_level)

PRODUCTS(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
PRODUCTS(avx2, NN_ISA_AVX2)
PRODUCTS(vnni, NN_ISA_VNNI)
TILED(qconv, NN_LAYOUT_CHANNELS_LAST, QCONV_MAPS, QCONV_ADDEND, NN_ROUNDING)
TILED(conv_integer, NN_LAYOUT_CHANNELS_LAST, 1, 0, NN_EXACT)
TILED(qlinear_matmul, NN_LAYOUT_STANDARD, 0, 0, NN_EXACT)
TILED(matmul_integer, NN_LAYOUT_STANDARD, 0, 0, NN_EXACT)
TILED(matmul_integer_to_float, NN_LAYOUT_STANDARD, 0, 0, NN_EXACT)
TILED(qgemm, NN_LAYOUT_STANDARD, 0, 0, NN_EXACT)
DEPTHWISES(avx2, NN_ISA_AVX2)
DEPTHWISES(vnni, NN_ISA_VNNI)
#endif
