/* RNN, GRU and LSTM of floats. What the inputs give to the gates is one product for all steps and
 * directions; a step multiplies the state by its packed matrix and finishes the gates row by row.
 * Directions and samples do not wait for each other: each thread takes some of them through all
 * steps. */
#include "ops/cpu/direct_f32.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/panels_f32.h"
#include "ops/family/infer.h"
#include "ops/family/recurrent.h"

#include <stdio.h>

enum {
    WORTH_A_THREAD = 300 * 1000, /* multiply-accumulates: about 10 microseconds */
    PACKED_INPUTS = 1u << NN_RNN_W | 1u << NN_RNN_R | 1u << NN_RNN_B,
};

typedef struct recurrent_state {
    nn_recurrent shape;
    nn_direct_plan inputs; /* X by W of all directions */
    /* State by R: the columns of all gates, or, where the last gate multiplies another matrix, of
     * the others and of the last. */
    nn_panels gates, last;
    bool splits;
    /* Floats of what is packed, in this order: W, its bias, then for each direction gates, last,
     * and the state's bias of the last gate. */
    int64_t w_floats, bias_floats, gates_floats, last_floats, direction_floats, packed_floats;
    const float *packed; /* NULL: packed in each run */
    /* Floats of workspace: packed, products of the inputs, states; then the plan's. */
    int64_t product_floats, sample_floats;
} recurrent_state;

static int64_t padded(int64_t floats) {
    return (floats + 15) / 16 * 16;
}

static void make_state(const nn_node_view *node, const nn_target *target, const nn_tiles_f32 *tiles,
                       recurrent_state *out) {
    const nn_epilogue none = {0};
    nn_recurrent r = out->shape = nn_recurrent_of(node);
    int64_t rows = (r.batch * r.directions + target->threads - 1) / target->threads;
    if (rows > r.batch) rows = r.batch;
    nn_direct_problem product =
        nn_direct_product(r.steps * r.batch, r.directions * r.columns, r.inputs);
    nn_direct_plan_make(&product, tiles, target->threads, &none, &out->inputs);
    out->splits = r.attrs->gates == NN_GATES_GRU && !r.attrs->linear_before_reset;
    out->gates = nn_panels_make(tiles, rows, r.hidden, out->splits ? 2 * r.hidden : r.columns);
    out->last = nn_panels_make(tiles, rows, r.hidden, out->splits ? r.hidden : 0);
    out->w_floats = (int64_t)(nn_direct_packed_bytes(&out->inputs) / sizeof(float));
    out->bias_floats = (int64_t)(nn_direct_bias_bytes(&out->inputs) / sizeof(float));
    out->gates_floats = padded(nn_panels_floats(&out->gates));
    out->last_floats = padded(nn_panels_floats(&out->last));
    out->direction_floats = out->gates_floats + out->last_floats + padded(r.hidden);
    /* The biases are summed at the end before they are packed. */
    out->packed_floats = out->w_floats + out->bias_floats +
                         r.directions * (out->direction_floats + padded(r.columns));
    out->product_floats = padded(r.steps * r.batch * r.directions * r.columns);
    /* Hidden state, cell or reset state, gates. */
    out->sample_floats = padded(3 * r.hidden + r.columns);
}

/* ---- packing ---- */

static void pack_direction(const recurrent_state *state, const nn_rows_f32 *rows, int64_t direction,
                           const float *r, const float *b, float *packed, float *bias) {
    const nn_recurrent *shape = &state->shape;
    const int64_t hidden = shape->hidden, columns = shape->columns;
    const nn_recurrent_attrs *attrs = shape->attrs;
    float *last_bias = packed + state->gates_floats + state->last_floats;
    r += direction * columns * hidden;
    nn_panels_pack(&state->gates, rows, r, 1, hidden, 0, state->gates.columns, packed);
    nn_panels_pack(&state->last, rows, r + state->gates.columns * hidden, 1, hidden, 0,
                   state->last.columns, packed + state->gates_floats);
    for (int64_t i = 0; i < columns; i++) {
        const float *own = b != NULL ? b + 2 * direction * columns : NULL;
        /* The last gate of GRU may multiply the state's share before the rest is added. */
        bool apart = attrs->linear_before_reset && i >= 2 * hidden;
        if (apart) last_bias[i - 2 * hidden] = own != NULL ? own[columns + i] : 0;
        bias[i] = own == NULL ? 0 : apart ? own[i] : own[i] + own[columns + i];
    }
}

