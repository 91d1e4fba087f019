#include "ops/cpu/float32/fixed/row_fixed_f32.h"

#include "base/integers.h"
#include "ops/cpu/float32/activation_f32.h"

#include <math.h>
#include <stdio.h>

#if defined(__x86_64__)

enum { PANEL = NN_ROW_FIXED_VECTORS * NN_FIXED_LANES };

/* What is known of the columns, before the greatest weight of each. */
typedef union columns_header {
    nn_fixed_fit fit;
    char line[NN_ALIGNMENT];
} columns_header;

static int64_t vectors_of(const nn_row_fixed *row) {
    return nn_divide_up(row->columns, NN_FIXED_LANES);
}

/* Weights from L1 or for few columns, and products that wait for FMAs, are better floats. */
static bool pays(const nn_row_fixed *row) {
    const nn_cpu *cpu = nn_cpu_get();
    return cpu->halves_512 && row->columns >= PANEL &&
           row->k * row->columns * (int64_t)sizeof(float) > 4 * cpu->l1d_bytes;
}

bool nn_row_fixed_accepts(const nn_row_fixed *row, const nn_node_view *node,
                          const nn_target *target) {
    const nn_tensor *w = nn_view_constant(node, row->w);
    return w != NULL && w->type == NNOPT_FLOAT && nn_view_in(node, 0)->type == NNOPT_FLOAT &&
           node->out[0]->type == NNOPT_FLOAT && row->k > 0 && row->columns > 1 &&
           (row->k_step == 1 || row->column_step == 1) && nn_cpu_get()->has_vbmi2 &&
           !target->deterministic && (target->explores || pays(row));
}

/* ---- packing, in pieces of whole columns or whole rows, as they lie ---- */

typedef struct pack_argument {
    const nn_row_fixed *row;
    nn_prepare *services;
    const float *greatest;
} pack_argument;

static bool lies_by_columns(const nn_row_fixed *row) {
    return row->k_step == 1;
}

/* Columns or rows of a piece: whole vectors of the one, whole groups of the other. */
static int64_t lines_of_piece(const nn_row_fixed *row) {
    const int64_t line = lies_by_columns(row) ? row->column_step : row->k_step;
    const int64_t lines = NN_PIECE_BYTES / (line * (int64_t)sizeof(float));
    return lines < NN_FIXED_LANES ? NN_FIXED_LANES : lines / NN_FIXED_LANES * NN_FIXED_LANES;
}

/* The squares are NaN where a weight is. */
static void add_row(const float *restrict w, int64_t columns, float *restrict greatest,
                    double *restrict squares) {
    for (int64_t j = 0; j < columns; j++) {
        const float size = fabsf(w[j]);
        greatest[j] = greatest[j] < size ? size : greatest[j];
        squares[j] += (double)w[j] * (double)w[j];
    }
}

static nn_status pack_fit(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_row_fixed *row = pack->row;
    const bool by_columns = lies_by_columns(row);
    const int64_t lines = by_columns ? row->columns : row->k, step = lines_of_piece(row);
    const int64_t length = by_columns ? row->column_step : row->k_step;
    nn_fixed_fit *fit = &((columns_header *)out)->fit;
    float *greatest = (float *)((columns_header *)out + 1);
    double *squares = nn_alloc_zero((size_t)row->columns * sizeof *squares);
    nn_status status =
        squares == NULL ? nn_fail_memory((size_t)row->columns * sizeof *squares) : NN_OK;
    (void)node;
    for (int64_t begin = 0; status == NN_OK && begin < lines; begin += step) {
        const int64_t count = nn_min(step, lines - begin);
        const void *piece;
        status = nn_prepare_piece(pack->services, row->w, begin * length, count * length, &piece);
        if (status != NN_OK) break;
        const float *w = piece;
        for (int64_t i = 0; i < count; i++, w += length) {
            if (by_columns) {
                greatest[begin + i] = nn_fixed_greatest(w, row->k);
                squares[begin + i] = nn_fixed_squares(w, row->k);
                continue;
            }
            add_row(w, row->columns, greatest, squares);
        }
    }
    for (int64_t j = 0; status == NN_OK && j < row->columns; j++) {
        if (isnan(squares[j])) fit->fails = true;
        nn_fixed_fit_add(fit, greatest[j], squares[j]);
    }
    nn_free(squares);
    return status;
}

