/* Exponential, logistic, hyperbolic tangent and error function of vectors. Polynomials were fitted
 * by iteratively reweighted least squares on Chebyshev nodes, so that the largest relative error is
 * smallest. Bounds are for the whole range and in units in the last place. */
#ifndef NN_MATH_F32_H
#define NN_MATH_F32_H

#include "ops/cpu/vector.h"

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

/* Bits are computed without a sign, so that they may wrap. */
typedef uint32_t vu __attribute__((vector_size(sizeof(vf))));

/* 2^n for whole numbers that a float can have as exponent. */
NN_INLINE vf vf_power_of_two(vi n) { return (vf)(((vu)n + 127) << 23); }

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

/* Splits x = n log 2 + r, |r| <= log 2 / 2, and returns exp(r) - 1. *n is left with NN_EXP_MAGIC
 * added, which puts the whole number into the low bits. */
#define NN_EXP_MAGIC 0x1.8p23f
NN_INLINE vf vf_exp_reduce(vf x, vf *n) {
    static const float terms[] = {0.5f, 0.16666576266288757f, 0.04166637361049652f,
                                  0.008363179862499237f, 0.0013941117795184255f};
    *n = vf_fma(x, vf_set(1.44269504f), vf_set(NN_EXP_MAGIC));
    vf whole = *n - vf_set(NN_EXP_MAGIC);
    vf r = vf_fma(whole, vf_set(-0x1.62e4p-1f),
                  x); /* log 2 in two parts: n times the first is exact */
    r = vf_fma(whole, vf_set(-0x1.7f7d1cp-20f), r);
    return vf_fma(r * r, vf_polynomial(r, terms, 5), r);
}

/* exp(x) = 2^n exp(r), |r| <= ln 2 / 2; 2^n is applied in two halves, so that results over- and
 * underflow as they should. Within 1 ulp of normal results. */
NN_INLINE vf vf_exp(vf x) {
    vf n;
    x = vf_min(vf_set(89.0f), vf_max(vf_set(-104.0f), x));
    vf y = vf_exp_reduce(x, &n) + vf_set(1);
    vi whole = (vi)((vu)n - (vu)vf_set(NN_EXP_MAGIC)), half = whole >> 1;
    return y * vf_power_of_two(half) * vf_power_of_two((vi)((vu)whole - (vu)half));
}

/* exp(x) - 1 for x <= 0, in [-1, 0]; within 2 ulp. */
NN_INLINE vf vf_expm1_below_zero(vf x) {
    vf n, y = vf_exp_reduce(vf_max(vf_set(-20.0f), x), &n);
    vf power = vf_power_of_two((vi)((vu)n - (vu)vf_set(NN_EXP_MAGIC)));
    return vf_fma(power, y, power - vf_set(1));
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
    y = vf_fma(n, vf_set(0x1.7f7d1cp-20f), y); /* log 2 in two parts, as in vf_exp_reduce */
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

/* 1 / (1 + exp(-x)), in [0, 1]; within 3 ulp. */
NN_INLINE vf vf_sigmoid(vf x) {
    vf e = vf_exp(-vf_abs(x)), y = vf_set(1) / (vf_set(1) + e);
    return vf_where_less(x, vf_zero(), e * y, y);
}

/* In [-1, 1]; within 3 ulp. */
NN_INLINE vf vf_tanh(vf x) {
    static const float terms[] = {-0.333333283662796f, 0.13332794606685638f, -0.05385405570268631f,
                                  0.021010033786296844f, -0.006113136652857065f};
    vf a = vf_abs(x), square = x * x;
    vf small = vf_fma(x * square, vf_polynomial(square, terms, 5), x);
    vf large = vf_set(1) - vf_set(2) / (vf_exp(a + a) + vf_set(1));
    return vf_where_less(a, vf_set(0.625f), small, vf_copy_sign(large, x));
}

/* In [-1, 1]; within 3 ulp. x P(x^2) below 1, 1 - exp(-Q(x)) above. */
NN_INLINE vf vf_erf(vf x) {
    static const float small_terms[] = {1.1283791065216064f,   -0.3761262595653534f,
                                        0.11283600330352783f,  -0.026854444295167923f,
                                        0.005189535208046436f, -0.0008020841050893068f,
                                        7.889119297033176e-05f};
    static const float large_terms[] = {0.0002564366441220045f,  1.1274261474609375f,
                                        0.6375999450683594f,     0.10356695204973221f,
                                        -0.02205202914774418f,   0.0029995490331202745f,
                                        -0.00019150503794662654f};
    vf a = vf_abs(x), square = x * x;
    vf small = x * vf_polynomial(square, small_terms, 7);
    vf bounded = vf_min(vf_set(4), a);
    vf large = vf_set(1) - vf_exp(-vf_polynomial(bounded, large_terms, 7));
    return vf_where_less(a, vf_set(1), small, vf_copy_sign(large, x));
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
