/* Reductions, softmax and places of extremes on a device, against those of the CPU. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>

#define DIMS(...)                                                                                  \
    (int64_t[]) {                                                                                  \
        __VA_ARGS__                                                                                \
    }

static const nn_type floats[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE};
enum { FLOATS = 4 };

static void start(kernel_host *host, const char *name, int opset) {
    host_init(host, nn_op_find("", name, opset), opset);
}

/* ---- softmax ---- */

static const struct {
    int rank;
    int64_t dims[4];
    int axis;
} rows[] = {
    {1, {1}, 0},           {2, {3, 7}, 1},    {2, {5, 64}, -1},  {2, {2, 200}, 1},
    {2, {3, 1000}, 1},     {2, {2, 3001}, 1}, {3, {2, 5, 3}, 1}, {3, {2, 50, 40}, 1},
    {4, {2, 3, 4, 33}, 2}, {3, {4, 3, 2}, 0}, {2, {0, 5}, 1},    {3, {2, 0, 3}, 2},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void check_rows(const char *name, int opset) {
    for (int t = 0; t < FLOATS; t++)
        for (int i = 0; i < ROWS; i++) {
            kernel_host host;
            start(&host, name, opset);
            host_int(&host, "axis", rows[i].axis);
            fill_input(&host, floats[t], rows[i].dims, rows[i].rank, false, -9, 9);
            device_host_judge(&host, NN_LAYOUT_STANDARD, 4 * device_tolerance(floats[t]));
        }
}

START_TEST(softmax) {
    check_rows("Softmax", 13);
    check_rows("LogSoftmax", 13);
    check_rows("Softmax", 11);
}
END_TEST

START_TEST(masked_rows) {
    for (int log = 0; log < 2; log++)
        for (int64_t size = 40; size < 2000; size += 1400) {
            kernel_host host;
            start(&host, log ? "LogSoftmax" : "Softmax", 13);
            nn_tensor *x = fill_input(&host, NNOPT_FLOAT, DIMS(4, size), 2, false, -9, 9);
            for (int64_t i = 0; i < size; i++) nn_tensor_set(x, size + i, -INFINITY);
            for (int64_t i = 0; i < 35; i++) nn_tensor_set(x, i, -INFINITY);
            nn_tensor_set(x, 2 * size + 7, INFINITY);
            nn_tensor_set(x, 3 * size + 9, NAN);
            device_host_judge(&host, NN_LAYOUT_STANDARD, 1e-5);
        }
}
END_TEST

START_TEST(hardmax) {
    check_rows("Hardmax", 13);
}
END_TEST

/* ---- places ---- */

START_TEST(places_of_extremes) {
    static const nn_type types[] = {NNOPT_FLOAT,  NNOPT_FLOAT16, NNOPT_BFLOAT16,
                                    NNOPT_DOUBLE, NNOPT_INT8,    NNOPT_UINT8,
                                    NNOPT_INT32,  NNOPT_INT64,   NNOPT_UINT64};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int i = 0; i < ROWS; i++)
            for (int way = 0; way < 4; way++) {
                if (rows[i].rank == 3 && rows[i].dims[1] == 0) continue;
                kernel_host host;
                start(&host, way & 1 ? "ArgMax" : "ArgMin", 13);
                host_int(&host, "axis", rows[i].axis);
                host_int(&host, "select_last_index", way >> 1);
                host_int(&host, "keepdims", way & 1);
                nn_tensor *x = fill_input(&host, types[t], rows[i].dims, rows[i].rank, false, 0, 9);
                for (int64_t k = 0; k < nn_tensor_count(x); k++) /* many are equal */
                    nn_tensor_set(x, k, floor(nn_tensor_get(x, k)));
                if (types[t] == NNOPT_FLOAT && i == 4) {
                    nn_tensor_set(x, 70, NAN);
                    nn_tensor_set(x, 900, NAN);
                }
                device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
            }
}
END_TEST

/* ---- reductions ---- */

static const struct {
    int rank;
    int64_t dims[5];
    int count;
    int64_t axes[4];
} reductions[] = {
    {1, {7}, 1, {0}},
    {2, {3, 70}, 1, {1}},
    {2, {70, 3}, 1, {0}},
    {2, {2, 1500}, 1, {-1}},
    {3, {5, 3, 37}, 2, {0, 2}},
    {3, {5, 3, 37}, 1, {1}},
    {4, {2, 3, 5, 7}, 2, {2, 3}},
    {4, {2, 3, 5, 7}, 2, {1, 3}},
    {4, {2, 33, 4, 3}, 2, {0, 2}},
    {5, {2, 3, 1, 4, 5}, 3, {0, 3, 2}},
    {2, {3, 4}, 0, {0}},
    {3, {4, 0, 2}, 1, {0}},
};
enum { REDUCTIONS = sizeof reductions / sizeof *reductions };

