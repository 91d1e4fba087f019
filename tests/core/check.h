/* What the tests use of the library Check, for machines that have none: the first assertion that
 * fails ends the program. CK_RUN_CASE chooses one case, as with Check. */
#ifndef NN_TEST_CORE_CHECK_H
#define NN_TEST_CORE_CHECK_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Suite Suite;
typedef struct TCase TCase;
typedef struct Suite SRunner;
typedef void (*check_test)(int _i);

enum { CK_NORMAL };

#define START_TEST(name) static void name(__attribute__((unused)) int _i)
#define END_TEST

Suite *suite_create(const char *name);
void suite_add_tcase(Suite *suite, TCase *test_case);
TCase *tcase_create(const char *name);
void tcase_add_loop_test(TCase *test_case, check_test test, int begin, int end);
void tcase_set_timeout(TCase *test_case, double seconds); /* ignored */
#define tcase_add_test(test_case, test) tcase_add_loop_test(test_case, test, 0, 1)

SRunner *srunner_create(Suite *suite);
void srunner_run_all(SRunner *runner, int mode);
int srunner_ntests_failed(const SRunner *runner); /* 0: it has returned */
void srunner_free(SRunner *runner);

void _ck_assert_failed(const char *file, int line, const char *expression, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

#define ck_assert_msg(expression, ...)                                                             \
    ((expression) ? (void)0 : _ck_assert_failed(__FILE__, __LINE__, #expression, __VA_ARGS__))
#define ck_abort_msg(...)     _ck_assert_failed(__FILE__, __LINE__, "Failed", __VA_ARGS__)
#define ck_assert(expression) ck_assert_msg(expression, NULL)

#define CHECK_COMPARE(type, format, a, operation, b)                                               \
    do {                                                                                           \
        const type check_a = (a), check_b = (b);                                                   \
        ck_assert_msg(check_a operation check_b, "%s is " format ", %s is " format, #a, check_a,   \
                      #b, check_b);                                                                \
    } while (0)
#define CHECK_INT(a, operation, b)  CHECK_COMPARE(intmax_t, "%jd", a, operation, b)
#define CHECK_UINT(a, operation, b) CHECK_COMPARE(uintmax_t, "%ju", a, operation, b)
#define CHECK_REAL(a, operation, b) CHECK_COMPARE(double, "%.17g", a, operation, b)

#define ck_assert_int_eq(a, b)    CHECK_INT(a, ==, b)
#define ck_assert_int_ne(a, b)    CHECK_INT(a, !=, b)
#define ck_assert_int_lt(a, b)    CHECK_INT(a, <, b)
#define ck_assert_int_le(a, b)    CHECK_INT(a, <=, b)
#define ck_assert_int_gt(a, b)    CHECK_INT(a, >, b)
#define ck_assert_int_ge(a, b)    CHECK_INT(a, >=, b)
#define ck_assert_uint_eq(a, b)   CHECK_UINT(a, ==, b)
#define ck_assert_uint_ne(a, b)   CHECK_UINT(a, !=, b)
#define ck_assert_uint_lt(a, b)   CHECK_UINT(a, <, b)
#define ck_assert_uint_le(a, b)   CHECK_UINT(a, <=, b)
#define ck_assert_uint_gt(a, b)   CHECK_UINT(a, >, b)
#define ck_assert_uint_ge(a, b)   CHECK_UINT(a, >=, b)
#define ck_assert_double_eq(a, b) CHECK_REAL(a, ==, b)
#define ck_assert_double_lt(a, b) CHECK_REAL(a, <, b)
#define ck_assert_double_le(a, b) CHECK_REAL(a, <=, b)
#define ck_assert_double_gt(a, b) CHECK_REAL(a, >, b)
#define ck_assert_double_ge(a, b) CHECK_REAL(a, >=, b)
#define ck_assert_double_eq_tol(a, b, tolerance)                                                   \
    ck_assert_msg(fabs((double)(a) - (double)(b)) <= (double)(tolerance), "%s is %.17g", #a,       \
                  (double)(a))
#define ck_assert_float_eq(a, b)  CHECK_REAL((double)(a), ==, (double)(b))
#define ck_assert_ptr_eq(a, b)    ck_assert((a) == (b))
#define ck_assert_ptr_ne(a, b)    ck_assert((a) != (b))
#define ck_assert_ptr_null(a)     ck_assert((a) == NULL)
#define ck_assert_ptr_nonnull(a)  ck_assert((a) != NULL)
#define ck_assert_str_eq(a, b)    ck_assert_msg(strcmp(a, b) == 0, "%s is '%s'", #a, a)
#define ck_assert_mem_eq(a, b, n) ck_assert(memcmp(a, b, n) == 0)

#endif
