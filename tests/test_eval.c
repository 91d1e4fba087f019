/* Expected values: numpy, from the same literals. */
#include "engine/compare/evaluate.h"
#include "tests/support/maker.h"

#include <math.h>
#include <stdio.h>

static const float rows[32] = {0.03f,  1.36f,  1.22f,  -0.51f, -0.3f,  -0.53f, 0.57f,  -0.06f,
                               0.75f,  -1.85f, 1.57f,  -0.1f,  0.68f,  -0.14f, -0.38f, 0.46f,
                               0.82f,  -0.2f,  -0.15f, 0.69f,  -0.87f, -1.51f, 0.39f,  -0.67f,
                               -1.92f, -0.81f, -0.47f, -1.19f, -1.49f, 0.04f,  0.9f,   -0.23f};
static const float shift[4] = {0.5f, -0.25f, 0.1f, -0.4f};
static const int64_t labels[8] = {0, 2, 3, 1, 3, 2, 2, 0};

/* y = x + shift, and its base y = x; `dims` of x, `shift_dims` of the constant. */
static nn_model *shifted, *plain;

static void make_models(const char *dims, const char *shift_dims) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, dims);
    make_floats(&m, "shift", shift_dims, shift);
    make_node(&m, "Add", "add", "x,shift", "y", NULL);
    shifted = make_model(&m, "y");
    m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, dims);
    make_node(&m, "Neg", "n", "x", "z", NULL);
    make_node(&m, "Neg", "p", "z", "y", NULL);
    plain = make_model(&m, "y");
}

static void end_models(void) {
    nnopt_model_destroy(shifted);
    nnopt_model_destroy(plain);
}

static nn_dataset *open_data(const float *values, int rank, const int64_t *dims,
                             const int64_t *given_labels, const char *batch) {
    const char *const names[] = {"x", "labels"};
    nn_tensor arrays[2] = {{.type = NNOPT_FLOAT, .rank = rank, .data = (void *)values},
                           {.type = NNOPT_INT64, .rank = 1, .data = (void *)given_labels}};
    memcpy(arrays[0].dims, dims, (size_t)rank * sizeof *dims);
    arrays[1].dims[0] = dims[0];
    nnopt_options *options = NULL;
    nn_dataset *data = NULL;
    ck_assert_ok(nnopt_options_create(&options));
    if (batch != NULL) ck_assert_ok(nnopt_options_set(options, "batch", batch));
    ck_assert_ok(
        nnopt_dataset_create(shifted, names, arrays, given_labels ? 2 : 1, options, &data));
    nnopt_options_destroy(options);
    return data;
}

static nn_quality judge(const char *metric, nn_dataset *data, int class_axis) {
    nn_session_options options = {.threads = 1};
    nn_session *session = NULL, *base = NULL;
    nn_quality quality;
    nn_evaluation evaluation = {.metric = nn_metric_find(metric), .class_axis = class_axis};
    ck_assert_ptr_nonnull(evaluation.metric);
    ck_assert_ok(nn_session_open(shifted, &options, &session));
    ck_assert_ok(nn_session_open(plain, &options, &base));
    ck_assert_ok(nn_evaluate(session, base, data, &evaluation, &quality));
    nnopt_session_destroy(session);
    nnopt_session_destroy(base);
    return quality;
}

static void check_value(const char *metric, nn_dataset *data, double expected, int64_t samples) {
    nn_quality quality = judge(metric, data, NN_CLASS_AXIS_AUTO);
    ck_assert_msg(fabs(quality.value - expected) < 1e-6, "%s: %.9g, not %.9g", metric,
                  quality.value, expected);
    ck_assert_int_eq(quality.count, samples);
    ck_assert(quality.low <= quality.value && quality.value <= quality.high);
    nn_quality_clear(&quality);
}

START_TEST(metrics_match_numpy_whatever_the_batch) {
    static const char *const batches[] = {NULL, "1", "3", "8"};
    make_models("N,4", "4");
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        nn_dataset *data = open_data(rows, 2, (int64_t[]){8, 4}, labels, batches[i]);
        check_value("top1", data, 3.0 / 8, 8);
        check_value("top5", data, 1, 8);
        check_value("agreement", data, 7.0 / 8, 8);
        check_value("exact", data, 7.0 / 8, 8);
        check_value("cosine", data, 0.9092329353016365, 8);
        check_value("snr", data, 8.201129565580281, 8);
        check_value("max_abs", data, 0.5000000596046448, 8);
        nnopt_dataset_destroy(data);
    }
    end_models();
}
END_TEST

