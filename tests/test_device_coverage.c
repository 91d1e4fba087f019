/* Every operator with kernels has some for CUDA devices, or a reason why not. */
#include "ops/device_coverage.h"
#include "tests/support/runner.h"

START_TEST(each_operator_is_decided) {
    for (const nn_op *const *op = nn_op_table; *op != NULL; op++)
        ck_assert_msg(nn_device_coverage_of(*op).kind != NN_COVERAGE_UNKNOWN ||
                          (*op)->kernels == NULL,
                      "'%s' of domain '%s' stands neither in ops/cuda/kernel_table.def nor in "
                      "ops/cuda/host_table.def",
                      (*op)->name, (*op)->domain);
}
END_TEST

static int times_in_tables(const char *domain, const char *name) {
    const char *other_domain, *other;
    int count = 0;
    bool is_host;
    for (int i = 0; nn_device_coverage_row(i, &other_domain, &other, &is_host); i++)
        count += strcmp(domain, other_domain) == 0 && strcmp(name, other) == 0;
    return count;
}

START_TEST(each_row_is_one_operator) {
    const char *domain, *name;
    bool is_host;
    for (int i = 0; nn_device_coverage_row(i, &domain, &name, &is_host); i++) {
        bool is_known = false;
        for (const nn_op *const *op = nn_op_table; *op != NULL; op++)
            is_known |= strcmp((*op)->name, name) == 0 && strcmp((*op)->domain, domain) == 0;
        ck_assert_msg(is_known, "%s of domain '%s' is no operator", name, domain);
        ck_assert_msg(times_in_tables(domain, name) == 1,
                      "%s of domain '%s' has kernels for devices: take it off "
                      "ops/cuda/host_table.def",
                      name, domain);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("device_coverage");
    TCase *tests = tcase_create("tables");
    tcase_add_test(tests, each_operator_is_decided);
    tcase_add_test(tests, each_row_is_one_operator);
    suite_add_tcase(suite, tests);
    return suite;
}
