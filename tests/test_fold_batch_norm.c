#include "engine/transform/fold_batch_norm.h"
#include "tests/support/runner.h"

/* Expected outputs are those of ONNX Runtime 1.31.1 without optimisation, for tensors of ramps:
 * start + step * (index mod period). */

static nn_graph *graph;

static void setup(void) {
    ck_assert_ok(nn_graph_create("g", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 13));
}

static void teardown(void) {
    nn_graph_destroy(graph);
}

static nn_value *value(const char *name) {
    nn_value *found = nn_graph_find(graph, name);
    if (found == NULL) ck_assert_ok(nn_graph_add_value(graph, name, &found));
    return found;
}

static void ramp(const char *name, int rank, const int64_t *dims, float start, float step,
                 int period) {
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(NNOPT_FLOAT, dims, rank, &blob));
    for (int64_t i = 0; i < nn_tensor_count(&blob->tensor); i++)
        ((float *)blob->tensor.data)[i] = start + step * (float)(i % period);
    ck_assert_ok(nn_graph_set_initializer(graph, value(name), blob));
    nn_blob_release(blob);
}

#define SHAPE(...)                                                                                 \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                       \
        __VA_ARGS__                                                                                \
    }

static nn_node *add_front(const char *type, bool has_bias, const nn_attr *attrs, int attr_count) {
    nn_value *inputs[3] = {value("x"), value("w"), has_bias ? value("b") : NULL}, *h = value("h");
    nn_node *made;
    ck_assert_ok(nn_graph_add_node(graph, type, "", "front", inputs, has_bias ? 3 : 2, &h, 1,
                                   &(nn_attrs){attrs, attr_count}, &made));
    return made;
}

static void add_norm(int64_t channels) {
    ramp("scale", SHAPE(channels), 0.5f, 0.25f, 7);
    ramp("shift", SHAPE(channels), -1, 0.5f, 7);
    ramp("mean", SHAPE(channels), -0.5f, 0.25f, 7);
    ramp("var", SHAPE(channels), 0.25f, 0.5f, 7);
    nn_attr epsilon = {.name = "epsilon", .kind = NN_ATTR_FLOAT, .f = 0.01f};
    nn_value *y = value("y");
    ck_assert_ok(nn_graph_add_node(
        graph, "BatchNormalization", "", "norm",
        (nn_value *[]){value("h"), value("scale"), value("shift"), value("mean"), value("var")}, 5,
        &y, 1, &(nn_attrs){&epsilon, 1}, NULL));
    ck_assert_ok(nn_graph_add_output(graph, y));
    ck_assert_ok(nn_graph_infer(graph));
}

static int merges;

static nn_status count_merge(void *user, const nn_node *into, const nn_node *node) {
    ck_assert_ptr_eq(user, &merges);
    ck_assert_str_eq(into->name, "front");
    ck_assert_str_eq(node->name, "norm");
    merges++;
    return NN_OK;
}

/* x is a constant here, so inference computes y: before the folding and after it. */
static void check(const float *wanted, int count) {
    for (int folded = 0; folded < 2; folded++) {
        const nn_tensor *y = value("y")->fact.constant;
        ck_assert_ptr_nonnull(y);
        ck_assert_int_eq(nn_tensor_count(y), count);
        for (int i = 0; i < count; i++)
            ck_assert_float_eq_tol(((const float *)y->data)[i], wanted[i], 2e-6f);
        if (folded) break;
        merges = 0;
        ck_assert_ok(nn_graph_fold_batch_norm(graph, "fold", false, count_merge, &merges));
        ck_assert_ok(nn_graph_verify(graph));
        ck_assert_int_eq(merges, 1);
        ck_assert_int_eq(graph->node_count, 1);
        ck_assert_ptr_null(nn_graph_find(graph, "mean"));
        ck_assert_ptr_null(nn_graph_find(graph, "w"));
        ck_assert_str_eq(value("y")->producer->name, "front");
    }
}

#define CHECK(...)                                                                                 \
    check((const float[]){__VA_ARGS__}, sizeof((float[]){__VA_ARGS__}) / sizeof(float))

static const nn_attr two_groups = {.name = "group", .kind = NN_ATTR_INT, .i = 2};

