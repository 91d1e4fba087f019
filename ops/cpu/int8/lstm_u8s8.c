/* DynamicQuantizeLSTM: what the inputs give to the gates is one integer product for all steps; a
 * step is lstm_step_u8s8.h. The states of all samples are quantised together before each step. */
#include "base/integers.h"
#include "ops/cpu/float32/recurrent/recurrent_samples_f32.h"
#include "ops/cpu/int8/int8_product.h"
#include "ops/cpu/int8/lstm_step_u8s8.h"
#include "ops/cpu/kernels.h"
#include "ops/family/quantized_lstm.h"

#include <stdio.h>

enum {
    WORTH_A_THREAD = 800 * 1000, /* multiply-accumulates of a step: about 5 microseconds */
    PACKED_INPUTS = 1u << NN_RNN_W | 1u << NN_RNN_R | 1u << NN_RNN_B | 1u << NN_LSTM_W_SCALE |
                    1u << NN_LSTM_W_ZERO | 1u << NN_LSTM_R_SCALE | 1u << NN_LSTM_R_ZERO,
};

/* Where the parts of a packed matrix lie, in bytes. */
typedef struct matrix_layout {
    int64_t k, steps, scale, sums, zeros, traits, bytes; /* the weights come first */
} matrix_layout;

/* What columns of a matrix differ in. */
typedef struct matrix_traits {
    bool has_zeros;  /* some zero point is not 0 */
    bool has_scales; /* some scale is not the first */
} matrix_traits;

typedef struct lstm_state {
    nn_recurrent shape;
    const nn_lstm_u8s8 *unit;
    int64_t pitch, columns; /* hidden units, and columns of all gates, in whole blocks */
    matrix_layout w, r;
    /* Packed, for each direction: W, R, the sum of both biases. */
    int64_t direction_bytes, packed_bytes;
    const uint8_t *packed; /* NULL: packed in each run */
    /* The workspace after it: rows of inputs and states, products, states of all directions,
     * pointers. */
    int64_t row_bytes, state_row_bytes, product_bytes, states_bytes, pointer_bytes;
} lstm_state;

static matrix_layout layout_of(const lstm_state *state, int64_t k) {
    const int64_t numbers = nn_aligned(state->columns * (int64_t)sizeof(float));
    matrix_layout out = {.k = k, .steps = nn_divide_up(k, state->unit->depth)};
    out.scale =
        nn_aligned(out.steps * state->columns * NN_LSTM_CELL / (state->unit->paired ? 2 : 1));
    out.sums = out.scale + numbers;
    out.zeros = out.sums + numbers;
    out.traits = out.zeros + numbers;
    out.bytes = out.traits + nn_aligned((int64_t)sizeof(matrix_traits));
    return out;
}

/* Rows of a matrix's `k`, and a sum for each of them. */
static int64_t bytes_of_rows(int64_t rows, const matrix_layout *matrix) {
    return nn_aligned(rows * matrix->steps * NN_LSTM_CELL) +
           nn_aligned(rows * (int64_t)sizeof(uint32_t));
}

static void make_state(const nn_node_view *node, const nn_lstm_u8s8 *unit, lstm_state *out) {
    const int64_t width = (int64_t)sizeof(float);
    nn_recurrent s = out->shape = nn_quantized_lstm_of(node);
    out->unit = unit;
    out->pitch = nn_round_up(s.hidden, unit->lanes);
    out->columns = NN_GATES_LSTM * out->pitch;
    out->w = layout_of(out, s.inputs);
    out->r = layout_of(out, s.hidden);
    out->direction_bytes = out->w.bytes + out->r.bytes + nn_aligned(out->columns * width);
    out->packed_bytes = s.directions * out->direction_bytes;
    out->row_bytes = bytes_of_rows(s.steps * s.batch, &out->w);
    out->state_row_bytes = s.directions * bytes_of_rows(s.batch, &out->r);
    out->product_bytes = nn_aligned(s.steps * s.batch * s.directions * out->columns * width);
    out->states_bytes = nn_aligned(2 * s.directions * s.batch * out->pitch * width);
    out->pointer_bytes = nn_aligned(2 * s.directions * s.batch * (int64_t)sizeof(float *));
}

