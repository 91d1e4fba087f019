/* RNN, GRU and LSTM of floats. What the inputs give to the gates is one product for all steps and
 * directions; a step is recurrent_step_f32.h. Directions and samples do not wait for each other:
 * each thread takes some of them through all steps. */
#include "base/integers.h"
#include "ops/cpu/bf16/bf16_operands.h"
#include "ops/cpu/float32/recurrent/recurrent_fixed_f32.h"
#include "ops/cpu/float32/recurrent/recurrent_inputs_f32.h"
#include "ops/cpu/float32/recurrent/recurrent_samples_f32.h"
#include "ops/cpu/float32/recurrent/recurrent_step_f32.h"
#include "ops/cpu/float32/rows_f32.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

enum {
    WORTH_A_THREAD = 200 * 1000, /* multiply-accumulates of a step: about 5 microseconds */
    WIDE_INPUTS = 512, /* multiply-accumulates that take longer than a float from another core */
    PACKED_INPUTS = 1u << NN_RNN_W | 1u << NN_RNN_R | 1u << NN_RNN_B,
    MOST_PARTS = 2,
    /* Hidden states before and after a step, cells or reset states, update gates, scaled states. */
    STATES = 5,
};

/* Where there are none, what packs them is left out. */
#if defined(__x86_64__)
enum { HAS_BF16_TILES = 1 };
#else
enum { HAS_BF16_TILES = 0 };
#endif

/* Gates whose sums a step makes together: all of them, or first the update and the reset gate of a
 * GRU and then the one that needs the reset state. */
typedef struct gate_part {
    int first, gates;
    nn_recurrent_function run;
} gate_part;

typedef struct recurrent_state {
    nn_recurrent shape;
    bool whole_batch; /* not divided among threads: so many samples, such an order of sums */
    int threads;
    int64_t lanes;
    gate_part parts[MOST_PARTS];
    int part_count;
    int64_t pitch, columns; /* hidden units, and columns of all gates, in whole blocks */
    nn_recurrent_inputs inputs;
    bool shares_inputs; /* threads do */
    nn_recurrent_packing packing;
    int64_t k_floats; /* of packed R for each of its columns */
    /* Floats of what is packed, in this order: W, its bias, then for each direction R and the
     * state's bias of the last gate. */
    int64_t direction_floats, packed_floats;
    const float *packed; /* NULL: packed in each run */
    /* Floats of workspace: packed, products of the inputs, states; then pointers, then the plan's.
     */
    int64_t product_floats, states_floats;
    size_t pointer_bytes;
} recurrent_state;

/* A macro, so that no compiler leaves calls of what is not there. */
#define IS_BF16(state) (HAS_BF16_TILES && (state)->packing == NN_RECURRENT_BF16)

static int64_t aligned_floats(int64_t count) {
    return nn_round_up(count, NN_ALIGNMENT / (int64_t)sizeof(float));
}

static void choose_parts(recurrent_state *state, const nn_recurrent_steps_f32 *steps) {
    const nn_recurrent_attrs *attrs = state->shape.attrs;
    state->part_count = 1;
    if (attrs->gates == NN_GATES_RNN) {
        state->parts[0] = (gate_part){0, 1, steps->rnn};
    } else if (attrs->gates == NN_GATES_LSTM) {
        state->parts[0] = (gate_part){0, 4, steps->lstm};
    } else if (attrs->linear_before_reset) {
        state->parts[0] = (gate_part){0, 3, steps->gru};
    } else {
        state->parts[0] = (gate_part){0, 2, steps->gru_gates};
        state->parts[1] = (gate_part){2, 1, steps->gru_last};
        state->part_count = 2;
    }
}

/* Blocks that one thread takes of a step of `samples` samples: equal parts, or all of them where a
 * part is too little. */
