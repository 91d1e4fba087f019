/* The rows of rows_f32.h for the instruction set that the including file is compiled for. */
#include "base/integers.h"
#include "ops/cpu/float32/rows_f32.h"
#include "ops/cpu/float32/transpose_rows.inc.h"
#include "ops/cpu/float32/vector_math.h"

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
UNARY_ROW(silu, vf_silu(x))
UNARY_ROW(mish, vf_mish(x))
UNARY_ROW(log, vf_log(x))
UNARY_ROW(softplus, vf_softplus(x))
UNARY_ROW(elu, vf_where_less(x, vf_zero(), alpha *vf_expm1(vf_max(vf_set(-20), x)), x))
UNARY_ROW(selu, beta *vf_where_less(vf_zero(), x, x,
                                    alpha *vf_expm1(vf_max(vf_set(-20), vf_min(vf_zero(), x)))))

UNARY_ROW(floor, vf_floor(x))
UNARY_ROW(ceil, vf_ceil(x))
UNARY_ROW(round, vf_round(x))

/* Lanes that vf_sin_quarters does not hold for: each by itself. */
static __attribute__((noinline)) vf sin_far(vf x, vf y, int turn) {
    float xs[VF_LANES], ys[VF_LANES];
    vf_store(xs, x);
    vf_store(ys, y);
    for (int k = 0; k < VF_LANES; k++)
        if (!(fabsf(xs[k]) <= NN_SIN_LIMIT)) ys[k] = turn != 0 ? cosf(xs[k]) : sinf(xs[k]);
    return vf_load(ys);
}

static inline vf sin_quarters(vf x, int turn) {
    vi near = vf_abs(x) <= vf_set(NN_SIN_LIMIT);
    vf y = vf_sin_quarters(vf_pick(near, x, vf_zero()), turn);
    return vi_any(~near) ? sin_far(x, y, turn) : y;
}
UNARY_ROW(sin, sin_quarters(x, 0))
UNARY_ROW(cos, sin_quarters(x, 1))

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
SIMPLE_ROW(abs, fabsf(x))
SIMPLE_ROW(neg, -x)
SIMPLE_ROW(square, x *x)
SIMPLE_ROW(cube, x *x *x)

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

static void pow_row(const void *a_, int64_t a_step, const void *b_, int64_t b_step, void *y_,
                    int64_t count) {
    const float *a = a_, *b = b_;
    float *y = y_;
    for (int64_t i = 0; i < count; i += VF_LANES) {
        int n = count - i < VF_LANES ? (int)(count - i) : VF_LANES;
        vf base = a_step != 0 ? vf_load_first(a + i, n) : vf_set(*a);
        vf exponent = b_step != 0 ? vf_load_first(b + i, n) : vf_set(*b);
        vf_store_first(y + i, vf_pow(base, exponent), n);
    }
}

/* ---- reductions ----
 * A row goes through `step` vector by vector into one vector of partial results, and its lanes come
 * together through `join`: those of one row in lane 0, or of as many rows as lanes, row k's in lane
 * k, in the same order. Beyond the end of a row stands `rest`, which changes nothing. */
typedef vf (*step_function)(vf total, vf x, vf shift);
typedef vf (*join_function)(vf a, vf b);

NN_INLINE vf part_of(step_function step, join_function join, const float *x, int64_t count,
                     vf start, vf rest, vf shift) {
    vf a = start;
    int64_t i = 0;
    if (count >= 4 * VF_LANES) {
        vf b = start, c = start, d = start;
        for (; i + 4 * VF_LANES <= count; i += 4 * VF_LANES) {
            a = step(a, vf_load(x + i), shift);
            b = step(b, vf_load(x + i + VF_LANES), shift);
            c = step(c, vf_load(x + i + 2 * VF_LANES), shift);
            d = step(d, vf_load(x + i + 3 * VF_LANES), shift);
        }
        a = join(join(a, b), join(c, d));
    }
    for (; i + VF_LANES <= count; i += VF_LANES) a = step(a, vf_load(x + i), shift);
    if (i < count) a = step(a, vf_load_first_or(x + i, (int)(count - i), rest), shift);
    return a;
}

NN_INLINE vf join_lanes(join_function join, vf x) {
    if (VF_LANES > 8) x = join(x, vf_swap(x, 8));
    if (VF_LANES > 4) x = join(x, vf_swap(x, 4));
    x = join(x, vf_swap(x, 2));
    return join(x, vf_swap(x, 1));
}

