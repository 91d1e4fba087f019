/* Elementary functions on vectors of floats, for kernels that are compiled per instruction set.
 * Polynomials fitted for this file to minimise the largest relative error; infinities and NaN come
 * out as in C. Errors against exact values, in units of the last place of a float: exp 1.5, sigmoid
 * 3, SiLU 4.3 (down to 1e-20), tanh 4, erf 4, log 2, softplus 4, sin and cos 2 (up to 2^20), pow 1.
 */
#ifndef NN_VECTOR_MATH_H
#define NN_VECTOR_MATH_H

#include "ops/cpu/float32/vector.h"

#include <stdbool.h>

/* Bits are computed without a sign, so that they may wrap. */
typedef uint32_t vu __attribute__((vector_size(sizeof(vf))));

/* a < b ? x : y; y where a or b is NaN. */
NN_INLINE vf vf_where_less(vf a, vf b, vf x, vf y) {
#if defined(__AVX512F__)
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
#elif defined(__AVX2__)
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
#else
    return vf_select(a < b, x, y);
#endif
}

NN_INLINE vf vf_of_int(vi x) {
#if defined(__AVX512F__)
    return _mm512_cvtepi32_ps((__m512i)x);
#elif defined(__AVX2__)
    return _mm256_cvtepi32_ps((__m256i)x);
#else
    return __builtin_convertvector(x, vf);
#endif
}

/* Of a mask that is all ones or all zeros in each lane. */
NN_INLINE vf vf_pick(vi mask, vf a, vf b) {
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* NaN where either operand is. */
NN_INLINE vf vf_max_or_nan(vf a, vf b) {
#if defined(__AVX512F__)
    return _mm512_mask_max_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b);
#elif defined(__AVX2__)
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
#else
    return vf_pick(a != a, a, vf_max(a, b));
#endif
}
NN_INLINE vf vf_min_or_nan(vf a, vf b) {
#if defined(__AVX512F__)
    return _mm512_mask_min_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b);
#elif defined(__AVX2__)
    return _mm256_blendv_ps(_mm256_min_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
#else
    return vf_pick(a != a, a, vf_min(a, b));
#endif
}

NN_INLINE vf vf_abs(vf x) {
    return (vf)((vi)x & 0x7fffffff);
}
NN_INLINE vf vf_copy_sign(vf magnitude, vf sign) {
    return (vf)((vi)magnitude | ((vi)sign & (int32_t)0x80000000));
}

/* coefficients[0] + x coefficients[1] + ... */
NN_INLINE vf vf_polynomial(vf x, const float *coefficients, int count) {
    vf sum = vf_set(coefficients[count - 1]);
#pragma GCC unroll 8
    for (int i = count - 2; i >= 0; i--) sum = vf_fma(sum, x, vf_set(coefficients[i]));
    return sum;
}

/* x = n ln 2 + r with a whole n and |r| <= ln 2 / 2: returns r, and n both as a float and in the
 * low bits of *shifted, where adding 1.5 * 2^23 leaves it. |x| must be below 2^21. */
NN_INLINE vf vf_exp_remainder(vf x, vf *shifted, vf *n) {
    const vf magic = vf_set(12582912.0f);
    *shifted = vf_fma(x, vf_set(1.44269504f), magic);
    *n = *shifted - magic;
    vf r = vf_fma(*n, vf_set(-0.693145752f), x); /* ln 2 in two parts, the first exact */
    return vf_fma(*n, vf_set(-1.42860677e-6f), r);
}

/* (e^r - 1 - r) / r^2 */
NN_INLINE vf vf_exp_tail(vf r) {
    vf q = vf_set(0.0013950489f);
    q = vf_fma(q, r, vf_set(0.00836888980f));
    q = vf_fma(q, r, vf_set(0.0416662060f));
    q = vf_fma(q, r, vf_set(0.166665182f));
    return vf_fma(q, r, vf_set(0.5f));
}

/* 2^n for -126 <= n <= 127. */
NN_INLINE vf vf_power_of_two(vi n) {
    return (vf)(((vu)n + 127) << 23);
}

/* x 2^n where that may be outside of what a float holds, -252 <= n <= 254; n also in the low bits
 * of `shifted`. */
