/* MatMul, Gemm and Linear through cuBLASLt. Constant factors are packed as [n, k] in the type of
 * the products, which tensor cores read as it is; what else has another type is converted in run.
 */
#include "ops/cuda/products/matmul_cublas.h"

#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/epilogue_launch.h"
#include "ops/cuda/products/product.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/gemm.h"
#include "ops/family/matmul.h"

#include <stdio.h>

enum { A, B, C };
enum {
    MOST_LAUNCHES = 256, /* of products whose batch has no one step */
    ALIGNMENT = 256,     /* of parts of workspace */
};

/* ---- problems ---- */

/* Matrices beyond what one call takes, in row-major order. */
typedef struct outer_batch {
    int rank;
    int64_t count, dims[NN_MAX_RANK], a_steps[NN_MAX_RANK], b_steps[NN_MAX_RANK];
} outer_batch;

typedef struct matmul_problem {
    nn_product product;
    outer_batch outer;
    bool packs_b;
} matmul_problem;

static nn_type product_type(const nn_node_view *node, const nn_target *target) {
    nn_type type = node->in[B]->type;
    if (type == NNOPT_FLOAT && target->precision == NN_PRECISION_FP16) return NNOPT_FLOAT16;
    if (type == NNOPT_FLOAT && target->precision == NN_PRECISION_BF16) return NNOPT_BFLOAT16;
    return type;
}

static nn_product start_product(const nn_node_view *node, const nn_target *target) {
    const nn_epilogue *epilogue = &node->epilogue;
    const nn_type type = product_type(node, target);
    return (nn_product){
        .gemm = {.batch = 1,
                 .type = type,
                 .alpha = 1,
                 .alignment = 16,
                 .precision = target->precision,
                 .deterministic = target->deterministic},
        .y_type = node->out[0]->type,
        .residual_type =
            epilogue->has_residual ? node->in[epilogue->residual]->type : NNOPT_TYPE_NONE,
        .bias_scale = 1,
        .before = epilogue->before,
        .after = epilogue->after,
    };
}

/* The operator's third input, where it has one. */
static const nn_fact *bias_of(const nn_node_view *node) {
    const nn_epilogue *epilogue = &node->epilogue;
    return nn_epilogue_adds(epilogue, C) ? NULL : nn_view_in(node, C);
}

/* Batch axes of one step for both factors become one axis; axes of size 1 go. */
static void merge_batch(const nn_matmul_geometry *g, outer_batch *out) {
    *out = (outer_batch){.count = g->batch};
    for (int i = 0; i < g->batch_rank; i++) {
        if (g->batch_dims[i] == 1) continue;
        const int last = out->rank - 1;
        const bool joins = last >= 0 && out->a_steps[last] == g->a_steps[i] * g->batch_dims[i] &&
                           out->b_steps[last] == g->b_steps[i] * g->batch_dims[i];
        if (!joins) out->dims[out->rank++] = 1;
        out->dims[out->rank - 1] *= g->batch_dims[i];
        out->a_steps[out->rank - 1] = g->a_steps[i];
        out->b_steps[out->rank - 1] = g->b_steps[i];
    }
}

/* Moves the innermost batch axis into the product: as further rows where there is one B. */
static void take_inner_batch(outer_batch *outer, nn_cublas_gemm *gemm) {
    if (outer->rank == 0) return;
    const int last = --outer->rank;
    const int64_t size = outer->dims[last];
    outer->count /= size;
    if (outer->b_steps[last] == 0 && outer->a_steps[last] == gemm->m * gemm->a_row) {
        gemm->m *= size;
        return;
    }
    gemm->batch = size;
    gemm->a_batch = outer->a_steps[last];
    gemm->b_batch = outer->b_steps[last];
}

static bool divides(int64_t elements, nn_type type) {
    return nn_element_bytes(elements, type) % 16 == 0;
}

/* Of what the outer batch leaves of the alignment of whole tensors. */
static int alignment_of(const matmul_problem *problem) {
    const nn_product *p = &problem->product;
    const nn_cublas_gemm *gemm = &p->gemm;
    bool aligned = divides(gemm->batch * gemm->m * gemm->n, p->y_type) &&
                   (p->residual_type == NNOPT_TYPE_NONE ||
                    divides(gemm->batch * gemm->m * gemm->n, p->residual_type));
    for (int i = 0; i < problem->outer.rank; i++)
        aligned = aligned && divides(problem->outer.a_steps[i], gemm->type) &&
                  divides(problem->outer.b_steps[i], gemm->type);
    return aligned || problem->outer.count == 1 ? 16 : nn_type_bits(gemm->type) / 8;
}

