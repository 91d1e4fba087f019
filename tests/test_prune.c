/* Pruning: what is coupled, and the oracle: a pruned model without refit equals the original whose
 * consumers of the removed channels are zero. */
#include "optim/prune_plan.h"
#include "optim/simplify.h"
#include "tests/support/maker.h"

/* Stem, residual block with a depthwise convolution, squeeze and excite, concatenation, split,
 * Flatten into a Gemm with an activation between: every way in which channels hang together. */
static nn_model *coupled_model(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "N,3,8,8");
    make_random(&m, "w_stem", "16,3,3,3", 1);
    make_random(&m, "b_stem", "16", 2);
    make_node(&m, "Conv", "stem", "x,w_stem,b_stem", "s0", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "stem_relu", "s0", "s", NULL);
    make_random(&m, "w_expand", "24,16,1,1", 3);
    make_node(&m, "Conv", "expand", "s,w_expand", "e0", NULL);
    make_node(&m, "Relu", "expand_relu", "e0", "e", NULL);
    make_random(&m, "w_depth", "24,1,3,3", 4);
    make_random(&m, "b_depth", "24", 5);
    make_node(&m, "Conv", "depth", "e,w_depth,b_depth", "d", "pads=[1,1,1,1] group=24");
    make_node(&m, "GlobalAveragePool", "squeeze", "d", "q0", NULL);
    make_random(&m, "w_squeeze", "8,24,1,1", 6);
    make_node(&m, "Conv", "squeeze_conv", "q0,w_squeeze", "q1", NULL);
    make_node(&m, "Relu", "squeeze_relu", "q1", "q2", NULL);
    make_random(&m, "w_excite", "24,8,1,1", 7);
    make_node(&m, "Conv", "excite", "q2,w_excite", "q3", NULL);
    make_node(&m, "Sigmoid", "gate", "q3", "q", NULL);
    make_node(&m, "Mul", "scale", "d,q", "g", NULL);
    make_random(&m, "w_project", "16,24,1,1", 8);
    make_node(&m, "Conv", "project", "g,w_project", "p", NULL);
    make_node(&m, "Add", "residual", "p,s", "r", NULL);
    make_random(&m, "w_side", "8,16,3,3", 9);
    make_node(&m, "Conv", "side", "r,w_side", "t", "pads=[1,1,1,1]");
    make_node(&m, "Concat", "join", "r,t", "c", "axis=1");
    make_random(&m, "w_mix", "16,24,1,1", 10);
    make_node(&m, "Conv", "mix", "c,w_mix", "m0", NULL);
    make_node(&m, "MaxPool", "pool", "m0", "m1", "kernel_shape=[2,2] strides=[2,2]");
    make_node(&m, "Flatten", "flatten", "m1", "f", NULL);
    make_random(&m, "w_hidden", "32,256", 11);
    make_random(&m, "b_hidden", "32", 12);
    make_node(&m, "Gemm", "hidden", "f,w_hidden,b_hidden", "h0", "transB=1");
    make_node(&m, "Relu", "hidden_relu", "h0", "h", NULL);
    make_random(&m, "w_head", "32,5", 13);
    make_node(&m, "MatMul", "head", "h,w_head", "y", NULL);
    return make_model(&m, "y");
}

static nn_model *simplified(nn_model *model) {
    nn_model *simple;
    ck_assert_ok(nn_simplify_model(model, "test", &simple));
    nnopt_model_destroy(model);
    return simple;
}

static int64_t channels_of(const nn_model *model, const char *weights, int axis) {
    for (int64_t n = 0; n < model->graph->node_count; n++) {
        const nn_node *node = model->graph->nodes[n];
        if (strcmp(node->name, weights) == 0) return node->inputs[1]->fact.dims[axis];
    }
    ck_abort_msg("no node %s", weights);
    return 0;
}

static void check_oracle(nn_model *simple, double macs, int64_t round_to) {
    nn_prune_plan plan;
    ck_assert_ok(nn_prune_plan_create(simple, &plan));
    nn_prune_importance_by_norm(&plan);
    ck_assert_ok(nn_prune_select_macs(&plan, macs, 0.125, round_to));
    nn_model *pruned, *masked;
    ck_assert_ok(nn_prune_apply(&plan, &pruned));
    ck_assert_ok(nn_prune_mask(&plan, &masked));
    ck_assert_int_lt(nn_model_parameters(pruned), nn_model_parameters(simple));
    ck_assert_int_eq(nn_model_parameters(masked), nn_model_parameters(simple));
    nn_tensor x = random_tensor("2,3,8,8", 99);
    nn_tensor a = run_model(pruned, NULL, &x, 1, 0), b = run_model(masked, NULL, &x, 1, 0);
    check_close(&a, &b, 1e-4, 1e-4);
    nn_tensor_clear(&a);
    nn_tensor_clear(&b);
    nn_tensor_clear(&x);
    nnopt_model_destroy(pruned);
    nnopt_model_destroy(masked);
    nn_prune_plan_clear(&plan);
}

