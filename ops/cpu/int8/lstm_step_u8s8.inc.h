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

NN_INLINE void add_rows(const block_weights *from, const uint8_t *x, int64_t pitch, int64_t first,
                        int64_t last, vi acc[STEP_ROWS][GATES], const int rows) {
    const uint8_t *w = from->w + first * STEP_BYTES;
    for (int64_t s = first; s < last; s++, w += STEP_BYTES) {
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++)
            accumulate(acc[r], broadcast(x + r * pitch + s * NN_LSTM_CELL), w);
    }
}

NN_INLINE void sum_rows(const block_weights *from, const uint8_t *x, int64_t pitch,
                        vi sums[STEP_ROWS][GATES], const int rows) {
    const int64_t steps = from->matrix->steps;
    vi total[STEP_ROWS][GATES] = {0};
    if (!PAIRED) add_rows(from, x, pitch, 0, steps, total, rows);
    for (int64_t done = 0, count; PAIRED && done < steps; done += count) {
        vi acc[STEP_ROWS][GATES] = {0};
        count = steps_at_once(from, done);
        add_rows(from, x, pitch, done, done + count, acc, rows);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) settle(total[r], acc[r]);
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int g = 0; g < GATES; g++) sums[r][g] = total[r][g];
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

/* What turns sums over x w of a block into those over (x - x_zero) (w - w_zero), scaled. */
typedef struct block_scale {
    vf scale[GATES];
    vu of_zero[GATES]; /* x_zero times the sum of the weights; where weights are bytes */
    const int32_t *zeros;
} block_scale;

NN_INLINE block_scale scale_of(const block_weights *from, const nn_bytes_quant *quant) {
    const nn_lstm_matrix *m = from->matrix;
    block_scale out = {.zeros = m->zeros == NULL ? NULL : m->zeros + from->column};
#pragma GCC unroll 4
    for (int g = 0; g < GATES; g++) {
        const int64_t column = from->column + g * VF_LANES;
        const vf scale = m->scale == NULL ? vf_set(m->one_scale) : vf_load(m->scale + column);
        out.scale[g] = vf_set(quant->scale) * scale;
        if (DEPTH == 4) out.of_zero[g] = load_numbers(m->sums + column) * (uint32_t)quant->zero;
    }
    return out;
}

/* A sum of a row that itself sums to *row_sum. */
NN_INLINE vf scaled(const block_scale *by, const uint32_t *row_sum, int gate, vi sum) {
    if (DEPTH == 4) sum = (vi)((vu)sum - by->of_zero[gate]);
    if ((DEPTH == 4 || PAIRED) && by->zeros != NULL)
        sum = (vi)((vu)sum - load_numbers(by->zeros + gate * VF_LANES) * *row_sum);
    return vf_of_int(sum) * by->scale[gate];
}

/* Where the products of the inputs go: y[row] of `columns` floats. */
typedef struct input_products {
    const nn_lstm_rows *x;
    const float *bias;
    float *y;
    int64_t columns;
} input_products;

NN_INLINE void store_products(const input_products *to, const block_weights *from,
                              const block_scale *scale, int64_t first, int rows,
                              const vi sums[STEP_ROWS][GATES]) {
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int g = 0; g < GATES; g++) {
            const int64_t column = from->column + g * VF_LANES;
            vf_store(to->y + (first + r) * to->columns + column,
                     scaled(scale, to->x->sums + first + r, g, sums[r][g]) +
                         vf_load(to->bias + column));
        }
}

static void multiply(const nn_lstm_matrix *w, const nn_lstm_rows *x, int64_t rows,
                     const float *bias, int64_t first, int64_t last, float *y, int64_t columns) {
    const input_products to = {x, bias, y, columns};
    vi sums[STEP_ROWS][GATES];
    for (int64_t block = first; block < last; block++) {
        const block_weights from = weights_of(w, block);
        const block_scale scale = scale_of(&from, &x->quant);
        int64_t row = 0;
        for (; row + STEP_ROWS <= rows; row += STEP_ROWS) {
            vi whole[STEP_ROWS][GATES]; /* in registers all the way */
            sum_rows(&from, x->x + row * x->pitch, x->pitch, whole, STEP_ROWS);
            store_products(&to, &from, &scale, row, STEP_ROWS, whole);
        }
        if (row == rows) continue;
        sum(&from, x, row, (int)(rows - row), sums);
        for (int r = 0; r < rows - row; r++)
            store_products(&to, &from, &scale, row + r, 1, &sums[r]);
    }
}

