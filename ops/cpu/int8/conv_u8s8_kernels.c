/* The kernels of conv_u8s8.h: one for each operator and instruction set. */
#include "ops/cpu/int8/amx_u8s8.h"
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/depthwise_u8s8.h"
#include "ops/cpu/kernels.h"
#include "ops/family/matmul.h"
#include "ops/family/qgemm.h"
#include "ops/family/qlinear_convolution.h"

/* Inputs and shape of a node; false when the operator's form is not one that can be run. */
typedef bool (*describe_function)(const nn_node_view *node, nn_int8_inputs *inputs,
                                  nn_u8s8_shape *shape);

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

/* ---- convolutions --------------------------------------------------------------------------- */

static bool describe_geometry(const nn_conv_geometry *geometry, nn_u8s8_shape *shape) {
    const nn_window_axis *depth = &geometry->axes[NN_DEPTH];
    if (depth->in != 1 || depth->out != 1 || depth->kernel != 1) return false;
    *shape = nn_u8s8_shape_of_conv(geometry);
    return true;
}

/* QLinearConv and QConv. */
static bool describe_qconv(const nn_node_view *node, nn_int8_inputs *inputs, nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = NN_QCONV_X,
                               .x_scale = NN_QCONV_X_SCALE,
                               .x_zero = NN_QCONV_X_ZERO,
                               .w = NN_QCONV_W,
                               .w_scale = NN_QCONV_W_SCALE,
                               .w_zero = NN_QCONV_W_ZERO,
                               .y_scale = NN_QCONV_Y_SCALE,
                               .y_zero = NN_QCONV_Y_ZERO,
                               .bias = NN_QCONV_BIAS,
                               .has_sum = nn_qconv_has_sum(node)};
    nn_conv_geometry geometry = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    return describe_geometry(&geometry, shape);
}

static bool describe_conv_integer(const nn_node_view *node, nn_int8_inputs *inputs,
                                  nn_u8s8_shape *shape) {
    const nn_conv_inputs conv_inputs = {.x = 0, .w = 1, .bias = -1};
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = -1,
                               .x_zero = 2,
                               .w = 1,
                               .w_scale = -1,
                               .w_zero = 3,
                               .y_scale = -1,
                               .y_zero = -1,
                               .bias = -1};
    nn_conv_geometry geometry = nn_conv_geometry_of(node, node->attrs, conv_inputs);
    return describe_geometry(&geometry, shape);
}

/* ---- matrix products ------------------------------------------------------------------------ */

static bool is_single(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    return fact == NULL || nn_fact_count(fact) == 1;
}

/* One matrix b for all rows of a; parameters of a for the whole of it, those of b for the whole or
 * for each column. */
static bool describe_product(const nn_node_view *node, const nn_int8_inputs *inputs,
                             nn_u8s8_shape *shape) {
    const nn_fact *a = node->in[inputs->x], *b = node->in[inputs->w];
    nn_matmul_geometry g = nn_matmul_geometry_of(node, inputs->x, inputs->w);
    if (g.k <= 0 || nn_fact_count(b) != g.k * g.n || nn_fact_count(a) % g.k != 0) return false;
    if (!is_single(node, inputs->x_zero)) return false;
    if (inputs->x_scale >= 0 && !is_single(node, inputs->x_scale)) return false;
    *shape = nn_u8s8_shape_of_matmul(nn_fact_count(a) / g.k, g.k, g.n, g.n, 1);
    return true;
}

static bool describe_qlinear_matmul(const nn_node_view *node, nn_int8_inputs *inputs,
                                    nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = 1,
                               .x_zero = 2,
                               .w = 3,
                               .w_scale = 4,
                               .w_zero = 5,
                               .y_scale = 6,
                               .y_zero = 7,
                               .bias = -1};
    return describe_product(node, inputs, shape);
}

static bool describe_matmul_integer(const nn_node_view *node, nn_int8_inputs *inputs,
                                    nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = -1,
                               .x_zero = 2,
                               .w = 1,
                               .w_scale = -1,
                               .w_zero = 3,
                               .y_scale = -1,
                               .y_zero = -1,
                               .bias = -1};
    return describe_product(node, inputs, shape);
}

static bool describe_matmul_integer_to_float(const nn_node_view *node, nn_int8_inputs *inputs,
                                             nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = 2,
                               .x_zero = 4,
                               .w = 1,
                               .w_scale = 3,
                               .w_zero = 5,
                               .y_scale = -1,
                               .y_zero = -1,
                               .bias = 6};
    return describe_product(node, inputs, shape);
}

