/* Elementary functions on vectors of floats, for kernels that are compiled per instruction set.
 * Polynomials fitted for this file to minimise the largest relative error; infinities and NaN come
 * out as in C. Errors against exact values, in units of the last place of a float: exp 1.5, sigmoid
 * 3, tanh 4, erf 4. */
#ifndef NN_VECTOR_MATH_H
#define NN_VECTOR_MATH_H

#include "ops/cpu/vector.h"

/* x = n ln 2 + r with a whole n; returns e^r - 1 and n. |x| must be below 2^21. */
NN_INLINE vf vf_exp_reduced(vf x, vi *n) {
    /* Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits. */
    const vf magic = vf_set(12582912.0f);
    const vf shifted = vf_fma(x, vf_set(1.44269504f), magic);
    const vf whole = shifted - magic;
    vf r = vf_fma(whole, vf_set(-0.693145752f), x); /* ln 2 in two parts, the first exact */
    r = vf_fma(whole, vf_set(-1.42860677e-6f), r);
    *n = (vi)shifted - (vi)magic;
    vf q = vf_set(0.0013950489f);
    q = vf_fma(q, r, vf_set(0.00836888980f));
    q = vf_fma(q, r, vf_set(0.0416662060f));
    q = vf_fma(q, r, vf_set(0.166665182f));
    q = vf_fma(q, r, vf_set(0.5f));
    return vf_fma(q, r * r, r);
}

/* 2^n for -126 <= n <= 127. */
NN_INLINE vf vf_power_of_two(vi n) {
    return (vf)((n + 127) << 23);
}

NN_INLINE vf vf_exp(vf x) {
    vi n;
    x = vf_max(vf_set(-104), vf_min(vf_set(89), x));
    vf rest = vf_exp_reduced(x, &n);
    /* In two steps, since 2^n may be outside of what a float holds where the product is not. */
    vi half = n >> 1;
    vf first = vf_power_of_two(half), second = vf_power_of_two(n - half);
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

#endif
