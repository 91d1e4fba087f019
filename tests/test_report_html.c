/* The HTML report: what comes from a model file stays text, the page stays small and well-formed,
 * and the drawings stand where the numbers say. */
#include "base/memory.h"
#include "engine/report.h"
#include "formats/report_write.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a checker of well-formed XML, as far as the page uses it ---- */

enum { MAX_DEPTH = 32, MAX_NAME = 32 };

typedef struct xml_stack {
    char names[MAX_DEPTH][MAX_NAME];
    int depth;
} xml_stack;

static const char *check_entity(const char *at) {
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (strncmp(at, entities[i], strlen(entities[i])) == 0) return at + strlen(entities[i]);
    ck_abort_msg("a bare ampersand: %.40s", at);
    return NULL;
}

static const char *check_attributes(const char *at) {
    for (;;) {
        at += strspn(at, " \n");
        if (*at == '>' || *at == '/') return at;
        size_t name =
            strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789:");
        ck_assert_msg(name > 0 && at[name] == '=' && at[name + 1] == '"', "attribute: %.40s", at);
        ck_assert_msg(strncmp(at, "on", 2) != 0, "an event handler: %.40s", at);
        at += name + 2;
        while (*at != '"') {
            ck_assert_msg(*at != '<' && *at != '\0', "attribute value: %.40s", at);
            at = *at == '&' ? check_entity(at) : at + 1;
        }
        at++;
    }
}

static const char *check_tag(const char *at, xml_stack *stack) {
    bool is_end = at[1] == '/';
    const char *name = at + 1 + is_end;
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz123456");
    ck_assert_msg(length > 0 && length < MAX_NAME, "tag: %.40s", at);
    at = name + length;
    if (is_end) {
        ck_assert_int_gt(stack->depth, 0);
        const char *open = stack->names[--stack->depth];
        ck_assert_msg(strlen(open) == length && strncmp(open, name, length) == 0 && *at == '>',
                      "<%s> is ended by %.40s", open, name);
        return at + 1;
    }
    at = check_attributes(at);
    if (*at == '/') return at + 2;
    ck_assert_int_lt(stack->depth, MAX_DEPTH);
    snprintf(stack->names[stack->depth++], MAX_NAME, "%.*s", (int)length, name);
    return at + 1;
}

static void check_well_formed(const char *text) {
    xml_stack stack = {0};
    static const char doctype[] = "<!DOCTYPE html>";
    ck_assert_int_eq(strncmp(text, doctype, strlen(doctype)), 0);
    for (const char *at = text + strlen(doctype); *at != '\0';) {
        if (strncmp(at, "<![CDATA[", 9) == 0) {
            at = strstr(at, "]]>");
            ck_assert_ptr_nonnull(at);
            at += 3;
        } else if (*at == '<') {
            at = check_tag(at, &stack);
        } else if (*at == '&') {
            at = check_entity(at);
        } else {
            ck_assert_msg((unsigned char)*at >= 0x20 || *at == '\n', "control %d", *at);
            at++;
        }
    }
    ck_assert_int_eq(stack.depth, 0);
}

static int count_of(const char *text, const char *word) {
    int count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) count++;
    return count;
}

/* ---- reports ---- */

static void fill_node(nn_report *report, cJSON *node, double ms) {
    nn_report_set_text(report, node, "kind", "depthwise convolution");
    nn_report_set_text(report, node, "kernel", "conv3_f32_6x64");
    nn_report_set_text(report, node, "shape", "1x16x32x32 -> 1x16x32x32");
    nn_report_set_text(report, node, "arithmetic", "float");
    nn_report_set_text(report, node, "bound", "compute");
    nn_report_set_number(report, node, "ms", ms);
    nn_report_set_number(report, node, "share", 0.01);
    nn_report_set_number(report, node, "macs", 2359296);
    nn_report_set_number(report, node, "bytes_read", 74752);
    nn_report_set_number(report, node, "bytes_written", 65536);
    nn_report_set_number(report, node, "gflops", 4.718592 / ms);
    nn_report_set_number(report, node, "intensity", 33.6);
    nn_report_set_number(report, node, "roof_fraction", 0.4);
    nn_report_set_number(report, node, "live_bytes", 131072);
    nn_report_set_number(report, node, "workspace_bytes", 4096);
}

static void add_roofline(nn_report *report) {
    cJSON *roofline = nn_report_object(report, report->root, "roofline");
    nn_report_set_number(report, roofline, "fp32_gflops", 148);
    nn_report_set_number(report, roofline, "int8_gops", 560);
    nn_report_set_number(report, roofline, "l2_gbps", 120);
    nn_report_set_number(report, roofline, "memory_gbps", 21);
}