/* Halves the number of rows in use: lanes of rows k and k + distance come to lie in row k. */
NN_INLINE void join_pairs(join_function join, vf *rows, int distance) {
#pragma GCC unroll 8
    for (int k = 0; k < distance; k++) {
        vf a = vf_mix(rows[k], rows[k + distance], distance);
        vf b = vf_mix(rows[k + distance], rows[k], distance);
        rows[k] = join(a, vf_swap(b, distance));
    }
}

NN_INLINE void reduce_rows(step_function step, join_function join, const float *x, int64_t count,
                           vf start, vf rest, float *y, int64_t rows) {
    for (int64_t r = 0; r < rows; r += VF_LANES) {
        int n = rows - r < VF_LANES ? (int)(rows - r) : VF_LANES;
        vf part[VF_LANES];
        for (int k = 0; k < VF_LANES; k++)
            part[k] = k < n
                          ? part_of(step, join, x + (r + k) * count, count, start, rest, vf_zero())
                          : start;
        if (VF_LANES > 8) join_pairs(join, part, 8);
        if (VF_LANES > 4) join_pairs(join, part, 4);
        join_pairs(join, part, 2);
        join_pairs(join, part, 1);
        vf_store_first(y + r, part[0], n);
    }
}

NN_INLINE vf plus(vf a, vf b) {
    return a + b;
}
NN_INLINE vf step_sum(vf total, vf x, vf shift) {
    (void)shift;
    return total + x;
}
NN_INLINE vf step_squares(vf total, vf x, vf shift) {
    vf difference = x - shift;
    return vf_fma(difference, difference, total);
}
NN_INLINE vf step_magnitudes(vf total, vf x, vf shift) {
    (void)shift;
    return total + vf_abs(x);
}
NN_INLINE vf step_maximum(vf total, vf x, vf shift) {
    (void)shift;
    return vf_max_or_nan(total, x);
}
NN_INLINE vf step_minimum(vf total, vf x, vf shift) {
    (void)shift;
    return vf_min_or_nan(total, x);
}

static float lanes_sum(vf x) {
    return join_lanes(plus, x)[0];
}

static float sum_squares(const float *x, float shift, int64_t count) {
    vf middle = vf_set(shift);
    return lanes_sum(part_of(step_squares, plus, x, count, vf_zero(), middle, middle));
}

/* name_rows; the second defines name(x, count) too. */
#define ROW_REDUCTION(name, step, join, start)                                                     \
    static void name##_rows(const float *x, int64_t count, float *y, int64_t rows) {               \
        reduce_rows(step, join, x, count, vf_set(start), vf_set(start), y, rows);                  \
    }
#define REDUCTION(name, step, join, start)                                                         \
    static float name(const float *x, int64_t count) {                                             \
        vf nothing = vf_set(start);                                                                \
        return join_lanes(join, part_of(step, join, x, count, nothing, nothing, nothing))[0];      \
    }                                                                                              \
    ROW_REDUCTION(name, step, join, start)
REDUCTION(sum, step_sum, plus, 0)
REDUCTION(sum_magnitudes, step_magnitudes, plus, 0)
REDUCTION(maximum, step_maximum, vf_max_or_nan, -INFINITY)
REDUCTION(minimum, step_minimum, vf_min_or_nan, INFINITY)
ROW_REDUCTION(sum_squares, step_squares, plus, 0)

static void keep_extreme(const float *x, float *best, int32_t *place, int32_t index, bool smallest,
                         bool last, int64_t count) {
    const uint32_t flip = smallest ? UINT32_C(1) << 31 : 0;
    const vi always = (vi){0} - (index == 0), later = (vi){0} - (last ? 1 : 0);
    for (int64_t i = 0; i < count; i += VF_LANES) {
        int n = count - i < VF_LANES ? (int)(count - i) : VF_LANES;
        vf new = vf_load_first(x + i, n), old = vf_load_first(best + i, n);
        vf places = vf_load_first((const float *)place + i, n);
        vf high = (vf)((vu) new ^ flip), low = (vf)((vu)old ^ flip);
        vi odd = (new != new) & ((old == old) | later);
        vi take = (high > low) | odd | (later & (new == old)) | always;
        vf_store_first(best + i, vf_pick(take, new, old), n);
        vf_store_first((float *)place + i, vf_pick(take, (vf)((vi){0} + index), places), n);
    }
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
    int64_t i = 0;
    for (; i + VF_LANES <= count; i += VF_LANES) {
        vf e = vf_exp_negative(vf_load(x + i) - vf_set(shift));
        total += e;
        vf_store(y + i, e);
    }
    if (i < count) {
        int left = (int)(count - i);
        vf nothing = vf_set(-INFINITY); /* its exponential is 0 */
        vf e = vf_exp_negative(vf_load_first_or(x + i, left, nothing) - vf_set(shift));
        total += e;
        vf_store_first(y + i, e, left);
    }
    return lanes_sum(total);
}

