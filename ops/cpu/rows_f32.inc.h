/* The rows of rows_f32.h for the instruction set that the including file is compiled for. */
#include "ops/cpu/rows_f32.h"
#include "ops/cpu/vector_math.h"

#include <math.h>

/* y = f(x), the last vector in part; alpha and beta are the attributes. */
#define UNARY_ROW(stem, expression)                                                                \
    static void stem##_row(const void *attrs, const void *x_, void *y_, int64_t count) {           \
        const vf alpha = vf_set(attrs != NULL ? ((const float *)attrs)[0] : 0);                    \
        const vf beta = vf_set(attrs != NULL ? ((const float *)attrs)[1] : 0);                     \
        const float *xs = x_;                                                                      \
        float *ys = y_;                                                                            \
        (void)alpha, (void)beta;                                                                   \
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
UNARY_ROW(log, vf_log(x))
UNARY_ROW(softplus, vf_softplus(x))
UNARY_ROW(elu, vf_where_less(x, vf_zero(), alpha *vf_expm1(vf_max(vf_set(-20), x)), x))
UNARY_ROW(selu, beta *vf_where_less(vf_zero(), x, x,
                                    alpha *vf_expm1(vf_max(vf_set(-20), vf_min(vf_zero(), x)))))

/* y = f(x), vectorised by the compiler; a and b are the attributes. */
#define SIMPLE_ROW(stem, expression)                                                               \
    static void stem##_row(const void *attrs, const void *x_, void *y_, int64_t count) {           \
        const float a = attrs != NULL ? ((const float *)attrs)[0] : 0;                             \
        const float b = attrs != NULL ? ((const float *)attrs)[1] : 0;                             \
        const float *xs = x_;                                                                      \
        float *ys = y_;                                                                            \
        (void)a, (void)b;                                                                          \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) {                                 \
            const float x = xs[i];                                                                 \
            ys[i] = expression;                                                                    \
        }                                                                                          \
    }

