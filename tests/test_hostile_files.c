/* Files that are damaged, wrong or made to hurt: each ends in one clear error. */
#include "engine/graph/model.h"
#include "tests/support/expected.h"
#include "tests/support/message.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The message of a refusal is one line, without a full stop. */
static void check_message(void) {
    const char *line = nnopt_last_error();
    size_t length = strlen(line);
    ck_assert_uint_gt(length, 0);
    ck_assert_msg(strchr(line, '\n') == NULL, "more than one line: %s", line);
    ck_assert_msg(line[length - 1] != '.', "ends with a full stop: %s", line);
}

static void check_refused(const message *model, nnopt_status status, const char *text) {
    nnopt_model *loaded = NULL;
    ck_assert_fails(nnopt_model_parse(model->bytes, model->size, &loaded), status, text);
    check_message();
}

static void refuse(message *model, nnopt_status status, const char *text) {
    check_refused(model, status, text);
    message_free(model);
}

/* A graph x -> Relu -> y of floats. */
static message small_graph(void) {
    message graph = {0}, x = message_value("x", 3), y = message_value("y", 3);
    message node = message_node("Relu", "relu", "x", "y");
    message_take(&graph, GRAPH_NODE, &node);
    message_take(&graph, GRAPH_INPUT, &x);
    message_take(&graph, GRAPH_OUTPUT, &y);
    return graph;
}

static message tensor(const char *name, int64_t dim, int type) {
    message out = {0};
    message_number(&out, TENSOR_DIMS, (uint64_t)dim);
    message_number(&out, TENSOR_TYPE, (uint64_t)type);
    message_text(&out, TENSOR_NAME, name);
    return out;
}

static message model_with_tensor(message *weight) {
    message graph = small_graph();
    message_take(&graph, GRAPH_INITIALIZER, weight);
    return message_model(&graph);
}

START_TEST(the_small_model_itself_is_fine) {
    message graph = small_graph(), model = message_model(&graph);
    nnopt_model *loaded;
    ck_assert_ok(nnopt_model_parse(model.bytes, model.size, &loaded));
    ck_assert_int_eq(loaded->graph->node_count, 1);
    nnopt_model_destroy(loaded);
    message_free(&model);
}
END_TEST

/* ---- no model at all ---- */

START_TEST(files_that_are_no_models_are_refused) {
    nnopt_model *model = NULL;
    ck_assert_fails(nnopt_model_load(test_path("missing.onnx"), &model), NNOPT_IO,
                    "missing.onnx': No such file");
    check_message();
    test_write_file(test_path("empty.onnx"), "", 0);
    ck_assert_fails(nnopt_model_load(test_path("empty.onnx"), &model), NNOPT_BAD_INPUT,
                    "the file is empty");
    static const char text[] = "#!/bin/sh\necho this is no model at all, and it says so\n";
    test_write_file(test_path("text.onnx"), text, strlen(text));
    ck_assert_fails(nnopt_model_load(test_path("text.onnx"), &model), NNOPT_BAD_INPUT, "text.onnx");
    check_message();
    ck_assert_fails(nnopt_model_load(format_path("photo.jpg"), &model), NNOPT_BAD_INPUT,
                    "photo.jpg");
    ck_assert_fails(nnopt_model_load(format_path("stored.npz"), &model), NNOPT_BAD_INPUT,
                    "stored.npz");
    ck_assert_fails(nnopt_model_load(format_path("tensor.pb"), &model), NNOPT_BAD_INPUT,
                    "tensor.pb");
    ck_assert_fails(nnopt_model_load(test_folder(), &model), NNOPT_IO, "not a regular file");
    ck_assert_ptr_null(model);
}
END_TEST

START_TEST(models_that_say_too_little_or_too_much_are_refused) {
    message graph = small_graph(), model = {0}, opset = {0};
    message_number(&model, MODEL_IR, 8);
    check_refused(&model, NNOPT_BAD_INPUT, "has no graph");
    message_take(&model, MODEL_GRAPH, &graph);
    check_refused(&model, NNOPT_BAD_INPUT, "imports no operator set");
    message_number(&opset, 2, 0);
    message_take(&model, MODEL_OPSET, &opset);
    refuse(&model, NNOPT_BAD_INPUT, "opset version 0");
    graph = small_graph();
    model = message_model(&graph);
    message_number(&model, MODEL_IR, 99);
    refuse(&model, NNOPT_UNSUPPORTED, "IR version 99");
}
END_TEST

/* ---- the wire format ---- */

