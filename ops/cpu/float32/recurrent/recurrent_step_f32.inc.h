/* Body of recurrent_step_f32_<isa>.c. Set before including: STEP_ROWS, 2 or 6, the samples that one
 * pass over the weights of a block serves.
 *
 * Or with sums of its own: then STEP_SUMS, SUM_FLOATS, sums_GATESxBLOCKS, block_floats, STEP_BEGIN
 * and STEP_END, and MANY_GATES_BLOCKS 2 where there are sums of two blocks of three and four gates.
 *
 * Registers: four vectors of weights, which are those of several blocks where there are few gates,
 * times rows (for a single row times two chains, which hide the latency of an FMA) accumulators,
 * and one broadcast. A single row is bound by reading the weights, 4 bytes for each
 * multiply-accumulate: an LSTM of 256 units reads its 1 MB from L2 in 6.4 microseconds with AVX-512
 * (164 GB/s; the sums alone reach 180 GB/s), a GRU 0.75 MB in 4.8. Prefetch instructions make it
 * slower. */
#include "ops/cpu/float32/recurrent/recurrent_cell_f32.inc.h"
#include "ops/cpu/float32/recurrent/recurrent_step_f32.h"

#if !defined(STEP_SUMS)

enum { MOST_VECTORS = 4, SUM_FLOATS = MOST_VECTORS * VF_LANES };

/* ---- sums over the state ---- */

/* One row of k: `gates` vectors of each of `blocks` blocks. */
NN_INLINE void load_weights(const nn_block_weights *from, const float *w, vf *out, const int gates,
                            const int blocks) {
#    pragma GCC unroll 4
    for (int b = 0; b < blocks; b++)
#    pragma GCC unroll 4
        for (int g = 0; g < gates; g++)
            out[b * gates + g] = vf_load(w + b * from->step + g * VF_LANES);
}

/* sums[block][gate] = x W */
NN_INLINE void sum_row(const nn_block_weights *from, const float *x, float *sums, const int gates,
                       const int blocks) {
    const int vectors = gates * blocks;
    const float *w = from->w;
    vf acc[2][MOST_VECTORS], weights[MOST_VECTORS];
#    pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) acc[0][j] = acc[1][j] = vf_zero();
    int64_t k = from->k;
    for (; k >= 2; k -= 2, x += 2, w += 2 * gates * VF_LANES) {
#    pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            load_weights(from, w + i * gates * VF_LANES, weights, gates, blocks);
#    pragma GCC unroll 4
            for (int j = 0; j < vectors; j++)
                acc[i][j] = vf_fma(vf_set(x[i]), weights[j], acc[i][j]);
        }
    }
    if (k > 0) {
        load_weights(from, w, weights, gates, blocks);
#    pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) acc[0][j] = vf_fma(vf_set(*x), weights[j], acc[0][j]);
    }
#    pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) vf_store(sums + j * VF_LANES, acc[0][j] + acc[1][j]);
}

/* The same for rows of x `pitch` floats apart; their sums are SUM_FLOATS apart. */
NN_INLINE void sum_rows(const nn_block_weights *from, const float *x, int64_t pitch, float *sums,
                        const int gates, const int blocks, const int rows) {
    const int vectors = gates * blocks;
    const float *w = from->w;
    vf acc[STEP_ROWS][MOST_VECTORS], weights[MOST_VECTORS];
#    pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#    pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) acc[r][j] = vf_zero();
    for (int64_t k = 0; k < from->k; k++, w += gates * VF_LANES) {
        load_weights(from, w, weights, gates, blocks);
#    pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            const vf factor = vf_set(x[r * pitch + k]);
#    pragma GCC unroll 4
            for (int j = 0; j < vectors; j++) acc[r][j] = vf_fma(factor, weights[j], acc[r][j]);
        }
    }
#    pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#    pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) vf_store(sums + r * SUM_FLOATS + j * VF_LANES, acc[r][j]);
}

typedef void (*sums_function)(const nn_block_weights *from, const float *x, int64_t pitch,
                              float *sums, int rows);