START_TEST(test_conv) {
    ramp("x", SHAPE(1, 2, 3, 3), -1, 0.25f, 11);
    ramp("w", SHAPE(4, 1, 2, 2), -0.75f, 0.25f, 7);
    ramp("b", SHAPE(4), 1, -0.5f, 7);
    add_front("Conv", true, &two_groups, 1);
    add_norm(4);
    CHECK(1.63531065f, 1.26759291f, 0.532157362f, 0.164439559f, -0.55376935f, -0.39246136f,
          -0.0698454976f, 0.0914624333f, -1.00222969f, -0.501114845f, 0.501114845f, 0.389755964f,
          2.20777917f, 0.264444262f, -1.03111231f, -1.03111231f);
}
END_TEST

START_TEST(test_conv_transpose) {
    ramp("x", SHAPE(1, 4, 1, 2), -1, 0.25f, 11);
    ramp("w", SHAPE(4, 2, 1, 2), -0.75f, 0.25f, 7);
    add_front("ConvTranspose", false, &two_groups, 1);
    add_norm(4);
    CHECK(0.103153288f, 0.22572583f, -0.264564484f, -0.39246136f, 0.0376931131f, -0.123614818f,
          0.222717702f, 0.556794286f, 0.445435405f, -0.0888893306f, -0.501111865f, -0.0300004184f);
}
END_TEST

START_TEST(test_gemm_transposed) {
    nn_attr attrs[] = {{.name = "alpha", .kind = NN_ATTR_FLOAT, .f = 0.5f},
                       {.name = "beta", .kind = NN_ATTR_FLOAT, .f = 2},
                       {.name = "transB", .kind = NN_ATTR_INT, .i = 1}};
    ramp("x", SHAPE(2, 4), -1, 0.25f, 11);
    ramp("w", SHAPE(3, 4), -0.75f, 0.25f, 7);
    ramp("b", SHAPE(3), 1, -0.5f, 7);
    nn_node *gemm = add_front("Gemm", true, attrs, 3);
    add_norm(3);
    CHECK(2.0643146f, 0.225885719f, 0.278397143f, 1.32887912f, 0.548501611f, 0.0556794256f);
    ck_assert_int_eq(gemm->attrs.count, 1);
}
END_TEST

START_TEST(test_gemm) {
    nn_attr alpha = {.name = "alpha", .kind = NN_ATTR_FLOAT, .f = 0.5f};
    ramp("x", SHAPE(2, 4), -1, 0.25f, 11);
    ramp("w", SHAPE(4, 3), -0.75f, 0.25f, 7);
    add_front("Gemm", false, &alpha, 1);
    add_norm(3);
    CHECK(-0.29520762f, 0.0108084679f, 0.0278397128f, -0.417780221f, -0.419346035f, 0.0278397128f);
}
END_TEST

/* Another reader of what lies between, or weights that are no constant: nothing is folded. */
START_TEST(test_refused) {
    ramp("x", SHAPE(1, 2, 3, 3), -1, 0.25f, 11);
    ramp("w", SHAPE(4, 1, 2, 2), -0.75f, 0.25f, 7);
    add_front("Conv", false, &two_groups, 1);
    ck_assert_ok(nn_graph_add_output(graph, value("h")));
    add_norm(4);
    ck_assert_ok(nn_graph_fold_batch_norm(graph, "fold", false, NULL, NULL));
    ck_assert_int_eq(graph->node_count, 2);
    teardown();
    setup();
    ramp("x", SHAPE(1, 2, 3, 3), -1, 0.25f, 11);
    value("w")->declared = nn_fact_make(NNOPT_FLOAT, SHAPE(4, 1, 2, 2));
    ck_assert_ok(nn_graph_add_input(graph, value("w")));
    add_front("Conv", false, &two_groups, 1);
    add_norm(4);
    ck_assert_ok(nn_graph_fold_batch_norm(graph, "fold", false, NULL, NULL));
    ck_assert_int_eq(graph->node_count, 2);
}
END_TEST

/* Weights that two convolutions share are copied for the one that changes. */
START_TEST(test_shared_weights) {
    ramp("x", SHAPE(1, 2, 3, 3), -1, 0.25f, 11);
    ramp("w", SHAPE(4, 1, 2, 2), -0.75f, 0.25f, 7);
    add_front("Conv", false, &two_groups, 1);
    nn_value *other = value("other");
    ck_assert_ok(nn_graph_add_node(graph, "Conv", "", "other",
                                   (nn_value *[]){value("x"), value("w")}, 2, &other, 1,
                                   &(nn_attrs){&two_groups, 1}, NULL));
    ck_assert_ok(nn_graph_add_output(graph, other));
    add_norm(4);
    ck_assert_ok(nn_graph_fold_batch_norm(graph, "fold", false, NULL, NULL));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(graph->node_count, 2);
    ck_assert_int_eq(value("w")->use_count, 1);
    ck_assert_float_eq(((const float *)value("w")->fact.constant->data)[0], -0.75f);
}
END_TEST

