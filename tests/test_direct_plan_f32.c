/* How direct convolutions are cut for threads: each has as much to do, and little is copied twice.
 */
#include "base/cpu.h"
#include "ops/cpu/float32/direct_f32.h"
#include "tests/support/runner.h"

static nn_direct_plan plan_of(const nn_direct_problem *problem, int threads) {
    nn_direct_plan out;
    nn_direct_plan_make(problem, &nn_tiles_f32_portable, threads, &(nn_epilogue){0}, &out);
    return out;
}

static nn_direct_problem square(int64_t size, int64_t channels) {
    nn_direct_problem out = nn_direct_product(size * size, channels, channels);
    for (int axis = NN_HEIGHT; axis <= NN_WIDTH; axis++)
        out.axes[axis] = (nn_window_axis){.in = size,
                                          .out = size,
                                          .kernel = 3,
                                          .stride = 1,
                                          .dilation = 1,
                                          .pad_begin = 1,
                                          .pad_end = 1};
    nn_direct_dense_output(&out, channels);
    return out;
}

/* Eighths of 28 rows are 7 blocks of 4, one more for one thread than for the other. */
START_TEST(rows_are_divided_evenly) {
    const int64_t sizes[] = {14, 28, 56};
    for (int i = 0; i < 3; i++) {
        const nn_direct_problem problem = square(sizes[i], 64);
        const nn_direct_plan plan = plan_of(&problem, 2);
        ck_assert_int_eq(plan.panel_blocks, 1);
        ck_assert_int_gt(plan.units, 2);
        ck_assert_int_eq(plan.units % 2, 0);
        ck_assert_int_eq(plan.units * plan.row_block, sizes[i]);
    }
}
END_TEST

#if defined(__x86_64__)
/* Pixels a multiple of 4 KB apart are copied into a band, by each unit for itself. Where the
 * second-level cache is smaller than 2 MB, pixels are divided first. */
START_TEST(copies_of_a_band_stay_few) {
    const int64_t l2 = nn_cpu_get()->l2_bytes;
    if (l2 > 0 && l2 < 2 << 20) return;
    nn_direct_problem problem = nn_direct_product(128, 768, 3072);
    nn_direct_plan plan;
    nn_direct_plan_make(&problem, &nn_tiles_f32_avx512, 2, &(nn_epilogue){0}, &plan);
    ck_assert_int_eq(plan.band_use, NN_BAND_ALWAYS);
    ck_assert_int_eq(plan.panel_blocks, 2);
    problem = nn_direct_product(196, 256, 1024);
    nn_direct_plan_make(&problem, &nn_tiles_f32_avx512, 2, &(nn_epilogue){0}, &plan);
    ck_assert_int_eq(plan.band_use, NN_BAND_ALWAYS);
    ck_assert_int_eq(plan.panel_blocks, 1); /* pixels are divided */
    ck_assert_int_eq(plan.column_blocks % 2, 0);
    problem = nn_direct_product(128, 768, 760); /* no band */
    nn_direct_plan_make(&problem, &nn_tiles_f32_avx512, 2, &(nn_epilogue){0}, &plan);
    ck_assert_int_eq(plan.band_use, NN_BAND_NEVER);
    ck_assert_int_eq(plan.panel_blocks, 8);
}
END_TEST
#endif

Suite *test_suite(void) {
    Suite *suite = suite_create("plans of direct convolutions");
    TCase *units = tcase_create("units");
    tcase_add_test(units, rows_are_divided_evenly);
#if defined(__x86_64__)
    tcase_add_test(units, copies_of_a_band_stay_few);
#endif
    suite_add_tcase(suite, units);
    return suite;
}