static void pack_all(const recurrent_state *state, const nn_rows_f32 *rows, const nn_tensor *w,
                     const nn_tensor *r, const nn_tensor *b, float *out) {
    const nn_recurrent *shape = &state->shape;
    const nn_direct_source source = {.column_step = shape->inputs, .k_step = 1, .scale = 1};
    float *packed_bias = out + state->w_floats, *directions = packed_bias + state->bias_floats;
    float *sums = directions + shape->directions * state->direction_floats;
    nn_direct_pack(&state->inputs, &source, w->data, out);
    for (int64_t i = 0; i < shape->directions; i++)
        pack_direction(state, rows, i, r->data, b != NULL ? b->data : NULL,
                       directions + i * state->direction_floats, sums + i * shape->columns);
    nn_direct_pack_bias(&state->inputs, sums, 1, 1, packed_bias);
}

static nn_status pack_constants(const nn_node_view *node, const void *argument, void *out) {
    pack_all(argument, nn_rows_f32_best(), nn_view_constant(node, NN_RNN_W),
             nn_view_constant(node, NN_RNN_R), nn_view_constant(node, NN_RNN_B), out);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    recurrent_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    make_state(node, target, tiles, state);
    int64_t floats =
        state->product_floats + state->shape.directions * state->shape.batch * state->sample_floats;
    if (nn_view_constant(node, NN_RNN_W) != NULL && nn_view_constant(node, NN_RNN_R) != NULL &&
        (nn_view_in(node, NN_RNN_B) == NULL || nn_view_constant(node, NN_RNN_B) != NULL)) {
        const nn_direct_source source = {
            .column_step = state->shape.inputs, .k_step = 1, .scale = 1};
        char w[96], variant[160];
        const void *packed;
        nn_direct_variant(&state->inputs, &source, w, sizeof w);
        snprintf(variant, sizeof variant, "recurrent %d%d, %d, %s", state->shape.attrs->gates,
                 state->splits, state->gates.shape->columns, w);
        NN_TRY(nn_prepare_pack(services, PACKED_INPUTS, variant,
                               (size_t)state->packed_floats * sizeof(float), pack_constants, state,
                               &packed));
        state->packed = packed;
    } else {
        floats += state->packed_floats;
    }
    nn_prepare_workspace(services, (size_t)floats * sizeof(float) +
                                       nn_direct_workspace(&state->inputs, target->threads));
    return NN_OK;
}

/* ---- functions of gates ---- */

static void apply(const nn_rows_f32 *rows, const nn_gate_function *f, float clip, float *x,
                  int64_t count) {
    const nn_alpha_beta both = {f->alpha, f->beta};
    const float bounds[2] = {-clip, clip};
    if (clip > 0) rows->clip(bounds, x, x, count);
    switch (f->kind) {
    case NN_GATE_RELU:
        rows->relu(NULL, x, x, count);
        break;
    case NN_GATE_TANH:
        rows->tanh(NULL, x, x, count);
        break;
    case NN_GATE_SIGMOID:
        rows->sigmoid(NULL, x, x, count);
        break;
    case NN_GATE_AFFINE:
        rows->scale(x, f->alpha, f->beta, x, count);
        break;
    case NN_GATE_LEAKY_RELU:
        rows->leaky_relu(&both, x, x, count);
        break;
    case NN_GATE_THRESHOLDED_RELU:
        for (int64_t i = 0; i < count; i++) x[i] = x[i] >= f->alpha ? x[i] : 0;
        break;
    case NN_GATE_SCALED_TANH:
        rows->scale(x, f->beta, 0, x, count);
        rows->tanh(NULL, x, x, count);
        rows->scale(x, f->alpha, 0, x, count);
        break;
    case NN_GATE_HARD_SIGMOID:
        rows->hard_sigmoid(&both, x, x, count);
        break;
    case NN_GATE_ELU:
        rows->elu(&both, x, x, count);
        break;
    case NN_GATE_SOFTSIGN:
        rows->softsign(NULL, x, x, count);
        break;
    default:
        rows->softplus(NULL, x, x, count);
        break;
    }
}

