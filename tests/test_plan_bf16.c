/* Plans in bf16: which values they keep so, how near their results are to those of floats, and that
 * sessions of both precisions of one model stand side by side. */
#include "engine/plan/plan_parts.h"
#include "tests/support/maker.h"

#include <math.h>
#include <stdio.h>

static bool has_bf16(void) {
    static bool told;
    const nn_isa isa = nn_cpu_get()->isa;
    bool has = isa >= NN_ISA_BF16;
    if (!has && !told)
        printf("skipped: no %s, this CPU has %s\n", nn_isa_name(NN_ISA_BF16), nn_isa_name(isa));
    told = true;
    return has;
}

static const nn_session_options in_float = {.threads = 1};
static const nn_session_options in_bf16 = {.threads = 1, .precision = NN_PRECISION_BF16};

/* Convolutions with a residual, a pool, a depthwise one, a gate of four channels, and a classifier.
 */
static nn_model *image_model(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,3,17,15");
    make_random(&m, "w0", "32,3,3,3", 1);
    make_random(&m, "b0", "32", 2);
    make_random(&m, "w1", "32,32,3,3", 3);
    make_random(&m, "w2", "32,1,3,3", 4);
    make_random(&m, "w3", "4,32,1,1", 5);
    make_random(&m, "w5", "32,4,1,1", 7);
    make_random(&m, "w4", "10,32", 6);
    make_node(&m, "Conv", "stem", "x,w0,b0", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a", "b", NULL);
    make_node(&m, "MaxPool", "pool", "b", "c", "kernel_shape=[2,2] strides=[2,2]");
    make_node(&m, "Conv", "conv", "c,w1", "d", "pads=[1,1,1,1]");
    make_node(&m, "Add", "sum", "d,c", "e", NULL);
    make_node(&m, "Conv", "depthwise", "e,w2", "f", "pads=[1,1,1,1] group=32");
    make_node(&m, "GlobalAveragePool", "squeeze", "f", "g", NULL);
    make_node(&m, "Conv", "reduce", "g,w3", "g4", NULL);
    make_node(&m, "Conv", "excite", "g4,w5", "h", NULL);
    make_node(&m, "Sigmoid", "gate", "h", "i", NULL);
    make_node(&m, "Mul", "scale", "f,i", "j", NULL);
    make_node(&m, "GlobalAveragePool", "average", "j", "k", NULL);
    make_node(&m, "Flatten", "flatten", "k", "l", NULL);
    make_node(&m, "Gemm", "classify", "l,w4", "y", "transB=1");
    return make_model(&m, "y");
}

/* Products around a normalisation. */
static nn_model *sequence_model(void) {
    maker m = make(17);
    make_input(&m, "x", NNOPT_FLOAT, "2,9,40");
    make_random(&m, "w0", "40,64", 1);
    make_random(&m, "w1", "64,40", 2);
    make_random(&m, "scale", "40", 3);
    make_node(&m, "MatMul", "up", "x,w0", "a", NULL);
    make_node(&m, "Relu", "relu", "a", "b", NULL);
    make_node(&m, "MatMul", "down", "b,w1", "c", NULL);
    make_node(&m, "Add", "sum", "c,x", "d", NULL);
    make_node(&m, "LayerNormalization", "norm", "d,scale", "e", "axis=-1");
    make_node(&m, "MatMul", "again", "e,w0", "f", NULL);
    make_node(&m, "Softmax", "softmax", "f", "y", "axis=-1");
    return make_model(&m, "y");
}

static double largest(const nn_tensor *tensor) {
    double out = 0;
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++)
        out = fmax(out, fabs(nn_tensor_get(tensor, i)));
    return out;
}

static void check_near(nn_model *model, const char *dims) {
    nn_tensor x = random_tensor(dims, 9);
    nn_tensor want = run_model(model, &in_float, &x, 1, 0);
    nn_tensor got = run_model(model, &in_bf16, &x, 1, 0);
    ck_assert_int_eq(got.type, NNOPT_FLOAT);
    bool differs = false;
    for (int64_t i = 0; i < nn_tensor_count(&got); i++)
        differs = differs || nn_tensor_get(&got, i) != nn_tensor_get(&want, i);
    ck_assert_msg(differs, "bf16 changes nothing");
    check_close(&got, &want, 0, 0x1p-6 * largest(&want));
    nn_tensor_clear(&x);
    nn_tensor_clear(&want);
    nn_tensor_clear(&got);
}

START_TEST(results_are_near_those_of_floats) {
    if (!has_bf16()) return;
    nn_model *model = image_model();
    check_near(model, "1,3,17,15");
    nnopt_model_destroy(model);
    model = sequence_model();
    check_near(model, "2,9,40");
    nnopt_model_destroy(model);
}
END_TEST

/* The name of a product's kernel on this CPU; of others their own. */
static const char *kernel_name(const char *kernel) {
    static char name[64];
    const bool is_product = strchr(kernel, '_') == NULL;
    const char *suffix = nn_cpu_get()->isa >= NN_ISA_AMX ? "amx" : "avx512bf16";
    snprintf(name, sizeof name, "%s%s%s", kernel, is_product ? "_bf16_" : "",
             is_product ? suffix : "");
    return name;
}

