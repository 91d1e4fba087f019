/* Convolutions of one pixel by Strassen's algorithm, every instruction set this CPU has, against
 * the reference convolution: odd sizes, guarded memory, threads, strides, fused work, infinities
 * and NaN; their error against sums in double precision, and when they are chosen. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "base/integers.h"
#include "ops/cpu/float32/shared/shared_f32.h"
#include "ops/cpu/float32/strassen/strassen_f32.h"
#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)

static const nn_kernel *const kernels[] = {&nn_kernel_conv_strassen_f32_avx512,
                                           &nn_kernel_conv_strassen_f32_avx2, NULL};
static const nn_kernel *const plain_kernels[] = {&nn_kernel_conv_f32_avx512,
                                                 &nn_kernel_conv_f32_avx2, NULL};

static bool is_usable(const nn_kernel *kernel) {
    return kernel->isa <= nn_cpu_get()->isa;
}

typedef struct strassen_case {
    int64_t batch, channels, outputs, in[2], strides[2];
    int64_t gap; /* between the pixels of maps */
    bool no_bias;
    bool has_small_columns; /* of weights, and one of zeros */
    nn_epilogue epilogue;
} strassen_case;

static int64_t out_size(const strassen_case *c, int axis) {
    return (c->in[axis] - 1) / c->strides[axis] + 1;
}

static float *random_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    const int64_t count = nn_tensor_count(&host->in[host->in_count - 1]);
    for (int64_t i = 0; i < count; i++) data[i] = host_random();
    return data;
}

static void init_case(kernel_host *host, const strassen_case *c) {
    host_init(host, &nn_op_conv, 22);
    host_ints(host, "strides", c->strides, 2);
    random_input(host, (int64_t[]){c->batch, c->channels, c->in[0], c->in[1]}, 4, false);
    float *w = random_input(host, (int64_t[]){c->outputs, c->channels, 1, 1}, 4, true);
    for (int64_t m = 0; c->has_small_columns && m < c->outputs; m += 7)
        for (int64_t k = 0; k < c->channels; k++) w[m * c->channels + k] *= m == 14 ? 0 : 1e-4f;
    if (c->no_bias)
        host_absent(host);
    else
        random_input(host, &c->outputs, 1, true);
    host->gap = c->gap;
    host->epilogue = c->epilogue;
    if (c->epilogue.has_residual) {
        host->epilogue.residual = 3;
        random_input(host, (int64_t[]){c->batch, c->outputs, out_size(c, 0), out_size(c, 1)}, 4,
                     false);
    }
    host_infer(host);
}

/* The reference result into host->out; a copy of it. */
static float *reference(kernel_host *host) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    host_run(host, &nn_kernel_conv_reference, NN_LAYOUT_STANDARD, &target);
    const size_t bytes = (size_t)nn_tensor_bytes(&host->out[0]);
    float *want = malloc(bytes);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, bytes);
    return want;
}

static void check_host(kernel_host *host) {
    const nn_epilogue epilogue = host->view.epilogue;
    host->view.epilogue = (nn_epilogue){0};
    float *want = reference(host);
    const int64_t count = nn_tensor_count(&host->out[0]);
    double greatest = 0; /* before the epilogue, whose activations are no steeper than 1 */
    for (int64_t i = 0; i < count; i++)
        if (isfinite(want[i])) greatest = fmax(greatest, fabs((double)want[i]));
    free(want);
    host->view.epilogue = epilogue;
    want = reference(host);
    nn_target target = {.isa = nn_cpu_get()->isa, .explores = true};
    for (const nn_kernel *const *kernel = kernels; *kernel != NULL; kernel++) {
        if (!is_usable(*kernel)) continue;
        for (target.threads = 1; target.threads <= 3; target.threads += 2) {
            ck_assert(host_accepts(host, *kernel, &target));
            memset(host->out[0].data, 0xff, (size_t)nn_tensor_bytes(&host->out[0]));
            host_run(host, *kernel, NN_LAYOUT_CHANNELS_LAST, &target);
            const float *got = host->out[0].data;
            for (int64_t i = 0; i < count; i++) {
                const bool same = got[i] == want[i] || (isnan(got[i]) && isnan(want[i]));
                ck_assert_msg(same || fabs((double)got[i] - want[i]) <= 4e-6 * greatest,
                              "kernel '%s', %d threads: element %lld of %lld is %.9g, must be %.9g",
                              (*kernel)->name, target.threads, (long long)i, (long long)count,
                              (double)got[i], (double)want[i]);
            }
        }
    }
    free(want);
}

static void check_case(const strassen_case *c) {
    kernel_host host;
    init_case(&host, c);
    check_host(&host);
    host_clear(&host);
}

/* ---- against the reference ---- */

