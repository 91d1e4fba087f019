/* Operators of ai.onnx.ml: against outputs of ONNX Runtime (tests/data/ml_cases.txt), with maps,
 * and with broken trees. */
#include "engine/plan/prepare.h"
#include "tests/support/op_case.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(case_holds) {
    op_case_check(op_cases_get(_i));
}
END_TEST

/* ---- one node with attributes of this file ---- */

static nn_arena arena;

static nn_attr ints(const char *name, int64_t count, const int64_t *values) {
    return (nn_attr){.name = name, .kind = NN_ATTR_INTS, .count = count, .ints = values};
}
static nn_attr floats(const char *name, int64_t count, const float *values) {
    return (nn_attr){.name = name, .kind = NN_ATTR_FLOATS, .count = count, .floats = values};
}
static nn_attr text(const char *name, const char *value) {
    return (nn_attr){.name = name, .kind = NN_ATTR_STRING, .s = {value, (int64_t)strlen(value)}};
}
static nn_attr texts(const char *name, int64_t count, const char *const *values) {
    nn_text *list = nn_arena_alloc(&arena, (size_t)count * sizeof *list);
    for (int64_t i = 0; i < count; i++) list[i] = (nn_text){values[i], (int64_t)strlen(values[i])};
    return (nn_attr){.name = name, .kind = NN_ATTR_STRINGS, .count = count, .strings = list};
}

/* Parses, infers, prepares and runs; *out is made by the node or allocated as it infers. */
static nn_status run_node(const char *type, int version, const nn_attr *items, int64_t count,
                          const nn_tensor *in, nn_tensor *out) {
    nn_attrs attrs = {items, count};
    nn_fact in_fact = nn_fact_of_tensor(in, true), out_fact = nn_fact_unknown();
    const nn_fact *in_facts[] = {&in_fact};
    nn_fact *out_facts[] = {&out_fact};
    nn_node_view node = {.name = "x",
                         .op = nn_op_find("ai.onnx.ml", type, version),
                         .opset = version,
                         .in_count = 1,
                         .out_count = 1,
                         .in = in_facts,
                         .out = out_facts};
    ck_assert_ptr_nonnull(node.op);
    void *parsed = nn_arena_alloc(&arena, node.op->attr_size + 1);
    node.attrs = parsed;
    *out = (nn_tensor){0};
    NN_TRY(node.op->parse(&node, &attrs, parsed));
    NN_TRY(node.op->infer(&node));
    const nn_kernel *kernel = node.op->kernels[0];
    nn_target target = {.threads = 1};
    struct nn_prepare prepare = {.node = &node, .arena = &arena, .layout = NN_LAYOUT_STANDARD};
    if (kernel->prepare != NULL) NN_TRY(kernel->prepare(&node, &target, &prepare));
    if (!kernel->makes_outputs)
        NN_TRY(nn_tensor_init(out, out_fact.type, out_fact.dims, out_fact.rank));
    const nn_tensor *in_list[] = {in};
    nn_tensor *out_list[] = {out};
    nn_call call = {.node = &node,
                    .state = prepare.state,
                    .in_count = 1,
                    .out_count = 1,
                    .in = in_list,
                    .out = out_list,
                    .workspace = nn_arena_alloc(&arena, prepare.workspace_bytes + 1),
                    .texts = &arena};
    return kernel->run(&call);
}

/* ---- maps ---- */

