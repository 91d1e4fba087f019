/* Pools on a device, against those of the CPU. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

static const nn_type floats[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE};
enum { FLOATS = 4 };

static const struct {
    int rank;
    int64_t dims[5];
    int64_t kernel[3], strides[3], dilations[3], pads[6];
    bool ceil_mode;
} cases[] = {
    {4, {2, 3, 7, 9}, {2, 2}, {2, 2}, {1, 1}, {0}, false},
    {4, {1, 16, 8, 8}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, false},
    {4, {2, 8, 9, 7}, {3, 2}, {1, 3}, {1, 1}, {2, 0, 1, 1}, true},
    {4, {1, 5, 11, 10}, {3, 3}, {2, 1}, {2, 3}, {1, 2, 0, 1}, true},
    {3, {2, 9, 17}, {4}, {3}, {1}, {2, 1}, true},
    {5, {1, 4, 5, 6, 7}, {2, 3, 2}, {1, 2, 2}, {1, 1, 2}, {0, 1, 1, 1, 1, 0}, false},
    {4, {0, 4, 5, 5}, {2, 2}, {1, 1}, {1, 1}, {0}, false},
    {4, {1, 32, 4, 4}, {4, 4}, {1, 1}, {1, 1}, {0}, false},
};
enum { CASES = sizeof cases / sizeof *cases };

static void pool(const char *name, nn_type type, int i, nn_layout layout, bool indices, int way) {
    const nn_target target = {.threads = 1, .device = device_host_open()};
    const int spatial = cases[i].rank - 2;
    int64_t pads[6];
    kernel_host host;
    host_init(&host, nn_op_find("", name, 22), 22);
    for (int k = 0; k < spatial; k++) {
        pads[k] = cases[i].pads[k];
        pads[spatial + k] = cases[i].pads[spatial + k];
    }
    host_ints(&host, "kernel_shape", cases[i].kernel, spatial);
    host_ints(&host, "strides", cases[i].strides, spatial);
    host_ints(&host, "dilations", cases[i].dilations, spatial);
    host_ints(&host, "pads", pads, 2 * spatial);
    host_int(&host, "ceil_mode", cases[i].ceil_mode);
    if (strcmp(name, "MaxPool") == 0) host_int(&host, "storage_order", way);
    if (strcmp(name, "AveragePool") == 0) host_int(&host, "count_include_pad", way);
    if (strcmp(name, "LpPool") == 0) host_int(&host, "p", way + 1);
    fill_input(&host, type, cases[i].dims, cases[i].rank, false, 0, 90);
    if (indices) host.out_count = 2;
    host_infer(&host);
    const nn_kernel *kernel = device_host_select(&host, &target);
    char text[400];
    ck_assert_msg(kernel != NULL, "no kernel takes %s",
                  nn_view_describe(&host.view, text, sizeof text));
    device_host_check(&host, kernel, layout, &target, 4 * device_tolerance(type));
    host_clear(&host);
}

static void pool_all(const char *name, nn_type type, bool indices) {
    for (int i = 0; i < CASES; i++)
        for (int way = 0; way < 2; way++) {
            pool(name, type, i, NN_LAYOUT_STANDARD, indices, way);
            pool(name, type, i, NN_LAYOUT_CHANNELS_LAST, indices, way);
        }
}

START_TEST(maxima) {
    for (int t = 0; t < FLOATS; t++) pool_all("MaxPool", floats[t], false);
    pool_all("MaxPool", NNOPT_INT8, false);
    pool_all("MaxPool", NNOPT_UINT8, false);
}
END_TEST

START_TEST(places_of_maxima) {
    for (int t = 0; t < FLOATS; t++) pool_all("MaxPool", floats[t], true);
    pool_all("MaxPool", NNOPT_UINT8, true); /* many are equal */
}
END_TEST

START_TEST(averages) {
    for (int t = 0; t < FLOATS; t++) pool_all("AveragePool", floats[t], false);
}
END_TEST

START_TEST(norms) {
    for (int t = 0; t < FLOATS; t++) pool_all("LpPool", floats[t], false);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_pool");
    TCase *tests = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, maxima);
    tcase_add_test(tests, places_of_maxima);
    tcase_add_test(tests, averages);
    tcase_add_test(tests, norms);
    suite_add_tcase(suite, tests);
    return suite;
}
