/* Matrix products of bytes by constant bytes, in the tiles of conv_u8s8_avx2.c, by the algorithm of
 * strassen_u8s8.h, whose smaller products share multiplications (conv_u8s8.h). Dividing quarters
 * again gained 2 % (BERT-base, 128 tokens, AVX2) and takes 1.75 times the memory.
 *
 * Rows are taken in bands. The rows of a band, less their zero point, are made into forms, which
 * all panels of weights read; a panel, as many columns of both halves as a tile has, is multiplied
 * form by form, and the sums of all forms are combined while they are in L2. Weights are packed as
 * [panel][form][k / 2][column][2]. Behind the last row, k and column all is zero. */
#include "ops/cpu/int8/strassen_u8s8.h"

#include "base/integers.h"
#include "ops/cpu/int8/int8_operators.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

#if defined(__x86_64__)

enum {
    WIDTH = NN_STRASSEN_WIDTH, /* columns of a panel: two vectors */
    FORMS = NN_STRASSEN_FORMS,
    QUARTERS = 4,
    BAND_ROWS = 256,
    LEAST_ROWS = 48,   /* tiles for a panel of weights, which come from memory */
    LEAST_DEPTH = 192, /* forms, sums and results cost as much as some 20 of k */
    LEAST_WIDTH = 128,
    LINE = 64,
};

typedef struct strassen_state {
    nn_u8s8_shape shape;
    nn_int8_setting setting;
    nn_int8_parameters parameters;
    int64_t rows, k, columns;
    int64_t half_rows;            /* of a band */
    int64_t half_k, half_columns; /* in whole pairs, in whole panels */
    int64_t panels, form_weights; /* form_weights: of a panel */
    const int16_t *weights;
    const int32_t *starts; /* [panel][form][column]: less the weights' products with each other */
    int64_t row_bytes, form_bytes; /* of the forms of rows */
    int64_t own_bytes;             /* of the products of all these rows with themselves */
    int64_t worker_bytes;
} strassen_state;

/* ---- plan ----------------------------------------------------------------------------------- */

static int64_t row_count(const nn_u8s8_shape *shape) {
    return shape->height.out;
}

static bool is_worth_it(const nn_u8s8_shape *shape) {
    return row_count(shape) >= LEAST_ROWS && shape->in_channels >= LEAST_DEPTH &&
           shape->out_channels >= LEAST_WIDTH;
}

static strassen_state state_of(const nn_u8s8_shape *shape, const nn_int8_inputs *inputs) {
    strassen_state out = {.shape = *shape,
                          .setting = {.inputs = *inputs, .scale = shape->scale},
                          .rows = row_count(shape),
                          .k = shape->in_channels,
                          .columns = shape->out_channels};
    const int64_t bands = nn_divide_up(out.rows, BAND_ROWS);
    out.half_rows = nn_divide_up(nn_divide_up(out.rows, bands), 2);
    out.half_k = nn_round_up(nn_divide_up(out.k, 2), 2);
    out.half_columns = nn_round_up(nn_divide_up(out.columns, 2), WIDTH);
    out.panels = out.half_columns / WIDTH;
    out.form_weights = out.half_k * WIDTH;
    out.row_bytes = out.half_k * (int64_t)sizeof(int16_t);
    out.form_bytes = nn_round_up(out.half_rows * out.row_bytes, NN_ALIGNMENT);
    out.own_bytes = nn_aligned(FORMS * out.half_rows * (int64_t)sizeof(int32_t));
    /* Either two rows on their way to forms, or sums. */
    const int64_t sums = FORMS * out.half_rows * WIDTH * (int64_t)sizeof(int32_t);
    out.worker_bytes = nn_round_up(nn_max(4 * out.row_bytes, sums), NN_ALIGNMENT);
    return out;
}

static bool accepts(const nn_node_view *node, const nn_target *target, nn_int8_describe *describe) {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    return describe(node, &inputs, &shape) && nn_int8_accepts(node, &inputs) &&
           (target->explores || is_worth_it(&shape));
}

/* ---- packing -------------------------------------------------------------------------------- */

