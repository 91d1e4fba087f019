/* NonMaxSuppression on a device: the part that finds boxes against the CPU's, and whole models,
 * whose results have as many rows as were found. */
#include "engine/run/session.h"
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/maker.h"
#include "tests/support/runner.h"

#include <math.h>

typedef struct boxes_case {
    int64_t samples, classes, boxes, most;
    bool is_centered;
    double overlap, score_limit; /* negative: not given */
} boxes_case;

static const boxes_case cases[] = {
    {1, 1, 6, 3, false, 0.5, 0},   {2, 3, 40, 5, false, 0.3, 0.4}, {1, 4, 700, 700, true, 0.6, -1},
    {2, 2, 300, 20, true, -1, -1}, {1, 2, 9, 0, false, 0.5, -1},   {3, 1, 33, 100, false, 1, 0.9},
    {1, 3, 0, 4, false, 0.5, -1},
};
enum { CASES = sizeof cases / sizeof *cases };

static void add_float(kernel_host *host, double value) {
    const int64_t one = 1;
    *(float *)host_input(host, NNOPT_FLOAT, &one, 1, false) = (float)value;
}

static void fill_boxes(float *box, int64_t count, bool is_centered) {
    for (int64_t i = 0; i < count; i++, box += 4)
        for (int k = 0; k < 4; k++)
            box[k] = is_centered ? fabsf(host_random()) * (k < 2 ? 10 : 3)
                                 : host_random() * 2 + (float)(i % 5);
}

static void select_of(const boxes_case *c) {
    const int64_t boxes[3] = {c->samples, c->boxes, 4}, one = 1;
    const int64_t scores[3] = {c->samples, c->classes, c->boxes};
    kernel_host host;
    host_init(&host, nn_op_find("nnopt", "SelectBoxes", 1), 1);
    host.out_count = 2;
    host_int(&host, "center_point_box", c->is_centered);
    fill_boxes(host_input(&host, NNOPT_FLOAT, boxes, 3, false), c->samples * c->boxes,
               c->is_centered);
    nn_tensor *score = fill_input(&host, NNOPT_FLOAT, scores, 3, false, 0, 1);
    for (int64_t i = 0; i < nn_tensor_count(score); i++) { /* some are equal, some are none */
        if (i % 3 == 0) ((float *)score->data)[i] = 0.75f;
        if (i % 17 == 5) ((float *)score->data)[i] = NAN;
    }
    *(int64_t *)host_input(&host, NNOPT_INT64, &one, 1, true) = c->most;
    if (c->overlap >= 0)
        add_float(&host, c->overlap);
    else if (c->score_limit >= 0)
        host_absent(&host);
    if (c->score_limit >= 0) add_float(&host, c->score_limit);
    device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
}

START_TEST(selected) {
    for (int i = 0; i < CASES; i++) select_of(&cases[i]);
}
END_TEST

/* ---- models ---- */

/* Everything in front of the boxes on the device, what reads them behind it. */
static nn_model *detector(const int64_t *most) {
    maker m = make(13);
    const int64_t column = 2;
    make_input(&m, "boxes", NNOPT_FLOAT, "1,50,4");
    make_node(&m, "Relu", "head", "boxes", "positive", NULL);
    make_random(&m, "scores", "1,3,50", 5);
    make_ints(&m, "most", NNOPT_INT64, "1", most);
    make_floats(&m, "overlap", "1", (float[]){0.4f});
    make_floats(&m, "limit", "1", (float[]){0.1f});
    make_node(&m, "NonMaxSuppression", "nms", "positive,scores,most,overlap,limit", "found", NULL);
    make_ints(&m, "column", NNOPT_INT64, "1", &column);
    make_node(&m, "Gather", "index", "found,column", "y", "axis=1");
    return make_model(&m, "y,found");
}

START_TEST(models) {
    const int64_t most = _i;
    nn_model *model = detector(&most);
    const nn_session_options plain = {.threads = 1};
    const nn_session_options device = {.threads = 1, .device = device_host_open()};
    for (uint64_t seed = 1; seed < 4; seed++)
        for (int64_t output = 0; output < 2; output++) {
            nn_tensor boxes = random_tensor("1,50,4", seed);
            nn_tensor want = run_model(model, &plain, &boxes, 1, output);
            nn_tensor got = run_model(model, &device, &boxes, 1, output);
            ck_assert_int_eq(got.dims[0], want.dims[0]);
            check_close(&got, &want, 0, 0);
            nn_tensor_clear(&got);
            nn_tensor_clear(&want);
            nn_tensor_clear(&boxes);
        }
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(finding_is_on_the_device) {
    const int64_t most = 4;
    nn_model *model = detector(&most);
    const nn_session_options options = {.threads = 1, .device = device_host_open()};
    nn_session *session;
    nn_plan *plan;
    nn_tensor boxes = random_tensor("1,50,4", 1);
    bool is_found = false;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_session_plan(session, &boxes, 1, &plan));
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info info;
        nn_plan_step(plan, i, &info);
        if (info.kernel != NULL) is_found |= strcmp(info.kernel->name, "select_boxes_cuda") == 0;
    }
    ck_assert(is_found);
    nnopt_session_destroy(session);
    nn_tensor_clear(&boxes);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_boxes");
    TCase *tests = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, selected);
    tcase_add_loop_test(tests, models, 0, 5);
    tcase_add_test(tests, finding_is_on_the_device);
    suite_add_tcase(suite, tests);
    return suite;
}
