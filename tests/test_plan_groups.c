/* Batches that run in groups: which plans do, and that the results are those of the whole batch. */
#include "engine/plan/plan_parts.h"
#include "tests/support/maker.h"

#include <stdlib.h>

static const nn_session_options judge = {.threads = 1, .reference_only = true};

/* Convolutions with a residual, a pool, a normalisation over channels and a classifier. */
static nn_model *image_model(const char *dims, const char *shape) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, dims);
    make_random(&m, "w0", "8,3,3,3", 1);
    make_random(&m, "b0", "8", 2);
    make_random(&m, "w1", "8,8,3,3", 3);
    make_random(&m, "w2", "10,8", 4);
    make_node(&m, "Conv", "stem", "x,w0,b0", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a", "b", NULL);
    make_node(&m, "Conv", "conv", "b,w1", "c", "pads=[1,1,1,1]");
    make_node(&m, "Add", "sum", "c,b", "d", NULL);
    make_node(&m, "Softmax", "softmax", "d", "e", "axis=1");
    make_node(&m, "MaxPool", "pool", "e", "f", "kernel_shape=[2,2] strides=[2,2]");
    make_node(&m, "GlobalAveragePool", "average", "f", "g", NULL);
    if (shape != NULL) {
        const int64_t values[] = {shape[0] == '-' ? -1 : strtol(shape, NULL, 10), 8};
        make_ints(&m, "shape", NNOPT_INT64, "2", values);
        make_node(&m, "Reshape", "flatten", "g,shape", "h", NULL);
    } else {
        make_node(&m, "Flatten", "flatten", "g", "h", NULL);
    }
    make_node(&m, "Gemm", "classify", "h,w2", "y", "transB=1");
    return make_model(&m, "y,f");
}

static int64_t groups_of(nn_model *model, const nn_session_options *options, const nn_tensor *x) {
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, options, &session));
    ck_assert_ok(nn_session_plan(session, x, 1, &plan));
    const int64_t groups = nn_plan_group_count(plan);
    nnopt_session_destroy(session);
    return groups;
}

/* Groups as wanted, and both outputs as the reference kernels say. */
static void check_groups(nn_model *model, const char *dims, int threads, int64_t groups,
                         int outputs) {
    const nn_session_options options = {.threads = threads};
    nn_tensor x = random_tensor(dims, 9);
    ck_assert_int_eq(groups_of(model, &options, &x), groups);
    for (int i = 0; i < outputs; i++) {
        nn_tensor want = run_model(model, &judge, &x, 1, i);
        nn_tensor got = run_model(model, &options, &x, 1, i);
        check_close(&got, &want, 1e-4, 1e-5);
        nn_tensor_clear(&want);
        nn_tensor_clear(&got);
    }
    nn_tensor_clear(&x);
}

START_TEST(each_thread_runs_groups_of_its_own) {
    nn_model *model = image_model("N,3,16,14", NULL);
    check_groups(model, "8,3,16,14", 2, 8, 2);
    check_groups(model, "6,3,16,14", 3, 6, 2);
    check_groups(model, "8,3,16,14", 1, 1, 2); /* fits into the caches */
    check_groups(model, "7,3,16,14", 2, 1, 2); /* groups would not be even */
    check_groups(model, "1,3,16,14", 2, 1, 2);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(one_thread_takes_what_fits) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "N,1000,1000");
    make_node(&m, "Neg", "neg", "x", "a", NULL);
    make_node(&m, "ReduceMax", "greatest", "a", "y", "axes=[1,2] keepdims=0");
    nn_model *model = make_model(&m, "y");
    const int64_t groups = nn_cpu_get()->l3_bytes >> 20 >= 160 ? 16 : 0;
    nn_tensor x = random_tensor("16,1000,1000", 3);
    const nn_session_options options = {.threads = 1};
    const int64_t found = groups_of(model, &options, &x);
    ck_assert(groups == 0 ? found > 1 : found == groups);
    nn_tensor want = run_model(model, &judge, &x, 1, 0);
    nn_tensor got = run_model(model, &options, &x, 1, 0);
    check_close(&got, &want, 0, 0);
    nn_tensor_clear(&want);
    nn_tensor_clear(&got);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_stated_batch_is_not_cut) {
    nn_model *model = image_model("8,3,16,14", "8"); /* Reshape to 8x8 */
    check_groups(model, "8,3,16,14", 2, 1, 2);
    nnopt_model_destroy(model);
    model = image_model("8,3,16,14", "-1");
    check_groups(model, "8,3,16,14", 2, 8, 2);
    nnopt_model_destroy(model);
}
END_TEST

/* One node behind a Relu. */
static nn_model *small_model(const char *op, const char *inputs, const char *attrs) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "8,6,400");
    make_random(&m, "row", "8,1,1", 1);
    make_random(&m, "column", "6,1", 2);
    make_node(&m, "Relu", "relu", "x", "a", NULL);
    make_node(&m, op, "node", inputs, "b", attrs);
    make_node(&m, "Neg", "neg", "b", "y", NULL);
    return make_model(&m, "y");
}