START_TEST(a_pruned_model_equals_the_masked_original) {
    static const double macs[] = {0.9, 0.7, 0.4};
    nn_model *simple = simplified(coupled_model());
    for (int i = 0; i < 3; i++) {
        check_oracle(simple, macs[i], 4);
        check_oracle(simple, macs[i], 1);
    }
    nnopt_model_destroy(simple);
}
END_TEST

START_TEST(every_kind_of_coupling_is_found) {
    nn_model *simple = simplified(coupled_model());
    nn_prune_plan plan;
    ck_assert_ok(nn_prune_plan_create(simple, &plan));
    /* residual stream 16, expand with depthwise and excite 24, squeeze 8, side 8, mix 16, hidden 32
     */
    ck_assert_int_eq(plan.groups.structure_count, 16 + 24 + 8 + 8 + 16 + 32);
    ck_assert_int_eq(plan.groups.family_count, 6);
    nn_prune_importance_by_norm(&plan);
    ck_assert_ok(nn_prune_select_ratio(&plan, 0.5, 1));
    nn_model *pruned;
    ck_assert_ok(nn_prune_apply(&plan, &pruned));
    ck_assert_int_eq(channels_of(pruned, "stem", 0), 8);
    ck_assert_int_eq(channels_of(pruned, "project", 0), 8);
    ck_assert_int_eq(channels_of(pruned, "depth", 0), 12);
    ck_assert_int_eq(channels_of(pruned, "excite", 0), 12);
    ck_assert_int_eq(channels_of(pruned, "mix", 1), 8 + 4);
    ck_assert_int_eq(channels_of(pruned, "hidden", 1), 8 * 16);
    ck_assert_int_eq(channels_of(pruned, "head", 0), 16);
    ck_assert_int_eq(channels_of(pruned, "head", 1), 5); /* a graph output is pinned */
    ck_assert_int_eq(channels_of(pruned, "stem", 1), 3); /* so is an input */
    nnopt_model_destroy(pruned);
    nn_prune_plan_clear(&plan);
    nnopt_model_destroy(simple);
}
END_TEST

START_TEST(an_unknown_operator_pins_what_it_touches) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,3,4,4");
    ck_assert_ok(nn_graph_set_opset(m.graph, "acme", 1));
    make_random(&m, "w1", "8,3,1,1", 1);
    make_random(&m, "w2", "8,8,1,1", 2);
    make_random(&m, "w3", "4,8,1,1", 3);
    make_node(&m, "Conv", "first", "x,w1", "a", NULL);
    make_node(&m, "Conv", "second", "a,w2", "b", NULL);
    make_node(&m, "acme:Mystery", "mystery", "b", "c", NULL);
    make_node(&m, "Conv", "third", "c,w3", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_channel_groups groups;
    ck_assert_ok(nn_channel_groups_build(model->graph, &groups));
    ck_assert_int_eq(groups.structure_count, 8); /* between first and second only */
    nn_channel_groups_clear(&groups);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(counts_stay_multiples_and_goals_out_of_reach_are_refused) {
    nn_model *simple = simplified(coupled_model());
    nn_prune_plan plan;
    ck_assert_ok(nn_prune_plan_create(simple, &plan));
    nn_prune_importance_by_norm(&plan);
    ck_assert_ok(nn_prune_select_macs(&plan, 0.6, 0.125, 8));
    ck_assert_double_le(nn_prune_macs(&plan), 0.6 * plan.macs);
    nn_model *pruned;
    ck_assert_ok(nn_prune_apply(&plan, &pruned));
    ck_assert_int_eq(channels_of(pruned, "stem", 0) % 8, 0);
    ck_assert_int_eq(channels_of(pruned, "depth", 0) % 8, 0);
    nnopt_model_destroy(pruned);
    ck_assert_fails(nn_prune_select_macs(&plan, 0.001, 0.125, 8), NNOPT_CHECK, "pruning stops at");
    nn_prune_plan_clear(&plan);
    nnopt_model_destroy(simple);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("prune");
    TCase *cases = tcase_create("prune");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_pruned_model_equals_the_masked_original);
    tcase_add_test(cases, every_kind_of_coupling_is_found);
    tcase_add_test(cases, an_unknown_operator_pins_what_it_touches);
    tcase_add_test(cases, counts_stay_multiples_and_goals_out_of_reach_are_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