NN_INLINE vf vf_scale(vf x, vf shifted, vf n) {
#if defined(__AVX512F__)
    (void)shifted;
    return _mm512_scalef_ps(x, n);
#else
    (void)n;
    vi whole = (vi)((vu)shifted - (vu)vf_set(12582912.0f)), half = whole >> 1;
    return x * vf_power_of_two(half) * vf_power_of_two((vi)((vu)whole - (vu)half));
#endif
}

/* For -104 <= x <= 89. */
NN_INLINE vf vf_exp_in_range(vf x) {
    vf shifted, n, r = vf_exp_remainder(x, &shifted, &n);
    const vf one = vf_set(1);
    return vf_scale(vf_fma(vf_fma(vf_exp_tail(r), r, one), r, one), shifted, n);
}

NN_INLINE vf vf_exp(vf x) {
    return vf_exp_in_range(vf_max(vf_set(-104), vf_min(vf_set(89), x)));
}

#if defined(__AVX512F__)
NN_INLINE vf vf_exp_normal(vf x) {
    return vf_exp_in_range(x);
}
#else
/* e^x, or e^-x, in two factors, the second a power of two from 2^-126 on. Few operations that wait
 * for each other little, since that is what limits loops of it: the sum that rounds x / ln 2 leaves
 * the exponent of 2^n in place, and the polynomial is in two halves. */
NN_INLINE vf vf_exp_parts(vf x, const bool minus, vf *scale) {
    const vf magic = vf_set(12582912.0f + 127);
    const vf shifted = vf_fma(x, vf_set(minus ? -1.44269504f : 1.44269504f), magic);
    const vf n = shifted - magic;
    vf r = vf_fma(n, vf_set(-0.693145752f), minus ? -x : x);
    r = vf_fma(n, vf_set(-1.42860677e-6f), r);
    const vf square = r * r, low = vf_fma(r, vf_set(0.166665182f), vf_set(0.5f));
    vf high = vf_fma(r, vf_set(0.00836888980f), vf_set(0.0416662060f));
    high = vf_fma(square, vf_set(0.0013950489f), high);
    *scale = (vf)((vu)shifted << 23);
    return vf_fma(square, vf_fma(square, high, low), r + vf_set(1));
}
/* For -87.3 <= x <= 0. */
NN_INLINE vf vf_exp_normal(vf x) {
    vf scale, power = vf_exp_parts(x, false, &scale);
    return power * scale;
}
#endif

/* e^x for x <= 0, NaN for NaN. Below the least normal number it is zero: subnormal results take a
 * hundred times as long. */
NN_INLINE vf vf_exp_negative(vf x) {
    const vf lowest = vf_set(-87.3f);
    return vf_where_less(x, lowest, vf_zero(), vf_exp_normal(vf_max(lowest, x)));
}

/* e^x - 1 for -87 <= x <= 87, without loss near zero. */
NN_INLINE vf vf_expm1(vf x) {
    vf shifted, n, r = vf_exp_remainder(x, &shifted, &n);
    vf rest = vf_fma(vf_exp_tail(r), r * r, r);
    vf power = vf_power_of_two((vi)((vu)shifted - (vu)vf_set(12582912.0f)));
    return vf_fma(rest, power, power - vf_set(1));
}

/* x / d for 1 <= d < 2^126, within 1.5 ulp. A division of 16 lanes takes 16 cycles, more than all
 * the rest of a sigmoid; an estimate of 14 bits and one step of Newton's method take 4. */
NN_INLINE vf vf_divide_quickly(vf x, vf d) {
#if defined(__AVX512F__)
    vf r = _mm512_rcp14_ps(d);
    return x * vf_fma(r, _mm512_fnmadd_ps(d, r, vf_set(1)), r);
#else
    return x / d;
#endif
}

#if defined(__AVX512F__)
/* 1 / (1 + e^-x), or e^x / (1 + e^x) where x is negative: no power is greater than one. */
NN_INLINE vf vf_sigmoid(vf x) {
    const vf negative = (vf)((vi)x | (vi)vf_set(-0.0f)), one = vf_set(1);
    const vf power = vf_exp_in_range(vf_max(vf_set(-104), negative));
    return vf_divide_quickly(vf_where_less(x, vf_zero(), power, one), one + power);
}

/* What is added to a number below 2^22 for the nearest integer to stand in its low bits. */
#    define NN_TO_INTEGER 12582912.0f