static matmul_problem matmul_of(const nn_node_view *node, const nn_target *target) {
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, A, B);
    matmul_problem out = {.product = start_product(node, target),
                          .packs_b = nn_view_constant(node, B) != NULL};
    nn_cublas_gemm *gemm = &out.product.gemm;
    gemm->m = g.m;
    gemm->n = g.n;
    gemm->k = g.k;
    gemm->a_row = g.k;
    gemm->transpose_b = out.packs_b;
    gemm->b_row = out.packs_b ? g.k : g.n;
    merge_batch(&g, &out.outer);
    take_inner_batch(&out.outer, gemm);
    gemm->alignment = alignment_of(&out);
    return out;
}

static matmul_problem linear_of(const nn_node_view *node, const nn_target *target) {
    matmul_problem out = matmul_of(node, target);
    out.product.bias_type = node->in[C]->type;
    out.product.bias_column = 1;
    return out;
}

static matmul_problem gemm_of(const nn_node_view *node, const nn_target *target) {
    const nn_gemm_attrs *attrs = node->attrs;
    const nn_gemm_geometry g = nn_gemm_geometry_of(node);
    matmul_problem out = {.product = start_product(node, target),
                          .outer = {.count = 1},
                          .packs_b = nn_view_constant(node, B) != NULL};
    nn_cublas_gemm *gemm = &out.product.gemm;
    gemm->m = g.m;
    gemm->n = g.n;
    gemm->k = g.k;
    gemm->transpose_a = attrs->transpose_a;
    gemm->a_row = attrs->transpose_a ? g.m : g.k;
    gemm->transpose_b = out.packs_b || attrs->transpose_b;
    gemm->b_row = gemm->transpose_b ? g.k : g.n;
    gemm->alpha = attrs->alpha;
    if (bias_of(node) == NULL) return out;
    out.product.bias_type = node->in[C]->type;
    out.product.bias_scale = attrs->beta;
    out.product.bias_row = g.c_row;
    out.product.bias_column = g.c_column;
    return out;
}

/* ---- accepts ---- */

static bool is_float_or(nn_type type, nn_type wanted) {
    return type == NNOPT_FLOAT || type == wanted;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_epilogue *epilogue = &node->epilogue;
    const nn_fact *bias = bias_of(node);
    const nn_type type = product_type(node, target);
    const nn_cublaslt *library;
    if (type != NNOPT_FLOAT && type != NNOPT_FLOAT16 && type != NNOPT_BFLOAT16) return false;
    return nn_cublaslt_open(&library) == NN_OK && is_float_or(node->in[A]->type, type) &&
           is_float_or(node->out[0]->type, type) &&
           (bias == NULL || is_float_or(bias->type, type)) &&
           (!epilogue->has_residual || is_float_or(node->in[epilogue->residual]->type, type)) &&
           epilogue->before.kind <= NN_ACT_LINEAR && epilogue->after.kind <= NN_ACT_LINEAR &&
           nn_fact_count(node->in[A]) > 0 && nn_fact_count(node->in[B]) > 0;
}

/* cuBLASLt counts rows and columns in 32 bits. */
static bool fits(const matmul_problem *problem) {
    const nn_cublas_gemm *gemm = &problem->product.gemm;
    return gemm->m <= INT32_MAX && gemm->n <= INT32_MAX && gemm->k <= INT32_MAX &&
           gemm->batch <= INT32_MAX && problem->outer.count <= MOST_LAUNCHES;
}

static bool accepts_matmul(const nn_node_view *node, const nn_target *target) {
    if (!accepts(node, target)) return false;
    const matmul_problem problem = matmul_of(node, target);
    return fits(&problem);
}

static bool accepts_linear(const nn_node_view *node, const nn_target *target) {
    return accepts_matmul(node, target) && nn_fact_count(node->in[C]) == node->in[B]->dims[1];
}

static bool accepts_gemm(const nn_node_view *node, const nn_target *target) {
    if (!accepts(node, target)) return false;
    const matmul_problem problem = gemm_of(node, target);
    return fits(&problem);
}

/* ---- prepare ---- */

typedef struct matmul_state {
    matmul_problem problem;
    nn_product_plan plan;
    const void *b, *bias; /* packed, or NULL */
    bool converts_a, converts_b;
    size_t a_offset, b_offset, product_offset;
} matmul_state;

