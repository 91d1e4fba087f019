/* Every kernel of pools this CPU can run against the reference kernel of its operator
 * (float_host.h). */
#include "ops/cpu/kernels.h"
#include "tests/support/float_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(pools_of_random_sizes) {
    static const nn_op *const ops[] = {&nn_op_max_pool, &nn_op_average_pool};
    host_seed(400 + (uint32_t)_i);
    for (int i = 0; i < 40; i++) {
        kernel_host host;
        char what[128], text[64], window[64];
        int rank = 1 + i % 3;
        bool wide = host_between(0, 1); /* either long rows or many channels */
        int64_t x[5] = {host_between(1, 2), host_between(1, wide ? 20 : 150)};
        int64_t kernel[3], stride[3], dilation[3], pads[6];
        for (int axis = 0; axis < rank; axis++) {
            kernel[axis] = host_between(1, 4);
            stride[axis] = host_between(1, 3);
            dilation[axis] = host_between(1, 2);
            pads[axis] = host_between(0, kernel[axis] - 1);
            pads[axis + rank] = host_between(0, kernel[axis] - 1);
            int64_t most = axis + 1 < rank ? 10 : wide ? 90 : 18;
            x[axis + 2] = host_between((kernel[axis] - 1) * dilation[axis] + 1, most);
        }
        snprintf(what, sizeof what, "pool of %s by %s",
                 nn_dims_text(x, rank + 2, text, sizeof text),
                 nn_dims_text(kernel, rank, window, sizeof window));
        host_init(&host, ops[_i % 2], 22);
        host_ints(&host, "kernel_shape", kernel, rank);
        host_ints(&host, "strides", stride, rank);
        host_ints(&host, "dilations", dilation, rank);
        host_ints(&host, "pads", pads, 2 * rank);
        host_int(&host, "ceil_mode", host_between(0, 1));
        if (_i % 2 == 1) host_int(&host, "count_include_pad", host_between(0, 1));
        random_input(&host, x, rank + 2, false);
        host_infer(&host);
        check_all(&host, 1e-6, what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(pools_over_whole_planes) {
    static const nn_op *const ops[] = {&nn_op_global_max_pool, &nn_op_global_average_pool};
    host_seed(500);
    for (int i = 0; i < 40; i++) {
        kernel_host host;
        int64_t x[5] = {host_between(1, 2), host_between(1, 600), host_between(1, 9),
                        host_between(1, 9), host_between(1, 9)};
        host_init(&host, ops[i % 2], 22);
        random_input(&host, x, 3 + i % 3, false);
        host_infer(&host);
        check_all(&host, 1e-6, "global pool");
        host_clear(&host);
    }
}
END_TEST

/* So large that threads take parts of an image: rows that parts divide evenly and not, with
 * channels beyond whole vectors, up to five axes. */
START_TEST(averages_of_large_planes) {
    static const int64_t maps[][5] = {
        {1, 33, 32, 32}, {2, 9, 61, 65}, {1, 300, 11, 13}, {1, 1, 8, 4096}, {1, 7, 17, 18, 19}};
    host_seed(550);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        kernel_host host;
        host_init(&host, &nn_op_global_average_pool, 22);
        random_input(&host, maps[i], maps[i][4] ? 5 : 4, false);
        host_infer(&host);
        check_all(&host, 1e-6, "average of a large plane");
        host_clear(&host);
    }
}
END_TEST

/* The integer forms must give the very bytes. */
START_TEST(max_pools_of_bytes) {
    host_seed(600);
    for (int i = 0; i < 12; i++) {
        kernel_host host;
        nn_type type = i % 2 ? NNOPT_INT8 : NNOPT_UINT8;
        int64_t x[4] = {1, host_between(1, 200), host_between(3, 9), host_between(3, 9)};
        host_init(&host, &nn_op_max_pool, 22);
        host_ints(&host, "kernel_shape", (int64_t[]){3, 2}, 2);
        host_ints(&host, "pads", (int64_t[]){1, 0, 1, 1}, 4);
        uint8_t *data = host_input(&host, type, x, 4, false);
        for (int64_t k = 0; k < count_of(x, 4); k++) data[k] = (uint8_t)host_random_below(256);
        host_infer(&host);
        nn_target target = {.isa = nn_cpu_get()->isa, .threads = 2};
        size_t bytes = (size_t)nn_tensor_bytes(&host.out[0]);
        uint8_t *want = malloc(bytes);
        host_run(&host, &nn_kernel_max_pool_reference, NN_LAYOUT_STANDARD, &target);
        memcpy(want, host.out[0].data, bytes);
        for (const nn_kernel *const *kernel = host.op->kernels; kernel[1] != NULL; kernel++) {
            if (!host_accepts(&host, *kernel, &target)) continue;
            for (int last = 0; last < 2; last++) {
                host_run(&host, *kernel, last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD,
                         &target);
                ck_assert_msg(memcmp(want, host.out[0].data, bytes) == 0, "kernel '%s'",
                              (*kernel)->name);
            }
        }
        free(want);
        host_clear(&host);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of pools");
    TCase *pool = tcase_create("pool");
    tcase_set_timeout(pool, 120);
    tcase_add_loop_test(pool, pools_of_random_sizes, 0, 6);
    tcase_add_test(pool, pools_over_whole_planes);
    tcase_add_test(pool, averages_of_large_planes);
    tcase_add_test(pool, max_pools_of_bytes);
    suite_add_tcase(suite, pool);
    return suite;
}