#    if STEP_ROWS == 6
#        define MORE_ROWS(gates, blocks)                                                           \
        case 3:                                                                                    \
            sum_rows(from, x, pitch, sums, gates, blocks, 3);                                      \
            break;                                                                                 \
        case 4:                                                                                    \
            sum_rows(from, x, pitch, sums, gates, blocks, 4);                                      \
            break;                                                                                 \
        case 5:                                                                                    \
            sum_rows(from, x, pitch, sums, gates, blocks, 5);                                      \
            break;                                                                                 \
        case 6:                                                                                    \
            sum_rows(from, x, pitch, sums, gates, blocks, 6);                                      \
            break;
#    else
#        define MORE_ROWS(gates, blocks)
#    endif
#    define SUMS(gates, blocks)                                                                    \
        static void sums_##gates##x##blocks(const nn_block_weights *from, const float *x,          \
                                            int64_t pitch, float *sums, int rows) {                \
            switch (rows) {                                                                        \
            case 1:                                                                                \
                sum_row(from, x, sums, gates, blocks);                                             \
                break;                                                                             \
            case 2:                                                                                \
                sum_rows(from, x, pitch, sums, gates, blocks, 2);                                  \
                break;                                                                             \
                MORE_ROWS(gates, blocks)                                                           \
            }                                                                                      \
        }
SUMS(1, 1)
SUMS(1, 4)
SUMS(2, 1)
SUMS(2, 2)
SUMS(3, 1)
SUMS(4, 1)

/* Floats of packed weights of a block. */
NN_INLINE int64_t block_floats(int64_t hidden, int gates) {
    return hidden * gates * VF_LANES;
}
#    define STEP_BEGIN(step) (void)(step)
#    define STEP_END()       (void)0

#endif

/* ---- cells: a block of one sample after its sums ---- */

typedef struct cell_place {
    int64_t sample, unit; /* the first unit of the block */
    int64_t state;        /* where it lies in states */
    int count;            /* units that there are */
} cell_place;

/* The sum of a gate with what the inputs give to it. */
NN_INLINE vf gate_sum(const nn_recurrent_step *s, const cell_place *p, const float *sums,
                      const int gates, int g) {
    const float *inputs = s->inputs[p->sample] + p->unit * gates;
    return vf_load(inputs + g * VF_LANES) + vf_load(sums + g * VF_LANES);
}

NN_INLINE void store_hidden(const nn_recurrent_step *s, const cell_place *p, vf h) {
    float *y = s->y[p->sample];
    vf_store(s->next + p->state, h);
    if (y != NULL && p->count == VF_LANES)
        vf_store(y + p->unit, h);
    else if (y != NULL)
        vf_store_first(y + p->unit, h, p->count);
}

NN_INLINE void finish_rnn(const nn_recurrent_step *s, const cell_place *p, const float *sums) {
    const nn_recurrent_cell *cell = &s->cell;
    store_hidden(s, p, gate(&cell->functions[0], cell->clip, gate_sum(s, p, sums, 1, 0)));
}

NN_INLINE void finish_lstm(const nn_recurrent_step *s, const cell_place *p, const float *sums) {
    const vf gates[4] = {gate_sum(s, p, sums, 4, 0), gate_sum(s, p, sums, 4, 1),
                         gate_sum(s, p, sums, 4, 2), gate_sum(s, p, sums, 4, 3)};
    vf c = vf_load(s->c + p->state);
    vf h = lstm_units(&s->cell, p->unit, p->count, gates, &c);
    vf_store(s->c + p->state, c);
    store_hidden(s, p, h);
}

/* (1 - z) n + z h of update gates z and the sums of the last gate. */
NN_INLINE void finish_update(const nn_recurrent_step *s, const cell_place *p, vf z, vf sum) {
    const vf n = gate(&s->cell.functions[1], s->cell.clip, sum);
    store_hidden(s, p, vf_fma(z, vf_load(s->h + p->state) - n, n));
}

NN_INLINE void finish_gru(const nn_recurrent_step *s, const cell_place *p, const float *sums) {
    const nn_gate_function *f = s->cell.functions;
    const float clip = s->cell.clip;
    const vf z = gate(&f[0], clip, gate_sum(s, p, sums, 3, 0));
    const vf r = gate(&f[0], clip, gate_sum(s, p, sums, 3, 1));
    const vf of_state = vf_load(sums + 2 * VF_LANES) + vf_load(s->last_bias + p->unit);
    const vf of_inputs = vf_load(s->inputs[p->sample] + p->unit * 3 + 2 * VF_LANES);
    finish_update(s, p, z, vf_fma(r, of_state, of_inputs));
}

