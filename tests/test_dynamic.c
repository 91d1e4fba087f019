/* What is not known before a run: shapes that values decide, bodies and what they capture. */
#include "engine/plan/plan_parts.h"
#include "tests/support/maker.h"

/* kept = relu(x)[mask], in a graph whose first part has a fixed shape; twice = kept + kept. */
static nn_model *masked(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "4");
    make_input(&m, "mask", NNOPT_BOOL, "4");
    make_node(&m, "Relu", "relu", "x", "positive", NULL);
    make_node(&m, "Compress", "keep", "positive,mask", "kept", "axis=0");
    make_node(&m, "Add", "double", "kept,kept", "twice", NULL);
    return make_model(&m, "twice,positive");
}

static void run_masked(nn_session *session, float *x, bool *mask, nn_tensor *outputs) {
    nn_tensor inputs[2] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {4}, .data = x},
                           {.type = NNOPT_BOOL, .rank = 1, .dims = {4}, .data = mask}};
    ck_assert_ok(nnopt_session_run(session, inputs, 2, outputs));
}

START_TEST(shapes_follow_the_values_of_each_run) {
    nn_model *model = masked();
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    float x[4] = {1, -2, 3, 4};
    bool masks[4][4] = {{1, 1, 0, 1}, {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 1, 0}};
    for (int round = 0; round < 8; round++) {
        nn_tensor outputs[2];
        bool *mask = masks[round % 4];
        run_masked(session, x, mask, outputs);
        int64_t kept = 0;
        for (int i = 0; i < 4; i++)
            if (mask[i])
                ck_assert_float_eq(((float *)outputs[0].data)[kept++], x[i] < 0 ? 0 : 2 * x[i]);
        ck_assert_int_eq(outputs[0].rank, 1);
        ck_assert_int_eq(outputs[0].dims[0], kept);
        ck_assert_int_eq(outputs[1].dims[0], 4);
        ck_assert_float_eq(((float *)outputs[1].data)[2], 3);
    }
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

typedef struct step_names {
    const char *names[8];
    int count;
} step_names;

static void note_step(void *user, const nn_plan *plan, int64_t step, bool begin) {
    step_names *seen = user;
    nn_step_info info;
    nn_plan_step(plan, step, &info);
    if (begin) seen->names[seen->count++] = info.name;
}

START_TEST(every_step_is_told_to_the_hook_and_listed_once) {
    nn_model *model = masked();
    nn_session *session;
    nn_session_options options = {.threads = 1};
    ck_assert_ok(nn_session_open(model, &options, &session));
    step_names seen = {0};
    nn_session_set_hook(session, note_step, &seen);
    float x[4] = {1, -2, 3, 4};
    bool mask[4] = {1, 0, 0, 1};
    nn_tensor outputs[2];
    run_masked(session, x, mask, outputs);
    static const char *const names[] = {"relu", "keep", "double"};
    ck_assert_int_eq(seen.count, 3);
    for (int i = 0; i < 3; i++) ck_assert_str_eq(seen.names[i], names[i]);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(taps_reach_into_the_dynamic_part) {
    nn_model *model = masked();
    nn_session *session;
    const char *taps[] = {"kept"};
    nn_session_options options = {.threads = 1, .taps = taps, .tap_count = 1};
    ck_assert_ok(nn_session_open(model, &options, &session));
    float x[4] = {5, 6, 7, 8};
    bool mask[4] = {0, 1, 0, 1};
    nn_tensor outputs[2], tap;
    run_masked(session, x, mask, outputs);
    ck_assert_ok(nn_session_tap(session, 0, &tap));
    ck_assert_int_eq(tap.dims[0], 2);
    ck_assert_float_eq(((float *)tap.data)[1], 8);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

/* A file may say of an inner value what it likes: memory follows the values. */
START_TEST(a_wrong_claim_about_an_inner_shape_changes_nothing) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "6");
    make_input(&m, "shape", NNOPT_INT64, "2");
    make_node(&m, "Reshape", "fold", "x,shape", "y", NULL);
    make_node(&m, "Neg", "minus", "y", "z", NULL);
    nn_value *y = nn_graph_find(m.graph, "y");
    y->declared = nn_fact_make(NNOPT_FLOAT, 2, (int64_t[]){1000, 1000});
    nn_model *model = make_model(&m, "z");
    float x[6] = {1, 2, 3, 4, 5, 6};
    int64_t shape[2] = {3, -1};
    nn_tensor inputs[2] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {6}, .data = x},
                           {.type = NNOPT_INT64, .rank = 1, .dims = {2}, .data = shape}};
    nn_tensor out = run_model(model, NULL, inputs, 2, 0);
    ck_assert_int_eq(out.dims[0], 3);
    ck_assert_int_eq(out.dims[1], 2);
    ck_assert_float_eq(((float *)out.data)[5], -6);
    nn_tensor_clear(&out);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(outputs_do_not_lie_in_the_callers_memory) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "4");
    make_input(&m, "shape", NNOPT_INT64, "1");
    make_node(&m, "Reshape", "same", "x,shape", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    float x[4] = {1, 2, 3, 4};
    int64_t shape[1] = {4};
    nn_tensor inputs[2] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {4}, .data = x},
                           {.type = NNOPT_INT64, .rank = 1, .dims = {1}, .data = shape}};
    nn_tensor out;
    ck_assert_ok(nnopt_session_run(session, inputs, 2, &out));
    ck_assert_ptr_ne(out.data, x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_value_that_fits_no_rule_fails_the_run_and_not_the_session) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "6");
    make_input(&m, "shape", NNOPT_INT64, "2");
    make_node(&m, "Reshape", "fold", "x,shape", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    float x[6] = {0};
    int64_t shape[2] = {4, 2};
    nn_tensor inputs[2] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {6}, .data = x},
                           {.type = NNOPT_INT64, .rank = 1, .dims = {2}, .data = shape}};
    nn_tensor out;
    ck_assert_fails(nnopt_session_run(session, inputs, 2, &out), NNOPT_BAD_INPUT, "'fold'");
    shape[0] = 3;
    ck_assert_ok(nnopt_session_run(session, inputs, 2, &out));
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- bodies ---- */

