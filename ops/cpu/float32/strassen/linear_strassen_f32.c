/* MatMul and Linear by one constant matrix, by Strassen's algorithm (strassen_f32.h). Rows are
 * often of very different magnitude, so those that meet are compared. */
#include "base/integers.h"
#include "ops/cpu/float32/gemm_f32.h"
#include "ops/cpu/float32/strassen/strassen_node.h"
#include "ops/cpu/kernels.h"

#if defined(__x86_64__)

enum { A, B, BIAS };

static nn_strassen_product product_of(const nn_matmul_geometry *g) {
    return (nn_strassen_product){
        .rows = g->batch * g->m,
        .k = g->k,
        .columns = g->n,
        .compares_rows = true,
        .a_step = g->k,
        .y_step = g->n,
    };
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    if (node->out[0]->type != NNOPT_FLOAT || nn_fact_count(node->out[0]) <= 0 ||
        nn_fact_count(node->in[A]) <= 0)
        return false;
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, A, B);
    const nn_strassen_product product = product_of(&g);
    return nn_product_has_one_b(&g) && nn_strassen_takes(node, target, B, BIAS, &product);
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const nn_strassen_pack *pack = argument;
    const nn_strassen_product *product = &pack->plan->product;
    const nn_strassen_places places = nn_strassen_places_of(pack->plan, out);
    const int64_t row_bytes = product->columns * (int64_t)sizeof(float);
    const int64_t rows = nn_max(NN_PIECE_BYTES / row_bytes, 1);
    (void)node;
    for (int64_t k = 0; k < product->k; k += rows) {
        const int64_t end = nn_min(k + rows, product->k);
        const void *w;
        NN_TRY(nn_prepare_piece(pack->services, B, k * product->columns,
                                (end - k) * product->columns, &w));
        nn_strassen_pack_rows(pack->plan, k, end, w, places.weights);
    }
    *places.found = nn_strassen_finish(pack->plan, places.weights, places.factors);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         int bias, const nn_strassen_form *form) {
    nn_strassen_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, A, B);
    const nn_strassen_product product = product_of(&g);
    NN_TRY(
        nn_strassen_prepare(node, target, services, &product, form, pack_weights, B, bias, state));
    if (state->limit > 0) return NN_OK;
    return nn_product_f32_prepare(node, target, services, form->tiles, bias, &state->plain);
}

#    define LINEAR_KERNEL(op, bias, residual, set, level)                                          \
        static nn_status prepare_##op##_##set(const nn_node_view *node, const nn_target *target,   \
                                              nn_prepare *services) {                              \
            return prepare(node, target, services, bias, &nn_strassen_f32_##set);                  \
        }                                                                                          \
        const nn_kernel nn_kernel_##op##_strassen_f32_##set = {                                    \
            .name = #op "_strassen_f32_" #set,                                                     \
            .isa = level,                                                                          \
            .exactness = NN_ROUNDING,                                                              \
            .layout = NN_LAYOUT_STANDARD,                                                          \
            .in_place = 1u << (residual),                                                          \
            .reads_pieces = 1 << B,                                                                \
            .accepts = accepts,                                                                    \
            .prepare = prepare_##op##_##set,                                                       \
            .run = nn_strassen_run_node,                                                           \
        };

LINEAR_KERNEL(matmul, NN_PRODUCT_NO_BIAS, 2, avx2, NN_ISA_AVX2)
LINEAR_KERNEL(matmul, NN_PRODUCT_NO_BIAS, 2, avx512, NN_ISA_AVX512)
LINEAR_KERNEL(linear, BIAS, 3, avx2, NN_ISA_AVX2)
LINEAR_KERNEL(linear, BIAS, 3, avx512, NN_ISA_AVX512)

#endif