START_TEST(samples_that_meet_stay_together) {
    static const struct {
        const char *op, *inputs, *attrs;
        int64_t groups;
    } cases[] = {
        {"Softmax", "a", "axis=0", 1},
        {"Softmax", "a", "axis=2", 8},
        {"ReduceMean", "a", "axes=[0]", 1},
        {"ReduceMean", "a", "axes=[1]", 8},
        {"Concat", "a,a", "axis=0", 1},
        {"Concat", "a,a", "axis=1", 8},
        {"Transpose", "a", "perm=[1,0,2]", 1},
        {"Add", "a,column", NULL, 8},
        {"Add", "a,row", NULL, 1}, /* another constant for each sample */
        {"Mul", "a,x", NULL, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_model *model = small_model(cases[i].op, cases[i].inputs, cases[i].attrs);
        check_groups(model, "8,6,400", 2, cases[i].groups, 1);
        nnopt_model_destroy(model);
    }
}
END_TEST

/* Attention between a table of words that is far larger than all else, and a product. */
static nn_model *text_model(const char *inputs, const char *attrs) {
    maker m = make(23);
    make_input(&m, "x", NNOPT_INT64, "8,40");
    make_random(&m, "words", "4000,32", 1);
    make_random(&m, "w", "32,32", 2);
    make_random(&m, "mask", "40,40", 3);
    make_random(&m, "masks", "8,1,40,40", 4);
    make_random(&m, "heads", "1,4,40,40", 5);
    make_random(&m, "memory", "8,40,32", 6);
    make_node(&m, "Gather", "table", "words,x", "a", "axis=0");
    make_node(&m, "MatMul", "keys", "a,w", "k", NULL);
    make_node(&m, "Attention", "attention", inputs, "b", attrs);
    make_node(&m, "MatMul", "project", "b,w", "y", NULL);
    return make_model(&m, "y");
}

START_TEST(texts_keep_apart) {
    static const struct {
        const char *inputs, *attrs;
        bool keep_apart;
    } cases[] = {
        {"a,k,a", "q_num_heads=4 kv_num_heads=4", true},
        {"a,k,a", "q_num_heads=4 kv_num_heads=4 is_causal=1", true},
        {"a,k,a,mask", "q_num_heads=4 kv_num_heads=4", true},
        {"a,k,a,heads", "q_num_heads=4 kv_num_heads=4", true},
        {"a,k,a,masks", "q_num_heads=4 kv_num_heads=4",
         false}, /* another constant for each sample */
        {"a,memory,memory", "q_num_heads=4 kv_num_heads=4", false},
    };
    nn_tensor x;
    ck_assert_ok(nn_tensor_init(&x, NNOPT_INT64, (int64_t[]){8, 40}, 2));
    for (int64_t i = 0; i < 320; i++) ((int64_t *)x.data)[i] = i * 83 % 4000;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const nn_session_options options = {.threads = 2};
        nn_model *model = text_model(cases[i].inputs, cases[i].attrs);
        ck_assert_int_eq(groups_of(model, &options, &x) > 1, cases[i].keep_apart);
        nn_tensor want = run_model(model, &judge, &x, 1, 0);
        nn_tensor got = run_model(model, &options, &x, 1, 0);
        check_close(&got, &want, 1e-4, 1e-4);
        nn_tensor_clear(&want);
        nn_tensor_clear(&got);
        nnopt_model_destroy(model);
    }
    nn_tensor_clear(&x);
}
END_TEST

START_TEST(bits_that_are_promised_come_from_whole_batches) {
    nn_model *model = image_model("N,3,16,14", NULL);
    nn_tensor x = random_tensor("8,3,16,14", 9);
    const nn_session_options one = {.threads = 1, .deterministic = true};
    const nn_session_options two = {.threads = 2, .deterministic = true};
    ck_assert_int_eq(groups_of(model, &two, &x), 1);
    nn_tensor want = run_model(model, &one, &x, 1, 0), got = run_model(model, &two, &x, 1, 0);
    check_close(&got, &want, 0, 0);
    nn_tensor_clear(&want);
    nn_tensor_clear(&got);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

typedef struct visit_count {
    const nn_plan *plan;
    int64_t begun[64], ended[64];
} visit_count;

static void count_visits(void *user, const nn_plan *plan, int64_t step, bool begin) {
    visit_count *self = user;
    self->plan = plan;
    (begin ? self->begun : self->ended)[step]++;
}

START_TEST(hooks_see_each_step_of_each_group) {
    nn_model *model = image_model("N,3,16,14", NULL);
    nn_tensor x = random_tensor("8,3,16,14", 9), outputs[2];
    const nn_session_options options = {.threads = 2};
    nn_session *session;
    nn_plan *plan;
    visit_count visits = {0};
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    nn_session_set_hook(session, count_visits, &visits);
    ck_assert_ok(nnopt_session_run(session, &x, 1, outputs));
    nn_session_set_hook(session, NULL, NULL);
    ck_assert_ptr_eq(visits.plan, plan);
    const int64_t steps = nn_plan_step_count(plan);
    ck_assert(steps > 2 && steps <= 64);
    for (int64_t s = 0; s < steps; s++) {
        ck_assert(visits.begun[s] >= 1 && visits.begun[s] <= 8); /* those of one thread */
        ck_assert_int_eq(visits.begun[s], visits.begun[0]);
        ck_assert_int_eq(visits.ended[s], visits.begun[s]);
    }
    nn_step_info step;
    for (int64_t s = 0; s < steps; s++) {
        nn_plan_step(plan, s, &step);
        if (strcmp(step.origin, "conv") == 0 && !step.is_conversion)
            ck_assert_double_eq(step.cost.macs, 8.0 * 8 * 8 * 9 * 16 * 14);
    }
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("plan_groups");
    TCase *cases = tcase_create("plan_groups");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, each_thread_runs_groups_of_its_own);
    tcase_add_test(cases, one_thread_takes_what_fits);
    tcase_add_test(cases, a_stated_batch_is_not_cut);
    tcase_add_test(cases, samples_that_meet_stay_together);
    tcase_add_test(cases, texts_keep_apart);
    tcase_add_test(cases, bits_that_are_promised_come_from_whole_batches);
    tcase_add_test(cases, hooks_see_each_step_of_each_group);
    suite_add_tcase(suite, cases);
    return suite;
}
