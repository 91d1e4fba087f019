/* nnopt_interrupt() ends long functions with what they have so far (optimize that has something:
 * test_cli_interrupt.sh). The progress that a function reports says when to interrupt it, so that
 * no test depends on time. */
#include "tests/support/maker.h"

#include <stdio.h>
#include <stdlib.h>

/* Interrupts once, when this stage is reported, or when a line contains this text. */
static const char *wanted_stage, *wanted_text;

static void on_progress(const char *stage, double done, double total, const char *message,
                        void *user) {
    (void)done;
    (void)total;
    (void)user;
    bool is_stage = wanted_stage != NULL && strcmp(stage, wanted_stage) == 0;
    bool is_text = wanted_text != NULL && message != NULL && strstr(message, wanted_text) != NULL;
    if (!is_stage && !is_text) return;
    wanted_stage = wanted_text = NULL;
    nnopt_interrupt();
}

static void interrupt_at(const char *stage, const char *text) {
    wanted_stage = stage;
    wanted_text = text;
    nnopt_set_progress(on_progress, NULL);
}

/* Asserts that the report has this number under this path. */
static double number(const nnopt_report *report, const char *path) {
    double value = -1;
    ck_assert_ok(nnopt_report_number(report, path, &value));
    return value;
}

static bool is_interrupted(const nnopt_report *report) {
    char *text;
    ck_assert_ok(nnopt_report_json(report, &text));
    bool found = strstr(text, "\"interrupted\":\ttrue") != NULL;
    nnopt_text_destroy(text);
    return found;
}

static nn_model *small_model(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "N,8");
    make_random(&m, "w", "8,8", 1);
    make_node(&m, "MatMul", "product", "x,w", "y", NULL);
    return make_model(&m, "y");
}

static nnopt_options *options_of(const char *name, const char *value) {
    nnopt_options *options;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, name, value));
    return options;
}

START_TEST(bench_keeps_its_samples) {
    nn_model *model = small_model();
    const char *name = "small";
    nnopt_options *options = options_of("duration", "3600");
    nnopt_report *report;
    ck_assert_ok(nnopt_options_set(options, "warmup", "1"));
    interrupt_at("measuring", NULL);
    ck_assert_fails(nnopt_bench(&model, &name, 1, NULL, options, &report), NNOPT_INTERRUPTED,
                    "interrupted after");
    ck_assert_ptr_nonnull(report);
    ck_assert(is_interrupted(report));
    ck_assert_double_gt(number(report, "results[0].latency_ms.median"), 0);
    nnopt_report_destroy(report);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(bench_without_samples_has_no_report) {
    nn_model *model = small_model();
    const char *name = "small";
    nnopt_report *report;
    nnopt_interrupt(); /* before the function: it stops at its first check, in the warm-up */
    ck_assert_fails(nnopt_bench(&model, &name, 1, NULL, NULL, &report), NNOPT_INTERRUPTED,
                    "interrupted");
    ck_assert_ptr_null(report);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(tune_keeps_its_points) {
    nn_model *model = small_model();
    nnopt_options *options = options_of("duration", "0.01");
    nnopt_report *report;
    interrupt_at(NULL, "batch 2,");
    ck_assert_fails(nnopt_tune(model, NULL, options, &report), NNOPT_INTERRUPTED,
                    "interrupted after 2 points");
    ck_assert_ptr_nonnull(report);
    ck_assert(is_interrupted(report));
    ck_assert_double_eq(number(report, "points[1].batch"), 2);
    double best = number(report, "best.batch");
    ck_assert(best == 1 || best == 2);
    nnopt_report_destroy(report);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

/* The bundled classifier and its data. */
typedef struct classifier {
    nnopt_model *model, *best;
    nnopt_dataset *data, *calib;
    nnopt_report *report;
} classifier;

static classifier open_classifier(void) {
    classifier self = {0};
    char path[4096];
    const char *source = getenv("NNOPT_SOURCE");
    if (source == NULL) source = ".";
    nnopt_options *options = options_of("batch", "64");
    snprintf(path, sizeof path, "%s/models/glyphs/glyphs.onnx", source);
    ck_assert_ok(nnopt_model_load(path, &self.model));
    snprintf(path, sizeof path, "%s/models/glyphs/test.npz", source);
    ck_assert_ok(nnopt_dataset_open(self.model, path, options, &self.data));
    snprintf(path, sizeof path, "%s/models/glyphs/calib.npz", source);
    ck_assert_ok(nnopt_dataset_open(self.model, path, options, &self.calib));
    nnopt_options_destroy(options);
    return self;
}

static void close_classifier(classifier *self) {
    nnopt_report_destroy(self->report);
    nnopt_dataset_destroy(self->data);
    nnopt_dataset_destroy(self->calib);
    nnopt_model_destroy(self->best);
    nnopt_model_destroy(self->model);
}

START_TEST(optimize_without_a_candidate_gives_none) {
    classifier self = open_classifier();
    interrupt_at("measuring", NULL);
    ck_assert_fails(
        nnopt_optimize(self.model, self.data, self.calib, NULL, &self.best, &self.report),
        NNOPT_INTERRUPTED, "interrupted after 0 candidates");
    ck_assert_ptr_null(self.best);
    ck_assert_ptr_nonnull(self.report);
    close_classifier(&self);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("interrupt");
    TCase *tcase = tcase_create("interrupt");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, bench_keeps_its_samples);
    tcase_add_test(tcase, bench_without_samples_has_no_report);
    tcase_add_test(tcase, tune_keeps_its_points);
    tcase_add_test(tcase, optimize_without_a_candidate_gives_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
