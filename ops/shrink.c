#include "ops/family/unary.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_shrink_attrs *parsed = out;
    NN_TRY(nn_attrs_float(attrs, "bias", 0, &parsed->bias));
    return nn_attrs_float(attrs, "lambd", 0.5f, &parsed->lambd);
}

static inline double shrink(const nn_shrink_attrs *attrs, double x) {
    if (x < -(double)attrs->lambd) return x + (double)attrs->bias;
    return x > (double)attrs->lambd ? x - (double)attrs->bias : 0;
}

NN_UNARY_ROW(shrink_f32, float,
             x<-((const nn_shrink_attrs *)attrs)->lambd ? x + ((const nn_shrink_attrs *)attrs)->bias
                                                        : x>((const nn_shrink_attrs *)attrs)
                     ->lambd
                 ? x - ((const nn_shrink_attrs *)attrs)->bias
                 : 0)
NN_UNARY_ROW(shrink_f64, double, shrink(attrs, x))

/* Integers are rounded towards zero; what does not fit is clamped. The bounds of 64 bits round up
 * to a power of two, which is out of range itself; NaN is 0. */
#define SHRINK_INTEGER(type, suffix, low, high)                                                    \
    static inline type clamp_##suffix(double y) {                                                  \
        if (y >= (double)(high)) return high;                                                      \
        if (y <= (double)(low)) return low;                                                        \
        return y == y ? (type)y : 0;                                                               \
    }                                                                                              \
    NN_UNARY_ROW(shrink_##suffix, type, clamp_##suffix(shrink(attrs, (double)x)))
#define SHRINK_SIGNED(TYPE, type, suffix)   SHRINK_INTEGER(type, suffix, TYPE##_MIN, TYPE##_MAX)
#define SHRINK_UNSIGNED(TYPE, type, suffix) SHRINK_INTEGER(type, suffix, 0, TYPE##_MAX)
NN_EACH_SIGNED(SHRINK_SIGNED)
NN_EACH_UNSIGNED(SHRINK_UNSIGNED)

#define SHRINK_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = shrink_##suffix,
static const nn_unary_rows rows = {{NN_EACH_REAL(SHRINK_ENTRY) NN_EACH_INTEGER(SHRINK_ENTRY)}};

NN_UNARY_KERNEL(shrink_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static const nn_kernel *const kernels[] = {&shrink_reference, NULL};

const nn_op nn_op_shrink = {
    .name = "Shrink",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_shrink_attrs),
    .parse = parse,
    .infer = nn_infer_unary_number,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