/* 2^(n/16) for n + NN_TO_INTEGER, with the sixteen powers from 1 to 2 in a register. Permutations
 * and integers mostly have other ports than FMAs. */
NN_INLINE vf vf_power_of_sixteenths(vf shifted) {
    const vf powers = _mm512_setr_ps(
        1, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fep+0f, 0x1.3dea64p+0f,
        0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f,
        0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f);
    const vf part = _mm512_permutexvar_ps((__m512i)shifted, powers);
    return (vf)((vu)part + (((vu)shifted & ~15u) << 19));
}

/* e^-x for x <= 87, within 3 ulp down to 1e-20, infinite from -88.73 on: 2^(n/16) times a
 * polynomial: six FMAs instead of nine. */
NN_INLINE vf vf_exp_minus(vf x) {
    const vf magic = vf_set(NN_TO_INTEGER);
    /* Less than 16 / ln 2 by a part of 1 / 4096: where n is 2048 and the power infinite, r is
     * negative, so that no infinite part is taken from it. */
    const vf shifted = vf_fma(x, vf_set(-16 * 1.44269504f * (1 - 0.000245f)), magic);
    /* x = r - n ln 2 / 16, |r| <= ln 2 / 32 near zero and twice as much at the ends */
    const vf n = shifted - magic;
    const vf r = vf_fma(n, vf_set(0.693147182f / 16), x);
    const vf power = vf_power_of_sixteenths(shifted);
    const vf tail = vf_fma(vf_fma(r, vf_set(-1.0f / 6), vf_set(0.5f)), r, vf_set(-1));
    return vf_fma(power * r, tail, power);
}
/* 1 + e^-x. Below -88.73 it is infinite, and what is divided by it zero, or NaN as by definition.
 */
NN_INLINE vf vf_sigmoid_divisor(vf x) {
    return vf_exp_minus(vf_min(vf_set(87), vf_max(vf_set(-88.73f), x))) + vf_set(1);
}
NN_INLINE vf vf_silu(vf x) {
    const vf d = vf_sigmoid_divisor(x), r = _mm512_rcp14_ps(d);
    /* Infinity times zero would be NaN. */
    return x * vf_fma(r, _mm512_fnmadd_ps(vf_min(vf_set(3e38f), d), r, vf_set(1)), r);
}
NN_INLINE vf vf_silu_by_division(vf x) {
    return x / vf_sigmoid_divisor(x);
}
/* t = e^-2x - 1, without loss near zero: tanh(x) = -t / (t + 2), within 4 ulp. Seven FMAs. */
NN_INLINE vf vf_tanh_part(vf x) {
    /* What the powers of vf_power_of_sixteenths lack for exact ones, over the powers. */
    const vf lacks = _mm512_setr_ps(
        0, 4.62854715e-08f, -1.19921575e-08f, 4.72978243e-08f, 3.19341815e-08f, 3.62105723e-08f,
        -3.09907193e-08f, -7.47521334e-09f, 1.71142709e-08f, -3.04768335e-08f, 5.23333421e-09f,
        6.10759177e-09f, -1.47196051e-08f, -5.25879518e-09f, -6.12825968e-09f, 5.14060927e-09f);
    const vf bounded = vf_min(vf_set(9.1f), vf_max(vf_set(-9.1f), x)),
             magic = vf_set(NN_TO_INTEGER);
    const vf shifted = vf_fma(bounded, vf_set(-32 * 1.44269504f), magic);
    /* -2x = n ln 2 / 16 - 2r, |r| <= ln 2 / 64 */
    const vf r = vf_fma(shifted - magic, vf_set(0.693147182f / 32), bounded);
    const vf power = vf_power_of_sixteenths(shifted);
    vf tail = vf_fma(r, vf_set(2.0f / 3), vf_set(-4.0f / 3));
    tail = vf_fma(vf_fma(tail, r, vf_set(2)), r, vf_set(-2));
    const vf rest = vf_fma(tail, r, _mm512_permutexvar_ps((__m512i)shifted, lacks));
    return vf_fma(power, rest, power - vf_set(1));
}
#else
/* 1 + e^-x; infinite from 2^127.5 on, whose inverse is a subnormal number. */
NN_INLINE vf vf_sigmoid_divisor(vf x) {
    vf scale, y = vf_min(vf_set(87), vf_max(vf_set(-89), x));
    vf power = vf_exp_parts(y, true, &scale);
    return vf_fma(power, scale, vf_set(1));
}
NN_INLINE vf vf_sigmoid(vf x) {
    return vf_set(1) / vf_sigmoid_divisor(x);
}
NN_INLINE vf vf_silu(vf x) {
    return x / vf_sigmoid_divisor(x);
}
NN_INLINE vf vf_silu_by_division(vf x) {
    return vf_silu(x);
}
#endif

