/* Sequences, optionals and maps in files, in data sets and in nodes that get what does not fit. */
#include "base/dataset.h"
#include "formats/tensor_pb.h"
#include "tests/support/expected.h"
#include "tests/support/maker.h"

#include <stdio.h>
#include <stdlib.h>

/* {"a": 1.5, "": -2} inside an optional inside nothing else. */
static const char *const keys[2] = {"a", ""};
static const float numbers[2] = {1.5f, -2};

static nn_tensor make_map(nn_tensor items[2]) {
    items[0] = (nn_tensor){.type = NNOPT_STRING, .rank = 1, .dims = {2}, .data = (void *)keys};
    items[1] = (nn_tensor){.type = NNOPT_FLOAT, .rank = 1, .dims = {2}, .data = (void *)numbers};
    return (nn_tensor){.type = NNOPT_MAP, .rank = 1, .dims = {2}, .data = items};
}

static void check_map(const nn_tensor *map) {
    const nn_tensor *items = map->data;
    ck_assert_int_eq(map->type, NNOPT_MAP);
    ck_assert_int_eq(items[0].type, NNOPT_STRING);
    ck_assert_int_eq(items[1].type, NNOPT_FLOAT);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(items[i].rank, 1);
        ck_assert_int_eq(items[i].dims[0], 2);
        ck_assert_str_eq(((const char **)items[0].data)[i], keys[i]);
        ck_assert_float_eq(((float *)items[1].data)[i], numbers[i]);
    }
}

START_TEST(maps_and_sequences_of_maps_come_back) {
    nn_tensor items[2], map = make_map(items), both[2] = {map, map};
    nn_tensor list = {.type = NNOPT_SEQUENCE, .rank = 1, .dims = {2}, .data = both};
    nn_blob *blob;
    ck_assert_ok(nn_tensor_pb_save(test_path("map.pb"), "m", &map));
    ck_assert_ok(nn_tensor_pb_load(test_path("map.pb"), NNOPT_MAP, &blob));
    check_map(&blob->tensor);
    nn_blob_release(blob);
    ck_assert_ok(nn_tensor_pb_save(test_path("list.pb"), "l", &list));
    ck_assert_ok(nn_tensor_pb_load_aligned(test_path("list.pb"), NNOPT_SEQUENCE, 3, &blob));
    ck_assert_int_eq(blob->tensor.dims[0], 2);
    for (int i = 0; i < 2; i++) check_map(&((nn_tensor *)blob->tensor.data)[i]);
    nn_blob_release(blob);
}
END_TEST

START_TEST(optionals_come_back_empty_and_full) {
    nn_tensor items[2], map = make_map(items);
    nn_tensor optional = {.type = NNOPT_OPTIONAL, .rank = 1, .dims = {1}, .data = &map};
    nn_blob *blob;
    ck_assert_ok(nn_tensor_pb_save(test_path("optional.pb"), "o", &optional));
    ck_assert_ok(nn_tensor_pb_load(test_path("optional.pb"), NNOPT_OPTIONAL, &blob));
    ck_assert_int_eq(blob->tensor.dims[0], 1);
    check_map(blob->tensor.data);
    nn_blob_release(blob);
    optional.dims[0] = 0;
    ck_assert_ok(nn_tensor_pb_save(test_path("empty.pb"), "o", &optional));
    ck_assert_ok(nn_tensor_pb_load(test_path("empty.pb"), NNOPT_OPTIONAL, &blob));
    ck_assert_int_eq(blob->tensor.type, NNOPT_OPTIONAL);
    ck_assert_int_eq(blob->tensor.dims[0], 0);
    nn_blob_release(blob);
}
END_TEST

START_TEST(damaged_files_are_refused) {
    static const nn_type types[] = {NNOPT_SEQUENCE, NNOPT_OPTIONAL, NNOPT_MAP};
    nn_tensor items[2], map = make_map(items);
    nn_tensor list = {.type = NNOPT_SEQUENCE, .rank = 1, .dims = {1}, .data = &map};
    nn_blob *blob;
    size_t size;
    ck_assert_ok(nn_tensor_pb_save(test_path("whole.pb"), "l", &list));
    char *bytes = test_read_file(test_path("whole.pb"), &size);
    for (size_t at = 0; at < size; at++) { /* refused or another value, never worse */
        for (int t = 0; t < 3; t++) {
            bytes[at] ^= 0x15;
            test_write_file(test_path("changed.pb"), bytes, size);
            bytes[at] ^= 0x15;
            if (nn_tensor_pb_load(test_path("changed.pb"), types[t], &blob) == NNOPT_OK)
                nn_blob_release(blob);
            test_write_file(test_path("short.pb"), bytes, at);
            if (nn_tensor_pb_load(test_path("short.pb"), types[t], &blob) == NNOPT_OK)
                nn_blob_release(blob);
        }
    }
    free(bytes);
    /* A map of key type int64 with one key and no values; then two kinds of items. */
    test_write_file(test_path("keys.pb"), "\x10\x07\x18\x05", 4);
    ck_assert_fails(nn_tensor_pb_load(test_path("keys.pb"), NNOPT_MAP, &blob), NNOPT_BAD_INPUT,
                    "a map has no values");
    test_write_file(test_path("kinds.pb"), "\x2a\x00\x32\x00", 4);
    ck_assert_fails(nn_tensor_pb_load(test_path("kinds.pb"), NNOPT_SEQUENCE, &blob),
                    NNOPT_BAD_INPUT, "values of two kinds");
    test_write_file(test_path("type.pb"), "\x10\x01\x18\x05", 4);
    ck_assert_fails(nn_tensor_pb_load(test_path("type.pb"), NNOPT_MAP, &blob), NNOPT_BAD_INPUT,
                    "keys of a map have type 1");
}
END_TEST

