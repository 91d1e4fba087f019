/* MatMul, Linear and Gemm by one constant matrix, by Strassen's algorithm (strassen_f32.h). Rows
 * are often of very different magnitude, so those that meet are compared. */
#include "ops/cpu/float32/gemm_f32.h"
#include "ops/cpu/float32/strassen/strassen_node.h"
#include "ops/cpu/kernels.h"

#if defined(__x86_64__)

enum { A, B, BIAS };

static nn_strassen_state *new_state(nn_prepare *services) {
    return nn_prepare_state(services, sizeof(nn_strassen_state));
}

/* ---- MatMul and Linear ---- */

static const nn_strassen_inputs matmul_inputs = {.w = B, .bias = NN_PRODUCT_NO_BIAS},
                                linear_inputs = {.w = B, .bias = BIAS};

static bool accepts_product(const nn_node_view *node, const nn_target *target,
                            const nn_strassen_inputs *inputs) {
    if (!nn_product_has_work(node)) return false;
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, A, B);
    const nn_strassen_product product = nn_strassen_matrix_product(g.batch * g.m, g.k, g.n);
    return nn_product_has_one_b(&g) && nn_strassen_takes(node, target, inputs, &product);
}

static nn_status prepare_product(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *services, const nn_strassen_inputs *inputs,
                                 const nn_strassen_form *form) {
    nn_strassen_state *state = new_state(services);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, A, B);
    const nn_strassen_product product = nn_strassen_matrix_product(g.batch * g.m, g.k, g.n);
    NN_TRY(nn_strassen_prepare(node, target, services, inputs, &product, form, state));
    if (state->packed != NULL) return NN_OK;
    return nn_product_f32_prepare(node, target, services, form->tiles, inputs->bias, &state->plain);
}

static bool accepts_matmul(const nn_node_view *node, const nn_target *target) {
    return accepts_product(node, target, &matmul_inputs);
}

static bool accepts_linear(const nn_node_view *node, const nn_target *target) {
    return accepts_product(node, target, &linear_inputs);
}

static nn_status prepare_matmul(const nn_node_view *node, const nn_target *target,
                                nn_prepare *services, const nn_strassen_form *form) {
    return prepare_product(node, target, services, &matmul_inputs, form);
}

static nn_status prepare_linear(const nn_node_view *node, const nn_target *target,
                                nn_prepare *services, const nn_strassen_form *form) {
    return prepare_product(node, target, services, &linear_inputs, form);
}

/* ---- Gemm ---- */

static nn_strassen_inputs gemm_inputs(const nn_gemm_geometry *g) {
    return (nn_strassen_inputs){
        .w = B,
        .bias = BIAS,
        .order = g->b_column == 1 ? NN_STRASSEN_BY_ROWS : NN_STRASSEN_BY_COLUMNS,
    };
}

/* Nothing is scaled, and C is a row or absent. */
static bool accepts_gemm(const nn_node_view *node, const nn_target *target) {
    const nn_gemm_attrs *attrs = node->attrs;
    if (!nn_product_has_work(node) || attrs->transpose_a || attrs->alpha != 1) return false;
    const nn_gemm_geometry g = nn_gemm_geometry_of(node);
    const bool has_c = nn_view_in(node, BIAS) != NULL;
    if (has_c && (attrs->beta != 1 || g.c_row != 0 || g.c_column != 1)) return false;
    const nn_strassen_inputs inputs = gemm_inputs(&g);
    const nn_strassen_product product = nn_strassen_matrix_product(g.m, g.k, g.n);
    return nn_strassen_takes(node, target, &inputs, &product);
}

static nn_status prepare_gemm(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_strassen_form *form) {
    nn_strassen_state *state = new_state(services);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const nn_gemm_geometry g = nn_gemm_geometry_of(node);
    const nn_strassen_inputs inputs = gemm_inputs(&g);
    const nn_strassen_product product = nn_strassen_matrix_product(g.m, g.k, g.n);
    NN_TRY(nn_strassen_prepare(node, target, services, &inputs, &product, form, state));
    if (state->packed != NULL) return NN_OK;
    return nn_gemm_f32_prepare(node, target, services, form->tiles, &node->epilogue, BIAS,
                               &state->plain);
}

/* ---- kernels ---- */

#    define LINEAR_KERNEL(op, residual, set, level)                                                \
        static nn_status prepare_##op##_##set(const nn_node_view *node, const nn_target *target,   \
                                              nn_prepare *services) {                              \
            return prepare_##op(node, target, services, &nn_strassen_f32_##set);                   \
        }                                                                                          \
        const nn_kernel nn_kernel_##op##_strassen_f32_##set = {                                    \
            .name = #op "_strassen_f32_" #set,                                                     \
            .isa = level,                                                                          \
            .exactness = NN_ROUNDING,                                                              \
            .layout = NN_LAYOUT_STANDARD,                                                          \
            .in_place = 1u << (residual),                                                          \
            .reads_pieces = 1 << B,                                                                \
            .accepts = accepts_##op,                                                               \
            .prepare = prepare_##op##_##set,                                                       \
            .run = nn_strassen_run_node,                                                           \
        };

#    define LINEAR_KERNELS(set, level)                                                             \
        LINEAR_KERNEL(matmul, 2, set, level)                                                       \
        LINEAR_KERNEL(linear, 3, set, level)                                                       \
        LINEAR_KERNEL(gemm, 3, set, level)

LINEAR_KERNELS(avx2, NN_ISA_AVX2)
LINEAR_KERNELS(avx512, NN_ISA_AVX512)

#endif
