/* Elementary functions on vectors of floats, for kernels that are compiled per instruction set.
 * Polynomials fitted for this file to minimise the largest relative error; infinities and NaN come
 * out as in C. Errors against exact values, in units of the last place of a float: exp 1.5, sigmoid
 * 3, tanh 4, erf 4, log 2, softplus 4. */
#ifndef NN_VECTOR_MATH_H
#define NN_VECTOR_MATH_H

#include "ops/cpu/vector.h"

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

/* x = n ln 2 + r with a whole n; returns e^r - 1 and n. |x| must be below 2^21. */
NN_INLINE vf vf_exp_reduced(vf x, vi *n) {
    /* Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits. */
    const vf magic = vf_set(12582912.0f);
    const vf shifted = vf_fma(x, vf_set(1.44269504f), magic);
    const vf whole = shifted - magic;
    vf r = vf_fma(whole, vf_set(-0.693145752f), x); /* ln 2 in two parts, the first exact */
    r = vf_fma(whole, vf_set(-1.42860677e-6f), r);
    *n = (vi)((vu)shifted - (vu)magic);
    vf q = vf_set(0.0013950489f);
    q = vf_fma(q, r, vf_set(0.00836888980f));
    q = vf_fma(q, r, vf_set(0.0416662060f));
    q = vf_fma(q, r, vf_set(0.166665182f));
    q = vf_fma(q, r, vf_set(0.5f));
    return vf_fma(q, r * r, r);
}

/* 2^n for -126 <= n <= 127. */
NN_INLINE vf vf_power_of_two(vi n) {
    return (vf)(((vu)n + 127) << 23);
}

NN_INLINE vf vf_exp(vf x) {
    vi n;
    x = vf_max(vf_set(-104), vf_min(vf_set(89), x));
    vf rest = vf_exp_reduced(x, &n);
    /* In two steps, since 2^n may be outside of what a float holds where the product is not. */
    vi half = n >> 1;
    vf first = vf_power_of_two(half), second = vf_power_of_two((vi)((vu)n - (vu)half));
    return vf_fma(rest, first, first) * second;
}

/* e^x - 1 for -87 <= x <= 87, without loss near zero. */
NN_INLINE vf vf_expm1(vf x) {
    vi n;
    vf rest = vf_exp_reduced(x, &n), power = vf_power_of_two(n);
    return vf_fma(rest, power, power - vf_set(1));
}

NN_INLINE vf vf_sigmoid(vf x) {
    return vf_set(1) / (vf_set(1) + vf_exp(-x));
}

NN_INLINE vf vf_tanh(vf x) {
    /* Beyond 9.1 it rounds to one. */
    vf m = vf_expm1(vf_max(vf_set(-18.2f), vf_min(vf_set(18.2f), x + x)));
    return m / (m + vf_set(2));
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

/* log(x) = n log 2 + log(m), sqrt(1/2) <= m < sqrt 2; within 2 ulp, subnormal numbers too. */
NN_INLINE vf vf_log(vf x) {
    static const float terms[] = {
        0.3333331346511841f,   -0.25000008940696716f, 0.20002064108848572f,
        -0.16668002307415009f, 0.14220522344112396f,  -0.12406066060066223f,
        0.11882217973470688f,  -0.11670640856027603f, 0.06752845644950867f};
    vf tiny = vf_where_less(x, vf_set(0x1p-126f), vf_set(0x1p23f), vf_set(1));
    vu bits = (vu)(x * tiny), shifted = bits - 0x3f3504f3; /* the bits of sqrt(1/2) */
    vi whole = (vi)shifted >> 23;
    vf f = (vf)(bits - ((vu)whole << 23)) - vf_set(1), square = f * f;
    vf n = vf_of_int(whole) - vf_where_less(x, vf_set(0x1p-126f), vf_set(23), vf_zero());
    vf y = vf_fma(f * square, vf_polynomial(f, terms, 9), vf_set(-0.5f) * square);
    y = vf_fma(n, vf_set(0x1.7f7d1cp-20f), y); /* ln 2 in two parts, as in vf_exp_reduced */
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

/* x (1 + erf(x / sqrt 2)) / 2 */
NN_INLINE vf vf_gelu(vf x) {
    vf half = x * vf_set(0.5f);
    return vf_fma(half, vf_erf(x * vf_set(0.70710678f)), half);
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

#endif