/* ---- packing ---- */

/* A matrix of one direction as stored: [k][column], with its quantisation. */
typedef struct stored_matrix {
    const uint8_t *w;
    uint8_t flip; /* w ^ flip is int8 */
    const nn_tensor *scale, *zero;
    int64_t columns, direction;
    bool scale_per_column, zero_per_column;
} stored_matrix;

static stored_matrix stored_of(const nn_tensor *const *in, int directions, int64_t direction) {
    const nn_tensor *w = in[0];
    const int64_t matrix = w->dims[1] * w->dims[2];
    return (stored_matrix){.w = (const uint8_t *)w->data + direction * matrix,
                           .flip = w->type == NNOPT_INT8 ? 0 : 0x80,
                           .scale = in[1],
                           .zero = in[2],
                           .columns = w->dims[2],
                           .direction = direction,
                           .scale_per_column = nn_tensor_count(in[1]) > directions,
                           .zero_per_column = nn_tensor_count(in[2]) > directions};
}

static float scale_of(const stored_matrix *m, int64_t column) {
    const int64_t at = m->direction * m->columns + column;
    return ((const float *)m->scale->data)[m->scale_per_column ? at : m->direction];
}

/* Of weights as int8. */
static int32_t zero_of(const stored_matrix *m, int64_t column) {
    const int64_t at = m->direction * m->columns + column;
    return nn_quant_load(m->zero->data, m->zero->type, m->zero_per_column ? at : m->direction) -
           m->flip;
}

/* What is added to the weights of a gate. */
static int32_t pair_offset(const nn_lstm_u8s8 *unit, int64_t gate) {
    return unit->paired && gate % 2 == 0 ? 128 : 0;
}

/* Row k of one gate. */
static void pack_row(const lstm_state *state, const matrix_layout *layout, const stored_matrix *m,
                     int64_t k, int gate, uint8_t *packed) {
    const nn_lstm_u8s8 *unit = state->unit;
    const int64_t hidden = state->shape.hidden, lanes = unit->lanes;
    const bool one_byte = unit->depth == NN_LSTM_CELL;
    for (int64_t i = 0; i < hidden; i++) {
        const int64_t column = gate * hidden + i, block = i / lanes;
        const int64_t step = block * layout->steps + k / unit->depth;
        const int64_t vector =
            unit->paired ? (step * NN_GATES_LSTM + gate) / 2 : step * NN_GATES_LSTM + gate;
        uint8_t *cell = packed + (vector * lanes + i % lanes) * NN_LSTM_CELL;
        const int32_t value = (int8_t)(m->w[k * m->columns + column] ^ m->flip);
        if (unit->paired)
            cell[k % 2 * 2 + gate % 2] = (uint8_t)(value + pair_offset(unit, gate));
        else if (one_byte)
            cell[k % NN_LSTM_CELL] = (uint8_t)value;
        else
            ((int16_t *)cell)[k % 2] = (int16_t)(value - zero_of(m, column));
        int32_t *sum =
            (int32_t *)(packed + layout->sums) + (block * NN_GATES_LSTM + gate) * lanes + i % lanes;
        *sum = (int32_t)((uint32_t)*sum + (uint32_t)(value - zero_of(m, column)));
    }
}

static void pack_matrix(const lstm_state *state, const matrix_layout *layout,
                        const stored_matrix *m, uint8_t *packed) {
    const int64_t hidden = state->shape.hidden, lanes = state->unit->lanes;
    for (int64_t k = 0; k < layout->k; k++)
        for (int gate = 0; gate < NN_GATES_LSTM; gate++)
            pack_row(state, layout, m, k, gate, packed);
    matrix_traits *traits = (matrix_traits *)(packed + layout->traits);
    for (int64_t column = 0; column < m->columns; column++) {
        const int64_t gate = column / hidden, i = column % hidden;
        const int64_t place = (i / lanes * NN_GATES_LSTM + gate) * lanes + i % lanes;
        const float scale = scale_of(m, column);
        const int32_t zero = zero_of(m, column) + pair_offset(state->unit, gate);
        ((float *)(packed + layout->scale))[place] = scale;
        ((int32_t *)(packed + layout->zeros))[place] = zero;
        if (zero != 0) traits->has_zeros = true;
        if (scale != scale_of(m, 0)) traits->has_scales = true;
    }
}