static nn_report *make_profile(const char *model, const char *const *names, const double *ms,
                               int count) {
    nn_report *report = NULL;
    double total = 0;
    ck_assert_ok(nn_report_create("profile", &report));
    cJSON *nodes = nn_report_array(report, report->root, "nodes");
    for (int i = 0; i < count; i++) {
        cJSON *node = nn_report_object(report, nodes, NULL);
        nn_report_set_text(report, node, "node", names[i]);
        nn_report_set_text(report, node, "op", "Conv");
        fill_node(report, node, ms[i]);
        total += ms[i];
    }
    nn_report_set_text(report, report->root, "model", model);
    nn_report_set_number(report, report->root, "total_ms", total);
    add_roofline(report);
    return report;
}

/* `count` nodes in two models; the second takes half the time in each, and lacks every tenth. */
static nn_report *make_comparison(const char *const *names, int count) {
    nn_report *report = NULL;
    ck_assert_ok(nn_report_create("compare", &report));
    cJSON *models = nn_report_array(report, report->root, "models");
    for (int m = 0; m < 2; m++) {
        cJSON *model = nn_report_object(report, models, NULL);
        nn_report_set_text(report, model, "model", m == 0 ? "before.onnx" : "after.onnx");
        nn_report_set_number(report, model, "total_ms", count / (m + 1.0));
    }
    cJSON *rows = nn_report_array(report, report->root, "rows");
    for (int i = 0; i < count; i++) {
        cJSON *row = nn_report_object(report, rows, NULL);
        nn_report_set_text(report, row, "node", names[i % 3]);
        nn_report_set_text(report, row, "op", "Conv");
        cJSON *cells = nn_report_array(report, row, "models");
        fill_node(report, nn_report_object(report, cells, NULL), 1);
        if (i % 10 == 9) {
            cJSON_AddItemToArray(cells, cJSON_CreateNull());
            continue;
        }
        cJSON *after = nn_report_object(report, cells, NULL);
        fill_node(report, after, 0.5);
        nn_report_set_number(report, after, "ratio", 0.5);
        nn_report_set_number(report, after, "ratio_low", 0.49);
        nn_report_set_number(report, after, "ratio_high", 0.51);
        nn_report_set_text(report, after, "verdict", "faster");
        nn_report_set_text(report, after, "decision", "int8");
        nn_report_set_text(report, after, "reason", "int8 at 3.4x the fp32 rate");
    }
    add_roofline(report);
    return report;
}

static char *render(nn_report *report) {
    char *text = NULL;
    ck_assert_ok(nn_report_write_html(report, &text));
    nnopt_report_destroy(report);
    check_well_formed(text);
    return text;
}

/* Where the label of a peak stands: below its line or above it. */
static bool is_label_below(const char *page, const char *label) {
    const char *end = strstr(page, label);
    ck_assert_ptr_nonnull(end);
    const char *start = end;
    while (start > page && strncmp(start, "<text", 5) != 0) start--;
    const char *dy = strstr(start, "dy=\"");
    ck_assert(dy != NULL && dy < end);
    return dy[4] != '-';
}

/* ---- tests ---- */

START_TEST(labels_of_equal_peaks_do_not_overlap) {
    static const char *const names[] = {"a"};
    static const double ms[] = {1};
    for (int equal = 0; equal < 2; equal++) {
        nn_report *report = make_profile("model.onnx", names, ms, 1);
        cJSON *roofline = cJSON_GetObjectItem(report->root, "roofline");
        cJSON_DeleteItemFromObject(roofline, "int8_gops");
        nn_report_set_number(report, roofline, "int8_gops", equal ? 148 : 560);
        char *page = render(report);
        ck_assert(!is_label_below(page, equal ? ">int8 148 GOP/s" : ">int8 560 GOP/s"));
        ck_assert_int_eq(is_label_below(page, ">fp32 148 GFLOP/s"), equal);
        nn_free(page);
    }
}
END_TEST

