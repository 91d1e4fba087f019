/* Attention, recurrent layers, losses, sampling and optimisers against other implementations
 * (tests/data/make_neural_cases.py). */
#include "tests/support/op_case.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(case_holds) {
    op_case_check(op_cases_get(_i));
}
END_TEST

Suite *test_suite(void) {
    char path[4096];
    const char *source = getenv("NNOPT_SOURCE");
    snprintf(path, sizeof path, "%s/tests/data/neural_cases.txt", source ? source : ".");
    op_cases_load(path);
    Suite *suite = suite_create("neural operators");
    TCase *tcase = tcase_create("cases");
    tcase_add_loop_test(tcase, case_holds, 0, op_cases_count());
    suite_add_tcase(suite, tcase);
    return suite;
}