/* NaN stays. */
static inline float clamp(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

SIMPLE_ROW(leaky_relu, x < 0 ? a * x : x)
SIMPLE_ROW(hard_sigmoid, clamp(a *x + b, 0, 1))
SIMPLE_ROW(clip, clamp(x, a, b))
SIMPLE_ROW(relu, x < 0 ? 0 : x)
SIMPLE_ROW(hard_swish, x *clamp(x *(1.0f / 6) + 0.5f, 0, 1))
SIMPLE_ROW(softsign, x / (1 + fabsf(x)))
SIMPLE_ROW(sqrt, sqrtf(x))
SIMPLE_ROW(reciprocal, 1 / x)
SIMPLE_ROW(floor, floorf(x))
SIMPLE_ROW(ceil, ceilf(x))
SIMPLE_ROW(round, rintf(x))
SIMPLE_ROW(abs, fabsf(x))
SIMPLE_ROW(neg, -x)

static void gelu_row(const void *attrs, const void *x, void *y, int64_t count) {
    const nn_gelu_attrs *gelu = attrs;
    if (gelu->approximate)
        gelu_tanh_row(NULL, x, y, count);
    else
        gelu_erf_row(NULL, x, y, count);
}

NN_BINARY_ROW(add_row, float, float, a + b)
NN_BINARY_ROW(sub_row, float, float, a - b)
NN_BINARY_ROW(mul_row, float, float, a *b)
NN_BINARY_ROW(div_row, float, float, a / b)
NN_BINARY_ROW(max_row, float, float, a > b || a != a ? a : b)
NN_BINARY_ROW(min_row, float, float, a < b || a != a ? a : b)

static float lanes_sum(vf x) {
    float lanes[VF_LANES];
    vf_store(lanes, x);
    for (int half = VF_LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) lanes[k] += lanes[k + half];
    return lanes[0];
}

static bool any_lane(vi mask) {
    int32_t lanes[VF_LANES], any = 0;
    memcpy(lanes, &mask, sizeof lanes);
    for (int k = 0; k < VF_LANES; k++) any |= lanes[k];
    return any != 0;
}

/* Largest or smallest element; NaN in any makes the result NaN. The last vector may overlap the one
 * before. */
#define EXTREME(name, start, vector_better, better)                                                \
    static float name(const float *x, int64_t count) {                                             \
        float lanes[VF_LANES];                                                                     \
        if (count < VF_LANES) {                                                                    \
            float result = start;                                                                  \
            for (int64_t i = 0; i < count; i++)                                                    \
                result = x[i] better result || x[i] != x[i] ? x[i] : result;                       \
            return result;                                                                         \
        }                                                                                          \
        vf best = vf_load(x + count - VF_LANES);                                                   \
        vi odd = best != best;                                                                     \
        for (int64_t i = 0; i + VF_LANES <= count; i += VF_LANES) {                                \
            vf v = vf_load(x + i);                                                                 \
            odd |= v != v;                                                                         \
            best = vector_better(v, best);                                                         \
        }                                                                                          \
        vf_store(lanes, best);                                                                     \
        for (int half = VF_LANES / 2; half > 0; half /= 2)                                         \
            for (int k = 0; k < half; k++)                                                         \
                lanes[k] = lanes[k + half] better lanes[k] ? lanes[k + half] : lanes[k];           \
        return any_lane(odd) ? NAN : lanes[0];                                                     \
    }
EXTREME(maximum, -INFINITY, vf_max, >)
EXTREME(minimum, INFINITY, vf_min, <)

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

static float sum_magnitudes(const float *x, int64_t count) {
    vf a = vf_zero();
    int64_t i = 0;
    for (; i + VF_LANES <= count; i += VF_LANES) a += vf_abs(vf_load(x + i));
    float total = lanes_sum(a);
    for (; i < count; i++) total += fabsf(x[i]);
    return total;
}

/* x times `count` rows, at most four, whose sums do not wait for each other. */
NN_INLINE void dots_few(const float *rows, int64_t step, const int count, const float *x,
                        int64_t size, float *y) {
    vf sums[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    int64_t i = 0;
    for (; i + VF_LANES <= size; i += VF_LANES) {
        vf own = vf_load(x + i);
        for (int r = 0; r < count; r++)
            sums[r] = vf_fma(own, vf_load(rows + r * step + i), sums[r]);
    }
    if (i < size) {
        int left = (int)(size - i);
        vf own = vf_load_first(x + i, left);
        for (int r = 0; r < count; r++)
            sums[r] = vf_fma(own, vf_load_first(rows + r * step + i, left), sums[r]);
    }
    for (int r = 0; r < count; r++) y[r] = lanes_sum(sums[r]);
}

static void dots(const float *rows, int64_t step, int64_t count, const float *x, int64_t size,
                 float *y) {
    int64_t r = 0;
    for (; r + 4 <= count; r += 4) dots_few(rows + r * step, step, 4, x, size, y + r);
    for (; r < count; r++) dots_few(rows + r * step, step, 1, x, size, y + r);
}

/* Four vectors of sums stay in registers while all rows pass. */
static void combine(const float *rows, int64_t step, int64_t count, const float *w, float *y,
                    int64_t size) {
    int64_t i = 0;
    for (; i + 4 * VF_LANES <= size; i += 4 * VF_LANES) {
        vf a = vf_load(y + i), b = vf_load(y + i + VF_LANES);
        vf c = vf_load(y + i + 2 * VF_LANES), d = vf_load(y + i + 3 * VF_LANES);
        const float *row = rows + i;
        for (int64_t r = 0; r < count; r++, row += step) {
            vf factor = vf_set(w[r]);
            a = vf_fma(factor, vf_load(row), a);
            b = vf_fma(factor, vf_load(row + VF_LANES), b);
            c = vf_fma(factor, vf_load(row + 2 * VF_LANES), c);
            d = vf_fma(factor, vf_load(row + 3 * VF_LANES), d);
        }
        vf_store(y + i, a);
        vf_store(y + i + VF_LANES, b);
        vf_store(y + i + 2 * VF_LANES, c);
        vf_store(y + i + 3 * VF_LANES, d);
    }
    for (; i < size; i += VF_LANES) {
        int left = size - i < VF_LANES ? (int)(size - i) : VF_LANES;
        vf sum = vf_load_first(y + i, left);
        for (int64_t r = 0; r < count; r++)
            sum = vf_fma(vf_set(w[r]), vf_load_first(rows + r * step + i, left), sum);
        vf_store_first(y + i, sum, left);
    }
}

static void add_squares(float *totals, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) totals[i] += x[i] * x[i];
}

static void add_magnitudes(float *totals, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) totals[i] += fabsf(x[i]);
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

static void blend(const float *xa, float a, const float *xb, float b, float *y, int64_t count) {
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] = a * xa[i] + b * xb[i];
}

