/* Plans: layouts and conversions, memory in place, rows and absent nodes. */
#include "engine/plan/layout.h"
#include "engine/plan/plan_parts.h"
#include "tests/support/maker.h"

#include <stdio.h>

/* A test operator whose kernel works channels last: y[n][c][p] = x[n][c][p] + 10 c. It sees where
 * the channels lie from the dims it is handed. */
static nn_status infer_same(const nn_node_view *node) {
    *node->out[0] = nn_fact_make(node->in[0]->type, node->in[0]->rank, node->in[0]->dims);
    return NN_OK;
}

static nn_status run_add_channel(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    nn_tensor *y = call->out[0];
    ck_assert_int_eq(call->layout, NN_LAYOUT_CHANNELS_LAST);
    ck_assert(nn_dims_equal(x->dims, x->rank, y->dims, y->rank));
    int64_t channels = x->dims[x->rank - 1];
    ck_assert_int_eq(channels, call->node->in[0]->dims[1]);
    for (int64_t i = 0; i < nn_tensor_count(x); i++) {
        ((float *)y->data)[i] = ((const float *)x->data)[i] + 10 * (float)(i % channels);
    }
    return NN_OK;
}

static const nn_kernel add_channel_last = {.name = "add_channel_nhwc",
                                           .layout = NN_LAYOUT_CHANNELS_LAST,
                                           .layout_inputs = 1,
                                           .run = run_add_channel};
static const nn_kernel *const add_channel_kernels[] = {&add_channel_last, NULL};
static const nn_op add_channel = {.name = "AddChannel",
                                  .domain = "test",
                                  .min_inputs = 1,
                                  .max_inputs = 1,
                                  .min_outputs = 1,
                                  .max_outputs = 1,
                                  .infer = infer_same,
                                  .kernels = add_channel_kernels};

static nn_node *make_test_node(maker *m, const nn_op *op, const char *name, const char *inputs,
                               const char *outputs) {
    ck_assert_ok(nn_graph_set_opset(m->graph, "test", 1));
    char type[64];
    snprintf(type, sizeof type, "test:%s", op->name);
    nn_node *node = make_node(m, type, name, inputs, outputs, NULL);
    node->op = op;
    return node;
}

/* The plan of `model`, whose first input has the shape of `input`. */
static nn_plan *plan_of(nn_session *session, const nn_tensor *input) {
    nn_plan *plan;
    ck_assert_ok(nn_session_plan(session, input, 1, &plan));
    return plan;
}

static int64_t count_conversions(const nn_plan *plan) {
    int64_t count = 0;
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info info;
        nn_plan_step(plan, i, &info);
        if (info.is_conversion) count++;
    }
    return count;
}

static nn_session *open_plain(nn_model *model) {
    nn_session_options options = {.threads = 1, .no_fusion = true};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    return session;
}

START_TEST(layouts_of_values) {
    int64_t dims[] = {2, 3, 4, 5}, out[4];
    nn_layout_dims(NN_LAYOUT_CHANNELS_LAST, dims, 4, out);
    static const int64_t last[] = {2, 4, 5, 3};
    ck_assert(nn_dims_equal(out, 4, last, 4));
    nn_layout_dims(NN_LAYOUT_CHANNELS_LAST, dims, 2, out);
    ck_assert(nn_dims_equal(out, 2, dims, 2));
    ck_assert(!nn_layout_is_same_order(dims, 4));
    ck_assert(nn_layout_is_same_order(dims, 2));
    int64_t one_channel[] = {2, 1, 4, 5}, one_place[] = {2, 3, 1, 1}, none[] = {2, 3, 4, 0};
    ck_assert(nn_layout_is_same_order(one_channel, 4));
    ck_assert(nn_layout_is_same_order(one_place, 4));
    ck_assert(nn_layout_is_same_order(none, 4));
}
END_TEST

