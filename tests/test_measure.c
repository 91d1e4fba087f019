#include "engine/measure/measure.h"
#include "engine/measure/roofline.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* numpy: numpy.random.default_rng(7).lognormal(0, 0.1, 25).round(4) */
static const double sample_25[] = {1.0001, 1.0303, 0.973,  0.9148, 0.9556, 0.9056, 1.006,
                                   1.1434, 0.952,  0.9398, 1.0502, 1.0363, 1.0106, 0.9112,
                                   0.9971, 1.072,  0.8742, 0.9553, 0.8269, 0.879,  0.8318,
                                   0.9768, 0.881,  1.0275, 1.0158};

static void add_all(nn_samples *samples, const double *values, int count, double scale) {
    for (int i = 0; i < count; i++) ck_assert_ok(nn_samples_add(samples, scale * values[i]));
}

START_TEST(order_statistics_match_numpy) {
    nn_samples samples = {0};
    nn_statistics s;
    add_all(&samples, sample_25, 25, 1);
    ck_assert_ok(nn_samples_statistics(&samples, &s));
    ck_assert_int_eq(s.count, 25);
    ck_assert_double_eq_tol(s.minimum, 0.8269, 1e-12);
    ck_assert_double_eq_tol(s.maximum, 1.1434, 1e-12);
    ck_assert_double_eq_tol(s.median, 0.973, 1e-12);
    ck_assert_double_eq_tol(s.mean, 0.9666519999999998, 1e-12);
    ck_assert_double_eq_tol(s.p90, 1.04464, 1e-12);
    ck_assert_double_eq_tol(s.p99, 1.126264, 1e-12);
    ck_assert(s.low <= s.median && s.median <= s.high);
    ck_assert(s.low >= s.minimum && s.high <= s.maximum);
    nn_samples_clear(&samples);
}
END_TEST

START_TEST(one_sample_is_its_own_interval) {
    nn_samples samples = {0};
    nn_statistics s;
    ck_assert_fails(nn_samples_statistics(&samples, &s), NNOPT_INTERNAL, "no samples");
    ck_assert_ok(nn_samples_add(&samples, 0.25));
    ck_assert_ok(nn_samples_statistics(&samples, &s));
    ck_assert_double_eq(s.median, 0.25);
    ck_assert_double_eq(s.low, 0.25);
    ck_assert_double_eq(s.high, 0.25);
    ck_assert_double_eq(s.p99, 0.25);
    nn_samples_clear(&samples);
}
END_TEST

static double uniform(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / (double)(1 << 24);
}

/* The interval of the median should hold the true median in about 95 of 100 cases. */
START_TEST(the_interval_covers_the_true_median) {
    unsigned state = 3;
    int held = 0;
    for (int trial = 0; trial < 200; trial++) {
        nn_samples samples = {0};
        nn_statistics s;
        for (int i = 0; i < 101; i++) ck_assert_ok(nn_samples_add(&samples, 1 + uniform(&state)));
        ck_assert_ok(nn_samples_statistics(&samples, &s));
        held += s.low <= 1.5 && 1.5 <= s.high;
        nn_samples_clear(&samples);
    }
    ck_assert_int_ge(held, 170);
    ck_assert_int_le(held, 199);
}
END_TEST

START_TEST(comparisons_give_a_verdict) {
    unsigned state = 11;
    nn_samples base = {0}, same = {0}, faster = {0}, slower = {0}, barely = {0};
    for (int i = 0; i < 300; i++) {
        /* drift that all share, as on a machine that changes its clock, and noise of each */
        double drift = 1 + 0.2 * sin(i / 40.0);
        ck_assert_ok(nn_samples_add(&base, drift * (1 + 0.05 * uniform(&state))));
        ck_assert_ok(nn_samples_add(&same, drift * (1 + 0.05 * uniform(&state))));
        ck_assert_ok(nn_samples_add(&faster, 0.9 * drift * (1 + 0.05 * uniform(&state))));
        ck_assert_ok(nn_samples_add(&slower, 1.1 * drift * (1 + 0.05 * uniform(&state))));
        ck_assert_ok(nn_samples_add(&barely, 0.995 * base.values[i]));
    }
    nn_comparison c;
    ck_assert_ok(nn_samples_compare(&base, &same, &c));
    ck_assert_str_eq(nn_verdict_name(c.verdict), "no difference");
    ck_assert_ok(nn_samples_compare(&base, &faster, &c));
    ck_assert_str_eq(nn_verdict_name(c.verdict), "faster");
    ck_assert_double_eq_tol(c.ratio, 0.9, 0.03);
    ck_assert(c.low <= c.ratio && c.ratio <= c.high && c.high < 1);
    ck_assert_ok(nn_samples_compare(&base, &slower, &c));
    ck_assert_str_eq(nn_verdict_name(c.verdict), "slower");
    /* certain, but too small to matter */
    ck_assert_ok(nn_samples_compare(&base, &barely, &c));
    ck_assert_double_eq_tol(c.high, 0.995, 0.01);
    ck_assert_str_eq(nn_verdict_name(c.verdict), "no difference");
    nn_samples_clear(&base);
    nn_samples_clear(&same);
    nn_samples_clear(&faster);
    nn_samples_clear(&slower);
    nn_samples_clear(&barely);
}
END_TEST