/* ---- steps ---- */

typedef struct run_work {
    const nn_call *call;
    const recurrent_state *state;
    const nn_rows_f32 *rows;
    const float *packed;
    float *products, *samples;
    int64_t chunk, chunks; /* samples of a piece of work, pieces of a direction */
    nn_pool *pool;         /* for the products of a step; NULL: this thread alone */
} run_work;

/* Some samples of one direction. */
typedef struct piece {
    const run_work *work;
    int64_t direction, first, count;
    const float *packed, *last, *last_bias;
    float *h, *c, *gates; /* count x hidden, count x hidden, count x columns */
    const float *peepholes;
    const nn_gate_function *f;
    float clip;
} piece;

typedef struct step_product {
    const nn_panels *panels;
    nn_panels_product product;
} step_product;

static void multiply_panels(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const step_product *step = argument;
    nn_panels_product product = step->product;
    product.first = begin;
    product.last = end;
    nn_panels_multiply(step->panels, &product);
}

static void multiply(const piece *p, const nn_panels *panels, const float *packed, const float *x,
                     float *y) {
    int64_t hidden = p->work->state->shape.hidden;
    step_product step = {panels,
                         {.packed = packed,
                          .x = x,
                          .y = y,
                          .rows = p->count,
                          .x_step = hidden,
                          .y_step = p->work->state->shape.columns,
                          .k_end = hidden}};
    int64_t each = p->count * hidden * panels->shape->columns;
    nn_parallel(p->work->pool, panels->count, WORTH_A_THREAD / each + 1, multiply_panels, &step);
}

/* Of gates s (what the state gives) and g (what the inputs give). */
static void finish_rnn(const piece *p, const float *g, float *s, float *h) {
    const nn_rows_f32 *rows = p->work->rows;
    int64_t hidden = p->work->state->shape.hidden;
    rows->blend(g, 1, s, 1, h, hidden);
    apply(rows, &p->f[0], p->clip, h, hidden);
}

void nn_lstm_step(const nn_lstm_cell *cell, const float *g, float *s, float *h, float *c) {
    const nn_rows_f32 *rows = cell->rows;
    const int64_t hidden = cell->hidden;
    const bool coupled = cell->coupled;
    float *in = s, *out = s + hidden, *forget = out + hidden, *input = forget + hidden;
    const float *peep = cell->peepholes;
    rows->blend(g, 1, s, 1, s, 4 * hidden);
    if (peep == NULL && !coupled) {
        apply(rows, &cell->functions[0], cell->clip, s, 3 * hidden);
    } else {
        for (int64_t i = 0; peep != NULL && i < hidden; i++) {
            in[i] += peep[i] * c[i];
            forget[i] += peep[2 * hidden + i] * c[i];
        }
        apply(rows, &cell->functions[0], cell->clip, in, hidden);
        if (coupled)
            rows->scale(in, -1, 1, forget, hidden);
        else
            apply(rows, &cell->functions[0], cell->clip, forget, hidden);
    }
    apply(rows, &cell->functions[1], cell->clip, input, hidden);
    for (int64_t i = 0; i < hidden; i++) c[i] = forget[i] * c[i] + in[i] * input[i];
    if (peep != NULL || coupled) {
        for (int64_t i = 0; peep != NULL && i < hidden; i++) out[i] += peep[hidden + i] * c[i];
        apply(rows, &cell->functions[0], cell->clip, out, hidden);
    }
    memcpy(h, c, (size_t)hidden * sizeof *h);
    apply(rows, &cell->functions[2], 0, h, hidden);
    for (int64_t i = 0; i < hidden; i++) h[i] *= out[i];
}

static void finish_lstm(const piece *p, const float *g, float *s, float *h, float *c) {
    const nn_recurrent *shape = &p->work->state->shape;
    const nn_lstm_cell cell = {.rows = p->work->rows,
                               .functions = p->f,
                               .peepholes = p->peepholes,
                               .clip = p->clip,
                               .coupled = shape->attrs->input_forget,
                               .hidden = shape->hidden};
    nn_lstm_step(&cell, g, s, h, c);
}

