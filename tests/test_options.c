#include "base/options.h"
#include "tests/support/runner.h"

#include <math.h>

static const nn_option_spec specs[] = {
    {"threads", NNOPT_OPTION_INT, "N", "0", NULL, 0, 1024, false, "threads to use"},
    {"duration", NNOPT_OPTION_TIME, "S", "3", NULL, 0, INFINITY, false, "how long to measure"},
    {"ratio", NNOPT_OPTION_NUMBER, "F", "0.5", NULL, 0, 1, false, "fraction kept"},
    {"mode", NNOPT_OPTION_CHOICE, "MODE", "static", "static|dynamic|weights", 0, 0, false, "mode"},
    {"keep-float", NNOPT_OPTION_TEXT, "NODE", NULL, NULL, 0, 0, true, "node to leave alone"},
    {"random", NNOPT_OPTION_FLAG, NULL, NULL, NULL, 0, 0, false, "random inputs"},
    {"seed", NNOPT_OPTION_INT, "N", "-1", NULL, 0, 0, false, "seed"},
};
static const nn_option_table table = {"example", specs, sizeof specs / sizeof *specs};
static const nn_option_table *const tables[] = {&table};

static nn_status check_one(const char *name, const char *value) {
    nnopt_options *options = NULL;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, name, value));
    nn_status status = nn_options_check(options, tables, 1);
    nnopt_options_destroy(options);
    return status;
}

START_TEST(defaults_come_from_the_table) {
    ck_assert_ok(nn_options_check(NULL, tables, 1));
    ck_assert_int_eq(nn_option_int(NULL, &table, "threads"), 0);
    ck_assert_int_eq(nn_option_int(NULL, &table, "seed"), -1);
    ck_assert_double_eq(nn_option_time(NULL, &table, "duration"), 3);
    ck_assert_double_eq(nn_option_number(NULL, &table, "ratio"), 0.5);
    ck_assert_str_eq(nn_option_text(NULL, &table, "mode"), "static");
    ck_assert_ptr_null(nn_option_text(NULL, &table, "keep-float"));
    ck_assert_ptr_null(nn_option_at(NULL, "keep-float", 0));
    ck_assert(!nn_option_flag(NULL, "random"));
    ck_assert(!nn_option_has(NULL, "threads"));
}
END_TEST

START_TEST(values_are_read_back) {
    nnopt_options *options = NULL;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "threads", "4"));
    ck_assert_ok(nnopt_options_set(options, "threads", "2"));
    ck_assert_ok(nnopt_options_set(options, "duration", "250ms"));
    ck_assert_ok(nnopt_options_set(options, "ratio", "1e-1"));
    ck_assert_ok(nnopt_options_set(options, "mode", "weights"));
    ck_assert_ok(nnopt_options_set(options, "keep-float", "/conv1"));
    ck_assert_ok(nnopt_options_set(options, "keep-float", "/conv2"));
    ck_assert_ok(nnopt_options_set(options, "random", NULL));
    ck_assert_ok(nn_options_check(options, tables, 1));
    ck_assert_int_eq(nn_option_int(options, &table, "threads"), 2);
    ck_assert_double_eq_tol(nn_option_time(options, &table, "duration"), 0.25, 1e-12);
    ck_assert_double_eq_tol(nn_option_number(options, &table, "ratio"), 0.1, 1e-12);
    ck_assert_str_eq(nn_option_text(options, &table, "mode"), "weights");
    ck_assert_str_eq(nn_option_at(options, "keep-float", 0), "/conv1");
    ck_assert_str_eq(nn_option_at(options, "keep-float", 1), "/conv2");
    ck_assert_ptr_null(nn_option_at(options, "keep-float", 2));
    ck_assert(nn_option_flag(options, "random"));
    ck_assert(nn_option_has(options, "threads"));
    nnopt_options_destroy(options);
    nnopt_options_destroy(NULL);
}
END_TEST

