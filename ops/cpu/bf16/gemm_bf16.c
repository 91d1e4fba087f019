/* Gemm, MatMul and Linear with bf16 products and float sums (direct_bf16.h), for plans of that
 * precision. */
#include "ops/cpu/bf16/bf16_operands.h"
#include "ops/cpu/kernels.h"
#include "ops/family/gemm.h"
#include "ops/family/matmul.h"

/* Fewer columns or fewer summands leave most of a tile empty. */
enum { LEAST = 8 };

/* ---- Gemm ---- */

typedef struct gemm_state {
    nn_bf16_plan plan;
    nn_bf16_constants constants;
    bool c_is_residual;
    int64_t lists[];
} gemm_state;

/* C with rows of its own is added like a residual, when the node has none. */
static bool c_as_residual(const nn_node_view *node) {
    const nn_gemm_attrs *attrs = node->attrs;
    nn_gemm_geometry g = nn_gemm_geometry_of(node);
    return g.c_row == g.n && g.c_column == 1 && attrs->beta == 1 &&
           nn_epilogue_is_empty(&node->epilogue) && node->in[2]->type == NNOPT_FLOAT;
}

static bool make_gemm(const nn_node_view *node, const nn_target *target, nn_bf16_plan *plan) {
    nn_gemm_geometry g = nn_gemm_geometry_of(node);
    nn_direct_problem problem = nn_direct_product(g.m, g.n, g.k);
    nn_epilogue epilogue = node->epilogue;
    nn_bf16_types types;
    if (!nn_bf16_types_of(node, 0, &types)) return false;
    if (g.c_row != 0) {
        epilogue = (nn_epilogue){.has_residual = true, .residual = 2};
        types.residual_is_float = true;
    }
    return nn_bf16_plan_make(&problem, &types, target->isa, target->threads, &epilogue, plan);
}

static bool accepts_gemm(const nn_node_view *node, const nn_target *target) {
    const nn_gemm_attrs *attrs = node->attrs;
    nn_bf16_types types;
    nn_bf16_plan plan;
    if (attrs->transpose_a || !nn_bf16_types_of(node, 0, &types)) return false;
    if (nn_view_constant(node, 1) == NULL || !nn_bf16_is_constant(node, 1)) return false;
    nn_gemm_geometry g = nn_gemm_geometry_of(node);
    if (g.k < LEAST || g.n < LEAST) return false;
    bool fits = g.c_row == 0 ? nn_bf16_is_constant(node, 2) : c_as_residual(node);
    return fits && make_gemm(node, target, &plan);
}