static const char *const names[] = {
    "ReduceSum", "ReduceMean", "ReduceMax",       "ReduceMin",    "ReduceProd",
    "ReduceL1",  "ReduceL2",   "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"};
enum { NAMES = sizeof names / sizeof *names };

static void reduce(const char *name, nn_type type, int i, bool keeps, nn_layout layout) {
    kernel_host host;
    const bool multiplies = strcmp(name, "ReduceProd") == 0;
    start(&host, name, 18);
    host_int(&host, "keepdims", keeps);
    fill_input(&host, type, reductions[i].dims, reductions[i].rank, false, multiplies ? 0.9 : 0.1,
               multiplies ? 1.1 : 9);
    if (reductions[i].count > 0) {
        int64_t count = reductions[i].count;
        int64_t *axes = host_input(&host, NNOPT_INT64, &count, 1, true);
        memcpy(axes, reductions[i].axes, (size_t)count * sizeof *axes);
    }
    device_host_judge(&host, layout, 8 * device_tolerance(type));
}

START_TEST(reduces_floats) {
    for (int n = 0; n < NAMES; n++)
        for (int t = 0; t < FLOATS; t++)
            for (int i = 0; i < REDUCTIONS; i++)
                reduce(names[n], floats[t], i, i % 2 == 0, NN_LAYOUT_STANDARD);
}
END_TEST

START_TEST(reduces_channels_last) {
    for (int n = 0; n < NAMES; n++)
        for (int i = 4; i < 10; i++)
            reduce(names[n], NNOPT_FLOAT, i, true, NN_LAYOUT_CHANNELS_LAST);
}
END_TEST

START_TEST(reduces_integers) {
    static const nn_type types[] = {NNOPT_INT32, NNOPT_INT64, NNOPT_UINT32, NNOPT_UINT64};
    static const int whole[] = {0, 1, 2, 3, 4, 5, 7};
    for (size_t n = 0; n < sizeof whole / sizeof *whole; n++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (int i = 0; i < REDUCTIONS; i++)
                reduce(names[whole[n]], types[t], i, i % 2 == 0, NN_LAYOUT_STANDARD);
    for (int n = 2; n < 4; n++)
        for (int i = 0; i < REDUCTIONS - 1; i++) {
            reduce(names[n], NNOPT_INT8, i, true, NN_LAYOUT_STANDARD);
            reduce(names[n], NNOPT_BOOL, i, true, NN_LAYOUT_STANDARD);
        }
}
END_TEST

/* One output of so many elements that several blocks share it. */
START_TEST(splits_long_sums) {
    static const int64_t shapes[][2] = {{1, 20000}, {9000, 3}};
    for (int n = 0; n < NAMES; n++)
        for (int i = 0; i < 2; i++) {
            kernel_host host;
            start(&host, names[n], 18);
            fill_input(&host, NNOPT_FLOAT, shapes[i], 2, false, n == 4 ? 0.999 : 0.1,
                       n == 4 ? 1.001 : 2);
            int64_t one = 1;
            *(int64_t *)host_input(&host, NNOPT_INT64, &one, 1, true) = i == 0;
            device_host_judge(&host, NN_LAYOUT_STANDARD,
                              n == 4 ? 1e-4 : 1e-5); /* rounds each factor */
        }
}
END_TEST

START_TEST(pools_whole_planes) {
    for (int n = 0; n < 2; n++)
        for (int t = 0; t < FLOATS; t++)
            for (int layout = 0; layout < 2; layout++)
                for (int rank = 3; rank < 6; rank++) {
                    kernel_host host;
                    start(&host, n ? "GlobalMaxPool" : "GlobalAveragePool", 1);
                    fill_input(&host, floats[t], DIMS(2, 37, 5, 3, 7), rank, false, -9, 9);
                    device_host_judge(&host, layout ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD,
                                      8 * device_tolerance(floats[t]));
                }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_reduce");
    TCase *cases = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, softmax);
    tcase_add_test(cases, masked_rows);
    tcase_add_test(cases, hardmax);
    tcase_add_test(cases, places_of_extremes);
    tcase_add_test(cases, reduces_floats);
    tcase_add_test(cases, reduces_channels_last);
    tcase_add_test(cases, reduces_integers);
    tcase_add_test(cases, splits_long_sums);
    tcase_add_test(cases, pools_whole_planes);
    suite_add_tcase(suite, cases);
    return suite;
}