typedef struct pack_argument {
    nn_type type;
    int64_t batch, n, k, row, column; /* steps of k and n in the constant */
} pack_argument;

/* [batch, n, k] */
static nn_status pack_b(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *p = argument;
    const nn_tensor *from = node->in[B]->constant;
    int64_t at = 0;
    for (int64_t i = 0; i < p->batch; i++)
        for (int64_t n = 0; n < p->n; n++)
            for (int64_t k = 0; k < p->k; k++)
                nn_element_put(out, p->type, at++,
                               nn_element_of(from, i * p->n * p->k + n * p->column + k * p->row));
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const nn_type *type = argument;
    const nn_tensor *from = node->in[C]->constant;
    const int64_t count = nnopt_tensor_count(from);
    for (int64_t i = 0; i < count; i++) nn_element_put(out, *type, i, nn_element_of(from, i));
    return NN_OK;
}

static nn_status prepare_b(const nn_node_view *node, nn_prepare *prepare, bool lies_transposed,
                           matmul_state *state) {
    const nn_cublas_gemm *gemm = &state->problem.product.gemm;
    const int64_t count = nn_fact_count(node->in[B]);
    const pack_argument argument = {.type = gemm->type,
                                    .batch = count / (gemm->n * gemm->k),
                                    .n = gemm->n,
                                    .k = gemm->k,
                                    .row = lies_transposed ? 1 : gemm->n,
                                    .column = lies_transposed ? gemm->k : 1};
    char variant[48];
    if (!state->problem.packs_b) {
        state->converts_b = node->in[B]->type != gemm->type;
        return NN_OK;
    }
    snprintf(variant, sizeof variant, "cublas n k %s", nnopt_type_name(gemm->type));
    return nn_prepare_pack(prepare, 1u << B, variant, nn_element_bytes(count, gemm->type), pack_b,
                           &argument, &state->b);
}

/* A constant bias takes the type of y, which cuBLASLt wants of it. */
static nn_status prepare_bias(const nn_node_view *node, nn_prepare *prepare, matmul_state *state) {
    nn_product *p = &state->problem.product;
    char variant[48];
    if (p->bias_type == NNOPT_TYPE_NONE || p->bias_type == p->y_type ||
        nn_view_constant(node, C) == NULL)
        return NN_OK;
    p->bias_type = p->y_type;
    snprintf(variant, sizeof variant, "cublas bias %s", nnopt_type_name(p->y_type));
    return nn_prepare_pack(prepare, 1u << C, variant,
                           nn_element_bytes(nn_fact_count(node->in[C]), p->y_type), pack_bias,
                           &p->y_type, &state->bias);
}

static size_t reserve(bool is_needed, int64_t count, nn_type type, size_t *used) {
    const size_t at = *used, bytes = is_needed ? nn_element_bytes(count, type) : 0;
    *used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return at;
}

/* A batch that one call does not take becomes a call for each matrix. */
static void split_batch(matmul_problem *problem) {
    outer_batch *outer = &problem->outer;
    nn_cublas_gemm *gemm = &problem->product.gemm;
    outer->dims[outer->rank] = gemm->batch;
    outer->a_steps[outer->rank] = gemm->a_batch;
    outer->b_steps[outer->rank++] = gemm->b_batch;
    outer->count *= gemm->batch;
    gemm->batch = 1;
    gemm->a_batch = gemm->b_batch = 0;
    gemm->alignment = alignment_of(problem);
}

static nn_status choose(nn_device *device, matmul_state *state) {
    matmul_problem *problem = &state->problem;
    const int64_t batch = problem->product.gemm.batch;
    nn_status status = nn_product_prepare(device, &problem->product, &state->plan);
    if (status != NN_UNSUPPORTED || batch == 1 || problem->outer.count * batch > MOST_LAUNCHES ||
        problem->outer.rank == NN_MAX_RANK)
        return status;
    split_batch(problem);
    return nn_product_prepare(device, &problem->product, &state->plan);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const matmul_problem *problem, bool lies_transposed) {
    const nn_type type = problem->product.gemm.type;
    matmul_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = (matmul_state){.problem = *problem, .converts_a = node->in[A]->type != type};
    NN_TRY(prepare_b(node, services, lies_transposed, state));
    NN_TRY(prepare_bias(node, services, state));
    nn_status status = choose(target->device, state);
    if (status != NN_OK) return nn_fail_context(status, "node '%s'", node->name);
    size_t used = 0;
    state->a_offset = reserve(state->converts_a, nn_fact_count(node->in[A]), type, &used);
    state->b_offset = reserve(state->converts_b, nn_fact_count(node->in[B]), type, &used);
    state->product_offset = used;
    nn_prepare_workspace(services, used + state->plan.workspace);
    nn_prepare_describe(services, "%s%s", state->plan.has_own ? "with a kernel behind" : "one call",
                        state->problem.outer.count > 1 ? ", by matrix" : "");
    return NN_OK;
}

