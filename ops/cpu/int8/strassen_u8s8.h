/* Products of 8-bit matrices by Strassen's algorithm in Winograd's form, which takes 7 products of
 * halves for 8. Integers add exactly, so the result is that of any other order; where operands are
 * 16 bits wide anyway (vpmaddwd), sums of four numbers of 9 bits cost no more than bytes.
 *
 *     A = A0 A1    B = B0 B1    C = C0 C1
 *         A2 A3        B2 B3        C2 C3
 *
 * Products of forms, in this order, and what the results are made of:
 *
 *     p0 = A0 B0                      p4 = (A2 + A3) (B1 - B0)
 *     p1 = A1 B2                      p5 = (A2 + A3 - A0) (B0 - B1 + B3)
 *     p2 = (A0 + A1 - A2 - A3) B3     p6 = (A0 - A2) (B3 - B1)
 *     p3 = A3 (B0 - B1 - B2 + B3)
 *
 *     C0 = p0 + p1                    C2 = p0 + p5 + p6 - p3
 *     C1 = p0 + p5 + p4 + p2          C3 = p0 + p5 + p6 + p4 */
#ifndef NN_STRASSEN_U8S8_H
#define NN_STRASSEN_U8S8_H

#include "ops/cpu/int8/int8_product.h"

enum { NN_STRASSEN_FORMS = 7, NN_STRASSEN_WIDTH = 16 };

/* One row of all forms of A: `top` is of A0 and A1, `bottom` of A2 and A3, `half` numbers each;
 * forms are `step` numbers apart. */
void nn_strassen_split_avx2(const int16_t *top, const int16_t *bottom, int64_t half, int16_t *forms,
                            int64_t step);

/* C0 .. C3 in place of p0 .. p3, which are `step` numbers apart, `count` of each. */
void nn_strassen_combine_avx2(uint32_t *p, int64_t step, int64_t count);

/* Bytes of `rows` rows of NN_STRASSEN_WIDTH sums, which begin at the call's `start` of `channel`;
 * the call must be simple. */
void nn_strassen_bytes_avx2(const nn_int8_call *call, int64_t channel, const uint32_t *sums,
                            int64_t rows, int columns, uint8_t *y, int64_t y_step);
/* Floats of the same, before the activation. */
void nn_strassen_floats_avx2(const nn_int8_call *call, int64_t channel, const uint32_t *sums,
                             int64_t rows, float *y, int64_t y_step);

#endif