/* Columns of the addend, which is the bias, are those of the result. */
static bool describe_qgemm(const nn_node_view *node, nn_int8_inputs *inputs, nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = 1,
                               .x_zero = 2,
                               .w = 3,
                               .w_scale = 4,
                               .w_zero = 5,
                               .y_scale = 7,
                               .y_zero = 8,
                               .bias = 6};
    const nn_qgemm_attrs *attrs = node->attrs;
    const nn_fact *a = node->in[0], *y = node->out[0], *addend = nn_view_in(node, 6);
    int64_t rows = y->dims[0], columns = y->dims[1], k = a->dims[1];
    if (attrs->transpose_a) return false;
    if (addend != NULL && nn_fact_count(addend) != columns) return false;
    if (addend != NULL && addend->rank == 2 && addend->dims[0] != 1) return false;
    *shape = nn_u8s8_shape_of_matmul(rows, k, columns, attrs->transpose_b ? 1 : columns,
                                     attrs->transpose_b ? k : 1);
    shape->scale = attrs->alpha;
    return true;
}

/* ---- kernels -------------------------------------------------------------------------------- */

/* Inputs of QConv that are maps, and the one whose memory the result may take. */
#define QCONV_ADDEND (1u << NN_QCONV_ADDEND)
#define QCONV_MAPS   (1u | QCONV_ADDEND)

#define KERNEL(operator, layout_kind, bits, in_place_bits, suffix, isa_level)                      \
    static bool operator##_accepts_##suffix(const nn_node_view *node, const nn_target *target) {   \
        (void)target;                                                                              \
        return accepts(node, &nn_u8s8_##suffix, describe_##operator);                              \
    }                                                                                              \
    static nn_status operator##_prepare_##suffix(const nn_node_view *node,                         \
                                                 const nn_target *target, nn_prepare *out) {       \
        return prepare(node, target, out, &nn_u8s8_##suffix, describe_##operator);                 \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_u8s8_##suffix = {                                       \
        .name = #operator"_u8s8_" #suffix,                                                         \
        .isa = isa_level,                                                                          \
        .exactness = NN_EXACT,                                                                     \
        .layout = layout_kind,                                                                     \
        .layout_inputs = bits,                                                                     \
        .in_place = in_place_bits,                                                                 \
        .accepts = operator##_accepts_##suffix,                                                    \
        .prepare = operator##_prepare_##suffix,                                                    \
        .run = nn_u8s8_run,                                                                        \
    };
#define TILED(operator, layout_kind, bits, in_place_bits)                                          \
    static bool operator##_accepts_amx(const nn_node_view *node, const nn_target *target) {        \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        return describe_##operator(node, &inputs, &shape) &&                                       \
               nn_amx_u8s8_accepts(node, target, &inputs, &shape);                                 \
    }                                                                                              \
    static nn_status operator##_prepare_amx(const nn_node_view *node, const nn_target *target,     \
                                            nn_prepare *out) {                                     \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        describe_##operator(node, &inputs, &shape);                                                \
        return nn_amx_u8s8_prepare(node, target, out, &inputs, &shape);                            \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_u8s8_amx = {                                            \
        .name = #operator"_u8s8_amx",                                                              \
        .isa = NN_ISA_AMX,                                                                         \
        .exactness = NN_EXACT,                                                                     \
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
        return describe_##operator(node, &inputs, &shape) && !inputs.has_sum &&                    \
               nn_depthwise_u8s8_accepts(node, &inputs, &shape);                                   \
    }                                                                                              \
    static nn_status operator##_depthwise_prepare_##suffix(                                        \
        const nn_node_view *node, const nn_target *target, nn_prepare *out) {                      \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        describe_##operator(node, &inputs, &shape);                                                \
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
TILED(qconv, NN_LAYOUT_CHANNELS_LAST, QCONV_MAPS, QCONV_ADDEND)
TILED(conv_integer, NN_LAYOUT_CHANNELS_LAST, 1, 0)
TILED(qlinear_matmul, NN_LAYOUT_STANDARD, 0, 0)
TILED(matmul_integer, NN_LAYOUT_STANDARD, 0, 0)
TILED(matmul_integer_to_float, NN_LAYOUT_STANDARD, 0, 0)
TILED(qgemm, NN_LAYOUT_STANDARD, 0, 0)
DEPTHWISES(avx2, NN_ISA_AVX2)
DEPTHWISES(vnni, NN_ISA_VNNI)
#endif
