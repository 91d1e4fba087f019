/* Saving: what was loaded comes back, nothing is lost on the way, failures leave no file. */
#include "engine/graph/model.h"
#include "engine/graph/patch.h"
#include "formats/onnx_save.h"
#include "tests/support/expected.h"
#include "tests/support/runner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- are two graphs the same? ---- */

static void check_tensors(const char *name, const nn_tensor *a, const nn_tensor *b) {
    ck_assert_int_eq(a->type, b->type);
    ck_assert_msg(nn_dims_equal(a->dims, a->rank, b->dims, b->rank), "'%s': another shape", name);
    if (a->type == NNOPT_STRING) {
        for (int64_t i = 0; i < nn_tensor_count(a); i++)
            ck_assert_str_eq(((char **)a->data)[i], ((char **)b->data)[i]);
    } else if (nn_tensor_bytes(a) > 0) {
        ck_assert_msg(memcmp(a->data, b->data, (size_t)nn_tensor_bytes(a)) == 0, "'%s': other data",
                      name);
    }
}

static void check_facts(const nn_value *a, const nn_value *b) {
    const nn_fact *x = &a->declared, *y = &b->declared;
    ck_assert_msg(x->type == y->type, "'%s': another type", a->name);
    ck_assert_msg(x->rank == y->rank, "'%s': another rank", a->name);
    for (int i = 0; i < x->rank; i++)
        ck_assert_msg(nn_dim_is_known(x->dims[i]) == nn_dim_is_known(y->dims[i]) &&
                          nn_dim_is_symbol(x->dims[i]) == nn_dim_is_symbol(y->dims[i]) &&
                          (!nn_dim_is_known(x->dims[i]) || x->dims[i] == y->dims[i]),
                      "'%s': another dimension %d", a->name, i);
}

static void check_graphs(const nn_graph *a, const nn_graph *b);

static void check_attribute(const nn_attr *a, const nn_attr *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert_int_eq(a->count, b->count);
    switch (a->kind) {
    case NN_ATTR_FLOAT:
        ck_assert(memcmp(&a->f, &b->f, sizeof a->f) == 0);
        break;
    case NN_ATTR_INT:
        ck_assert_int_eq(a->i, b->i);
        break;
    case NN_ATTR_STRING:
        ck_assert_int_eq(a->s.length, b->s.length);
        ck_assert(memcmp(a->s.bytes, b->s.bytes, (size_t)a->s.length) == 0);
        break;
    case NN_ATTR_TENSOR:
        check_tensors(a->name, &a->tensor->tensor, &b->tensor->tensor);
        break;
    case NN_ATTR_GRAPH:
        check_graphs(a->graph, b->graph);
        break;
    case NN_ATTR_FLOATS:
        ck_assert(memcmp(a->floats, b->floats, (size_t)a->count * sizeof(float)) == 0);
        break;
    case NN_ATTR_INTS:
        ck_assert(memcmp(a->ints, b->ints, (size_t)a->count * sizeof(int64_t)) == 0);
        break;
    case NN_ATTR_STRINGS:
        for (int64_t i = 0; i < a->count; i++)
            ck_assert_str_eq(a->strings[i].bytes, b->strings[i].bytes);
        break;
    case NN_ATTR_OPAQUE:
        ck_assert_uint_eq(a->opaque.size, b->opaque.size);
        ck_assert(memcmp(a->opaque.bytes, b->opaque.bytes, a->opaque.size) == 0);
        break;
    }
}

static const char *name_of(const nn_value *value) {
    return value != NULL ? value->name : "";
}

static void check_nodes(const nn_node *a, const nn_node *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->op_type, b->op_type);
    ck_assert_str_eq(a->domain, b->domain);
    ck_assert_int_eq(a->in_count, b->in_count);
    ck_assert_int_eq(a->out_count, b->out_count);
    for (int i = 0; i < a->in_count; i++)
        ck_assert_str_eq(name_of(a->inputs[i]), name_of(b->inputs[i]));
    for (int i = 0; i < a->out_count; i++)
        ck_assert_str_eq(name_of(a->outputs[i]), name_of(b->outputs[i]));
    ck_assert_int_eq(a->attrs.count, b->attrs.count);
    for (int64_t i = 0; i < a->attrs.count; i++)
        check_attribute(&a->attrs.items[i], &b->attrs.items[i]);
}

