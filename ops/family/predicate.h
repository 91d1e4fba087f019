/* IsInf and IsNaN: a bool for each element of a floating type, from its bits. */
#ifndef NN_FAMILY_PREDICATE_H
#define NN_FAMILY_PREDICATE_H

#include "ops/family/unary.h"

/* Defines a row function with bool results; in the expression x holds the element's bits. */
#define NN_PREDICATE_ROW(name, type, expression)                                                   \
    static void name(const void *attrs, const void *x_, void *y_, int64_t count) {                 \
        (void)attrs;                                                                               \
        const type *xs = x_;                                                                       \
        uint8_t *ys = y_;                                                                          \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) {                                 \
            const type x = xs[i];                                                                  \
            ys[i] = (expression);                                                                  \
        }                                                                                          \
    }

/* X(TYPE, type, suffix, sign, infinity) for types in the layout of IEEE 754, where magnitudes over
 * that of infinity are NaN. */
#define NN_EACH_IEEE(X)                                                                            \
    X(FLOAT, uint32_t, f32, 0x80000000u, 0x7f800000u)                                              \
    X(DOUBLE, uint64_t, f64, UINT64_C(0x8000000000000000), UINT64_C(0x7ff0000000000000))           \
    X(FLOAT16, uint16_t, f16, 0x8000, 0x7c00)                                                      \
    X(BFLOAT16, uint16_t, bf16, 0x8000, 0x7f80)                                                    \
    X(FLOAT8E5M2, uint8_t, f8e5m2, 0x80, 0x7c)

/* Of IsInf. */
typedef struct nn_is_inf_attrs {
    bool positive, negative; /* which infinities count */
} nn_is_inf_attrs;

/* Floating types of 8 bits and more, from version 20 on those of 8 bits too; output 0 is bool. */
nn_status nn_infer_predicate(const nn_node_view *node);

#endif