/* Feeds go to whichever session is free; scores stand in the order of the data all the same. */
START_TEST(sessions_side_by_side_judge_as_one) {
    static const char *const batches[] = {"1", "3"};
    static const char *const metrics[] = {"top1", "agreement", "cosine"};
    nn_session_options options = {.threads = 1};
    nn_session *sessions[3], *bases[3];
    make_models("N,4", "4");
    for (int i = 0; i < 3; i++) {
        ck_assert_ok(nn_session_open(shifted, &options, &sessions[i]));
        ck_assert_ok(nn_session_open(plain, &options, &bases[i]));
    }
    for (int b = 0; b < 2; b++) {
        nn_dataset *data = open_data(rows, 2, (int64_t[]){8, 4}, labels, batches[b]);
        for (int m = 0; m < 3; m++) {
            nn_evaluation evaluation = {.metric = nn_metric_find(metrics[m]),
                                        .class_axis = NN_CLASS_AXIS_AUTO};
            nn_quality together, alone = judge(metrics[m], data, NN_CLASS_AXIS_AUTO);
            ck_assert_ok(nn_evaluate_on(sessions, bases, 3, data, &evaluation, &together));
            ck_assert_int_eq(together.count, alone.count);
            for (int64_t i = 0; i < alone.count; i++)
                ck_assert_double_eq(together.scores[i].part, alone.scores[i].part);
            ck_assert_double_eq(together.value, alone.value);
            nn_quality_clear(&together);
            nn_quality_clear(&alone);
        }
        nnopt_dataset_destroy(data);
    }
    for (int i = 0; i < 3; i++) {
        nnopt_session_destroy(sessions[i]);
        nnopt_session_destroy(bases[i]);
    }
    end_models();
}
END_TEST

START_TEST(images_of_classes_have_them_on_axis_1) {
    make_models("N,4,2,2", "4,1,1");
    nn_dataset *data = open_data(rows, 4, (int64_t[]){2, 4, 2, 2}, NULL, "1");
    check_value("agreement", data, 0.75, 2); /* 6 of 8 positions */
    check_value("exact", data, 0, 2);
    nnopt_dataset_destroy(data);
    end_models();
}
END_TEST