static void check_graphs(const nn_graph *a, const nn_graph *b) {
    ck_assert_int_eq(a->node_count, b->node_count);
    for (int64_t i = 0; i < a->node_count; i++) check_nodes(a->nodes[i], b->nodes[i]);
    ck_assert_int_eq(a->input_count, b->input_count);
    ck_assert_int_eq(a->output_count, b->output_count);
    for (int64_t i = 0; i < a->input_count; i++) {
        ck_assert_str_eq(a->inputs[i]->name, b->inputs[i]->name);
        check_facts(a->inputs[i], b->inputs[i]);
    }
    for (int64_t i = 0; i < a->output_count; i++) {
        ck_assert_str_eq(a->outputs[i]->name, b->outputs[i]->name);
        check_facts(a->outputs[i], b->outputs[i]);
    }
    for (int64_t i = 0; i < a->value_count; i++) {
        const nn_value *value = a->values[i], *other = nn_graph_find(b, value->name);
        ck_assert_msg(other != NULL, "value '%s' is gone", value->name);
        if (value->is_output || value->is_input) continue;
        check_facts(value, other);
        ck_assert((value->initializer == NULL) == (other->initializer == NULL));
        if (value->initializer != NULL)
            check_tensors(value->name, &value->initializer->tensor, &other->initializer->tensor);
    }
}

static void check_round_trip(const char *path, int64_t inline_limit) {
    nnopt_model *model, *again;
    ck_assert_ok(nnopt_model_load(path, &model));
    ck_assert_ok(nn_onnx_save(model, test_path("saved.onnx"), inline_limit));
    ck_assert_ok(nnopt_model_load(test_path("saved.onnx"), &again));
    check_graphs(model->graph, again->graph);
    ck_assert_int_eq(model->metadata_count, again->metadata_count);
    for (int64_t i = 0; i < model->metadata_count; i++) {
        ck_assert_str_eq(model->metadata[i].key, again->metadata[i].key);
        ck_assert_str_eq(model->metadata[i].value, again->metadata[i].value);
    }
    ck_assert_int_eq(model->graph->opset_count, again->graph->opset_count);
    for (int64_t i = 0; i < model->graph->opset_count; i++)
        ck_assert_int_eq(nn_graph_opset(again->graph, model->graph->opsets[i].domain),
                         model->graph->opsets[i].version);
    nnopt_model_destroy(model);
    nnopt_model_destroy(again);
}

static const int64_t everything_inline = INT64_MAX;

START_TEST(a_saved_model_loads_as_the_same_graph) {
    static const char *const names[] = {"types.onnx", "external.onnx", "bodies.onnx", "rich.onnx",
                                        "functions.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_round_trip(format_path(names[i]), everything_inline);
}
END_TEST

START_TEST(real_models_survive_a_round_trip) {
    static const char *const paths[] = {"mnist-8/model.onnx", "super_resolution/model.onnx",
                                        "ppocr/cls.onnx",     "ppocr/det.onnx",
                                        "ppocr/rec.onnx",     "basic-pitch/nmp.onnx"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *path = test_data_path(paths[i]);
        if (path == NULL) {
            printf("skipped: NNOPT_TEST_DATA is not set\n");
            return;
        }
        check_round_trip(path, everything_inline);
    }
}
END_TEST

/* ---- nothing is lost ---- */

static int count_of(const char *bytes, size_t size, const char *mark) {
    int count = 0;
    for (const char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), mark, strlen(mark)));
         at++)
        count++;
    return count;
}

START_TEST(what_the_graph_does_not_model_is_put_back) {
    nnopt_model *model, *derived;
    size_t size, saved_size;
    char *original = test_read_file(format_path("rich.onnx"), &size);
    ck_assert_ok(nnopt_model_load(format_path("rich.onnx"), &model));
    /* A clone, as every pass makes one, keeps it too. */
    ck_assert_ok(nn_model_derive(model, &derived));
    ck_assert_ok(nnopt_model_save(derived, test_path("rich.onnx")));
    char *saved = test_read_file(test_path("rich.onnx"), &saved_size);
    int marks = 0;
    for (const char *at = original; (at = memmem(at, size - (size_t)(at - original), "mark ", 5));
         marks++) {
        char mark[64];
        size_t length = strcspn(at, "!") + 1;
        snprintf(mark, sizeof mark, "%.*s", (int)length, at);
        ck_assert_msg(count_of(saved, saved_size, mark) == count_of(original, size, mark),
                      "'%s' is %d times in the saved model, was %d times", mark,
                      count_of(saved, saved_size, mark), count_of(original, size, mark));
        at += length;
    }
    ck_assert_int_gt(marks, 30);
    free(original);
    free(saved);
    nnopt_model_destroy(model);
    nnopt_model_destroy(derived);
}
END_TEST