static int64_t step_grain(const recurrent_state *state, const gate_part *part, int64_t samples) {
    const int64_t blocks = state->pitch / state->lanes;
    const int64_t each = nn_divide_up(blocks, state->threads);
    const int64_t macs = samples * state->shape.hidden * part->gates * state->lanes;
    return each * macs < WORTH_A_THREAD ? blocks : each;
}

/* Do threads have steps to share, or pieces of their own? What this thread alone reads, it had
 * better make itself. */
static bool shares_inputs(const recurrent_state *state) {
    const nn_recurrent *r = &state->shape;
    return r->directions * r->batch > 1 || r->inputs > WIDE_INPUTS ||
           step_grain(state, &state->parts[0], 1) < state->pitch / state->lanes;
}

/* Where what is packed of a direction begins. */
static int64_t direction_place(const recurrent_state *state, int64_t direction) {
    return state->inputs.w_floats + state->inputs.bias_floats + direction * state->direction_floats;
}

/* What is packed once; packed in each run, weights would take longer to round than they save. */
static bool has_constants(const nn_node_view *node) {
    return nn_view_constant(node, NN_RNN_W) != NULL && nn_view_constant(node, NN_RNN_R) != NULL &&
           (nn_view_in(node, NN_RNN_B) == NULL || nn_view_constant(node, NN_RNN_B) != NULL);
}

static void make_state(const nn_node_view *node, const nn_target *target, const nn_tiles_f32 *tiles,
                       const nn_recurrent_steps_f32 *steps, recurrent_state *out) {
    nn_recurrent r = out->shape = nn_recurrent_of(node);
    const int64_t samples = r.directions * r.batch;
    out->threads = target->threads;
    out->lanes = steps->lanes;
    choose_parts(out, steps);
    out->pitch = nn_round_up(r.hidden, out->lanes);
    out->columns = r.attrs->gates * out->pitch;
    out->shares_inputs = shares_inputs(out);
    const int threads = out->shares_inputs ? target->threads : 1;
    out->packing = steps->packing;
    const int64_t rows = r.steps * r.batch, columns = r.directions * out->columns;
    const nn_tensor *w = has_constants(node) ? nn_view_constant(node, NN_RNN_W) : NULL;
    out->inputs = (nn_recurrent_inputs){
        .way = IS_BF16(out)
                   ? NN_INPUTS_BF16
                   : nn_recurrent_inputs_choose(rows, r.inputs, columns, w, target, threads),
        .rows = rows,
        .k = r.inputs,
        .columns = columns,
    };
    nn_recurrent_inputs_plan(&out->inputs, tiles, target->isa, threads);
    out->k_floats = IS_BF16(out)                         ? nn_round_up(r.hidden, NN_BF16_STEP) / 2
                    : out->packing == NN_RECURRENT_FIXED ? nn_recurrent_fixed_dwords(r.hidden)
                                                         : r.hidden;
    out->direction_floats =
        aligned_floats(out->k_floats * out->columns) + aligned_floats(out->pitch);
    out->packed_floats = direction_place(out, r.directions);
    out->product_floats = aligned_floats(r.steps * samples * out->columns);
    out->states_floats = aligned_floats(STATES * samples * out->pitch);
    out->pointer_bytes = (size_t)nn_round_up(2 * samples * (int64_t)sizeof(float *), NN_ALIGNMENT);
}

/* ---- packing ---- */

/* Where a block's columns of one gate start in a packed matrix of `rows` rows. */
static int64_t packed_place(const recurrent_state *state, const gate_part *part, int gate,
                            int64_t unit, int64_t rows) {
    return (part->first * state->pitch + unit * part->gates) * rows +
           (gate - part->first) * state->lanes;
}

/* Rows r of `count` units of one gate as tiles. */
static void pack_bf16(const recurrent_state *state, const gate_part *part, int gate, int64_t unit,
                      int64_t count, const float *r, float *of_state) {
    const nn_recurrent *shape = &state->shape;
    uint16_t *to = (uint16_t *)(of_state + (part->first * state->pitch + unit * part->gates) *
                                               state->k_floats);
    const int64_t tile = NN_BF16_STEP * NN_BF16_COLUMNS;
    for (int64_t k = 0; k < shape->hidden; k += NN_BF16_STEP, to += part->gates * tile)
        nn_bf16_pack_columns(r + k, true, shape->hidden, shape->hidden - k, (int)count,
                             NN_BF16_STEP / 2, 1, to + (gate - part->first) * tile);
}

