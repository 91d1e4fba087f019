/* Choosing kernels: reasons, measuring, wisdom and what can be wrong with its file, and results
 * that do not depend on threads. */
#include "engine/select/select_parts.h"
#include "tests/support/maker.h"

#include "base/file.h"
#include "engine/plan/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64], path[96];

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/nnopt-select-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/wisdom.txt", folder);
}

static void remove_folder(void) {
    unlink(path);
    rmdir(folder);
}

/* ---- the file ---- */

static const nn_wisdom_entry some = {"Conv 1x8",   "conv_fast", "4 vectors",
                                     "conv_first", 1.25,        true};
static const nn_wisdom_entry other = {"Gemm 3x4", "gemm_first", "", "gemm_first", 1, false};

static void save_two(void) {
    nn_wisdom wisdom = {0};
    ck_assert_ok(nn_wisdom_put(&wisdom, &other));
    ck_assert_ok(nn_wisdom_put(&wisdom, &some));
    ck_assert_ok(nn_wisdom_put(&wisdom, &some));
    ck_assert_int_eq(wisdom.count, 2);
    ck_assert_ok(nn_wisdom_save(&wisdom, path));
    nn_wisdom_clear(&wisdom);
}

/* How many entries are read back. */
static int64_t load_count(void) {
    nn_wisdom wisdom = {0};
    ck_assert_ok(nn_wisdom_load(&wisdom, path));
    int64_t count = wisdom.count;
    nn_wisdom_clear(&wisdom);
    return count;
}

START_TEST(wisdom_comes_back_from_its_file) {
    nn_wisdom wisdom = {0};
    save_two();
    ck_assert_ok(nn_wisdom_load(&wisdom, path));
    const nn_wisdom_entry *entry = nn_wisdom_find(&wisdom, "Conv 1x8");
    ck_assert_int_eq(wisdom.count, 2);
    ck_assert_ptr_nonnull(entry);
    ck_assert_str_eq(entry->kernel, "conv_fast");
    ck_assert_str_eq(entry->variant, "4 vectors");
    ck_assert_str_eq(entry->over, "conv_first");
    ck_assert_double_eq(entry->gain, 1.25);
    ck_assert(entry->is_exhaustive);
    ck_assert(!nn_wisdom_find(&wisdom, "Gemm 3x4")->is_exhaustive);
    ck_assert_ptr_null(nn_wisdom_find(&wisdom, "Gemm 3x5"));
    nn_wisdom_clear(&wisdom);
}
END_TEST

START_TEST(what_is_known_is_not_replaced_by_a_file) {
    nn_wisdom wisdom = {0};
    nn_wisdom_entry newer = some;
    newer.kernel = "conv_faster";
    save_two();
    ck_assert_ok(nn_wisdom_put(&wisdom, &newer));
    ck_assert_ok(nn_wisdom_load(&wisdom, path));
    ck_assert_int_eq(wisdom.count, 2);
    ck_assert_str_eq(nn_wisdom_find(&wisdom, some.key)->kernel, "conv_faster");
    nn_wisdom_clear(&wisdom);
}
END_TEST

START_TEST(a_file_with_any_byte_changed_or_missing_is_ignored) {
    char *bytes;
    size_t size;
    save_two();
    ck_assert_ok(nn_file_read(path, 1 << 20, &bytes, &size));
    for (size_t i = 0; i < size; i++) {
        static const char instead[] = {'\0', '\t', '\n', '9', (char)0xff};
        const char kept = bytes[i];
        for (size_t k = 0; k < sizeof instead; k++) {
            if (instead[k] == kept) continue;
            bytes[i] = instead[k];
            ck_assert_ok(nn_file_write(path, bytes, size));
            ck_assert_msg(load_count() == 0, "byte %zu may be %d", i, instead[k]);
        }
        bytes[i] = kept;
        ck_assert_ok(nn_file_write(path, bytes, i));
        ck_assert_msg(load_count() == 0, "it may end after %zu bytes", i);
    }
    ck_assert_ok(nn_file_write(path, bytes, size));
    ck_assert_int_eq(load_count(), 2);
    nn_free(bytes);
}
END_TEST

/* Their sum is right. */
START_TEST(entries_that_nobody_writes_make_the_file_useless) {
    static const nn_wisdom_entry bad[] = {
        {"key\twith a tab", "kernel", "", "kernel", 2, false},
        {"key\nwith a line", "kernel", "", "kernel", 2, false},
        {"", "kernel", "", "kernel", 2, false},
        {"key", "", "", "kernel", 2, false},
        {"key", "kernel\x1b[31m", "", "kernel", 2, false},
        {"key", "kernel", "", "\xc3\xa4", 2, false},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nn_wisdom wisdom = {0};
        ck_assert_ok(nn_wisdom_put(&wisdom, &other));
        ck_assert_ok(nn_wisdom_put(&wisdom, &bad[i]));
        ck_assert_ok(nn_wisdom_save(&wisdom, path));
        nn_wisdom_clear(&wisdom);
        ck_assert_msg(load_count() == 0, "entry %zu", i);
    }
}
END_TEST