typedef int16_t panel_row[WIDTH];

static void split_weights(const panel_row quarters[QUARTERS], panel_row forms[FORMS]) {
    for (int c = 0; c < WIDTH; c++) {
        const int b0 = quarters[0][c], b1 = quarters[1][c];
        const int b2 = quarters[2][c], b3 = quarters[3][c];
        forms[0][c] = (int16_t)b0;
        forms[1][c] = (int16_t)b2;
        forms[2][c] = (int16_t)b3;
        forms[3][c] = (int16_t)(b0 - b1 - b2 + b3);
        forms[4][c] = (int16_t)(b1 - b0);
        forms[5][c] = (int16_t)(b0 - b1 + b3);
        forms[6][c] = (int16_t)(b3 - b1);
    }
}

/* The columns of a panel in the matrix as stored. */
typedef struct weight_source {
    const uint8_t *w;
    uint8_t flip;               /* w ^ flip is signed */
    int64_t first[2], count[2]; /* columns in each half */
    int32_t zeros[2][WIDTH];    /* of w ^ flip */
} weight_source;

static weight_source source_of(const strassen_state *state, const nn_node_view *node,
                               int64_t panel) {
    const nn_int8_inputs *inputs = &state->setting.inputs;
    const nn_tensor *w = nn_int8_constant(node, inputs->w);
    const nn_tensor *w_zero = nn_int8_constant(node, inputs->w_zero);
    weight_source out = {.w = w->data, .flip = w->type == NNOPT_UINT8 ? 0x80 : 0};
    for (int half = 0; half < 2; half++) {
        out.first[half] = half * state->half_columns + panel * WIDTH;
        out.count[half] = nn_min(WIDTH, nn_max(state->columns - out.first[half], 0));
        for (int64_t c = 0; c < out.count[half]; c++)
            out.zeros[half][c] = nn_int8_weight_zero(w_zero, out.first[half] + c) - out.flip;
    }
    return out;
}

/* Row k in one half of the columns less its zero points, also added to the sums of all columns. */
static void load_weights(const strassen_state *state, const weight_source *from, int64_t k,
                         int half, int16_t *row, int32_t *sums) {
    const nn_u8s8_shape *shape = &state->shape;
    memset(row, 0, sizeof(panel_row));
    if (k >= state->k) return;
    const int64_t first = from->first[half];
    const uint8_t *w = from->w + k * shape->w_in + first * shape->w_out;
    for (int64_t c = 0; c < from->count[half]; c++, w += shape->w_out) {
        row[c] = (int16_t)((int8_t)(*w ^ from->flip) - from->zeros[half][c]);
        sums[first + c] = (int32_t)((uint32_t)sums[first + c] + (uint32_t)row[c]);
    }
}

/* Less the products that the weights of each column of a form share with each other. */
static void fill_starts(const strassen_state *state, const int16_t *w, int32_t *starts) {
    for (int c = 0; c < WIDTH; c++) {
        const int16_t *a = w + 2 * nn_u8s8_lane(c, 2, WIDTH / 2), *b = a + 2 * WIDTH;
        uint32_t start = 0;
        for (int64_t k = 0; k + 4 <= state->half_k; k += 4, a += 4 * WIDTH, b += 4 * WIDTH)
            start -= (uint32_t)(a[0] * b[0] + a[1] * b[1]);
        starts[c] = (int32_t)start;
    }
}

static void pack_panel(const strassen_state *state, const weight_source *from, int32_t *sums,
                       int32_t *starts, int16_t *packed) {
    panel_row quarters[QUARTERS], forms[FORMS];
    for (int64_t k = 0; k < state->half_k; k++) {
        for (int q = 0; q < QUARTERS; q++)
            load_weights(state, from, k + q / 2 * state->half_k, q % 2, quarters[q], sums);
        split_weights(quarters, forms);
        for (int f = 0; f < FORMS; f++) {
            int16_t *to = packed + f * state->form_weights + k / 2 * 2 * WIDTH + k % 2;
            for (int c = 0; c < WIDTH; c++) to[2 * nn_u8s8_lane(c, 2, WIDTH / 2)] = forms[f][c];
        }
    }
    for (int f = 0; f < FORMS; f++)
        fill_starts(state, packed + f * state->form_weights, starts + f * WIDTH);
}

