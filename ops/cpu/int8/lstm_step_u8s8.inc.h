/* Body of lstm_step_u8s8_<isa>.c. Set before including: UNIT, the name of the table, STEP_ROWS, 2
 * or 6, the rows that one pass over the weights of a block serves, DEPTH, and vi broadcast(const
 * uint8_t *x), one cell of a row for all lanes. Then either PAIRED 0 and vi multiply_add(vi sums,
 * vi x, const uint8_t *w), the products of a cell added to the sums, or PAIRED 1, for which
 * PAIRED_STEPS of one sum are as many as are exact, and
 *     void accumulate(vi acc[4], vi x, const uint8_t *w)   a step for all gates
 *     void settle(vi sums[4], const vi acc[4])             adds what that has made to the sums
 *
 * Registers: four vectors of sums, times rows (for a single row times two chains, which hide the
 * latency), four of weights, one broadcast. A single row is bound by reading the weights, one byte
 * for each multiply-accumulate with VNNI; with AVX2, by multiplying: 16 a cycle. */
#include "ops/cpu/float32/recurrent/recurrent_cell_f32.inc.h"
#include "ops/cpu/int8/lstm_step_u8s8.h"

enum { GATES = NN_GATES_LSTM, VECTOR_CELLS = VF_LANES * NN_LSTM_CELL, CHAINS = 2 };
enum { BLOCK_COLUMNS = GATES * VF_LANES };
enum { STEP_BYTES = GATES * VECTOR_CELLS / (PAIRED ? 2 : 1) }; /* of weights of a block */

/* The weights of one block, and the columns that it starts at. */
typedef struct block_weights {
    const nn_lstm_matrix *matrix;
    const uint8_t *w;
    int64_t column;
} block_weights;

NN_INLINE block_weights weights_of(const nn_lstm_matrix *matrix, int64_t block) {
    return (block_weights){matrix, matrix->w + block * matrix->steps * STEP_BYTES,
                           block * BLOCK_COLUMNS};
}

#if !PAIRED
enum { PAIRED_STEPS = 1 };

NN_INLINE void accumulate(vi acc[GATES], vi x, const uint8_t *w) {
#    pragma GCC unroll 4
    for (int g = 0; g < GATES; g++) acc[g] = multiply_add(acc[g], x, w + g * VECTOR_CELLS);
}

NN_INLINE void settle(vi sums[GATES], const vi acc[GATES]) {
    for (int g = 0; g < GATES; g++) sums[g] = (vi)((vu)sums[g] + (vu)acc[g]);
}
#endif

/* Steps from `done` on that are summed before they are settled. */
NN_INLINE int64_t steps_at_once(const block_weights *from, int64_t done) {
    const int64_t left = from->matrix->steps - done;
    return PAIRED && left > PAIRED_STEPS ? PAIRED_STEPS : left;
}

NN_INLINE void sum_row(const block_weights *from, const uint8_t *x, vi sums[GATES]) {
    const uint8_t *w = from->w;
    for (int g = 0; g < GATES; g++) sums[g] = (vi){0};
    for (int64_t done = 0, count; done < from->matrix->steps; done += count) {
        vi acc[CHAINS][GATES] = {0};
        count = steps_at_once(from, done);
        int64_t left = count;
        for (; left >= CHAINS; left -= CHAINS) {
#pragma GCC unroll 2
            for (int i = 0; i < CHAINS; i++, x += NN_LSTM_CELL, w += STEP_BYTES)
                accumulate(acc[i], broadcast(x), w);
        }
        if (left > 0) {
            accumulate(acc[0], broadcast(x), w);
            x += NN_LSTM_CELL;
            w += STEP_BYTES;
        }
        for (int i = 0; i < CHAINS; i++) settle(sums, acc[i]);
    }
}

NN_INLINE void sum_rows(const block_weights *from, const uint8_t *x, int64_t pitch,
                        vi sums[STEP_ROWS][GATES], const int rows) {
    const uint8_t *w = from->w;
    for (int r = 0; r < rows; r++)
        for (int g = 0; g < GATES; g++) sums[r][g] = (vi){0};
    for (int64_t done = 0, count; done < from->matrix->steps; done += count) {
        vi acc[STEP_ROWS][GATES] = {0};
        count = steps_at_once(from, done);
        for (int64_t s = done; s < done + count; s++, w += STEP_BYTES) {
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++)
                accumulate(acc[r], broadcast(x + r * pitch + s * NN_LSTM_CELL), w);
        }
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) settle(sums[r], acc[r]);
    }
}

/* Rows [first, first + rows). */
static void sum(const block_weights *from, const nn_lstm_rows *x, int64_t first, int rows,
                vi sums[STEP_ROWS][GATES]) {
    const uint8_t *row = x->x + first * x->pitch;
    switch (rows) {
    case 1:
        sum_row(from, row, sums[0]);
        break;
    case 2:
        sum_rows(from, row, x->pitch, sums, 2);
        break;
#if STEP_ROWS == 6
    case 3:
        sum_rows(from, row, x->pitch, sums, 3);
        break;
    case 4:
        sum_rows(from, row, x->pitch, sums, 4);
        break;
    case 5:
        sum_rows(from, row, x->pitch, sums, 5);
        break;
    case 6:
        sum_rows(from, row, x->pitch, sums, 6);
        break;
#endif
    }
}

