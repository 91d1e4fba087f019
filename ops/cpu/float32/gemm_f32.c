/* Gemm, MatMul and Linear of floats: a matrix product is a convolution of one row of pixels by a
 * 1x1 kernel (direct_f32.h), whose weights are B. */
#include "ops/cpu/float32/gemm_f32.h"

#include "ops/cpu/float32/fixed/row_fixed_f32.h"
#include "ops/cpu/kernels.h"
#include "ops/family/gemm.h"
#include "ops/family/matmul.h"
#include "ops/family/matmul_nbits.h"

#include <stdio.h>

bool nn_product_has_work(const nn_node_view *node) {
    return node->out[0]->type == NNOPT_FLOAT && nn_fact_count(node->out[0]) > 0 &&
           nn_fact_count(node->in[0]) > 0;
}

/* ---- Gemm ---- */

typedef struct gemm_state {
    nn_conv_f32_state product;
    bool c_is_residual;
    nn_row_fixed row; /* packed: then it is this one */
} gemm_state;

/* C with rows of its own is added like a residual, when the node has none. */
static bool c_as_residual(const nn_node_view *node) {
    const nn_gemm_attrs *attrs = node->attrs;
    nn_gemm_geometry g = nn_gemm_geometry_of(node);
    return g.c_row == g.n && g.c_column == 1 && attrs->beta == 1 &&
           nn_epilogue_is_empty(&node->epilogue);
}

static bool accepts_gemm(const nn_node_view *node, const nn_target *target) {
    const nn_gemm_attrs *attrs = node->attrs;
    (void)target;
    if (!nn_product_has_work(node) || attrs->transpose_a) return false;
    return nn_gemm_geometry_of(node).c_row == 0 || c_as_residual(node);
}

nn_status nn_gemm_f32_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_tiles_f32 *tiles,
                              const nn_epilogue *epilogue, int bias, nn_conv_f32_state *state) {
    const nn_gemm_attrs *attrs = node->attrs;
    const nn_gemm_geometry g = nn_gemm_geometry_of(node);
    nn_direct_problem problem = nn_direct_product(g.m, g.n, g.k);
    problem.vectors = nn_prepare_variant(services);
    problem.sharing = nn_direct_sharing(node, 1, target);
    nn_direct_plan_make(&problem, tiles, target->threads, epilogue, &state->plan);
    state->operands = (nn_direct_operands){
        .w = 1,
        .bias = bias,
        .source = {.column_step = g.b_column, .k_step = g.b_row, .scale = attrs->alpha},
        .bias_step = g.c_column,
        .bias_scale = attrs->beta,
    };
    size_t workspace;
    NN_TRY(nn_direct_operands_prepare(node, &state->plan, services, &state->operands, &workspace));
    nn_prepare_workspace(services, workspace + nn_direct_workspace(&state->plan, target->threads));
    return NN_OK;
}

static nn_status prepare_gemm(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_tiles_f32 *tiles) {
    gemm_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_epilogue epilogue = node->epilogue;
    state->c_is_residual = nn_gemm_geometry_of(node).c_row != 0;
    if (state->c_is_residual) epilogue = (nn_epilogue){.has_residual = true, .residual = 2};
    return nn_gemm_f32_prepare(node, target, services, tiles, &epilogue,
                               state->c_is_residual ? NN_PRODUCT_NO_BIAS : 2, &state->product);
}

static nn_status run_gemm(const nn_call *call) {
    const gemm_state *state = call->state;
    const nn_conv_f32_state *product = &state->product;
    if (!state->c_is_residual) {
        nn_conv_f32_run(product, call);
        return NN_OK;
    }
    nn_direct_ready ready = nn_direct_operands_get(&product->operands, &product->plan, call);
    nn_direct_run(&product->plan, ready.w, ready.bias, call->in[0]->data, call->in[2]->data,
                  call->out[0]->data, call->pool, ready.workspace);
    return NN_OK;
}