START_TEST(rows_become_maps) {
    float values[] = {0.25f, 0.75f, 1, 0};
    nn_tensor x = {.type = NNOPT_FLOAT, .rank = 2, .dims = {2, 2}, .data = values}, out;
    nn_attr names = texts("classlabels_strings", 2, (const char *const[]){"no", "yes"});
    ck_assert_ok(run_node("ZipMap", 1, &names, 1, &x, &out));
    ck_assert_int_eq(out.type, NNOPT_SEQUENCE);
    ck_assert_int_eq(out.dims[0], 2);
    for (int row = 0; row < 2; row++) {
        const nn_tensor *map = (const nn_tensor *)out.data + row;
        ck_assert_int_eq(map->type, NNOPT_MAP);
        const nn_tensor *keys = map->data, *numbers = keys + 1;
        ck_assert_str_eq(((const char **)keys->data)[0], "no");
        ck_assert_str_eq(((const char **)keys->data)[1], "yes");
        ck_assert_mem_eq(numbers->data, values + 2 * row, 2 * sizeof(float));
    }
    nn_tensor_clear(&out);
    static const int64_t twice[] = {3, 3};
    nn_attr keys = ints("classlabels_int64s", 2, twice);
    ck_assert_int_eq(run_node("ZipMap", 1, &keys, 1, &x, &out), NN_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(nnopt_last_error(), "keys 0 and 1 are the same"));
    nn_arena_clear(&arena);
}
END_TEST

typedef struct map_of {
    nn_tensor parts[2], map;
} map_of;

static const nn_tensor *make_map(map_of *out, nn_type key_type, const void *keys, nn_type type,
                                 const void *values, int64_t count) {
    out->parts[0] = (nn_tensor){.type = key_type, .rank = 1, .dims = {count}, .data = (void *)keys};
    out->parts[1] = (nn_tensor){.type = type, .rank = 1, .dims = {count}, .data = (void *)values};
    out->map = (nn_tensor){.type = NNOPT_MAP, .rank = 1, .dims = {2}, .data = out->parts};
    return &out->map;
}

START_TEST(maps_are_cast) {
    static const int64_t keys[] = {4, 0, 2};
    static const float reals[] = {1.5f, -2, 0.25f};
    static const char *const numbers[] = {"15", "-2", "3"};
    map_of real_map, text_map;
    nn_tensor out;
    const nn_tensor *map = make_map(&real_map, NNOPT_INT64, keys, NNOPT_FLOAT, reals, 3);
    ck_assert_ok(run_node("CastMap", 1, NULL, 0, map, &out));
    ck_assert(nn_dims_equal(out.dims, out.rank, (int64_t[]){1, 3}, 2));
    ck_assert_mem_eq(out.data, ((float[]){-2, 0.25f, 1.5f}), 3 * sizeof(float));
    nn_tensor_clear(&out);

    nn_attr sparse[] = {text("map_form", "SPARSE"),
                        text("cast_to", "TO_STRING"),
                        {.name = "max_map", .kind = NN_ATTR_INT, .i = 5}};
    ck_assert_ok(run_node("CastMap", 1, sparse, 3, map, &out));
    const char *const *written = out.data;
    ck_assert_int_eq(nn_tensor_count(&out), 5);
    ck_assert_str_eq(written[0], "-2.000000");
    ck_assert_str_eq(written[1], "0.f");
    ck_assert_str_eq(written[4], "1.500000");
    nn_tensor_clear(&out);
    sparse[2].i = 4;
    ck_assert_int_eq(run_node("CastMap", 1, sparse, 3, map, &out), NN_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(nnopt_last_error(), "key 4 is outside of 'max_map' 4"));
    nn_tensor_clear(&out);

    map = make_map(&text_map, NNOPT_INT64, keys, NNOPT_STRING, numbers, 3);
    nn_attr whole = text("cast_to", "TO_INT64");
    ck_assert_ok(run_node("CastMap", 1, &whole, 1, map, &out));
    ck_assert_mem_eq(out.data, ((int64_t[]){-2, 3, 15}), 3 * sizeof(int64_t));
    nn_tensor_clear(&out);
    static const char *const words[] = {"15", "2x", "3"};
    map = make_map(&text_map, NNOPT_INT64, keys, NNOPT_STRING, words, 3);
    ck_assert_int_eq(run_node("CastMap", 1, &whole, 1, map, &out), NN_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(nnopt_last_error(), "'2x' is no int64"));
    nn_tensor_clear(&out);
    nn_arena_clear(&arena);
}
END_TEST

