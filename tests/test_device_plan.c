/* Plans for a device: what runs there, what is copied when, recordings, memory; on a device made of
 * host memory. */
#include "engine/measure/diagnose.h"
#include "engine/plan/plan_parts.h"
#include "tests/support/fake_device.h"
#include "tests/support/maker.h"

#include <math.h>
#include <stdio.h>

static nn_session *open_on(nn_model *model, fake_device *device) {
    nn_session_options options = {.threads = 2, .device = device != NULL ? &device->base : NULL};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    return session;
}

/* Names of the kernels of all steps, in order. */
static const char *kernels_of(nn_session *session, const nn_tensor *input, char *text,
                              size_t size) {
    nn_plan *plan;
    size_t used = 0;
    ck_assert_ok(nn_session_plan(session, input, 1, &plan));
    text[0] = '\0';
    for (int64_t i = 0; i < nn_plan_step_count(plan) && used < size; i++) {
        nn_step_info info;
        nn_plan_step(plan, i, &info);
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? " " : "", info.kernel->name);
    }
    return text;
}

static void run_and_compare(nn_model *model, nn_session *session, const nn_tensor *input) {
    nn_session *plain = open_on(model, NULL);
    nn_tensor got, want;
    ck_assert_ok(nnopt_session_run(session, input, 1, &got));
    ck_assert_ok(nnopt_session_run(plain, input, 1, &want));
    check_close(&got, &want, 0, 0);
    nnopt_session_destroy(plain);
}

/* y = relu(x) + relu(relu(x)): nothing but kernels of the device. */
static nn_model *model_on_device(const char *dims) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, dims);
    make_node(&m, "Relu", "first", "x", "a", NULL);
    make_node(&m, "Relu", "second", "a", "b", NULL);
    make_node(&m, "Add", "sum", "a,b", "y", NULL);
    return make_model(&m, "y");
}

/* Sigmoid is for the CPU alone. */
static nn_model *model_on_both(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,2,3,4");
    make_node(&m, "Relu", "first", "x", "a", NULL);
    make_node(&m, "Sigmoid", "between", "a", "b", NULL);
    make_random(&m, "w", "1,2,3,4", 7);
    make_node(&m, "Add", "sum", "b,w", "c", NULL);
    make_node(&m, "Relu", "last", "c", "y", NULL);
    return make_model(&m, "y");
}

START_TEST(inputs_go_up_first_and_outputs_come_down_last) {
    nn_model *model = model_on_device("2,3");
    fake_device *device = fake_device_open();
    nn_session *session = open_on(model, device);
    nn_tensor x = random_tensor("2,3", 1);
    char text[512];
    ck_assert_str_eq(kernels_of(session, &x, text, sizeof text),
                     "reorder_portable upload relu_fake relu_fake add_fake download");
    run_and_compare(model, session, &x);
    ck_assert_int_eq(device->uploads, 1);
    ck_assert_int_eq(device->downloads, 1);
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
    ck_assert_int_eq(device->blocks, 0);
}
END_TEST

START_TEST(layouts_change_on_the_device) {
    nn_model *model = model_on_device("2,3,4,5");
    fake_device *device = fake_device_open();
    nn_session *session = open_on(model, device);
    nn_tensor x = random_tensor("2,3,4,5", 1);
    char text[512];
    kernels_of(session, &x, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "reorder_fake add_fake reorder_fake download"));
    run_and_compare(model, session, &x);
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
    ck_assert_int_eq(device->blocks, 0);
}
END_TEST

START_TEST(work_is_recorded_from_the_second_run_on) {
    nn_model *model = model_on_device("2,3");
    fake_device *device = fake_device_open();
    nn_session *session = open_on(model, device);
    nn_plan *plan;
    for (int i = 0; i < 4; i++) {
        nn_tensor x = random_tensor("2,3", (uint64_t)i + 1); /* elsewhere in memory, other values */
        run_and_compare(model, session, &x);
        ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
        ck_assert_int_eq(nn_plan_is_recorded(plan), i > 0);
        nn_tensor_clear(&x);
    }
    ck_assert_int_eq(device->recordings, 1);
    ck_assert_int_eq(device->starts, 3);
    ck_assert_int_eq(device->waits, 4);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
    ck_assert_int_eq(device->blocks, 0);
}
END_TEST

START_TEST(what_the_device_lacks_runs_on_the_cpu_between_copies) {
    nn_model *model = model_on_both();
    fake_device *device = fake_device_open();
    nn_session *session = open_on(model, device);
    nn_tensor x = random_tensor("1,2,3,4", 1);
    for (int i = 0; i < 3; i++) run_and_compare(model, session, &x);
    ck_assert_int_eq(device->uploads, 6);
    ck_assert_int_eq(device->downloads, 6);
    ck_assert_int_eq(device->recordings, 2); /* before and behind the CPU's step */
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
    ck_assert_int_eq(device->blocks, 0);
}
END_TEST

START_TEST(sessions_share_constants_on_the_device) {
    nn_model *model = model_on_both();
    fake_device *device = fake_device_open();
    nn_session *first = open_on(model, device);
    const int64_t of_one = device->blocks;
    nn_session *second = open_on(model, device);
    ck_assert_int_eq(device->blocks - of_one, of_one - 1); /* all but the constant */
    nnopt_session_destroy(first);
    nnopt_session_destroy(second);
    nnopt_model_destroy(model);
    ck_assert_int_eq(device->blocks, 0);
}
END_TEST

static void ignore_step(void *user, const nn_plan *plan, int64_t step, bool begin) {
    (void)plan;
    (void)step;
    *(int *)user += begin;
}

