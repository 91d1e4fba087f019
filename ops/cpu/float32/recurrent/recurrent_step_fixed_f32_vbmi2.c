/* Steps of recurrent_step_f32.h with matrices of recurrent_fixed_f32.h. A group of four weights is
 * three loads, which L2 gives in 6 cycles to a Zen 4, and there it is four conversions and three
 * shifts beside its four products: floats would be four loads, 8 cycles. So neither waits much for
 * the other: an LSTM of 256 units reads its 768 KB in 6.7 microseconds, computes as long, and takes
 * 6.9 for both (9.6 with floats). Two blocks share broadcasts of the state, which take places among
 * the products: 3 % of that. */
#include "ops/cpu/float32/recurrent/recurrent_fixed_f32.h"
#include "ops/cpu/float32/recurrent/recurrent_step_f32.h"

#include "ops/cpu/float32/fixed/fixed_group.h"

#define STEP_ROWS 1
#define STEP_SUMS
#define MANY_GATES_BLOCKS 2

enum { MOST_VECTORS = 8, SUM_FLOATS = MOST_VECTORS * VF_LANES };

NN_INLINE int64_t block_floats(int64_t hidden, int gates) {
    return nn_recurrent_fixed_dwords(hidden) * gates * VF_LANES;
}

/* Each of the four weights of a group has sums of its own, with eight vectors each two of them. */
NN_INLINE void sum_row(const nn_block_weights *from, const float *x, float *sums, const int gates,
                       const int blocks) {
    const int vectors = gates * blocks, chains = vectors > 6 ? 2 : NN_FIXED_DEPTH;
    const int64_t groups = nn_fixed_groups(from->k);
    const int64_t row = from->falling ? -gates * NN_FIXED_GROUP : gates * NN_FIXED_GROUP;
    const int64_t depth = from->falling ? -NN_FIXED_DEPTH : NN_FIXED_DEPTH;
    const float *factors = from->w + groups * gates * NN_FIXED_GROUP, *w = from->w;
    if (from->falling) {
        w -= (groups - 1) * row;
        x -= (groups - 1) * depth;
    }
    vf acc[NN_FIXED_DEPTH][MOST_VECTORS];
#pragma GCC unroll 4
    for (int i = 0; i < NN_FIXED_DEPTH; i++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) acc[i][v] = vf_zero();
    for (int64_t left = groups; left > 0; left--, w += row, x += depth) {
        vf states[NN_FIXED_DEPTH];
#pragma GCC unroll 4
        for (int i = 0; i < NN_FIXED_DEPTH; i++) states[i] = vf_set(x[i]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            vf weights[NN_FIXED_DEPTH];
            nn_fixed_load_group(w + v / gates * from->step + v % gates * NN_FIXED_GROUP, weights);
#pragma GCC unroll 4
            for (int i = 0; i < NN_FIXED_DEPTH; i++)
                acc[i % chains][v] = vf_fma(states[i], weights[i], acc[i % chains][v]);
        }
    }
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        const vf sum = (acc[0][v] + acc[1][v]) + (acc[2][v] + acc[3][v]);
        vf_store(sums + v * VF_LANES,
                 sum * vf_load(factors + v / gates * from->step + v % gates * VF_LANES));
    }
}

typedef void (*sums_function)(const nn_block_weights *from, const float *x, int64_t pitch,
                              float *sums, int rows);

#define SUMS(gates, blocks)                                                                        \
    static void sums_##gates##x##blocks(const nn_block_weights *from, const float *x,              \
                                        int64_t pitch, float *sums, int rows) {                    \
        (void)pitch;                                                                               \
        (void)rows;                                                                                \
        sum_row(from, x, sums, gates, blocks);                                                     \
    }
SUMS(1, 1)
SUMS(1, 4)
SUMS(2, 1)
SUMS(2, 2)
SUMS(3, 1)
SUMS(3, 2)
SUMS(4, 1)
SUMS(4, 2)

#define STEP_BEGIN(step) (void)(step)
#define STEP_END()       (void)0

#include "ops/cpu/float32/recurrent/recurrent_step_f32.inc.h"

const nn_recurrent_steps_f32 nn_recurrent_steps_fixed_f32_vbmi2 = {
    VF_LANES, NN_RECURRENT_FIXED, rnn, lstm, gru, gru_gates, gru_last};
