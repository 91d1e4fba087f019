/* Every operator against cases whose expected outputs come from elsewhere (tests/data). */
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
    const char *other = getenv("NNOPT_OP_CASES"), *source = getenv("NNOPT_SOURCE");
    if (other != NULL)
        snprintf(path, sizeof path, "%s", other);
    else
        snprintf(path, sizeof path, "%s/tests/data/op_cases.txt", source ? source : ".");
    op_cases_load(path);
    Suite *suite = suite_create("operator cases");
    TCase *tcase = tcase_create("cases");
    tcase_add_loop_test(tcase, case_holds, 0, op_cases_count());
    suite_add_tcase(suite, tcase);
    return suite;
}