/* x factor + bias for `left` lanes, -infinity in others and where the bias is that. */
NN_INLINE vf scores_of(const float *x, vf factor, const float *bias, int left) {
    static const float zeros[VF_LANES] = {0};
    const vf nothing = vf_set(-INFINITY);
    if (bias == NULL && left == VF_LANES) return vf_load(x) * factor;
    vf b = vf_load_first_or(bias != NULL ? bias : zeros, left, nothing);
    vf z = vf_fma(vf_load_first(x, left), factor, b);
    return vf_where_less(nothing, b, z, vf_pick(b == nothing, nothing, b));
}

static float softmax(float *x, float factor, const float *bias, int64_t count) {
    const vf scale = vf_set(factor);
    vf largest = vf_set(-INFINITY);
    for (int64_t i = 0; i < count; i += VF_LANES) {
        const int left = count - i < VF_LANES ? (int)(count - i) : VF_LANES;
        vf z = scores_of(x + i, scale, bias ? bias + i : NULL, left);
        largest = vf_max_or_nan(largest, z);
        if (left < VF_LANES)
            vf_store_first(x + i, z, left);
        else
            vf_store(x + i, z);
    }
    const float top = join_lanes(vf_max_or_nan, largest)[0];
    if (top == -INFINITY) {
        for (int64_t i = 0; i < count; i++) x[i] = 0;
        return 0;
    }
    return exp_sum(x, top, x, count);
}

static void scale(const float *x, float factor, float shift, float *y, int64_t count) {
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] = x[i] * factor + shift;
}

/* ---- softmax ---- */

enum { SHORT_ROW = 8 }; /* vectors: a row that stays in registers from its load to its store */

/* A row of `vectors` vectors, the last of them of `last` elements. */
NN_INLINE void softmax_short_row(const float *x, float *y, const int vectors, int last,
                                 bool logarithm) {
    vf v[SHORT_ROW], best, sum = vf_zero();
#pragma GCC unroll 8
    for (int i = 0; i + 1 < vectors; i++) v[i] = vf_load(x + i * VF_LANES);
    const vf nothing = vf_set(-INFINITY); /* its exponential is 0 */
    v[vectors - 1] = vf_load_first_or(x + (vectors - 1) * VF_LANES, last, nothing);
    best = v[0];
#pragma GCC unroll 8
    for (int i = 1; i < vectors; i++) best = vf_max(best, v[i]);
    best = join_lanes(vf_max, best);
#pragma GCC unroll 8
    for (int i = 0; i < vectors; i++) {
        v[i] -= best;
        vf e = vf_exp_negative(v[i]);
        sum += e;
        if (!logarithm) v[i] = e;
    }
    sum = join_lanes(plus, sum);
    vf final = logarithm ? vf_log(sum) : vf_set(1 / sum[0]);
#pragma GCC unroll 8
    for (int i = 0; i < vectors; i++) v[i] = logarithm ? v[i] - final : v[i] * final;
#pragma GCC unroll 8
    for (int i = 0; i + 1 < vectors; i++) vf_store(y + i * VF_LANES, v[i]);
    vf_store_first(y + (vectors - 1) * VF_LANES, v[vectors - 1], last);
}

NN_INLINE void softmax_short_rows(const float *x, int64_t count, const int vectors, bool logarithm,
                                  float *y, int64_t rows) {
    const int last = (int)count - (vectors - 1) * VF_LANES;
    for (int64_t r = 0; r < rows; r++)
        if (logarithm)
            softmax_short_row(x + r * count, y + r * count, vectors, last, true);
        else
            softmax_short_row(x + r * count, y + r * count, vectors, last, false);
}

static float sum_exponentials(const float *x, float shift, int64_t count) {
    vf total = vf_zero();
    for (int64_t i = 0; i < count; i += VF_LANES) {
        int n = count - i < VF_LANES ? (int)(count - i) : VF_LANES;
        vf own = n == VF_LANES ? vf_load(x + i) : vf_load_first_or(x + i, n, vf_set(-INFINITY));
        total += vf_exp_negative(own - vf_set(shift));
    }
    return lanes_sum(total);
}

static void softmax_long_row(const float *x, int64_t count, bool logarithm, float *y) {
    float best = maximum(x, count);
    if (!logarithm) {
        scale(y, 1 / exp_sum(x, best, y, count), 0, y, count);
        return;
    }
    float shift = logf(sum_exponentials(x, best, count));
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) y[i] = x[i] - best - shift;
}