static int64_t padded_columns(const strassen_state *state) {
    return 2 * state->half_columns;
}

/* The packed block: sums of the columns, the starts of all forms, then the panels. */
static int64_t sums_bytes(const strassen_state *state) {
    return nn_aligned(padded_columns(state) * (int64_t)sizeof(int32_t));
}

static int64_t starts_bytes(const strassen_state *state) {
    return nn_aligned(state->panels * FORMS * WIDTH * (int64_t)sizeof(int32_t));
}

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const strassen_state *state = argument;
    int32_t *starts = (int32_t *)((char *)out + sums_bytes(state));
    int16_t *weights = (int16_t *)((char *)starts + starts_bytes(state));
    for (int64_t panel = 0; panel < state->panels; panel++) {
        const weight_source from = source_of(state, node, panel);
        pack_panel(state, &from, out, starts + panel * FORMS * WIDTH,
                   weights + panel * FORMS * state->form_weights);
    }
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         nn_int8_describe *describe) {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    describe(node, &inputs, &shape);
    strassen_state made = state_of(&shape, &inputs);
    char variant[96];
    snprintf(variant, sizeof variant, "strassen u8s8 by %lld", (long long)shape.w_out);
    const void *packed;
    const int64_t bytes = sums_bytes(&made) + starts_bytes(&made) +
                          made.panels * FORMS * made.form_weights * (int64_t)sizeof(int16_t);
    NN_TRY(nn_prepare_pack(services, nn_int8_packed_inputs(node, &inputs), variant, (size_t)bytes,
                           pack, &made, &packed));
    made.starts = (const int32_t *)((const char *)packed + sums_bytes(&made));
    made.weights = (const int16_t *)((const char *)made.starts + starts_bytes(&made));
    made.parameters = (nn_int8_parameters){
        .groups = 1, .channels = made.columns, .padded = padded_columns(&made), .w_sums = packed};
    const bool constant = nn_int8_has_constant_parameters(node, &inputs);
    const int64_t parameter_bytes = nn_int8_parameter_bytes(&made.parameters);
    const int64_t own = nn_aligned((int64_t)sizeof made);
    const size_t total = (size_t)(own + (constant ? parameter_bytes : 0));
    strassen_state *state = nn_prepare_state(services, total);
    if (state == NULL) return nn_fail_memory(total);
    *state = made;
    if (constant)
        nn_int8_fill_constant(node, &state->setting, (char *)state + own, &state->parameters);
    nn_prepare_workspace(services,
                         (size_t)((constant ? 0 : parameter_bytes) + FORMS * made.form_bytes +
                                  made.own_bytes + made.worker_bytes * target->threads));
    return NN_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct strassen_work {
    const strassen_state *state;
    nn_int8_call call;
    uint8_t *y;
    int64_t y_bytes;       /* of one value */
    char *forms, *workers; /* workspace */
    int32_t *own;          /* [form][row] */
    int64_t first, rows;   /* of the band */
} strassen_work;

/* Row `row` of a band as int16, less the zero point, with zeros behind it. */
static void load_row(const strassen_work *work, int64_t row, int16_t *to) {
    const strassen_state *state = work->state;
    const int64_t count = row < work->rows ? state->k : 0;
    if (count > 0)
        nn_u8s8_avx2.copy(to, work->call.x + (work->first + row) * state->k, count, work->call.flip,
                          work->call.x_zero);
    memset(to + count, 0, (size_t)(2 * state->half_k - count) * sizeof *to);
}

static const int32_t only_tap = 0;

/* Rows [begin, end) of all forms. */
static void split_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const strassen_work *work = argument;
    const strassen_state *state = work->state;
    int16_t *top = (int16_t *)(work->workers + worker * state->worker_bytes);
    int16_t *bottom = top + 2 * state->half_k;
    for (int64_t i = begin; i < end; i++) {
        load_row(work, i, top);
        load_row(work, state->half_rows + i, bottom);
        char *forms = work->forms + i * state->row_bytes;
        nn_strassen_split_avx2(top, bottom, state->half_k, (int16_t *)forms,
                               state->form_bytes / (int64_t)sizeof *top);
        for (int f = 0; f < FORMS; f++) {
            const nn_u8s8_tile tile = {.a = {(const uint8_t *)forms + f * state->form_bytes},
                                       .taps = &only_tap,
                                       .tap_count = 1,
                                       .steps = state->half_k / 2};
            nn_u8s8_avx2.own(&tile, 1, work->own + f * state->half_rows + i);
        }
    }
}

