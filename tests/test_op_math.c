/* Operators on elements, indices, signals and random numbers against numpy
 * (tests/data/math_cases.txt). */
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

Suite *test_suite(void) {
    char path[4096];
    const char *source = getenv("NNOPT_SOURCE");
    snprintf(path, sizeof path, "%s/tests/data/math_cases.txt", source ? source : ".");
    op_cases_load(path);
    Suite *suite = suite_create("operators against numpy");
    TCase *tcase = tcase_create("cases");
    tcase_add_loop_test(tcase, inference_and_kernels_hold, 0, op_cases_count());
    tcase_add_loop_test(tcase, models_hold, 0, op_cases_count());
    suite_add_tcase(suite, tcase);
    return suite;
}
