#include "ops/cpu/float32/vector.h"

#define STEP_ROWS 6
#define DEPTH     4
#define PAIRED    0

NN_INLINE vi broadcast(const uint8_t *x) {
    int32_t cell;
    memcpy(&cell, x, sizeof cell);
    return (vi)_mm512_set1_epi32(cell);
}

NN_INLINE vi multiply_add(vi sums, vi x, const uint8_t *w) {
    return (vi)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)x, _mm512_loadu_si512(w));
}

#include "ops/cpu/int8/lstm_step_u8s8.inc.h"

LSTM_U8S8(vnni)
