/* Steps of recurrent_step_f32.h with bf16 matrices: the sums of a block are up to four tiles, its
 * gates or those of several blocks. For one sample a product takes as long as loading its weights,
 * 1 KB from the second-level cache, so a step is bound by 2 bytes for each multiply-accumulate. */
#include "ops/cpu/float32/recurrent/recurrent_step_f32.h"

#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/bf16/bf16.h"
#include "ops/cpu/float32/vector.h"

#define STEP_ROWS 16
#include "ops/cpu/bf16/recurrent_step_bf16.inc.h"

#define X  4
#define W0 5
#define W1 6
#define W2 7

NN_INLINE void sum_tiles(const nn_block_weights *from, const float *x, int64_t pitch, float *sums,
                         int rows, const int gates, const int blocks) {
    const int64_t steps = (from->k + STEP_K - 1) / STEP_K, width = steps * STEP_K;
    uint16_t states[STEP_ROWS * NN_RECURRENT_BF16_HIDDEN];
    const size_t row_bytes = (size_t)width * sizeof *states, sum_bytes = SUM_FLOATS * sizeof *sums;
    const int64_t step_floats = gates * TILE_FLOATS;
    /* Vector v is gate v % gates of block v / gates. */
    const float *w[MOST_VECTORS];
    for (int v = 0; v < MOST_VECTORS; v++)
        w[v] = from->w + v / gates % blocks * from->step + v % gates * TILE_FLOATS;
    const int vectors = gates * blocks;
    round_states(x, pitch, from->k, rows, states, width);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t s = 0; s < steps; s++) {
        const int64_t at = s * step_floats;
        _tile_loadd(X, states + s * STEP_K, row_bytes);
        _tile_loadd(W0, w[0] + at, NN_AMX_ROW_BYTES);
        _tile_dpbf16ps(0, X, W0);
        if (vectors > 1) {
            _tile_loadd(W1, w[1] + at, NN_AMX_ROW_BYTES);
            _tile_dpbf16ps(1, X, W1);
        }
        if (vectors > 2) {
            _tile_loadd(W2, w[2] + at, NN_AMX_ROW_BYTES);
            _tile_dpbf16ps(2, X, W2);
        }
        if (vectors > 3) {
            _tile_loadd(W0, w[3] + at, NN_AMX_ROW_BYTES);
            _tile_dpbf16ps(3, X, W0);
        }
    }
    _tile_stored(0, sums, sum_bytes);
    if (vectors > 1) _tile_stored(1, sums + VF_LANES, sum_bytes);
    if (vectors > 2) _tile_stored(2, sums + 2 * VF_LANES, sum_bytes);
    if (vectors > 3) _tile_stored(3, sums + 3 * VF_LANES, sum_bytes);
}

#include "ops/cpu/bf16/recurrent_sums_bf16.inc.h"

/* Rows that a last group of samples does not have are those of the stack, and their sums are not
 * read. */
static void configure(int64_t samples) {
    const uint8_t rows = samples < STEP_ROWS ? (uint8_t)samples : STEP_ROWS;
    nn_amx_config config = {.palette = 1};
    for (int tile = 0; tile < NN_AMX_TILES; tile++) {
        config.rows[tile] = tile <= X ? rows : NN_AMX_ROWS;
        config.row_bytes[tile] = NN_AMX_ROW_BYTES;
    }
    nn_amx_configure(&config);
}
#define STEP_BEGIN(step) configure((step)->samples)
#define STEP_END()       nn_amx_release()

#include "ops/cpu/float32/recurrent/recurrent_step_f32.inc.h"

const nn_recurrent_steps_f32 nn_recurrent_steps_bf16_amx = {
    VF_LANES, NN_RECURRENT_BF16, rnn, lstm, gru, gru_gates, gru_last};