static void bilinear(const float *const lines[4], const float *a, const float *b, float top,
                     float bottom, float *y, int64_t count) {
    const float *l0 = lines[0], *r0 = lines[1], *l1 = lines[2], *r1 = lines[3];
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] =
        a[i] * top * l0[i] + b[i] * top * r0[i] + a[i] * bottom * l1[i] + b[i] * bottom * r1[i];
}

static void gather_blend(const float *x, const int32_t *left, const int32_t *right, const float *a,
                         const float *b, float *y, int64_t count) {
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] =
        x[left[i]] * a[i] + x[right[i]] * b[i];
}

static void to_half(const float *x, uint16_t *y, int64_t count) {
    int64_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128((__m128i *)(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
#endif
    for (; i < count; i++) y[i] = nn_float_to_half(x[i]);
}

static void from_half(const uint16_t *x, float *y, int64_t count) {
    int64_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
#endif
    for (; i < count; i++) y[i] = nn_half_to_float(x[i]);
}

static void to_int32(const float *x, int32_t *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float bounded = clamp(x[i] == x[i] ? x[i] : 0, -0x1p31f, 0x1.fffffep30f);
        int32_t whole = (int32_t)bounded;
        y[i] = x[i] >= 0x1p31f ? INT32_MAX : whole;
    }
}

/* A square of BLOCK x BLOCK elements. */
#if defined(__AVX2__)
enum { BLOCK = 8 };

static inline void transpose_block(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step) {
    __m256 in[8], pairs[8], quads[8];
    for (int i = 0; i < 8; i++) in[i] = _mm256_loadu_ps((const float *)(x + i * x_step));
    for (int i = 0; i < 4; i++) {
        pairs[2 * i] = _mm256_unpacklo_ps(in[2 * i], in[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(in[2 * i], in[2 * i + 1]);
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 2; i++) {
            __m256 low = pairs[4 * half + i], high = pairs[4 * half + 2 + i];
            quads[4 * half + 2 * i] = _mm256_shuffle_ps(low, high, 0x44);
            quads[4 * half + 2 * i + 1] = _mm256_shuffle_ps(low, high, 0xee);
        }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps((float *)(y + i * y_step),
                         _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20));
        _mm256_storeu_ps((float *)(y + (i + 4) * y_step),
                         _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31));
    }
}
#else
enum { BLOCK = 4 };

static inline void transpose_block(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step) {
    for (int i = 0; i < BLOCK; i++)
        for (int k = 0; k < BLOCK; k++) y[i * y_step + k] = x[k * x_step + i];
}
#endif

static void transpose(const uint32_t *x, int64_t x_step, uint32_t *y, int64_t y_step, int64_t rows,
                      int64_t columns) {
    int64_t whole_rows = rows / BLOCK * BLOCK, whole_columns = columns / BLOCK * BLOCK;
    for (int64_t c = 0; c < whole_columns; c += BLOCK)
        for (int64_t r = 0; r < whole_rows; r += BLOCK)
            transpose_block(x + c * x_step + r, x_step, y + r * y_step + c, y_step);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
            y[r * y_step + c] = x[c * x_step + r];
}

#define ROWS_F32                                                                                   \
    {                                                                                              \
        .exp = exp_row, .log = log_row, .sigmoid = sigmoid_row, .tanh = tanh_row, .erf = erf_row,  \
        .silu = silu_row, .mish = mish_row, .softplus = softplus_row, .gelu = gelu_row,            \
        .elu = elu_row, .selu = selu_row, .leaky_relu = leaky_relu_row,                            \
        .hard_sigmoid = hard_sigmoid_row, .clip = clip_row, .relu = relu_row,                      \
        .hard_swish = hard_swish_row, .softsign = softsign_row, .sqrt = sqrt_row,                  \
        .reciprocal = reciprocal_row, .floor = floor_row, .ceil = ceil_row, .round = round_row,    \
        .abs = abs_row, .neg = neg_row, .add = add_row, .sub = sub_row, .mul = mul_row,            \
        .div = div_row, .max = max_row, .min = min_row, .maximum = maximum, .minimum = minimum,    \
        .sum = sum, .sum_squares = sum_squares, .sum_magnitudes = sum_magnitudes,                  \
        .add_squares = add_squares, .add_magnitudes = add_magnitudes, .dots = dots, .combine = combine, .exp_sum = exp_sum,          \
        .scale = scale, .affine = affine, .blend = blend, .gather_blend = gather_blend,            \
        .bilinear = bilinear,                                                                      \
        .to_half = to_half, .from_half = from_half, .to_int32 = to_int32, .transpose = transpose,  \
    }