/* ---- MatMul by one constant matrix: all rows of all of A at once ---- */

typedef struct matmul_state {
    nn_conv_f32_state product;       /* operands: one B for all */
    nn_matmul_geometry geometry;     /* many of them */
    bool by_batch;                   /* each worker takes whole products */
    size_t packed_bytes, bias_bytes; /* of workspace, the former for each worker */
    size_t copies;                   /* of packed B */
    nn_row_fixed row;                /* packed: then it is this one */
} matmul_state;

bool nn_product_has_one_b(const nn_matmul_geometry *g) {
    for (int i = 0; i < g->batch_rank; i++)
        if (g->b_steps[i] != 0 || (g->a_steps[i] == 0 && g->batch_dims[i] > 1)) return false;
    return true;
}

static bool accepts_matmul(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_product_has_work(node);
}

static nn_direct_source matmul_source(const nn_matmul_geometry *g) {
    return (nn_direct_source){.column_step = 1, .k_step = g->n, .scale = 1};
}

nn_status nn_product_f32_prepare(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *services, const nn_tiles_f32 *tiles, int bias,
                                 nn_conv_f32_state *state) {
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, 0, 1);
    nn_direct_problem problem = nn_direct_product(g.batch * g.m, g.n, g.k);
    problem.vectors = nn_prepare_variant(services);
    problem.sharing = nn_direct_sharing(node, 1, target);
    nn_direct_plan_make(&problem, tiles, target->threads, &node->epilogue, &state->plan);
    state->operands = (nn_direct_operands){
        .w = 1, .bias = bias, .source = matmul_source(&g), .bias_step = 1, .bias_scale = 1};
    size_t workspace;
    NN_TRY(nn_direct_operands_prepare(node, &state->plan, services, &state->operands, &workspace));
    nn_prepare_workspace(services, workspace + nn_direct_workspace(&state->plan, target->threads));
    return NN_OK;
}

static nn_status prepare_matmul(const nn_node_view *node, const nn_target *target,
                                nn_prepare *services, const nn_tiles_f32 *tiles) {
    matmul_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_matmul_geometry g = state->geometry = nn_matmul_geometry_of(node, 0, 1);
    if (nn_product_has_one_b(&g))
        return nn_product_f32_prepare(node, target, services, tiles, NN_PRODUCT_NO_BIAS,
                                      &state->product);
    state->by_batch = g.batch >= target->threads;
    nn_direct_problem problem = nn_direct_product(g.m, g.n, g.k);
    problem.vectors = nn_prepare_variant(services);
    nn_direct_plan_make(&problem, tiles, state->by_batch ? 1 : target->threads, &node->epilogue,
                        &state->product.plan);
    state->packed_bytes = nn_direct_packed_bytes(&state->product.plan);
    state->bias_bytes = nn_direct_bias_bytes(&state->product.plan);
    state->copies = state->by_batch ? (size_t)target->threads : 1;
    nn_prepare_workspace(services, state->bias_bytes + state->packed_bytes * state->copies +
                                       nn_direct_workspace(&state->product.plan, target->threads));
    return NN_OK;
}

typedef struct batch_job {
    const matmul_state *state;
    const float *a, *b, *bias, *residual;
    float *y;
    char *packed, *workspace; /* of worker 0 */
} batch_job;

static void run_product(const batch_job *job, int64_t index, int worker, nn_pool *pool) {
    const matmul_state *state = job->state;
    const nn_matmul_geometry *g = &state->geometry;
    const nn_direct_source source = matmul_source(g);
    float *packed = (float *)(job->packed + state->packed_bytes * (size_t)worker);
    int64_t a, b, y = index * g->m * g->n;
    nn_matmul_offsets(g, index, &a, &b);
    nn_direct_pack(&state->product.plan, &source, job->b + b, packed);
    nn_direct_run(&state->product.plan, packed, job->bias, job->a + a,
                  job->residual ? job->residual + y : NULL, job->y + y, pool,
                  job->workspace + nn_direct_workspace(&state->product.plan, 1) * (size_t)worker);
}

