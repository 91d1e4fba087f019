/* nnopt_run writes what the model gives; nnopt_test finds cases, judges them, and survives them. */
#include "base/dataset.h"
#include "engine/graph/model.h"
#include "formats/compare.h"
#include "formats/npy.h"
#include "formats/tensor_pb.h"
#include "tests/support/expected.h"
#include "tests/support/maker.h"
#include "tests/support/message.h"
#include "tests/support/runner.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the comparer ---- */

START_TEST(comparing_sees_every_difference) {
    float expected[4] = {1, -2, NAN, INFINITY}, actual[4] = {1, -2, NAN, INFINITY};
    nn_tensor a = {.type = NNOPT_FLOAT, .rank = 1, .dims = {4}, .data = expected};
    nn_tensor b = {.type = NNOPT_FLOAT, .rank = 1, .dims = {4}, .data = actual};
    ck_assert_ok(nn_tensor_compare(&a, &b, 0, 0));
    actual[1] = -2.0019f;
    ck_assert_ok(nn_tensor_compare(&a, &b, 1e-3, 0));
    ck_assert_fails(nn_tensor_compare(&a, &b, 9e-4, 0), NNOPT_CHECK,
                    "1 of 4 elements differ, worst element 1: -2.0");
    actual[1] = NAN;
    ck_assert_fails(nn_tensor_compare(&a, &b, 1, 1), NNOPT_CHECK,
                    "worst element 1: nan, expected -2");
    actual[1] = -2;
    actual[2] = 0;
    ck_assert_fails(nn_tensor_compare(&a, &b, 1, 1), NNOPT_CHECK,
                    "worst element 2: 0, expected nan");
    actual[2] = NAN;
    actual[3] = -INFINITY;
    ck_assert_fails(nn_tensor_compare(&a, &b, 1, 1), NNOPT_CHECK, "element 3: -inf, expected inf");
    actual[3] = 1e30f;
    ck_assert_fails(nn_tensor_compare(&a, &b, 1, 1), NNOPT_CHECK, "expected inf");
    b.type = NNOPT_INT32;
    ck_assert_fails(nn_tensor_compare(&a, &b, 1, 1), NNOPT_CHECK,
                    "type is int32, expected float32");
    b.type = NNOPT_FLOAT;
    b.rank = 2;
    b.dims[1] = 1;
    ck_assert_fails(nn_tensor_compare(&a, &b, 1, 1), NNOPT_CHECK, "shape is 4x1, expected 4");
}
END_TEST

START_TEST(comparing_knows_whole_and_short_numbers) {
    int64_t large[2] = {(1LL << 60) + 1, 5}, near[2] = {1LL << 60, 5};
    nn_tensor a = {.type = NNOPT_INT64, .rank = 1, .dims = {2}, .data = large};
    nn_tensor b = {.type = NNOPT_INT64, .rank = 1, .dims = {2}, .data = near};
    ck_assert_ok(nn_tensor_compare(&a, &a, 0, 0));
    near[1] = 6;
    ck_assert_fails(nn_tensor_compare(&a, &b, 0, 0), NNOPT_CHECK, "element 1: 6, expected 5");
    uint16_t one = nn_float_to_bfloat16(1), next = nn_float_to_bfloat16(1.0078125f);
    a = (nn_tensor){.type = NNOPT_BFLOAT16, .data = &one};
    b = (nn_tensor){.type = NNOPT_BFLOAT16, .data = &next};
    ck_assert_ok(nn_tensor_compare(&a, &b, 0, 0)); /* rtol is at least 2^-6 here */
    next = nn_float_to_bfloat16(1.03125f);
    ck_assert_fails(nn_tensor_compare(&a, &b, 0, 0), NNOPT_CHECK, "1.03125, expected 1");
    const char *words[2] = {"a", "b"}, *others[2] = {"a", "c"};
    a = (nn_tensor){.type = NNOPT_STRING, .rank = 1, .dims = {2}, .data = words};
    b = (nn_tensor){.type = NNOPT_STRING, .rank = 1, .dims = {2}, .data = others};
    ck_assert_fails(nn_tensor_compare(&a, &b, 0, 0), NNOPT_CHECK, "element 1 is 'c', expected 'b'");
}
END_TEST

/* ---- cases ---- */

static const float inputs[6] = {-1.25f, -0.75f, -0.25f, 0.25f, 0.75f, 1.25f};

static void make_folder(const char *name) {
    ck_assert_int_eq(mkdir(test_path(name), 0777), 0);
}

