/* Operators with products of bytes: by tensor cores where weights and what becomes of the sums are
 * constants, by general kernels else. */
#include "ops/cuda/int8/byte_kernels.h"
#include "ops/cuda/int8/tile_product.h"
#include "ops/family/qlinear_convolution.h"

#define ADDEND (1u << NN_QCONV_ADDEND)

#define TILES(operator, layout_kind, bits, in_place_bits)                                          \
    static bool operator##_accepts(const nn_node_view *node, const nn_target *target) {            \
        (void)target;                                                                              \
        return nn_tile_product_accepts(node, nn_int8_describe_##operator);                         \
    }                                                                                              \
    static nn_status operator##_prepare(const nn_node_view *node, const nn_target *target,         \
                                        nn_prepare *prepare) {                                     \
        return nn_tile_product_prepare(node, target, prepare, nn_int8_describe_##operator);        \
    }                                                                                              \
    static const nn_kernel operator##_tensor_cuda = {                                              \
        .name = #operator"_tensor_cuda",                                                           \
        .on_device = true,                                                                         \
        .exactness = NN_EXACT,                                                                     \
        .layout = layout_kind,                                                                     \
        .layout_inputs = bits,                                                                     \
        .in_place = in_place_bits,                                                                 \
        .variants = nn_tile_variants,                                                              \
        .accepts = operator##_accepts,                                                             \
        .prepare = operator##_prepare,                                                             \
        .run = nn_tile_product_run,                                                                \
    };

TILES(qconv, NN_LAYOUT_CHANNELS_LAST, 1u | ADDEND, ADDEND)
TILES(conv_integer, NN_LAYOUT_CHANNELS_LAST, 1, 0)
TILES(qlinear_matmul, NN_LAYOUT_STANDARD, 0, 0)
TILES(matmul_integer, NN_LAYOUT_STANDARD, 0, 0)
TILES(matmul_integer_to_float, NN_LAYOUT_STANDARD, 0, 0)
TILES(qgemm, NN_LAYOUT_STANDARD, 0, 0)

const nn_kernel *const nn_cuda_qconv_kernels[] = {
    &nn_kernel_qconv_depthwise_cuda, &qconv_tensor_cuda, &nn_kernel_qconv_general_cuda, NULL};
const nn_kernel *const nn_cuda_conv_integer_kernels[] = {
    &nn_kernel_conv_integer_depthwise_cuda, &conv_integer_tensor_cuda,
    &nn_kernel_conv_integer_general_cuda, NULL};
const nn_kernel *const nn_cuda_qlinear_matmul_kernels[] = {
    &qlinear_matmul_tensor_cuda, &nn_kernel_qlinear_matmul_batched_cuda,
    &nn_kernel_qlinear_matmul_general_cuda, NULL};
const nn_kernel *const nn_cuda_matmul_integer_kernels[] = {
    &matmul_integer_tensor_cuda, &nn_kernel_matmul_integer_batched_cuda,
    &nn_kernel_matmul_integer_general_cuda, NULL};
const nn_kernel *const nn_cuda_matmul_integer_to_float_kernels[] = {
    &matmul_integer_to_float_tensor_cuda, &nn_kernel_matmul_integer_to_float_batched_cuda,
    &nn_kernel_matmul_integer_to_float_general_cuda, NULL};
const nn_kernel *const nn_cuda_qgemm_kernels[] = {&qgemm_tensor_cuda, &nn_kernel_qgemm_general_cuda,
                                                  NULL};