START_TEST(no_file_is_no_wisdom_and_a_folder_is_none) {
    ck_assert_int_eq(load_count(), 0);
    nn_wisdom wisdom = {0};
    ck_assert_ok(nn_wisdom_load(&wisdom, folder));
    ck_assert_int_eq(wisdom.count, 0);
    nn_wisdom_clear(&wisdom);
}
END_TEST

/* ---- sessions ---- */

static nn_model *conv_model(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,32,28,28");
    make_random(&m, "w", "32,32,3,3", 1);
    make_random(&m, "b", "32", 2);
    make_random(&m, "v", "64,32,1,1", 3);
    make_node(&m, "Conv", "first", "x,w,b", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a", "r", NULL);
    make_node(&m, "Conv", "second", "r,w,b", "c", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu2", "c", "d", NULL);
    make_node(&m, "Conv", "wide", "d,v", "y", NULL);
    return make_model(&m, "y");
}

static nn_session_options options_of(nn_selection selection) {
    return (nn_session_options){
        .threads = 1, .selection = selection, .selection_seconds = 5, .wisdom = path};
}

/* Runs the model and checks the outcome against the reference kernels; the reason of the step of
 * "wide". */
static void run_and_explain(nn_model *model, nn_selection selection, char *reason, size_t size) {
    static const nn_session_options judge = {.threads = 1, .reference_only = true};
    const nn_session_options options = options_of(selection);
    nn_tensor x = random_tensor("1,32,28,28", 7), y;
    nn_tensor wanted = run_model(model, &judge, &x, 1, 0);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    check_close(&y, &wanted, 1e-3, 1e-3);
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    bool found = false;
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info step;
        nn_plan_step(plan, i, &step);
        if (step.is_conversion || strcmp(step.origin, "wide") != 0) continue;
        found = true;
        snprintf(reason, size, "%s", step.chosen_by);
    }
    ck_assert(found);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&wanted);
}

START_TEST(what_was_measured_is_known_to_the_next_session) {
    char reason[256];
    nn_model *model = conv_model();
    run_and_explain(model, NN_SELECT_WISDOM, reason, sizeof reason);
    ck_assert_msg(strcmp(reason, "first in the list") == 0, "%s", reason);
    ck_assert_int_eq(access(path, F_OK), -1);
    run_and_explain(model, NN_SELECT_MEASURE, reason, sizeof reason);
    ck_assert_msg(strncmp(reason, "measured", 8) == 0 || strstr(reason, "no faster plan") != NULL,
                  "%s", reason);
    ck_assert_int_ge(load_count(), 2);
    run_and_explain(model, NN_SELECT_WISDOM, reason, sizeof reason);
    ck_assert_msg(strncmp(reason, "wisdom", 6) == 0, "%s", reason);
    run_and_explain(model, NN_SELECT_MEASURE, reason, sizeof reason);
    ck_assert_msg(strncmp(reason, "wisdom", 6) == 0, "%s", reason);
    run_and_explain(model, NN_SELECT_EXHAUSTIVE, reason, sizeof reason);
    ck_assert_msg(strncmp(reason, "wisdom", 6) != 0, "%s", reason);
    run_and_explain(model, NN_SELECT_EXHAUSTIVE, reason, sizeof reason);
    ck_assert_msg(strncmp(reason, "wisdom", 6) == 0, "%s", reason);
    run_and_explain(model, NN_SELECT_ESTIMATE, reason, sizeof reason);
    ck_assert_msg(strcmp(reason, "first in the list") == 0, "%s", reason);
    nnopt_model_destroy(model);
}
END_TEST

