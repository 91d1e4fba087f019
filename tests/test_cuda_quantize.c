/* Quantisation on a device, against that of the CPU. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>

enum { GRAINS = 4 };

/* Dims of the scales of 3 x 8 x 16 elements: one, along axis 1, along axis 2, blocks of 4 of
 * axis 1. */
static void add_parameters(kernel_host *host, int grain, nn_type scale, nn_type zero) {
    static const int64_t dims[GRAINS][3] = {{0}, {8}, {16}, {3, 2, 16}};
    static const int ranks[GRAINS] = {0, 1, 1, 3};
    host_int(host, "axis", grain == 2 ? 2 : 1);
    if (grain == 3) host_int(host, "block_size", 4);
    fill_input(host, scale, dims[grain], ranks[grain], false, 0.01, 0.1);
    if (zero != NNOPT_TYPE_NONE) fill_input(host, zero, dims[grain], ranks[grain], false, 0, 9);
}

START_TEST(quantizes) {
    static const nn_type from[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_INT32};
    static const nn_type to[] = {NNOPT_UINT8, NNOPT_INT8, NNOPT_UINT16, NNOPT_INT16};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int grain = 0; grain < GRAINS; grain++) {
                kernel_host host;
                host_init(&host, nn_op_find("", "QuantizeLinear", 23), 23);
                nn_tensor *x = fill_input(&host, from[i], (int64_t[]){3, 8, 16}, 3, false, -9, 9);
                if (i < 3) nn_tensor_set(x, 7, (double)NAN);
                if (i < 3) nn_tensor_set(x, 8, (double)INFINITY);
                add_parameters(&host, grain, i == 3 ? NNOPT_FLOAT : from[i], to[j]);
                device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
            }
}
END_TEST

START_TEST(dequantizes) {
    static const nn_type from[] = {NNOPT_UINT8, NNOPT_INT8, NNOPT_UINT16, NNOPT_INT16, NNOPT_INT32};
    static const nn_type to[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 3; j++)
            for (int grain = 0; grain < GRAINS; grain++) {
                kernel_host host;
                host_init(&host, nn_op_find("", "DequantizeLinear", 23), 23);
                fill_input(&host, from[i], (int64_t[]){3, 8, 16}, 3, false, 0, 100);
                add_parameters(&host, grain, to[j], i == 4 ? NNOPT_TYPE_NONE : from[i]);
                device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
            }
}
END_TEST

START_TEST(finds_the_range) {
    static const int64_t counts[] = {0, 1, 33, 5000};
    static const double ends[][2] = {{-1, 3}, {1, 2}, {-3, -1}, {0, 0}};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            kernel_host host;
            host_init(&host, nn_op_find("", "DynamicQuantizeLinear", 11), 11);
            host.out_count = 3;
            fill_input(&host, NNOPT_FLOAT, &counts[i], 1, false, ends[k][0], ends[k][1]);
            device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
        }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_quantize");
    TCase *cases = tcase_create("quantize");
    device_host_open();
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, quantizes);
    tcase_add_test(cases, dequantizes);
    tcase_add_test(cases, finds_the_range);
    suite_add_tcase(suite, cases);
    return suite;
}
