/* Operators on a device whose places are computed: gathered, scattered, padded, generated. */
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

static void start(kernel_host *host, const char *name, int opset) {
    host_init(host, nn_op_find("", name, opset), opset);
}

static void add(kernel_host *host, nn_type type, const int64_t *dims, int rank) {
    fill_input(host, type, dims, rank, false, -100, 100);
}

static void add_list(kernel_host *host, const int64_t *values, int64_t count, bool constant) {
    int64_t *list = host_input(host, NNOPT_INT64, &count, 1, constant);
    if (count > 0) memcpy(list, values, (size_t)count * sizeof *list);
}

/* Small whole numbers, whose sums and products are exact in any order. */
static void add_whole(kernel_host *host, nn_type type, const int64_t *dims, int rank) {
    nn_tensor *tensor = fill_input(host, type, dims, rank, false, 0, 2);
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++)
        nn_tensor_set(tensor, i, host_random() > 0);
}

static const nn_kernel *kernel_of(const kernel_host *host, const nn_target *target) {
    const nn_kernel *kernel = device_host_select(host, target);
    char text[400];
    ck_assert_msg(kernel != NULL, "no kernel takes %s",
                  nn_view_describe(&host->view, text, sizeof text));
    return kernel;
}

static void check_as(kernel_host *host, nn_layout layout, bool deterministic, double tolerance) {
    const nn_target target = {
        .threads = 1, .device = device_host_open(), .deterministic = deterministic};
    device_host_check(host, kernel_of(host, &target), layout, &target, tolerance);
}

static void check(kernel_host *host) {
    host_infer(host);
    check_as(host, NN_LAYOUT_STANDARD, false, 0);
    host_clear(host);
}

START_TEST(gathers) {
    static const nn_type index_types[] = {NNOPT_INT32, NNOPT_INT64};
    for (int t = 0; t < TYPES; t++)
        for (int axis = 0; axis < 3; axis++)
            for (int i = 0; i < 2; i++) {
                kernel_host host;
                start(&host, "Gather", 13);
                host_int(&host, "axis", axis);
                add(&host, types[t], DIMS(4, 5, 16), 3);
                fill_input(&host, index_types[i], DIMS(3, 2), 2, false, -4, 4);
                check(&host);
                start(&host, "GatherElements", 13);
                host_int(&host, "axis", axis - 3);
                add(&host, types[t], DIMS(4, 5, 7), 3);
                fill_input(&host, index_types[i], DIMS(4, 3, 7), 3, false, -4, 4);
                check(&host);
            }
}
END_TEST

START_TEST(gathers_nothing) {
    kernel_host host;
    start(&host, "Gather", 13);
    add(&host, NNOPT_FLOAT, DIMS(4, 0), 2);
    fill_input(&host, NNOPT_INT64, DIMS(3), 1, false, 0, 4);
    check(&host);
    start(&host, "Gather", 13);
    add(&host, NNOPT_FLOAT, DIMS(4, 3), 2);
    fill_input(&host, NNOPT_INT64, DIMS(0), 1, false, 0, 4);
    check(&host);
    start(&host, "Gather", 13);
    add(&host, NNOPT_FLOAT, DIMS(4, 3), 2);
    fill_input(&host, NNOPT_INT64, NULL, 0, false, 0, 4);
    check(&host);
}
END_TEST

START_TEST(gathers_slices) {
    for (int t = 0; t < TYPES; t++)
        for (int batch = 0; batch < 2; batch++) {
            kernel_host host;
            start(&host, "GatherND", 13);
            host_int(&host, "batch_dims", batch);
            add(&host, types[t], DIMS(2, 3, 4, 5), 4);
            fill_input(&host, NNOPT_INT64, DIMS(2, 7, 2), 3, false, -2, 2);
            check(&host);
            start(&host, "GatherND", 13);
            add(&host, types[t], DIMS(2, 3, 4), 3);
            fill_input(&host, NNOPT_INT64, DIMS(3), 1, false, -2, 2);
            check(&host);
        }
}
END_TEST

static const char *const reductions[] = {"none", "add", "mul", "max", "min"};

