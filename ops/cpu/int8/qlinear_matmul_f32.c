/* QLinearMatMul of two activations: both matrices, less their zero points, are floats that the
 * tiles of tile_f32.h multiply. Products of bytes are below 2^16, so that sums over up to 256 of
 * them are exact in a float whatever their order; longer ones are added up in int32. */
#include "base/integers.h"
#include "ops/cpu/float32/panels_f32.h"
#include "ops/cpu/int8/int8_loops.h"
#include "ops/cpu/kernels.h"
#include "ops/family/matmul.h"
#include "ops/family/requantize.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };
enum { EXACT_K = 256, MOST_ROWS = 4 * NN_TILE_MAX_ROWS };

typedef struct parts {
    const nn_tiles_f32 *tiles;
    const nn_rows_f32 *rows;
    const nn_int8_loops *loops;
} parts;

typedef struct product_state {
    nn_matmul_geometry geometry;
    nn_panels panels;
    int64_t rows; /* of a, at once */
    /* floats of a worker: packed b, rows of a, sums; one row of b stands where the sums do */
    int64_t packed_floats, a_floats, sum_floats;
} product_state;

static int64_t padded(int64_t floats) {
    return (floats + 15) / 16 * 16;
}

static int64_t worker_floats(const product_state *s) {
    return s->packed_floats + s->a_floats + 3 * s->sum_floats;
}

static bool is_8bit(const nn_fact *fact) {
    return fact->type == NNOPT_UINT8 || fact->type == NNOPT_INT8;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (!is_8bit(node->in[A]) || !is_8bit(node->in[B]) || !is_8bit(node->out[0])) return false;
    for (int i = A_SCALE; i <= B_ZERO; i++)
        if (i != B && nn_fact_count(node->in[i]) != 1) return false;
    for (int i = A_SCALE; i <= Y_SCALE; i += B_SCALE - A_SCALE)
        if (node->in[i]->type != NNOPT_FLOAT) return false;
    return node->in[Y_SCALE]->type == NNOPT_FLOAT && nn_epilogue_is_empty(&node->epilogue) &&
           nn_fact_count(node->out[0]) > 0 && nn_fact_count(node->in[A]) > 0;
}

static nn_status prepare_with(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const parts *with) {
    product_state *s = nn_prepare_state(services, sizeof *s);
    if (s == NULL) return nn_fail_memory(sizeof *s);
    s->geometry = nn_matmul_geometry_of(node, A, B);
    const nn_matmul_geometry *g = &s->geometry;
    s->rows = nn_min(g->m, MOST_ROWS);
    s->panels = nn_panels_make(with->tiles, g->m, g->k, g->n);
    s->packed_floats = padded(nn_panels_floats(&s->panels));
    s->a_floats = padded(s->rows * g->k);
    s->sum_floats = padded(s->rows * g->n);
    nn_prepare_workspace(services, (size_t)(worker_floats(s) * target->threads) * sizeof(float));
    return NN_OK;
}

typedef struct product_job {
    const product_state *state;
    const parts *with;
    const uint8_t *a, *b;
    uint8_t *y;
    nn_bytes_quant a_quant, b_quant, y_quant;
    float multiplier;
    float *workspace;
} product_job;

/* Bytes less their zero point: a scale of one. */
static nn_bytes_quant read_zero(const nn_tensor *zero, nn_type type) {
    const float one = 1;
    const nn_tensor scale = {.type = NNOPT_FLOAT, .data = (void *)&one};
    nn_quant quant = nn_quant_read(&scale, zero, type);
    return nn_bytes_quant_of(&quant);
}

/* Rows of b, one after the other, into the panels; `row` holds one as floats. */
static void pack_b(const product_job *job, const uint8_t *b, float *packed, float *row) {
    const nn_panels *panels = &job->state->panels;
    const int64_t n = panels->columns, width = panels->shape->columns;
    for (int64_t k = 0; k < panels->k; k++) {
        job->with->loops->dequantize(b + k * n, row, n, job->b_quant);
        for (int64_t panel = 0; panel < panels->count; panel++) {
            bool is_last = panel == panels->count - 1;
            int64_t own = is_last ? panels->last->columns : width;
            int64_t count = is_last ? n - panel * width : width;
            float *to = packed + panel * width * panels->k + k * own;
            memcpy(to, row + panel * width, (size_t)count * sizeof *to);
            memset(to + count, 0, (size_t)(own - count) * sizeof *to);
        }
    }
}