/* Rows r as fixed point. */
static void pack_fixed(const recurrent_state *state, const gate_part *part, int gate, int64_t unit,
                       int64_t count, const float *r, float *of_state) {
    float *block = of_state + (part->first * state->pitch + unit * part->gates) * state->k_floats;
    float *factors = block + part->gates * (state->k_floats - 1) * state->lanes;
    const int64_t place = gate - part->first;
    nn_recurrent_fixed_pack(r, state->shape.hidden, count,
                            (int32_t *)(void *)block + place * NN_FIXED_GROUP,
                            part->gates * NN_FIXED_GROUP, factors + place * state->lanes);
}

/* Units [unit, unit + count) of one gate. */
static void pack_units(const recurrent_state *state, const nn_rows_f32 *rows,
                       const nn_tensor *const *in, int64_t direction, int gate, int64_t unit,
                       int64_t count, float *packed) {
    const nn_recurrent *shape = &state->shape;
    const int64_t hidden = shape->hidden, gates = direction * shape->attrs->gates;
    const int64_t row = (gates + gate) * hidden + unit;
    const gate_part *part = &state->parts[gate < state->parts->gates ? 0 : 1];
    const int64_t column = direction * state->columns + packed_place(state, part, gate, unit, 1);
    const float *w = (const float *)in[0]->data + row * shape->inputs;
    const float *r = (const float *)in[1]->data + row * hidden;
    float *bias = packed + state->inputs.w_floats + column;
    float *of_state = packed + direction_place(state, direction);
    float *last_bias = of_state + aligned_floats(state->k_floats * state->columns) + unit;
    nn_recurrent_inputs_pack(&state->inputs, rows, column, count, w, packed);
    if (IS_BF16(state)) {
        pack_bf16(state, part, gate, unit, count, r, of_state);
    } else if (state->packing == NN_RECURRENT_FIXED) {
        pack_fixed(state, part, gate, unit, count, r, of_state);
    } else {
        float *to = of_state + packed_place(state, part, gate, unit, hidden);
        rows->transpose((const uint32_t *)r, hidden, (uint32_t *)to, part->gates * state->lanes,
                        hidden, count);
    }
    if (in[2] == NULL) return;
    /* The last gate of GRU may multiply the state's share before the rest is added. */
    const bool apart = shape->attrs->linear_before_reset && gate == 2;
    const float *of_inputs = (const float *)in[2]->data + row + gates * hidden;
    for (int64_t i = 0; i < count; i++) {
        float own = of_inputs[shape->columns + i];
        bias[i] = apart ? of_inputs[i] : of_inputs[i] + own;
        if (apart) last_bias[i] = own;
    }
}

/* W, R and B (or NULL) into memory that is zero. */
static void pack_all(const recurrent_state *state, const nn_rows_f32 *rows,
                     const nn_tensor *const *in, float *packed) {
    const nn_recurrent *shape = &state->shape;
    for (int64_t direction = 0; direction < shape->directions; direction++)
        for (int gate = 0; gate < shape->attrs->gates; gate++)
            for (int64_t unit = 0; unit < shape->hidden; unit += state->lanes) {
                int64_t left = shape->hidden - unit;
                pack_units(state, rows, in, direction, gate, unit,
                           left < state->lanes ? left : state->lanes, packed);
            }
    nn_recurrent_inputs_finish(&state->inputs, packed);
}