START_TEST(scatters_elements) {
    static const nn_type all[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16, NNOPT_DOUBLE,
                                  NNOPT_INT8,  NNOPT_INT32,   NNOPT_UINT64,   NNOPT_BOOL};
    for (int t = 0; t < 8; t++)
        for (int r = 0; r < 5; r++)
            for (int axis = 0; axis < 2; axis++) {
                kernel_host host;
                start(&host, "ScatterElements", 18);
                host_int(&host, "axis", axis);
                host_text(&host, "reduction", reductions[r]);
                add_whole(&host, all[t], DIMS(100, 90), 2);
                /* without a reduction places do not repeat */
                int64_t *places = host_input(&host, NNOPT_INT64, DIMS(70, 80), 2, false);
                for (int i = 0; i < 70 * 80; i++)
                    places[i] =
                        r == 0 ? (axis == 0 ? i / 80 : i % 80) + 7 : (int64_t)host_random_below(90);
                add_whole(&host, all[t], DIMS(70, 80), 2);
                host_infer(&host);
                check_as(&host, NN_LAYOUT_STANDARD, true, 0);
                check_as(&host, NN_LAYOUT_STANDARD, false, 0);
                host_clear(&host);
            }
}
END_TEST

START_TEST(scatters_slices) {
    static const nn_type all[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_DOUBLE, NNOPT_INT8,
                                  NNOPT_INT64};
    for (int t = 0; t < 5; t++)
        for (int r = 0; r < 5; r++)
            for (int64_t length = 1; length < 8; length += 6) {
                kernel_host host;
                start(&host, "ScatterND", 18);
                host_text(&host, "reduction", reductions[r]);
                add_whole(&host, all[t], DIMS(9, 11, length), 3);
                int64_t *places = host_input(&host, NNOPT_INT64, DIMS(80, 2), 2, false);
                for (int i = 0; i < 80; i++) {
                    const int place = r == 0 ? i : (int)host_random_below(99);
                    places[2 * i] = place / 11 - (i % 2 == 0 ? 9 : 0);
                    places[2 * i + 1] = place % 11;
                }
                add_whole(&host, all[t], DIMS(80, length), 2);
                host_infer(&host);
                check_as(&host, NN_LAYOUT_STANDARD, true, 0);
                check_as(&host, NN_LAYOUT_STANDARD, false, 0);
                host_clear(&host);
            }
}
END_TEST

START_TEST(pads_every_way) {
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    static const int64_t pads[][8] = {{0, 0, 1, 2, 0, 0, 3, 1},
                                      {1, 0, 0, 2, 0, 2, 0, 0},
                                      {0, 0, -1, 1, 0, 0, 2, -2},
                                      {0, 0, 0, 0, 0, 0, 0, 0}};
    for (int t = 0; t < TYPES; t++)
        for (int mode = 0; mode < 4; mode++)
            for (int p = 0; p < 4; p++) {
                kernel_host host;
                start(&host, "Pad", 19);
                host_text(&host, "mode", modes[mode]);
                add(&host, types[t], DIMS(2, 3, 4, 5), 4);
                add_list(&host, pads[p], 8, true);
                if (mode == 0) fill_input(&host, types[t], NULL, 0, true, 7, 8);
                host_infer(&host);
                check_as(&host, NN_LAYOUT_STANDARD, false, 0);
                check_as(&host, NN_LAYOUT_CHANNELS_LAST, false, 0);
                host_clear(&host);
            }
    kernel_host host;
    start(&host, "Pad", 2);
    host_ints(&host, "pads", DIMS(1, 0, 2, 1), 4);
    host_float(&host, "value", 2.5f);
    add(&host, NNOPT_FLOAT, DIMS(0, 3), 2);
    check(&host);
}
END_TEST

START_TEST(triangles_and_turned_sequences) {
    for (int t = 0; t < TYPES; t++)
        for (int upper = 0; upper < 2; upper++)
            for (int64_t diagonal = -4; diagonal < 7; diagonal += 2) {
                kernel_host host;
                start(&host, "Trilu", 14);
                host_int(&host, "upper", upper);
                add(&host, types[t], DIMS(2, 3, 5), 3);
                if (diagonal != 0) {
                    int64_t *k = host_input(&host, NNOPT_INT64, NULL, 0, diagonal != 2);
                    *k = diagonal;
                }
                check(&host);
                start(&host, "ReverseSequence", 10);
                host_int(&host, "batch_axis", upper);
                host_int(&host, "time_axis", !upper);
                add(&host, types[t], DIMS(4, 4, 3), 3);
                add_list(&host, DIMS(0, 1, 4, 3), 4, false);
                check(&host);
            }
}
END_TEST