START_TEST(every_prefix_of_a_model_is_refused_or_loads) {
    static const char *const names[] = {"types.onnx", "rich.onnx", "bodies.onnx", "functions.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        int refused = 0;
        char *bytes = test_read_file(format_path(names[i]), &size);
        for (size_t length = 0; length < size; length++) {
            nnopt_model *model = NULL;
            nnopt_status status = nnopt_model_parse(bytes, length, &model);
            if (status != NNOPT_OK) {
                ck_assert_int_eq(status, NNOPT_BAD_INPUT);
                check_message();
                refused++;
            }
            nnopt_model_destroy(model);
        }
        ck_assert_int_gt(refused, (int)size / 2);
        free(bytes);
    }
}
END_TEST

START_TEST(every_changed_byte_is_refused_or_loads) {
    static const char *const names[] = {"types.onnx", "rich.onnx", "bodies.onnx", "functions.onnx",
                                        "external.onnx"};
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        char *bytes = test_read_file(format_path(names[i]), &size);
        for (size_t at = 0; at < size * sizeof changes; at++) {
            nnopt_model *model = NULL;
            bytes[at / sizeof changes] ^= (char)changes[at % sizeof changes];
            nnopt_status status = nnopt_model_parse(bytes, size, &model);
            if (status != NNOPT_OK) check_message();
            ck_assert_int_ne(status, NNOPT_INTERNAL);
            nnopt_model_destroy(model);
            bytes[at / sizeof changes] ^= (char)changes[at % sizeof changes];
        }
        free(bytes);
    }
}
END_TEST

/* Body inside body: node, attribute and graph are a message each. */
START_TEST(deep_nesting_is_refused) {
    message inner = {0};
    for (int i = 0; i < 20000; i++) {
        message outer = {0};
        static const uint32_t fields[3] = {GRAPH_NODE, NODE_ATTRIBUTE, 6};
        message_bytes(&outer, fields[2 - i % 3], inner.bytes, inner.size < 74000 ? inner.size : 0);
        if (inner.size >= 74000) message_free(&outer);
        if (outer.size == 0) break;
        message_free(&inner);
        inner = outer;
    }
    ck_assert_uint_gt(inner.size, 70000);
    message model = {0};
    message_number(&model, MODEL_IR, 8);
    message_take(&model, MODEL_GRAPH, &inner);
    refuse(&model, NNOPT_BAD_INPUT, "nested deeper than 64");
}
END_TEST

START_TEST(millions_of_empty_messages_are_refused) {
    static const struct {
        uint32_t field;
        bool in_graph;
    } kinds[] = {{GRAPH_NODE, true},          {GRAPH_INPUT, true},
                 {GRAPH_INITIALIZER, true},   {14 /* metadata */, false},
                 {MODEL_OPSET, false},        {MODEL_FUNCTION, false},
                 {2000 /* unknown */, false}, {16, true}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        message inner = {0}, graph = small_graph(), model = {0};
        for (int k = 0; k < 4000000; k++) message_bytes(&inner, kinds[i].field, "", 0);
        message_raw(kinds[i].in_graph ? &graph : &model, inner.bytes, inner.size);
        message_free(&inner);
        message whole = message_model(&graph);
        message_raw(&whole, model.bytes, model.size);
        message_free(&model);
        refuse(&whole, NNOPT_BAD_INPUT, "too many");
    }
}
END_TEST

START_TEST(lengths_beyond_the_file_are_refused) {
    message model = {0}, graph = {0}, weight = tensor("w", 1, 1);
    message_varint(&weight, TENSOR_RAW << 3 | 2);
    message_varint(&weight, (uint64_t)3 << 30);
    message_raw(&weight, "abcd", 4);
    message_varint(&graph, GRAPH_INITIALIZER << 3 | 2);
    message_varint(&graph, (uint64_t)(3u << 30) + 20);
    message_raw(&graph, weight.bytes, weight.size);
    message_free(&weight);
    message_number(&model, MODEL_IR, 8);
    message_varint(&model, MODEL_GRAPH << 3 | 2);
    message_varint(&model, (uint64_t)(3u << 30) + 40);
    message_raw(&model, graph.bytes, graph.size);
    message_free(&graph);
    refuse(&model, NNOPT_BAD_INPUT, "claims 3221225512 bytes, only");
}
END_TEST

