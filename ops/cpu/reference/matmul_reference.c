/* MatMul, Linear and Gemm row by row, for every type they have. */
#include "ops/cpu/kernels.h"
#include "ops/family/gemm.h"
#include "ops/family/half.h"
#include "ops/family/matmul.h"

#include <math.h>

/* One matrix product; steps count elements. */
typedef struct product {
    nn_type type;
    int64_t n, k;
    int64_t a_row, a_column, b_row, b_column, c_row, c_column;
    const void *a, *b, *c; /* c may be NULL */
    void *y;               /* dense */
    float alpha, beta;
    const nn_epilogue *epilogue;
    const float *residual;
} product;

#define REAL         float
#define NAME(stem)   stem##_f32
#define SCALE(value) (value)
#include "ops/cpu/reference/matmul_reference.inc.h"
#undef REAL
#undef NAME
#define REAL       double
#define NAME(stem) stem##_f64
#include "ops/cpu/reference/matmul_reference.inc.h"
#undef REAL
#undef NAME
#undef SCALE
#define REAL         uint32_t
#define NAME(stem)   stem##_u32
#define SCALE(value) ((uint32_t)(int64_t)(value))
#include "ops/cpu/reference/matmul_reference.inc.h"
#undef REAL
#undef NAME
#undef SCALE
#define REAL         uint64_t
#define NAME(stem)   stem##_u64
#define SCALE(value) ((uint64_t)(int64_t)(value))
#include "ops/cpu/reference/matmul_reference.inc.h"
#undef REAL
#undef NAME
#undef SCALE

static void compute_row(const product *p, int64_t row) {
    switch (p->type) {
    case NNOPT_DOUBLE:
        product_row_f64(p, row);
        return;
    case NNOPT_INT32:
    case NNOPT_UINT32:
        product_row_u32(p, row);
        return;
    case NNOPT_INT64:
    case NNOPT_UINT64:
        product_row_u64(p, row);
        return;
    default:
        break;
    }
    product_row_f32(p, row);
    const float *residual = p->residual ? p->residual + row * p->n : NULL;
    nn_epilogue_apply(p->epilogue, residual, (float *)p->y + row * p->n, p->n);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return node->out[0]->type == NNOPT_FLOAT || nn_epilogue_is_empty(&node->epilogue);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    (void)target;
    nn_prepare_workspace(services, nn_half_workspace(node));
    return NN_OK;
}

/* ---- MatMul ---- */

typedef struct matmul_job {
    nn_matmul_geometry geometry;
    product first; /* the product of batch index 0 */
} matmul_job;

static void run_matmul_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const matmul_job *job = argument;
    const nn_matmul_geometry *g = &job->geometry;
    nn_type type = job->first.type;
    int64_t size = nn_type_bits(type) / 8;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t index = i / g->m, a, b;
        nn_matmul_offsets(g, index, &a, &b);
        product p = job->first;
        p.a = (const char *)p.a + a * size;
        p.b = (const char *)p.b + b * size;
        p.y = (char *)p.y + index * g->m * g->n * size;
        if (p.residual) p.residual += index * g->m * g->n;
        compute_row(&p, i % g->m);
    }
}

/* `bias` has a value for each column, or is NULL. */
static nn_status run_products(const nn_call *call, const void *bias) {
    matmul_job job = {.geometry = nn_matmul_geometry_of(call->node, 0, 1)};
    const nn_matmul_geometry *g = &job.geometry;
    job.first = (product){
        .type = call->out[0]->type,
        .n = g->n,
        .k = g->k,
        .a_row = g->k,
        .a_column = 1,
        .b_row = g->n,
        .b_column = 1,
        .c_column = 1,
        .a = call->in[0]->data,
        .b = call->in[1]->data,
        .c = bias,
        .y = call->out[0]->data,
        .alpha = 1,
        .beta = 1,
        .epilogue = &call->node->epilogue,
        .residual = nn_call_residual_data(call),
    };
    nn_parallel(call->pool, g->batch * g->m, 1, run_matmul_rows, &job);
    return NN_OK;
}

static nn_status run_matmul_real(const nn_call *call) {
    return run_products(call, NULL);
}

static nn_status run_matmul(const nn_call *call) {
    return nn_is_half(call->out[0]->type) ? nn_half_run(call, run_matmul_real)
                                          : run_matmul_real(call);
}

const nn_kernel nn_kernel_matmul_reference = {
    .name = "matmul_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = accepts,
    .prepare = prepare,
    .run = run_matmul,
};

/* ---- Linear ---- */

static nn_status run_linear(const nn_call *call) {
    return run_products(call, call->in[2]->data);
}

const nn_kernel nn_kernel_linear_reference = {
    .name = "linear_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = accepts,
    .run = run_linear,
};

/* ---- Gemm ---- */

static void run_gemm_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    for (int64_t row = begin; row < end; row++) compute_row(argument, row);
}

static nn_status run_gemm_real(const nn_call *call) {
    const nn_gemm_attrs *attrs = call->node->attrs;
    nn_gemm_geometry g = nn_gemm_geometry_of(call->node);
    bool has_c = call->in_count > 2 && call->in[2] != NULL;
    product p = {
        .type = call->out[0]->type,
        .n = g.n,
        .k = g.k,
        .a_row = g.a_row,
        .a_column = g.a_column,
        .b_row = g.b_row,
        .b_column = g.b_column,
        .c_row = g.c_row,
        .c_column = g.c_column,
        .a = call->in[0]->data,
        .b = call->in[1]->data,
        .c = has_c ? call->in[2]->data : NULL,
        .y = call->out[0]->data,
        .alpha = attrs->alpha,
        .beta = attrs->beta,
        .epilogue = &call->node->epilogue,
        .residual = nn_call_residual_data(call),
    };
    nn_parallel(call->pool, g.m, 1, run_gemm_rows, &p);
    return NN_OK;
}

static nn_status run_gemm(const nn_call *call) {
    return nn_is_half(call->out[0]->type) ? nn_half_run(call, run_gemm_real) : run_gemm_real(call);
}

/* An integer product is scaled by whole numbers only. */
static bool is_whole(float value) {
    return fabsf(value) <= (float)(1 << 30) && value == truncf(value);
}

static bool accepts_gemm(const nn_node_view *node, const nn_target *target) {
    const nn_gemm_attrs *attrs = node->attrs;
    if (nn_type_is_integer(node->out[0]->type) &&
        !(is_whole(attrs->alpha) && is_whole(attrs->beta)))
        return false;
    return accepts(node, target);
}

const nn_kernel nn_kernel_gemm_reference = {
    .name = "gemm_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = accepts_gemm,
    .prepare = prepare,
    .run = run_gemm,
};