START_TEST(generates) {
    static const nn_type numbers[] = {NNOPT_FLOAT, NNOPT_DOUBLE, NNOPT_FLOAT16,
                                      NNOPT_INT16, NNOPT_INT32,  NNOPT_INT64};
    for (int t = 0; t < 6; t++) {
        kernel_host host;
        if (t != 3) { /* not one of its types */
            start(&host, "Range", 11);
            fill_input(&host, numbers[t], NULL, 0, true, 2, 2);
            fill_input(&host, numbers[t], NULL, 0, true, 90, 90);
            fill_input(&host, numbers[t], NULL, 0, true, 3, 3);
            check(&host);
        }
        for (int64_t diagonal = -3; diagonal < 5; diagonal += 3) {
            start(&host, "EyeLike", 9);
            host_int(&host, "k", diagonal);
            add(&host, numbers[t], DIMS(4, 7), 2);
            check(&host);
        }
        for (int axis = -1; axis < 2; axis++) {
            start(&host, "OneHot", 11);
            host_int(&host, "axis", axis);
            fill_input(&host, numbers[t], DIMS(3, 9), 2, false, -8, 8);
            int64_t *depth = host_input(&host, NNOPT_INT64, NULL, 0, true);
            *depth = 6;
            fill_input(&host, types[t % TYPES], DIMS(2), 1, false, -3, 3);
            check(&host);
        }
    }
    kernel_host host;
    start(&host, "ConstantOfShape", 9);
    add_list(&host, DIMS(3, 5, 7), 3, true);
    check(&host);
}
END_TEST

/* Values that break a rule: the work ends, the wait tells the node and the rule, once. */
START_TEST(reports_what_values_break) {
    static const char *const names[] = {"Gather", "GatherElements", "Div"};
    static const char *const rules[] = {"index is out of range", "index is out of range",
                                        "divisor is 0"};
    const nn_target target = {.threads = 1, .device = device_host_open()};
    const nn_device_calls *calls = target.device->calls;
    for (int i = 0; i < 3; i++) {
        kernel_host host;
        nn_device_queue *queue;
        start(&host, names[i], 13);
        for (int k = 0; k < 2; k++) host_input(&host, NNOPT_INT64, DIMS(4), 1, false);
        const int64_t values[4] = {1, i == 2 ? 0 : 4, -4, 3}, good[4] = {1, 2, 3, 1};
        host_infer(&host);
        ck_assert_ok(calls->create_queue(target.device, &queue));
        nn_tensor a = host.in[0], b = host.in[1], y = host.out[0];
        ck_assert_ok(calls->allocate(target.device, 32, &a.data));
        ck_assert_ok(calls->allocate(target.device, 32, &b.data));
        ck_assert_ok(calls->allocate(target.device, 32, &y.data));
        ck_assert_ok(calls->upload(queue, a.data, good, sizeof good));
        ck_assert_ok(calls->upload(queue, b.data, values, sizeof values));
        const nn_tensor *in[] = {&a, &b};
        nn_tensor *out[] = {&y};
        const nn_call call = {.node = &host.view,
                              .in_count = 2,
                              .out_count = 1,
                              .in = in,
                              .out = out,
                              .queue = queue};
        const nn_kernel *kernel = kernel_of(&host, &target);
        ck_assert_ok(kernel->run(&call));
        ck_assert_fails(calls->wait(queue), NN_BAD_INPUT, rules[i]);
        ck_assert_ptr_nonnull(strstr(nnopt_last_error(), names[i]));
        ck_assert_ok(calls->upload(queue, b.data, good, sizeof good));
        ck_assert_ok(kernel->run(&call));
        ck_assert_ok(calls->wait(queue));
        calls->release(target.device, a.data);
        calls->release(target.device, b.data);
        calls->release(target.device, y.data);
        calls->destroy_queue(queue);
        host_clear(&host);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_index");
    TCase *cases = tcase_create("index");
    device_host_open();
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, gathers);
    tcase_add_test(cases, gathers_nothing);
    tcase_add_test(cases, gathers_slices);
    tcase_add_test(cases, scatters_elements);
    tcase_add_test(cases, scatters_slices);
    tcase_add_test(cases, pads_every_way);
    tcase_add_test(cases, triangles_and_turned_sequences);
    tcase_add_test(cases, generates);
    tcase_add_test(cases, reports_what_values_break);
    suite_add_tcase(suite, cases);
    return suite;
}