/* The update and reset gates; the reset state goes to c where the last gate multiplies it. */
static void start_gru(const piece *p, const float *g, float *s, const float *h, float *c) {
    const nn_rows_f32 *rows = p->work->rows;
    const int64_t hidden = p->work->state->shape.hidden;
    rows->blend(g, 1, s, 1, s, 2 * hidden);
    apply(rows, &p->f[0], p->clip, s, 2 * hidden);
    for (int64_t i = 0; p->work->state->splits && i < hidden; i++) c[i] = s[hidden + i] * h[i];
}

static void finish_gru(const piece *p, const float *g, float *s, float *h) {
    const int64_t hidden = p->work->state->shape.hidden;
    const float *z = s, *r = s + hidden;
    float *n = s + 2 * hidden;
    g += 2 * hidden;
    if (p->work->state->splits)
        p->work->rows->blend(g, 1, n, 1, n, hidden);
    else
        for (int64_t i = 0; i < hidden; i++) n[i] = g[i] + r[i] * (n[i] + p->last_bias[i]);
    apply(p->work->rows, &p->f[1], p->clip, n, hidden);
    for (int64_t i = 0; i < hidden; i++) h[i] = (1 - z[i]) * n[i] + z[i] * h[i];
}

/* The products of the inputs for sample `sample` of the piece at step `i`, and its place in time;
 * NULL when the sequence has ended. */
static const float *inputs_of(const piece *p, int64_t sample, int64_t i, int64_t *t) {
    const nn_recurrent *shape = &p->work->state->shape;
    int64_t b = p->first + sample, length = nn_recurrent_length(p->work->call, shape, b);
    if (i >= length) return NULL;
    *t = nn_recurrent_is_reverse(shape, p->direction) ? length - 1 - i : i;
    int64_t row = shape->attrs->batch_first ? b * shape->steps + *t : *t * shape->batch + b;
    return p->work->products + (row * shape->directions + p->direction) * shape->columns;
}

static void run_step(const piece *p, int64_t i) {
    const recurrent_state *state = p->work->state;
    const nn_recurrent *shape = &state->shape;
    const int64_t hidden = shape->hidden, columns = shape->columns;
    const nn_tensor *out = nn_call_out(p->work->call, NN_RNN_Y);
    int64_t t;
    multiply(p, &state->gates, p->packed, p->h, p->gates);
    if (shape->attrs->gates == NN_GATES_GRU) {
        for (int64_t b = 0; b < p->count; b++) {
            const float *g = inputs_of(p, b, i, &t);
            if (g != NULL)
                start_gru(p, g, p->gates + b * columns, p->h + b * hidden, p->c + b * hidden);
        }
        if (state->splits) multiply(p, &state->last, p->last, p->c, p->gates + 2 * hidden);
    }
    for (int64_t b = 0; b < p->count; b++) {
        const float *g = inputs_of(p, b, i, &t);
        float *h = p->h + b * hidden, *s = p->gates + b * columns;
        if (g == NULL) continue;
        if (shape->attrs->gates == NN_GATES_RNN)
            finish_rnn(p, g, s, h);
        else if (shape->attrs->gates == NN_GATES_GRU)
            finish_gru(p, g, s, h);
        else
            finish_lstm(p, g, s, h, p->c + b * hidden);
        if (out == NULL) continue;
        float *y = (float *)out->data + t * shape->y_step + p->direction * shape->y_direction +
                   (p->first + b) * shape->y_sample;
        memcpy(y, h, (size_t)hidden * sizeof *y);
    }
}

static void load_states(const piece *p, int input, float *states) {
    const nn_recurrent *shape = &p->work->state->shape;
    const nn_tensor *in = nn_call_in(p->work->call, input);
    memset(states, 0, (size_t)(p->count * shape->hidden) * sizeof *states);
    for (int64_t b = 0; in != NULL && b < p->count; b++)
        memcpy(states + b * shape->hidden,
               (const float *)in->data + p->direction * shape->state_direction +
                   (p->first + b) * shape->state_sample,
               (size_t)shape->hidden * sizeof *states);
}