static nn_status prepare_gemm(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services) {
    const nn_gemm_attrs *attrs = node->attrs;
    nn_bf16_plan plan;
    make_gemm(node, target, &plan);
    size_t bytes = sizeof(gemm_state) + nn_bf16_plan_bytes(&plan);
    gemm_state *state = nn_prepare_state(services, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    nn_gemm_geometry g = nn_gemm_geometry_of(node);
    state->plan = plan;
    state->c_is_residual = g.c_row != 0;
    nn_bf16_plan_fill(&state->plan, state->lists);
    state->constants = (nn_bf16_constants){
        .w = 1,
        .bias = nn_view_in(node, 2) != NULL && !state->c_is_residual ? 2 : -1,
        .source = {.column_step = g.b_column, .k_step = g.b_row, .scale = attrs->alpha},
        .bias_step = g.c_column,
        .bias_scale = attrs->beta,
    };
    nn_prepare_workspace(services, nn_bf16_workspace(&plan, target->threads));
    return nn_bf16_prepare(node, &state->plan, services, &state->constants);
}

static nn_status run_gemm(const nn_call *call) {
    const gemm_state *state = call->state;
    const nn_bf16_operands operands = {
        .packed = state->constants.packed,
        .bias = state->constants.packed_bias,
        .x = call->in[0]->data,
        .residual = state->c_is_residual ? call->in[2]->data : nn_call_residual_data(call),
        .y = call->out[0]->data,
    };
    nn_bf16_run(&state->plan, &operands, call->pool, call->workspace);
    return NN_OK;
}

/* ---- MatMul ---- */

typedef struct matmul_state {
    nn_bf16_plan plan;
    nn_bf16_constants constants; /* packed NULL: B is packed in each run */
    nn_matmul_geometry geometry;
    int64_t products; /* 1 where one B serves all rows of A */
    bool by_product;  /* each worker takes whole products */
    size_t packed_bytes, worker_bytes;
    int64_t lists[];
} matmul_state;

static bool has_one_b(const nn_matmul_geometry *g) {
    for (int i = 0; i < g->batch_rank; i++)
        if (g->b_steps[i] != 0 || (g->a_steps[i] == 0 && g->batch_dims[i] > 1)) return false;
    return true;
}

static bool make_matmul(const nn_node_view *node, const nn_target *target, nn_bf16_plan *plan) {
    nn_matmul_geometry g = nn_matmul_geometry_of(node, 0, 1);
    bool one_b = has_one_b(&g);
    nn_direct_problem problem = nn_direct_product(one_b ? g.batch * g.m : g.m, g.n, g.k);
    nn_bf16_types types;
    bool by_product = !one_b && g.batch >= target->threads;
    return nn_bf16_types_of(node, 0, &types) &&
           nn_bf16_plan_make(&problem, &types, target->isa, by_product ? 1 : target->threads,
                             &node->epilogue, plan);
}

static bool accepts_matmul(const nn_node_view *node, const nn_target *target) {
    nn_bf16_types types;
    nn_bf16_plan plan;
    nn_type b = node->in[1]->type;
    if (!nn_bf16_types_of(node, 0, &types) || nn_fact_count(node->in[1]) <= 0) return false;
    if (b != NNOPT_FLOAT && b != NNOPT_BFLOAT16) return false;
    nn_matmul_geometry g = nn_matmul_geometry_of(node, 0, 1);
    return g.k >= LEAST && g.n >= LEAST && make_matmul(node, target, &plan);
}

static bool accepts_linear(const nn_node_view *node, const nn_target *target) {
    return nn_view_constant(node, 1) != NULL && nn_bf16_is_constant(node, 1) &&
           nn_bf16_is_constant(node, 2) && accepts_matmul(node, target);
}

static nn_status prepare_matmul(const nn_node_view *node, const nn_target *target,
                                nn_prepare *services) {
    nn_bf16_plan plan;
    make_matmul(node, target, &plan);
    size_t bytes = sizeof(matmul_state) + nn_bf16_plan_bytes(&plan);
    matmul_state *state = nn_prepare_state(services, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    nn_matmul_geometry g = state->geometry = nn_matmul_geometry_of(node, 0, 1);
    bool one_b = has_one_b(&g);
    state->plan = plan;
    state->products = one_b ? 1 : g.batch;
    state->by_product = !one_b && g.batch >= target->threads;
    nn_bf16_plan_fill(&state->plan, state->lists);
    state->constants = (nn_bf16_constants){
        .w = 1,
        .bias = node->op == &nn_op_linear ? 2 : -1,
        .source = {.column_step = 1, .k_step = g.n, .scale = 1},
        .bias_step = 1,
        .bias_scale = 1,
    };
    if (one_b && nn_view_constant(node, 1) != NULL && nn_bf16_is_constant(node, 1)) {
        nn_prepare_workspace(services, nn_bf16_workspace(&plan, target->threads));
        return nn_bf16_prepare(node, &state->plan, services, &state->constants);
    }
    state->packed_bytes = nn_bf16_packed_bytes(&plan);
    state->worker_bytes = state->packed_bytes + nn_bf16_workspace(&plan, 1);
    size_t others = state->by_product ? state->worker_bytes * (size_t)(target->threads - 1)
                                      : nn_bf16_workspace(&plan, target->threads - 1);
    nn_prepare_workspace(services, state->worker_bytes + others);
    return nn_bf16_prepare_bias(&state->plan, services, &state->constants);
}

/* Product `index`, with B packed in front of `workspace`. */
static void run_product(const nn_call *call, int64_t index, nn_pool *pool, char *workspace) {
    const matmul_state *state = call->state;
    const nn_matmul_geometry *g = &state->geometry;
    const nn_tensor *x = call->in[0], *w = call->in[1], *out = call->out[0];
    const nn_epilogue *epilogue = &call->node->epilogue;
    int64_t a = 0, b = 0, y = index * g->m * g->n;
    if (state->products > 1) nn_matmul_offsets(g, index, &a, &b);
    const char *residual = nn_call_residual_data(call);
    if (residual != NULL) residual += y * nn_type_bits(call->in[epilogue->residual]->type) / 8;
    nn_bf16_pack_matrix(&state->plan, (const char *)w->data + b * nn_type_bits(w->type) / 8,
                        w->type == NNOPT_FLOAT, g->n, (uint16_t *)workspace);
    const nn_bf16_operands operands = {
        .packed = workspace,
        .bias = state->constants.packed_bias,
        .x = (const char *)x->data + a * nn_type_bits(x->type) / 8,
        .residual = residual,
        .y = (char *)out->data + y * nn_type_bits(out->type) / 8,
    };
    nn_bf16_run(&state->plan, &operands, pool, workspace + state->packed_bytes);
}

static void run_products(void *argument, int64_t begin, int64_t end, int worker) {
    const nn_call *call = argument;
    const matmul_state *state = call->state;
    char *own = (char *)call->workspace + state->worker_bytes * (size_t)worker;
    for (int64_t i = begin; i < end; i++) run_product(call, i, NULL, own);
}

static nn_status run_matmul(const nn_call *call) {
    const matmul_state *state = call->state;
    if (state->constants.packed != NULL) {
        const nn_bf16_operands operands = {
            .packed = state->constants.packed,
            .bias = state->constants.packed_bias,
            .x = call->in[0]->data,
            .residual = nn_call_residual_data(call),
            .y = call->out[0]->data,
        };
        nn_bf16_run(&state->plan, &operands, call->pool, call->workspace);
        return NN_OK;
    }
    nn_call copy = *call;
    if (state->by_product)
        nn_parallel(call->pool, state->products, 1, run_products, &copy);
    else
        for (int64_t i = 0; i < state->products; i++)
            run_product(call, i, call->pool, call->workspace);
    return NN_OK;
}

/* ---- kernels ---- */

#define RESIDUAL_AT(index) .layout = NN_LAYOUT_STANDARD, .in_place = 1u << (index)
NN_BF16_KERNELS(gemm, accepts_gemm, prepare_gemm, run_gemm, RESIDUAL_AT(3));
NN_BF16_KERNELS(matmul, accepts_matmul, prepare_matmul, run_matmul, RESIDUAL_AT(2));
NN_BF16_KERNELS(linear, accepts_linear, prepare_matmul, run_matmul, RESIDUAL_AT(3));