/* The type of what the step for `name` writes, and its kernel. */
static nn_type type_written(const nn_plan *plan, const char *name, const char *kernel) {
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info step;
        nn_plan_step(plan, i, &step);
        if (strcmp(step.origin, name) != 0 || step.is_conversion) continue;
        ck_assert_str_eq(step.kernel->name, kernel_name(kernel));
        return step.node->out[0]->type;
    }
    ck_abort_msg("no step for '%s'", name);
}

static nn_plan *plan_of(nn_model *model, nnopt_session **session, const nn_tensor *x) {
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &in_bf16, session));
    ck_assert_ok(nn_session_plan(*session, x, 1, &plan));
    return plan;
}

START_TEST(maps_between_products_are_bf16) {
    if (!has_bf16()) return;
    nn_model *model = image_model();
    nn_tensor x = random_tensor("1,3,17,15", 9);
    nnopt_session *session;
    nn_plan *plan = plan_of(model, &session, &x);
    ck_assert_int_eq(type_written(plan, "stem", "conv"), NNOPT_BFLOAT16);
    ck_assert_int_eq(type_written(plan, "pool", "max_pool_bf16_avx512"), NNOPT_BFLOAT16);
    ck_assert_int_eq(type_written(plan, "conv", "conv"), NNOPT_BFLOAT16);
    ck_assert_int_eq(type_written(plan, "depthwise", "depthwise_bf16_avx512bf16"), NNOPT_BFLOAT16);
    ck_assert_int_eq(type_written(plan, "squeeze", "global_average_pool_bf16_avx512"),
                     NNOPT_BFLOAT16);
    ck_assert_int_eq(type_written(plan, "classify", "gemm"), NNOPT_FLOAT);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(normalisations_stay_float) {
    if (!has_bf16()) return;
    nn_model *model = sequence_model();
    nn_tensor x = random_tensor("2,9,40", 9);
    nnopt_session *session;
    nn_plan *plan = plan_of(model, &session, &x);
    ck_assert_int_eq(type_written(plan, "up", "matmul"), NNOPT_BFLOAT16);
    ck_assert_int_eq(type_written(plan, "down", "matmul"), NNOPT_FLOAT);
    ck_assert_int_eq(type_written(plan, "again", "matmul"), NNOPT_FLOAT);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

/* Neither sees the packed weights or the plan of the other. */
START_TEST(sessions_of_both_precisions_stand_side_by_side) {
    if (!has_bf16()) return;
    nn_model *model = image_model();
    nn_tensor x = random_tensor("1,3,17,15", 9), got;
    nn_tensor alone = run_model(model, &in_float, &x, 1, 0);
    nn_tensor rounded = run_model(model, &in_bf16, &x, 1, 0);
    nnopt_session *sessions[2];
    ck_assert_ok(nn_session_open(model, &in_bf16, &sessions[0]));
    ck_assert_ok(nn_session_open(model, &in_float, &sessions[1]));
    for (int turn = 0; turn < 4; turn++) {
        const nn_tensor *want = turn % 2 == 0 ? &rounded : &alone;
        ck_assert_ok(nnopt_session_run(sessions[turn % 2], &x, 1, &got));
        ck_assert_mem_eq(got.data, want->data, (size_t)nn_tensor_bytes(want));
    }
    nnopt_session_destroy(sessions[0]);
    nnopt_session_destroy(sessions[1]);
    nn_tensor_clear(&alone);
    nn_tensor_clear(&rounded);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

/* Values of a model that are outputs keep the type that the model states. */
START_TEST(outputs_keep_their_types) {
    if (!has_bf16()) return;
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,16,8,8");
    make_random(&m, "w", "16,16,3,3", 1);
    make_node(&m, "Conv", "first", "x,w", "a", "pads=[1,1,1,1]");
    make_node(&m, "Conv", "second", "a,w", "b", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "b", "c", NULL);
    nn_model *model = make_model(&m, "a,c");
    nn_tensor x = random_tensor("1,16,8,8", 3);
    for (int i = 0; i < 2; i++) {
        nn_tensor y = run_model(model, &in_bf16, &x, 1, i);
        ck_assert_int_eq(y.type, NNOPT_FLOAT);
        nn_tensor_clear(&y);
    }
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(needs_products_of_bf16) {
    if (nn_cpu_get()->isa >= NN_ISA_BF16) return;
    nn_model *model = sequence_model();
    nnopt_options *options;
    nnopt_session *session;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "precision", "bf16"));
    ck_assert_fails(nnopt_session_create(model, options, &session), NNOPT_UNSUPPORTED,
                    "needs AVX-512 BF16 or AMX");
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("plans in bf16");
    TCase *tcase = tcase_create("plans");
    tcase_add_test(tcase, results_are_near_those_of_floats);
    tcase_add_test(tcase, maps_between_products_are_bf16);
    tcase_add_test(tcase, normalisations_stay_float);
    tcase_add_test(tcase, sessions_of_both_precisions_stand_side_by_side);
    tcase_add_test(tcase, outputs_keep_their_types);
    tcase_add_test(tcase, needs_products_of_bf16);
    suite_add_tcase(suite, tcase);
    return suite;
}