static nn_status pack_constants(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *const in[] = {nn_view_constant(node, NN_RNN_W),
                                   nn_view_constant(node, NN_RNN_R),
                                   nn_view_constant(node, NN_RNN_B)};
    pack_all(argument, nn_rows_f32_best(), in, out);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles, const nn_recurrent_steps_f32 *steps) {
    recurrent_state made = {0};
    make_state(node, target, tiles, steps, &made);
    const size_t lists = nn_recurrent_inputs_list_bytes(&made.inputs);
    recurrent_state *state = nn_prepare_state(services, sizeof *state + lists);
    if (state == NULL) return nn_fail_memory(sizeof *state + lists);
    *state = made;
    nn_recurrent_inputs_fill(&state->inputs, state + 1);
    state->whole_batch = target->deterministic;
    int64_t floats = state->product_floats + state->states_floats;
    if (has_constants(node)) {
        char w[192], variant[256];
        const void *packed;
        nn_recurrent_inputs_variant(&state->inputs, w, sizeof w);
        snprintf(variant, sizeof variant, "recurrent %d gates, %d parts, %lld lanes, %s%s",
                 state->shape.attrs->gates, state->part_count, (long long)state->lanes,
                 state->packing == NN_RECURRENT_FIXED ? "fixed, " : "", w);
        NN_TRY(nn_prepare_pack(services, PACKED_INPUTS, variant,
                               (size_t)state->packed_floats * sizeof(float), pack_constants, state,
                               &packed));
        state->packed = packed;
    } else {
        floats += state->packed_floats;
    }
    const size_t workspace = nn_recurrent_inputs_workspace(&state->inputs, target->threads);
    nn_prepare_workspace(services,
                         (size_t)floats * sizeof(float) + state->pointer_bytes + workspace);
    return NN_OK;
}

/* ---- steps ---- */

typedef struct run_work {
    const nn_call *call;
    const recurrent_state *state;
    const float *packed;
    float *products, *states;
    const float **pointers;
    int64_t chunk, chunks; /* samples of a piece of work, pieces of a direction */
    nn_pool *pool;         /* for the blocks of a step; NULL: this thread alone */
} run_work;

/* Some samples of one direction. */
typedef struct piece {
    const run_work *work;
    nn_recurrent_samples samples;
    const float *packed; /* of the direction */
    const float **inputs;
    float **y;
    nn_recurrent_step step;
    float *h, *next; /* change places after each step */
    float *scaled;   /* states for matrices in fixed point */
} piece;

typedef struct step_blocks {
    const nn_recurrent_step *step;
    nn_recurrent_function run;
    bool falling;
} step_blocks;

static void run_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const step_blocks *blocks = argument;
    blocks->run(blocks->step, begin, end, blocks->falling);
}

/* States for matrices in fixed point; there are none behind the last unit. */
static const float *scale_states(const piece *p, const float *x) {
    const int64_t hidden = p->samples.shape->hidden, pitch = p->samples.pitch;
    for (int64_t sample = 0; sample < p->samples.count; sample++) {
        nn_fixed_scale_row(x + sample * pitch, hidden, NN_FIXED_STATE_SCALE,
                           p->scaled + sample * pitch);
    }
    return p->scaled;
}

static void run_step(piece *p, int64_t i) {
    const recurrent_state *state = p->work->state;
    const int64_t blocks = state->pitch / state->lanes;
    nn_recurrent_find_places(&p->samples, i,
                             p->work->products + p->samples.direction * state->columns,
                             state->shape.directions * state->columns, p->inputs, p->y);
    p->step.h = p->h;
    p->step.next = p->next;
    for (int k = 0; k < state->part_count; k++) {
        const gate_part *part = &state->parts[k];
        const step_blocks work = {&p->step, part->run, i % 2 == 1};
        p->step.w = p->packed + part->first * state->pitch * state->k_floats;
        p->step.x = k == 0 ? p->h : p->step.c;
        if (state->packing == NN_RECURRENT_FIXED) p->step.x = scale_states(p, p->step.x);
        for (int64_t sample = 0; k > 0 && sample < p->samples.count; sample++)
            if (p->inputs[sample] != NULL) p->inputs[sample] += part->first * state->pitch;
        nn_parallel(p->work->pool, blocks, step_grain(state, part, p->samples.count), run_blocks,
                    (void *)&work);
    }
    float *before = p->h;
    p->h = p->next;
    p->next = before;
}