START_TEST(maps_become_vectors) {
    static const char *const words[] = {"c", "a", "unknown"};
    static const double values[] = {8, 4, 1};
    map_of one;
    nn_tensor out;
    const nn_tensor *map = make_map(&one, NNOPT_STRING, words, NNOPT_DOUBLE, values, 3);
    nn_attr vocabulary =
        texts("string_vocabulary", 5, (const char *const[]){"a", "c", "b", "z", "a"});
    ck_assert_ok(run_node("DictVectorizer", 1, &vocabulary, 1, map, &out));
    ck_assert(nn_dims_equal(out.dims, out.rank, (int64_t[]){1, 5}, 2));
    ck_assert_mem_eq(out.data, ((double[]){4, 8, 0, 0, 4}), 5 * sizeof(double));
    nn_tensor_clear(&out);
    static const int64_t numbers[] = {1, 2};
    nn_attr integers = ints("int64_vocabulary", 2, numbers);
    ck_assert_int_eq(run_node("DictVectorizer", 1, &integers, 1, map, &out), NN_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(nnopt_last_error(), "keys must not be of type string"));
    nn_arena_clear(&arena);
}
END_TEST

/* ---- broken trees ---- */

enum { NODES = 3, FEATURES, TREES, IDS, YES, NO, VOTE_NODES, VOTE_IDS, LISTS };

/* Tree 0: node 0 asks for feature 0, nodes 1 and 2 are its leaves. `list`[`index`] becomes `value`.
 */
typedef struct broken_tree {
    int list, index;
    int64_t value;
    const char *message; /* NULL: nothing is broken */
} broken_tree;

static const broken_tree broken[] = {
    {IDS, 0, 0, NULL},
    {FEATURES, 0, 2, "a node asks for feature 2 of 2"},
    {FEATURES, 0, -1, "node 0 asks for feature -1"},
    {IDS, 2, 1, "node 1 of tree 0 is given twice"},
    {YES, 0, 7, "node 0 of tree 0 leads to node 7, which does not exist"},
    {NO, 0, 0, "lead in a circle"},
    {NO, 0, -1, "leads to node -1"},
    {TREES, 2, 1, "leads to node 2, which does not exist"},
    {VOTE_NODES, 0, 9, "vote 0 is of node 9 of tree 0, which does not exist"},
    {VOTE_IDS, 1, 1, "vote 1 is for target 1 of 1"},
    {VOTE_IDS, 1, -1, "vote 1 is for target -1 of 1"},
};

START_TEST(broken_tree_is_named) {
    const broken_tree *test = &broken[_i];
    int64_t lists[LISTS][NODES] = {
        [IDS] = {0, 1, 2}, [YES] = {1}, [NO] = {2}, [VOTE_NODES] = {1, 2}};
    lists[test->list][test->index] = test->value;
    static const float zeros[NODES], weights[] = {1, 2};
    static const int64_t vote_trees[2];
    const nn_attr attrs[] = {
        ints("nodes_featureids", 3, lists[FEATURES]),
        ints("nodes_treeids", 3, lists[TREES]),
        ints("nodes_nodeids", 3, lists[IDS]),
        ints("nodes_truenodeids", 3, lists[YES]),
        ints("nodes_falsenodeids", 3, lists[NO]),
        floats("nodes_values", 3, zeros),
        texts("nodes_modes", 3, (const char *const[]){"BRANCH_LEQ", "LEAF", "LEAF"}),
        ints("target_treeids", 2, vote_trees),
        ints("target_nodeids", 2, lists[VOTE_NODES]),
        ints("target_ids", 2, lists[VOTE_IDS]),
        floats("target_weights", 2, weights),
    };
    float x[] = {-1, 0};
    nn_tensor in = {.type = NNOPT_FLOAT, .rank = 2, .dims = {1, 2}, .data = x}, out;
    nn_status status =
        run_node("TreeEnsembleRegressor", 1, attrs, sizeof attrs / sizeof attrs[0], &in, &out);
    if (test->message == NULL) {
        ck_assert_ok(status);
        ck_assert(((float *)out.data)[0] == 1);
    } else {
        ck_assert_int_eq(status, NN_BAD_INPUT);
        ck_assert_msg(strstr(nnopt_last_error(), test->message) != NULL, "'%s' lacks '%s'",
                      nnopt_last_error(), test->message);
    }
    nn_tensor_clear(&out);
    nn_arena_clear(&arena);
}
END_TEST

