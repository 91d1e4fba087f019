/* Lowering of half types: they are float32 between operators, and halves where a model shows them.
 */
#include "engine/lower/lower.h"
#include "tests/support/maker.h"

/* x (float16) doubled, raised by 2048 and lowered again; whether it is positive is an output, too.
 */
static nn_model *half_model(void) {
    maker m = make(13);
    static const int64_t two[] = {2}, large[] = {2048};
    make_input(&m, "x", NNOPT_FLOAT16, "3");
    make_ints(&m, "two", NNOPT_FLOAT16, "1", two);
    make_ints(&m, "large", NNOPT_FLOAT16, "1", large);
    make_node(&m, "Mul", "double", "x,two", "a", NULL);
    make_node(&m, "Add", "raise", "a,large", "b", NULL);
    make_node(&m, "Sub", "lower", "b,large", "y", NULL);
    make_node(&m, "Greater", "test", "a,x", "z", NULL);
    return make_model(&m, "y,z");
}

static const float values[3] = {0.25f, -1.5f, 0.75f};

static nn_tensor half_input(uint16_t *halves) {
    for (int i = 0; i < 3; i++) halves[i] = nn_float_to_half(values[i]);
    return (nn_tensor){.type = NNOPT_FLOAT16, .rank = 1, .dims = {3}, .data = halves};
}

START_TEST(only_edges_are_halves) {
    nn_model *model = half_model();
    nn_lowered *lowered;
    ck_assert_ok(nn_lower(model->graph, NN_LOWERED_FUSED, NULL, 0, &lowered));
    const nn_graph *graph = lowered->graph;
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_node *node = graph->nodes[i];
        bool keeps = node->op == &nn_op_cast || node->op == &nn_op_greater;
        for (int k = 0; k < node->in_count; k++)
            ck_assert_msg(keeps || node->inputs[k]->fact.type == NNOPT_FLOAT, "%s", node->name);
    }
    ck_assert_int_eq(graph->outputs[0]->fact.type, NNOPT_FLOAT16);
    ck_assert_str_eq(graph->outputs[0]->name, "y");
    nn_lowered_destroy(lowered);
    nnopt_model_destroy(model);
}
END_TEST

/* Moving nodes at the edges move halves, those between computing nodes float32. */
START_TEST(edges_move_halves) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT16, "2,3");
    make_node(&m, "Transpose", "first", "x", "a", NULL);
    make_node(&m, "Exp", "compute", "a", "b", NULL);
    make_node(&m, "Transpose", "second", "b", "c", NULL);
    make_node(&m, "Concat", "third", "c,c", "d", "axis=0");
    make_node(&m, "Exp", "more", "d", "e", NULL);
    make_node(&m, "Transpose", "last", "e", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_lowered *lowered;
    ck_assert_ok(nn_lower(model->graph, NN_LOWERED_FUSED, NULL, 0, &lowered));
    const nn_graph *graph = lowered->graph;
    static const struct {
        const char *name;
        nnopt_type type;
    } moves[] = {{"first", NNOPT_FLOAT16},
                 {"second", NNOPT_FLOAT},
                 {"third", NNOPT_FLOAT},
                 {"last", NNOPT_FLOAT16}};
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        const nn_node *node = nn_graph_find_node(graph, moves[i].name);
        ck_assert_msg(node != NULL && node->inputs[0]->fact.type == moves[i].type, "%s",
                      moves[i].name);
    }
    nn_lowered_destroy(lowered);
    nnopt_model_destroy(model);
}
END_TEST

/* 2048.5 is no half: with rounding in between, 0.5 would be lost. */
START_TEST(results_are_rounded_once) {
    nn_model *model = half_model();
    uint16_t halves[3];
    nn_tensor x = half_input(halves);
    static const double rounded[3] = {0, -3, 2};
    nn_tensor fused = run_model(model, &(nn_session_options){.threads = 1}, &x, 1, 0);
    nn_tensor plain =
        run_model(model, &(nn_session_options){.threads = 1, .no_fusion = true}, &x, 1, 0);
    nn_tensor flags = run_model(model, &(nn_session_options){.threads = 1}, &x, 1, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq(nn_tensor_get(&fused, i), 2 * (double)values[i]);
        ck_assert_double_eq(nn_tensor_get(&plain, i), rounded[i]);
        ck_assert_double_eq(nn_tensor_get(&flags, i), values[i] > 0);
    }
    nn_tensor_clear(&fused);
    nn_tensor_clear(&plain);
    nn_tensor_clear(&flags);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("halves in lowering");
    TCase *tcase = tcase_create("halves");
    tcase_add_test(tcase, only_edges_are_halves);
    tcase_add_test(tcase, edges_move_halves);
    tcase_add_test(tcase, results_are_rounded_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