static void pack_bias(const lstm_state *state, const float *stored, float *bias) {
    const int64_t hidden = state->shape.hidden, lanes = state->unit->lanes;
    for (int64_t column = 0; column < state->shape.columns; column++) {
        const int64_t gate = column / hidden, i = column % hidden;
        bias[(i / lanes * NN_GATES_LSTM + gate) * lanes + i % lanes] =
            stored[column] + stored[state->shape.columns + column];
    }
}

/* W, R with scales and zero points, and B or NULL, into memory that is zero. */
static void pack_all(const lstm_state *state, const nn_tensor *const in[7], uint8_t *packed) {
    const nn_recurrent *s = &state->shape;
    for (int64_t d = 0; d < s->directions; d++, packed += state->direction_bytes) {
        const stored_matrix w = stored_of(in, s->directions, d);
        const stored_matrix r = stored_of(in + 3, s->directions, d);
        pack_matrix(state, &state->w, &w, packed);
        pack_matrix(state, &state->r, &r, packed + state->w.bytes);
        if (in[6] != NULL)
            pack_bias(state, (const float *)in[6]->data + d * 2 * s->columns,
                      (float *)(packed + state->w.bytes + state->r.bytes));
    }
}

static const int packed_inputs[7] = {NN_RNN_W,        NN_LSTM_W_SCALE, NN_LSTM_W_ZERO, NN_RNN_R,
                                     NN_LSTM_R_SCALE, NN_LSTM_R_ZERO,  NN_RNN_B};

static nn_status pack_constants(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *in[7];
    for (int i = 0; i < 7; i++) in[i] = nn_view_constant(node, packed_inputs[i]);
    pack_all(argument, in, out);
    return NN_OK;
}

static bool has_constants(const nn_node_view *node) {
    for (int i = 0; i < 7; i++)
        if (nn_view_in(node, packed_inputs[i]) != NULL &&
            nn_view_constant(node, packed_inputs[i]) == NULL)
            return false;
    return true;
}

static nn_status prepare(const nn_node_view *node, nn_prepare *services, const nn_lstm_u8s8 *unit) {
    lstm_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    make_state(node, unit, state);
    int64_t bytes = state->row_bytes + state->state_row_bytes + state->product_bytes +
                    state->states_bytes + state->pointer_bytes;
    if (has_constants(node)) {
        char variant[96];
        const void *packed;
        snprintf(variant, sizeof variant, "lstm u8s8 %s", unit->name);
        NN_TRY(nn_prepare_pack(services, PACKED_INPUTS, variant, (size_t)state->packed_bytes,
                               pack_constants, state, &packed));
        state->packed = packed;
    } else {
        bytes += state->packed_bytes;
    }
    nn_prepare_workspace(services, (size_t)bytes);
    return NN_OK;
}

/* ---- running ---- */

typedef struct run_work {
    const nn_call *call;
    const lstm_state *state;
    const nn_int8_loops *loops;
    const uint8_t *packed;
    nn_lstm_rows x;
    uint8_t *rows; /* of states */
    float *products, *states;
    const float **pointers;
    nn_pool *pool; /* for the blocks of a step; NULL: this thread alone */
} run_work;

static nn_lstm_matrix matrix_at(const matrix_layout *layout, const uint8_t *packed) {
    const matrix_traits *traits = (const matrix_traits *)(packed + layout->traits);
    const float *scale = (const float *)(packed + layout->scale);
    const int32_t *zeros = (const int32_t *)(packed + layout->zeros);
    return (nn_lstm_matrix){.steps = layout->steps,
                            .w = packed,
                            .scale = traits->has_scales ? scale : NULL,
                            .one_scale = scale[0],
                            .sums = (const int32_t *)(packed + layout->sums),
                            .zeros = traits->has_zeros ? zeros : NULL};
}

