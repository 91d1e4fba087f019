#include "ops/cpu/float32/recurrent/recurrent_inputs_f32.h"

#include "base/integers.h"

#include <math.h>

/* Where there is only one way, what the others need is left out: a macro, so that no compiler
 * leaves calls of what is not there. */
#if defined(__x86_64__)
#    define GOES(inputs, how) ((inputs)->way == (how))
#else
#    define GOES(inputs, how) false
#endif

nn_recurrent_inputs_way nn_recurrent_inputs_choose(int64_t rows, int64_t k, int64_t columns,
                                                   const nn_tensor *w, const nn_target *target,
                                                   int threads) {
#if defined(__x86_64__)
    const nn_strassen_product product = nn_strassen_matrix_product(rows, k, columns);
    if (w == NULL || target->deterministic) return NN_INPUTS_PLAIN;
    if (nn_shared_gains(target->isa) && nn_shared_pays(1, k, columns)) return NN_INPUTS_SHARED;
    if (target->isa < NN_ISA_AVX2 || !nn_strassen_pays(&product, target->isa, threads))
        return NN_INPUTS_PLAIN;
    /* Sums of halves would not be what those of an infinity are. */
    const float *weights = w->data;
    for (int64_t i = 0; i < nn_tensor_count(w); i++)
        if (!isfinite(weights[i])) return NN_INPUTS_PLAIN;
    return NN_INPUTS_STRASSEN;
#else
    (void)rows, (void)k, (void)columns, (void)w, (void)target, (void)threads;
    return NN_INPUTS_PLAIN;
#endif
}

/* ---- plan ---- */

static void plan_strassen(nn_recurrent_inputs *inputs, const nn_tiles_f32 *tiles, int threads) {
#if defined(__x86_64__)
    const nn_strassen_product product =
        nn_strassen_matrix_product(inputs->rows, inputs->k, inputs->columns);
    const nn_strassen_form *form =
        tiles == &nn_tiles_f32_avx512 ? &nn_strassen_f32_avx512 : &nn_strassen_f32_avx2;
    nn_strassen_plan_make(&product, form, threads, &(nn_epilogue){0}, &inputs->strassen);
    inputs->w_floats = (int64_t)(nn_strassen_packed_bytes(&inputs->strassen) / sizeof(float));
    inputs->bias_floats = nn_round_up(inputs->columns, NN_ALIGNMENT / (int64_t)sizeof(float));
#else
    (void)inputs, (void)tiles, (void)threads;
#endif
}

void nn_recurrent_inputs_plan(nn_recurrent_inputs *inputs, const nn_tiles_f32 *tiles, nn_isa isa,
                              int threads) {
    const nn_epilogue none = {0};
    nn_direct_problem product = nn_direct_product(inputs->rows, inputs->columns, inputs->k);
    if (GOES(inputs, NN_INPUTS_SHARED)) product.sharing = NN_SHARE_WHERE_FASTER;
    if (GOES(inputs, NN_INPUTS_STRASSEN)) {
        plan_strassen(inputs, tiles, threads);
    } else if (GOES(inputs, NN_INPUTS_BF16)) {
        const nn_bf16_types types = {true, true, false};
        nn_bf16_plan_make(&product, &types, isa, threads, &none, &inputs->bf16);
        inputs->w_floats = (int64_t)(nn_bf16_packed_bytes(&inputs->bf16) / sizeof(float));
        inputs->bias_floats = (int64_t)(nn_bf16_bias_bytes(&inputs->bf16) / sizeof(float));
    } else {
        nn_direct_plan_make(&product, tiles, threads, &none, &inputs->plain);
        inputs->w_floats = (int64_t)(nn_direct_packed_bytes(&inputs->plain) / sizeof(float));
        inputs->bias_floats = (int64_t)(nn_direct_bias_bytes(&inputs->plain) / sizeof(float));
    }
}