START_TEST(random_sizes) {
    host_seed(70 + (uint32_t)_i);
    for (int i = 0; i < 16; i++) {
        strassen_case c = {.batch = host_between(1, 2), .no_bias = host_between(0, 3) == 0};
        c.channels = 32 + 2 * host_between(0, 30);
        c.outputs = 32 * host_between(1, 6);
        c.has_small_columns = host_between(0, 1);
        for (int axis = 0; axis < 2; axis++) {
            c.in[axis] = host_between(2, 17);
            c.strides[axis] = host_between(0, 2) ? 1 : host_between(1, 3);
        }
        /* One row has none to meet. */
        if (c.batch * out_size(&c, 0) * out_size(&c, 1) < 2) c.strides[0] = c.strides[1] = 1;
        if (host_between(0, 1)) {
            c.epilogue.before = host_gentle_activation();
            c.epilogue.has_residual = host_between(0, 1);
            c.epilogue.after = host_gentle_activation();
        }
        if (!c.epilogue.has_residual) c.gap = host_between(0, 2); /* as plans do */
        check_case(&c);
    }
}
END_TEST

START_TEST(sizes_of_networks) {
    host_seed(6);
    static const strassen_case cases[] = {
        /* small weights, whose forms are packed */
        {.batch = 1,
         .channels = 96,
         .outputs = 576,
         .in = {14, 14},
         .strides = {1, 1},
         .epilogue = {.after = {NN_ACT_CLIP, 0, 6}}},
        /* an odd number of rows, one of which meets none */
        {.batch = 1,
         .channels = 160,
         .outputs = 320,
         .in = {7, 7},
         .strides = {1, 1},
         .epilogue = {.has_residual = true}},
        /* forms that are made in each run, several blocks */
        {.batch = 3,
         .channels = 256,
         .outputs = 1024,
         .in = {14, 13},
         .strides = {1, 1},
         .epilogue = {.has_residual = true, .after = {NN_ACT_RELU, 0, 0}}},
        /* the same, pixels that lie apart */
        {.batch = 2,
         .channels = 512,
         .outputs = 672,
         .in = {27, 28},
         .strides = {2, 2},
         .epilogue = {.after = {NN_ACT_SILU, 0, 0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
}
END_TEST

/* One infinity or NaN reaches exactly the outputs that it reaches in the reference, and so does a
 * number that a sum of four of its kind would make infinite; forms that are packed and that are
 * made. */
START_TEST(infinities_and_nan_stay_where_they_are) {
    static const float specials[] = {INFINITY, -INFINITY, NAN, 2e38f};
    for (int i = 0; i < 16; i++) {
        const bool makes_forms = i % 2 > 0;
        const strassen_case c = {
            .batch = 1,
            .channels = makes_forms ? 512 : 36,
            .outputs = makes_forms ? 320 : 96,
            .in = {12, 12},
            .strides = {1, 1},
            .epilogue = {.has_residual = i / 2 % 2 > 0, .after = {NN_ACT_RELU, 0, 0}},
        };
        kernel_host host;
        host_seed(3 + (uint32_t)i);
        init_case(&host, &c);
        float *x = host.in[0].data, *w = host.in[1].data;
        for (int64_t k = 0; k < c.channels * c.outputs; k++) w[k] = 0.001f * (fabsf(w[k]) + 0.1f);
        x[2 * 144 + 4 * 12 + 6] = specials[i / 4];
        x[(c.channels - 3) * 144 + 11 * 12 + 11] = specials[(i / 4 + 1) % 4];
        check_host(&host);
        host_clear(&host);
    }
}
END_TEST

/* ---- accuracy ---- */

/* Root mean square of what a kernel's result is off sums in double precision. */
static double error_of(kernel_host *host, const nn_kernel *kernel, const double *want) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    host_run(host, kernel, NN_LAYOUT_CHANNELS_LAST, &target);
    const float *got = host->out[0].data;
    const int64_t count = nn_tensor_count(&host->out[0]);
    double squares = 0;
    for (int64_t i = 0; i < count; i++) squares += (got[i] - want[i]) * (got[i] - want[i]);
    return sqrt(squares / (double)count);
}

START_TEST(error_is_a_few_times_that_of_plain_sums) {
    static const int64_t sizes[][2] = {{64, 64}, {256, 1024}, {960, 160}};
    host_seed(19);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const strassen_case c = {
            .batch = 1,
            .channels = sizes[s][0],
            .outputs = sizes[s][1],
            .in = {9, 9},
            .strides = {1, 1},
            .no_bias = true,
        };
        kernel_host host;
        init_case(&host, &c);
        const float *x = host.in[0].data, *w = host.in[1].data;
        double *want = calloc((size_t)(c.outputs * 81), sizeof *want);
        ck_assert_ptr_nonnull(want);
        for (int64_t m = 0; m < c.outputs; m++)
            for (int64_t k = 0; k < c.channels; k++)
                for (int64_t i = 0; i < 81; i++)
                    want[m * 81 + i] += (double)w[m * c.channels + k] * (double)x[k * 81 + i];
        for (int i = 0; kernels[i] != NULL; i++) {
            if (!is_usable(kernels[i])) continue;
            const double plain = error_of(&host, plain_kernels[i], want);
            const double error = error_of(&host, kernels[i], want);
            ck_assert_msg(error > plain && error < 4 * plain, "%s: %g, plain sums: %g",
                          kernels[i]->name, error, plain);
        }
        free(want);
        host_clear(&host);
    }
}
END_TEST

/* Columns that meet greater ones do not get their errors, a column of zeros gives zeros, and one
 * that is not finite keeps that to itself. */
START_TEST(columns_keep_their_own_errors) {
    const strassen_case c = {.batch = 1,
                             .channels = 64,
                             .outputs = 64,
                             .in = {10, 10},
                             .strides = {1, 1},
                             .no_bias = true};
    static const float factors[] = {0, 1e-6f, 1e-30f, 1e6f, INFINITY};
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        kernel_host host;
        host_seed(5);
        init_case(&host, &c);
        float *w = host.in[1].data;
        for (int64_t k = 0; k < c.channels; k++) w[5 * c.channels + k] *= factors[f];
        float *want = reference(&host);
        nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
        for (int i = 0; kernels[i] != NULL; i++) {
            if (!is_usable(kernels[i])) continue;
            host_run(&host, kernels[i], NN_LAYOUT_CHANNELS_LAST, &target);
            const float *got = host.out[0].data;
            /* This column and the one that it meets. */
            for (int64_t p = 5 * 100; p < 38 * 100; p += p == 599 ? 3101 : 1) {
                const float factor = p < 600 ? factors[f] : 1;
                ck_assert_msg(got[p] == want[p] || (isnan(got[p]) && isnan(want[p])) ||
                                  fabsf(got[p] - want[p]) <= 4e-6f * 16 * factor,
                              "%s, factor %g: %g, must be %g", kernels[i]->name, (double)factors[f],
                              (double)got[p], (double)want[p]);
            }
        }
        free(want);
        host_clear(&host);
    }
}
END_TEST

/* ---- products of matrices ---- */

static const nn_kernel *const matmul_kernels[] = {&nn_kernel_matmul_strassen_f32_avx512,
                                                  &nn_kernel_matmul_strassen_f32_avx2, NULL};

/* A [2, rows / 2, k] by B [k, columns]. */
static void init_product(kernel_host *host, int64_t rows, int64_t k, int64_t columns) {
    host_init(host, &nn_op_matmul, 13);
    random_input(host, (int64_t[]){2, rows / 2, k}, 3, false);
    random_input(host, (int64_t[]){k, columns}, 2, true);
    host_infer(host);
}

/* What `kernel` makes of the product differs from sums in double precision by at most so many
 * parts of the greatest number of the same row. */
static void check_rows(kernel_host *host, const nn_kernel *kernel, double most) {
    const nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    const int64_t k = host->in[1].dims[0], columns = host->in[1].dims[1];
    const int64_t rows = nn_tensor_count(&host->in[0]) / k;
    const float *a = host->in[0].data, *b = host->in[1].data;
    double *want = malloc((size_t)columns * sizeof *want);
    ck_assert_ptr_nonnull(want);
    ck_assert(host_accepts(host, kernel, &target));
    host_run(host, kernel, NN_LAYOUT_STANDARD, &target);
    const float *got = host->out[0].data;
    for (int64_t row = 0; row < rows; row++) {
        double greatest = 0;
        for (int64_t j = 0; j < columns; j++) {
            want[j] = 0;
            for (int64_t i = 0; i < k; i++)
                want[j] += (double)a[row * k + i] * (double)b[i * columns + j];
            greatest = fmax(greatest, fabs(want[j]));
        }
        for (int64_t j = 0; j < columns; j++)
            ck_assert_msg(fabs(got[row * columns + j] - want[j]) <= most * greatest,
                          "%s: row %lld, column %lld is %g, must be %g", kernel->name,
                          (long long)row, (long long)j, (double)got[row * columns + j], want[j]);
    }
    free(want);
}

START_TEST(products_are_right) {
    static const int64_t sizes[][3] = {
        {128, 384, 384}, {6, 34, 32}, {200, 64, 352}, {14, 512, 640}};
    host_seed(31);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int j = 0; matmul_kernels[j] != NULL; j++) {
            if (!is_usable(matmul_kernels[j])) continue;
            kernel_host host;
            init_product(&host, sizes[i][0], sizes[i][1], sizes[i][2]);
            check_rows(&host, matmul_kernels[j], 4e-6);
            host_clear(&host);
        }
}
END_TEST