START_TEST(times_take_suffixes) {
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {{"2", 2}, {"1.5s", 1.5}, {"20ms", 0.02}, {"5m", 300}, {"2h", 7200}, {"0", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nnopt_options *options = NULL;
        ck_assert_ok(nnopt_options_create(&options));
        ck_assert_ok(nnopt_options_set(options, "duration", cases[i].text));
        ck_assert_ok(nn_options_check(options, tables, 1));
        ck_assert_double_eq_tol(nn_option_time(options, &table, "duration"), cases[i].seconds,
                                1e-12);
        nnopt_options_destroy(options);
    }
}
END_TEST

START_TEST(malformed_values_are_refused) {
    ck_assert_fails(check_one("threads", "two"), NNOPT_USAGE, "'threads' must be a whole number");
    ck_assert_fails(check_one("threads", "2.5"), NNOPT_USAGE, "whole number, got '2.5'");
    ck_assert_fails(check_one("threads", ""), NNOPT_USAGE, "whole number");
    ck_assert_fails(check_one("threads", " 2"), NNOPT_USAGE, "whole number");
    ck_assert_fails(check_one("threads", "99999999999999999999"), NNOPT_USAGE, "whole number");
    ck_assert_fails(check_one("threads", "-1"), NNOPT_USAGE, "from 0 to 1024, got '-1'");
    ck_assert_fails(check_one("threads", NULL), NNOPT_USAGE, "needs a value (N)");
    ck_assert_fails(check_one("duration", "3d"), NNOPT_USAGE, "'duration' must be a time");
    ck_assert_fails(check_one("duration", "-3"), NNOPT_USAGE, "at least 0, got '-3'");
    ck_assert_fails(check_one("duration", "inf"), NNOPT_USAGE, "'duration' must be a time");
    ck_assert_fails(check_one("ratio", "nan"), NNOPT_USAGE, "'ratio' must be a number");
    ck_assert_fails(check_one("ratio", "1.5"), NNOPT_USAGE, "from 0 to 1, got '1.5'");
    ck_assert_fails(check_one("mode", "stat"), NNOPT_USAGE, "one of static|dynamic|weights");
    ck_assert_fails(check_one("mode", "static|dynamic"), NNOPT_USAGE, "one of");
    ck_assert_fails(check_one("mode", NULL), NNOPT_USAGE, "needs a value (static|dynamic|weights)");
    ck_assert_fails(check_one("random", "yes"), NNOPT_USAGE, "'random' takes no value");
}
END_TEST

START_TEST(unknown_names_get_a_suggestion) {
    ck_assert_fails(check_one("thread", "1"), NNOPT_USAGE, "did you mean 'threads'?");
    ck_assert_fails(check_one("duraiton", "1"), NNOPT_USAGE, "did you mean 'duration'?");
    ck_assert_fails(check_one("quux-frobnicate", "1"), NNOPT_USAGE,
                    "unknown option 'quux-frobnicate'");
    ck_assert_ptr_null(strstr(nnopt_last_error(), "did you mean"));
}
END_TEST

START_TEST(nearest_name_ranks_by_edits) {
    static const char *const names[] = {"inspect", "run", "bench", "profile", "prune"};
    ck_assert_str_eq(nnopt_nearest_name("prunes", names, 5), "prune");
    ck_assert_str_eq(nnopt_nearest_name("benhc", names, 5), "bench");
    ck_assert_str_eq(nnopt_nearest_name("PROFILE", names, 5), "profile");
    ck_assert_str_eq(nnopt_nearest_name("rnu", names, 5), "run");
    ck_assert_ptr_null(nnopt_nearest_name("zzz", names, 5));
    ck_assert_ptr_null(nnopt_nearest_name("", names, 5));
    ck_assert_ptr_null(nnopt_nearest_name(NULL, names, 5));
}
END_TEST

START_TEST(a_selection_keeps_what_its_table_has) {
    static const nn_option_table few = {"few", specs, 2};
    static const nn_option_table *const few_tables[] = {&few};
    nnopt_options *options = NULL, *selected = NULL;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "threads", "2"));
    ck_assert_ok(nnopt_options_set(options, "random", NULL));
    ck_assert_fails(nn_options_check(options, few_tables, 1), NNOPT_USAGE, "'random'");
    ck_assert_ok(nn_options_select(options, &few, &selected));
    ck_assert_ok(nn_options_check(selected, few_tables, 1));
    ck_assert_int_eq(nn_option_int(selected, &few, "threads"), 2);
    nnopt_options_destroy(selected);
    ck_assert_ok(nn_options_select(NULL, &few, &selected));
    ck_assert(!nn_option_has(selected, "threads"));
    nnopt_options_destroy(selected);
    nnopt_options_destroy(options);
}
END_TEST

START_TEST(function_tables_are_found_by_name) {
    size_t count = 7;
    ck_assert_ptr_null(nnopt_option_specs("no such function", &count));
    ck_assert_uint_eq(count, 0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("options");
    TCase *cases = tcase_create("options");
    tcase_add_test(cases, defaults_come_from_the_table);
    tcase_add_test(cases, values_are_read_back);
    tcase_add_test(cases, times_take_suffixes);
    tcase_add_test(cases, malformed_values_are_refused);
    tcase_add_test(cases, unknown_names_get_a_suggestion);
    tcase_add_test(cases, nearest_name_ranks_by_edits);
    tcase_add_test(cases, a_selection_keeps_what_its_table_has);
    tcase_add_test(cases, function_tables_are_found_by_name);
    suite_add_tcase(suite, cases);
    return suite;
}
