/* Every kernel of float matrix products and attention this CPU can run against the reference kernel
 * of its operator (float_host.h). */
#include "ops/cpu/kernels.h"
#include "tests/support/float_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void check_matmul(const int64_t *a, int a_rank, const int64_t *b, int b_rank,
                         const int64_t *y, int y_rank, bool constant) {
    kernel_host host;
    char what[256], a_text[64], b_text[64];
    snprintf(what, sizeof what, "%s x %s", nn_dims_text(a, a_rank, a_text, sizeof a_text),
             nn_dims_text(b, b_rank, b_text, sizeof b_text));
    host_init(&host, &nn_op_matmul, 13);
    random_input(&host, a, a_rank, false);
    random_input(&host, b, b_rank, constant);
    host.epilogue = random_epilogue(2);
    if (host.epilogue.has_residual) random_input(&host, y, y_rank, false);
    host_infer(&host);
    check_all(&host, 1e-6 * (3 + sqrt((double)a[a_rank - 1])), what);
    host_clear(&host);
}

START_TEST(products_of_random_sizes) {
    host_seed(200 + (uint32_t)_i);
    for (int i = 0; i < 40; i++) {
        int64_t m = host_between(1, 40),
                k = host_between(0, 3) ? host_between(1, 40) : host_between(1, 700),
                n = host_between(1, 150);
        int64_t batch = host_between(1, 5), heads = host_between(1, 3);
        bool constant = host_between(0, 1);
        switch (host_between(0, 5)) {
        case 0:
            check_matmul((int64_t[]){m, k}, 2, (int64_t[]){k, n}, 2, (int64_t[]){m, n}, 2,
                         constant);
            break;
        case 1:
            check_matmul((int64_t[]){batch, m, k}, 3, (int64_t[]){k, n}, 2,
                         (int64_t[]){batch, m, n}, 3, constant);
            break;
        case 2:
            check_matmul((int64_t[]){batch, heads, m, k}, 4, (int64_t[]){batch, heads, k, n}, 4,
                         (int64_t[]){batch, heads, m, n}, 4, constant);
            break;
        case 3:
            check_matmul((int64_t[]){batch, 1, m, k}, 4, (int64_t[]){heads, k, n}, 3,
                         (int64_t[]){batch, heads, m, n}, 4, constant);
            break;
        case 4:
            check_matmul((int64_t[]){k}, 1, (int64_t[]){batch, k, n}, 3, (int64_t[]){batch, n}, 2,
                         constant);
            break;
        default:
            check_matmul((int64_t[]){batch, m, k}, 3, (int64_t[]){k}, 1, (int64_t[]){batch, m}, 2,
                         constant);
        }
    }
}
END_TEST