/* ---- broken attributes of others ---- */

START_TEST(broken_attribute_is_named) {
    float x[] = {1, 2};
    nn_tensor in = {.type = NNOPT_FLOAT, .rank = 2, .dims = {1, 2}, .data = x}, out;
    static const float three[] = {1, 2, 3};
    static const int64_t one[] = {1};
    const struct {
        const char *op, *message;
        nn_attr attrs[3];
        int64_t count;
    } tests[] = {
        {"Scaler", "'scale' has 3 values for 2 features", {floats("scale", 3, three)}, 1},
        {"Normalizer", "'norm' is 'L3'", {text("norm", "L3")}, 1},
        {"Imputer", "3 imputed values for 2", {floats("imputed_value_floats", 3, three)}, 1},
        {"Imputer", "needs either 'imputed_value_floats'", {text("x", "y")}, 1},
        {"LabelEncoder", "needs one of 'keys_strings'", {ints("values_int64s", 1, one)}, 1},
        {"LabelEncoder",
         "1 keys but 3 values",
         {ints("keys_int64s", 1, one), floats("values_floats", 3, three)},
         2},
        {"LabelEncoder",
         "input 0 is float32, the keys are int64",
         {ints("keys_int64s", 1, one), ints("values_int64s", 1, one)},
         2},
        {"OneHotEncoder",
         "element 1 is in no category",
         {ints("cats_int64s", 1, one), {.name = "zeros", .kind = NN_ATTR_INT}},
         2},
        {"LinearRegressor", "input 0 has 2 features, not 3", {floats("coefficients", 3, three)}, 1},
        {"LinearRegressor",
         "'post_transform' is 'X'",
         {floats("coefficients", 3, three), text("post_transform", "X")},
         2},
        {"LinearClassifier",
         "needs either 'classlabels_ints'",
         {floats("coefficients", 3, three)},
         1},
        {"SVMRegressor", "'rho' is missing", {floats("coefficients", 3, three)}, 1},
        {"SVMRegressor", "'kernel_type' is 'CUBE'", {text("kernel_type", "CUBE")}, 1},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        int version = strcmp(tests[i].op, "LabelEncoder") == 0 ? 2 : 1;
        nn_status status =
            run_node(tests[i].op, version, tests[i].attrs, tests[i].count, &in, &out);
        ck_assert_msg(status == NN_BAD_INPUT, "%s %zu: status %d", tests[i].op, i, status);
        ck_assert_msg(strstr(nnopt_last_error(), tests[i].message) != NULL, "'%s' lacks '%s'",
                      nnopt_last_error(), tests[i].message);
        nn_tensor_clear(&out);
    }
    nn_arena_clear(&arena);
}
END_TEST

Suite *test_suite(void) {
    char path[4096];
    const char *source = getenv("NNOPT_SOURCE");
    snprintf(path, sizeof path, "%s/tests/data/ml_cases.txt", source ? source : ".");
    op_cases_load(path);
    Suite *suite = suite_create("ai.onnx.ml");
    TCase *tcase = tcase_create("ml");
    tcase_add_loop_test(tcase, case_holds, 0, op_cases_count());
    tcase_add_test(tcase, rows_become_maps);
    tcase_add_test(tcase, maps_are_cast);
    tcase_add_test(tcase, maps_become_vectors);
    tcase_add_loop_test(tcase, broken_tree_is_named, 0, (int)(sizeof broken / sizeof broken[0]));
    tcase_add_test(tcase, broken_attribute_is_named);
    suite_add_tcase(suite, tcase);
    return suite;
}