static void run_products(void *argument, int64_t begin, int64_t end, int worker) {
    for (int64_t i = begin; i < end; i++) run_product(argument, i, worker, NULL);
}

static nn_status run_matmul(const nn_call *call) {
    const matmul_state *state = call->state;
    if (nn_product_has_one_b(&state->geometry)) {
        nn_conv_f32_run(&state->product, call);
        return NN_OK;
    }
    char *workspace = call->workspace;
    batch_job job = {
        .state = state,
        .a = call->in[0]->data,
        .b = call->in[1]->data,
        .bias = (const float *)workspace,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
        .packed = workspace + state->bias_bytes,
        .workspace = workspace + state->bias_bytes + state->packed_bytes * state->copies,
    };
    nn_direct_pack_bias(&state->product.plan, NULL, 1, 1, (float *)workspace);
    if (state->by_batch)
        nn_parallel(call->pool, state->geometry.batch, 1, run_products, &job);
    else
        for (int64_t i = 0; i < state->geometry.batch; i++) run_product(&job, i, 0, call->pool);
    return NN_OK;
}

/* ---- Linear: MatMul by one matrix, with a bias ---- */

static bool accepts_linear(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_product_has_work(node);
}

static nn_status prepare_linear(const nn_node_view *node, const nn_target *target,
                                nn_prepare *services, const nn_tiles_f32 *tiles) {
    matmul_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->geometry = nn_matmul_geometry_of(node, 0, 1);
    return nn_product_f32_prepare(node, target, services, tiles, 2, &state->product);
}

static nn_status run_linear(const nn_call *call) {
    return run_matmul(call);
}

/* ---- MatMulNBits: packing dequantises ---- */

typedef struct nbits_state {
    nn_direct_plan plan;
    const float *packed, *bias;
} nbits_state;

static bool accepts_matmul_nbits(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (!nn_product_has_work(node) || node->in[NN_NBITS_A]->type != NNOPT_FLOAT) return false;
    for (int i = NN_NBITS_B; i <= NN_NBITS_BIAS; i++)
        if (nn_view_in(node, i) != NULL && nn_view_constant(node, i) == NULL) return false;
    const nn_fact *bias = nn_view_in(node, NN_NBITS_BIAS);
    return bias == NULL || bias->type == NNOPT_FLOAT;
}

static nn_status pack_nbits(const nn_node_view *node, const void *argument, void *out) {
    const nn_direct_plan *plan = argument;
    const nn_nbits_attrs *attrs = node->attrs;
    nn_nbits_weights weights = nn_nbits_weights_of(attrs, nn_view_constant(node, NN_NBITS_B),
                                                   nn_view_constant(node, NN_NBITS_SCALES),
                                                   nn_view_constant(node, NN_NBITS_ZEROS));
    size_t bytes = (size_t)(attrs->k * attrs->n) * sizeof(float);
    float *columns = nn_alloc(bytes);
    if (columns == NULL) return nn_fail_memory(bytes);
    for (int64_t n = 0; n < attrs->n; n++)
        nn_nbits_column(&weights, n, 0, attrs->k, columns + n * attrs->k);
    const nn_direct_source source = {.column_step = attrs->k, .k_step = 1, .scale = 1};
    nn_direct_pack(plan, &source, columns, out);
    nn_free(columns);
    return NN_OK;
}

static nn_status pack_nbits_bias(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *bias = nn_view_constant(node, NN_NBITS_BIAS);
    nn_direct_pack_bias(argument, bias != NULL ? bias->data : NULL, 1, 1, out);
    return NN_OK;
}