/* A token whose numbers are a thousand times as great as those of the others does not give
 * these its error. */
START_TEST(rows_that_differ_do_not_meet) {
    host_seed(32);
    for (int j = 0; matmul_kernels[j] != NULL; j++) {
        if (!is_usable(matmul_kernels[j])) continue;
        for (int64_t great = 0; great < 64; great += 21) {
            kernel_host host;
            init_product(&host, 64, 128, 64);
            float *a = host.in[0].data;
            for (int64_t i = 0; i < 128; i++) a[great * 128 + i] *= 1000;
            check_rows(&host, matmul_kernels[j], 4e-6);
            host_clear(&host);
        }
    }
}
END_TEST

/* ---- choice ---- */

static nn_strassen_product product_of(int64_t rows, int64_t k, int64_t columns) {
    return (nn_strassen_product){
        .rows = rows, .k = k, .columns = columns, .a_step = k, .y_step = columns};
}

/* Where plain products are shared with AVX-512, which gains more, none are chosen with it. */
START_TEST(choice_follows_the_shape) {
    static const struct {
        int64_t rows, k, columns;
        bool pays;
    } cases[] = {
        {784, 512, 512, true},  {196, 1024, 256, true},  {49, 960, 160, true},
        {49, 320, 1280, true},  {196, 96, 576, false}, /* the quarters of C take what products save
                                                        */
        {3136, 256, 64, false},                        /* those of A */
        {49, 512, 2048, false},                        /* forms of B that come from memory */
        {1, 2048, 1000, false}, {196, 256, 1000, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const nn_strassen_product p = product_of(cases[i].rows, cases[i].k, cases[i].columns);
        for (nn_isa isa = NN_ISA_AVX2; isa <= NN_ISA_AVX512; isa++)
            ck_assert_msg(nn_strassen_pays(&p, isa, 1) == (cases[i].pays && !nn_shared_gains(isa)),
                          "%lld x %lld x %lld", (long long)p.rows, (long long)p.k,
                          (long long)p.columns);
    }
}
END_TEST

/* Every row and every panel is some unit's, whatever the number of threads. */
START_TEST(units_cover_the_product) {
    for (int64_t rows = 2; rows < 900; rows += 41)
        for (int threads = 1; threads <= 16; threads += 3) {
            const nn_strassen_product p = product_of(rows, 64, 448);
            nn_strassen_plan plan;
            nn_strassen_plan_make(&p, &nn_strassen_f32_avx512, threads, &(nn_epilogue){0}, &plan);
            ck_assert_int_ge(plan.blocks * plan.block_rows, rows);
            ck_assert_int_lt((plan.blocks - 1) * plan.block_rows, rows);
            ck_assert_int_ge(plan.panel_blocks * plan.panel_block, plan.panels);
            ck_assert_int_lt((plan.panel_blocks - 1) * plan.panel_block, plan.panels);
        }
}
END_TEST

/* The same bits for every number of threads are not promised. */
START_TEST(deterministic_plans_do_without) {
    const strassen_case c = {
        .batch = 1, .channels = 64, .outputs = 64, .in = {10, 10}, .strides = {1, 1}};
    kernel_host host;
    host_seed(1);
    init_case(&host, &c);
    const nn_target target = {
        .isa = NN_ISA_AVX512, .threads = 1, .explores = true, .deterministic = true};
    ck_assert(!host_accepts(&host, kernels[0], &target));
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("products by Strassen's algorithm");
    TCase *run = tcase_create("against the reference");
    tcase_set_timeout(run, 120);
    tcase_add_loop_test(run, random_sizes, 0, 3);
    tcase_add_test(run, sizes_of_networks);
    tcase_add_test(run, infinities_and_nan_stay_where_they_are);
    suite_add_tcase(suite, run);
    TCase *accuracy = tcase_create("accuracy");
    tcase_set_timeout(accuracy, 60);
    tcase_add_test(accuracy, error_is_a_few_times_that_of_plain_sums);
    tcase_add_test(accuracy, columns_keep_their_own_errors);
    suite_add_tcase(suite, accuracy);
    TCase *products = tcase_create("products of matrices");
    tcase_set_timeout(products, 60);
    tcase_add_test(products, products_are_right);
    tcase_add_test(products, rows_that_differ_do_not_meet);
    suite_add_tcase(suite, products);
    TCase *choice = tcase_create("choice");
    tcase_add_test(choice, choice_follows_the_shape);
    tcase_add_test(choice, units_cover_the_product);
    tcase_add_test(choice, deterministic_plans_do_without);
    suite_add_tcase(suite, choice);
    return suite;
}

#else

Suite *test_suite(void) {
    return suite_create("products by Strassen's algorithm: needs x86-64");
}

#endif