/* Where vector `vector` of the panel it belongs to starts, for group 0, and dwords from there to
 * the next group. */
static int32_t *packed_vector(const nn_row_fixed *row, int32_t *packed, int64_t vector,
                              int64_t *step) {
    const int64_t panel = vector / NN_ROW_FIXED_VECTORS * NN_ROW_FIXED_VECTORS;
    *step = nn_min(NN_ROW_FIXED_VECTORS, vectors_of(row) - panel) * NN_FIXED_GROUP;
    return packed + panel * nn_fixed_groups(row->k) * NN_FIXED_GROUP +
           (vector - panel) * NN_FIXED_GROUP;
}

/* Columns [first, first + columns) and rows [begin, begin + rows), which start at source->w. */
static void pack_block(const pack_argument *pack, const nn_fixed_source *source, int64_t first,
                       int64_t columns, int64_t begin, int64_t rows, int32_t *packed) {
    const nn_row_fixed *row = pack->row;
    for (int64_t column = first; column < first + columns; column += NN_FIXED_LANES) {
        int64_t step;
        int32_t *to = packed_vector(row, packed, column / NN_FIXED_LANES, &step);
        const nn_fixed_source part = {source->w + (column - first) * source->column_step,
                                      source->k_step, source->column_step};
        nn_fixed_pack(&part, rows, nn_min(NN_FIXED_LANES, first + columns - column),
                      pack->greatest + column, to + begin / NN_FIXED_DEPTH * step, step);
    }
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_row_fixed *row = pack->row;
    const bool by_columns = lies_by_columns(row);
    const int64_t lines = by_columns ? row->columns : row->k, step = lines_of_piece(row);
    const int64_t length = by_columns ? row->column_step : row->k_step;
    (void)node;
    for (int64_t begin = 0; begin < lines; begin += step) {
        const int64_t count = nn_min(step, lines - begin);
        const void *w;
        NN_TRY(nn_prepare_piece(pack->services, row->w, begin * length, count * length, &w));
        const nn_fixed_source source = {w, row->k_step, row->column_step};
        if (by_columns)
            pack_block(pack, &source, begin, count, 0, row->k, out);
        else
            pack_block(pack, &source, 0, row->columns, begin, count, out);
    }
    return NN_OK;
}

static nn_status pack_factors(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    float *factors = out;
    (void)node;
    for (int64_t j = 0; j < pack->row->columns; j++)
        factors[j] = nn_fixed_factor(pack->greatest[j]);
    return NN_OK;
}

/* ---- runs ---- */

typedef struct row_job {
    const nn_row_fixed *row;
    const nn_call *call;
    const float *x, *bias;
    int64_t bias_step;
    float bias_scale;
    float scale; /* that undoes the row's */
    float *sums; /* of all columns */
} row_job;

static size_t row_bytes(const nn_row_fixed *row) {
    return nn_aligned((size_t)(nn_fixed_groups(row->k) * NN_FIXED_DEPTH) * sizeof(float));
}