NN_INLINE vu load_numbers(const int32_t *numbers) {
    vu out;
    memcpy(&out, numbers, sizeof out);
    return out;
}

/* The sum over (x - x_zero) (w - w_zero), scaled. */
NN_INLINE vf scaled(const block_weights *from, const nn_lstm_rows *x, int64_t row, int gate,
                    vi sum) {
    const nn_lstm_matrix *m = from->matrix;
    const int64_t column = from->column + gate * VF_LANES;
    if (DEPTH == 4) {
        const vu of_zero = load_numbers(m->sums + column) * (uint32_t)x->quant.zero;
        sum = (vi)((vu)sum - of_zero);
    }
    if (DEPTH == 4 || PAIRED) sum = (vi)((vu)sum - load_numbers(m->zeros + column) * x->sums[row]);
    return vf_of_int(sum) * (vf_set(x->quant.scale) * vf_load(m->scale + column));
}

static void multiply(const nn_lstm_matrix *w, const nn_lstm_rows *x, int64_t rows,
                     const float *bias, int64_t first, int64_t last, float *y, int64_t columns) {
    vi sums[STEP_ROWS][GATES];
    for (int64_t block = first; block < last; block++) {
        const block_weights from = weights_of(w, block);
        for (int64_t begin = 0; begin < rows; begin += STEP_ROWS) {
            const int count = rows - begin < STEP_ROWS ? (int)(rows - begin) : STEP_ROWS;
            sum(&from, x, begin, count, sums);
            for (int r = 0; r < count; r++)
                for (int g = 0; g < GATES; g++) {
                    const int64_t column = from.column + g * VF_LANES;
                    vf_store(y + (begin + r) * columns + column,
                             scaled(&from, x, begin + r, g, sums[r][g]) + vf_load(bias + column));
                }
        }
    }
}

/* A block of one sample after its sums. */
NN_INLINE void finish(const nn_lstm_step *s, const block_weights *from, int64_t sample,
                      const vi sums[GATES]) {
    const int64_t unit = from->column / GATES, left = s->cell.hidden - unit;
    const int count = left < VF_LANES ? (int)left : VF_LANES;
    const float *inputs = s->inputs[sample] + from->column;
    float *state = s->h + sample * s->pitch + unit, *cells = s->c + sample * s->pitch + unit;
    float *y = s->y[sample];
    vf gates[GATES], c = vf_load(cells);
    for (int g = 0; g < GATES; g++)
        gates[g] = vf_load(inputs + g * VF_LANES) + scaled(from, &s->states, sample, g, sums[g]);
    const vf h = lstm_units(&s->cell, unit, count, gates, &c);
    vf_store(cells, c);
    vf_store(state, h);
    if (y != NULL) vf_store_first(y + unit, h, count);
}

static void run_blocks(const nn_lstm_step *s, int64_t first, int64_t last, bool falling) {
    vi sums[STEP_ROWS][GATES];
    for (int64_t i = first; i < last; i++) {
        const block_weights from = weights_of(&s->r, falling ? first + last - 1 - i : i);
        if (s->samples == 1 && s->inputs[0] != NULL) {
            sum_row(&from, s->states.x, sums[0]);
            finish(s, &from, 0, sums[0]);
            continue;
        }
        for (int64_t begin = 0; begin < s->samples; begin += STEP_ROWS) {
            const int64_t left = s->samples - begin;
            const int rows = left < STEP_ROWS ? (int)left : STEP_ROWS;
            sum(&from, &s->states, begin, rows, sums);
            for (int r = 0; r < rows; r++)
                if (s->inputs[begin + r] != NULL) finish(s, &from, begin + r, sums[r]);
        }
    }
}

/* ---- rows ----------------------------------------------------------------------------------- */

#if DEPTH == 4
typedef uint8_t activation;
#else
typedef int16_t activation;
#endif

static uint32_t quantize(const float *x, int64_t count, nn_bytes_quant quant, uint8_t *row) {
    activation *restrict out = (activation *)row;
    uint32_t total = 0;
    for (int64_t i = 0; i < count; i++) {
        const int32_t value = nn_quant_round(x[i] / quant.scale, quant.zero, 0, 255);
        out[i] = (activation)(DEPTH == 4 ? value : value - quant.zero);
        total += (uint32_t)(int32_t)out[i];
    }
    for (int64_t i = count; i % DEPTH != 0; i++) out[i] = 0;
    return total;
}

#define LSTM_U8S8(isa)                                                                             \
    const nn_lstm_u8s8 nn_lstm_u8s8_##isa = {#isa,     VF_LANES, DEPTH,     PAIRED,                \
                                             quantize, multiply, run_blocks};
