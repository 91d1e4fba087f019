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
        vf sum = acc[0][v] + acc[1][v];
        if (chains > 2) sum += acc[2][v] + acc[3][v];
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
SUMS(1, 8)
SUMS(2, 1)
SUMS(2, 2)
SUMS(2, 4)
SUMS(3, 1)
SUMS(3, 2)
SUMS(4, 1)
SUMS(4, 2)

#define STEP_BEGIN(step) (void)(step)
#define STEP_END()       (void)0

#include "ops/cpu/float32/recurrent/recurrent_step_f32.inc.h"

/* ---- one sample with the functions that layers have by default ---- */

/* The sums of so many blocks, then the functions of all of them. Between sums they would hold back
 * the next ones: the functions of a block are a long chain of operations, so that few of them are
 * under way while they fill the queues. */
enum { PLAIN_BLOCKS = 16 };

/* Gates divide, which takes two places among FMAs where others take three or four (divides_faster
 * in activation_f32.inc.h). */
NN_INLINE void finish_plain_lstm(const nn_recurrent_step *s, const cell_place *p,
                                 const float *sums) {
    const vf two = vf_set(2);
    const vf in = vf_sigmoid_divisor(gate_sum(s, p, sums, 4, 0));
    const vf out = vf_sigmoid_divisor(gate_sum(s, p, sums, 4, 1));
    const vf forget = vf_sigmoid_divisor(gate_sum(s, p, sums, 4, 2));
    const vf g = vf_tanh_part(gate_sum(s, p, sums, 4, 3));
    const vf c = vf_load(s->c + p->state) / forget - g / (in * (g + two));
    const vf h = vf_tanh_part(c);
    vf_store(s->c + p->state, c);
    store_hidden(s, p, -h / (out * (h + two)));
}

NN_INLINE void finish_plain_gru(const nn_recurrent_step *s, const cell_place *p,
                                const float *sums) {
    const vf z = vf_sigmoid_divisor(gate_sum(s, p, sums, 3, 0));
    const vf r = vf_sigmoid_divisor(gate_sum(s, p, sums, 3, 1));
    const vf of_state = vf_load(sums + 2 * VF_LANES) + vf_load(s->last_bias + p->unit);
    const vf of_inputs = vf_load(s->inputs[p->sample] + p->unit * 3 + 2 * VF_LANES);
    const vf t = vf_tanh_part(of_state / r + of_inputs), n = -t / (t + vf_set(2));
    store_hidden(s, p, (vf_load(s->h + p->state) - n) / z + n);
}

NN_INLINE void finish_plain_gru_gates(const nn_recurrent_step *s, const cell_place *p,
                                      const float *sums) {
    const vf z = vf_sigmoid_divisor(gate_sum(s, p, sums, 2, 0));
    const vf r = vf_sigmoid_divisor(gate_sum(s, p, sums, 2, 1));
    vf_store(s->z + p->state, z);
    vf_store(s->c + p->state, vf_load(s->h + p->state) / r);
}

NN_INLINE void finish_plain_gru_last(const nn_recurrent_step *s, const cell_place *p,
                                     const float *sums) {
    const vf t = vf_tanh_part(gate_sum(s, p, sums, 1, 0)), n = -t / (t + vf_set(2));
    store_hidden(s, p, (vf_load(s->h + p->state) - n) / vf_load(s->z + p->state) + n);
}

/* Blocks [first, last), at most PLAIN_BLOCKS, the sums of `most` at once. */
NN_INLINE void run_plain_blocks(const nn_recurrent_step *s, int64_t first, int64_t last,
                                bool falling, const int gates, const int most,
                                sums_function sum_most, sums_function sum_one,
                                finish_function finish) {
    float sums[PLAIN_BLOCKS * 4 * VF_LANES];
    const int64_t hidden = s->cell.hidden, floats = block_floats(hidden, gates);
    for (int64_t done = 0, count; done < last - first; done += count) {
        count = last - first - done >= most ? most : 1;
        const int64_t block = falling ? last - done - count : first + done;
        const nn_block_weights weights = {s->w + block * floats, floats, hidden, falling};
        float *to = sums + (block - first) * gates * VF_LANES;
        if (count == most)
            sum_most(&weights, s->x, s->pitch, to, 1);
        else
            sum_one(&weights, s->x, s->pitch, to, 1);
    }
    for (int64_t block = first; block < last; block++) {
        const int64_t unit = block * VF_LANES, left = hidden - unit;
        const cell_place p = {0, unit, unit, left < VF_LANES ? (int)left : VF_LANES};
        finish(s, &p, sums + (block - first) * gates * VF_LANES);
    }
}

#define PLAIN_STEP(general, gates, blocks, is_plain)                                               \
    static void plain_##general(const nn_recurrent_step *s, int64_t first, int64_t last,           \
                                bool falling) {                                                    \
        if (s->samples > 1 || s->inputs[0] == NULL || !is_plain(&s->cell)) {                       \
            general(s, first, last, falling);                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t done = 0, count; done < last - first; done += count) {                        \
            const int64_t left = last - first - done;                                              \
            count = left < PLAIN_BLOCKS ? left : PLAIN_BLOCKS;                                     \
            const int64_t block = falling ? last - done - count : first + done;                    \
            run_plain_blocks(s, block, block + count, falling, gates, blocks,                      \
                             sums_##gates##x##blocks, sums_##gates##x1, finish_plain_##general);   \
        }                                                                                          \
    }
PLAIN_STEP(lstm, 4, 2, is_plain_lstm)
PLAIN_STEP(gru, 3, 2, is_plain_gru)
PLAIN_STEP(gru_gates, 2, 4, is_plain_gru)
PLAIN_STEP(gru_last, 1, 8, is_plain_gru)

const nn_recurrent_steps_f32 nn_recurrent_steps_fixed_f32_vbmi2 = {
    VF_LANES, NN_RECURRENT_FIXED, rnn, plain_lstm, plain_gru, plain_gru_gates, plain_gru_last};