static void softmax_rows(const float *x, int64_t count, bool logarithm, float *y, int64_t rows) {
    switch (nn_divide_up(count, VF_LANES)) {
    case 0:
        break;
    case 1:
        softmax_short_rows(x, count, 1, logarithm, y, rows);
        break;
    case 2:
        softmax_short_rows(x, count, 2, logarithm, y, rows);
        break;
    case 3:
        softmax_short_rows(x, count, 3, logarithm, y, rows);
        break;
    case 4:
        softmax_short_rows(x, count, 4, logarithm, y, rows);
        break;
    case 5:
        softmax_short_rows(x, count, 5, logarithm, y, rows);
        break;
    case 6:
        softmax_short_rows(x, count, 6, logarithm, y, rows);
        break;
    case 7:
        softmax_short_rows(x, count, 7, logarithm, y, rows);
        break;
    case 8:
        softmax_short_rows(x, count, 8, logarithm, y, rows);
        break;
    default:
        for (int64_t r = 0; r < rows; r++)
            softmax_long_row(x + r * count, count, logarithm, y + r * count);
    }
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
#if defined(__AVX512F__)
    for (; i + 16 <= count; i += 16)
        _mm256_storeu_si256((__m256i *)(y + i), _mm512_cvtps_ph(_mm512_loadu_ps(x + i), 0));
#endif
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128((__m128i *)(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
#endif
    for (; i < count; i++) y[i] = nn_float_to_half(x[i]);
}

static void from_half(const uint16_t *x, float *y, int64_t count) {
    int64_t i = 0;
#if defined(__AVX512F__)
    for (; i + 16 <= count; i += 16)
        _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(x + i))));
#endif
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
#endif
    for (; i < count; i++) y[i] = nn_half_to_float(x[i]);
}

/* Integer arithmetic that the compiler makes vectors of. */
static void to_bf16(const float *x, uint16_t *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        uint32_t quiet = bits >> 16 | 0x40;
        y[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
    }
}

static void from_bf16(const uint16_t *x, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
}

static void to_int32(const float *x, int32_t *y, int64_t count) {
    for (int64_t i = 0; i < count; i += VF_LANES) {
        int n = count - i < VF_LANES ? (int)(count - i) : VF_LANES;
        vf v = vf_load_first(x + i, n);
        vf bounded = vf_max(vf_set(-0x1p31f), vf_min(vf_set(0x1.fffffep30f), v));
        vf whole = (vf)(vi_truncate(vf_pick(v == v, bounded, vf_zero())));
        whole = vf_where_less(v, vf_set(0x1p31f), whole, (vf)((vi){0} + INT32_MAX));
        vf_store_first((float *)y + i, vf_pick(v == v, whole, vf_zero()), n);
    }
}

#define ROWS_F32                                                                                   \
    {                                                                                              \
        .exp = exp_row, .log = log_row, .sigmoid = sigmoid_row, .tanh = tanh_row, .erf = erf_row,  \
        .silu = silu_row, .mish = mish_row, .softplus = softplus_row, .gelu = gelu_row,            \
        .sin = sin_row, .cos = cos_row, .elu = elu_row, .selu = selu_row,                          \
        .leaky_relu = leaky_relu_row, .hard_sigmoid = hard_sigmoid_row, .clip = clip_row,          \
        .relu = relu_row, .hard_swish = hard_swish_row, .softsign = softsign_row,                  \
        .sqrt = sqrt_row, .reciprocal = reciprocal_row, .floor = floor_row, .ceil = ceil_row,      \
        .round = round_row, .abs = abs_row, .neg = neg_row, .square = square_row,                  \
        .cube = cube_row, .add = add_row, .sub = sub_row, .mul = mul_row, .div = div_row,          \
        .max = max_row, .min = min_row, .pow = pow_row, .maximum = maximum, .minimum = minimum,    \
        .maximum_rows = maximum_rows, .minimum_rows = minimum_rows, .sum_rows = sum_rows,          \
        .sum_squares_rows = sum_squares_rows, .sum_magnitudes_rows = sum_magnitudes_rows,          \
        .keep_extreme = keep_extreme, .sum = sum, .sum_squares = sum_squares,                      \
        .sum_magnitudes = sum_magnitudes, .add_squares = add_squares,                              \
        .add_magnitudes = add_magnitudes, .dots = dots, .combine = combine, .exp_sum = exp_sum,    \
        .softmax = softmax, .softmax_rows = softmax_rows, .scale = scale, .affine = affine,        \
        .blend = blend, .gather_blend = gather_blend, .bilinear = bilinear, .to_half = to_half,    \
        .from_half = from_half, .to_bf16 = to_bf16, .from_bf16 = from_bf16, .to_int32 = to_int32,  \
        .transpose = transpose, .transpose_16 = transpose_16,                                      \
    }