/* Sums of one form and panel, [row][column]. Meanwhile the weights of the next form come to L2. */
static void multiply_form(const strassen_work *work, int form, const int16_t *w,
                          const int32_t *start, bool is_last, int32_t *sums) {
    const strassen_state *state = work->state;
    const uint8_t *a = (const uint8_t *)work->forms + form * state->form_bytes;
    const int most = nn_u8s8_avx2.rows[1];
    const int64_t tiles = nn_divide_up(state->half_rows, most);
    const int64_t lines = is_last ? 0 : state->form_weights * 2 / LINE;
    const char *next = (const char *)(w + state->form_weights);
    nn_u8s8_tile tile = {.a_step = state->row_bytes,
                         .taps = &only_tap,
                         .tap_count = 1,
                         .steps = state->half_k / 2,
                         .w = w,
                         .start = start};
    for (int64_t i = 0; i < tiles; i++) {
        const int64_t begin = state->half_rows * i / tiles;
        const int64_t end = state->half_rows * (i + 1) / tiles;
        for (int64_t line = lines * i / tiles; line < lines * (i + 1) / tiles; line++)
            __builtin_prefetch(next + line * LINE, 0, 2);
        tile.a[0] = a + begin * state->row_bytes;
        tile.own = work->own + form * state->half_rows + begin;
        tile.sums = sums + begin * WIDTH;
        nn_u8s8_avx2.tile(&tile, (int)(end - begin), 2);
    }
}

/* Some rows at once, so that activations have enough to do. */
static void finish_floats(const strassen_work *work, int64_t column, const uint32_t *sums,
                          int64_t rows, int64_t columns, float *y) {
    enum { ROWS = 16 };
    float block[ROWS * WIDTH];
    const int64_t y_step = work->state->columns;
    const nn_activation activation = work->call.requant.activation;
    if (activation.kind == NN_ACT_NONE && columns == WIDTH) {
        nn_strassen_floats_avx2(&work->call, column, sums, rows, y, y_step);
        return;
    }
    for (int64_t begin = 0; begin < rows; begin += ROWS, sums += ROWS * WIDTH) {
        const int64_t count = nn_min(ROWS, rows - begin);
        nn_strassen_floats_avx2(&work->call, column, sums, count, block, WIDTH);
        nn_activate_array(activation, block, count * WIDTH);
        for (int64_t i = 0; i < count; i++, y += y_step)
            memcpy(y, block + i * WIDTH, (size_t)columns * sizeof *y);
    }
}