static nn_value *body_value(nn_graph *body, const char *name) {
    nn_value *value;
    ck_assert_ok(nn_graph_resolve(body, name, &value));
    if (value == NULL) ck_assert_ok(nn_graph_add_value(body, name, &value));
    return value;
}

static nn_graph *body_of(nn_graph *parent, const char *op, const char *a, const char *b,
                         const char *out) {
    nn_graph *body;
    ck_assert_ok(nn_graph_create_body(parent, out, &body));
    nn_value *in[2] = {body_value(body, a), body_value(body, b)}, *y;
    ck_assert_ok(nn_graph_add_value(body, out, &y));
    nn_node *node;
    ck_assert_ok(nn_graph_add_node(body, op, "", NULL, in, 2, &y, 1, &(nn_attrs){0}, &node));
    ck_assert_ok(nn_graph_add_output(body, y));
    return body;
}

static nn_graph *if_in(nn_graph *graph, nn_graph *then_branch, nn_graph *else_branch,
                       const char *out) {
    nn_attr attrs[] = {{.name = "then_branch", .kind = NN_ATTR_GRAPH, .graph = then_branch},
                       {.name = "else_branch", .kind = NN_ATTR_GRAPH, .graph = else_branch}};
    nn_value *condition = body_value(graph, "condition"), *y;
    ck_assert_ok(nn_graph_add_value(graph, out, &y));
    nn_node *node;
    ck_assert_ok(nn_graph_add_node(graph, "If", "", out, &condition, 1, &y, 1,
                                   &(nn_attrs){attrs, 2}, &node));
    return graph;
}

/* y = condition ? (condition ? x w : x + w) : x - w, with x made inside and w a constant outside.
 */
static nn_model *nested(void) {
    maker m = make(13);
    static const float w[2] = {3, 4};
    make_input(&m, "in", NNOPT_FLOAT, "2");
    make_input(&m, "condition", NNOPT_BOOL, "");
    make_floats(&m, "w", "2", w);
    make_node(&m, "Neg", "minus", "in", "x", NULL);
    nn_graph *outer;
    ck_assert_ok(nn_graph_create_body(m.graph, "outer", &outer));
    nn_graph *product = body_of(outer, "Mul", "x", "w", "product");
    nn_graph *sum = body_of(outer, "Add", "x", "w", "sum");
    if_in(outer, product, sum, "inner");
    ck_assert_ok(nn_graph_add_output(outer, nn_graph_find(outer, "inner")));
    nn_graph *difference = body_of(m.graph, "Sub", "x", "w", "difference");
    if_in(m.graph, outer, difference, "y");
    return make_model(&m, "y");
}