NN_INLINE vf vf_tanh(vf x) {
    /* Beyond 9.1 it rounds to one. */
    vf m = vf_expm1(vf_max(vf_set(-18.2f), vf_min(vf_set(18.2f), x + x)));
    return vf_divide_quickly(m, m + vf_set(2));
}

/* erf(a) = 1 - exp(-a q(a)) for a >= 0, where q(a) = -ln(erfc(a)) / a is smooth. */
NN_INLINE vf vf_erf(vf x) {
    const vi sign_bit = (vi)vf_set(-0.0f);
    const vi sign = (vi)x & sign_bit;
    const vf a = vf_min(vf_set(4), (vf)((vi)x & ~sign_bit));
    vf q = vf_set(-9.26874509e-6f);
    q = vf_fma(q, a, vf_set(0.000117757496f));
    q = vf_fma(q, a, vf_set(-0.000633271004f));
    q = vf_fma(q, a, vf_set(0.00166786462f));
    q = vf_fma(q, a, vf_set(-0.000161289441f));
    q = vf_fma(q, a, vf_set(-0.0191525389f));
    q = vf_fma(q, a, vf_set(0.102777675f));
    q = vf_fma(q, a, vf_set(0.636619389f));
    q = vf_fma(q, a, vf_set(1.12837923f));
    return (vf)(((vi)vf_expm1(-a * q) & ~sign_bit) | sign);
}

/* log(1 + e) for 0 <= e <= 1; within 2 ulp. */
NN_INLINE vf vf_log1p_unit(vf e) {
    static const float terms[] = {1.0f,
                                  -0.49999913573265076f,
                                  0.333302766084671f,
                                  -0.2495734691619873f,
                                  0.19692455232143402f,
                                  -0.15353277325630188f,
                                  0.10684537142515182f,
                                  -0.05775914341211319f,
                                  0.02027777023613453f,
                                  -0.0033387308940291405f};
    return e * vf_polynomial(e, terms, 10);
}

/* x = 2^n m, sqrt(1/2) <= m < sqrt 2, for positive finite numbers, subnormal ones too. */
NN_INLINE vf vf_split(vf x, vf *n) {
    vf tiny = vf_where_less(x, vf_set(0x1p-126f), vf_set(0x1p23f), vf_set(1));
    vu bits = (vu)(x * tiny), shifted = bits - 0x3f3504f3; /* the bits of sqrt(1/2) */
    vi whole = (vi)shifted >> 23;
    *n = vf_of_int(whole) - vf_where_less(x, vf_set(0x1p-126f), vf_set(23), vf_zero());
    return (vf)(bits - ((vu)whole << 23));
}

/* log(x) = n log 2 + log(m); within 2 ulp. */
NN_INLINE vf vf_log(vf x) {
    static const float terms[] = {
        0.3333331346511841f,   -0.25000008940696716f, 0.20002064108848572f,
        -0.16668002307415009f, 0.14220522344112396f,  -0.12406066060066223f,
        0.11882217973470688f,  -0.11670640856027603f, 0.06752845644950867f};
    vf n, f = vf_split(x, &n) - vf_set(1), square = f * f;
    vf y = vf_fma(f * square, vf_polynomial(f, terms, 9), vf_set(-0.5f) * square);
    y = vf_fma(n, vf_set(0x1.7f7d1cp-20f), y); /* ln 2 in two parts, as in vf_exp_remainder */
    y = vf_fma(n, vf_set(0x1.62e4p-1f), f + y);
    y = vf_where_less(vf_zero(), x, y, vf_set(-__builtin_inff()));
    y = vf_where_less(x, vf_zero(), vf_set(__builtin_nanf("")), y);
    y = vf_where_less(x, vf_set(__builtin_inff()), y, x);
    return y;
}

/* log(1 + exp(x)) without overflow; within 4 ulp. */
NN_INLINE vf vf_softplus(vf x) {
    return vf_max(vf_zero(), x) + vf_log1p_unit(vf_exp(-vf_abs(x)));
}