/* Every kernel and variant that could stand in a file gives the right result. */
START_TEST(whatever_wisdom_says_the_result_is_right) {
    char reason[256];
    nn_model *model = conv_model();
    run_and_explain(model, NN_SELECT_MEASURE, reason, sizeof reason);
    nn_wisdom known = {0};
    ck_assert_ok(nn_wisdom_load(&known, path));
    for (const nn_kernel *const *kernel = nn_op_conv.kernels; *kernel != NULL; kernel++) {
        const char *variant;
        for (int v = 0; (variant = nn_select_variant(*kernel, v)) != NULL; v++) {
            nn_wisdom forged = {0};
            for (int64_t i = 0; i < known.count; i++) {
                nn_wisdom_entry entry = *known.entries[i];
                entry.kernel = (*kernel)->name;
                entry.variant = variant;
                ck_assert_ok(nn_wisdom_put(&forged, &entry));
            }
            ck_assert_ok(nn_wisdom_save(&forged, path));
            nn_wisdom_clear(&forged);
            run_and_explain(model, NN_SELECT_WISDOM, reason, sizeof reason);
        }
    }
    nn_wisdom_clear(&known);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_session_measures_within_its_budget) {
    nn_model *model = conv_model();
    nn_session_options options = options_of(NN_SELECT_MEASURE);
    nn_session *session;
    options.selection_seconds = 0;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_int_eq(load_count(), 0);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_failed_allocation_while_measuring_is_an_error_and_leaks_nothing) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "8,16");
    make_random(&m, "w", "16,24", 1);
    make_node(&m, "MatMul", "product", "x,w", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session_options options = options_of(NN_SELECT_MEASURE);
    options.selection_seconds = 1e-6;
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n++) {
        nn_session *session = NULL;
        unlink(path);
        nn_fail_allocation(n);
        status = nn_session_open(model, &options, &session);
        nn_fail_allocation(0);
        ck_assert_msg(status == NN_OK || status == NN_NO_MEMORY, "allocation %d: %s", (int)n,
                      nnopt_last_error());
        nnopt_session_destroy(session);
    }
    nnopt_model_destroy(model);
}
END_TEST

/* ---- deterministic ---- */

START_TEST(deterministic_sums_are_the_same_on_any_number_of_threads) {
    nn_model *model = conv_model();
    nn_tensor x = random_tensor("1,32,28,28", 7), first = {0};
    for (int threads = 1; threads <= 4; threads++) {
        const nn_session_options options = {.threads = threads, .deterministic = true};
        nn_tensor y = run_model(model, &options, &x, 1, 0);
        if (threads == 1) {
            first = y;
            continue;
        }
        ck_assert_msg(memcmp(y.data, first.data, (size_t)nn_tensor_bytes(&y)) == 0, "%d threads",
                      threads);
        nn_tensor_clear(&y);
    }
    nn_tensor_clear(&first);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(deterministic_plans_have_no_winograd_kernel) {
    nn_model *model = conv_model();
    const nn_session_options options = {.threads = 1, .deterministic = true};
    nn_tensor x = random_tensor("1,32,28,28", 7);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info step;
        nn_plan_step(plan, i, &step);
        ck_assert_msg(strstr(step.kernel->name, "winograd") == NULL, "%s", step.kernel->name);
    }
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(options_name_the_modes) {
    static const struct {
        const char *name, *value;
        nn_selection selection;
    } rows[] = {{"kernels", "estimate", NN_SELECT_ESTIMATE},
                {"kernels", "measure", NN_SELECT_MEASURE},
                {"kernels", "exhaustive", NN_SELECT_EXHAUSTIVE},
                {"kernels", "wisdom", NN_SELECT_WISDOM},
                {"threads", "1", NN_SELECT_ESTIMATE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nnopt_options *options;
        nn_session_options read;
        ck_assert_ok(nnopt_options_create(&options));
        ck_assert_ok(nnopt_options_set(options, rows[i].name, rows[i].value));
        ck_assert_ok(nn_session_options_read(options, &read));
        ck_assert_int_eq(read.selection, rows[i].selection);
        ck_assert_ok(nnopt_options_set(options, "deterministic", NULL));
        if (read.selection == NN_SELECT_ESTIMATE) {
            ck_assert_ok(nn_session_options_read(options, &read));
            ck_assert(read.deterministic);
        } else {
            ck_assert_fails(nn_session_options_read(options, &read), NNOPT_USAGE,
                            "contradict each other");
        }
        nnopt_options_destroy(options);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("select");
    TCase *tests = tcase_create("select");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, wisdom_comes_back_from_its_file);
    tcase_add_test(tests, what_is_known_is_not_replaced_by_a_file);
    tcase_add_test(tests, a_file_with_any_byte_changed_or_missing_is_ignored);
    tcase_add_test(tests, entries_that_nobody_writes_make_the_file_useless);
    tcase_add_test(tests, no_file_is_no_wisdom_and_a_folder_is_none);
    tcase_add_test(tests, what_was_measured_is_known_to_the_next_session);
    tcase_add_test(tests, whatever_wisdom_says_the_result_is_right);
    tcase_add_test(tests, a_session_measures_within_its_budget);
    tcase_add_test(tests, a_failed_allocation_while_measuring_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, deterministic_sums_are_the_same_on_any_number_of_threads);
    tcase_add_test(tests, deterministic_plans_have_no_winograd_kernel);
    tcase_add_test(tests, options_name_the_modes);
    suite_add_tcase(suite, tests);
    return suite;
}
