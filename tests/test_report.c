#include "base/file.h"
#include "base/memory.h"
#include "engine/report.h"
#include "formats/text.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

static void make_folder(void) {
    strcpy(folder, "/tmp/nnopt-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* A small profile: enough for every writer. */
static nnopt_report *make_report(void) {
    nn_report *report = NULL;
    ck_assert_ok(nn_report_create("profile", &report));
    nn_report_set_text(report, report->root, "model", "m.onnx");
    nn_report_set_number(report, report->root, "total_ms", 1.5);
    nn_report_set_number(report, report->root, "unknown_ms", NAN);
    cJSON *nodes = nn_report_array(report, report->root, "nodes");
    cJSON *node = nn_report_object(report, nodes, NULL);
    nn_report_set_text(report, node, "node", "/a, \"b\"");
    nn_report_set_text(report, node, "op", "Conv");
    nn_report_set_number(report, node, "ms", 1.25);
    cJSON *cost = nn_report_object(report, node, "cost");
    nn_report_set_number(report, cost, "macs", 4096);
    nn_report_set_bool(report, node, "fused", true);
    cJSON *covers = nn_report_array(report, node, "covers");
    nn_report_add_text(report, covers, "/a");
    nn_report_add_text(report, covers, "/relu");
    node = nn_report_object(report, nodes, NULL);
    nn_report_set_text(report, node, "node", "/c");
    nn_report_set_text(report, node, "op", "Relu");
    nn_report_set_number(report, node, "ms", 0.25);
    nn_report_set_number(report, node, "live_bytes", 64);
    ck_assert_ok(nn_report_finish(report, &report));
    return report;
}

START_TEST(the_head_names_schema_kind_and_machine) {
    nnopt_report *report = make_report();
    char *text = NULL;
    ck_assert_ok(nnopt_report_json(report, &text));
    ck_assert_ptr_nonnull(strstr(text, "\"schema\":\t1"));
    ck_assert_ptr_nonnull(strstr(text, "\"kind\":\t\"profile\""));
    ck_assert_ptr_nonnull(strstr(text, "\"cores\":"));
    ck_assert_ptr_nonnull(strstr(text, "\"unknown_ms\":\tnull"));
    nnopt_text_destroy(text);
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(numbers_are_found_by_path) {
    nnopt_report *report = make_report();
    double value = 0;
    ck_assert_ok(nnopt_report_number(report, "total_ms", &value));
    ck_assert_double_eq(value, 1.5);
    ck_assert_ok(nnopt_report_number(report, "nodes[0].cost.macs", &value));
    ck_assert_double_eq(value, 4096);
    ck_assert_ok(nnopt_report_number(report, "nodes[1].ms", &value));
    ck_assert_double_eq(value, 0.25);
    ck_assert_ok(nnopt_report_number(report, "nodes[0].fused", &value));
    ck_assert_double_eq(value, 1);
    ck_assert_fails(nnopt_report_number(report, "totl_ms", &value), NNOPT_USAGE, "'totl_ms'");
    ck_assert_fails(nnopt_report_number(report, "nodes[2].ms", &value), NNOPT_USAGE, "element 2");
    ck_assert_fails(nnopt_report_number(report, "nodes[x]", &value), NNOPT_USAGE, "whole number");
    ck_assert_fails(nnopt_report_number(report, "nodes[0", &value), NNOPT_USAGE, "whole number");
    ck_assert_fails(nnopt_report_number(report, "nodes", &value), NNOPT_USAGE, "no number");
    ck_assert_fails(nnopt_report_number(report, "unknown_ms", &value), NNOPT_USAGE, "no number");
    ck_assert_fails(nnopt_report_number(report, "", &value), NNOPT_USAGE, "keys and indices");
    ck_assert_fails(nnopt_report_number(report, "nodes..ms", &value), NNOPT_USAGE, "keys and");
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(written_reports_are_read_back) {
    nnopt_report *report = make_report(), *again = NULL;
    double value = 0;
    ck_assert_ok(nnopt_report_annotate(report, "command", "nnopt profile m.onnx"));
    ck_assert_ok(nnopt_report_annotate(report, "command", "nnopt profile m.onnx --all"));
    ck_assert_ok(nnopt_report_write(report, in_folder("r.json")));
    ck_assert_ok(nnopt_report_load(in_folder("r.json"), &again));
    ck_assert_ok(nnopt_report_number(again, "nodes[0].ms", &value));
    ck_assert_double_eq(value, 1.25);
    char *first = NULL, *second = NULL;
    ck_assert_ok(nnopt_report_json(report, &first));
    ck_assert_ok(nnopt_report_json(again, &second));
    ck_assert_str_eq(first, second);
    ck_assert_ptr_nonnull(strstr(first, "nnopt profile m.onnx --all\""));
    nnopt_text_destroy(first);
    nnopt_text_destroy(second);
    nnopt_report_destroy(again);
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(what_is_not_a_report_is_refused) {
    nnopt_report *report = NULL;
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"schema\": 1}",
                                      "{\"kind\": \"bench\"}",
                                      "null",
                                      "{\"schema\": \"1\", \"kind\": \"bench\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_ok(nn_file_write(in_folder("bad.json"), bad[i], strlen(bad[i])));
        ck_assert_fails(nnopt_report_load(in_folder("bad.json"), &report), NNOPT_BAD_INPUT,
                        "not a report");
    }
    const char *newer = "{\"schema\": 99, \"kind\": \"bench\"}";
    ck_assert_ok(nn_file_write(in_folder("new.json"), newer, strlen(newer)));
    ck_assert_fails(nnopt_report_load(in_folder("new.json"), &report), NNOPT_BAD_INPUT,
                    "schema 99");
    ck_assert_fails(nnopt_report_load(in_folder("none.json"), &report), NNOPT_IO, "none.json");
}
END_TEST

START_TEST(csv_flattens_records_and_quotes) {
    nnopt_report *report = make_report();
    char *text = NULL;
    ck_assert_ok(nnopt_report_write(report, in_folder("r.csv")));
    ck_assert_ok(nn_file_read(in_folder("r.csv"), 4096, &text, NULL));
    ck_assert_str_eq(text, "node,op,ms,cost.macs,fused,covers,live_bytes\n"
                           "\"/a, \"\"b\"\"\",Conv,1.25,4096,true,/a;/relu,\n"
                           "/c,Relu,0.25,,,,64\n");
    nn_free(text);
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(traces_lay_the_nodes_one_after_the_other) {
    nnopt_report *report = make_report();
    char *text = NULL;
    ck_assert_ok(nnopt_report_write(report, in_folder("r.trace.json")));
    ck_assert_ok(nn_file_read(in_folder("r.trace.json"), 65536, &text, NULL));
    cJSON *trace = cJSON_Parse(text);
    cJSON *events = cJSON_GetObjectItem(trace, "traceEvents");
    int slices = 0;
    double end = 0;
    for (cJSON *event = events->child; event != NULL; event = event->next) {
        if (strcmp(cJSON_GetObjectItem(event, "ph")->valuestring, "X") != 0) continue;
        ck_assert_double_eq_tol(cJSON_GetObjectItem(event, "ts")->valuedouble, end, 1e-9);
        end += cJSON_GetObjectItem(event, "dur")->valuedouble;
        slices++;
    }
    ck_assert_int_eq(slices, 2);
    ck_assert_double_eq_tol(end, 1500, 1e-9); /* microseconds */
    cJSON_Delete(trace);
    nn_free(text);
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(the_suffix_chooses_the_form) {
    nnopt_report *report = make_report();
    ck_assert_fails(nnopt_report_write(report, in_folder("r.txt")), NNOPT_USAGE, "r.txt");
    nnopt_report_destroy(report);
    ck_assert_ok(nn_report_create("doctor", &report));
    ck_assert_fails(nnopt_report_write(report, in_folder("r.csv")), NNOPT_UNSUPPORTED, "no table");
    ck_assert_fails(nnopt_report_write(report, in_folder("r.trace.json")), NNOPT_UNSUPPORTED,
                    "no timeline");
    ck_assert_fails(nnopt_report_write(report, "/nonexistent/r.json"), NNOPT_IO, "/nonexistent");
    nnopt_report_destroy(report);
    int count = 0;
    for (const char *const *suffix = nnopt_report_suffixes(); *suffix != NULL; suffix++) count++;
    ck_assert_int_ge(count, 3);
}
END_TEST

START_TEST(unknown_kinds_are_outlined) {
    nn_report *report = NULL;
    char *text = NULL;
    ck_assert_ok(nn_report_create("novelty", &report));
    nn_report_set_number(report, report->root, "delay", 12);
    nn_report_set_text(report, report->root, "note", "evil\033[31m name\xc2\x9b");
    cJSON *rows = nn_report_array(report, report->root, "rows");
    for (int i = 0; i < 40; i++) {
        cJSON *row = nn_report_object(report, rows, NULL);
        nn_report_set_number(report, row, "index", i);
        nn_report_set_text(report, row, "name",
                           "/a/very/long/name/of/a/node/that/does/not/fit/into/the/line/at/all");
    }
    ck_assert_ok(nnopt_report_text(report, 60, false, false, &text));
    ck_assert_ptr_nonnull(strstr(text, "delay  12\n"));
    ck_assert_ptr_nonnull(strstr(text, "evil?[31m name?\n"));
    ck_assert_ptr_nonnull(strstr(text, "16 more (--all)"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        ck_assert_int_le(nn_text_width(line), 60);
    nnopt_text_destroy(text);
    ck_assert_ok(nnopt_report_text(report, 60, true, false, &text));
    ck_assert_ptr_null(strstr(text, "more (--all)"));
    nnopt_text_destroy(text);
    nnopt_report_destroy(report);
}
END_TEST

/* Two models whose runs took `slowdown` times as long while nodes were timed. */
static char *compare_text(double slowdown) {
    nn_report *report = NULL;
    char *text = NULL;
    ck_assert_ok(nn_report_create("compare", &report));
    cJSON *models = nn_report_array(report, report->root, "models");
    for (int i = 0; i < 2; i++) {
        cJSON *model = nn_report_object(report, models, NULL);
        nn_report_set_text(report, model, "model", i == 0 ? "a.onnx" : "b.onnx");
        nn_report_set_number(report, model, "total_ms", 2);
        nn_report_set_number(report, model, "profiled_ms", i == 0 ? 2 : 2 * slowdown);
    }
    cJSON *row = nn_report_object(report, nn_report_array(report, report->root, "rows"), NULL);
    nn_report_set_text(report, row, "node", "/a");
    cJSON *cells = nn_report_array(report, row, "models");
    for (int i = 0; i < 2; i++)
        nn_report_set_number(report, nn_report_object(report, cells, NULL), "ms", 2);
    ck_assert_ok(nnopt_report_text(report, 80, false, false, &text));
    nnopt_report_destroy(report);
    return text;
}

START_TEST(a_machine_that_changed_between_models_and_nodes_is_told) {
    static const struct {
        double slowdown;
        const char *told;
    } cases[] = {{1.6, "runs took 1.00, 1.60 times as long"},
                 {0.7, "runs took 1.00, 0.70 times as long"},
                 {1.05, NULL},
                 {NAN, NULL}};
    char *text;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text = compare_text(cases[i].slowdown);
        const char *told = cases[i].told != NULL ? cases[i].told : "The machine changed";
        ck_assert((strstr(text, told) != NULL) == (cases[i].told != NULL));
        nnopt_text_destroy(text);
    }
}
END_TEST

START_TEST(figures_are_short) {
    char b[NN_FIGURE];
    ck_assert_str_eq(nn_figure(1.8421, b), "1.842");
    ck_assert_str_eq(nn_figure(148.26, b), "148.3");
    ck_assert_str_eq(nn_figure(0, b), "0");
    ck_assert_str_eq(nn_figure(NAN, b), "-");
    ck_assert_str_eq(nn_figure_count(41.2e6, b), "41.2 M");
    ck_assert_str_eq(nn_figure_count(999, b), "999");
    ck_assert_str_eq(nn_figure_count(999999, b), "1.00 M");
    ck_assert_str_eq(nn_figure_bytes(26143, b), "26.1 kB");
    ck_assert_str_eq(nn_figure_percent(0.168, b), "16.8 %");
    ck_assert_int_eq(nn_text_width("…/a"), 3);
    ck_assert_int_eq(nn_text_width("e\xcc\x81"), 1); /* e and a combining accent */
}
END_TEST

START_TEST(tables_drop_and_cut_columns_to_fit) {
    static const nn_column columns[] = {{"ms", true, false, false, 0},
                                        {"node", false, true, false, 0},
                                        {"extra", false, false, false, 2}};
    for (int width = 24; width <= 80; width += 28) {
        nn_writer writer = {0};
        nn_table table;
        char *text = NULL;
        nn_table_init(&table, columns, 3);
        nn_table_addf(&table, "%.3f", 1.25);
        nn_table_add(&table, "/encoder/layer.3/attention/MatMul");
        nn_table_add(&table, "0123456789");
        nn_table_write(&table, &writer, 1, width);
        ck_assert_ok(nn_writer_finish(&writer, &text));
        ck_assert_ptr_nonnull(strstr(text, "MatMul"));
        if (width == 24) ck_assert_ptr_null(strstr(text, "extra"));
        if (width == 80)
            ck_assert_str_eq(text, "    ms  node                               extra\n"
                                   " 1.250  /encoder/layer.3/attention/MatMul  0123456789\n");
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
            ck_assert_int_le(nn_text_width(line), width);
        nnopt_text_destroy(text);
    }
}
END_TEST

START_TEST(failed_allocations_are_reported) {
    for (uint64_t n = 1; n < 40; n++) {
        nn_report *report = NULL;
        char *text = NULL;
        nn_fail_allocation(n);
        nn_status status = nn_report_create("profile", &report);
        if (status == NN_OK) {
            status = nnopt_report_text(report, 80, false, true, &text);
            nn_fail_allocation(0);
            nnopt_report_destroy(report);
        }
        nn_fail_allocation(0);
        ck_assert(status == NN_OK || status == NN_NO_MEMORY);
        if (status == NN_OK) {
            nnopt_text_destroy(text);
            return;
        }
    }
    ck_abort_msg("still failing");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("report");
    TCase *cases = tcase_create("report");
    tcase_add_checked_fixture(cases, make_folder, remove_folder);
    tcase_add_test(cases, the_head_names_schema_kind_and_machine);
    tcase_add_test(cases, numbers_are_found_by_path);
    tcase_add_test(cases, written_reports_are_read_back);
    tcase_add_test(cases, what_is_not_a_report_is_refused);
    tcase_add_test(cases, csv_flattens_records_and_quotes);
    tcase_add_test(cases, traces_lay_the_nodes_one_after_the_other);
    tcase_add_test(cases, the_suffix_chooses_the_form);
    tcase_add_test(cases, unknown_kinds_are_outlined);
    tcase_add_test(cases, a_machine_that_changed_between_models_and_nodes_is_told);
    tcase_add_test(cases, figures_are_short);
    tcase_add_test(cases, tables_drop_and_cut_columns_to_fit);
    tcase_add_test(cases, failed_allocations_are_reported);
    suite_add_tcase(suite, cases);
    return suite;
}
