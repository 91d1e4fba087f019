/* How direct convolutions are cut for threads: each has as much to do, and little is copied twice.
 */
#include "base/cpu.h"
#include "base/integers.h"
#include "base/memory.h"
#include "ops/cpu/float32/direct/direct_f32.h"
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

/* A line of two channels, so long that it is cut into several units. */
enum { LINE_CHANNELS = 2, LINE_KERNEL = 3 };

static nn_direct_problem line_of(int64_t width) {
    nn_direct_problem out = square(1, LINE_CHANNELS);
    out.axes[NN_HEIGHT] =
        (nn_window_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    out.axes[NN_WIDTH] = (nn_window_axis){.in = width + LINE_KERNEL - 1,
                                          .out = width,
                                          .kernel = LINE_KERNEL,
                                          .stride = 1,
                                          .dilation = 1};
    nn_direct_dense_output(&out, LINE_CHANNELS);
    return out;
}

/* A width for which several pixels are taken as one and the last unit is one of these, not all of
 * whose pixels exist. */
static int64_t cut_line(void) {
    const nn_direct_problem long_line = line_of(1 << 24);
    const nn_direct_plan plan = plan_of(&long_line, 1);
    return plan.fold * (4 * plan.column_block + 1) - 1;
}

START_TEST(a_cut_pixel_that_is_alone_has_its_bias) {
    const int64_t width = cut_line();
    const nn_direct_problem problem = line_of(width);
    const nn_direct_plan plan = plan_of(&problem, 1);
    const nn_direct_source source = {.column_step = LINE_CHANNELS * LINE_KERNEL,
                                     .k_step = LINE_KERNEL,
                                     .tap_step = 1,
                                     .scale = 1};
    const float given[LINE_CHANNELS] = {100, 200};
    float w[LINE_CHANNELS * LINE_CHANNELS * LINE_KERNEL];
    ck_assert_int_gt(plan.fold, 1);
    ck_assert_int_lt(plan.last_columns, plan.problem.columns);
    ck_assert_int_eq(plan.problem.axes[NN_WIDTH].out % plan.column_block, 1);
    float *x = nn_alloc(sizeof *x * (size_t)((width + LINE_KERNEL - 1) * LINE_CHANNELS));
    float *y = nn_alloc(sizeof *y * (size_t)(width * LINE_CHANNELS));
    float *packed = nn_alloc(nn_direct_packed_bytes(&plan));
    float *bias = nn_alloc(nn_direct_bias_bytes(&plan));
    void *workspace = nn_alloc(nn_direct_workspace(&plan, 1));
    ck_assert(x != NULL && y != NULL && packed != NULL && bias != NULL && workspace != NULL);
    /* Small integers, whose sums are exact in any order. */
    for (int64_t i = 0; i < (width + LINE_KERNEL - 1) * LINE_CHANNELS; i++)
        x[i] = (float)(i % 7 - 3);
    for (int i = 0; i < LINE_CHANNELS * LINE_CHANNELS * LINE_KERNEL; i++) w[i] = (float)(i % 5 - 2);
    nn_direct_pack(&plan, &source, w, packed);
    nn_direct_pack_bias(&plan, given, 1, 1, bias);
    nn_direct_run(&plan, packed, bias, x, NULL, y, NULL, workspace);
    int wrong = 0;
    for (int64_t i = 0; i < width * LINE_CHANNELS; i++) {
        const int64_t pixel = i / LINE_CHANNELS, out = i % LINE_CHANNELS;
        double sum = (double)given[out];
        for (int t = 0; t < LINE_KERNEL; t++)
            for (int c = 0; c < LINE_CHANNELS; c++)
                sum += (double)(x[(pixel + t) * LINE_CHANNELS + c] *
                                w[(out * LINE_CHANNELS + c) * LINE_KERNEL + t]);
        wrong += (double)y[i] != sum;
    }
    ck_assert_int_eq(wrong, 0);
    nn_free(x);
    nn_free(y);
    nn_free(packed);
    nn_free(bias);
    nn_free(workspace);
}
END_TEST

/* Pixels so deep that L2 would keep few of them are read a part of their channels at a time, by all
 * panels; with and without copies of these parts. */
static void check_parts(const nn_tiles_f32 *tiles, int64_t k) {
    enum { PIXELS = 3, COLUMNS = 70 };
    const nn_direct_problem problem = nn_direct_product(PIXELS, COLUMNS, k);
    const nn_direct_source source = {.column_step = 1, .k_step = COLUMNS, .scale = 1};
    nn_direct_plan plan;
    nn_direct_plan_make(&problem, tiles, 1, &(nn_epilogue){0}, &plan);
    ck_assert_int_gt(plan.input_parts, 1);
    ck_assert_int_eq(plan.units, 1);
    float *x = nn_alloc(sizeof *x * (size_t)(PIXELS * k));
    float *w = nn_alloc(sizeof *w * (size_t)(COLUMNS * k));
    float *packed = nn_alloc(nn_direct_packed_bytes(&plan));
    float *bias = nn_alloc_zero(nn_direct_bias_bytes(&plan));
    void *workspace = nn_alloc(nn_direct_workspace(&plan, 1));
    float y[PIXELS * COLUMNS];
    ck_assert(x != NULL && w != NULL && packed != NULL && bias != NULL && workspace != NULL);
    /* Small integers, whose sums are exact in any order. */
    for (int64_t i = 0; i < PIXELS * k; i++) x[i] = (float)(i % 7 - 3);
    for (int64_t i = 0; i < COLUMNS * k; i++) w[i] = (float)(i % 5 - 2);
    nn_direct_pack(&plan, &source, w, packed);
    nn_direct_run(&plan, packed, bias, x, NULL, y, NULL, workspace);
    for (int64_t i = 0; i < PIXELS; i++)
        for (int64_t j = 0; j < COLUMNS; j++) {
            double sum = 0;
            for (int64_t c = 0; c < k; c++) sum += (double)(x[i * k + c] * w[c * COLUMNS + j]);
            ck_assert_msg((double)y[i * COLUMNS + j] == sum, "%lld, %lld: %g for %g", (long long)i,
                          (long long)j, (double)y[i * COLUMNS + j], sum);
        }
    nn_free(x);
    nn_free(w);
    nn_free(packed);
    nn_free(bias);
    nn_free(workspace);
}

START_TEST(deep_pixels_are_read_in_parts) {
    const int64_t l2 = nn_cpu_get()->l2_bytes > 0 ? nn_cpu_get()->l2_bytes : 1 << 20;
    const int64_t k = l2 / 1024 * 1024 / 12;
    const int64_t sizes[] = {(k + 1023) / 1024 * 1024, k + 1023};
    for (int i = 0; i < 2; i++) {
        check_parts(&nn_tiles_f32_portable, sizes[i]);
#if defined(__x86_64__)
        if (nn_cpu_get()->isa >= NN_ISA_AVX2) check_parts(&nn_tiles_f32_avx2, sizes[i]);
        if (nn_cpu_get()->isa >= NN_ISA_AVX512) check_parts(&nn_tiles_f32_avx512, sizes[i]);
#endif
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

/* Columns of few pixels are divided among threads: as wide as panels may be, none has more. */
START_TEST(panels_are_divided_evenly) {
    const int64_t columns[] = {160, 192, 320};
    for (int i = 0; i < 3; i++) {
        const nn_direct_problem problem = nn_direct_product(49, columns[i], 1152);
        nn_direct_plan plan;
        nn_direct_plan_make(&problem, &nn_tiles_f32_avx512, 2, &(nn_epilogue){0}, &plan);
        ck_assert_int_eq(plan.column_blocks, 1);
        const int64_t most = nn_divide_up(plan.panel_blocks, 2) * plan.panel_block;
        ck_assert_int_le(5 * most * plan.shape->columns, 3 * columns[i]);
    }
}
END_TEST
#endif

Suite *test_suite(void) {
    Suite *suite = suite_create("plans of direct convolutions");
    TCase *units = tcase_create("units");
    tcase_add_test(units, a_cut_pixel_that_is_alone_has_its_bias);
    tcase_add_test(units, rows_are_divided_evenly);
    tcase_add_test(units, deep_pixels_are_read_in_parts);
#if defined(__x86_64__)
    tcase_add_test(units, copies_of_a_band_stay_few);
    tcase_add_test(units, panels_are_divided_evenly);
#endif
    suite_add_tcase(suite, units);
    return suite;
}