NN_INLINE void finish_gru_gates(const nn_recurrent_step *s, const cell_place *p,
                                const float *sums) {
    const nn_gate_function *f = s->cell.functions;
    const float clip = s->cell.clip;
    const vf r = gate(&f[0], clip, gate_sum(s, p, sums, 2, 1));
    vf_store(s->z + p->state, gate(&f[0], clip, gate_sum(s, p, sums, 2, 0)));
    vf_store(s->c + p->state, r * vf_load(s->h + p->state));
}

NN_INLINE void finish_gru_last(const nn_recurrent_step *s, const cell_place *p, const float *sums) {
    finish_update(s, p, vf_load(s->z + p->state), gate_sum(s, p, sums, 1, 0));
}

/* ---- steps ---- */

#if !defined(MANY_GATES_BLOCKS)
#    define MANY_GATES_BLOCKS 1
#endif

typedef void (*finish_function)(const nn_recurrent_step *s, const cell_place *p, const float *sums);

/* Blocks [first, first + blocks). */
NN_INLINE void run_blocks(const nn_recurrent_step *s, int64_t first, bool falling, const int gates,
                          const int blocks, sums_function sum, finish_function finish) {
    float sums[STEP_ROWS * SUM_FLOATS];
    const int64_t hidden = s->cell.hidden, floats = block_floats(hidden, gates);
    const nn_block_weights weights = {s->w + first * floats, floats, hidden, falling};
    for (int64_t begin = 0; begin < s->samples; begin += STEP_ROWS) {
        const int64_t left = s->samples - begin;
        const int rows = left < STEP_ROWS ? (int)left : STEP_ROWS;
        sum(&weights, s->x + begin * s->pitch, s->pitch, sums, rows);
        for (int r = 0; r < rows; r++)
            for (int b = 0; b < blocks; b++) {
                cell_place p = {.sample = begin + r, .unit = (first + b) * VF_LANES};
                p.state = p.sample * s->pitch + p.unit;
                p.count = hidden - p.unit < VF_LANES ? (int)(hidden - p.unit) : VF_LANES;
                if (s->inputs[p.sample] != NULL)
                    finish(s, &p, sums + r * SUM_FLOATS + b * gates * VF_LANES);
                else
                    vf_store(s->next + p.state, vf_load(s->h + p.state));
            }
    }
}

/* Blocks in groups that fill the registers, those left one by one. */
#define STEP(name, gates, blocks, finish) STEP_OF(name, gates, blocks, finish)
#define STEP_OF(name, gates, blocks, finish)                                                       \
    static void name(const nn_recurrent_step *s, int64_t first, int64_t last, bool falling) {      \
        const int64_t whole = first + (last - first) / (blocks) * (blocks);                        \
        STEP_BEGIN(s);                                                                             \
        for (int64_t i = last - 1; falling && i >= whole; i--)                                     \
            run_blocks(s, i, true, gates, 1, sums_##gates##x1, finish);                            \
        for (int64_t i = first; i < whole; i += (blocks))                                          \
            run_blocks(s, falling ? first + whole - (blocks)-i : i, falling, gates, blocks,        \
                       sums_##gates##x##blocks, finish);                                           \
        for (int64_t i = whole; !falling && i < last; i++)                                         \
            run_blocks(s, i, false, gates, 1, sums_##gates##x1, finish);                           \
        STEP_END();                                                                                \
    }
STEP(rnn, 1, 4, finish_rnn)
STEP(lstm, 4, MANY_GATES_BLOCKS, finish_lstm)
STEP(gru, 3, MANY_GATES_BLOCKS, finish_gru)
STEP(gru_gates, 2, 2, finish_gru_gates)
STEP(gru_last, 1, 4, finish_gru_last)

#define STEPS(isa)                                                                                 \
    const nn_recurrent_steps_f32 nn_recurrent_steps_f32_##isa = {                                  \
        VF_LANES, NN_RECURRENT_FLOATS, rnn, lstm, gru, gru_gates, gru_last};
