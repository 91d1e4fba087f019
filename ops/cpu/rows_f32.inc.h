/* The rows of rows_f32.h for the instruction set that the including file is compiled for. */
#include "ops/cpu/math_f32.h"
#include "ops/cpu/rows_f32.h"

#include <math.h>

/* y = f(x), the last vector in part. */
#define UNARY_ROW(stem, expression)                                                                \
    static void stem##_row(const void *attrs, const void *x_, void *y_, int64_t count) {           \
        (void)attrs;                                                                               \
        const float *xs = x_;                                                                      \
        float *ys = y_;                                                                            \
        int64_t i = 0;                                                                             \
        for (; i + VF_LANES <= count; i += VF_LANES) {                                             \
            vf x = vf_load(xs + i);                                                                \
            vf_store(ys + i, expression);                                                          \
        }                                                                                          \
        if (i < count) {                                                                           \
            vf x = vf_load_first(xs + i, (int)(count - i));                                        \
            vf_store_first(ys + i, expression, (int)(count - i));                                  \
        }                                                                                          \
    }

UNARY_ROW(exp, vf_exp(x))
UNARY_ROW(sigmoid, vf_sigmoid(x))
UNARY_ROW(tanh, vf_tanh(x))
UNARY_ROW(erf, vf_erf(x))
UNARY_ROW(gelu_erf, vf_gelu(x))
UNARY_ROW(gelu_tanh, vf_gelu_tanh(x))
UNARY_ROW(silu, x *vf_sigmoid(x))
UNARY_ROW(mish, vf_mish(x))

static void gelu_row(const void *attrs, const void *x, void *y, int64_t count) {
    const nn_gelu_attrs *gelu = attrs;
    if (gelu->approximate)
        gelu_tanh_row(attrs, x, y, count);
    else
        gelu_erf_row(attrs, x, y, count);
}

NN_BINARY_ROW(add_row, float, float, a + b)
NN_BINARY_ROW(sub_row, float, float, a - b)
NN_BINARY_ROW(mul_row, float, float, a *b)
NN_BINARY_ROW(div_row, float, float, a / b)
NN_BINARY_ROW(max_row, float, float, a > b || a != a ? a : b)
NN_BINARY_ROW(min_row, float, float, a < b || a != a ? a : b)

static float lanes_sum(vf x) {
    float lanes[VF_LANES], sum = 0;
    vf_store(lanes, x);
    for (int i = 0; i < VF_LANES; i++) sum += lanes[i];
    return sum;
}

static float maximum(const float *x, int64_t count) {
    vf best = vf_set(-INFINITY);
    float lanes[VF_LANES], result = -INFINITY;
    int64_t i = 0;
    for (; i + VF_LANES <= count; i += VF_LANES) best = vf_max(vf_load(x + i), best);
    vf_store(lanes, best);
    for (int k = 0; k < VF_LANES; k++) result = lanes[k] > result ? lanes[k] : result;
    for (; i < count; i++) result = x[i] > result ? x[i] : result;
    return result;
}

static float sum(const float *x, int64_t count) {
    vf a = vf_zero(), b = vf_zero();
    int64_t i = 0;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        a += vf_load(x + i);
        b += vf_load(x + i + VF_LANES);
    }
    float total = lanes_sum(a + b);
    for (; i < count; i++) total += x[i];
    return total;
}

static float sum_squares(const float *x, float shift, int64_t count) {
    vf a = vf_zero(), b = vf_zero();
    int64_t i = 0;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        vf u = vf_load(x + i) - vf_set(shift), v = vf_load(x + i + VF_LANES) - vf_set(shift);
        a = vf_fma(u, u, a);
        b = vf_fma(v, v, b);
    }
    float total = lanes_sum(a + b);
    for (; i < count; i++) total += (x[i] - shift) * (x[i] - shift);
    return total;
}

static float exp_sum(const float *x, float shift, float *y, int64_t count) {
    vf total = vf_zero();
    float rest = 0;
    int64_t i = 0;
    for (; i + VF_LANES <= count; i += VF_LANES) {
        vf e = vf_exp(vf_load(x + i) - vf_set(shift));
        total += e;
        vf_store(y + i, e);
    }
    if (i < count) {
        int left = (int)(count - i);
        vf_store_first(y + i, vf_exp(vf_load_first(x + i, left) - vf_set(shift)), left);
        for (; i < count; i++) rest += y[i];
    }
    return lanes_sum(total) + rest;
}

static void scale(const float *x, float factor, float shift, float *y, int64_t count) {
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] = x[i] * factor + shift;
}

static void affine(const float *x, float factor, float shift, const float *scales,
                   const float *bias, float *y, int64_t count) {
    if (bias == NULL) {
        _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] =
            (x[i] * factor + shift) * scales[i];
        return;
    }
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] =
        (x[i] * factor + shift) * scales[i] + bias[i];
}

#define ROWS_F32                                                                                   \
    {                                                                                              \
        .exp = exp_row, .sigmoid = sigmoid_row, .tanh = tanh_row, .erf = erf_row,                  \
        .gelu = gelu_row, .silu = silu_row, .mish = mish_row, .add = add_row, .sub = sub_row,      \
        .mul = mul_row, .div = div_row, .max = max_row, .min = min_row, .maximum = maximum,        \
        .sum = sum, .sum_squares = sum_squares, .exp_sum = exp_sum, .scale = scale,                \
        .affine = affine,                                                                          \
    }