/* Piece `index`, with its places in the workspace. */
static piece piece_at(const run_work *work, int64_t index) {
    const recurrent_state *state = work->state;
    const nn_recurrent *shape = &state->shape;
    const int64_t pitch = state->pitch, all = shape->directions * shape->batch;
    nn_recurrent_samples samples = {.call = work->call,
                                    .shape = shape,
                                    .direction = index / work->chunks,
                                    .first = index % work->chunks * work->chunk,
                                    .count = work->chunk,
                                    .pitch = pitch};
    if (samples.count > shape->batch - samples.first) samples.count = shape->batch - samples.first;
    const int64_t sample = samples.direction * shape->batch + samples.first;
    piece p = {.work = work, .samples = samples};
    p.packed = work->packed + direction_place(state, samples.direction);
    p.inputs = work->pointers + sample;
    p.y = (float **)(work->pointers + all + sample);
    p.h = work->states + STATES * sample * pitch;
    p.next = p.h + samples.count * pitch;
    p.step = (nn_recurrent_step){
        .cell = nn_recurrent_cell_of(&samples),
        .pitch = pitch,
        .samples = samples.count,
        .inputs = p.inputs,
        .y = p.y,
        .c = p.next + samples.count * pitch,
        .z = p.next + 2 * samples.count * pitch,
        .last_bias = p.packed + aligned_floats(state->k_floats * state->columns),
    };
    p.scaled = p.next + 3 * samples.count * pitch;
    return p;
}

static void run_pieces(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const run_work *work = argument;
    for (int64_t index = begin; index < end; index++) {
        piece p = piece_at(work, index);
        nn_recurrent_load_states(&p.samples, NN_RNN_H, p.h);
        nn_recurrent_load_states(&p.samples, NN_RNN_C, p.step.c);
        for (int64_t i = 0; i < work->state->shape.steps; i++) run_step(&p, i);
        nn_recurrent_store_states(&p.samples, NN_RNN_LAST_H, p.h);
        nn_recurrent_store_states(&p.samples, NN_RNN_LAST_C, p.step.c);
        nn_recurrent_clear_rest(&p.samples);
    }
}

static nn_status run(const nn_call *call, const nn_rows_f32 *rows) {
    const recurrent_state *state = call->state;
    const nn_recurrent *shape = &state->shape;
    NN_TRY(nn_recurrent_check_lengths(call, shape));
    float *memory = call->workspace;
    run_work work = {.call = call, .state = state, .packed = state->packed};
    if (work.packed == NULL) {
        const nn_tensor *const in[] = {call->in[NN_RNN_W], call->in[NN_RNN_R],
                                       nn_call_in(call, NN_RNN_B)};
        memset(memory, 0, (size_t)state->packed_floats * sizeof *memory);
        pack_all(state, rows, in, memory);
        work.packed = memory;
        memory += state->packed_floats;
    }
    work.products = memory;
    work.states = memory + state->product_floats;
    work.pointers = (const float **)(work.states + state->states_floats);
    nn_recurrent_inputs_run(&state->inputs, work.packed, work.packed + state->inputs.w_floats,
                            call->in[NN_RNN_X]->data, work.products,
                            state->shares_inputs ? call->pool : NULL,
                            (char *)work.pointers + state->pointer_bytes);
    int64_t threads = nn_pool_threads(call->pool);
    int64_t pieces = state->whole_batch ? 1 : nn_divide_up(threads, shape->directions);
    work.chunk = nn_divide_up(shape->batch, pieces);
    work.chunks = nn_divide_up(shape->batch, work.chunk);
    pieces = work.chunks * shape->directions;
    if (pieces < threads) {
        work.pool = call->pool;
        run_pieces(&work, 0, pieces, 0);
    } else {
        nn_parallel(call->pool, pieces, 1, run_pieces, &work);
    }
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    for (int i = 0; i < node->in_count; i++) {
        if (i == NN_RNN_LENGTHS || node->in[i] == NULL) continue;
        if (node->in[i]->type != NNOPT_FLOAT || nn_fact_count(node->in[i]) <= 0) return false;
    }
    return nn_epilogue_is_empty(&node->epilogue);
}