START_TEST(saving_twice_gives_the_same_bytes) {
    static const char *const names[] = {"types.onnx", "bodies.onnx", "rich.onnx", "functions.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        nnopt_model *model, *again;
        size_t size, size_again;
        ck_assert_ok(nnopt_model_load(format_path(names[i]), &model));
        ck_assert_ok(nnopt_model_save(model, test_path("one.onnx")));
        ck_assert_ok(nnopt_model_load(test_path("one.onnx"), &again));
        ck_assert_ok(nnopt_model_save(again, test_path("two.onnx")));
        char *a = test_read_file(test_path("one.onnx"), &size);
        char *b = test_read_file(test_path("two.onnx"), &size_again);
        ck_assert_uint_eq(size, size_again);
        ck_assert_msg(memcmp(a, b, size) == 0, "%s: other bytes", names[i]);
        free(a);
        free(b);
        nnopt_model_destroy(model);
        nnopt_model_destroy(again);
    }
}
END_TEST

START_TEST(declared_shapes_that_a_pass_changed_are_not_written) {
    nnopt_model *model, *again;
    ck_assert_ok(nnopt_model_load(format_path("bodies.onnx"), &model));
    nn_value *output = model->graph->outputs[0];
    output->fact = nn_fact_make(NNOPT_FLOAT, 1, (int64_t[]){2});
    ck_assert_ok(nnopt_model_save(model, test_path("changed.onnx")));
    ck_assert_ok(nnopt_model_load(test_path("changed.onnx"), &again));
    ck_assert_int_eq(again->graph->outputs[0]->declared.dims[0], 2);
    nnopt_model_destroy(model);
    nnopt_model_destroy(again);
}
END_TEST

/* Origins of the nodes that hold for the original, also after a second trip through a file. */
START_TEST(origins_survive_in_the_file) {
    nnopt_model *model, *derived;
    ck_assert_ok(nnopt_model_load(format_path("bodies.onnx"), &model));
    ck_assert_ok(nn_model_derive(model, &derived));
    const nn_node *first = derived->graph->nodes[0];
    char *origin = nn_strdup(first->name);
    nn_patch *patch;
    ck_assert_ok(nn_patch_begin(derived->graph, "test", "adds a node", &patch));
    nn_value *input = first->outputs[0], *output = nn_patch_value(patch, "copied");
    nn_patch_node(patch, "Identity", "", "copy", &input, 1, &output, 1, NULL, first);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nnopt_model_save(derived, test_path("origin0.onnx")));
    for (int trip = 0; trip < 2; trip++) {
        nnopt_model *again;
        size_t size;
        char from[32], to[32];
        snprintf(from, sizeof from, "origin%d.onnx", trip);
        snprintf(to, sizeof to, "origin%d.onnx", trip + 1);
        ck_assert_ok(nnopt_model_load(test_path(from), &again));
        ck_assert_str_eq(nn_graph_find_node(again->graph, "copy")->origin, origin);
        ck_assert_str_eq(nn_graph_find_node(again->graph, origin)->origin, origin);
        ck_assert_ok(nnopt_model_save(again, test_path(to)));
        char *bytes = test_read_file(test_path(to), &size);
        ck_assert_int_eq(count_of(bytes, size, "nnopt.origin"), 1);
        free(bytes);
        nnopt_model_destroy(again);
    }
    nn_free(origin);
    nnopt_model_destroy(derived);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- external data ---- */

