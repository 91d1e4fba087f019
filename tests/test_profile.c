#include "engine/measure/diagnose.h"
#include "engine/measure/profile_report.h"
#include "tests/support/maker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static char cache[64];

static void use_own_cache(void) {
    strcpy(cache, "/tmp/nnopt-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cache));
    setenv("XDG_CACHE_HOME", cache, 1);
}

static void remove_cache(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", cache);
    ck_assert_int_eq(system(command), 0);
}

/* conv (3x3, 16 -> 32 on 16x16), relu fused into it, global pool, matrix product. */
static nn_model *make_classifier(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "N,16,16,16");
    make_random(&m, "w", "32,16,3,3", 1);
    make_random(&m, "fc", "32,10", 2);
    make_node(&m, "Conv", "conv", "x,w", "c", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "c", "r", NULL);
    make_node(&m, "GlobalAveragePool", "pool", "r", "p", NULL);
    make_node(&m, "Flatten", "flatten", "p", "f", NULL);
    make_node(&m, "MatMul", "fc", "f,fc", "y", NULL);
    return make_model(&m, "y");
}

static nn_dataset *random_data(const nn_model *model, int64_t samples) {
    nn_dataset *data = NULL;
    ck_assert_ok(nnopt_dataset_random(model, 1, samples, NULL, &data));
    return data;
}

START_TEST(rows_and_the_rest_are_the_whole) {
    nn_model *model = make_classifier();
    nn_dataset *data = random_data(model, 1);
    nn_session_options options = {.threads = 1};
    nn_session *session = NULL;
    nn_profile profile;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_profile_run(session, data, 0, 20, 0, &profile));
    ck_assert_int_eq(profile.total.count, 20);
    ck_assert_int_eq(profile.batch, 1);
    ck_assert_int_eq(profile.threads, 1);
    double sum = 0;
    for (int64_t i = 0; i < profile.row_count; i++) {
        ck_assert_int_eq(profile.rows[i].samples.count, 20);
        ck_assert(profile.rows[i].seconds >= 0 && profile.rows[i].attainable > 0);
        sum += profile.rows[i].seconds;
    }
    ck_assert_double_eq_tol(sum + profile.unattributed, profile.total.median, 1e-9);
    ck_assert(profile.timer_seconds > 0 && profile.timer_seconds < 1e-4);
    ck_assert(profile.between >= 0);

    /* 16x16 positions x 32 channels x 16 x 9 taps, and 32 x 10 */
    ck_assert_double_eq(profile.macs, 16 * 16 * 32.0 * 16 * 9 + 320);
    const nn_profile_row *conv = nn_profile_find(&profile, "conv");
    ck_assert_ptr_nonnull(conv);
    ck_assert_str_eq(conv->op, "Conv");
    ck_assert_double_eq(conv->cost.macs, 16 * 16 * 32.0 * 16 * 9);
    ck_assert_str_eq(conv->shape, "1x16x16x16 -> 1x32x16x16");
    bool covers_relu = false;
    for (int64_t i = 0; i < conv->cover_count; i++)
        covers_relu = covers_relu || strcmp(conv->covers[i], "relu") == 0;
    ck_assert(covers_relu);
    ck_assert_ptr_nonnull(nn_profile_find(&profile, "fc"));
    ck_assert_ptr_null(nn_profile_find(&profile, "no such node"));
    ck_assert_int_gt(profile.slab_bytes, 0);
    nn_profile_clear(&profile);
    nnopt_session_destroy(session);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

static const nn_bottleneck *find_class(const nn_diagnosis *diagnosis, nn_bottleneck_class class) {
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++)
        if (diagnosis->items[i].class == class) return &diagnosis->items[i];
    ck_abort_msg("class %d is not there", class);
    return NULL;
}

