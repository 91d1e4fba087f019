/* TopK, CumSum and CumProd on a device, against those of the CPU. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>

static void start(kernel_host *host, const char *name, int opset) {
    host_init(host, nn_op_find("", name, opset), opset);
}

static void add_number(kernel_host *host, int64_t value, int rank) {
    const int64_t one = 1;
    *(int64_t *)host_input(host, NNOPT_INT64, &one, rank, true) = value;
}

static const struct {
    int rank;
    int64_t dims[3];
    int axis;
    int64_t k;
} rows[] = {
    {1, {1}, 0, 1},        {1, {9}, 0, 9},        {2, {3, 70}, 1, 5},
    {2, {70, 3}, 0, 64},   {2, {2, 1500}, 1, 3},  {2, {1, 5000}, 1, 6},
    {3, {2, 33, 5}, 1, 0}, {3, {0, 33, 5}, 1, 2}, {3, {2, 100, 3}, 1, 100},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const nn_type types[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE,
                                NNOPT_INT8,  NNOPT_UINT16,  NNOPT_INT64,    NNOPT_UINT64};
enum { TYPES = sizeof types / sizeof *types };

START_TEST(best) {
    for (int t = 0; t < TYPES; t++)
        for (int i = 0; i < ROWS; i++)
            for (int largest = 0; largest < 2; largest++) {
                kernel_host host;
                start(&host, "TopK", 11);
                host.out_count = 2;
                host_int(&host, "axis", rows[i].axis);
                host_int(&host, "largest", largest);
                const bool is_signed = types[t] != NNOPT_UINT16 && types[t] != NNOPT_UINT64;
                nn_tensor *x = fill_input(&host, types[t], rows[i].dims, rows[i].rank, false,
                                          is_signed ? -20 : 0, 20);
                for (int64_t k = 0; k < nn_tensor_count(x); k++) /* many are equal */
                    nn_tensor_set(x, k, floor(nn_tensor_get(x, k)));
                if (types[t] == NNOPT_FLOAT && nn_tensor_count(x) > 60) {
                    nn_tensor_set(x, 50, NAN);
                    nn_tensor_set(x, 7, -0.0);
                    nn_tensor_set(x, 11, -INFINITY);
                }
                add_number(&host, rows[i].k, 1);
                device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
            }
}
END_TEST

static void scan(const char *name, int opset) {
    static const nn_type scanned[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE,
                                      NNOPT_INT32, NNOPT_INT64,   NNOPT_UINT32,   NNOPT_UINT64};
    const bool multiplies = strcmp(name, "CumProd") == 0;
    for (int t = 0; t < 8; t++)
        for (int i = 0; i < ROWS; i++)
            for (int way = 0; way < 4; way++) {
                kernel_host host;
                start(&host, name, opset);
                host_int(&host, "exclusive", way & 1);
                host_int(&host, "reverse", way >> 1);
                const bool whole = t >= 4;
                fill_input(&host, scanned[t], rows[i].dims, rows[i].rank, false,
                           multiplies && !whole ? 0.995 : 1, multiplies && !whole ? 1.005 : 4);
                add_number(&host, rows[i].axis, 0);
                device_host_judge(&host, NN_LAYOUT_STANDARD,
                                  whole    ? 0
                                  : t == 0 ? 1e-4
                                           : 4 * device_tolerance(scanned[t]));
            }
}

START_TEST(sums) {
    scan("CumSum", 14);
}
END_TEST

START_TEST(products) {
    scan("CumProd", 26);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_order");
    TCase *tests = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, best);
    tcase_add_test(tests, sums);
    tcase_add_test(tests, products);
    suite_add_tcase(suite, tests);
    return suite;
}
