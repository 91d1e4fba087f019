/* Loading: tensors of every type and form, external data, functions, bodies, real models. */
#include "engine/graph/model.h"
#include "engine/run/session.h"
#include "tests/support/expected.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const nn_tensor *initializer(const nn_model *model, const char *name) {
    const nn_value *value = nn_graph_find(model->graph, name);
    ck_assert_msg(value != NULL && value->initializer != NULL, "no initializer '%s'", name);
    return &value->initializer->tensor;
}

START_TEST(tensors_of_every_type_and_form_hold_what_they_were_made_of) {
    nnopt_model *model;
    expected_arrays arrays = expected_load("types");
    ck_assert_ok(nnopt_model_load(format_path("types.onnx"), &model));
    for (int i = 0; i < arrays.count; i++)
        expected_check(&arrays.items[i], initializer(model, arrays.items[i].name), 0);
    expected_free(&arrays);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_model_parses_from_memory_that_may_go) {
    size_t size;
    nnopt_model *model;
    expected_arrays arrays = expected_load("types");
    char *bytes = test_read_file(format_path("types.onnx"), &size);
    ck_assert_ok(nnopt_model_parse(bytes, size, &model));
    memset(bytes, 0xff, size);
    free(bytes);
    /* Heap memory does not come back when its pages are dropped. */
    nn_blob_drop_pages(nn_graph_find(model->graph, "float32_raw")->initializer);
    for (int i = 0; i < arrays.count; i++)
        expected_check(&arrays.items[i], initializer(model, arrays.items[i].name), 0);
    expected_free(&arrays);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- external data ---- */

START_TEST(external_data_is_found_by_offset_and_length) {
    nnopt_model *model;
    expected_arrays arrays = expected_load("external");
    ck_assert_ok(nnopt_model_load(format_path("external.onnx"), &model));
    expected_check_named(&arrays, "w", initializer(model, "w"));
    expected_check_named(&arrays, "tail", initializer(model, "tail"));
    size_t size, data_size;
    free(test_read_file(format_path("external.onnx"), &size));
    free(test_read_file(format_path("external.bin"), &data_size));
    ck_assert_int_eq(model->file_bytes, (int64_t)(size + data_size));
    expected_free(&arrays);
    nnopt_model_destroy(model);
}
END_TEST

/* Copies the external model with another location of the same length. */
static void write_external(const char *location, const char *path) {
    size_t size;
    char *bytes = test_read_file(format_path("external.onnx"), &size);
    ck_assert_uint_eq(strlen(location), strlen("external.bin"));
    int count = 0;
    for (size_t i = 0; i + strlen(location) <= size; i++) {
        if (memcmp(bytes + i, "external.bin", strlen(location)) != 0) continue;
        memcpy(bytes + i, location, strlen(location));
        count++;
    }
    ck_assert_int_eq(count, 2);
    test_write_file(path, bytes, size);
    free(bytes);
}

START_TEST(external_data_stays_in_the_folder_of_the_model) {
    nnopt_model *model = NULL;
    size_t size;
    char *data = test_read_file(format_path("external.bin"), &size);
    ck_assert_int_eq(mkdir(test_path("inner"), 0777), 0);
    test_write_file(test_path("secret_a.bin"), data, size);
    test_write_file(test_path("inner/good_one.bin"), data, size);
    free(data);

    write_external("/etc/hosts..", test_path("inner/m.onnx"));
    ck_assert_fails(nnopt_model_load(test_path("inner/m.onnx"), &model), NNOPT_BAD_INPUT,
                    "tensor 'w': external data '/etc/hosts..' is not a path inside");
    write_external("../secret_.b", test_path("inner/m.onnx"));
    ck_assert_fails(nnopt_model_load(test_path("inner/m.onnx"), &model), NNOPT_BAD_INPUT,
                    "is not a path inside the model's folder");
    write_external("a/../../b.bi", test_path("inner/m.onnx"));
    ck_assert_fails(nnopt_model_load(test_path("inner/m.onnx"), &model), NNOPT_BAD_INPUT,
                    "is not a path inside the model's folder");
    ck_assert_int_eq(symlink("../secret_a.bin", test_path("inner/link_out.bin")), 0);
    write_external("link_out.bin", test_path("inner/m.onnx"));
    ck_assert_fails(nnopt_model_load(test_path("inner/m.onnx"), &model), NNOPT_BAD_INPUT,
                    "is a link that leaves the model's folder");
    write_external("not_here.bin", test_path("inner/m.onnx"));
    ck_assert_fails(nnopt_model_load(test_path("inner/m.onnx"), &model), NNOPT_IO, "not_here.bin");
    ck_assert_int_eq(symlink("good_one.bin", test_path("inner/link_in_.bin")), 0);
    write_external("link_in_.bin", test_path("inner/m.onnx"));
    ck_assert_ok(nnopt_model_load(test_path("inner/m.onnx"), &model));
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(external_data_that_is_too_short_is_refused) {
    nnopt_model *model = NULL;
    test_write_file(test_path("external.bin"), "0123456789", 10);
    write_external("external.bin", test_path("short.onnx"));
    ck_assert_fails(
        nnopt_model_load(test_path("short.onnx"), &model), NNOPT_BAD_INPUT,
        "tensor 'w': needs 48 bytes, external data 'external.bin' gives 48 at offset 17 of 10");
    size_t size;
    char *bytes = test_read_file(format_path("external.onnx"), &size);
    ck_assert_fails(nnopt_model_parse(bytes, size, &model), NNOPT_BAD_INPUT, "parsed from memory");
    free(bytes);
}
END_TEST

/* ---- functions and bodies ---- */

START_TEST(functions_are_inlined_with_their_attributes) {
    nnopt_model *model;
    ck_assert_ok(nnopt_model_load(format_path("functions.onnx"), &model));
    static const char *const names[] = {"first/inner/Constant",
                                        "first/inner/multiply",
                                        "first/inner/Add",
                                        "first/leak",
                                        "first/Neg",
                                        "again/inner/Constant",
                                        "again/inner/multiply",
                                        "again/inner/Add",
                                        "again/leak",
                                        "again/Neg"};
    ck_assert_int_eq(model->graph->node_count, 10);
    for (int i = 0; i < 10; i++) {
        const nn_node *node = nn_graph_find_node(model->graph, names[i]);
        ck_assert_msg(node != NULL, "no node '%s'", names[i]);
    }
    float slope;
    const nn_node *leak = nn_graph_find_node(model->graph, "first/leak");
    ck_assert_ok(nn_attrs_float(&leak->attrs, "alpha", 0, &slope));
    ck_assert_float_eq(slope, 0.5f);
    leak = nn_graph_find_node(model->graph, "again/leak");
    ck_assert_ok(nn_attrs_float(&leak->attrs, "alpha", 0, &slope));
    ck_assert_float_eq(slope, 0.1f);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(inlined_functions_give_the_numbers_of_onnx_runtime) {
    nnopt_model *model;
    nnopt_session *session;
    expected_arrays arrays = expected_load("functions");
    float values[6] = {-1.25f, -0.75f, -0.25f, 0.25f, 0.75f, 1.25f};
    nn_tensor input = {.type = NNOPT_FLOAT, .rank = 2, .dims = {2, 3}, .data = values}, outputs[2];
    expected_check_named(&arrays, "x", &input);
    ck_assert_ok(nnopt_model_load(format_path("functions.onnx"), &model));
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
    expected_check(expected_find(&arrays, "y"), &outputs[0], 1e-6);
    expected_check(expected_find(&arrays, "z"), &outputs[1], 1e-6);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
    expected_free(&arrays);
}
END_TEST

static const nn_graph *body(const nn_graph *graph, const char *node, const char *attribute) {
    const nn_node *owner = nn_graph_find_node(graph, node);
    ck_assert_ptr_nonnull(owner);
    const nn_attr *attr = nn_attrs_find(&owner->attrs, attribute);
    ck_assert(attr != NULL && attr->kind == NN_ATTR_GRAPH);
    return attr->graph;
}

START_TEST(bodies_capture_values_of_the_graphs_around_them) {
    nnopt_model *model;
    ck_assert_ok(nnopt_model_load(format_path("bodies.onnx"), &model));
    const nn_graph *then = body(model->graph, "choose", "then_branch");
    const nn_graph *nested = body(model->graph, "choose", "else_branch");
    const nn_graph *inner = body(nested, "deeper", "then_branch");
    const nn_graph *other = body(nested, "deeper", "else_branch");
    ck_assert_ptr_eq(nn_graph_find(then, "w")->outer, nn_graph_find(model->graph, "w"));
    /* Two graphs out: captured in each of them. */
    ck_assert(nn_graph_find(nested, "h")->is_captured);
    ck_assert_ptr_eq(nn_graph_find(inner, "h")->outer, nn_graph_find(nested, "h"));
    ck_assert_ptr_eq(nn_graph_find(nested, "h")->outer, nn_graph_find(model->graph, "h"));
    ck_assert_ptr_nonnull(nn_graph_find(other, "local")->initializer);
    ck_assert_int_eq(nn_graph_find_node(model->graph, "choose")->capture_count, 4); /* c x w h */
    nnopt_model_destroy(model);
}
END_TEST

/* ---- real models ---- */

START_TEST(real_models_load_with_their_inputs_and_metadata) {
    static const struct {
        const char *path, *input;
        int64_t nodes;
    } models[] = {{"mnist-8/model.onnx", "Input3", 12},
                  {"super_resolution/model.onnx", "input", 12},
                  {"ppocr/cls.onnx", "x", 566},
                  {"ppocr/det.onnx", "x", 672},
                  {"ppocr/rec.onnx", "x", 860},
                  {"basic-pitch/nmp.onnx", "serving_default_input_2:0", 248}};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const char *path = test_data_path(models[i].path);
        nnopt_model *model;
        if (path == NULL) {
            printf("skipped: NNOPT_TEST_DATA is not set\n");
            return;
        }
        ck_assert_ok(nnopt_model_load(path, &model));
        nnopt_value_info info;
        ck_assert_uint_eq(nnopt_model_input_count(model), 1);
        nnopt_model_input(model, 0, &info);
        ck_assert_str_eq(info.name, models[i].input);
        ck_assert_int_eq(info.type, NNOPT_FLOAT);
        ck_assert_int_eq(model->graph->node_count, models[i].nodes);
        if (strcmp(models[i].path, "ppocr/rec.onnx") == 0) {
            const char *alphabet = nnopt_model_metadata(model, "character");
            ck_assert_ptr_nonnull(alphabet);
            ck_assert_uint_gt(strlen(alphabet), 6000);
        }
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(placeholders_for_dimensions_are_no_symbols) {
    const char *path = test_data_path("ppocr/cls.onnx");
    nnopt_model *model;
    nnopt_value_info info;
    if (path == NULL) {
        printf("skipped: NNOPT_TEST_DATA is not set\n");
        return;
    }
    ck_assert_ok(nnopt_model_load(path, &model));
    nnopt_model_input(model, 0, &info); /* height and width are both "?" */
    ck_assert_int_eq(info.rank, 4);
    ck_assert_int_eq(info.dims[1], 3);
    ck_assert_int_eq(info.dims[2], -1);
    ck_assert_ptr_null(info.symbols[2]);
    ck_assert_ptr_null(info.symbols[3]);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("onnx load");
    TCase *tcase = tcase_create("load");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, tensors_of_every_type_and_form_hold_what_they_were_made_of);
    tcase_add_test(tcase, a_model_parses_from_memory_that_may_go);
    tcase_add_test(tcase, external_data_is_found_by_offset_and_length);
    tcase_add_test(tcase, external_data_stays_in_the_folder_of_the_model);
    tcase_add_test(tcase, external_data_that_is_too_short_is_refused);
    tcase_add_test(tcase, functions_are_inlined_with_their_attributes);
    tcase_add_test(tcase, inlined_functions_give_the_numbers_of_onnx_runtime);
    tcase_add_test(tcase, bodies_capture_values_of_the_graphs_around_them);
    tcase_add_test(tcase, real_models_load_with_their_inputs_and_metadata);
    tcase_add_test(tcase, placeholders_for_dimensions_are_no_symbols);
    suite_add_tcase(suite, tcase);
    return suite;
}