/* Large weights are made when they are pinned: the same bits, from a normalisation and from two. */
START_TEST(test_deferred_weights) {
    enum { ROWS = 200, CHANNELS = 101, COUNT = ROWS * CHANNELS };
    static float eager[COUNT];
    for (int defers = 0; defers < 2; defers++) {
        ramp("x", SHAPE(2, ROWS), -1, 0.25f, 11);
        ramp("w", SHAPE(ROWS, CHANNELS), -0.75f, 0.25f, 7);
        ramp("factor", SHAPE(CHANNELS), 0.5f, 0.3f, 5);
        add_front("Gemm", false, NULL, 0);
        nn_value *scaled = value("scaled");
        ck_assert_ok(nn_graph_add_node(graph, "Mul", "", "mul",
                                       (nn_value *[]){value("h"), value("factor")}, 2, &scaled, 1,
                                       NULL, NULL));
        ck_assert_ok(nn_graph_add_output(graph, scaled));
        ck_assert_ok(nn_graph_infer(graph));
        ck_assert_ok(nn_graph_fold_scale(graph, "fold", defers, NULL, NULL));
        ck_assert_int_eq(graph->node_count, 1);
        nn_value *folded = graph->nodes[0]->inputs[1];
        nn_blob *blob = folded->initializer;
        ck_assert_int_eq(blob->tensor.data == NULL, defers);
        ck_assert_int_eq(nn_blob_is_ready(blob), !defers);
        for (int round = 0; round < 2; round++) {
            const nn_tensor *pinned, *again;
            ck_assert_ok(nn_blob_pin(blob, &pinned));
            ck_assert_ok(nn_blob_pin(blob, &again));
            ck_assert_ptr_eq(again->data, pinned->data);
            if (!defers)
                memcpy(eager, pinned->data, sizeof eager);
            else
                ck_assert_int_eq(memcmp(eager, pinned->data, sizeof eager), 0);
            nn_blob_unpin(blob);
            nn_blob_unpin(blob);
        }
        for (int64_t begin = 0; begin < COUNT; begin += 777) { /* pieces cut rows anywhere */
            static float room[777];
            const int64_t count = COUNT - begin < 777 ? COUNT - begin : 777;
            const void *piece;
            ck_assert_ok(nn_blob_read(blob, begin, count, room, &piece));
            ck_assert_int_eq(memcmp(piece, eager + begin, (size_t)count * sizeof *eager), 0);
        }
        ck_assert_ok(nn_value_pin(folded));
        ck_assert_ptr_nonnull(folded->fact.constant->data);
        nn_value_unpin(folded);
        nn_blob_drop_spares();
        nn_fail_allocation(1);
        const nn_tensor *pinned;
        ck_assert_int_eq(nn_blob_pin(blob, &pinned), defers ? NNOPT_NO_MEMORY : NNOPT_OK);
        nn_fail_allocation(0);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(test_out_of_memory) {
    nn_status status = NN_NO_MEMORY;
    uint64_t k;
    for (k = 1; status != NN_OK; k++) {
        ck_assert_uint_lt(k, 10000);
        nn_attr alpha = {.name = "alpha", .kind = NN_ATTR_FLOAT, .f = 0.5f};
        ramp("x", SHAPE(2, 4), -1, 0.25f, 11);
        ramp("w", SHAPE(4, 3), -0.75f, 0.25f, 7);
        add_front("Gemm", false, &alpha, 1);
        add_norm(3);
        nn_fail_allocation(k);
        status = nn_graph_fold_batch_norm(graph, "fold", false, NULL, NULL);
        nn_fail_allocation(0);
        ck_assert(status == NN_OK || status == NN_NO_MEMORY);
        ck_assert_ok(nn_graph_verify(graph));
        ck_assert_int_eq(graph->node_count, status == NN_OK ? 1 : 2);
        teardown();
        setup();
    }
    ck_assert_uint_gt(k, 10);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("fold_batch_norm");
    TCase *tests = tcase_create("fold_batch_norm");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_conv);
    tcase_add_test(tests, test_conv_transpose);
    tcase_add_test(tests, test_gemm_transposed);
    tcase_add_test(tests, test_gemm);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_shared_weights);
    tcase_add_test(tests, test_deferred_weights);
    tcase_add_test(tests, test_out_of_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