/* `count` rows of floats, `step` apart, to `memory`: one scale and zero point for all. Matrices
 * without zero points need no sums of rows. */
static nn_lstm_rows quantize_rows(const run_work *work, const matrix_layout *layout, const float *x,
                                  int64_t count, int64_t step, bool needs_sums, uint8_t *memory) {
    const int64_t pitch = layout->steps * NN_LSTM_CELL;
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        float row_low, row_high;
        work->loops->range(x + i * step, layout->k, &row_low, &row_high);
        low = row_low < low ? row_low : low;
        high = row_high > high ? row_high : high;
    }
    const float scale = high == low ? 1.0f : (high - low) / 255.0f;
    const nn_bytes_quant quant = {scale, nn_quant_round(-low / scale, 0, 0, 255), 0};
    uint32_t *sums = (uint32_t *)(memory + nn_aligned(count * pitch));
    const nn_lstm_u8s8 *unit = work->state->unit;
    for (int64_t i = 0; i < count; i++) {
        uint8_t *row = memory + i * pitch;
        unit->quantize(work->loops, x + i * step, layout->k, quant, row);
        if (needs_sums) sums[i] = unit->sum(row, layout->k);
    }
    return (nn_lstm_rows){memory, pitch, sums, quant};
}

/* Blocks of all directions, one after the other. */
static void multiply_inputs(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const run_work *work = argument;
    const lstm_state *state = work->state;
    const nn_recurrent *s = &state->shape;
    const int64_t blocks = state->pitch / state->unit->lanes;
    while (begin < end) {
        const int64_t d = begin / blocks, first = begin % blocks;
        const int64_t last = end - d * blocks < blocks ? end - d * blocks : blocks;
        const uint8_t *packed = work->packed + d * state->direction_bytes;
        const nn_lstm_matrix w = matrix_at(&state->w, packed);
        state->unit->multiply(&w, &work->x, s->steps * s->batch,
                              (const float *)(packed + state->w.bytes + state->r.bytes), first,
                              last, work->products + d * state->columns,
                              s->directions * state->columns);
        begin += last - first;
    }
}

/* Blocks that one thread takes of `rows` rows: equal parts, or all of them where a part is too
 * little. */
static int64_t grain_of(const run_work *work, int64_t blocks, int64_t rows, int64_t k) {
    const int64_t threads = nn_pool_threads(work->call->pool);
    const int64_t each = nn_divide_up(blocks, threads);
    const int64_t macs = each * rows * k * NN_GATES_LSTM * work->state->unit->lanes;
    return macs < WORTH_A_THREAD ? blocks : each;
}

typedef struct step_blocks {
    const nn_lstm_step *step;
    const nn_lstm_u8s8 *unit;
    bool falling;
} step_blocks;

static void run_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const step_blocks *blocks = argument;
    blocks->unit->step(blocks->step, begin, end, blocks->falling);
}

