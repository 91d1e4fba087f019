/* The frame of every test program: list the test functions, get main. */
#ifndef NN_TEST_RUNNER_H
#define NN_TEST_RUNNER_H

#include <check.h>

/* Check notes each assertion that holds in a file, which takes most of the time where elements are
 * compared: here only those that fail are written down. All its assertions expand to this one. */
#undef ck_assert_msg
#define ck_assert_msg(expression, ...)                                                             \
    ((expression) ? (void)0                                                                        \
                  : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expression "' failed",    \
                                      __VA_ARGS__))

/* NNOPT_TEST_PART=2/5 runs the second fifth of the turns of each test in a loop: for machines that
 * are slow. */
int test_part(int begin, int end, int edge);
#ifdef tcase_add_loop_test
#    undef tcase_add_loop_test
#    define tcase_add_loop_test(tcase, test, begin, end)                                           \
        tcase_add_loop_exit_test(tcase, test, 0, test_part(begin, end, 0), test_part(begin, end, 1))
#endif

/* Each test program defines this: adds its cases to the suite and names it. */
Suite *test_suite(void);

/* Asserts NN_OK and shows the library's message when it is not. */
#define ck_assert_ok(expression)                                                                   \
    do {                                                                                           \
        nnopt_status ck_status = (expression);                                                     \
        ck_assert_msg(ck_status == NNOPT_OK, "%s: %s: %s", #expression,                            \
                      nnopt_status_name(ck_status), nnopt_last_error());                           \
    } while (0)

/* Asserts this status and that the message contains `text`. */
#define ck_assert_fails(expression, expected, text)                                                \
    do {                                                                                           \
        nnopt_status ck_status = (expression);                                                     \
        ck_assert_msg(ck_status == (expected), "%s: got %s (%s)", #expression,                     \
                      nnopt_status_name(ck_status), nnopt_last_error());                           \
        ck_assert_msg(strstr(nnopt_last_error(), (text)) != NULL, "message lacks '%s': %s",        \
                      (text), nnopt_last_error());                                                 \
    } while (0)

#include "nnopt.h"

#include <string.h>

/* A file below the folder of real models (NNOPT_TEST_DATA), or NULL when that is not set. */
const char *test_data_path(const char *relative);

#endif