static nn_model *case_model(const char *name) {
    char path[4096];
    const char *source = getenv("NNOPT_SOURCE");
    nn_model *model;
    snprintf(path, sizeof path, "%s/tests/data/collections/%s/model.onnx", source ? source : ".",
             name);
    ck_assert_ok(nnopt_model_load(path, &model));
    return model;
}

START_TEST(declared_containers_survive_saving) {
    nn_model *model = case_model("sequence_input"), *again;
    ck_assert_ok(nnopt_model_save(model, test_path("saved.onnx")));
    ck_assert_ok(nnopt_model_load(test_path("saved.onnx"), &again));
    ck_assert_int_eq(again->graph->inputs[0]->declared.type, NNOPT_SEQUENCE);
    ck_assert_int_eq(again->graph->outputs[1]->declared.type, NNOPT_SEQUENCE);
    ck_assert_ok(nnopt_model_save(again, test_path("twice.onnx")));
    size_t size, second;
    char *a = test_read_file(test_path("saved.onnx"), &size);
    char *b = test_read_file(test_path("twice.onnx"), &second);
    ck_assert_uint_eq(size, second);
    ck_assert(memcmp(a, b, size) == 0);
    /* The element type of the sequence, tensor(float) with one axis, stands in the file. */
    ck_assert_ptr_nonnull(memmem(a, size, "\x22\x0d\x0a\x0b\x0a\x09\x08\x01\x12\x05", 10));
    free(a);
    free(b);
    nnopt_model_destroy(model);
    nnopt_model_destroy(again);
}
END_TEST

START_TEST(inputs_of_another_kind_are_refused) {
    nn_model *model = case_model("sequence_input");
    nn_session *session;
    int64_t at = 3;
    float x = 1;
    nn_tensor item = {.type = NNOPT_FLOAT, .rank = 1, .dims = {1}, .data = &x}, outputs[2];
    nn_tensor inputs[2] = {{.type = NNOPT_SEQUENCE, .rank = 1, .dims = {1}, .data = &item},
                           {.type = NNOPT_INT64, .data = &at}};
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    ck_assert_fails(nnopt_session_run(session, inputs, 2, outputs), NNOPT_BAD_INPUT,
                    "position 3 is outside of a sequence of 1 items");
    at = -1;
    ck_assert_ok(nnopt_session_run(session, inputs, 2, outputs));
    ck_assert_float_eq(*(float *)outputs[0].data, 1);
    ck_assert_int_eq(outputs[1].dims[0], 0);
    inputs[0] = item;
    ck_assert_fails(nnopt_session_run(session, inputs, 2, outputs), NNOPT_USAGE,
                    "the model takes sequence, got float32");
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(data_sets_hold_containers_whole_and_not_random) {
    nn_model *model = case_model("sequence_input");
    int64_t at = 0;
    float x[2] = {4, 5};
    nn_tensor items[2] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {1}, .data = x},
                          {.type = NNOPT_FLOAT, .rank = 1, .dims = {1}, .data = x + 1}};
    nn_tensor arrays[2] = {{.type = NNOPT_SEQUENCE, .rank = 1, .dims = {2}, .data = items},
                           {.type = NNOPT_INT64, .data = &at}};
    static const char *const names[2] = {"s", "at"};
    nn_dataset *data;
    nnopt_report *report;
    ck_assert_ok(nnopt_dataset_create(model, names, arrays, 2, NULL, &data));
    ck_assert_int_eq(nnopt_dataset_samples(data), 1);
    ck_assert_ok(nnopt_run(model, data, NULL, test_path("out/"), &report));
    nnopt_report_destroy(report);
    nn_blob *blob;
    ck_assert_ok(nn_tensor_pb_load(test_path("out/output_1.pb"), NNOPT_SEQUENCE, &blob));
    ck_assert_int_eq(blob->tensor.dims[0], 1);
    ck_assert_float_eq(*(float *)((nn_tensor *)blob->tensor.data)->data, 5);
    nn_blob_release(blob);
    ck_assert_fails(nnopt_run(model, data, NULL, test_path("out.npz"), &report), NNOPT_UNSUPPORTED,
                    "numpy has no type sequence");
    nnopt_dataset_destroy(data);
    ck_assert_fails(nnopt_dataset_random(model, 1, 1, NULL, &data), NNOPT_UNSUPPORTED,
                    "no random sequence");
    nnopt_model_destroy(model);
}
END_TEST