/* A block of one sample after its sums. */
typedef struct summed_block {
    vf gates[GATES], c;
    int64_t unit;
} summed_block;

NN_INLINE summed_block summed(const nn_lstm_step *s, const block_weights *from, int64_t sample,
                              const vi sums[GATES]) {
    summed_block out = {.unit = from->column / GATES};
    const float *inputs = s->inputs[sample] + from->column;
    const block_scale scale = scale_of(from, &s->states.quant);
    for (int g = 0; g < GATES; g++)
        out.gates[g] =
            vf_load(inputs + g * VF_LANES) + scaled(&scale, s->states.sums + sample, g, sums[g]);
    return out;
}

NN_INLINE void store_state(const nn_lstm_step *s, int64_t sample, int64_t unit, vf h) {
    const int64_t left = s->cell.hidden - unit;
    float *y = s->y[sample];
    vf_store(s->h + sample * s->pitch + unit, h);
    if (y != NULL) vf_store_first(y + unit, h, left < VF_LANES ? (int)left : VF_LANES);
}

NN_INLINE void finish(const nn_lstm_step *s, const block_weights *from, int64_t sample,
                      const vi sums[GATES]) {
    const summed_block block = summed(s, from, sample, sums);
    const int64_t left = s->cell.hidden - block.unit;
    float *cells = s->c + sample * s->pitch + block.unit;
    vf c = vf_load(cells);
    const vf h =
        lstm_units(&s->cell, block.unit, left < VF_LANES ? (int)left : VF_LANES, block.gates, &c);
    vf_store(cells, c);
    store_state(s, sample, block.unit, h);
}

#if defined(__AVX512F__)
/* accumulate for the only row. Written out: gcc moves the loads of weights away from their
 * products, out of the parts below, and keeps what it has loaded in memory. */
NN_INLINE void accumulate_one(vi acc[GATES], const uint8_t *x, const uint8_t *w) {
    const vi cell = broadcast(x);
#    pragma GCC unroll 4
    for (int g = 0; g < GATES; g++) {
        vi sums = acc[g];
        __asm__ volatile(
            "vpdpbusd %[w], %[x], %[sums]"
            : [sums] "+v"(sums)
            : [x] "v"(cell), [w] "m"(*(const vi *)(const void *)(w + g * VECTOR_CELLS)));
        acc[g] = sums;
    }
}

/* Where the products of a block are. */
typedef struct product_cursor {
    const uint8_t *x, *w;
} product_cursor;

/* The products of two steps. */
NN_INLINE void add_two_steps(product_cursor *at, vi acc[CHAINS][GATES]) {
    accumulate_one(acc[0], at->x, at->w);
    accumulate_one(acc[1], at->x + NN_LSTM_CELL, at->w + STEP_BYTES);
    at->x += CHAINS * NN_LSTM_CELL;
    at->w += CHAINS * STEP_BYTES;
}

/* The functions of a plain LSTM one after the other. Divisions take no more than two places among
 * products, estimates of inverses three or four. */
enum { PARTS = 5, LONG_PART = 8, SHORT_PART = 2 }; /* parts: steps of products before each */

NN_INLINE void finish_part(const nn_lstm_step *s, summed_block *block, const int part) {
    vf *gates = block->gates;
    float *cells = s->c + block->unit;
    switch (part) {
    case 0:
        gates[0] = vf_sigmoid_divisor(gates[0]);
        break;
    case 1: {
        const vf g = vf_tanh_part(gates[3]);
        gates[0] = g / (gates[0] * (g + vf_set(2)));
        break;
    }
    case 2:
        block->c = vf_load(cells) / vf_sigmoid_divisor(gates[2]) - gates[0];
        vf_store(cells, block->c);
        break;
    case 3:
        gates[1] = vf_sigmoid_divisor(gates[1]);
        break;
    case 4: {
        const vf h = vf_tanh_part(block->c);
        store_state(s, 0, block->unit, -h / (gates[1] * (h + vf_set(2))));
        break;
    }
    }
}

