/* Operators that move elements on a device, against those of the CPU. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#define DIMS(...)                                                                                  \
    (int64_t[]) {                                                                                  \
        __VA_ARGS__                                                                                \
    }

/* One type for each size of element. */
static const nn_type types[] = {NNOPT_INT8, NNOPT_BFLOAT16, NNOPT_FLOAT, NNOPT_DOUBLE};
enum { TYPES = 4 };

static void start(kernel_host *host, const char *domain, const char *name, int opset) {
    host_init(host, nn_op_find(domain, name, opset), opset);
}

static void add(kernel_host *host, nn_type type, const int64_t *dims, int rank) {
    fill_input(host, type, dims, rank, false, -100, 100);
}

static void add_list(kernel_host *host, const int64_t *values, int64_t count) {
    int64_t *list = host_input(host, NNOPT_INT64, &count, 1, true);
    if (count > 0) memcpy(list, values, (size_t)count * sizeof *list);
}

static void check(kernel_host *host) {
    device_host_judge(host, NN_LAYOUT_STANDARD, 0);
}

static void check_both(kernel_host *host) {
    host_infer(host);
    device_host_check_first(host, NN_LAYOUT_STANDARD, 0);
    device_host_check_first(host, NN_LAYOUT_CHANNELS_LAST, 0);
    host_clear(host);
}

