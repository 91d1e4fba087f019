#include <check.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_CASES = 64, MAX_TESTS = 256 };

struct TCase {
    const char *name;
    int count;
    struct {
        check_test run;
        int begin, end;
    } tests[MAX_TESTS];
};

struct Suite {
    const char *name;
    int count;
    TCase *cases[MAX_CASES];
};

static void *new_zeroed(size_t size) {
    void *made = calloc(1, size);
    if (made == NULL) abort();
    return made;
}

Suite *suite_create(const char *name) {
    Suite *suite = new_zeroed(sizeof *suite);
    suite->name = name;
    return suite;
}

TCase *tcase_create(const char *name) {
    TCase *test_case = new_zeroed(sizeof *test_case);
    test_case->name = name;
    return test_case;
}

void suite_add_tcase(Suite *suite, TCase *test_case) {
    ck_assert_int_lt(suite->count, MAX_CASES);
    suite->cases[suite->count++] = test_case;
}

void tcase_add_loop_test(TCase *test_case, check_test test, int begin, int end) {
    ck_assert_int_lt(test_case->count, MAX_TESTS);
    test_case->tests[test_case->count].run = test;
    test_case->tests[test_case->count].begin = begin;
    test_case->tests[test_case->count++].end = end;
}

void tcase_set_timeout(TCase *test_case, double seconds) {
    (void)test_case;
    (void)seconds;
}

SRunner *srunner_create(Suite *suite) {
    return suite;
}

void srunner_run_all(SRunner *runner, int mode) {
    const char *chosen = getenv("CK_RUN_CASE");
    int checks = 0;
    (void)mode;
    for (int i = 0; i < runner->count; i++) {
        const TCase *test_case = runner->cases[i];
        if (chosen != NULL && strcmp(chosen, test_case->name) != 0) continue;
        for (int k = 0; k < test_case->count; k++)
            for (int turn = test_case->tests[k].begin; turn < test_case->tests[k].end; turn++) {
                test_case->tests[k].run(turn);
                checks++;
            }
    }
    printf("%s: %d checks\n", runner->name, checks);
}

int srunner_ntests_failed(const SRunner *runner) {
    (void)runner;
    return 0;
}

void srunner_free(SRunner *runner) {
    for (int i = 0; i < runner->count; i++) free(runner->cases[i]);
    free(runner);
}

void _ck_assert_failed(const char *file, int line, const char *expression, const char *format,
                       ...) {
    fflush(stdout);
    fprintf(stderr, "%s:%d: %s: ", file, line, expression);
    if (format != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
    }
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}
