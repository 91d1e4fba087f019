/* The transforms of F(2, 3), F(4, 3) and F(2, 5) in one dimension, of vectors (winograd_f32.h). */
#ifndef NN_WINOGRAD_POINTS_H
#define NN_WINOGRAD_POINTS_H

#include "ops/cpu/float32/vector.h"

/* B^T d at 0, 1, -1, infinity. */
NN_INLINE void input_line_2(const vf d[4], vf o[4]) {
    o[0] = d[0] - d[2];
    o[1] = d[1] + d[2];
    o[2] = d[2] - d[1];
    o[3] = d[1] - d[3];
}

/* A^T m */
NN_INLINE void output_line_2(const vf m[4], vf o[2]) {
    o[0] = m[0] + m[1] + m[2];
    o[1] = m[1] - m[2] - m[3];
}

/* Points 0, +-P, +-Q, infinity. */
#define P (11.0f / 16)
#define Q (3.0f / 2)

NN_INLINE void input_line_4(const vf d[6], vf o[6]) {
    const vf product = vf_set(P * P * Q * Q), sum = vf_set(-(P * P + Q * Q));
    const vf p_square = vf_set(-P * P), q_square = vf_set(-Q * Q);
    o[0] = vf_fma(product, d[0], vf_fma(sum, d[2], d[4]));
    o[5] = vf_fma(product, d[1], vf_fma(sum, d[3], d[5]));
    vf even = vf_fma(q_square, d[2], d[4]), odd = vf_fma(q_square, d[1], d[3]);
    o[1] = vf_fma(vf_set(P), odd, even);
    o[2] = vf_fma(vf_set(-P), odd, even);
    even = vf_fma(p_square, d[2], d[4]);
    odd = vf_fma(p_square, d[1], d[3]);
    o[3] = vf_fma(vf_set(Q), odd, even);
    o[4] = vf_fma(vf_set(-Q), odd, even);
}

NN_INLINE void output_line_4(const vf m[6], vf o[4]) {
    const vf p_sum = m[1] + m[2], p_difference = m[1] - m[2];
    const vf q_sum = m[3] + m[4], q_difference = m[3] - m[4];
    o[0] = m[0] + p_sum + q_sum;
    o[1] = vf_fma(vf_set(Q), q_difference, vf_set(P) * p_difference);
    o[2] = vf_fma(vf_set(Q * Q), q_sum, vf_set(P * P) * p_sum);
    o[3] = vf_fma(vf_set(Q * Q * Q), q_difference, vf_fma(vf_set(P * P * P), p_difference, m[5]));
}

/* F(2, 5) has the points of F(4, 3), so its input is transformed alike. */
NN_INLINE void output_line_5(const vf m[6], vf o[2]) {
    const vf p_difference = m[1] - m[2], q_difference = m[3] - m[4];
    o[0] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
    o[1] = vf_fma(vf_set(Q), q_difference, vf_fma(vf_set(P), p_difference, m[5]));
}

#undef P
#undef Q

#endif