#define RECURRENT_KERNEL(set, level)                                                               \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        return prepare(node, target, services, &nn_tiles_f32_##set,                                \
                       &nn_recurrent_steps_f32_##set);                                             \
    }                                                                                              \
    static nn_status run_##set(const nn_call *call) {                                              \
        return run(call, &nn_rows_f32_##set);                                                      \
    }                                                                                              \
    const nn_kernel nn_kernel_recurrent_f32_##set = {                                              \
        .name = "recurrent_f32_" #set,                                                             \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run_##set,                                                                          \
    };

RECURRENT_KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
RECURRENT_KERNEL(avx2, NN_ISA_AVX2)
RECURRENT_KERNEL(avx512, NN_ISA_AVX512)

/* Where a step reads weights from L2 or beyond for one sample of each direction, and computes in
 * halves of vectors, whose products leave time for conversions. */
static bool is_worth_fixed(const nn_recurrent *r, const nn_target *target) {
    const int64_t bytes = r->columns * r->hidden * (int64_t)sizeof(float);
    return nn_cpu_get()->halves_512 && bytes > 4 * nn_cpu_get()->l1d_bytes &&
           r->batch <= nn_divide_up(target->threads, r->directions);
}

static bool accepts_fixed(const nn_node_view *node, const nn_target *target) {
    if (!accepts(node, target) || !has_constants(node) || target->deterministic ||
        !nn_cpu_get()->has_vbmi2)
        return false;
    const nn_recurrent r = nn_recurrent_of(node);
    return target->explores || is_worth_fixed(&r, target);
}

/* Weights are known here, which decide whether it is as exact as floats; else it is floats. */
static nn_status prepare_fixed(const nn_node_view *node, const nn_target *target,
                               nn_prepare *services) {
    const nn_recurrent r = nn_recurrent_of(node);
    const float *weights = nn_view_constant(node, NN_RNN_R)->data;
    const bool suits = nn_recurrent_fixed_suits(weights, r.directions * r.columns, r.hidden);
    nn_prepare_describe(services, suits ? "24 bits" : "floats, for weights differ too much");
    return prepare(node, target, services, &nn_tiles_f32_avx512,
                   suits ? &nn_recurrent_steps_fixed_f32_vbmi2 : &nn_recurrent_steps_f32_avx512);
}

const nn_kernel nn_kernel_recurrent_fixed_f32_vbmi2 = {
    .name = "recurrent_fixed_f32_vbmi2",
    .isa = NN_ISA_AVX512,
    .exactness = NN_ROUNDING,
    .accepts = accepts_fixed,
    .prepare = prepare_fixed,
    .run = run_avx512,
};

static bool accepts_bf16(const nn_node_view *node, const nn_target *target) {
    if (!accepts(node, target) || !has_constants(node)) return false;
    const nn_recurrent r = nn_recurrent_of(node);
    const int64_t products = r.steps * r.batch * r.directions * r.columns;
    return r.hidden >= NN_BF16_COLUMNS && r.hidden <= NN_RECURRENT_BF16_HIDDEN &&
           products <= INT32_MAX / 2;
}

static nn_status prepare_bf16(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services) {
    return prepare(node, target, services, NULL,
                   target->isa >= NN_ISA_AMX ? &nn_recurrent_steps_bf16_amx
                                             : &nn_recurrent_steps_bf16_avx512bf16);
}

NN_BF16_KERNELS(recurrent, accepts_bf16, prepare_bf16, run_avx512, .layout = NN_LAYOUT_STANDARD);
#endif