size_t nn_recurrent_inputs_list_bytes(const nn_recurrent_inputs *inputs) {
    return GOES(inputs, NN_INPUTS_BF16) ? nn_bf16_plan_bytes(&inputs->bf16) : 0;
}

void nn_recurrent_inputs_fill(nn_recurrent_inputs *inputs, void *lists) {
    if (GOES(inputs, NN_INPUTS_BF16)) nn_bf16_plan_fill(&inputs->bf16, lists);
}

/* ---- packing ---- */

void nn_recurrent_inputs_variant(const nn_recurrent_inputs *inputs, char *text, size_t size) {
    const nn_direct_source source = {.column_step = inputs->k, .k_step = 1, .scale = 1};
    if (GOES(inputs, NN_INPUTS_STRASSEN))
        nn_strassen_variant(&inputs->strassen, text, size);
    else if (GOES(inputs, NN_INPUTS_BF16))
        nn_bf16_variant(&inputs->bf16, &source, text, size);
    else
        nn_direct_variant(&inputs->plain, &source, text, size);
}

static void pack_bf16(const nn_recurrent_inputs *inputs, int64_t column, int64_t count,
                      const float *w, uint16_t *packed) {
    const nn_bf16_plan *plan = &inputs->bf16;
    for (int64_t step = 0; step < plan->step_count; step++)
        nn_bf16_pack_columns(w + step * plan->k, true, inputs->k, inputs->k - step * plan->k,
                             (int)count, plan->k / 2, 1,
                             nn_bf16_packed_tile(plan, packed, step, column));
}

void nn_recurrent_inputs_pack(const nn_recurrent_inputs *inputs, const nn_rows_f32 *rows,
                              int64_t column, int64_t count, const float *w, float *packed) {
    if (GOES(inputs, NN_INPUTS_STRASSEN)) {
        nn_strassen_pack_columns(&inputs->strassen, column, count, w, packed);
    } else if (GOES(inputs, NN_INPUTS_BF16)) {
        pack_bf16(inputs, column, count, w, (uint16_t *)packed);
    } else {
        int64_t step;
        float *to = nn_direct_packed_column(&inputs->plain, packed, column, &step);
        rows->transpose((const uint32_t *)w, inputs->k, (uint32_t *)to, step, inputs->k, count);
    }
}

void nn_recurrent_inputs_finish(const nn_recurrent_inputs *inputs, float *packed) {
    if (GOES(inputs, NN_INPUTS_STRASSEN))
        nn_strassen_finish(&inputs->strassen, packed);
    else if (GOES(inputs, NN_INPUTS_SHARED))
        nn_direct_end_rows(&inputs->plain, packed);
}

/* ---- running ---- */

size_t nn_recurrent_inputs_workspace(const nn_recurrent_inputs *inputs, int threads) {
    if (GOES(inputs, NN_INPUTS_STRASSEN)) return nn_strassen_workspace(&inputs->strassen, threads);
    return GOES(inputs, NN_INPUTS_BF16) ? nn_bf16_workspace(&inputs->bf16, threads)
                                        : nn_direct_workspace(&inputs->plain, threads);
}

void nn_recurrent_inputs_run(const nn_recurrent_inputs *inputs, const float *packed,
                             const float *bias, const float *x, float *y, nn_pool *pool,
                             void *workspace) {
    if (GOES(inputs, NN_INPUTS_STRASSEN)) {
        const nn_strassen_operands operands = {.packed = packed, .bias = bias, .a = x, .y = y};
        nn_strassen_run(&inputs->strassen, &operands, pool, workspace);
    } else if (GOES(inputs, NN_INPUTS_BF16)) {
        const nn_bf16_operands operands = {.packed = packed, .x = x, .bias = bias, .y = y};
        nn_bf16_run(&inputs->bf16, &operands, pool, workspace);
    } else {
        nn_direct_run(&inputs->plain, packed, bias, x, NULL, y, pool, workspace);
    }
}
