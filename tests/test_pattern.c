/* Patterns of RE2: what is translated, and what is refused because RE2 does not have it. */
#include "ops/family/pattern.h"
#include "tests/support/runner.h"

typedef struct translated {
    const char *pattern, *expected; /* NULL: as it is */
} translated;

static const translated accepted[] = {
    {"", NULL},
    {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", NULL},
    {"\\vx[\\v]", "\\x0bx[\\x0b]"},
    {"(?P<name>a)(?<other>b)(?:c)(?i:d)(?s-m)e", NULL},
    {"a*?b+?c??d{2,3}?", NULL},
    {"[]a][^]b][[:alpha:](?=+]", NULL},
    {"\\Qa++(?=\\E\\.", NULL},
    {"x{a}{,3}", NULL},
    {"\\pN\\p{Greek}\\PL\\x{10ffff}\\012", NULL},
};

START_TEST(patterns_are_translated) {
    char *out;
    const translated *test = &accepted[_i];
    ck_assert_ok(nn_pattern_translate(test->pattern, &out));
    ck_assert_str_eq(out, test->expected != NULL ? test->expected : test->pattern);
    nn_free(out);
}
END_TEST

static const translated refused[] = {
    {"(a)\\1", "byte 3: back-references"},
    {"(?P<n>a)(?P=n)", "byte 8: back-references"},
    {"(a)\\k<n>", "back-references"},
    {"(a)\\g1", "back-references"},
    {"a(?=b)", "byte 1: look-around"},
    {"(?!b)", "look-around"},
    {"(?<=a)b", "look-around"},
    {"(?<!a)b", "look-around"},
    {"(?>a)", "atomic groups"},
    {"a++", "byte 2: possessive"},
    {"a{2}+", "possessive"},
    {"(?R)", "the group"},
    {"(?1)", "the group"},
    {"(?P>n)", "recursion"},
    {"(?&n)", "the group"},
    {"(?(1)a|b)", "the group"},
    {"(?#text)", "the group"},
    {"(?|a|b)", "the group"},
    {"(*UTF)a", "verbs"},
    {"a\\K", "the escape"},
    {"\\R", "the escape"},
    {"\\X", "the escape"},
    {"[\\b]", "in a class"},
    {"a\\", "ends with a backslash"},
    {"a{1001}", "at most 1000"},
    {"(?x)a b", "the group"},
};

START_TEST(what_re2_lacks_is_refused) {
    char *out;
    ck_assert_fails(nn_pattern_translate(refused[_i].pattern, &out), NNOPT_BAD_INPUT,
                    refused[_i].expected);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("patterns");
    TCase *tcase = tcase_create("patterns");
    tcase_add_loop_test(tcase, patterns_are_translated, 0,
                        (int)(sizeof accepted / sizeof accepted[0]));
    tcase_add_loop_test(tcase, what_re2_lacks_is_refused, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