/* The functions of a block, each after `steps` steps of products. */
NN_INLINE void finish_among(const nn_lstm_step *s, summed_block *block, product_cursor *at,
                            vi acc[CHAINS][GATES], const int steps) {
#    pragma GCC unroll 5
    for (int part = 0; part < PARTS; part++) {
#    pragma GCC unroll 4
        for (int i = 0; i < steps; i += CHAINS) add_two_steps(at, acc);
        finish_part(s, block, part);
    }
}

/* The inputs' part of the next step has been out of the nearer caches for long. */
NN_INLINE void fetch_inputs(const nn_lstm_step *s, const block_weights *from) {
    const float *inputs = s->inputs[0] + s->ahead + from->column;
#    pragma GCC unroll 4
    for (int g = 0; g < GATES; g++)
        _mm_prefetch((const char *)(inputs + g * VF_LANES), _MM_HINT_T1);
}

/* Blocks of one sample, whose gates are plain: the functions of a block stand among the products of
 * the next, which wait for weights from L2. All of them together would fill the queues of a
 * processor before it comes to those loads. */
static void run_plain_blocks(const nn_lstm_step *s, int64_t first, int64_t last, bool falling) {
    summed_block before = {.unit = -1};
    const int64_t steps = s->r.steps;
    for (int64_t i = first; i < last; i++) {
        const block_weights from = weights_of(&s->r, falling ? first + last - 1 - i : i);
        product_cursor at = {s->states.x, from.w};
        vi acc[CHAINS][GATES] = {0};
        int64_t left = steps;
        if (before.unit >= 0 && steps >= PARTS * LONG_PART) {
            finish_among(s, &before, &at, acc, LONG_PART);
            left -= PARTS * LONG_PART;
        } else if (before.unit >= 0 && steps >= PARTS * SHORT_PART) {
            finish_among(s, &before, &at, acc, SHORT_PART);
            left -= PARTS * SHORT_PART;
        } else if (before.unit >= 0) {
            finish_among(s, &before, &at, acc, 0);
        }
        for (; left >= CHAINS; left -= CHAINS) add_two_steps(&at, acc);
        if (left > 0) accumulate_one(acc[0], at.x, at.w);
        for (int g = 0; g < GATES; g++) acc[0][g] = (vi)((vu)acc[0][g] + (vu)acc[1][g]);
        fetch_inputs(s, &from);
        before = summed(s, &from, 0, acc[0]);
    }
#    pragma GCC unroll 5
    for (int part = 0; part < PARTS; part++) finish_part(s, &before, part);
}
#endif

static void run_blocks(const nn_lstm_step *s, int64_t first, int64_t last, bool falling) {
#if defined(__AVX512F__)
    if (s->samples == 1 && s->inputs[0] != NULL && is_plain_lstm(&s->cell)) {
        run_plain_blocks(s, first, last, falling);
        return;
    }
#endif
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

static void quantize(const nn_int8_loops *loops, const float *x, int64_t count,
                     nn_bytes_quant quant, uint8_t *row) {
    loops->quantize(x, row, count, quant);
    for (int64_t i = count; i % DEPTH != 0; i++) row[i] = 0;
}
#else
typedef int16_t activation;

static void quantize(const nn_int8_loops *loops, const float *x, int64_t count,
                     nn_bytes_quant quant, uint8_t *row) {
    (void)loops;
    activation *restrict out = (activation *)row;
    for (int64_t i = 0; i < count; i++)
        out[i] = (activation)(nn_quant_round(x[i] / quant.scale, quant.zero, 0, 255) - quant.zero);
    for (int64_t i = count; i % DEPTH != 0; i++) out[i] = 0;
}
#endif

static uint32_t sum_of_row(const uint8_t *row, int64_t count) {
    const activation *numbers = (const activation *)row;
    uint32_t total = 0;
    for (int64_t i = 0; i < count; i++) total += (uint32_t)(int32_t)numbers[i];
    return total;
}

#define LSTM_U8S8(isa)                                                                             \
    const nn_lstm_u8s8 nn_lstm_u8s8_##isa = {#isa,     VF_LANES,   DEPTH,    PAIRED,               \
                                             quantize, sum_of_row, multiply, run_blocks};