static void save_values(const char *folder, const char *file, const float *values) {
    char name[128];
    nn_tensor tensor = {
        .type = NNOPT_FLOAT, .rank = 2, .dims = {2, 3}, .data = (void *)(uintptr_t)values};
    snprintf(name, sizeof name, "%s/%s", folder, file);
    ck_assert_ok(nn_tensor_pb_save(test_path(name), "v", &tensor));
}

static void parse_values(const char *name, float *out) {
    expected_arrays arrays = expected_load("functions");
    const char *at = expected_find(&arrays, name)->values;
    char *end;
    for (int i = 0; i < 6; i++, at = end) out[i] = strtof(at, &end);
    expected_free(&arrays);
}

/* functions.onnx with the outputs of ONNX Runtime, `error` added to one of them. */
static void make_case(const char *folder, float error) {
    char data[128], name[128];
    size_t size;
    float y[6], z[6];
    char *bytes = test_read_file(format_path("functions.onnx"), &size);
    make_folder(folder);
    snprintf(name, sizeof name, "%s/model.onnx", folder);
    test_write_file(test_path(name), bytes, size);
    free(bytes);
    snprintf(data, sizeof data, "%s/test_data_set_0", folder);
    make_folder(data);
    parse_values("y", y);
    parse_values("z", z);
    z[4] += error;
    save_values(data, "input_0.pb", inputs);
    save_values(data, "output_0.pb", y);
    save_values(data, "output_1.pb", z);
}

static nnopt_report *run_cases(const char *folder, const char *const *pairs) {
    nnopt_options *options;
    nnopt_report *report;
    const char *path = test_path(folder);
    ck_assert_ok(nnopt_options_create(&options));
    for (; pairs[0] != NULL; pairs += 2)
        ck_assert_ok(nnopt_options_set(options, pairs[0], pairs[1]));
    ck_assert_ok(nnopt_test(&path, 1, options, &report));
    nnopt_options_destroy(options);
    return report;
}

static double number_of(const nnopt_report *report, const char *path) {
    double value;
    ck_assert_ok(nnopt_report_number(report, path, &value));
    return value;
}

static void check_counts(const nnopt_report *report, int passed, int failed, int skipped) {
    char *text;
    ck_assert_ok(nnopt_report_json(report, &text));
    ck_assert_msg(number_of(report, "passed") == passed && number_of(report, "failed") == failed &&
                      number_of(report, "skipped") == skipped,
                  "%s", text);
    nnopt_text_destroy(text);
}

static void check_contains(const nnopt_report *report, const char *wanted) {
    char *text;
    ck_assert_ok(nnopt_report_json(report, &text));
    ck_assert_msg(strstr(text, wanted) != NULL, "no '%s' in %s", wanted, text);
    nnopt_text_destroy(text);
}