nn_status nn_row_fixed_prepare(nn_prepare *services, nn_row_fixed *row) {
    const int64_t columns = vectors_of(row) * NN_FIXED_LANES;
    const size_t bytes = (size_t)columns * sizeof(float);
    pack_argument argument = {row, services, NULL};
    char variant[96];
    const void *packed;
    snprintf(variant, sizeof variant, "columns of a row, steps %lld %lld", (long long)row->k_step,
             (long long)row->column_step);
    NN_TRY(nn_prepare_pack(services, 1u << row->w, variant, sizeof(columns_header) + bytes,
                           pack_fit, &argument, &packed));
    const bool suits = nn_fixed_fit_suits(&((const columns_header *)packed)->fit);
    nn_prepare_describe(services, suits ? "24 bits" : "floats, for weights differ too much");
    if (!suits) return NN_OK;
    argument.greatest = (const float *)((const columns_header *)packed + 1);
    snprintf(variant, sizeof variant, "factors of a row, steps %lld %lld", (long long)row->k_step,
             (long long)row->column_step);
    NN_TRY(
        nn_prepare_pack(services, 1u << row->w, variant, bytes, pack_factors, &argument, &packed));
    row->factors = packed;
    snprintf(variant, sizeof variant, "row in 24 bits, steps %lld %lld", (long long)row->k_step,
             (long long)row->column_step);
    const int64_t dwords = vectors_of(row) * nn_fixed_groups(row->k) * NN_FIXED_GROUP;
    NN_TRY(nn_prepare_pack(services, 1u << row->w, variant, (size_t)dwords * sizeof(int32_t),
                           pack_weights, &argument, &packed));
    row->packed = packed;
    nn_prepare_workspace(services, row_bytes(row) + bytes);
    return NN_OK;
}

static void run_panels(void *argument, int64_t begin, int64_t end, int worker) {
    const row_job *job = argument;
    const nn_row_fixed *row = job->row;
    const nn_epilogue *epilogue = &job->call->node->epilogue;
    const float *residual = nn_call_residual_data(job->call);
    float *y = job->call->out[0]->data;
    (void)worker;
    for (int64_t panel = begin; panel < end; panel++) {
        const int64_t first = panel * PANEL, count = nn_min(PANEL, row->columns - first);
        const int64_t vectors = nn_divide_up(count, NN_FIXED_LANES);
        const int64_t groups = nn_fixed_groups(row->k);
        nn_row_fixed_sums_vbmi2(
            row->packed + panel * NN_ROW_FIXED_VECTORS * groups * NN_FIXED_GROUP, job->x, groups,
            (int)vectors, row->factors + first, job->scale, job->sums + first);
        if (job->bias != NULL)
            for (int64_t j = first; j < first + count; j++)
                job->sums[j] += job->bias_scale * job->bias[j * job->bias_step];
        if (nn_epilogue_is_empty(epilogue)) {
            memcpy(y + first, job->sums + first, (size_t)count * sizeof *y);
            continue;
        }
        const nn_epilogue_block block = {.x = job->sums + first,
                                         .x_step = count,
                                         .residual = residual != NULL ? residual + first : NULL,
                                         .y = y + first,
                                         .y_step = count,
                                         .rows = 1,
                                         .columns = count};
        nn_epilogue_f32_avx512(epilogue, &block);
    }
}

/* Of the greatest number of the row; its scale is a float, too. Infinities and NaN stay. */
static int row_exponent(const float *x, int64_t k) {
    enum { LEAST = -100, MOST = 100 };
    const float greatest = nn_fixed_greatest(x, k);
    int exponent = 0;
    if (greatest > 0 && isfinite(greatest)) (void)frexpf(greatest, &exponent);
    return exponent < LEAST ? LEAST : exponent > MOST ? MOST : exponent;
}

void nn_row_fixed_run(const nn_row_fixed *row, const nn_call *call, const float *bias,
                      int64_t bias_step, float bias_scale) {
    float *x = call->workspace;
    row_job job = {.row = row,
                   .call = call,
                   .x = x,
                   .bias = bias,
                   .bias_step = bias_step,
                   .bias_scale = bias_scale,
                   .sums = (float *)((char *)call->workspace + row_bytes(row))};
    const int exponent = row_exponent(call->in[0]->data, row->k);
    nn_fixed_scale_row(call->in[0]->data, row->k, ldexpf(1, -exponent), x);
    job.scale = ldexpf(1, exponent);
    /* A panel of a thousand rows takes 2 microseconds from L3. */
    const int64_t panels = nn_divide_up(row->columns, PANEL);
    const int64_t grain = 1 + 4096 / nn_round_up(row->k, NN_FIXED_DEPTH);
    nn_parallel(call->pool, panels, grain, run_panels, &job);
}

#endif