static nn_status prepare_matmul_nbits(const nn_node_view *node, const nn_target *target,
                                      nn_prepare *services, const nn_tiles_f32 *tiles) {
    const nn_nbits_attrs *attrs = node->attrs;
    const nn_direct_source source = {.column_step = attrs->k, .k_step = 1, .scale = 1};
    const uint32_t parts = 1u << NN_NBITS_B | 1u << NN_NBITS_SCALES | 1u << NN_NBITS_ZEROS;
    char variant[128];
    const void *packed;
    nbits_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    int64_t rows = nn_fact_count(node->out[0]) / attrs->n;
    nn_direct_problem problem = nn_direct_product(rows, attrs->n, attrs->k);
    problem.vectors = nn_prepare_variant(services);
    problem.sharing = nn_direct_sharing(node, NN_NBITS_B, target);
    nn_direct_plan_make(&problem, tiles, target->threads, &node->epilogue, &state->plan);
    nn_direct_variant(&state->plan, &source, variant, sizeof variant);
    NN_TRY(nn_prepare_pack(services, parts, variant, nn_direct_packed_bytes(&state->plan),
                           pack_nbits, &state->plan, &packed));
    state->packed = packed;
    snprintf(variant, sizeof variant, "bias of %lld", (long long)state->plan.group_columns);
    NN_TRY(nn_prepare_pack(services, 1u << NN_NBITS_BIAS, variant,
                           nn_direct_bias_bytes(&state->plan), pack_nbits_bias, &state->plan,
                           &packed));
    state->bias = packed;
    nn_prepare_workspace(services, nn_direct_workspace(&state->plan, target->threads));
    return NN_OK;
}

static nn_status run_matmul_nbits(const nn_call *call) {
    const nbits_state *state = call->state;
    nn_direct_run(&state->plan, state->packed, state->bias, call->in[NN_NBITS_A]->data,
                  nn_call_residual_data(call), call->out[0]->data, call->pool, call->workspace);
    return NN_OK;
}

/* ---- kernels ---- */

#define GEMM_KERNEL(stem, op, set, level, pieces, residual)                                        \
    static nn_status prepare_##op##_##set(const nn_node_view *node, const nn_target *target,       \
                                          nn_prepare *services) {                                  \
        return prepare_##op(node, target, services, &nn_tiles_f32_##set);                          \
    }                                                                                              \
    const nn_kernel nn_kernel_##stem##_##set = {                                                   \
        .name = #stem "_" #set,                                                                    \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_STANDARD,                                                              \
        .in_place = 1u << (residual),                                                              \
        .reads_pieces = pieces,                                                                    \
        .variants = nn_direct_widths,                                                              \
        .accepts = accepts_##op,                                                                   \
        .prepare = prepare_##op##_##set,                                                           \
        .run = run_##op,                                                                           \
    };

#define GEMM_KERNELS(set, level)                                                                   \
    GEMM_KERNEL(gemm_f32, gemm, set, level, 1 << 1, 3)                                             \
    GEMM_KERNEL(matmul_f32, matmul, set, level, 1 << 1, 2)                                         \
    GEMM_KERNEL(linear_f32, linear, set, level, 1 << 1, 3)                                         \
    GEMM_KERNEL(matmul_nbits_f32, matmul_nbits, set, level, 0, 6)