/* Sums of `rows` rows over all k, as int32 in `total`; `sums` and `part` are as large. */
static void sum_rows(const product_job *job, const float *packed, const float *a, int64_t rows,
                     float *sums, int32_t *part, int32_t *total) {
    const nn_panels *panels = &job->state->panels;
    const int64_t k = panels->k, n = panels->columns;
    for (int64_t begin = 0; begin < k; begin += EXACT_K) {
        nn_panels_product product = {.packed = packed,
                                     .x = a + begin,
                                     .y = sums,
                                     .rows = rows,
                                     .x_step = k,
                                     .y_step = n,
                                     .last = panels->count,
                                     .k_begin = begin,
                                     .k_end = k - begin < EXACT_K ? k : begin + EXACT_K};
        nn_panels_multiply(panels, &product);
        job->with->rows->to_int32(sums, begin == 0 ? total : part, rows * n);
        for (int64_t i = 0; begin > 0 && i < rows * n; i++)
            total[i] = (int32_t)((uint32_t)total[i] + (uint32_t)part[i]);
    }
}

static void multiply(void *argument, int64_t begin, int64_t end, int worker) {
    const product_job *job = argument;
    const product_state *s = job->state;
    const nn_matmul_geometry *g = &s->geometry;
    float *packed = job->workspace + worker_floats(s) * worker, *rows = packed + s->packed_floats;
    float *sums = rows + s->a_floats;
    int32_t *part = (int32_t *)(sums + s->sum_floats), *total = part + s->sum_floats;
    for (int64_t i = begin; i < end; i++) {
        int64_t a, b;
        nn_matmul_offsets(g, i, &a, &b);
        pack_b(job, job->b + b, packed, sums);
        for (int64_t row = 0; row < g->m; row += s->rows) {
            int64_t count = g->m - row < s->rows ? g->m - row : s->rows;
            job->with->loops->dequantize(job->a + a + row * g->k, rows, count * g->k, job->a_quant);
            sum_rows(job, packed, rows, count, sums, part, total);
            job->with->loops->requantize(total, job->y + (i * g->m + row) * g->n, count * g->n,
                                         job->multiplier, job->y_quant);
        }
    }
}

static nn_status run_with(const nn_call *call, const parts *with) {
    const product_state *state = call->state;
    const nn_tensor *const *in = call->in;
    nn_tensor *y = call->out[0];
    nn_requant requant = nn_requant_make((nn_activation){0}, y->type, in[Y_SCALE], in[Y_ZERO]);
    nn_quant y_quant = nn_quant_read(in[Y_SCALE], in[Y_ZERO], y->type);
    product_job job = {
        .state = state,
        .with = with,
        .a = in[A]->data,
        .b = in[B]->data,
        .y = y->data,
        .a_quant = read_zero(in[A_ZERO], in[A]->type),
        .b_quant = read_zero(in[B_ZERO], in[B]->type),
        .y_quant = nn_bytes_quant_of(&y_quant),
        .multiplier = nn_requant_multiplier(&requant, *(const float *)in[A_SCALE]->data,
                                            *(const float *)in[B_SCALE]->data),
        .workspace = call->workspace,
    };
    nn_parallel(call->pool, state->geometry.batch, 1, multiply, &job);
    return NN_OK;
}

#define QLINEAR_MATMUL_KERNEL(set, level)                                                          \
    static const parts parts_##set = {&nn_tiles_f32_##set, &nn_rows_f32_##set,                     \
                                      &nn_int8_loops_##set};                                       \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        return prepare_with(node, target, services, &parts_##set);                                 \
    }                                                                                              \
    static nn_status run_##set(const nn_call *call) {                                              \
        return run_with(call, &parts_##set);                                                       \
    }                                                                                              \
    const nn_kernel nn_kernel_qlinear_matmul_f32_##set = {                                         \
        .name = "qlinear_matmul_f32_" #set,                                                        \
        .isa = level,                                                                              \
        .exactness = NN_EXACT,                                                                     \
        .layout = NN_LAYOUT_STANDARD,                                                              \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run_##set,                                                                          \
    };

QLINEAR_MATMUL_KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
QLINEAR_MATMUL_KERNEL(avx2, NN_ISA_AVX2)
QLINEAR_MATMUL_KERNEL(avx512, NN_ISA_AVX512)
#endif