static void check_nested(nn_session *session, bool condition, float first, float second) {
    float in[2] = {1, -2};
    nn_tensor inputs[2] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {2}, .data = in},
                           {.type = NNOPT_BOOL, .rank = 0, .data = &condition}};
    nn_tensor out;
    ck_assert_ok(nnopt_session_run(session, inputs, 2, &out));
    ck_assert_int_eq(out.dims[0], 2);
    ck_assert_float_eq(((float *)out.data)[0], first);
    ck_assert_float_eq(((float *)out.data)[1], second);
}

START_TEST(bodies_read_values_and_constants_of_every_graph_around_them) {
    nn_model *model = nested();
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    for (int round = 0; round < 2; round++) {
        check_nested(session, true, -3, 8);
        check_nested(session, false, -4, -2);
    }
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(an_unknown_operator_in_a_body_is_reported_with_the_others) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2");
    make_input(&m, "condition", NNOPT_BOOL, "");
    make_node(&m, "Nonesuch", "outside", "x", "z", NULL);
    nn_graph *first = body_of(m.graph, "Unheard", "x", "x", "first");
    nn_graph *second = body_of(m.graph, "Add", "x", "x", "second");
    if_in(m.graph, first, second, "y");
    nn_model *model = make_model(&m, "y,z");
    nn_session *session;
    ck_assert_fails(nnopt_session_create(model, NULL, &session), NNOPT_UNSUPPORTED, "'Unheard'");
    ck_assert_ptr_nonnull(strstr(nnopt_last_error(), "'Nonesuch'"));
    nnopt_model_destroy(model);
}
END_TEST

static nn_status open_and_run(nn_model *model) {
    nn_session *session;
    bool condition = true;
    float in[2] = {1, -2};
    nn_tensor inputs[2] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {2}, .data = in},
                           {.type = NNOPT_BOOL, .rank = 0, .data = &condition}};
    nn_tensor out;
    nn_session_options options = {.threads = 1};
    NN_TRY(nn_session_open(model, &options, &session));
    nn_status status = nnopt_session_run(session, inputs, 2, &out);
    nnopt_session_destroy(session);
    return status;
}

START_TEST(every_failed_allocation_is_an_error_and_leaks_nothing) {
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n++) {
        nn_model *model = nested();
        nn_fail_allocation(n);
        status = open_and_run(model);
        nn_fail_allocation(0);
        ck_assert_msg(status == NN_OK || status == NN_NO_MEMORY, "allocation %d: %s", (int)n,
                      nnopt_last_error());
        nnopt_model_destroy(model);
    }
}
END_TEST

/* ---- tensors that own what they hold ---- */

START_TEST(copies_of_containers_own_their_texts) {
    char word[] = "word";
    const char *texts[2] = {word, ""};
    nn_tensor strings = {.type = NNOPT_STRING, .rank = 1, .dims = {2}, .data = texts};
    nn_tensor sequence = {.type = NNOPT_SEQUENCE, .rank = 1, .dims = {1}, .data = &strings};
    nn_tensor optional = {.type = NNOPT_OPTIONAL, .rank = 1, .dims = {1}, .data = &sequence};
    nn_tensor copy;
    ck_assert_ok(nn_tensor_copy(&optional, &copy));
    word[0] = 'W';
    const nn_tensor *inner = ((nn_tensor *)copy.data)->data;
    ck_assert_str_eq(((const char **)inner->data)[0], "word");
    ck_assert_str_eq(((const char **)inner->data)[1], "");
    nn_tensor_clear(&copy);
    ck_assert_ptr_null(copy.data);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("dynamic");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, shapes_follow_the_values_of_each_run);
    tcase_add_test(tests, every_step_is_told_to_the_hook_and_listed_once);
    tcase_add_test(tests, taps_reach_into_the_dynamic_part);
    tcase_add_test(tests, a_wrong_claim_about_an_inner_shape_changes_nothing);
    tcase_add_test(tests, outputs_do_not_lie_in_the_callers_memory);
    tcase_add_test(tests, a_value_that_fits_no_rule_fails_the_run_and_not_the_session);
    tcase_add_test(tests, bodies_read_values_and_constants_of_every_graph_around_them);
    tcase_add_test(tests, an_unknown_operator_in_a_body_is_reported_with_the_others);
    tcase_add_test(tests, every_failed_allocation_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, copies_of_containers_own_their_texts);
    suite_add_tcase(suite, tests);
    return suite;
}