GEMM_KERNELS(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
GEMM_KERNELS(avx2, NN_ISA_AVX2)
GEMM_KERNELS(avx512, NN_ISA_AVX512)

/* ---- one row by a matrix in fixed point; by one of floats where its weights do not suit ---- */

static nn_row_fixed gemm_row(const nn_node_view *node) {
    const nn_gemm_geometry g = nn_gemm_geometry_of(node);
    return (nn_row_fixed){
        .w = 1, .k = g.k, .columns = g.n, .k_step = g.b_row, .column_step = g.b_column};
}

static bool accepts_gemm_fixed(const nn_node_view *node, const nn_target *target) {
    const nn_gemm_attrs *attrs = node->attrs;
    const nn_row_fixed row = gemm_row(node);
    const nn_gemm_geometry g = nn_gemm_geometry_of(node);
    return accepts_gemm(node, target) && g.m == 1 && g.c_row == 0 && attrs->alpha == 1 &&
           nn_row_fixed_accepts(&row, node, target);
}

static nn_status prepare_gemm_fixed(const nn_node_view *node, const nn_target *target,
                                    nn_prepare *services) {
    gemm_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->row = gemm_row(node);
    NN_TRY(nn_row_fixed_prepare(services, &state->row));
    return state->row.packed != NULL ? NN_OK : prepare_gemm_avx512(node, target, services);
}

static nn_status run_gemm_fixed(const nn_call *call) {
    const gemm_state *state = call->state;
    const nn_gemm_attrs *attrs = call->node->attrs;
    const nn_tensor *c = nn_call_in(call, 2);
    if (state->row.packed == NULL) return run_gemm(call);
    nn_row_fixed_run(&state->row, call, c != NULL ? c->data : NULL,
                     nn_gemm_geometry_of(call->node).c_column, attrs->beta);
    return NN_OK;
}

static nn_row_fixed matmul_row(const nn_matmul_geometry *g) {
    return (nn_row_fixed){.w = 1, .k = g->k, .columns = g->n, .k_step = g->n, .column_step = 1};
}

static bool accepts_matmul_fixed(const nn_node_view *node, const nn_target *target) {
    if (!accepts_matmul(node, target)) return false;
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, 0, 1);
    const nn_row_fixed row = matmul_row(&g);
    return nn_product_has_one_b(&g) && g.batch * g.m == 1 &&
           nn_row_fixed_accepts(&row, node, target);
}

typedef nn_status (*prepare_function)(const nn_node_view *node, const nn_target *target,
                                      nn_prepare *services);

static nn_status prepare_row(const nn_node_view *node, const nn_target *target,
                             nn_prepare *services, prepare_function floats) {
    matmul_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->geometry = nn_matmul_geometry_of(node, 0, 1);
    state->row = matmul_row(&state->geometry);
    NN_TRY(nn_row_fixed_prepare(services, &state->row));
    return state->row.packed != NULL ? NN_OK : floats(node, target, services);
}

static nn_status prepare_matmul_fixed(const nn_node_view *node, const nn_target *target,
                                      nn_prepare *services) {
    return prepare_row(node, target, services, prepare_matmul_avx512);
}

static nn_status prepare_linear_fixed(const nn_node_view *node, const nn_target *target,
                                      nn_prepare *services) {
    return prepare_row(node, target, services, prepare_linear_avx512);
}

static nn_status run_row(const nn_call *call, const nn_tensor *bias) {
    const matmul_state *state = call->state;
    if (state->row.packed == NULL) return run_matmul(call);
    nn_row_fixed_run(&state->row, call, bias != NULL ? bias->data : NULL, 1, 1);
    return NN_OK;
}

static nn_status run_matmul_fixed(const nn_call *call) {
    return run_row(call, NULL);
}

static nn_status run_linear_fixed(const nn_call *call) {
    return run_row(call, nn_call_in(call, 2));
}

#    define ROW_KERNEL(op, question, residual)                                                     \
        const nn_kernel nn_kernel_##op##_fixed_f32_vbmi2 = {                                       \
            .name = #op "_fixed_f32_vbmi2",                                                        \
            .isa = NN_ISA_AVX512,                                                                  \
            .exactness = NN_ROUNDING,                                                              \
            .layout = NN_LAYOUT_STANDARD,                                                          \
            .in_place = 1u << (residual),                                                          \
            .reads_pieces = 1 << 1,                                                                \
            .accepts = accepts_##question##_fixed,                                                 \
            .prepare = prepare_##op##_fixed,                                                       \
            .run = run_##op##_fixed,                                                               \
        };

ROW_KERNEL(gemm, gemm, 3)
ROW_KERNEL(matmul, matmul, 2)
ROW_KERNEL(linear, matmul, 3)
#endif
