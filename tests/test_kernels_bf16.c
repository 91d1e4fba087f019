/* Every kernel of plans in bf16 against the float reference kernel of its operator, on numbers that
 * are bf16, so that products are exact and what differs is the order of summation and the rounding
 * of the result: odd sizes, all combinations of types, guarded and odd-aligned memory, one thread
 * and more, fused work, infinities and NaN. */
#include "tests/support/bf16_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)

BF16_PRODUCT(gemm);
BF16_PRODUCT(matmul);
BF16_PRODUCT(linear);
BF16_PRODUCT(recurrent);
BF16_ALONE(add, avx512bf16);
BF16_ALONE(mul, avx512bf16);
BF16_ALONE(max_pool, avx512);
BF16_ALONE(average_pool, avx512);
BF16_ALONE(global_max_pool, avx512);
BF16_ALONE(global_average_pool, avx512);

/* ---- products ---- */

START_TEST(gemms_of_random_sizes) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(1100 + (uint32_t)_i);
    for (int i = 0; i < 10; i++) {
        kernel_host host;
        char what[96];
        int64_t m = host_between(0, 2) ? host_between(1, 70) : 1, n = host_between(8, 90),
                k = host_between(8, 150);
        bool transposed = host_between(0, 1), has_c = host_between(0, 1);
        snprintf(what, sizeof what, "%lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
        host_init(&host, &nn_op_gemm, 13);
        host_int(&host, "transB", transposed);
        host_float(&host, "alpha", 0.5f);
        host_float(&host, "beta", has_c ? 2 : 1);
        bf16_random_input(&host, (int64_t[]){m, k}, 2, false);
        bf16_random_input(&host, transposed ? (int64_t[]){n, k} : (int64_t[]){k, n}, 2, true);
        if (has_c)
            bf16_random_input(&host, &n, 1, true);
        else
            host_absent(&host);
        host.epilogue = bf16_random_epilogue(3);
        if (host.epilogue.has_residual) bf16_random_input(&host, (int64_t[]){m, n}, 2, false);
        bf16_check_kernels(&host, gemm_kernels, bf16_random_operands(3), 2e-6 * (double)(3 + k),
                           what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(gemm_adds_a_whole_matrix) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    kernel_host host;
    host_seed(5);
    host_init(&host, &nn_op_gemm, 13);
    bf16_random_input(&host, (int64_t[]){19, 40}, 2, false);
    bf16_random_input(&host, (int64_t[]){40, 33}, 2, true);
    bf16_random_input(&host, (int64_t[]){19, 33}, 2, false);
    bf16_check_kernels(&host, gemm_kernels, 1, 1e-4, "C of 19x33");
    host_clear(&host);
}
END_TEST

START_TEST(matmuls_of_random_sizes) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(1300 + (uint32_t)_i);
    for (int i = 0; i < 10; i++) {
        kernel_host host;
        char what[96];
        int64_t m = host_between(1, 50), n = host_between(8, 80), k = host_between(8, 100),
                batch = host_between(1, 4);
        bool constant = host_between(0, 1), one_b = host_between(0, 1);
        snprintf(what, sizeof what, "%lld of %lld x %lld x %lld%s%s", (long long)batch,
                 (long long)m, (long long)n, (long long)k, constant ? ", constant" : "",
                 one_b ? ", one B" : "");
        host_init(&host, &nn_op_matmul, 13);
        bf16_random_input(&host, (int64_t[]){batch, m, k}, 3, false);
        bf16_random_input(&host, one_b ? (int64_t[]){1, k, n} : (int64_t[]){batch, k, n}, 3,
                          constant);
        host.epilogue = bf16_random_epilogue(2);
        if (host.epilogue.has_residual)
            bf16_random_input(&host, (int64_t[]){batch, m, n}, 3, false);
        uint32_t operands =
            bf16_random_operands(2) | (constant ? 0 : (uint32_t)host_between(0, 1) << 1);
        bf16_check_kernels(&host, matmul_kernels, operands, 2e-6 * (double)(3 + k), what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(linears_of_random_sizes) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(1700 + (uint32_t)_i);
    for (int i = 0; i < 6; i++) {
        kernel_host host;
        int64_t m = host_between(1, 50), n = host_between(8, 80), k = host_between(8, 100),
                batch = host_between(1, 3);
        host_init(&host, &nn_op_linear, 1);
        bf16_random_input(&host, (int64_t[]){batch, m, k}, 3, false);
        bf16_random_input(&host, (int64_t[]){k, n}, 2, true);
        bf16_random_input(&host, &n, 1, true);
        host.epilogue = bf16_random_epilogue(3);
        if (host.epilogue.has_residual)
            bf16_random_input(&host, (int64_t[]){batch, m, n}, 3, false);
        bf16_check_kernels(&host, linear_kernels, bf16_random_operands(3), 2e-6 * (double)(3 + k),
                           "Linear");
        host_clear(&host);
    }
}
END_TEST

/* Keys and probabilities are rounded, so results are as near as that; a mask, several heads,
 * grouped queries, and more queries than a block holds. */
START_TEST(attention_of_random_sizes) {
    const nn_kernel *const *all = nn_op_attention.kernels;
    const nn_kernel *const attention_kernels[] = {all[0], all[1], NULL};
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(1900 + (uint32_t)_i);
    for (int i = 0; i < 5; i++) {
        kernel_host host;
        int64_t batch = host_between(1, 2), kv_heads = host_between(1, 3),
                heads = kv_heads * host_between(1, 2);
        int64_t queries = i == 0   ? 150
                          : i == 1 ? 128
                                   : host_between(8, 40),
                keys = host_between(8, 70);
        int64_t size = host_between(8, 70), values = host_between(8, 70);
        bool flat = host_between(0, 1), has_mask = host_between(0, 1);
        host_init(&host, &nn_op_attention, 23);
        if (flat) {
            host_int(&host, "q_num_heads", heads);
            host_int(&host, "kv_num_heads", kv_heads);
            bf16_random_input(&host, (int64_t[]){batch, queries, heads * size}, 3, false);
            bf16_random_input(&host, (int64_t[]){batch, keys, kv_heads * size}, 3, false);
            bf16_random_input(&host, (int64_t[]){batch, keys, kv_heads * values}, 3, false);
        } else {
            host_int(&host, "is_causal", host_between(0, 1));
            bf16_random_input(&host, (int64_t[]){batch, heads, queries, size}, 4, false);
            bf16_random_input(&host, (int64_t[]){batch, kv_heads, keys, size}, 4, false);
            bf16_random_input(&host, (int64_t[]){batch, kv_heads, keys, values}, 4, false);
        }
        if (has_mask) bf16_random_input(&host, (int64_t[]){batch, 1, queries, keys}, 4, false);
        uint32_t operands = host_between(0, 1) ? 3 : 0;
        operands |= (uint32_t)host_between(0, 1) << 2 | (uint32_t)host_between(0, 1) << 31;
        bf16_check_kernels(&host, attention_kernels, operands, 0x1p-7, "Attention");
        host_clear(&host);
    }
}
END_TEST

/* ---- recurrent layers ---- */

/* States are rounded in each step, so results are as near as that. */
START_TEST(recurrent_layers_of_random_sizes) {
    static const nn_op *const ops[] = {&nn_op_rnn, &nn_op_gru, &nn_op_lstm};
    static const int64_t gates[] = {1, 3, 4};
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(2300 + (uint32_t)_i);
    for (int i = 0; i < 6; i++) {
        kernel_host host;
        const int kind = i % 3;
        const int64_t directions = host_between(1, 2),
                      batch = host_between(0, 1) ? 1 : host_between(2, 20);
        const int64_t steps = host_between(1, 6), inputs = host_between(8, 70),
                      hidden = host_between(16, 70);
        const int64_t columns = gates[kind] * hidden;
        host_init(&host, ops[kind], 14);
        host_int(&host, "hidden_size", hidden);
        host_text(&host, "direction", directions == 2 ? "bidirectional" : "forward");
        if (kind == 1) host_int(&host, "linear_before_reset", host_between(0, 1));
        bf16_random_input(&host, (int64_t[]){steps, batch, inputs}, 3, false);
        float *w = bf16_random_input(&host, (int64_t[]){directions, columns, inputs}, 3, true);
        for (int64_t k = 0; k < directions * columns * inputs; k++) w[k] *= 0.125f;
        float *r = bf16_random_input(&host, (int64_t[]){directions, columns, hidden}, 3, true);
        for (int64_t k = 0; k < directions * columns * hidden; k++) r[k] *= 0.125f;
        bf16_random_input(&host, (int64_t[]){directions, 2 * columns}, 2, true);
        bf16_check_kernels(&host, recurrent_kernels, 0, 0x1p-6, host.op->name);
        host_clear(&host);
    }
}
END_TEST

/* ---- sums and products of maps ---- */

START_TEST(sums_and_products_of_maps) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(2100 + (uint32_t)_i);
    for (int i = 0; i < 8; i++) {
        kernel_host host;
        const bool adds = i % 2 == 0, gates = host_between(0, 1), first = host_between(0, 1);
        int64_t map[4] = {host_between(1, 3), host_between(1, 100), host_between(1, 9),
                          host_between(1, 9)};
        int64_t other[4] = {map[0], map[1], gates ? 1 : map[2], gates ? 1 : map[3]};
        host_init(&host, adds ? &nn_op_add : &nn_op_mul, 14);
        bf16_random_input(&host, first ? other : map, 4, false);
        bf16_random_input(&host, first ? map : other, 4, false);
        bf16_check_kernels(&host, adds ? add_kernels : mul_kernels, 3 | 1u << 31, 0, "maps");
        host_clear(&host);
    }
}
END_TEST

/* ---- pools ---- */

START_TEST(pools_of_random_sizes) {
    static const struct {
        const nn_op *op;
        const nn_kernel *const *kernels;
        bool is_global;
    } pools[] = {
        {&nn_op_max_pool, max_pool_kernels, false},
        {&nn_op_average_pool, average_pool_kernels, false},
        {&nn_op_global_max_pool, global_max_pool_kernels, true},
        {&nn_op_global_average_pool, global_average_pool_kernels, true},
    };
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(1500 + (uint32_t)_i);
    for (int i = 0; i < 8; i++) {
        kernel_host host;
        int64_t dims[4] = {host_between(1, 2), host_between(1, 150), host_between(3, 15),
                           host_between(3, 15)};
        host_init(&host, pools[_i % 4].op, pools[_i % 4].is_global ? 1 : 12);
        if (!pools[_i % 4].is_global) {
            host_ints(&host, "kernel_shape", (int64_t[]){host_between(1, 3), host_between(1, 3)},
                      2);
            host_ints(&host, "strides", (int64_t[]){host_between(1, 3), host_between(1, 3)}, 2);
        }
        bf16_random_input(&host, dims, 4, false);
        bf16_check_kernels(&host, pools[_i % 4].kernels, 1 | 1u << 31, 1e-5, "a pool");
        host_clear(&host);
    }
}
END_TEST

/* ---- what is not taken ---- */

START_TEST(only_plans_in_bf16_have_them) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    kernel_host host;
    host_init(&host, &nn_op_matmul, 13);
    bf16_random_input(&host, (int64_t[]){16, 32}, 2, false);
    bf16_random_input(&host, (int64_t[]){32, 32}, 2, true);
    host_infer(&host);
    nn_target target = {.threads = 1};
    for (int i = 0; i < 2; i++) {
        target.isa = matmul_kernels[i]->isa;
        target.precision = NN_PRECISION_FP32;
        ck_assert_str_eq(nn_kernel_select(&host.view, &target)->name, "matmul_f32_avx512");
        target.precision = NN_PRECISION_BF16;
        ck_assert_ptr_eq(nn_kernel_select(&host.view, &target), matmul_kernels[i]);
    }
    /* Float kernels would read bf16 as floats. */
    host_to_bf16(&host, 0);
    ck_assert_ptr_eq(nn_kernel_select(&host.view, &target), matmul_kernels[1]);
    target.isa = NN_ISA_VNNI;
    const nn_kernel *other = nn_kernel_select(&host.view, &target);
    ck_assert_msg(other == NULL || strcmp(other->name, "matmul_reference") == 0, "%s", other->name);
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of plans in bf16");
    TCase *tcase = tcase_create("others");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, gemms_of_random_sizes, 0, 10);
    tcase_add_test(tcase, gemm_adds_a_whole_matrix);
    tcase_add_loop_test(tcase, matmuls_of_random_sizes, 0, 10);
    tcase_add_loop_test(tcase, linears_of_random_sizes, 0, 5);
    tcase_add_loop_test(tcase, attention_of_random_sizes, 0, 6);
    tcase_add_loop_test(tcase, sums_and_products_of_maps, 0, 5);
    tcase_add_loop_test(tcase, recurrent_layers_of_random_sizes, 0, 6);
    tcase_add_loop_test(tcase, pools_of_random_sizes, 0, 8);
    tcase_add_test(tcase, only_plans_in_bf16_have_them);
    suite_add_tcase(suite, tcase);
    return suite;
}

#else

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of plans in bf16");
    printf("skipped: this is no x86-64 CPU\n");
    suite_add_tcase(suite, tcase_create("none"));
    return suite;
}

#endif
