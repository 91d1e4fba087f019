/* Operators of com.microsoft against outputs of ONNX Runtime (tests/data/microsoft_cases.txt). */
#include "tests/support/maker.h"
#include "tests/support/op_case.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(inference_and_kernels_hold) {
    op_case_check(op_cases_get(_i));
}
END_TEST

START_TEST(models_hold) {
    op_case_check_model(op_cases_get(_i));
}
END_TEST

START_TEST(a_value_is_concatenated_with_itself) {
    maker m = make(13);
    static const float scale[] = {0.5f};
    static const int64_t zero[] = {3};
    make_input(&m, "x", NNOPT_UINT8, "2,3");
    make_floats(&m, "s", "", scale);
    make_ints(&m, "z", NNOPT_UINT8, "", zero);
    make_node(&m, "com.microsoft:QLinearConcat", "join", "s,z,x,s,z,x,s,z", "y", "axis=1");
    nn_model *model = make_model(&m, "y");
    uint8_t values[6] = {1, 2, 3, 4, 5, 6};
    nn_tensor x = {.type = NNOPT_UINT8, .rank = 2, .dims = {2, 3}, .data = values};
    nn_tensor y = run_model(model, &(nn_session_options){.threads = 1}, &x, 1, 0);
    static const uint8_t expected[12] = {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6};
    ck_assert_int_eq(y.dims[1], 6);
    ck_assert_mem_eq(y.data, expected, sizeof expected);
    nn_tensor_clear(&y);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    char path[4096];
    const char *source = getenv("NNOPT_SOURCE");
    snprintf(path, sizeof path, "%s/tests/data/microsoft_cases.txt", source ? source : ".");
    op_cases_load(path);
    Suite *suite = suite_create("operators of com.microsoft");
    TCase *tcase = tcase_create("cases");
    tcase_add_loop_test(tcase, inference_and_kernels_hold, 0, op_cases_count());
    tcase_add_loop_test(tcase, models_hold, 0, op_cases_count());
    tcase_add_test(tcase, a_value_is_concatenated_with_itself);
    suite_add_tcase(suite, tcase);
    return suite;
}
