#include "engine/run/session.h"
#include "tests/support/op_case.h"
#include "tests/support/runner.h"

#include <stdio.h>

static nn_value *add_value(nn_graph *graph, const char *stem, int index) {
    char name[32];
    nn_value *value;
    snprintf(name, sizeof name, "%s%d", stem, index);
    ck_assert_ok(nn_graph_add_value(graph, name, &value));
    return value;
}

/* Inputs are handed to the session in the order of the node's inputs. */
static nn_model *make_case_model(const op_case *test, bool with_constants, nn_tensor *inputs,
                                 size_t *input_count) {
    nn_graph *graph;
    nn_value *in[OP_CASE_TENSORS] = {NULL}, *out[OP_CASE_TENSORS] = {NULL};
    ck_assert_ok(nn_graph_create(test->name, &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 11));
    ck_assert_ok(nn_graph_set_opset(graph, test->domain, test->opset));
    *input_count = 0;
    for (int i = 0; i < test->in_count; i++) {
        if (!test->has_in[i]) continue;
        const nn_tensor *tensor = &test->in[i];
        in[i] = add_value(graph, "in", i);
        if (with_constants && i > 0) {
            nn_blob *blob;
            ck_assert_ok(nn_blob_create(tensor->type, tensor->dims, tensor->rank, &blob));
            size_t bytes = (size_t)nn_tensor_bytes(tensor);
            if (bytes > 0) memcpy(blob->tensor.data, tensor->data, bytes);
            ck_assert_ok(nn_graph_set_initializer(graph, in[i], blob));
            nn_blob_release(blob);
            continue;
        }
        in[i]->fact = in[i]->declared = nn_fact_make(tensor->type, tensor->rank, tensor->dims);
        ck_assert_ok(nn_graph_add_input(graph, in[i]));
        inputs[(*input_count)++] = *tensor;
    }
    for (int i = 0; i < test->out_count; i++)
        if (test->has_out[i]) out[i] = add_value(graph, "out", i);
    ck_assert_ok(nn_graph_add_node(graph, test->op_type, test->domain, test->name, in,
                                   test->in_count, out, test->out_count, &test->attrs, NULL));
    for (int i = 0; i < test->out_count; i++)
        if (out[i] != NULL) ck_assert_ok(nn_graph_add_output(graph, out[i]));
    nn_model *model;
    ck_assert_ok(nn_graph_infer(graph));
    ck_assert_ok(nn_model_create(graph, &model));
    return model;
}

static void check_run(const op_case *test, bool with_constants, bool fused) {
    nn_tensor inputs[OP_CASE_TENSORS], outputs[OP_CASE_TENSORS];
    size_t input_count;
    nn_model *model = make_case_model(test, with_constants, inputs, &input_count);
    nn_session *session;
    nn_session_options options = {.threads = 2, .no_fusion = !fused};
    char how[64];
    snprintf(how, sizeof how, "%s, %s", with_constants ? "constants" : "inputs",
             fused ? "fused" : "plain");
    nn_status status = nn_session_open(model, &options, &session);
    ck_assert_msg(status == NN_OK, "%s: %s: %s", test->name, how, nnopt_last_error());
    status = nnopt_session_run(session, inputs, input_count, outputs);
    ck_assert_msg(status == NN_OK, "%s: %s: %s", test->name, how, nnopt_last_error());
    for (int i = 0, position = 0; i < test->out_count; i++) {
        if (!test->has_out[i]) continue;
        const nn_tensor *got = &outputs[position++], *expected = &test->out[i];
        ck_assert_msg(got->type == expected->type &&
                          nn_dims_equal(got->dims, got->rank, expected->dims, expected->rank),
                      "%s: %s: output %d has another type or shape", test->name, how, i);
        op_case_compare(test, how, i, got);
    }
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}

void op_case_check_model(const op_case *test) {
    for (int form = 0; form < 4; form++) check_run(test, form & 1, form & 2);
}