static nn_status prepare_matmul(const nn_node_view *node, const nn_target *target,
                                nn_prepare *services) {
    const matmul_problem problem = matmul_of(node, target);
    return prepare(node, target, services, &problem, false);
}

static nn_status prepare_linear(const nn_node_view *node, const nn_target *target,
                                nn_prepare *services) {
    const matmul_problem problem = linear_of(node, target);
    return prepare(node, target, services, &problem, false);
}

static nn_status prepare_gemm(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services) {
    const matmul_problem problem = gemm_of(node, target);
    const nn_gemm_attrs *attrs = node->attrs;
    return prepare(node, target, services, &problem, attrs->transpose_b);
}

/* ---- run ---- */

/* First elements of the matrices that launch `index` multiplies. */
static void offsets_of(const outer_batch *outer, int64_t index, int64_t *a, int64_t *b) {
    *a = *b = 0;
    for (int axis = outer->rank - 1; axis >= 0; axis--) {
        const int64_t position = index % outer->dims[axis];
        index /= outer->dims[axis];
        *a += position * outer->a_steps[axis];
        *b += position * outer->b_steps[axis];
    }
}

static const void *shifted(const void *data, int64_t elements, nn_type type) {
    return data == NULL ? NULL : (const char *)data + nn_element_bytes(elements, type);
}

static nn_status multiply(const nn_call *call, const matmul_state *state,
                          const nn_product_operands *whole) {
    const nn_product *p = &state->problem.product;
    const int64_t outputs = p->gemm.batch * p->gemm.m * p->gemm.n;
    for (int64_t i = 0; i < state->problem.outer.count; i++) {
        int64_t a, b;
        offsets_of(&state->problem.outer, i, &a, &b);
        nn_product_operands one = *whole;
        one.a = shifted(whole->a, a, p->gemm.type);
        one.b = shifted(whole->b, b, p->gemm.type);
        one.residual = shifted(whole->residual, i * outputs, p->residual_type);
        one.y = (char *)whole->y + nn_element_bytes(i * outputs, p->y_type);
        nn_status status = nn_product_run(p, &state->plan, &one, call->queue);
        if (status != NN_OK) return nn_fail_context(status, "node '%s'", call->node->name);
        NN_TRY(nn_cuda_launched(call, cudaSuccess));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const matmul_state *state = call->state;
    const nn_product *p = &state->problem.product;
    char *workspace = call->workspace;
    nn_product_operands operands = {.a = call->in[A]->data,
                                    .b = state->b,
                                    .bias = state->bias,
                                    .residual = nn_call_residual_data(call),
                                    .y = call->out[0]->data};
    if (state->plan.workspace > 0) operands.workspace = workspace + state->product_offset;
    if (state->b == NULL) operands.b = call->in[B]->data;
    if (p->bias_type != NNOPT_TYPE_NONE && state->bias == NULL) operands.bias = call->in[C]->data;
    if (state->converts_a) {
        operands.a = workspace + state->a_offset;
        NN_TRY(nn_cuda_convert(call, A, p->gemm.type, workspace + state->a_offset));
    }
    if (state->converts_b) {
        operands.b = workspace + state->b_offset;
        NN_TRY(nn_cuda_convert(call, B, p->gemm.type, workspace + state->b_offset));
    }
    return multiply(call, state, &operands);
}

#define KERNEL(stem)                                                                               \
    const nn_kernel nn_kernel_##stem##_cublas = {                                                  \
        .name = #stem "_cublas",                                                                   \
        .on_device = true,                                                                         \
        .mixes_types = true,                                                                       \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_STANDARD,                                                              \
        .accepts = accepts_##stem,                                                                 \
        .prepare = prepare_##stem,                                                                 \
        .run = run,                                                                                \
    };

KERNEL(matmul)
KERNEL(gemm)
KERNEL(linear)