/* x (1 + erf(x / sqrt 2)) / 2 = max(x, 0) - b erfc(b / sqrt 2) / 2 with b = |x|, and erfc(b / sqrt
 * 2) = exp(-b q(b)); from 6 on its half is below 2^-29, whatever it is. */
NN_INLINE vf vf_gelu(vf x) {
    const vf b = vf_min(vf_set(6), vf_abs(x)), square = b * b;
    vf high = vf_fma(b, vf_set(3.2532632e-06f), vf_set(-3.1278516e-05f));
    high = vf_fma(square, vf_set(-1.3415958e-07f), high);
    high = vf_fma(square, high, vf_fma(b, vf_set(0.00013140251f), vf_set(0.00010571066f)));
    vf low = vf_fma(b, vf_set(-0.0049187304f), vf_set(0.03640462f));
    low = vf_fma(square, low, vf_fma(b, vf_set(0.31829375f), vf_set(0.7978858f)));
    const vf q = vf_fma(square * square, high, low);
#if defined(__AVX512F__)
    const vf tail = vf_exp_minus(b * q);
#else
    const vf tail = vf_exp_normal(-b * q);
#endif
    const vf half = x * vf_set(0.5f);
    return vf_fma(b * vf_set(-0.5f), tail, half + vf_abs(half));
}

/* The same with the hyperbolic tangent in place of the error function. */
NN_INLINE vf vf_gelu_tanh(vf x) {
    vf half = x * vf_set(0.5f), cube = x * x * x;
    vf inner = vf_set(0.79788456f) * vf_fma(cube, vf_set(0.044715f), x);
    return vf_fma(half, vf_tanh(inner), half);
}

/* x tanh(log(1 + exp(x))) = x (e^2 + 2 e) / (e^2 + 2 e + 2); above 20 it is x. */
NN_INLINE vf vf_mish(vf x) {
    vf e = vf_exp(vf_min(vf_set(20), x)), part = e * (e + vf_set(2));
    return x * (part / (part + vf_set(2)));
}

NN_INLINE vd vd_polynomial(vd x, const double *coefficients, int count) {
    vd sum = vd_set(coefficients[count - 1]);
#pragma GCC unroll 8
    for (int i = count - 2; i >= 0; i--) sum = vd_fma(sum, x, vd_set(coefficients[i]));
    return sum;
}

/* Where vf_sin and vf_cos hold: above, a double no longer has the place of x within a quarter turn.
 */
#define NN_SIN_LIMIT 0x1p20f

/* Half of the lanes: the nearest whole number of quarter turns in x, and what is left. Pi / 2 is in
 * two parts: the first has 33 bits, so that its product with 20 bits is exact. */
NN_INLINE vd vd_quarter_turns(vd x, vd *left) {
    const vd magic = vd_set(0x1.8p52); /* leaves no fraction when it is added */
    vd whole = vd_fma(x, vd_set(0x1.45f306dc9c883p-1), magic) - magic;
    *left =
        vd_fma(whole, vd_set(-0x1.0b4611a626331p-34), vd_fma(whole, vd_set(-0x1.921fb544p0), x));
    return whole;
}

/* sin(x + turn pi / 2) for |x| <= NN_SIN_LIMIT; within 2 ulp. Polynomials on [-pi/4, pi/4]. */
NN_INLINE vf vf_sin_quarters(vf x, int turn) {
    static const float odd[] = {-0.16666655f, 0.0083321786f, -0.00019517271f};
    static const float even[] = {0.041666647f, -0.0013887375f, 2.4439121e-05f};
    vd low, high, low_whole = vd_quarter_turns(vd_low(x), &low);
    vd high_whole = vd_quarter_turns(vd_high(x), &high);
    vu quarter = (vu)vi_truncate(vf_narrow(low_whole, high_whole)) + (uint32_t)turn;
    vf r = vf_narrow(low, high), square = r * r;
    vf sine =
        vf_copy_sign(vf_fma(r * square, vf_polynomial(square, odd, 3), r), r); /* of zero too */
    vf cosine = vf_fma(square * square, vf_polynomial(square, even, 3),
                       vf_fma(square, vf_set(-0.5f), vf_set(1)));
    vf y = vf_pick(-(vi)(quarter & 1), cosine, sine);
    return (vf)((vu)y ^ (quarter & 2) << 30);
}

