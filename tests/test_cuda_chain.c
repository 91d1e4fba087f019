/* Chains of elementwise operators on a device: the kernel against its definition, and plans. */
#include "engine/plan/plan_parts.h"
#include "ops/family/types.h"
#include "ops/plan/elementwise_chain.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/maker.h"
#include "tests/support/steps.h"

/* ---- the kernel ---- */

static const struct operands {
    int rank;
    int64_t dims[4];
    struct {
        int rank;
        int64_t dims[4];
    } others[NN_CHAIN_OPERANDS];
} shapes[] = {
    {4, {2, 8, 3, 4}, {{4, {2, 8, 3, 4}}, {3, {8, 1, 1}}, {0, {0}}}},
    {4, {2, 3, 5, 7}, {{4, {1, 3, 1, 1}}, {4, {2, 3, 5, 7}}, {1, {7}}}},
    {2, {3, 64}, {{1, {64}}, {2, {3, 1}}, {2, {3, 64}}}},
    {1, {1}, {{0, {0}}, {1, {1}}, {1, {1}}}},
    {2, {0, 4}, {{1, {4}}, {1, {1}}, {0, {0}}}},
    {0, {0}, {{0, {0}}, {0, {0}}, {0, {0}}}},
};

/* Functions that are defined everywhere. */
static const nn_function functions[] = {
    {NN_FUNCTION_relu, 0, 0},       {NN_FUNCTION_sigmoid, 0, 0}, {NN_FUNCTION_linear, 0.5, 0.25},
    {NN_FUNCTION_clip, -0.5, 0.75}, {NN_FUNCTION_gelu, 0, 0},    {NN_FUNCTION_swish, 1, 0},
    {NN_FUNCTION_abs, 0, 0},        {NN_FUNCTION_tanh, 0, 0},    {NN_FUNCTION_leaky_relu, 0.125, 0},
    {NN_FUNCTION_softplus, 0, 0},
};

static nn_chain_attrs random_chain(int count) {
    nn_chain_attrs chain = {.count = count};
    for (int i = 0; i < count; i++) {
        nn_chain_step *step = &chain.steps[i];
        step->kind = (nn_chain_kind)host_random_below(NN_CHAIN_KINDS);
        step->function = functions[host_random_below(sizeof functions / sizeof *functions)];
        step->operand = (int)host_random_below(NN_CHAIN_OPERANDS);
        step->swapped = step->kind == NN_CHAIN_SUB && host_random() > 0;
    }
    return chain;
}

START_TEST(chains_of_any_steps) {
    static const nn_type types[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16};
    const nn_target target = {.threads = 1, .device = device_host_open()};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int t = 0; t < 3; t++)
            for (int count = 1; count <= NN_CHAIN_STEPS; count += 5) {
                kernel_host host;
                nn_chain_lists lists;
                const nn_chain_attrs chain = random_chain(count);
                host_init(&host, nn_op_find("nnopt", "ElementwiseChain", 1), 1);
                host.attrs = nn_chain_to_attrs(&chain, &lists);
                fill_input(&host, types[t], shapes[s].dims, shapes[s].rank, false, -2, 2);
                /* divisors are not near zero; float beside shorter types */
                for (int i = 0; i < NN_CHAIN_OPERANDS; i++)
                    fill_input(&host, i == 1 ? NNOPT_FLOAT : types[t], shapes[s].others[i].dims,
                               shapes[s].others[i].rank, false, 0.5, 2);
                host_infer(&host);
                const nn_kernel *kernel = device_host_select(&host, &target);
                ck_assert_ptr_nonnull(kernel);
                const double tolerance = device_tolerance(types[t]) * 4;
                device_host_check(&host, kernel, NN_LAYOUT_STANDARD, &target, tolerance);
                if (shapes[s].rank == 4)
                    device_host_check(&host, kernel, NN_LAYOUT_CHANNELS_LAST, &target, tolerance);
                host_clear(&host);
            }
}
END_TEST

/* ---- plans ---- */

static void check_plan(nn_model *model, const char *dims, int64_t chains, int64_t others,
                       const char *other) {
    nn_session_options on_device = {.threads = 1, .device = device_host_open()};
    nn_session_options on_cpu = {.threads = 1};
    nn_session *session;
    nn_plan *plan;
    nn_tensor x = random_tensor(dims, 1);
    ck_assert_ok(nn_session_open(model, &on_device, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, "ElementwiseChain"), chains);
    ck_assert_int_eq(count_steps(plan, other), others);
    nnopt_session_destroy(session);
    nn_tensor got = run_model(model, &on_device, &x, 1, 0);
    nn_tensor want = run_model(model, &on_cpu, &x, 1, 0);
    check_close(&got, &want, 1e-5, 1e-5);
    nn_tensor_clear(&got);
    nn_tensor_clear(&want);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}

START_TEST(a_run_of_operators_is_one_step) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2,4,8");
    make_random(&m, "w", "8", 3);
    make_node(&m, "Softsign", "first", "x", "a", NULL);
    make_node(&m, "Mul", "second", "w,a", "b", NULL);
    make_node(&m, "Exp", "third", "b", "c", NULL);
    make_node(&m, "Sub", "fourth", "w,c", "d", NULL);
    make_node(&m, "Max", "fifth", "d,x", "y", NULL);
    check_plan(make_model(&m, "y"), "2,4,8", 1, 0, "Mul");
}
END_TEST

/* What two nodes read is kept, and a shape that grows begins a new chain. */
START_TEST(chains_end_where_they_must) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,8");
    make_random(&m, "w", "4,8", 3);
    make_node(&m, "Softsign", "first", "x", "a", NULL);
    make_node(&m, "Exp", "second", "a", "b", NULL);
    make_node(&m, "Add", "wider", "b,w", "c", NULL); /* starts from nothing of its shape */
    make_node(&m, "Abs", "shared", "c", "d", NULL);
    make_node(&m, "Softmax", "other", "d", "e", NULL);
    make_node(&m, "Mul", "joined", "d,e", "f", NULL);
    make_node(&m, "Sqrt", "last", "f", "y", NULL);
    check_plan(make_model(&m, "y"), "1,8", 2, 1, "Softmax");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_chain");
    TCase *cases = tcase_create("chain");
    device_host_open();
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, chains_of_any_steps);
    tcase_add_test(cases, a_run_of_operators_is_one_step);
    tcase_add_test(cases, chains_end_where_they_must);
    suite_add_tcase(suite, cases);
    return suite;
}