START_TEST(names_stay_text) {
    static const char *const names[] = {"<script>alert(1)</script>",
                                        "\"><img src=x onerror=alert(2)>",
                                        "' onload='alert(3)",
                                        "]]></script>&amp;",
                                        "a\tb\nc\033[31md\x7f",
                                        "\xe2\x80\xae"
                                        "evil",
                                        "bad \xff\xc0\xaf utf-8",
                                        "\xed\xa0\x80 surrogate"};
    static const double ms[] = {8, 7, 6, 5, 4, 3, 2, 1};
    char *page = render(make_profile("</title><script>alert(4)</script>", names, ms, 8));
    ck_assert_int_eq(count_of(page, "<script"), 1);
    ck_assert_int_eq(count_of(page, "</script"), 1);
    ck_assert_ptr_null(strstr(page, "<img"));
    ck_assert_ptr_null(strstr(page, "\xe2\x80\xae"));
    ck_assert_ptr_null(strstr(page, "\xff"));
    ck_assert_ptr_null(strstr(page, "\xed\xa0"));
    ck_assert_ptr_nonnull(strstr(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    ck_assert_ptr_nonnull(strstr(page, "&quot;&gt;&lt;img src=x onerror=alert(2)&gt;"));
    ck_assert_ptr_nonnull(strstr(page, "a\xef\xbf\xbd"
                                       "b\xef\xbf\xbd"
                                       "c\xef\xbf\xbd[31md"));
    ck_assert_ptr_nonnull(strstr(page, "default-src 'none'"));
    /* no address but the name of the language */
    ck_assert_int_eq(count_of(page, "://"), count_of(page, "http://www.w3.org/1999/xhtml"));
    nn_free(page);
}
END_TEST

START_TEST(long_names_keep_their_end) {
    char name[5001];
    memset(name, '&', 5000);
    memcpy(name + 4990, "/the/end!!", 11);
    const char *const names[] = {name};
    static const double ms[] = {1};
    char *page = render(make_profile("m.onnx", names, ms, 1));
    ck_assert_ptr_nonnull(strstr(page, "/the/end!!"));
    ck_assert_uint_lt(strlen(page), 40000);
    nn_free(page);
}
END_TEST

START_TEST(large_models_stay_below_the_limit) {
    char names[3][301];
    const char *const list[] = {names[0], names[1], names[2]};
    for (int i = 0; i < 3; i++) {
        memset(names[i], "x\"<"[i], 300);
        names[i][300] = '\0';
    }
    static const int counts[] = {500, 5000};
    for (int i = 0; i < 2; i++) {
        char *page = render(make_comparison(list, counts[i]));

        ck_assert_uint_lt(strlen(page), 500 * 1000);
        ck_assert_int_eq(count_of(page, "nodes that take least time are left out"), i);
        ck_assert_int_eq(count_of(page, "5000 nodes in execution order"), i);
        nn_free(page);
    }
}
END_TEST

/* Three quarters and one quarter of the time. */
START_TEST(bands_are_as_wide_as_their_time) {
    static const char *const names[] = {"/a", "/b"};
    static const double ms[] = {3, 1};
    char *page = render(make_profile("m.onnx", names, ms, 2));
    ck_assert_ptr_nonnull(strstr(page, "x=\"0.00%\" width=\"75.00%\""));
    ck_assert_ptr_nonnull(strstr(page, "x=\"75.00%\" width=\"25.00%\""));
    nn_free(page);
}
END_TEST

/* Ten equal nodes: the fourth begins at 30 % in both bands, and takes 5 % in the second. */
START_TEST(time_is_summed_by_the_kind_of_work) {
    static const char *const names[] = {"/a", "/b"};
    static const double ms[] = {1, 3};
    char *page = render(make_profile("kinds", names, ms, 2));
    ck_assert_ptr_nonnull(strstr(page, "100 % is depthwise convolution"));
    ck_assert_int_eq(count_of(page, "matrix product"), 0);
    nn_free(page);
}
END_TEST

/* A kernel that multiplies less often than its operator asks for is above its roof. */
START_TEST(nodes_above_their_roof_are_explained) {
    static const char *const names[] = {"/a", "/b"};
    static const double ms[] = {1, 3};
    for (int is_above = 0; is_above < 2; is_above++) {
        nn_report *report = make_profile("roofs", names, ms, 2);
        cJSON *node = cJSON_GetObjectItem(report->root, "nodes")->child;
        if (is_above) cJSON_SetNumberValue(cJSON_GetObjectItem(node, "roof_fraction"), 1.4);
        char *page = render(report);
        ck_assert_int_eq(count_of(page, "Above 100 % of its roof"), is_above);
        nn_free(page);
    }
}
END_TEST

START_TEST(a_node_stands_above_its_successor) {
    static const char *const names[] = {"/a", "/b", "/c"};
    char *page = render(make_comparison(names, 10));
    ck_assert_int_eq(count_of(page, "x=\"30.00%\" width=\"10.00%\""), 1);
    ck_assert_int_eq(count_of(page, "x=\"30.00%\" width=\"5.00%\""), 1);
    ck_assert_int_eq(count_of(page, "x=\"90.00%\" width="), 1); /* the last one is gone */
    ck_assert_ptr_nonnull(strstr(page, ">gone</em>"));
    ck_assert_int_eq(count_of(page, ">faster</em>"), 9);
    ck_assert_int_eq(count_of(page, "2.00× <small>1.96–2.04</small>"), 9);
    nn_free(page);
}
END_TEST

START_TEST(sections_without_data_are_left_out) {
    static const char *const names[] = {"/a"};
    static const double ms[] = {1};
    char *page = render(make_profile("m.onnx", names, ms, 1));
    ck_assert_ptr_nonnull(strstr(page, "id=\"roofline\""));
    ck_assert_ptr_nonnull(strstr(page, "id=\"memory\""));
    ck_assert_ptr_null(strstr(page, "id=\"search\""));
    ck_assert_ptr_null(strstr(page, "id=\"predicted\""));
    ck_assert_ptr_null(strstr(page, "Accuracy"));
    ck_assert_ptr_null(strstr(page, "nan"));
    nn_free(page);
    nn_report *report = NULL;
    ck_assert_ok(nn_report_create("doctor", &report));
    ck_assert_fails(nn_report_write_html(report, &page), NNOPT_UNSUPPORTED, "'doctor'");
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(candidates_carry_their_replay_line) {
    static const char *const names[] = {"/a", "/b", "/c"};
    nn_report *report = make_comparison(names, 3);
    cJSON *goal = nn_report_object(report, report->root, "goal");
    nn_report_set_number(report, goal, "base_value", 0.98);
    nn_report_set_number(report, goal, "max_drop", 0.01);
    cJSON *list = nn_report_array(report, report->root, "candidates");
    for (int i = 0; i < 3; i++) {
        char replay[64];
        cJSON *each = nn_report_object(report, list, NULL);
        snprintf(replay, sizeof replay, "nnopt optimize m.onnx --recipe '<%d>'", i);
        nn_report_set_text(report, each, "name", "int8 & prune");
        nn_report_set_text(report, each, "replay", replay);
        nn_report_set_text(report, each, "verdict", i == 2 ? "over budget" : "kept");
        /* Measured while the machine slowed down: only the ratios compare. */
        nn_report_set_number(report, nn_report_object(report, each, "latency_ms"), "median",
                             1.0 + i);
        nn_report_set_number(report, each, "ratio", (3.0 - i) / 3);
        nn_report_set_number(report, each, "accuracy", 0.98 - 0.008 * i);
        nn_report_set_bool(report, each, "on_front", true);
    }
    nn_report_set_number(report, nn_report_object(report, report->root, "best"), "candidate", 1);
    char *page = render(report);
    ck_assert_ptr_nonnull(strstr(page, "3 candidates were measured</b>; 2 keep the budget"));
    ck_assert_ptr_nonnull(strstr(page, "latency, % of before"));
    const char *rows = strstr(page, "<tbody><tr class=\"onfront\"><td class=\"n\" data-v=\"3\">");
    ck_assert_msg(rows != NULL, "the fastest by ratio is not the first row");
    for (int i = 0; i < 3; i++) {
        char line[96];
        snprintf(line, sizeof line, "<code>nnopt optimize m.onnx --recipe &#39;&lt;%d&gt;&#39;", i);
        ck_assert_ptr_nonnull(strstr(page, line));
    }
    ck_assert_int_eq(count_of(page, "class=\"dot onfront best\""), 1);
    nn_free(page);
}
END_TEST

START_TEST(failed_allocations_are_reported) {
    static const char *const names[] = {"/a", "/b", "/c"};
    nn_report *report = make_comparison(names, 12);
    for (uint64_t n = 1;; n++) {
        char *page = NULL;
        ck_assert_uint_lt(n, 10000);
        nn_fail_allocation(n);
        nn_status status = nn_report_write_html(report, &page);
        nn_fail_allocation(0);
        if (status == NN_OK) {
            nn_free(page);
            break;
        }
        ck_assert_int_eq(status, NN_NO_MEMORY);
    }
    nnopt_report_destroy(report);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("report_html");
    TCase *cases = tcase_create("html");
    tcase_add_test(cases, labels_of_equal_peaks_do_not_overlap);
    tcase_add_test(cases, names_stay_text);
    tcase_add_test(cases, long_names_keep_their_end);
    tcase_add_test(cases, large_models_stay_below_the_limit);
    tcase_add_test(cases, bands_are_as_wide_as_their_time);
    tcase_add_test(cases, time_is_summed_by_the_kind_of_work);
    tcase_add_test(cases, nodes_above_their_roof_are_explained);
    tcase_add_test(cases, a_node_stands_above_its_successor);
    tcase_add_test(cases, sections_without_data_are_left_out);
    tcase_add_test(cases, candidates_carry_their_replay_line);
    tcase_add_test(cases, failed_allocations_are_reported);
    suite_add_tcase(suite, cases);
    return suite;
}
