/* Steps of recurrent_step_f32.h with bf16 matrices by dot products of pairs: up to four samples by
 * four vectors of sums, the gates of a block or of several. For one sample a step is bound by
 * reading 2 bytes of the second-level cache for each multiply-accumulate. */
#include "ops/cpu/float32/recurrent/recurrent_step_f32.h"

#include "base/integers.h"
#include "ops/cpu/bf16/bf16.h"
#include "ops/cpu/float32/vector.h"

#define STEP_ROWS 4
#include "ops/cpu/bf16/recurrent_step_bf16.inc.h"

/* Rows, gates and blocks are constants of each copy. */
NN_INLINE void sum_rows(const nn_block_weights *from, const uint16_t *states, int64_t width,
                        float *sums, const int rows, const int gates, const int blocks) {
    const int vectors = gates * blocks;
    const int64_t step_floats = gates * TILE_FLOATS;
    /* Vector v is gate v % gates of block v / gates. */
    const float *w[MOST_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        w[v] = from->w + v / gates * from->step + v % gates * TILE_FLOATS;
    vf acc[STEP_ROWS][MOST_VECTORS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) acc[r][v] = vf_zero();
    for (int64_t k = 0; k < width; k += STEP_K) {
#pragma GCC unroll 16
        for (int pair = 0; pair < STEP_K / 2; pair++) {
            __m512bh x[STEP_ROWS];
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                int32_t two;
                memcpy(&two, states + r * width + k + 2 * pair, sizeof two);
                x[r] = (__m512bh)_mm512_set1_epi32(two);
            }
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                const __m512bh weights = (__m512bh)_mm512_loadu_ps(w[v] + pair * VF_LANES);
#pragma GCC unroll 4
                for (int r = 0; r < rows; r++)
                    acc[r][v] = _mm512_dpbf16_ps(acc[r][v], x[r], weights);
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) w[v] += step_floats;
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) vf_store(sums + r * SUM_FLOATS + v * VF_LANES, acc[r][v]);
}

NN_INLINE void sum_tiles(const nn_block_weights *from, const float *x, int64_t pitch, float *sums,
                         int rows, const int gates, const int blocks) {
    const int64_t width = nn_round_up(from->k, STEP_K);
    uint16_t states[STEP_ROWS * NN_RECURRENT_BF16_HIDDEN];
    round_states(x, pitch, from->k, rows, states, width);
    if (rows == STEP_ROWS) {
        sum_rows(from, states, width, sums, STEP_ROWS, gates, blocks);
        return;
    }
    for (int r = 0; r < rows; r++)
        sum_rows(from, states + r * width, width, sums + r * SUM_FLOATS, 1, gates, blocks);
}

#include "ops/cpu/bf16/recurrent_sums_bf16.inc.h"

#define STEP_BEGIN(step) (void)(step)
#define STEP_END()       (void)0

#include "ops/cpu/float32/recurrent/recurrent_step_f32.inc.h"

const nn_recurrent_steps_f32 nn_recurrent_steps_bf16_avx512bf16 = {
    VF_LANES, NN_RECURRENT_BF16, rnn, lstm, gru, gru_gates, gru_last};
