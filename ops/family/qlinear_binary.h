/* QLinearAdd and QLinearMul: two broadcast operands of one 8-bit type. Inputs, in this order:
 *
 *     a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero       (zero points may be absent: 0)
 *
 *     Add: y = saturate(round(a r + (b s + c))), r = a_scale / y_scale, s = b_scale / y_scale,
 *          c = y_zero - (r a_zero + s b_zero), each product fused with the sum
 *     Mul: y = saturate(round((a - a_zero) (b - b_zero) (a_scale b_scale / y_scale) + y_zero))
 *
 * Sums of quantised numbers lie halfway between two results so often that the order matters: it is
 * that of ONNX Runtime, and the zero point of y is added before rounding. */
#ifndef NN_QLINEAR_BINARY_H
#define NN_QLINEAR_BINARY_H

#include "ops/family/quantization.h"

typedef enum nn_qbinary_kind { NN_QBINARY_ADD, NN_QBINARY_MUL } nn_qbinary_kind;

/* The numbers of one call. */
typedef struct nn_qbinary {
    nn_qbinary_kind kind;
    nn_type type;
    int32_t a_zero, b_zero, y_zero, lowest, highest;
    float a_scale, b_scale; /* Add: over y_scale. Mul: a_scale is the product's */
    float offset;           /* c of Add, y_zero of Mul */
} nn_qbinary;

/* a b + c, rounded once: the product is exact in double, and a second rounding of the sum could
 * only show where it falls on a bit that float drops. */
static inline float nn_fused(float a, float b, float c) {
#if defined(__FMA__)
    return __builtin_fmaf(a, b, c);
#else
    return (float)((double)a * (double)b + (double)c);
#endif
}

/* `type`: of a, b and y. */
nn_qbinary nn_qbinary_make(nn_qbinary_kind kind, nn_type type, const nn_quant *a, const nn_quant *b,
                           const nn_quant *y);

/* `count` elements; steps are 1, or 0 where the operand repeats. */
typedef void (*nn_qbinary_row)(const nn_qbinary *binary, const void *a, int64_t a_step,
                               const void *b, int64_t b_step, void *y, int64_t count);

/* The scalar definition. */
void nn_qbinary_row_reference(const nn_qbinary *binary, const void *a, int64_t a_step,
                              const void *b, int64_t b_step, void *y, int64_t count);

nn_status nn_qbinary_infer(const nn_node_view *node);
nn_status nn_qbinary_axes(const nn_node_view *node, nn_axis_relations *out);
nn_status nn_qbinary_run(const nn_call *call, nn_qbinary_kind kind, nn_qbinary_row row);

#endif
