/* Normalisations on a device, against those of the CPU. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#define DIMS(...)                                                                                  \
    (int64_t[]) {                                                                                  \
        __VA_ARGS__                                                                                \
    }

static const nn_type floats[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE};
enum { FLOATS = 4 };

static void start(kernel_host *host, const char *name, int opset) {
    host_init(host, nn_op_find("", name, opset), opset);
}

static double tolerance_of(nn_type type) {
    return 4 * device_tolerance(type);
}

static const struct {
    int rank;
    int64_t dims[4];
    int axis;
} layers[] = {
    {2, {3, 7}, -1},       {2, {9, 256}, 1},  {3, {2, 5, 300}, -1},
    {3, {2, 3, 1025}, 2},  {3, {2, 5, 7}, 1}, {2, {2, 40000}, 1},
    {4, {2, 3, 4, 50}, 2}, {2, {0, 8}, 1},    {1, {64}, 0},
};
enum { LAYERS = sizeof layers / sizeof *layers };

START_TEST(layer) {
    for (int t = 0; t < FLOATS; t++)
        for (int i = 0; i < LAYERS; i++)
            for (int more = 0; more < 2; more++) {
                kernel_host host;
                const int axis = layers[i].axis < 0 ? layers[i].rank - 1 : layers[i].axis;
                start(&host, "LayerNormalization", 17);
                host_int(&host, "axis", layers[i].axis);
                fill_input(&host, floats[t], layers[i].dims, layers[i].rank, false, -2, 5);
                for (int k = 0; k <= more; k++)
                    fill_input(&host, floats[t], layers[i].dims + axis, layers[i].rank - axis, true,
                               -1, 2);
                if (more) host.out_count = 3;
                device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance_of(floats[t]));
            }
}
END_TEST

START_TEST(root_mean_square) {
    for (int t = 0; t < FLOATS; t++)
        for (int i = 0; i < LAYERS; i++) {
            kernel_host host;
            const int axis = layers[i].axis < 0 ? layers[i].rank - 1 : layers[i].axis;
            start(&host, "RMSNormalization", 23);
            host_int(&host, "axis", layers[i].axis);
            fill_input(&host, floats[t], layers[i].dims, layers[i].rank, false, -2, 5);
            fill_input(&host, floats[t], layers[i].dims + axis, layers[i].rank - axis, true, -1, 2);
            device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance_of(floats[t]));
        }
}
END_TEST

/* Scale and bias of floats beside half data, and a float result. */
START_TEST(mixes_types) {
    kernel_host host;
    start(&host, "LayerNormalization", 17);
    fill_input(&host, NNOPT_FLOAT16, DIMS(3, 70), 2, false, -2, 5);
    for (int k = 0; k < 2; k++) fill_input(&host, NNOPT_FLOAT, DIMS(70), 1, true, -1, 2);
    device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance_of(NNOPT_FLOAT16));
    start(&host, "RMSNormalization", 23);
    fill_input(&host, NNOPT_FLOAT16, DIMS(3, 70), 2, false, -2, 5);
    fill_input(&host, NNOPT_FLOAT, DIMS(70), 1, true, -1, 2);
    device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance_of(NNOPT_FLOAT));
    start(&host, "RMSNormalization", 23);
    fill_input(&host, NNOPT_FLOAT, DIMS(3, 70), 2, false, -2, 5);
    fill_input(&host, NNOPT_BFLOAT16, DIMS(70), 1, true, -1, 2);
    device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance_of(NNOPT_BFLOAT16));
}
END_TEST

static const struct {
    int rank;
    int64_t dims[5], groups;
} maps[] = {
    {3, {2, 6, 35}, 3},      {4, {2, 40, 5, 7}, 4}, {4, {1, 8, 33, 40}, 2},
    {5, {2, 4, 3, 2, 5}, 1}, {4, {0, 4, 3, 3}, 2},  {4, {1, 4, 1, 1}, 4},
};
enum { MAPS = sizeof maps / sizeof *maps };

static void check_maps(const char *name, int opset, int parameters, bool grouped) {
    for (int t = 0; t < FLOATS; t++)
        for (int i = 0; i < MAPS; i++)
            for (int last = 0; last < 2; last++) {
                kernel_host host;
                const int64_t channels = maps[i].dims[1];
                const int64_t own = grouped && opset < 21 ? maps[i].groups : channels;
                start(&host, name, opset);
                if (grouped) host_int(&host, "num_groups", maps[i].groups);
                fill_input(&host, floats[t], maps[i].dims, maps[i].rank, false, -2, 5);
                for (int k = 0; k < parameters; k++)
                    fill_input(&host, floats[t], &own, 1, true, k == 3 ? 0.5 : -1, 2);
                device_host_judge(&host, last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD,
                                  tolerance_of(floats[t]));
            }
}

START_TEST(instance) {
    check_maps("InstanceNormalization", 6, 2, false);
}
END_TEST

START_TEST(group) {
    check_maps("GroupNormalization", 18, 2, true);
    check_maps("GroupNormalization", 21, 2, true);
}
END_TEST

START_TEST(batch) {
    check_maps("BatchNormalization", 15, 4, false);
}
END_TEST

START_TEST(neighbours) {
    for (int t = 0; t < FLOATS; t++)
        for (int i = 0; i < MAPS; i++)
            for (int way = 0; way < 4; way++) {
                kernel_host host;
                start(&host, "LRN", 13);
                host_int(&host, "size", 3 + 2 * (i % 2));
                host_float(&host, "alpha", 0.3F);
                if (way & 1) host_float(&host, "beta", 0.6F);
                fill_input(&host, floats[t], maps[i].dims, maps[i].rank, false, -2, 5);
                device_host_judge(&host, way & 2 ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD,
                                  tolerance_of(floats[t]));
            }
}
END_TEST

START_TEST(norms) {
    for (int t = 0; t < FLOATS; t++)
        for (int i = 0; i < LAYERS; i++)
            for (int p = 1; p < 3; p++) {
                kernel_host host;
                start(&host, "LpNormalization", 22);
                host_int(&host, "axis", layers[i].axis);
                host_int(&host, "p", p);
                nn_tensor *x =
                    fill_input(&host, floats[t], layers[i].dims, layers[i].rank, false, -2, 5);
                for (int64_t k = 0; k < nn_tensor_count(x) && k < layers[i].dims[1]; k++)
                    nn_tensor_set(x, k, 0); /* a row of zeros, where rows are last */
                device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance_of(floats[t]));
            }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_normalize");
    TCase *cases = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, layer);
    tcase_add_test(cases, root_mean_square);
    tcase_add_test(cases, mixes_types);
    tcase_add_test(cases, instance);
    tcase_add_test(cases, group);
    tcase_add_test(cases, batch);
    tcase_add_test(cases, neighbours);
    tcase_add_test(cases, norms);
    suite_add_tcase(suite, cases);
    return suite;
}
