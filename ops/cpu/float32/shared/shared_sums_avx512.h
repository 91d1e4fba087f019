/* Sums of the tiles that share products (shared_f32.h), of direct convolutions and of Winograd's:
 * 14 rows by one vector of columns, whose elements of the rows are operands in memory.
 *
 * Registers: 14 accumulators, three vectors of weights, and what is added until it is multiplied.
 * So three values of k are 28 FMAs, 28 additions and 42 loads of an element, of which a Zen 4 does
 * one, one and two a cycle: two thirds of the time of plain sums. A second vector of columns would
 * not make it faster, and gcc then keeps elements in registers, whose broadcasts take places of
 * additions. */
#ifndef NN_SHARED_SUMS_AVX512_H
#define NN_SHARED_SUMS_AVX512_H

#include "ops/cpu/float32/shared/shared_f32.h"
#include "ops/cpu/float32/vector.h"

enum { NN_SHARED_ROWS = 14, NN_SHARED_COLUMNS = VF_LANES };

/* Of three values, or of each of them by itself. */
typedef enum nn_shared_three { NN_THREE_PLUS, NN_THREE_MINUS, NN_THREE_PLAIN } nn_shared_three;

/* Where element k of row i is, from the segments' first elements on, the rows `step` bytes apart.
 */
NN_INLINE const float *nn_shared_element(const float *const a[2], size_t step, int i, int k) {
    return (const float *)((const char *)a[i / NN_TILE_SEGMENT] +
                           (size_t)(i % NN_TILE_SEGMENT) * step) +
           k;
}

NN_INLINE void nn_shared_add_one(vf sum[NN_SHARED_ROWS], const float *const a[2], size_t step,
                                 int k, vf w, const int rows) {
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
        sum[i] = vf_fma(vf_set(*nn_shared_element(a, step, i, k)), w, sum[i]);
}

/* Values k, k + distance and k + 2 * distance. */
NN_INLINE void nn_shared_add_three(vf sum[NN_SHARED_ROWS], const float *const a[2], size_t step,
                                   int k, const int distance, const float *w, const int rows,
                                   const nn_shared_three kind) {
    const vf w0 = vf_load(w), w1 = vf_load(w + NN_SHARED_COLUMNS);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        const vf a0 = vf_set(*nn_shared_element(a, step, i, k));
        const vf a1 = vf_set(*nn_shared_element(a, step, i, k + distance));
        if (kind == NN_THREE_PLAIN)
            sum[i] = vf_fma(a1, w1, vf_fma(a0, w0, sum[i]));
        else if (kind == NN_THREE_MINUS)
            sum[i] = _mm512_fnmadd_ps(w1 - a0, w0 - a1, sum[i]);
        else
            sum[i] = vf_fma(w1 + a0, w0 + a1, sum[i]);
    }
    nn_shared_add_one(sum, a, step, k + 2 * distance, vf_load(w + 2 * NN_SHARED_COLUMNS), rows);
}

/* `count` values that share nothing. */
NN_INLINE void nn_shared_add_plain(vf sum[NN_SHARED_ROWS], const float *a0, const float *a1,
                                   const float *w, int64_t count, size_t step, const int rows) {
    for (; count > 0; count--, w += NN_SHARED_COLUMNS, a0++, a1++) {
        const float *const a[2] = {a0, a1};
        nn_shared_add_one(sum, a, step, 0, vf_load(w), rows);
    }
}

#endif
