#include "ops/cpu/float32/vector.h"

#define STEP_ROWS 2
#define DEPTH     2
#define PAIRED    0

/* The two int16 of a cell, each in all lanes. */
NN_INLINE vi broadcast(const uint8_t *x) {
    int32_t cell;
    memcpy(&cell, x, sizeof cell);
    return (vi){cell, cell, cell, cell};
}

NN_INLINE vi multiply_add(vi sums, vi x, const uint8_t *w) {
    int16_t a[2 * VF_LANES], b[2 * VF_LANES];
    memcpy(a, &x, sizeof a);
    memcpy(b, w, sizeof b);
    for (int i = 0; i < VF_LANES; i++)
        sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)(a[2 * i] * b[2 * i]) +
                            (uint32_t)(a[2 * i + 1] * b[2 * i + 1]));
    return sums;
}

#include "ops/cpu/int8/lstm_step_u8s8.inc.h"

LSTM_U8S8(portable)