/* Operators of plans alone (Linear here) count as what they compute. */
START_TEST(rows_say_what_kind_of_work_they_are) {
    nn_model *model = make_classifier();
    nn_dataset *data = random_data(model, 1);
    nn_session_options options = {.threads = 1};
    nn_session *session = NULL;
    nn_profile profile;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_profile_run(session, data, 0, 1, 0, &profile));
    for (int64_t i = 0; i < profile.row_count; i++) {
        const nn_profile_row *row = &profile.rows[i];
        if (strcmp(row->node, "conv") == 0 && !row->is_conversion)
            ck_assert_str_eq(nn_op_kind_name(row->kind), "convolution");
        if (strcmp(row->node, "pool") == 0)
            ck_assert_str_eq(nn_op_kind_name(row->kind), "pooling and reduction");
        if (strcmp(row->node, "fc") == 0)
            ck_assert_str_eq(nn_op_kind_name(row->kind), "matrix product");
        if (row->is_conversion) ck_assert_str_eq(nn_op_kind_name(row->kind), "data movement");
    }
    nn_profile_clear(&profile);
    nnopt_session_destroy(session);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(every_class_has_evidence_and_an_experiment) {
    nn_model *model = make_classifier();
    nn_dataset *data = random_data(model, 16);
    nn_session_options options = {.threads = 1};
    nn_session *session = NULL;
    nn_profile profile;
    nn_diagnosis diagnosis;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_profile_run(session, data, 0.05, 0, 0, &profile));
    /* Steps may take longer one by one than in a run as a whole. */
    const double half = profile.total.median / 2;
    profile.total.median -= half;
    profile.unattributed -= half;
    ck_assert_ok(nn_diagnose(&profile, model, &options, data, true, 0.3, &diagnosis));
    profile.total.median += half;
    profile.unattributed += half;
    double parts = 0;
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++) {
        const nn_bottleneck *item = &diagnosis.items[i];
        ck_assert(item->share >= 0);
        if (i > 0) ck_assert(item->share <= diagnosis.items[i - 1].share);
        ck_assert_ptr_nonnull(item->evidence.text);
        ck_assert_ptr_nonnull(item->experiment.text);
        ck_assert(item->was_run || !item->confirmed);
        ck_assert(item->was_run || strstr(item->experiment.text, "not run") != NULL);
        if (item->class == NN_COMPUTE || item->class == NN_MEMORY_BANDWIDTH ||
            item->class == NN_INEFFICIENT_LAYER || item->class == NN_DISPATCH_OVERHEAD ||
            item->class == NN_DATA_LOADING)
            parts += item->share;
    }
    ck_assert_msg(parts > 0.3 && parts < 1.001, "%.3f of the time", parts);
    ck_assert(find_class(&diagnosis, NN_BATCH_SIZE)->was_run);
    ck_assert(find_class(&diagnosis, NN_DATA_LOADING)->was_run);
    ck_assert(find_class(&diagnosis, NN_DISPATCH_OVERHEAD)->was_run);
    ck_assert(find_class(&diagnosis, NN_MEMORY_CAPACITY)->was_run);
    ck_assert_int_eq(find_class(&diagnosis, NN_PARALLELISM)->was_run, nn_cpu_get()->cores > 1);

    nn_report *report = NULL;
    nn_subject subject = {.model = "m.onnx", .data = "random", .batch = 1, .threads = 1};
    double total, rest, sum = 0, ms;
    ck_assert_ok(nn_profile_report(&profile, &diagnosis, &subject, &report));
    ck_assert_ok(nnopt_report_number(report, "total_ms", &total));
    ck_assert_ok(nnopt_report_number(report, "unattributed_ms", &rest));
    for (int64_t i = 0; i < profile.row_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "nodes[%lld].ms", (long long)i);
        ck_assert_ok(nnopt_report_number(report, path, &ms));
        sum += ms;
    }
    ck_assert_double_eq_tol(sum + rest, total, 1e-6);
    ck_assert_ok(nnopt_report_number(report, "bottlenecks[7].share", &total));
    nnopt_report_destroy(report);
    nn_diagnosis_clear(&diagnosis);
    nn_profile_clear(&profile);
    nnopt_session_destroy(session);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