/* Results of a panel of one quarter. */
static void finish_quarter(const strassen_work *work, int64_t row, int64_t column,
                           const uint32_t *sums) {
    enum { ROWS = NN_INT8_FINISH_CHANNELS / WIDTH, COUNT = ROWS * WIDTH };
    const strassen_state *state = work->state;
    const nn_int8_parameters *parameters = &work->call.parameters;
    const int64_t rows = nn_min(state->half_rows, work->rows - row);
    const int64_t columns = nn_min(WIDTH, state->columns - column);
    if (columns <= 0 || rows <= 0) return;
    uint8_t *y = work->y + ((work->first + row) * state->columns + column) * work->y_bytes;
    const int64_t y_step = state->columns * work->y_bytes;
    if (work->call.is_simple) {
        nn_strassen_bytes_avx2(&work->call, column, sums, rows, (int)columns, y, y_step);
        return;
    }
    if (work->call.requant.type == NNOPT_FLOAT) {
        finish_floats(work, column, sums, rows, columns, (float *)y);
        return;
    }
    uint32_t started[COUNT];
    float multiplier[COUNT], offset[COUNT];
    uint8_t values[COUNT * sizeof(float)];
    for (int i = 0; i < COUNT; i++) {
        multiplier[i] = parameters->multiplier[column + i % WIDTH];
        if (parameters->offset != NULL) offset[i] = parameters->offset[column + i % WIDTH];
    }
    for (int64_t begin = 0; begin < rows; begin += ROWS, sums += COUNT) {
        const int64_t count = nn_min(ROWS, rows - begin);
        for (int64_t i = 0; i < count * WIDTH; i++)
            started[i] = sums[i] + (uint32_t)parameters->start[column + i % WIDTH];
        nn_u8s8_avx2.finish(&work->call.requant, (const int32_t *)started, multiplier,
                            parameters->offset != NULL ? offset : NULL, count * WIDTH, values);
        for (int64_t i = 0; i < count; i++, y += y_step)
            memcpy(y, values + i * WIDTH * work->y_bytes, (size_t)(columns * work->y_bytes));
    }
}

static void run_panels(void *argument, int64_t begin, int64_t end, int worker) {
    const strassen_work *work = argument;
    const strassen_state *state = work->state;
    const int64_t each = state->half_rows * WIDTH;
    uint32_t *sums = (uint32_t *)(work->workers + worker * state->worker_bytes);
    for (int64_t panel = begin; panel < end; panel++) {
        const int16_t *w = state->weights + panel * FORMS * state->form_weights;
        for (int f = 0; f < FORMS; f++)
            multiply_form(work, f, w + f * state->form_weights,
                          state->starts + (panel * FORMS + f) * WIDTH,
                          panel == state->panels - 1 && f == FORMS - 1, (int32_t *)sums + f * each);
        nn_strassen_combine_avx2(sums, each, each);
        for (int q = 0; q < QUARTERS; q++)
            finish_quarter(work, q / 2 * state->half_rows,
                           q % 2 * state->half_columns + panel * WIDTH, sums + q * each);
    }
}

static nn_status run(const nn_call *call) {
    const strassen_state *state = call->state;
    nn_tensor *y = call->out[0];
    strassen_work work = {
        .state = state,
        .call = nn_int8_begin(call, &state->setting, &state->parameters, call->workspace),
        .y = y->data,
        .y_bytes = nn_type_bits(y->type) / 8,
        .forms = call->workspace};
    if (!state->parameters.are_constant) work.forms += nn_int8_parameter_bytes(&state->parameters);
    work.own = (int32_t *)(work.forms + FORMS * state->form_bytes);
    work.workers = (char *)work.own + state->own_bytes;
    for (; work.first < state->rows; work.first += 2 * state->half_rows) {
        work.rows = nn_min(2 * state->half_rows, state->rows - work.first);
        nn_parallel(call->pool, state->half_rows, 8, split_rows, &work);
        nn_parallel(call->pool, state->panels, 1, run_panels, &work);
    }
    return NN_OK;
}

#    define KERNEL(operator)                                                                       \
        static bool operator##_accepts(const nn_node_view *node, const nn_target *target) {        \
            return accepts(node, target, nn_int8_describe_##operator);                             \
        }                                                                                          \
        static nn_status operator##_prepare(const nn_node_view *node, const nn_target *target,     \
                                            nn_prepare *services) {                                \
            return prepare(node, target, services, nn_int8_describe_##operator);                   \
        }                                                                                          \
        const nn_kernel nn_kernel_##operator##_strassen_u8s8_avx2 = {                              \
            .name = #operator"_strassen_u8s8_avx2",                                                \
            .isa = NN_ISA_AVX2,                                                                    \
            .exactness = NN_EXACT,                                                                 \
            .accepts = operator##_accepts,                                                         \
            .prepare = operator##_prepare,                                                         \
            .run = run,                                                                            \
        };

KERNEL(qlinear_matmul)
KERNEL(matmul_integer)
KERNEL(matmul_integer_to_float)
KERNEL(qgemm)
#endif