/* Half of the lanes of y log2(2^n m). log2(m) = f P(f f), f = (m - 1) / (m + 1), to 2^-43; this and
 * the next are in double, since an error of the exponent is one of the result. */
NN_INLINE vd vd_scaled_log2(vd y, vd n, vd m) {
    static const double terms[] = {2.88539008177784963,  0.96179669411395834,
                                   0.577077942199687855, 0.412209267899977423,
                                   0.319905101064821569, 0.282908168735254256};
    vd f = (m - vd_set(1)) / (m + vd_set(1));
    return y * vd_fma(f, vd_polynomial(f * f, terms, 6), n);
}

/* 2^t for -1000 < t < 1000, to 2^-29; any number beyond. */
NN_INLINE vd vd_exp2(vd t) {
    static const double terms[] = {0.999999999919074382,   0.693147206709585487,
                                   0.240226515049292158,   0.055503272158567718,
                                   0.00961799452886330255, 0.00134004316472555382,
                                   0.000154780183674127712};
    typedef uint64_t bits __attribute__((vector_size(sizeof(vd))));
    vd shifted = t + vd_set(0x1.8p52);
    vd power = vd_polynomial(t - (shifted - vd_set(0x1.8p52)), terms, 7);
    return (vd)((bits)power + ((bits)shifted << 52));
}

/* x to the power y as C defines it; within 1 ulp. */
NN_INLINE vf vf_pow(vf x, vf y) {
    const vf one = vf_set(1), infinity = vf_set(__builtin_inff()), zero = vf_zero();
    vf base = vf_abs(x), n, m = vf_split(base, &n);
    vd low = vd_scaled_log2(vd_low(y), vd_low(n), vd_low(m));
    vd high = vd_scaled_log2(vd_high(y), vd_high(n), vd_high(m));
    vf exponent = vf_narrow(low, high);
    vf power = vf_narrow(vd_exp2(low), vd_exp2(high));
    power = vf_where_less(exponent, vf_set(129), power, infinity);
    power = vf_where_less(vf_set(-151), exponent, power, zero);
    vf of_zero = vf_where_less(y, zero, infinity, zero);
    power = vf_pick(base == zero, of_zero, power);
    power = vf_pick(base == infinity, vf_where_less(y, zero, zero, infinity), power);
    power = vf_pick(base == one, one, power);
    /* Above 2^24 all floats are even whole numbers. */
    vf bounded = vf_max(vf_set(-0x1p24f), vf_min(y, vf_set(0x1p24f)));
    vi whole = vi_truncate(bounded), is_whole = vf_of_int(whole) == bounded;
    power = (vf)((vi)power ^ ((vi)x & (vi)((vu)whole << 31) & is_whole));
    vi is_negative = (x < zero) & (base < infinity);
    power = vf_pick(is_negative & ~is_whole, vf_set(__builtin_nanf("")), power);
    power = vf_pick((x != x) | (y != y), x + y, power);
    return vf_pick((y == zero) | (x == one), one, power);
}

/* Towards minus infinity, towards infinity, to the nearest and even where two are as near; the sign
 * of zero stays. */
#if defined(__AVX512F__)
#    define NN_ROUND(x, mode) _mm512_roundscale_ps(x, mode)
#elif defined(__AVX2__)
#    define NN_ROUND(x, mode) _mm256_round_ps(x, mode)
#endif
#if defined(__AVX2__)
NN_INLINE vf vf_floor(vf x) {
    return NN_ROUND(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
NN_INLINE vf vf_ceil(vf x) {
    return NN_ROUND(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
NN_INLINE vf vf_round(vf x) {
    return NN_ROUND(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#else
/* From 2^23 on all floats are whole numbers; below, adding that leaves no fraction. */
NN_INLINE vf vf_round(vf x) {
    const vf magic = vf_set(0x1p23f);
    vf whole = vf_copy_sign((vf_abs(x) + magic) - magic, x);
    return vf_where_less(vf_abs(x), magic, whole, x);
}
NN_INLINE vf vf_floor(vf x) {
    vf near = vf_round(x);
    return vf_copy_sign(vf_abs(vf_where_less(x, near, near - vf_set(1), near)), x);
}
NN_INLINE vf vf_ceil(vf x) {
    return -vf_floor(-x);
}
#endif

#endif