static void store_states(const piece *p, int output, const float *states) {
    const nn_recurrent *shape = &p->work->state->shape;
    nn_tensor *out = nn_call_out(p->work->call, output);
    for (int64_t b = 0; out != NULL && b < p->count; b++)
        memcpy((float *)out->data + p->direction * shape->state_direction +
                   (p->first + b) * shape->state_sample,
               states + b * shape->hidden, (size_t)shape->hidden * sizeof *states);
}

/* Zeros behind the ends of the sequences. */
static void clear_rest(const piece *p) {
    const nn_recurrent *shape = &p->work->state->shape;
    const nn_tensor *out = nn_call_out(p->work->call, NN_RNN_Y);
    for (int64_t b = p->first; out != NULL && b < p->first + p->count; b++)
        for (int64_t t = nn_recurrent_length(p->work->call, shape, b); t < shape->steps; t++)
            memset((float *)out->data + t * shape->y_step + p->direction * shape->y_direction +
                       b * shape->y_sample,
                   0, (size_t)shape->hidden * sizeof(float));
}

static void run_piece(const run_work *work, int64_t index) {
    const recurrent_state *state = work->state;
    const nn_recurrent *shape = &state->shape;
    const nn_tensor *peepholes = nn_call_in(work->call, NN_RNN_P);
    piece p = {.work = work,
               .direction = index / work->chunks,
               .first = index % work->chunks * work->chunk,
               .count = work->chunk,
               .clip = shape->attrs->clip};
    if (p.count > shape->batch - p.first) p.count = shape->batch - p.first;
    p.f = shape->attrs->functions[p.direction];
    p.packed =
        work->packed + state->w_floats + state->bias_floats + p.direction * state->direction_floats;
    p.last = p.packed + state->gates_floats;
    p.last_bias = p.last + state->last_floats;
    if (peepholes != NULL)
        p.peepholes = (const float *)peepholes->data + 3 * shape->hidden * p.direction;
    p.h = work->samples + (p.direction * shape->batch + p.first) * state->sample_floats;
    p.c = p.h + p.count * shape->hidden;
    p.gates = p.c + p.count * shape->hidden;
    load_states(&p, NN_RNN_H, p.h);
    load_states(&p, NN_RNN_C, p.c);
    for (int64_t i = 0; i < shape->steps; i++) run_step(&p, i);
    store_states(&p, NN_RNN_LAST_H, p.h);
    store_states(&p, NN_RNN_LAST_C, p.c);
    clear_rest(&p);
}

static void run_pieces(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    for (int64_t i = begin; i < end; i++) run_piece(argument, i);
}

static nn_status run(const nn_call *call, const nn_rows_f32 *rows) {
    const recurrent_state *state = call->state;
    const nn_recurrent *shape = &state->shape;
    NN_TRY(nn_recurrent_check_lengths(call, shape));
    float *memory = call->workspace;
    run_work work = {.call = call, .state = state, .rows = rows, .packed = state->packed};
    if (work.packed == NULL) {
        pack_all(state, rows, call->in[NN_RNN_W], call->in[NN_RNN_R], nn_call_in(call, NN_RNN_B),
                 memory);
        work.packed = memory;
        memory += state->packed_floats;
    }
    work.products = memory;
    work.samples = memory + state->product_floats;
    memory = work.samples + shape->directions * shape->batch * state->sample_floats;
    nn_direct_run(&state->inputs, work.packed, work.packed + state->w_floats,
                  call->in[NN_RNN_X]->data, NULL, work.products, call->pool, memory);
    int64_t threads = nn_pool_threads(call->pool);
    int64_t pieces = (threads + shape->directions - 1) / shape->directions;
    work.chunk = (shape->batch + pieces - 1) / pieces;
    work.chunks = (shape->batch + work.chunk - 1) / work.chunk;
    pieces = work.chunks * shape->directions;
    if (pieces < threads) {
        work.pool = call->pool;
        for (int64_t i = 0; i < pieces; i++) run_piece(&work, i);
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
        return prepare(node, target, services, &nn_tiles_f32_##set);                               \
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
#endif