START_TEST(a_run_with_a_hook_times_each_step_on_the_device) {
    nn_model *model = model_on_both();
    fake_device *device = fake_device_open();
    nn_session *session = open_on(model, device);
    nn_tensor x = random_tensor("1,2,3,4", 1), y;
    nn_plan *plan;
    int steps = 0;
    nn_session_set_hook(session, ignore_step, &steps);
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(steps, nn_plan_step_count(plan));
    for (int64_t i = 0; i < steps; i++) {
        nn_step_info info;
        nn_plan_step(plan, i, &info);
        ck_assert_int_eq(info.on_device, !isnan(nn_plan_device_seconds(plan, i)));
    }
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

static const nn_profile_row *row_of(const nn_profile *profile, const char *op) {
    for (int64_t i = 0; i < profile->row_count; i++)
        if (strcmp(profile->rows[i].op, op) == 0) return &profile->rows[i];
    ck_abort_msg("no row of %s", op);
    return NULL;
}

START_TEST(a_profile_keeps_the_sides_apart) {
    nn_model *model = model_on_both();
    fake_device *device = fake_device_open();
    nn_session *session = open_on(model, device);
    nn_session_options options = {.threads = 1, .device = &device->base};
    nn_dataset *data;
    nn_profile profile;
    nn_diagnosis diagnosis;
    ck_assert_ok(nnopt_dataset_random(model, 1, 1, NULL, &data));
    ck_assert_ok(nn_profile_run(session, data, 0.01, 0, 0, &profile));
    const nn_profile_row *relu = row_of(&profile, "Relu"), *sigmoid = row_of(&profile, "Sigmoid");
    ck_assert(relu->on_device && !relu->is_copy && !sigmoid->on_device);
    ck_assert_double_eq(relu->occupancy, 0.5);
    ck_assert_double_eq_tol(relu->seconds, 1e-6, 1e-9); /* as the device says */
    ck_assert_double_eq_tol(relu->memory_seconds, 2 * 24 * 4 / 1e11, 1e-15);
    ck_assert_ok(nn_diagnose(&profile, model, &options, data, false, 0.05, &diagnosis));
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++) {
        ck_assert_ptr_nonnull(diagnosis.items[i].evidence.text);
        ck_assert_ptr_nonnull(diagnosis.items[i].experiment.text);
        if (diagnosis.items[i].class != NN_DEVICE_COPIES) continue;
        ck_assert(diagnosis.items[i].share > 0);
        ck_assert_ptr_nonnull(strstr(diagnosis.items[i].evidence.text, "4 copies"));
    }
    nn_diagnosis_clear(&diagnosis);
    nn_profile_clear(&profile);
    nnopt_session_destroy(session);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
    ck_assert_int_eq(device->blocks, 0);
}
END_TEST

START_TEST(a_failure_on_the_device_is_reported_and_leaks_nothing) {
    nn_model *model = model_on_both();
    for (int64_t at = 1; at <= 3; at++) {
        fake_device *device = fake_device_open();
        nn_session *session = open_on(model, device);
        nn_tensor x = random_tensor("1,2,3,4", 1), y;
        device->fail_at = at;
        ck_assert_fails(nnopt_session_run(session, &x, 1, &y), NNOPT_CHECK, "the device failed");
        run_and_compare(model, session, &x);
        nn_tensor_clear(&x);
        nnopt_session_destroy(session);
        ck_assert_int_le(device->blocks, 1); /* the model's constant */
    }
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(out_of_memory_at_any_place) {
    nn_model *model = model_on_both();
    fake_device *device = fake_device_open();
    nn_session_options options = {.threads = 1, .device = &device->base};
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status == NN_NO_MEMORY; n++) {
        nn_session *session = NULL;
        nn_fail_allocation(n);
        status = nn_session_open(model, &options, &session);
        nn_fail_allocation(0);
        if (status == NN_OK) nnopt_session_destroy(session);
    }
    ck_assert_int_eq(status, NN_OK);
    nnopt_model_destroy(model);
    ck_assert_int_eq(device->blocks, 0);
}
END_TEST

START_TEST(names_of_devices) {
    nn_device *device;
    ck_assert(nn_device_is_name("cuda"));
    ck_assert(nn_device_is_name("cuda:12"));
    ck_assert(!nn_device_is_name("cpu"));
    ck_assert(!nn_device_is_name("cuda:"));
    ck_assert(!nn_device_is_name("cuda:1x"));
    ck_assert_fails(nn_device_open("gpu", &device), NNOPT_USAGE, "device 'gpu' is none of");
    ck_assert_fails(nn_device_open("cuda:64", &device), NNOPT_USAGE, "at most 64");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("plans for a device");
    TCase *tests = tcase_create("plans");
    tcase_add_test(tests, inputs_go_up_first_and_outputs_come_down_last);
    tcase_add_test(tests, layouts_change_on_the_device);
    tcase_add_test(tests, work_is_recorded_from_the_second_run_on);
    tcase_add_test(tests, what_the_device_lacks_runs_on_the_cpu_between_copies);
    tcase_add_test(tests, sessions_share_constants_on_the_device);
    tcase_add_test(tests, a_run_with_a_hook_times_each_step_on_the_device);
    tcase_add_test(tests, a_profile_keeps_the_sides_apart);
    tcase_add_test(tests, a_failure_on_the_device_is_reported_and_leaks_nothing);
    tcase_add_test(tests, out_of_memory_at_any_place);
    tcase_add_test(tests, names_of_devices);
    suite_add_tcase(suite, tests);
    return suite;
}