START_TEST(transposes) {
    static const struct {
        int rank;
        int64_t dims[8], order[8];
    } cases[] = {
        {0, {0}, {0}},
        {1, {5}, {0}},
        {2, {0, 3}, {1, 0}},
        {2, {67, 35}, {1, 0}},
        {2, {128, 64}, {1, 0}},
        {3, {3, 2, 40}, {1, 0, 2}},
        {3, {2, 3, 33}, {0, 2, 1}},
        {4, {2, 33, 5, 17}, {0, 3, 1, 2}},
        {4, {2, 5, 17, 33}, {0, 2, 3, 1}},
        {4, {3, 4, 5, 6}, {3, 2, 1, 0}},
        {8, {2, 1, 3, 2, 2, 1, 3, 2}, {7, 0, 6, 1, 5, 2, 4, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int t = 0; t < TYPES; t++) {
            kernel_host host;
            start(&host, "", "Transpose", 21);
            host_ints(&host, "perm", cases[i].order, cases[i].rank);
            add(&host, types[t], cases[i].dims, cases[i].rank);
            check(&host);
        }
}
END_TEST

START_TEST(reorders) {
    static const char *const layouts[] = {"standard", "channels_last"};
    static const struct {
        int rank;
        int64_t dims[5];
    } cases[] = {{4, {2, 3, 7, 9}},    {4, {1, 64, 5, 13}}, {3, {3, 33, 70}},
                 {5, {1, 4, 3, 2, 5}}, {4, {0, 3, 2, 2}},   {4, {2, 1, 3, 3}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int t = 0; t < TYPES; t++)
            for (int to = 0; to < 2; to++) {
                kernel_host host;
                start(&host, "nnopt", "Reorder", 1);
                host_text(&host, "from", layouts[!to]);
                host_text(&host, "to", layouts[to]);
                add(&host, types[t], cases[i].dims, cases[i].rank);
                check(&host);
            }
}
END_TEST

START_TEST(joins_and_splits) {
    for (int axis = 0; axis < 4; axis++)
        for (int t = 0; t < TYPES; t++) {
            kernel_host host;
            start(&host, "", "Concat", 13);
            host_int(&host, "axis", axis - 4);
            for (int i = 0; i < 3; i++) {
                int64_t dims[4] = {2, 3, 4, 8};
                dims[axis] = i == 1 ? 0 : 2 * i + 3;
                add(&host, types[t], dims, 4);
            }
            check_both(&host);
            start(&host, "", "Split", 13);
            host.out_count = 3;
            host_int(&host, "axis", axis);
            add(&host, types[t], DIMS(8, 8, 8, 8), 4);
            add_list(&host, DIMS(3, 0, 5), 3);
            check_both(&host);
        }
}
END_TEST

START_TEST(slices) {
    static const int64_t cases[][4] = {/* start, end, axis, step */
                                       {1, 7, 0, 1}, {-3, 100, 1, 1},  {0, 8, 2, 2},
                                       {4, 8, 3, 1}, {7, -100, 3, -1}, {6, 0, 1, -3},
                                       {5, 5, 2, 1}, {0, 100, 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int t = 0; t < TYPES; t++) {
            kernel_host host;
            start(&host, "", "Slice", 13);
            add(&host, types[t], DIMS(8, 8, 8, 8), 4);
            for (int k = 0; k < 4; k++) add_list(&host, &cases[i][k], 1);
            check_both(&host);
        }
    kernel_host host;
    start(&host, "", "Slice", 1);
    host_ints(&host, "starts", DIMS(1, -2), 2);
    host_ints(&host, "ends", DIMS(3, 100), 2);
    add(&host, NNOPT_FLOAT, DIMS(5, 7), 2);
    check(&host);
}
END_TEST

START_TEST(repeats) {
    for (int t = 0; t < TYPES; t++) {
        kernel_host host;
        start(&host, "", "Expand", 13);
        add(&host, types[t], DIMS(3, 1, 8), 3);
        add_list(&host, DIMS(2, 1, 5, 1), 4);
        check(&host);
        start(&host, "", "Expand", 13);
        add(&host, types[t], NULL, 0);
        add_list(&host, DIMS(4, 33), 2);
        check(&host);
        start(&host, "", "Tile", 13);
        add(&host, types[t], DIMS(2, 3, 8), 3);
        add_list(&host, DIMS(3, 2, 2), 3);
        check(&host);
        start(&host, "", "Tile", 13);
        add(&host, types[t], DIMS(2, 5), 2);
        add_list(&host, DIMS(1, 0), 2);
        check(&host);
    }
}
END_TEST

START_TEST(moves_blocks) {
    static const char *const modes[] = {"DCR", "CRD"};
    for (int t = 0; t < TYPES; t++)
        for (int mode = 0; mode < 2; mode++)
            for (int64_t block = 1; block < 4; block++) {
                kernel_host host;
                start(&host, "", "DepthToSpace", 13);
                host_int(&host, "blocksize", block);
                host_text(&host, "mode", modes[mode]);
                add(&host, types[t], DIMS(2, 36, 3, 5), 4);
                check_both(&host);
                start(&host, "", "SpaceToDepth", 13);
                host_int(&host, "blocksize", block);
                add(&host, types[t], DIMS(2, 3, 6, 12), 4);
                check_both(&host);
            }
}
END_TEST

START_TEST(keeps_or_crops) {
    for (int t = 0; t < TYPES; t++) {
        kernel_host host;
        start(&host, "", "CenterCropPad", 18);
        add(&host, types[t], DIMS(7, 4, 9), 3);
        add_list(&host, DIMS(4, 9, 9), 3);
        check(&host);
        start(&host, "", "Identity", 16);
        add(&host, types[t], DIMS(7, 4, 9), 3);
        check(&host);
        start(&host, "", "Reshape", 21);
        add(&host, types[t], DIMS(6, 4), 2);
        add_list(&host, DIMS(8, -1), 2);
        check(&host);
    }
    kernel_host host;
    start(&host, "", "Dropout", 13);
    add(&host, NNOPT_FLOAT, DIMS(3, 5), 2);
    check(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_movement");
    TCase *cases = tcase_create("movement");
    device_host_open();
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, transposes);
    tcase_add_test(cases, reorders);
    tcase_add_test(cases, joins_and_splits);
    tcase_add_test(cases, slices);
    tcase_add_test(cases, repeats);
    tcase_add_test(cases, moves_blocks);
    tcase_add_test(cases, keeps_or_crops);
    suite_add_tcase(suite, cases);
    return suite;
}