START_TEST(conversions_stand_at_the_edges_of_a_region_only) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2,3,4,5");
    make_test_node(&m, &add_channel, "first", "x", "a");
    make_node(&m, "Relu", "relu", "a", "b", NULL);
    make_test_node(&m, &add_channel, "second", "b", "c");
    make_node(&m, "Add", "sum", "c,a", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("2,3,4,5", 1), y;
    ck_assert_int_eq(count_conversions(plan_of(session, &x)), 2);
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    for (int64_t i = 0; i < 120; i++) {
        float c = 10 * (float)(i / 20 % 3), a = ((float *)x.data)[i] + c, b = a > 0 ? a : 0;
        ck_assert_float_eq(((float *)y.data)[i], b + c + a);
    }
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_value_is_converted_once_and_conversions_name_their_reader) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,3,4,4");
    make_test_node(&m, &add_channel, "left", "x", "a");
    make_test_node(&m, &add_channel, "right", "x", "b");
    make_node(&m, "Mul", "product", "a,b", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("1,3,4,4", 2);
    nn_plan *plan = plan_of(session, &x);
    ck_assert_int_eq(count_conversions(plan), 2);
    nn_step_info info;
    nn_plan_step(plan, 0, &info);
    ck_assert(info.is_conversion);
    ck_assert_str_eq(info.origin, "left");
    ck_assert_str_eq(info.kernel->name, "reorder_portable");
    nn_plan_step(plan, 3, &info);
    ck_assert_str_eq(info.origin, "product");
    ck_assert_int_eq(info.layout, NN_LAYOUT_CHANNELS_LAST);
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(one_channel_or_one_place_needs_no_conversion) {
    static const char *const dims[] = {"2,1,4,5", "2,7,1,1", "3,7,1", "1,1,2,3,4"};
    for (int i = 0; i < 4; i++) {
        maker m = make(13);
        make_input(&m, "x", NNOPT_FLOAT, dims[i]);
        make_test_node(&m, &add_channel, "node", "x", "y");
        nn_model *model = make_model(&m, "y");
        nn_session *session = open_plain(model);
        nn_tensor x = random_tensor(dims[i], 3), y;
        ck_assert_int_eq(count_conversions(plan_of(session, &x)), 0);
        ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
        ck_assert(nn_dims_equal(x.dims, x.rank, y.dims, y.rank));
        int64_t inner = 1;
        for (int axis = 2; axis < x.rank; axis++) inner *= x.dims[axis];
        for (int64_t k = 0; k < nn_tensor_count(&x); k++) {
            float expected = ((float *)x.data)[k] + 10 * (float)(k / inner % x.dims[1]);
            ck_assert_float_eq(((float *)y.data)[k], expected);
        }
        nn_tensor_clear(&x);
        nnopt_session_destroy(session);
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(constants_of_full_rank_follow_channels_last_and_lower_ranks_stay) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,3,2,4");
    make_random(&m, "full", "1,3,2,4", 5);
    make_random(&m, "per_channel", "3,1,1", 6);
    make_random(&m, "per_column", "4", 7);
    make_test_node(&m, &add_channel, "node", "x", "a");
    make_node(&m, "Add", "add_full", "a,full", "b", NULL);
    make_node(&m, "Mul", "scale", "b,per_channel", "c", NULL);
    make_node(&m, "Add", "add_column", "c,per_column", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("1,3,2,4", 4), y;
    ck_assert_int_eq(count_conversions(plan_of(session, &x)), 2);
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    const float *full = nn_graph_find(model->graph, "full")->fact.constant->data;
    const float *channel = nn_graph_find(model->graph, "per_channel")->fact.constant->data;
    const float *column = nn_graph_find(model->graph, "per_column")->fact.constant->data;
    for (int64_t i = 0; i < 24; i++) {
        float c = ((float *)x.data)[i] + 10 * (float)(i / 8) + full[i];
        ck_assert_float_eq(((float *)y.data)[i], c * channel[i / 8] + column[i % 4]);
    }
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(views_of_channels_last_values_are_in_standard_order) {
    maker m = make(13);
    static const int64_t flat[2] = {2, -1};
    make_input(&m, "x", NNOPT_FLOAT, "2,3,4,5");
    make_ints(&m, "flat", NNOPT_INT64, "2", flat);
    make_test_node(&m, &add_channel, "node", "x", "a");
    make_node(&m, "Identity", "same", "a", "b", NULL);
    make_node(&m, "Reshape", "reshape", "b,flat", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("2,3,4,5", 8), y;
    nn_plan *plan = plan_of(session, &x);
    ck_assert_int_eq(nn_plan_step_count(plan), 3);
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    ck_assert_int_eq(y.rank, 2);
    ck_assert_int_eq(y.dims[1], 60);
    for (int64_t i = 0; i < 120; i++) {
        ck_assert_float_eq(((float *)y.data)[i], ((float *)x.data)[i] + 10 * (float)(i / 20 % 3));
    }
    /* the conversion before the reshape is the reshape's row */
    const char *reason;
    ck_assert_int_eq(nn_plan_absent_count(plan), 1);
    ck_assert_str_eq(nn_plan_absent(plan, 0, &reason), "same");
    ck_assert_str_eq(reason, "view");
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

/* Steps of the plan with this operator. */
static int64_t count_steps(const nn_plan *plan, const nn_op *op) {
    int64_t count = 0;
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info info;
        nn_plan_step(plan, i, &info);
        if (info.node->op == op) count++;
    }
    return count;
}

START_TEST(transposes_between_layouts_move_nothing) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2,3,4,5");
    make_test_node(&m, &add_channel, "first", "x", "a");
    make_node(&m, "Transpose", "to_last", "a", "b", "perm=[0,2,3,1]");
    make_node(&m, "Relu", "relu", "b", "c", NULL);
    make_node(&m, "Transpose", "to_first", "c", "d", "perm=[0,3,1,2]");
    make_test_node(&m, &add_channel, "second", "d", "y");
    nn_model *model = make_model(&m, "y");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("2,3,4,5", 1), y;
    nn_plan *plan = plan_of(session, &x);
    ck_assert_int_eq(count_conversions(plan), 2);
    ck_assert_int_eq(count_steps(plan, &nn_op_transpose), 0);
    const char *reason;
    ck_assert_int_eq(nn_plan_absent_count(plan), 2);
    ck_assert_str_eq(nn_plan_absent(plan, 0, &reason), "to_last");
    ck_assert_str_eq(reason, "view");
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    for (int64_t i = 0; i < 120; i++) {
        float c = 10 * (float)(i / 20 % 3), a = ((float *)x.data)[i] + c;
        ck_assert_float_eq(((float *)y.data)[i], (a > 0 ? a : 0) + c);
    }
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(transposes_of_single_axes_move_nothing_and_others_do) {
    static const struct {
        const char *dims, *perm;
        int64_t steps;
    } cases[] = {
        {"4,1,5", "perm=[0,2,1]", 0},     {"1,4,1,5", "perm=[1,0,3,2]", 0}, {"4,5", NULL, 1},
        {"1,3,4,5", "perm=[0,2,3,1]", 1}, {"1,3,4,5", "perm=[1,0,2,3]", 0}, {"3,3,3", NULL, 1},
        {"2,3,1,5", "perm=[0,3,1,2]", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        maker m = make(13);
        make_input(&m, "x", NNOPT_FLOAT, cases[i].dims);
        make_node(&m, "Relu", "before", "x", "a", NULL);
        nn_node *node = make_node(&m, "Transpose", "transpose", "a", "b", cases[i].perm);
        make_node(&m, "Relu", "after", "b", "y", NULL);
        nn_model *model = make_model(&m, "y");
        nn_session *session = open_plain(model);
        nn_tensor x = random_tensor(cases[i].dims, i), y;
        ck_assert_int_eq(count_steps(plan_of(session, &x), &nn_op_transpose), cases[i].steps);
        ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
        const int64_t *perm;
        int64_t count;
        ck_assert_ok(nn_attrs_ints(&node->attrs, "perm", &perm, &count));
        for (int64_t k = 0; k < nn_tensor_count(&y); k++) {
            int64_t index[NN_MAX_RANK], rest = k, from = 0;
            for (int axis = y.rank - 1; axis >= 0; axis--) {
                index[perm ? perm[axis] : y.rank - 1 - axis] = rest % y.dims[axis];
                rest /= y.dims[axis];
            }
            for (int axis = 0; axis < x.rank; axis++) from = from * x.dims[axis] + index[axis];
            float value = ((float *)x.data)[from];
            ck_assert_float_eq(((float *)y.data)[k], value > 0 ? value : 0);
        }
        nn_tensor_clear(&x);
        nnopt_session_destroy(session);
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(elementwise_chains_run_in_place) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1000");
    make_node(&m, "Relu", "a", "x", "a", NULL);
    make_node(&m, "Relu", "b", "a", "b", NULL);
    make_node(&m, "Relu", "c", "b", "c", NULL);
    make_node(&m, "Relu", "d", "c", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("1000", 9), y;
    nn_plan *plan = plan_of(session, &x);
    ck_assert_int_eq(nn_plan_slab_bytes(plan), 4032);
    float before[1000];
    memcpy(before, x.data, sizeof before);
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    ck_assert_mem_eq(before, x.data, sizeof before);
    for (int i = 0; i < 1000; i++) {
        ck_assert_float_eq(((float *)y.data)[i], before[i] > 0 ? before[i] : 0);
    }
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(memory_that_is_read_later_is_not_overwritten) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "16");
    make_node(&m, "Relu", "a", "x", "a", NULL);
    make_node(&m, "Relu", "b", "a", "b", NULL);
    make_node(&m, "Add", "c", "a,a", "c", NULL);
    make_node(&m, "Sub", "d", "c,b", "d", NULL);
    make_node(&m, "Sub", "e", "d,a", "y", NULL);
    nn_model *model = make_model(&m, "y,c");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("16", 10), out[2];
    ck_assert_ok(nnopt_session_run(session, &x, 1, out));
    for (int i = 0; i < 16; i++) {
        float a = ((float *)x.data)[i];
        a = a > 0 ? a : 0;
        ck_assert_float_eq(((float *)out[0].data)[i], 0);
        ck_assert_float_eq(((float *)out[1].data)[i], 2 * a);
    }
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(rows_tell_what_a_profile_needs) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "4,8");
    make_random(&m, "w", "4,8", 1);
    make_node(&m, "Add", "sum", "x,w", "a", NULL);
    make_node(&m, "Relu", "relu", "a", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session = open_plain(model);
    nn_tensor x = random_tensor("4,8", 1);
    nn_plan *plan = plan_of(session, &x);
    ck_assert_int_eq(nn_plan_step_count(plan), 2);
    nn_step_info info;
    nn_plan_step(plan, 0, &info);
    ck_assert_str_eq(info.name, "sum");
    ck_assert_str_eq(info.origin, "sum");
    ck_assert_int_eq(info.cover_count, 1);
    ck_assert_str_eq(info.covers[0], "sum");
    ck_assert_ptr_eq(info.node->op, &nn_op_add);
    ck_assert_int_eq(info.node->in[0]->dims[1], 8);
    ck_assert(info.cost.flops == 32);
    ck_assert(info.cost.bytes_read == 256 && info.cost.bytes_written == 128);
    ck_assert_int_eq(info.live_bytes, 128);
    ck_assert(!info.is_conversion);
    ck_assert_int_eq(nn_plan_absent_count(plan), 0);
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_add_test(tests, layouts_of_values);
    tcase_add_test(tests, conversions_stand_at_the_edges_of_a_region_only);
    tcase_add_test(tests, a_value_is_converted_once_and_conversions_name_their_reader);
    tcase_add_test(tests, one_channel_or_one_place_needs_no_conversion);
    tcase_add_test(tests, constants_of_full_rank_follow_channels_last_and_lower_ranks_stay);
    tcase_add_test(tests, views_of_channels_last_values_are_in_standard_order);
    tcase_add_test(tests, transposes_between_layouts_move_nothing);
    tcase_add_test(tests, transposes_of_single_axes_move_nothing_and_others_do);
    tcase_add_test(tests, elementwise_chains_run_in_place);
    tcase_add_test(tests, memory_that_is_read_later_is_not_overwritten);
    tcase_add_test(tests, rows_tell_what_a_profile_needs);
    suite_add_tcase(suite, tests);
    return suite;
}
