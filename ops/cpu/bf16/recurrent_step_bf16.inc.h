/* What steps with bf16 matrices share: how weights lie, and states that are rounded. Set before
 * including: STEP_ROWS, the samples of a group. Then follows sum_tiles(from, x, pitch, sums, rows,
 * gates, blocks), and recurrent_sums_bf16.inc.h makes the functions of it. */
#define STEP_SUMS

enum {
    MOST_VECTORS = 4,
    SUM_FLOATS = MOST_VECTORS * VF_LANES,
    STEP_K = 32,
    TILE_FLOATS = STEP_K / 2 * VF_LANES, /* of the weights of a step and a vector of sums */
};

NN_INLINE int64_t block_floats(int64_t hidden, int gates) {
    return (hidden + STEP_K - 1) / STEP_K * gates * TILE_FLOATS;
}

/* States as bf16, with zeros up to a whole step. */
NN_INLINE void round_states(const float *x, int64_t pitch, int64_t k, int rows, uint16_t *out,
                            int64_t out_pitch) {
    for (int r = 0; r < rows; r++, x += pitch, out += out_pitch)
        for (int64_t i = 0; i < k; i += STEP_K) {
            const int64_t left = k - i;
            _mm512_storeu_si512(out + i,
                                nn_load_rounded(x + i, left < STEP_K ? (int)left : STEP_K));
        }
}
