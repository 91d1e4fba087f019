/* Histograms of activations and the ranges that follow from them. */
#include "base/random.h"
#include "optim/quant_range.h"
#include "tests/support/runner.h"

#include <math.h>

static nn_value_statistics statistics;

static void reset(void) {
    memset(&statistics, 0, sizeof statistics);
    statistics.value = "x";
}

START_TEST(the_histogram_widens_without_losing_counts) {
    reset();
    float small[] = {-0.5f, 0.25f, 0, 0}, large[] = {7.9f, -3};
    ck_assert_ok(nn_value_statistics_add(&statistics, small, 4));
    ck_assert_ok(nn_value_statistics_add(&statistics, large, 2));
    ck_assert_double_eq(statistics.minimum, -3);
    ck_assert_double_eq_tol(statistics.maximum, 7.9, 1e-6);
    ck_assert_int_eq(statistics.count, 6);
    ck_assert_int_eq(statistics.zero_count, 2);
    uint64_t total = 0;
    double mean = 0, width = 2 * statistics.limit / NN_HISTOGRAM_BINS;
    for (int b = 0; b < NN_HISTOGRAM_BINS; b++) {
        total += statistics.histogram[b];
        mean += (double)statistics.histogram[b] * (-statistics.limit + (b + 0.5) * width);
    }
    ck_assert_uint_eq(total, 6);
    ck_assert_double_eq_tol(mean, -0.5 + 0.25 + 7.9 - 3, 6 * width);
}
END_TEST

START_TEST(nan_and_infinity_are_refused) {
    reset();
    float bad[] = {1, NAN}, worse[] = {INFINITY};
    ck_assert_fails(nn_value_statistics_add(&statistics, bad, 2), NNOPT_BAD_INPUT,
                    "value 'x' holds NaN");
    ck_assert_fails(nn_value_statistics_add(&statistics, worse, 1), NNOPT_BAD_INPUT, "infinity");
}
END_TEST

START_TEST(zero_is_representable_in_every_range) {
    const double ranges[][2] = {{0, 5}, {-3, 0}, {-1, 2}, {2, 9}, {-9, -2}, {0, 0}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        for (int symmetric = 0; symmetric < 2; symmetric++) {
            nn_quant_range range;
            nn_quant_range_set(ranges[i][0], ranges[i][1], NNOPT_INT8, symmetric, &range);
            ck_assert_float_gt(range.scale, 0);
            ck_assert_int_ge(range.zero_point, -128);
            ck_assert_int_le(range.zero_point, 127);
            double low = range.scale * (-128.0 - range.zero_point);
            double high = range.scale * (127.0 - range.zero_point);
            ck_assert_double_le(low, fmin(ranges[i][0], 0) + range.scale);
            ck_assert_double_ge(high, fmax(ranges[i][1], 0) - range.scale);
        }
}
END_TEST

/* Normal values and a few far outliers: clipping them must pay for the finer steps. */
static void add_outliers(void) {
    reset();
    nn_random random = nn_random_seed(1);
    static float values[100000];
    for (int i = 0; i < 100000; i++) values[i] = (float)nn_random_normal(&random);
    values[10] = 100;
    values[20] = -80;
    ck_assert_ok(nn_value_statistics_add(&statistics, values, 100000));
}

START_TEST(outliers_are_clipped_by_all_methods_but_minmax) {
    add_outliers();
    nn_quant_range minmax, other;
    ck_assert_ok(nn_quant_range_choose(&statistics, NN_RANGE_MINMAX, NNOPT_INT8, false, &minmax));
    ck_assert_float_eq_tol(minmax.scale, 180.0f / 255, 1e-4);
    const nn_range_method methods[] = {NN_RANGE_PERCENTILE, NN_RANGE_KL};
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(nn_quant_range_choose(&statistics, methods[i], NNOPT_INT8, false, &other));
        ck_assert_float_lt(other.scale, minmax.scale / 4);
        ck_assert_float_gt(other.scale, 3.0f / 255);
    }
    ck_assert_ok(nn_quant_range_choose(&statistics, NN_RANGE_MSE, NNOPT_INT8, false, &other));
    ck_assert_double_le(other.error, minmax.error);
}
END_TEST

START_TEST(a_rectified_value_starts_its_range_at_zero) {
    reset();
    nn_random random = nn_random_seed(2);
    float values[5000];
    for (int i = 0; i < 5000; i++) values[i] = fmaxf((float)nn_random_normal(&random), 0);
    ck_assert_ok(nn_value_statistics_add(&statistics, values, 5000));
    const nn_range_method methods[] = {NN_RANGE_MSE, NN_RANGE_MINMAX, NN_RANGE_PERCENTILE,
                                       NN_RANGE_KL};
    for (int i = 0; i < 4; i++) {
        nn_quant_range range;
        ck_assert_ok(nn_quant_range_choose(&statistics, methods[i], NNOPT_INT8, false, &range));
        ck_assert_int_eq(range.zero_point, -128);
    }
}
END_TEST

START_TEST(a_value_that_never_varies_gets_a_usable_scale) {
    reset();
    float values[] = {2.5f, 2.5f};
    nn_quant_range range;
    ck_assert_ok(nn_value_statistics_add(&statistics, values, 2));
    ck_assert_ok(nn_quant_range_choose(&statistics, NN_RANGE_MSE, NNOPT_UINT8, false, &range));
    float q = nearbyintf(2.5f / range.scale) + (float)range.zero_point;
    ck_assert_float_eq_tol((q - (float)range.zero_point) * range.scale, 2.5f, 1e-5f);
    reset();
    ck_assert_fails(nn_quant_range_choose(&statistics, NN_RANGE_MSE, NNOPT_UINT8, false, &range),
                    NNOPT_BAD_INPUT, "never seen");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("quantisation ranges");
    TCase *cases = tcase_create("quantisation ranges");
    tcase_add_test(cases, the_histogram_widens_without_losing_counts);
    tcase_add_test(cases, nan_and_infinity_are_refused);
    tcase_add_test(cases, zero_is_representable_in_every_range);
    tcase_add_test(cases, outliers_are_clipped_by_all_methods_but_minmax);
    tcase_add_test(cases, a_rectified_value_starts_its_range_at_zero);
    tcase_add_test(cases, a_value_that_never_varies_gets_a_usable_scale);
    suite_add_tcase(suite, cases);
    return suite;
}