/* A chain of 200 additions of 8 numbers: nothing but steps. */
START_TEST(many_tiny_steps_are_dispatch) {
    maker m = make(13);
    char name[16], from[32], to[16];
    make_input(&m, "x0", NNOPT_FLOAT, "1,8");
    make_random(&m, "b", "8", 3);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "add%d", i);
        snprintf(from, sizeof from, "x%d,b", i);
        snprintf(to, sizeof to, "x%d", i + 1);
        make_node(&m, i % 2 == 0 ? "Add" : "Mul", name, from, to, NULL);
    }
    nn_model *model = make_model(&m, "x200");
    nn_dataset *data = random_data(model, 1);
    nn_session_options options = {.threads = 1};
    nn_session *session = NULL;
    nn_profile profile;
    nn_diagnosis diagnosis;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_profile_run(session, data, 0.1, 0, 0, &profile));
    ck_assert_ok(nn_diagnose(&profile, model, &options, data, false, 0.3, &diagnosis));
    const nn_bottleneck *dispatch = find_class(&diagnosis, NN_DISPATCH_OVERHEAD);
    ck_assert_msg(dispatch->share > 0.5, "dispatch holds %.2f only", dispatch->share);
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++) {
        nn_bottleneck_class class = diagnosis.items[i].class;
        if (class == NN_COMPUTE || class == NN_MEMORY_BANDWIDTH || class == NN_INEFFICIENT_LAYER)
            ck_assert(diagnosis.items[i].share < dispatch->share);
    }
    ck_assert(!find_class(&diagnosis, NN_DATA_LOADING)->was_run);
    ck_assert(!find_class(&diagnosis, NN_BATCH_SIZE)->was_run); /* the batch is fixed */
    nn_diagnosis_clear(&diagnosis);
    nn_profile_clear(&profile);
    nnopt_session_destroy(session);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(rows_say_how_long_threads_had_no_task) {
    nn_model *model = make_classifier();
    nn_dataset *data = random_data(model, 1);
    nn_session_options options = {.threads = 2};
    nn_session *session = NULL;
    nn_profile profile;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_profile_run(session, data, 0, 20, 0, &profile));
    bool is_idle_known = false;
    for (int64_t i = 0; i < profile.row_count; i++) {
        const nn_profile_row *row = &profile.rows[i];
        ck_assert(row->idle >= 0 && row->idle <= 1);
        if (row->idle > 0) is_idle_known = true;
    }
    ck_assert(is_idle_known); /* steps on one thread at the least */
    nn_profile_clear(&profile);
    nnopt_session_destroy(session);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(advice_is_kept_by_saving) {
    nn_diagnosis diagnosis = {0};
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++) diagnosis.items[i].class = i;
    ck_assert_ok(nn_diagnosis_advise(&diagnosis, NN_COMPUTE, &(nn_advice){"a", "small", 1}));
    ck_assert_ok(nn_diagnosis_advise(&diagnosis, NN_COMPUTE, &(nn_advice){"b", "large", 3}));
    ck_assert_ok(nn_diagnosis_advise(&diagnosis, NN_COMPUTE, &(nn_advice){"c", "middle", 2}));
    const nn_bottleneck *item = find_class(&diagnosis, NN_COMPUTE);
    ck_assert_int_eq(item->advice_count, 3);
    ck_assert_str_eq(item->advice[0].text, "large");
    ck_assert_str_eq(item->advice[1].text, "middle");
    ck_assert_str_eq(item->advice[2].text, "small");
    ck_assert_int_eq(find_class(&diagnosis, NN_PARALLELISM)->advice_count, 0);
    nn_diagnosis_clear(&diagnosis);
}
END_TEST

START_TEST(interleaved_sessions_get_as_many_samples) {
    nn_model *model = make_classifier();
    nn_dataset *data = random_data(model, 4);
    nn_session_options options = {.threads = 1};
    nn_bench_entry entries[2] = {{.data = data}, {.data = data}};
    ck_assert_ok(nn_session_open(model, &options, &entries[0].session));
    ck_assert_ok(nn_session_open(model, &options, &entries[1].session));
    ck_assert_ok(nn_bench_interleaved(entries, 2, INFINITY, 17, 0));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(entries[i].samples.count, 17);
        ck_assert_int_eq(entries[i].batch, 1);
        nn_samples_clear(&entries[i].samples);
    }
    ck_assert_ok(nn_bench_interleaved(entries, 2, 0, 0, 0));
    ck_assert_int_ge(entries[0].samples.count, 5); /* rounds, however short the time */
    ck_assert_int_eq(entries[0].samples.count, entries[1].samples.count);
    ck_assert_fails(nn_bench_interleaved(entries, 2, INFINITY, 0, 0), NNOPT_USAGE, "duration");
    ck_assert_fails(nn_bench_interleaved(entries, 0, 1, 0, 0), NNOPT_USAGE, "no session");
    for (int i = 0; i < 2; i++) {
        nn_samples_clear(&entries[i].samples);
        nnopt_session_destroy(entries[i].session);
    }
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("profile");
    TCase *cases = tcase_create("profile");
    tcase_set_timeout(cases, 120);
    tcase_add_unchecked_fixture(cases, use_own_cache, remove_cache);
    tcase_add_test(cases, rows_and_the_rest_are_the_whole);
    tcase_add_test(cases, rows_say_what_kind_of_work_they_are);
    tcase_add_test(cases, rows_say_what_kind_of_work_they_are);
    tcase_add_test(cases, every_class_has_evidence_and_an_experiment);
    tcase_add_test(cases, many_tiny_steps_are_dispatch);
    tcase_add_test(cases, rows_say_how_long_threads_had_no_task);
    tcase_add_test(cases, advice_is_kept_by_saving);
    tcase_add_test(cases, interleaved_sessions_get_as_many_samples);
    suite_add_tcase(suite, cases);
    return suite;
}