START_TEST(weights_over_the_limit_go_to_a_second_file) {
    static const int64_t dims[2] = {100, 30};
    nnopt_model *model, *again;
    struct stat info;
    nn_blob *blob;
    ck_assert_ok(nnopt_model_load(format_path("external.onnx"), &model));
    ck_assert_ok(nn_blob_create(NNOPT_FLOAT, dims, 2, &blob));
    for (int i = 0; i < 3000; i++) ((float *)blob->tensor.data)[i] = (float)i;
    for (int i = 0; i < 2; i++) {
        nn_value *value;
        ck_assert_ok(nn_graph_add_value(model->graph, i == 0 ? "big" : "other", &value));
        ck_assert_ok(nn_graph_set_initializer(model->graph, value, blob));
    }
    nn_blob_release(blob);
    ck_assert_ok(nn_onnx_save(model, test_path("large.onnx"), 1000));
    ck_assert_int_eq(stat(test_path("large.onnx.data"), &info), 0);
    ck_assert_int_ge(info.st_size, 24000);
    ck_assert_int_eq(stat(test_path("large.onnx"), &info), 0);
    ck_assert_int_lt(info.st_size, 1500); /* small tensors stay */
    ck_assert_ok(nnopt_model_load(test_path("large.onnx"), &again));
    check_graphs(model->graph, again->graph);
    const nn_tensor *big = &nn_graph_find(again->graph, "big")->initializer->tensor;
    ck_assert_uint_eq((uintptr_t)big->data % 64, 0);
    /* Saving over the file that the weights are mapped from is safe. */
    ck_assert_ok(nn_onnx_save(again, test_path("large.onnx"), 1000));
    check_graphs(model->graph, again->graph);
    nnopt_model_destroy(again);
    ck_assert_ok(nnopt_model_load(test_path("large.onnx"), &again));
    check_graphs(model->graph, again->graph);
    nnopt_model_destroy(again);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- failures ---- */

static int files_in_folder(const char *path) {
    int count = 0;
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

START_TEST(a_failed_save_leaves_nothing_and_says_why) {
    nnopt_model *model;
    ck_assert_ok(nnopt_model_load(format_path("types.onnx"), &model));
    ck_assert_fails(nnopt_model_save(model, test_path("no/such/folder.onnx")), NNOPT_IO,
                    "no/such/folder.onnx");
    ck_assert_int_eq(mkdir(test_path("a_folder"), 0777), 0);
    ck_assert_fails(nnopt_model_save(model, test_path("a_folder")), NNOPT_IO, "a_folder");
    ck_assert_int_eq(files_in_folder(test_path("a_folder")), 0);
    if (access("/dev/full", W_OK) == 0)
        ck_assert_fails(nnopt_model_save(model, "/dev/full"), NNOPT_IO, "No space left");
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(operators_of_plans_cannot_be_saved) {
    nnopt_model *model;
    nn_value *input, *output;
    nn_graph *graph;
    ck_assert_ok(nn_graph_create("plan", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 17));
    ck_assert_ok(nn_graph_add_value(graph, "x", &input));
    ck_assert_ok(nn_graph_add_value(graph, "y", &output));
    ck_assert_ok(nn_graph_add_input(graph, input));
    ck_assert_ok(
        nn_graph_add_node(graph, "Fused", "nnopt", "inner", &input, 1, &output, 1, NULL, NULL));
    ck_assert_ok(nn_graph_add_output(graph, output));
    ck_assert_ok(nn_model_create(graph, &model));
    ck_assert_fails(nnopt_model_save(model, test_path("plan.onnx")), NNOPT_INTERNAL,
                    "node 'inner' (Fused)");
    ck_assert_int_ne(access(test_path("plan.onnx"), F_OK), 0);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(every_allocation_of_loading_and_saving_may_fail) {
    static const char *const names[] = {"rich.onnx", "bodies.onnx", "functions.onnx", "types.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int failures = 0;
        for (uint64_t n = 1;; n++) {
            nnopt_model *model = NULL;
            nn_fail_allocation(n);
            nnopt_status status = nnopt_model_load(format_path(names[i]), &model);
            if (status == NNOPT_OK) status = nnopt_model_save(model, test_path("swept.onnx"));
            bool reached = status != NNOPT_OK;
            nn_fail_allocation(0);
            nnopt_model_destroy(model);
            if (!reached) break;
            failures++;
            ck_assert_msg(status == NNOPT_NO_MEMORY ||
                              strstr(nnopt_last_error(), "Cannot allocate memory") != NULL,
                          "%s, allocation %d: %s: %s", names[i], (int)n, nnopt_status_name(status),
                          nnopt_last_error());
        }
        ck_assert_int_gt(failures, 20);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("onnx save");
    TCase *tcase = tcase_create("save");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_saved_model_loads_as_the_same_graph);
    tcase_add_test(tcase, real_models_survive_a_round_trip);
    tcase_add_test(tcase, what_the_graph_does_not_model_is_put_back);
    tcase_add_test(tcase, saving_twice_gives_the_same_bytes);
    tcase_add_test(tcase, origins_survive_in_the_file);
    tcase_add_test(tcase, declared_shapes_that_a_pass_changed_are_not_written);
    tcase_add_test(tcase, weights_over_the_limit_go_to_a_second_file);
    tcase_add_test(tcase, a_failed_save_leaves_nothing_and_says_why);
    tcase_add_test(tcase, operators_of_plans_cannot_be_saved);
    tcase_add_test(tcase, every_allocation_of_loading_and_saving_may_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