START_TEST(cases_pass_fail_and_are_skipped) {
    make_folder("suite");
    make_case("suite/good", 0);
    make_case("suite/wrong", 0.5f);
    make_case("suite/near", 1e-4f);
    make_case("suite/strict", 1e-4f);
    test_write_file(test_path("suite/strict/tolerance.json"), "{\"rtol\": 1e-6}", 14);
    make_case("suite/nan", NAN);
    make_case("suite/missing", 0);
    ck_assert_int_eq(unlink(test_path("suite/missing/test_data_set_0/output_1.pb")), 0);
    make_case("suite/malformed", 0);
    test_write_file(test_path("suite/malformed/tolerance.json"), "[1]", 3);
    make_case("suite/broken", 0);
    test_write_file(test_path("suite/broken/model.onnx"), "junk", 4);
    make_case("suite/empty", 0);
    ck_assert_int_eq(
        rename(test_path("suite/empty/test_data_set_0"), test_path("suite/empty/other")), 0);
    nnopt_report *report = run_cases("suite", (const char *const[]){"jobs", "3", NULL});
    check_counts(report, 2, 6, 1);
    check_contains(report, "test_data_set_0: output 'z': 1 of 6 elements differ, worst element 4");
    check_contains(report, "expected nan");
    check_contains(report, "1 output files, the model has 2 outputs");
    check_contains(report, "tolerance.json is no JSON object");
    check_contains(report, "no test_data_set_N beside the model");
    check_contains(report, "broken/model.onnx");
    nnopt_report_destroy(report);
    report = run_cases("suite", (const char *const[]){"filter", "goo", NULL});
    check_counts(report, 1, 0, 0);
    nnopt_report_destroy(report);
    report = run_cases("suite/good", (const char *const[]){NULL});
    check_counts(report, 1, 0, 0);
    check_contains(report, "\"good\"");
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(folders_without_cases_are_an_error) {
    nnopt_report *report;
    make_folder("bare");
    const char *path = test_path("bare");
    ck_assert_fails(nnopt_test(&path, 1, NULL, &report), NNOPT_BAD_INPUT, "no model.onnx");
    path = test_path("not_there");
    ck_assert_fails(nnopt_test(&path, 1, NULL, &report), NNOPT_IO, "not_there");
}
END_TEST

/* ---- children that misbehave ---- */

static pid_t parent;
static int left;

static void *allocate(size_t size, size_t alignment, void *user) {
    (void)user;
    if (getpid() != parent && left-- == 0) raise(SIGSEGV);
    void *memory;
    return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

static void release(void *memory, void *user) {
    (void)user;
    free(memory);
}

START_TEST(a_crash_is_one_failure) {
    static const nnopt_allocator crashing = {allocate, release, NULL};
    make_folder("crashes");
    make_case("crashes/one", 0);
    make_case("crashes/two", 0);
    parent = getpid();
    left = 40;
    nnopt_set_allocator(&crashing);
    nnopt_report *report = run_cases("crashes", (const char *const[]){"jobs", "2", NULL});
    check_counts(report, 0, 2, 0);
    /* A sanitizer turns the signal into an exit code. */
    char *text;
    ck_assert_ok(nnopt_report_json(report, &text));
    ck_assert_msg(strstr(text, "crashed: Segmentation fault") ||
                      strstr(text, "ended without a result"),
                  "%s", text);
    nnopt_text_destroy(text);
    nnopt_report_destroy(report);
    nnopt_set_allocator(NULL);
}
END_TEST

START_TEST(a_case_that_takes_too_long_is_one_failure) {
    static const int64_t dims[2] = {1500, 1500};
    message graph = {0}, node = message_node("MatMul", "mul", "x", "y");
    message_text(&node, NODE_INPUT, "x");
    message_take(&graph, GRAPH_NODE, &node);
    message value = {0};
    message_text(&value, 1, "y");
    message_take(&graph, GRAPH_OUTPUT, &value);
    message x = message_value("x", 0), rank2 = {0};
    message_free(&x);
    message_text(&rank2, 1, "x"); /* type {tensor_type {float}} without a shape */
    message_bytes(&rank2, 2, "\x0a\x02\x08\x01", 4);
    message_take(&graph, GRAPH_INPUT, &rank2);
    message model = message_model(&graph);
    make_folder("slow");
    make_folder("slow/test_data_set_0");
    test_write_file(test_path("slow/model.onnx"), model.bytes, model.size);
    message_free(&model);
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(NNOPT_FLOAT, dims, 2, &blob));
    ck_assert_ok(
        nn_tensor_pb_save(test_path("slow/test_data_set_0/input_0.pb"), "x", &blob->tensor));
    ck_assert_ok(
        nn_tensor_pb_save(test_path("slow/test_data_set_0/output_0.pb"), "y", &blob->tensor));
    nn_blob_release(blob);
    nnopt_report *report = run_cases("slow", (const char *const[]){"timeout", "10ms", NULL});
    check_counts(report, 0, 1, 0);
    check_contains(report, "took longer than 0.01 s");
    nnopt_report_destroy(report);
    report = run_cases("slow", (const char *const[]){NULL});
    check_counts(report, 1, 0, 0);
    nnopt_report_destroy(report);
}
END_TEST

/* ---- run ---- */

START_TEST(run_writes_every_output) {
    nnopt_model *model;
    nnopt_dataset *data;
    nnopt_report *report;
    float values[6], twice[12];
    memcpy(values, inputs, sizeof values);
    memcpy(twice, inputs, sizeof inputs);
    memcpy(twice + 6, inputs, sizeof inputs);
    nn_tensor array = {.type = NNOPT_FLOAT, .rank = 2, .dims = {2, 3}, .data = values};
    expected_arrays expected = expected_load("functions");
    ck_assert_ok(nnopt_model_load(format_path("functions.onnx"), &model));
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    ck_assert_ok(nnopt_run(model, data, NULL, test_path("out.npz"), &report));
    ck_assert_double_eq(number_of(report, "samples"), 1);
    ck_assert_double_eq(number_of(report, "outputs[1].shape[1]"), 3);
    nnopt_report_destroy(report);
    nn_named_arrays arrays = {0};
    ck_assert_ok(nn_npz_load(test_path("out.npz"), &arrays));
    ck_assert_int_eq(arrays.count, 2);
    expected_check(expected_find(&expected, "y"), &nn_named_arrays_find(&arrays, "y")->tensor,
                   1e-6);
    expected_check(expected_find(&expected, "z"), &nn_named_arrays_find(&arrays, "z")->tensor,
                   1e-6);
    nn_named_arrays_clear(&arrays);
    ck_assert_ok(nnopt_run(model, data, NULL, test_path("out/"), &report));
    nnopt_report_destroy(report);
    nn_blob *blob;
    ck_assert_ok(nn_tensor_pb_load_aligned(test_path("out/output_1.pb"), NNOPT_FLOAT, -1, &blob));
    expected_check(expected_find(&expected, "z"), &blob->tensor, 1e-6);
    nn_blob_release(blob);
    ck_assert_fails(nnopt_run(model, data, NULL, test_path("out.txt"), &report), NNOPT_USAGE,
                    "neither OUT.npz nor a folder");
    ck_assert_fails(nnopt_run(model, data, NULL, test_path("no/out.npz"), &report), NNOPT_IO,
                    "no/out.npz");
    nnopt_dataset_destroy(data);

    /* Two feeds: their outputs stand one behind the other. */
    array = (nn_tensor){.type = NNOPT_FLOAT, .rank = 2, .dims = {4, 3}, .data = twice};
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    ck_assert_int_eq(data->feed_count, 2);
    ck_assert_ok(nnopt_run(model, data, NULL, test_path("out.npz"), &report));
    ck_assert_double_eq(number_of(report, "samples"), 4);
    nnopt_report_destroy(report);
    ck_assert_ok(nn_npz_load(test_path("out.npz"), &arrays));
    nn_tensor all = nn_named_arrays_find(&arrays, "z")->tensor;
    ck_assert_int_eq(all.dims[0], 4);
    all.dims[0] = 2;
    expected_check(expected_find(&expected, "z"), &all, 1e-6);
    all.data = (float *)all.data + 6;
    expected_check(expected_find(&expected, "z"), &all, 1e-6);
    nn_named_arrays_clear(&arrays);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
    expected_free(&expected);
}
END_TEST

START_TEST(an_output_may_be_one_byte) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_UINT8, "1");
    make_node(&m, "Identity", "copy", "x", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nnopt_dataset *data;
    nnopt_report *report;
    uint8_t value = 7;
    nn_tensor array = {.type = NNOPT_UINT8, .rank = 1, .dims = {1}, .data = &value};
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    ck_assert_ok(nnopt_run(model, data, NULL, test_path("out.npz"), &report));
    nnopt_report_destroy(report);
    nn_named_arrays arrays = {0};
    ck_assert_ok(nn_npz_load(test_path("out.npz"), &arrays));
    ck_assert_int_eq(nn_tensor_get_int(&nn_named_arrays_find(&arrays, "y")->tensor, 0), 7);
    nn_named_arrays_clear(&arrays);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(nan_passes_through_run) {
    nnopt_model *model;
    nnopt_dataset *data;
    nnopt_report *report;
    float values[6] = {NAN, 0, 1, 2, 3, 4};
    nn_tensor array = {.type = NNOPT_FLOAT, .rank = 2, .dims = {2, 3}, .data = values};
    ck_assert_ok(nnopt_model_load(format_path("functions.onnx"), &model));
    ck_assert_ok(nnopt_dataset_create(model, (const char *[]){"x"}, &array, 1, NULL, &data));
    ck_assert_ok(nnopt_run(model, data, NULL, NULL, &report));
    ck_assert_double_eq(number_of(report, "outputs[0].nan"), 1);
    nnopt_report_destroy(report);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(the_reference_data_of_real_models_passes) {
    const char *path = test_data_path("");
    nnopt_report *report;
    if (path == NULL) {
        printf("skipped: NNOPT_TEST_DATA is not set\n");
        return;
    }
    ck_assert_ok(nnopt_test(&path, 1, NULL, &report));
    check_counts(report, 2, 0, 0); /* MNIST-8 and super-resolution have reference data */
    nnopt_report_destroy(report);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("run and test");
    TCase *tcase = tcase_create("run and test");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, comparing_sees_every_difference);
    tcase_add_test(tcase, comparing_knows_whole_and_short_numbers);
    tcase_add_test(tcase, cases_pass_fail_and_are_skipped);
    tcase_add_test(tcase, folders_without_cases_are_an_error);
    tcase_add_test(tcase, a_crash_is_one_failure);
    tcase_add_test(tcase, a_case_that_takes_too_long_is_one_failure);
    tcase_add_test(tcase, run_writes_every_output);
    tcase_add_test(tcase, an_output_may_be_one_byte);
    tcase_add_test(tcase, nan_passes_through_run);
    tcase_add_test(tcase, the_reference_data_of_real_models_passes);
    suite_add_tcase(suite, tcase);
    return suite;
}