/* ---- rules that only a run can check ---- */

typedef struct run_rule {
    const char *op, *input, *more, *attrs; /* `input` is what the node reads first */
    const char *message;
} run_rule;

static const run_rule rules[] = {
    {"SequenceAt", "s", ",three", NULL, "position 3 is outside of a sequence of 2 items"},
    {"SequenceErase", "none", "", NULL, "nothing can be erased of an empty sequence"},
    {"SequenceErase", "s", ",three", NULL, "position 3 is outside"},
    {"SequenceInsert", "s", ",x,three", NULL, "position 3 is outside of a sequence of 2 items"},
    {"SequenceInsert", "s", ",three", NULL, "int64 cannot go into a sequence of float32"},
    {"ConcatFromSequence", "none", "", "axis=0", "the sequence is empty"},
    {"ConcatFromSequence", "s", "", "axis=0 new_axis=1",
     "items 0 and 1 are float32 3 and float32 2"},
    {"ConcatFromSequence", "s", "", "axis=1", "axis 1 is outside of rank 1"},
    {"SplitToSequence", "x", ",zero", NULL, "split is 0, must be positive"},
    {"SplitToSequence", "x", ",list", NULL, "do not add to the axis of 3"},
    {"OptionalGetElement", "nothing", "", NULL, "the optional has no element"},
};

START_TEST(broken_rules_are_named) {
    const run_rule *rule = &rules[_i];
    char inputs[64];
    maker m = make(17);
    static const int64_t zero[1] = {0}, three[1] = {3}, list[2] = {2, 2};
    make_input(&m, "x", NNOPT_FLOAT, "3");
    make_input(&m, "y", NNOPT_FLOAT, "2");
    make_ints(&m, "zero", NNOPT_INT64, "", zero);
    make_ints(&m, "three", NNOPT_INT64, "", three);
    make_ints(&m, "list", NNOPT_INT64, "2", list);
    make_node(&m, "SequenceConstruct", "make", "x,y", "s", NULL);
    make_node(&m, "SequenceConstruct", "one", "x", "single", NULL);
    make_node(&m, "SequenceErase", "erase", "single", "none", NULL);
    make_input(&m, "nothing", NNOPT_OPTIONAL, "?");
    m.graph->inputs[m.graph->input_count - 1]->declared.rank = NN_RANK_UNKNOWN;
    m.graph->inputs[m.graph->input_count - 1]->fact.rank = NN_RANK_UNKNOWN;
    snprintf(inputs, sizeof inputs, "%s%s", rule->input, rule->more);
    make_node(&m, rule->op, "broken", inputs, "out", rule->attrs);
    nn_model *model = make_model(&m, "out");
    nn_session *session;
    float x[3] = {1, 2, 3};
    nn_tensor data[3] = {{.type = NNOPT_FLOAT, .rank = 1, .dims = {3}, .data = x},
                         {.type = NNOPT_FLOAT, .rank = 1, .dims = {2}, .data = x},
                         {.type = NNOPT_OPTIONAL, .rank = 1}};
    nn_tensor out;
    nn_status status = nnopt_session_create(model, NULL, &session);
    if (status == NN_OK) {
        status = nnopt_session_run(session, data, 3, &out);
        nnopt_session_destroy(session);
    }
    ck_assert_msg(status == NN_BAD_INPUT, "%s: status %s", rule->op, nnopt_status_name(status));
    ck_assert_msg(strstr(nnopt_last_error(), rule->message) != NULL, "'%s' lacks '%s'",
                  nnopt_last_error(), rule->message);
    ck_assert_msg(strstr(nnopt_last_error(), "node 'broken'") != NULL, "%s", nnopt_last_error());
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("containers");
    TCase *tcase = tcase_create("containers");
    tcase_add_test(tcase, maps_and_sequences_of_maps_come_back);
    tcase_add_test(tcase, optionals_come_back_empty_and_full);
    tcase_add_test(tcase, damaged_files_are_refused);
    tcase_add_test(tcase, declared_containers_survive_saving);
    tcase_add_test(tcase, inputs_of_another_kind_are_refused);
    tcase_add_test(tcase, data_sets_hold_containers_whole_and_not_random);
    tcase_add_loop_test(tcase, broken_rules_are_named, 0, (int)(sizeof rules / sizeof rules[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