START_TEST(the_clock_moves_forward) {
    double start = nn_now();
    usleep(2000);
    double passed = nn_now() - start;
    ck_assert(passed >= 0.002 && passed < 5);
}
END_TEST

START_TEST(the_roofline_is_measured_and_kept) {
    char folder[] = "/tmp/nnopt-test-XXXXXX", command[160];
    nn_roofline first, second;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    ck_assert_ok(nn_roofline_get(false, &first));
    /* every CPU this builds for does more than 0.1 and less than 10 000 GFLOP/s on one core */
    ck_assert(first.fp32_flops > 1e8 && first.fp32_flops < 1e13);
    ck_assert(first.int8_ops > 1e8 && first.int8_ops < 1e14);
    if (nn_cpu_get()->isa >= NN_ISA_BF16)
        ck_assert(first.bf16_flops > first.fp32_flops && first.int8_ops > first.bf16_flops);
    else
        ck_assert_double_eq(first.bf16_flops, 0);
    ck_assert(first.memory_bytes > 1e7 && first.l1_bytes > 1e7 && first.l1_bytes < 1e13);
#ifndef NN_SANITIZED /* checked loads are no faster from L1 than memory answers */
    ck_assert(first.l1_bytes > first.memory_bytes);
#endif
    ck_assert(first.scale_compute >= 1 && first.scale_compute <= first.cores);
    ck_assert(first.scale_memory >= 1 && first.scale_memory <= first.cores);
    ck_assert_int_eq(first.cores, nn_cpu_get()->cores);

    snprintf(command, sizeof command, "ls %s/nnopt/roofline-*.txt >/dev/null 2>&1", folder);
    if (system(command) == 0) { /* not kept when other processes disturbed it */
        ck_assert_ok(nn_roofline_get(false, &second));
        ck_assert_double_eq(first.fp32_flops, second.fp32_flops);
        ck_assert_double_eq(first.bf16_flops, second.bf16_flops);
        ck_assert_double_eq(first.scale_memory, second.scale_memory);
        ck_assert_str_eq(first.date, second.date);
        /* a damaged file is measured again, not believed */
        snprintf(command, sizeof command, "sed -i 's/^int8_ops.*/int8_ops nan/' %s/nnopt/*.txt",
                 folder);
        ck_assert_int_eq(system(command), 0);
        ck_assert_ok(nn_roofline_get(false, &second));
        ck_assert(second.int8_ops > 1e8);
    }
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(attainable_time_follows_the_tighter_limit) {
    const nn_cpu *cpu = nn_cpu_get();
    nn_roofline r = {.fp32_flops = 100e9,
                     .int8_ops = 400e9,
                     .l1_bytes = 400e9,
                     .l2_bytes = 200e9,
                     .l3_bytes = 50e9,
                     .memory_bytes = 10e9,
                     .scale_compute = 2,
                     .scale_memory = 1.5,
                     .cores = 2};
    double huge = 1e12;
    /* without a unit for bf16 it is float32 that computes */
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e9, NN_ARITHMETIC_BF16, 0, huge, 1), 0.01,
                            1e-9);
    r.bf16_flops = 200e9;
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e9, NN_ARITHMETIC_BF16, 0, huge, 1), 0.005,
                            1e-9);
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e9, NN_ARITHMETIC_FLOAT, 0, huge, 1), 0.01,
                            1e-9);
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e9, NN_ARITHMETIC_FLOAT, 0, huge, 2), 0.005,
                            1e-9);
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e9, NN_ARITHMETIC_INT8, 0, huge, 1), 0.0025,
                            1e-9);
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e6, NN_ARITHMETIC_FLOAT, 1e9, huge, 1), 0.1,
                            1e-9);
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e6, NN_ARITHMETIC_FLOAT, 1e9, huge, 2),
                            0.1 / 1.5, 1e-9);
    ck_assert_double_eq_tol(nn_roofline_seconds(&r, 1e6, NN_ARITHMETIC_FLOAT, 1e9, huge, 64),
                            0.1 / 1.5, 1e-9);
    if (cpu->l1d_bytes > 0)
        ck_assert_double_eq_tol(
            nn_roofline_seconds(&r, 1e6, NN_ARITHMETIC_FLOAT, 1e9, (double)cpu->l1d_bytes, 1),
            0.0025, 1e-9);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("measure");
    TCase *cases = tcase_create("measure");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, order_statistics_match_numpy);
    tcase_add_test(cases, one_sample_is_its_own_interval);
    tcase_add_test(cases, the_interval_covers_the_true_median);
    tcase_add_test(cases, comparisons_give_a_verdict);
    tcase_add_test(cases, the_clock_moves_forward);
    tcase_add_test(cases, the_roofline_is_measured_and_kept);
    tcase_add_test(cases, attainable_time_follows_the_tighter_limit);
    suite_add_tcase(suite, cases);
    return suite;
}