START_TEST(what_the_encoding_does_not_allow_is_refused) {
    message graph = small_graph(), model = message_model(&graph);
    message_varint(&model, 3 << 3 | 3); /* a group */
    refuse(&model, NNOPT_BAD_INPUT, "is a group");
    graph = small_graph();
    model = message_model(&graph);
    message_bytes(&model, MODEL_IR, "x", 1); /* a number as bytes */
    refuse(&model, NNOPT_BAD_INPUT, "'ModelProto.ir_version' has the wrong wire type");
    graph = small_graph();
    model = message_model(&graph);
    message_raw(&model, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
    refuse(&model, NNOPT_BAD_INPUT, "byte");
    graph = small_graph();
    model = message_model(&graph);
    graph = small_graph();
    message_take(&model, MODEL_GRAPH, &graph);
    refuse(&model, NNOPT_BAD_INPUT, "'ModelProto.graph' stands twice");
    graph = small_graph();
    message_bytes(&graph, 10, "a\0b", 3); /* doc_string */
    model = message_model(&graph);
    refuse(&model, NNOPT_BAD_INPUT, "holds a zero byte");
}
END_TEST

/* ---- tensors ---- */

START_TEST(tensors_that_contradict_themselves_are_refused) {
    message weight = tensor("w", 3, 1), model;
    message_bytes(&weight, TENSOR_RAW, "0123456789a", 11);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_BAD_INPUT, "tensor 'w': float32 3 needs 12 bytes, the file has 11");

    weight = tensor("w", 3, 1);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_BAD_INPUT, "tensor 'w': float32 3 needs 3 entries, the file has 0");

    weight = tensor("w", 1, 1);
    message_number(&weight, TENSOR_INTS, 1);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_BAD_INPUT, "tensor 'w': float32 data stands in the wrong field");

    weight = tensor("w", 1, 3);
    message_number(&weight, TENSOR_INTS, 300);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_BAD_INPUT, "tensor 'w': value 300 does not fit int8");

    weight = tensor("w", 1, 1);
    message_bytes(&weight, TENSOR_RAW, "0123", 4);
    message_bytes(&weight, TENSOR_FLOATS, "0123", 4);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_BAD_INPUT, "tensor 'w' has both raw and typed data");

    weight = tensor("w", -3, 1);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_BAD_INPUT, "tensor 'w': dimension 0 is -3");

    weight = tensor("w", (int64_t)1 << 40, 1);
    message_number(&weight, TENSOR_DIMS, (uint64_t)1 << 40);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_BAD_INPUT, "tensor 'w': shape 1099511627776x1099511627776 has too many");

    weight = tensor("w", 1, 77);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_UNSUPPORTED, "tensor 'w': element type 77");

    weight = tensor("w", 1, 1);
    for (int i = 0; i < 20; i++) message_number(&weight, TENSOR_DIMS, 1);
    model = model_with_tensor(&weight);
    refuse(&model, NNOPT_UNSUPPORTED, "tensor 'w': rank 21");
}
END_TEST

/* ---- graphs ---- */

START_TEST(graphs_that_do_not_hold_together_are_refused) {
    message graph = small_graph(), model, node = message_node("Relu", "loose", "nowhere", "z");
    message_take(&graph, GRAPH_NODE, &node);
    model = message_model(&graph);
    refuse(&model, NNOPT_BAD_INPUT,
           "node 'loose' (Relu): value 'nowhere' is read, and nothing defines it");

    graph = small_graph();
    node = message_node("Relu", "a", "q", "p");
    message_take(&graph, GRAPH_NODE, &node);
    node = message_node("Relu", "b", "p", "q");
    message_take(&graph, GRAPH_NODE, &node);
    model = message_model(&graph);
    refuse(&model, NNOPT_BAD_INPUT, "depends on the node's own output");

    graph = small_graph();
    node = message_node("Relu", "again", "x", "y");
    message_take(&graph, GRAPH_NODE, &node);
    model = message_model(&graph);
    refuse(&model, NNOPT_BAD_INPUT, "'y' is defined twice");

    graph = small_graph();
    node = message_node("Relu", "into", "x", "x");
    message_take(&graph, GRAPH_NODE, &node);
    model = message_model(&graph);
    refuse(&model, NNOPT_BAD_INPUT, "'x' is defined twice");

    graph = small_graph();
    message value = message_value("unmade", 3);
    message_take(&graph, GRAPH_OUTPUT, &value);
    model = message_model(&graph);
    refuse(&model, NNOPT_BAD_INPUT, "unmade");

    graph = small_graph();
    node = message_node("", "nameless", "x", "z");
    message_take(&graph, GRAPH_NODE, &node);
    model = message_model(&graph);
    refuse(&model, NNOPT_BAD_INPUT, "node 'nameless' (): the operator is missing");
}
END_TEST

/* A function that calls `callee` twice (NULL: does nothing but Relu). */
static message function(const char *name, const char *callee) {
    message out = {0}, opset = {0};
    message_text(&out, 1, name);
    message_text(&out, 4, "a");
    message_text(&out, 5, "c");
    message_text(&out, 10, "f");
    for (int i = 0; i < 2; i++) {
        message node = message_node(callee != NULL ? callee : "Relu", "n", i == 0 ? "a" : "b",
                                    i == 0 ? "b" : "c");
        if (callee != NULL) message_text(&node, NODE_DOMAIN, "f");
        message_take(&out, 7, &node);
    }
    message_text(&opset, 1, "");
    message_number(&opset, 2, 17);
    message_take(&out, 9, &opset);
    return out;
}