START_TEST(top5_counts_the_five_largest) {
    static const float values[12] = {-0.23f, -0.26f, 0.96f, -1.18f, 0.74f, -1.1f,
                                     -0.33f, -0.84f, 1.45f, 0.57f,  2.43f, 0.64f};
    const nn_metric *metric = nn_metric_find("top5");
    nn_tensor output = {.type = NNOPT_FLOAT, .rank = 1, .dims = {12}, .data = (void *)values};
    /* numpy: the order is 10 8 2 4 11 9 ... */
    static const struct {
        int64_t label;
        double expected;
    } cases[] = {{10, 1}, {11, 1}, {9, 0}, {3, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_outcome outcome = {
            .output = &output, .outer = 1, .classes = 12, .inner = 1, .label = cases[i].label};
        nn_score score;
        ck_assert_ok(metric->score(&outcome, &score));
        ck_assert_double_eq(score.part, cases[i].expected);
    }
}
END_TEST

START_TEST(values_that_are_not_numbers_never_count_as_right) {
    float values[4] = {0, NAN, 1, 2};
    nn_tensor output = {.type = NNOPT_FLOAT, .rank = 1, .dims = {4}, .data = values};
    nn_outcome outcome = {
        .output = &output, .base = &output, .outer = 1, .classes = 4, .inner = 1, .label = 3};
    nn_score score;
    ck_assert_ok(nn_metric_find("top1")->score(&outcome, &score));
    ck_assert_double_eq(score.part, 0);
    ck_assert_ok(nn_metric_find("top5")->score(&outcome, &score));
    ck_assert_double_eq(score.part, 0);
    ck_assert_ok(nn_metric_find("agreement")->score(&outcome, &score));
    ck_assert_double_eq(score.part, 0);
    ck_assert_fails(nn_metric_find("cosine")->score(&outcome, &score), NNOPT_CHECK, "not finite");
    ck_assert_fails(nn_metric_find("max_abs")->score(&outcome, &score), NNOPT_CHECK, "not finite");
}
END_TEST

START_TEST(equal_outputs_reach_the_best_value) {
    float values[4] = {0, -1, 1, 2};
    nn_tensor output = {.type = NNOPT_FLOAT, .rank = 1, .dims = {4}, .data = values};
    nn_outcome outcome = {.output = &output, .base = &output, .outer = 1, .classes = 4, .inner = 1};
    static const struct {
        const char *metric;
        double best;
    } cases[] = {{"agreement", 1}, {"exact", 1}, {"cosine", 1}, {"snr", 200}, {"max_abs", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const nn_metric *metric = nn_metric_find(cases[i].metric);
        nn_score score;
        ck_assert_ok(metric->score(&outcome, &score));
        ck_assert_double_eq_tol(metric->value(&score, 1), cases[i].best, 1e-12);
    }
}
END_TEST

START_TEST(data_that_cannot_be_judged_is_refused) {
    static const int64_t wrong[8] = {0, 2, 4, 1, 3, 2, 2, 0};
    float with_nan[32];
    nn_session_options options = {.threads = 1};
    nn_session *session = NULL;
    nn_quality quality;
    nn_evaluation evaluation = {.metric = nn_metric_find("top1"), .class_axis = NN_CLASS_AXIS_AUTO};
    make_models("N,4", "4");
    ck_assert_ok(nn_session_open(shifted, &options, &session));

    nn_dataset *data = open_data(rows, 2, (int64_t[]){8, 4}, wrong, "1");
    ck_assert_fails(nn_evaluate(session, NULL, data, &evaluation, &quality), NNOPT_BAD_INPUT,
                    "sample 2: label 4 is not among the 4 classes");
    nnopt_dataset_destroy(data);

    data = open_data(rows, 2, (int64_t[]){8, 4}, NULL, "1");
    ck_assert_fails(nn_evaluate(session, NULL, data, &evaluation, &quality), NNOPT_USAGE,
                    "'labels'");
    evaluation.metric = nn_metric_find("snr");
    ck_assert_fails(nn_evaluate(session, NULL, data, &evaluation, &quality), NNOPT_USAGE,
                    "--against");
    evaluation.output = "no such";
    evaluation.metric = nn_metric_find("snr");
    ck_assert_fails(nn_evaluate(session, session, data, &evaluation, &quality), NNOPT_USAGE,
                    "'no such'");
    nnopt_dataset_destroy(data);

    memcpy(with_nan, rows, sizeof rows);
    with_nan[5] = NAN;
    evaluation = (nn_evaluation){.metric = nn_metric_find("top1"), .class_axis = 2};
    data = open_data(with_nan, 2, (int64_t[]){8, 4}, labels, "1");
    ck_assert_fails(nn_evaluate(session, NULL, data, &evaluation, &quality), NNOPT_USAGE,
                    "class axis 2");
    evaluation.class_axis = NN_CLASS_AXIS_AUTO;
    ck_assert_fails(nn_evaluate(session, NULL, data, &evaluation, &quality), NNOPT_BAD_INPUT,
                    "NaN");
    nnopt_dataset_destroy(data);
    nnopt_session_destroy(session);
    end_models();
}
END_TEST

START_TEST(wilson_intervals_match_the_formula) {
    static const struct {
        double hits, trials, low, high;
    } cases[] = {{9891, 10000, 0.9868688476233592, 0.9909555251704448},
                 {0, 10, 0, 0.2775327998628892},
                 {10, 10, 0.7224672001371107, 1},
                 {7, 20, 0.18119182410108206, 0.5671457233147638}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double low, high;
        nn_wilson(cases[i].hits, cases[i].trials, &low, &high);
        ck_assert_double_eq_tol(low, cases[i].low, 1e-12);
        ck_assert_double_eq_tol(high, cases[i].high, 1e-12);
    }
}
END_TEST

static nn_quality make_quality(const char *metric, int64_t count, int64_t hits) {
    nn_quality quality = {.metric = nn_metric_find(metric), .count = count, .capacity = count};
    quality.scores = nn_alloc_zero((size_t)count * sizeof *quality.scores);
    ck_assert_ptr_nonnull(quality.scores);
    for (int64_t i = 0; i < count; i++) quality.scores[i] = (nn_score){i < hits, 1};
    quality.value = quality.metric->value(quality.scores, count);
    return quality;
}

/* 1000 samples, of which 20 turn from right to wrong: a paired standard error of
 * sqrt(0.02 * 0.98 / 1000) = 0.0044, where unpaired proportions would have 0.013. */
START_TEST(drops_are_paired) {
    nn_quality before = make_quality("top1", 1000, 900), after = make_quality("top1", 1000, 880);
    nn_drop drop;
    ck_assert_ok(nn_quality_drop(&before, &after, &drop));
    ck_assert_double_eq_tol(drop.value, 0.02, 1e-12);
    ck_assert(drop.low > 0.005 && drop.low < 0.017);
    ck_assert(drop.high > 0.023 && drop.high < 0.035);
    ck_assert(drop.resolves > 0.005 && drop.resolves < 0.013);
    ck_assert_ok(nn_quality_drop(&before, &before, &drop));
    ck_assert_double_eq(drop.value, 0);
    ck_assert_double_eq(drop.high, 0);
    /* Wilson, 0 of 1000 */
    ck_assert_double_eq_tol(drop.resolves, 0.003826758485555124, 1e-12);
    nn_quality_clear(&before);
    nn_quality_clear(&after);
    /* where less is better, more is a drop */
    before = make_quality("max_abs", 10, 0);
    after = make_quality("max_abs", 10, 1);
    ck_assert_ok(nn_quality_drop(&before, &after, &drop));
    ck_assert_double_eq(drop.value, 1);
    ck_assert_fails(nn_quality_drop(&before, &(nn_quality){0}, &drop), NNOPT_INTERNAL, "different");
    nn_quality_clear(&before);
    nn_quality_clear(&after);
}
END_TEST

START_TEST(the_report_has_the_keys_of_the_contract) {
    static const char *const paths[] = {"value", "interval[0]", "interval[1]", "samples", "hits"};
    nnopt_report *report = NULL;
    nnopt_options *options = NULL;
    double value;
    make_models("N,4", "4");
    nn_dataset *data = open_data(rows, 2, (int64_t[]){8, 4}, labels, "1");
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "threads", "1"));
    ck_assert_ok(nnopt_eval(shifted, NULL, data, options, &report));
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        ck_assert_ok(nnopt_report_number(report, paths[i], &value));
    ck_assert_double_eq(value, 3);
    nnopt_report_destroy(report);
    ck_assert_ok(nnopt_options_set(options, "metrik", "top1"));
    ck_assert_fails(nnopt_eval(shifted, NULL, data, options, &report), NNOPT_USAGE, "'metric'");
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    data = open_data(rows, 2, (int64_t[]){8, 4}, NULL, "1");
    ck_assert_fails(nnopt_eval(shifted, NULL, data, NULL, &report), NNOPT_USAGE, "no metric");
    ck_assert_ok(nnopt_eval(shifted, plain, data, NULL, &report));
    ck_assert_ok(nnopt_report_number(report, "value", &value));
    ck_assert_double_eq(value, 7.0 / 8);
    nnopt_report_destroy(report);
    nnopt_dataset_destroy(data);
    end_models();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("eval");
    TCase *cases = tcase_create("eval");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, metrics_match_numpy_whatever_the_batch);
    tcase_add_test(cases, images_of_classes_have_them_on_axis_1);
    tcase_add_test(cases, sessions_side_by_side_judge_as_one);
    tcase_add_test(cases, top5_counts_the_five_largest);
    tcase_add_test(cases, values_that_are_not_numbers_never_count_as_right);
    tcase_add_test(cases, equal_outputs_reach_the_best_value);
    tcase_add_test(cases, data_that_cannot_be_judged_is_refused);
    tcase_add_test(cases, wilson_intervals_match_the_formula);
    tcase_add_test(cases, drops_are_paired);
    tcase_add_test(cases, the_report_has_the_keys_of_the_contract);
    suite_add_tcase(suite, cases);
    return suite;
}