static void run_direction(const run_work *work, int64_t direction) {
    const lstm_state *state = work->state;
    const nn_recurrent *shape = &state->shape;
    const int64_t pitch = state->pitch, blocks = pitch / state->unit->lanes;
    const nn_recurrent_samples samples = {.call = work->call,
                                          .shape = shape,
                                          .direction = direction,
                                          .count = shape->batch,
                                          .pitch = pitch};
    const uint8_t *packed = work->packed + direction * state->direction_bytes;
    const float *products = work->products + direction * state->columns;
    const float **inputs = work->pointers + 2 * direction * shape->batch;
    float **y = (float **)(inputs + shape->batch);
    float *h = work->states + 2 * direction * shape->batch * pitch;
    uint8_t *rows = work->rows + direction * bytes_of_rows(shape->batch, &state->r);
    nn_lstm_step step = {.cell = nn_recurrent_cell_of(&samples),
                         .r = matrix_at(&state->r, packed + state->w.bytes),
                         .samples = shape->batch,
                         .pitch = pitch,
                         .inputs = inputs,
                         .h = h,
                         .c = h + shape->batch * pitch,
                         .y = y};
    const int64_t grain = grain_of(work, blocks, shape->batch, shape->hidden);
    const int64_t row_step = shape->directions * state->columns;
    const int64_t ahead = nn_recurrent_is_reverse(shape, direction) ? -row_step : row_step;
    const int64_t length = shape->batch == 1 ? nn_recurrent_length(work->call, shape, 0) : 0;
    nn_recurrent_load_states(&samples, NN_RNN_H, step.h);
    nn_recurrent_load_states(&samples, NN_RNN_C, step.c);
    for (int64_t i = 0; i < shape->steps; i++) {
        const step_blocks each = {&step, state->unit, i % 2 == 1};
        nn_recurrent_find_places(&samples, i, products, row_step, inputs, y);
        step.ahead = i + 1 < length ? ahead : 0;
        step.states =
            quantize_rows(work, &state->r, h, shape->batch, pitch, step.r.zeros != NULL, rows);
        nn_parallel(work->pool, blocks, grain, run_blocks, (void *)&each);
    }
    nn_recurrent_store_states(&samples, NN_RNN_LAST_H, step.h);
    nn_recurrent_store_states(&samples, NN_RNN_LAST_C, step.c);
    nn_recurrent_clear_rest(&samples);
}

static void run_directions(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    for (int64_t d = begin; d < end; d++) run_direction(argument, d);
}

static nn_status run(const nn_call *call) {
    const lstm_state *state = call->state;
    const nn_recurrent *s = &state->shape;
    const int64_t blocks = state->pitch / state->unit->lanes * s->directions;
    NN_TRY(nn_recurrent_check_lengths(call, s));
    run_work work = {
        .call = call, .state = state, .loops = nn_int8_loops_best(), .packed = state->packed};
    uint8_t *memory = call->workspace;
    if (work.packed == NULL) {
        const nn_tensor *in[7];
        for (int i = 0; i < 7; i++) in[i] = nn_call_in(call, packed_inputs[i]);
        memset(memory, 0, (size_t)state->packed_bytes);
        pack_all(state, in, memory);
        work.packed = memory;
        memory += state->packed_bytes;
    }
    work.rows = memory + state->row_bytes;
    work.products = (float *)(work.rows + state->state_row_bytes);
    work.states = (float *)((uint8_t *)work.products + state->product_bytes);
    work.pointers = (const float **)((uint8_t *)work.states + state->states_bytes);
    bool has_zeros = false;
    for (int64_t d = 0; d < s->directions; d++) {
        const nn_lstm_matrix w = matrix_at(&state->w, work.packed + d * state->direction_bytes);
        has_zeros = has_zeros || w.zeros != NULL;
    }
    work.x = quantize_rows(&work, &state->w, call->in[NN_RNN_X]->data, s->steps * s->batch,
                           s->inputs, has_zeros, memory);
    nn_parallel(call->pool, blocks, grain_of(&work, blocks, s->steps * s->batch, s->inputs),
                multiply_inputs, &work);
    if (s->directions == 1) {
        work.pool = call->pool;
        run_direction(&work, 0);
    } else {
        nn_parallel(call->pool, s->directions, 1, run_directions, &work);
    }
    return NN_OK;
}

#define LSTM_KERNEL(set, level)                                                                    \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        (void)target;                                                                              \
        return prepare(node, services, &nn_lstm_u8s8_##set);                                       \
    }                                                                                              \
    const nn_kernel nn_kernel_lstm_u8s8_##set = {.name = "lstm_u8s8_" #set,                        \
                                                 .isa = level,                                     \
                                                 .exactness = NN_ROUNDING,                         \
                                                 .prepare = prepare_##set,                         \
                                                 .run = run};

LSTM_KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
LSTM_KERNEL(avx2, NN_ISA_AVX2)
LSTM_KERNEL(vnni, NN_ISA_VNNI)
#endif