static message calling_model(const char *name) {
    message graph = small_graph(), node = message_node(name, "call", "x", "z"), opset = {0};
    message_text(&node, NODE_DOMAIN, "f");
    message_take(&graph, GRAPH_NODE, &node);
    message model = message_model(&graph);
    message_text(&opset, 1, "f");
    message_number(&opset, 2, 1);
    message_take(&model, MODEL_OPSET, &opset);
    return model;
}

START_TEST(functions_that_never_end_are_refused) {
    message model = calling_model("F"), f = function("F", "G"), g = function("G", "F");
    message_take(&model, MODEL_FUNCTION, &f);
    message_take(&model, MODEL_FUNCTION, &g);
    refuse(&model, NNOPT_BAD_INPUT, "function 'F' calls itself");

    /* Two calls each, forty deep: 2^40 nodes. */
    model = calling_model("F0");
    for (int i = 0; i < 40; i++) {
        char name[16], callee[16];
        snprintf(name, sizeof name, "F%d", i);
        snprintf(callee, sizeof callee, "F%d", i + 1);
        f = function(name, i < 39 ? callee : NULL);
        message_take(&model, MODEL_FUNCTION, &f);
    }
    refuse(&model, NNOPT_BAD_INPUT, "functions expand to more than");
}
END_TEST

/* ---- memory ---- */

static int64_t peak_bytes(void) {
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return (int64_t)usage.ru_maxrss * 1024;
}

/* Runs in a process of its own, since ru_maxrss never falls. */
static int load_and_measure(const char *path, int64_t limit, bool read_weights) {
    fflush(stdout);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        nnopt_model *model = NULL;
        int64_t before = peak_bytes();
        if (nnopt_model_load(path, &model) != NNOPT_OK) _exit(2);
        const nn_tensor *raw = &nn_graph_find(model->graph, "raw")->initializer->tensor;
        volatile char sum = 0;
        for (int64_t i = 0; read_weights && i < nn_tensor_bytes(raw); i += 1024)
            sum = (char)(sum + ((const char *)raw->data)[i]);
        int64_t added = peak_bytes() - before;
        nnopt_model_destroy(model);
        _exit(added <= limit ? 0 : 1);
    }
    int ended;
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

START_TEST(a_hundred_megabytes_of_weights_load_without_a_copy) {
    static const size_t bytes = (size_t)100 << 20;
    const char *path = test_path("large.onnx");
    char *block = malloc(bytes);
    ck_assert_ptr_nonnull(block);
    memset(block, 0x3c, bytes);
    message graph = small_graph();
    for (int typed = 0; typed < 2; typed++) {
        /* Half of it as raw data, half as one run of float_data. */
        message weight = tensor(typed ? "typed" : "raw", (int64_t)(bytes / 8), 1);
        message_bytes(&weight, typed ? TENSOR_FLOATS : TENSOR_RAW, block, bytes / 2);
        message_take(&graph, GRAPH_INITIALIZER, &weight);
    }
    message model = message_model(&graph);
    test_write_file(path, model.bytes, model.size);
    message_free(&model);
    free(block);
    ck_assert_int_eq(load_and_measure(path, (int64_t)bytes * 13 / 10, true), 0);
    /* Loading alone touches no page of the weights; reading half of them shows. */
    ck_assert_int_eq(load_and_measure(path, (int64_t)16 << 20, false), 0);
    ck_assert_int_eq(load_and_measure(path, (int64_t)16 << 20, true), 1);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("hostile files");
    TCase *tcase = tcase_create("files");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_hundred_megabytes_of_weights_load_without_a_copy);
    tcase_add_test(tcase, the_small_model_itself_is_fine);
    tcase_add_test(tcase, files_that_are_no_models_are_refused);
    tcase_add_test(tcase, models_that_say_too_little_or_too_much_are_refused);
    tcase_add_test(tcase, every_prefix_of_a_model_is_refused_or_loads);
    tcase_add_test(tcase, every_changed_byte_is_refused_or_loads);
    tcase_add_test(tcase, deep_nesting_is_refused);
    tcase_add_test(tcase, millions_of_empty_messages_are_refused);
    tcase_add_test(tcase, lengths_beyond_the_file_are_refused);
    tcase_add_test(tcase, what_the_encoding_does_not_allow_is_refused);
    tcase_add_test(tcase, tensors_that_contradict_themselves_are_refused);
    tcase_add_test(tcase, graphs_that_do_not_hold_together_are_refused);
    tcase_add_test(tcase, functions_that_never_end_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