START_TEST(products_with_a_bias) {
    host_seed(240 + (uint32_t)_i);
    for (int i = 0; i < 15; i++) {
        int64_t rows = host_between(1, 40), k = host_between(1, 300), n = host_between(1, 150),
                batch = host_between(1, 3);
        kernel_host host;
        char what[96];
        bool constant = host_between(0, 2) > 0;
        snprintf(what, sizeof what, "%lld x %lld rows, %lldx%lld", (long long)batch,
                 (long long)rows, (long long)k, (long long)n);
        host_init(&host, &nn_op_linear, 1);
        random_input(&host, (int64_t[]){batch, rows, k}, 3, false);
        random_input(&host, (int64_t[]){k, n}, 2, constant);
        random_input(&host, &n, 1, constant);
        host.epilogue = random_epilogue(3);
        if (host.epilogue.has_residual) random_input(&host, (int64_t[]){batch, rows, n}, 3, false);
        host_infer(&host);
        check_all(&host, 1e-6 * (3 + sqrt((double)k)), what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(attention_of_random_shapes) {
    host_seed(280 + (uint32_t)_i);
    for (int i = 0; i < 12; i++) {
        int64_t batch = host_between(1, 2), heads = host_between(1, 4), shared = host_between(1, 2),
                size = host_between(1, 40);
        int64_t queries = host_between(1, 80),
                keys = host_between(0, 4) ? host_between(1, 80) : host_between(250, 300);
        int64_t values = host_between(1, 70), mask_kind = host_between(0, 3);
        bool is_wide = host_between(0, 1);
        kernel_host host;
        char what[128];
        snprintf(what, sizeof what, "%lld x %lld heads of %lld, %lld queries, %lld keys, mask %lld",
                 (long long)batch, (long long)(heads * shared), (long long)size, (long long)queries,
                 (long long)keys, (long long)mask_kind);
        host_init(&host, &nn_op_attention, 23);
        host_float(&host, "scale", 0.3f);
        host_int(&host, "is_causal", host_between(0, 3) == 0);
        if (host_between(0, 4) == 0) host_float(&host, "softcap", 2);
        if (is_wide) {
            host_int(&host, "q_num_heads", heads * shared);
            host_int(&host, "kv_num_heads", heads);
            random_input(&host, (int64_t[]){batch, queries, heads * shared * size}, 3, false);
            random_input(&host, (int64_t[]){batch, keys, heads * size}, 3, false);
            random_input(&host, (int64_t[]){batch, keys, heads * values}, 3, false);
        } else {
            random_input(&host, (int64_t[]){batch, heads * shared, queries, size}, 4, false);
            random_input(&host, (int64_t[]){batch, heads, keys, size}, 4, false);
            random_input(&host, (int64_t[]){batch, heads, keys, values}, 4, false);
        }
        if (mask_kind > 0) {
            int64_t rows = mask_kind == 1 ? 1 : queries;
            float *mask = random_input(&host, (int64_t[]){batch, 1, rows, keys}, 4, false);
            for (int64_t k = 0; mask_kind == 3 && k < batch * rows * keys; k++)
                if (k % 3 == 0 || k < keys) mask[k] = -INFINITY; /* the first query sees nothing */
        }
        host_infer(&host);
        check_all(&host, 1e-5, what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(gemm_in_all_its_forms) {
    host_seed(300 + (uint32_t)_i);
    for (int i = 0; i < 40; i++) {
        kernel_host host;
        char what[128];
        int64_t m = host_between(0, 3) ? host_between(1, 30) : 1, k = host_between(1, 300),
                n = host_between(1, 100);
        bool transpose_a = host_between(0, 5) == 0, transpose_b = host_between(0, 1),
             constant = host_between(0, 3) != 0;
        int form = (int)host_between(0, 5);
        snprintf(what, sizeof what, "gemm %lldx%lldx%lld transposed %d %d, c of form %d",
                 (long long)m, (long long)k, (long long)n, transpose_a, transpose_b, form);
        host_init(&host, &nn_op_gemm, 13);
        host_int(&host, "transA", transpose_a);
        host_int(&host, "transB", transpose_b);
        if (host_between(0, 1)) host_float(&host, "alpha", 0.5f);
        if (host_between(0, 1)) host_float(&host, "beta", 2);
        random_input(&host, transpose_a ? (int64_t[]){k, m} : (int64_t[]){m, k}, 2, false);
        random_input(&host, transpose_b ? (int64_t[]){n, k} : (int64_t[]){k, n}, 2, constant);
        static const int ranks[] = {0, 1, 2, 2, 0, 2};
        const int64_t shapes[][2] = {{0}, {n}, {m, n}, {m, 1}, {0}, {1, n}};
        if (form == 0)
            host_absent(&host);
        else
            random_input(&host, shapes[form], ranks[form], host_between(0, 1));
        host.epilogue = random_epilogue(3);
        if (host.epilogue.has_residual) random_input(&host, (int64_t[]){m, n}, 2, false);
        host_infer(&host);
        check_all(&host, 1e-6 * (3 + sqrt((double)k)), what);
        host_clear(&host);
    }
}
END_TEST

/* ---- one row by a matrix in fixed point ---- */

#if defined(__x86_64__)
typedef struct row_case {
    int64_t k, n;
    bool by_columns, has_epilogue;
    int bias; /* 0: none, 1: one number, 2: one for each column */
} row_case;

/* B and C of a Gemm of one row, or of a MatMul or Linear. */
static float *make_row(kernel_host *host, const nn_op *op, const row_case *c) {
    const bool by_columns = op == &nn_op_gemm && c->by_columns;
    host_init(host, op, op == &nn_op_linear ? 1 : 13);
    if (op == &nn_op_gemm) {
        host_int(host, "transB", by_columns);
        host_float(host, "beta", 0.5f);
    }
    random_input(host, (int64_t[]){1, c->k}, 2, false);
    float *b =
        random_input(host, by_columns ? (int64_t[]){c->n, c->k} : (int64_t[]){c->k, c->n}, 2, true);
    const int64_t one = 1;
    if (op == &nn_op_linear || (op == &nn_op_gemm && c->bias == 2))
        random_input(host, &c->n, 1, c->k % 2 == 0);
    else if (op == &nn_op_gemm && c->bias == 1)
        random_input(host, &one, 1, true);
    else if (op == &nn_op_gemm)
        host_absent(host);
    const int residual = op == &nn_op_matmul ? 2 : 3;
    if (c->has_epilogue) {
        host->epilogue = random_epilogue(residual);
        if (host->epilogue.has_residual) random_input(host, (int64_t[]){1, c->n}, 2, false);
    }
    return b;
}

static const nn_kernel *fixed_kernel(const nn_op *op) {
    return op == &nn_op_gemm     ? &nn_kernel_gemm_fixed_f32_vbmi2
           : op == &nn_op_matmul ? &nn_kernel_matmul_fixed_f32_vbmi2
                                 : &nn_kernel_linear_fixed_f32_vbmi2;
}

static void check_row(kernel_host *host, int64_t k, const char *what) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    host_infer(host);
    if (target.isa < NN_ISA_AVX512 || !nn_cpu_get()->has_vbmi2) return;
    host_run(host, host_reference(host->op), NN_LAYOUT_STANDARD, &target);
    const int64_t count = nn_tensor_count(&host->out[0]);
    float *want = malloc((size_t)count * sizeof *want);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, (size_t)count * sizeof *want);
    for (; target.threads <= 3; target.threads += 2) {
        ck_assert_msg(host_accepts(host, fixed_kernel(host->op), &target), "%s: is not taken",
                      what);
        host_run(host, fixed_kernel(host->op), NN_LAYOUT_STANDARD, &target);
        const float *got = host->out[0].data;
        for (int64_t i = 0; i < count; i++)
            ck_assert_msg(!differs(got[i], want[i], 1e-6 * (3 + sqrt((double)k))),
                          "%s, %d threads: element %lld is %.9g, must be %.9g", what,
                          target.threads, (long long)i, (double)got[i], (double)want[i]);
    }
    free(want);
}

static const nn_op *const row_ops[] = {&nn_op_gemm, &nn_op_matmul, &nn_op_linear};

/* Tails of groups, vectors and panels, pieces of columns and of rows, biases and epilogues. */
START_TEST(rows_by_matrices_in_fixed_point) {
    static const int64_t ks[] = {1, 3, 4, 5, 31, 64, 130, 515},
                         ns[] = {2, 15, 16, 17, 63, 64, 65, 130, 600};
    const nn_op *op = row_ops[_i];
    host_seed(400 + (uint32_t)_i);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
        for (size_t j = 0; j < sizeof ns / sizeof *ns; j++) {
            const row_case c = {ks[i], ns[j], host_between(0, 1), host_between(0, 1),
                                (int)host_between(0, 2)};
            char what[96];
            kernel_host host;
            snprintf(what, sizeof what, "%s of a row by %lldx%lld", op->name, (long long)c.k,
                     (long long)c.n);
            make_row(&host, op, &c);
            check_row(&host, c.k, what);
            host_clear(&host);
        }
}
END_TEST

/* Weights that are no better in fixed point remain floats. */
START_TEST(rows_by_matrices_of_special_values) {
    const float values[] = {0, 1e4f, INFINITY, -INFINITY, NAN, 1e-42f};
    host_seed(420 + (uint32_t)_i);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int place = 0; place < 2; place++) {
            const row_case c = {100, 70, i % 2 == 0, false, 2};
            char what[96];
            kernel_host host;
            snprintf(what, sizeof what, "%s with %g", row_ops[_i]->name, (double)values[i]);
            float *b = make_row(&host, row_ops[_i], &c);
            b[place == 0 ? 0 : c.k * c.n - 1] = values[i];
            check_row(&host, c.k, what);
            host_clear(&host);
        }
}
END_TEST

/* The mean square of errors against sums in double. */
static double row_error(kernel_host *host, const nn_kernel *kernel, const row_case *c) {
    const nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    host_run(host, kernel, NN_LAYOUT_STANDARD, &target);
    const float *x = host->in[0].data, *b = host->in[1].data, *y = host->out[0].data;
    double total = 0;
    for (int64_t j = 0; j < c->n; j++) {
        double sum = 0;
        for (int64_t k = 0; k < c->k; k++) sum += (double)x[k] * (double)b[k * c->n + j];
        total += ((double)y[j] - sum) * ((double)y[j] - sum);
    }
    return total / (double)c->n;
}

START_TEST(rows_in_fixed_point_are_as_exact_as_floats) {
    const row_case c = {1280, 1000, false, false, 0};
    kernel_host host;
    host_seed(440);
    if (nn_cpu_get()->isa < NN_ISA_AVX512 || !nn_cpu_get()->has_vbmi2) return;
    make_row(&host, &nn_op_matmul, &c);
    host_infer(&host);
    const double fixed = row_error(&host, &nn_kernel_matmul_fixed_f32_vbmi2, &c);
    float first[8];
    memcpy(first, host.out[0].data, sizeof first);
    const double floats = row_error(&host, &nn_kernel_matmul_f32_avx512, &c);
    ck_assert_msg(sqrt(fixed / floats) <= 1.1, "%.3g of the error of floats", sqrt(fixed / floats));
    /* Rows of any size: powers of two change nothing else. */
    float *x = host.in[0].data;
    for (int exponent = -90; exponent <= 90; exponent += 180) {
        for (int64_t k = 0; k < c.k; k++) x[k] = ldexpf(x[k], exponent > 0 ? 180 : -90);
        (void)row_error(&host, &nn_kernel_matmul_fixed_f32_vbmi2, &c);
        for (int j = 0; j < 8; j++)
            ck_assert(((const float *)host.out[0].data)[j] == ldexpf(first[j], exponent));
    }
    host_clear(&host);
}
END_TEST
#endif

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of float products");
    TCase *product = tcase_create("matrix product");
    tcase_set_timeout(product, 120);
    tcase_add_loop_test(product, products_of_random_sizes, 0, 4);
    tcase_add_loop_test(product, products_with_a_bias, 0, 3);
    tcase_add_loop_test(product, attention_of_random_shapes, 0, 6);
    tcase_add_loop_test(product, gemm_in_all_its_forms, 0, 3);
#if defined(__x86_64__)
    tcase_add_loop_test(product, rows_by_matrices_in_fixed_point, 0, 3);
    tcase_add_loop_test(product, rows_by_matrices_of_special_values, 0, 3);
    tcase_add_test(product, rows_in_fixed_point_are_as_exact_as_floats);
#endif
    suite_add_tcase(suite, product);
    return suite;
}
