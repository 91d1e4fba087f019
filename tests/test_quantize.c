/* Quantisation: where pairs stand, what the numbers are, what is refused. */
#include "base/dataset.h"
#include "engine/graph/patch.h"
#include "engine/transform/raise_opset.h"
#include "optim/quantize_weights.h"
#include "tests/support/maker.h"

#include <math.h>

static nn_model *small_network(int opset) {
    maker m = make(opset);
    make_input(&m, "x", NNOPT_FLOAT, "N,3,6,6");
    make_random(&m, "w1", "8,3,3,3", 1);
    make_random(&m, "b1", "8", 2);
    make_node(&m, "Conv", "first", "x,w1,b1", "a0", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a0", "a", NULL);
    make_random(&m, "w2", "8,8,1,1", 3);
    make_node(&m, "Conv", "second", "a,w2", "b", NULL);
    make_node(&m, "Add", "residual", "a,b", "c", NULL);
    make_node(&m, "MaxPool", "pool", "c", "d", "kernel_shape=[2,2] strides=[2,2]");
    make_node(&m, "Flatten", "flatten", "d", "e", NULL);
    make_random(&m, "w3", "4,72", 4);
    make_random(&m, "b3", "4", 5);
    make_node(&m, "Gemm", "head", "e,w3,b3", "y", "transB=1");
    return make_model(&m, "y");
}

/* Samples N(0, 1)/2 as a data set for the model. */
static nnopt_dataset *samples_for(nn_model *model, int64_t count) {
    nn_tensor x = random_tensor("16,3,6,6", 77);
    x.dims[0] = count;
    const char *names[] = {"x"};
    nnopt_dataset *data;
    ck_assert_ok(nnopt_dataset_create(model, names, &x, 1, NULL, &data));
    nn_tensor_clear(&x);
    return data;
}

static nn_node *node_named(const nn_model *model, const char *name) {
    for (int64_t n = 0; n < model->graph->node_count; n++)
        if (strcmp(model->graph->nodes[n]->name, name) == 0) return model->graph->nodes[n];
    return NULL;
}

static bool reads_pair(const nn_node *node, int input) {
    const nn_node *producer = node->inputs[input]->producer;
    return producer != NULL && strcmp(producer->op_type, "DequantizeLinear") == 0;
}

static nn_model *quantised(nn_model *model, nnopt_dataset *data, const char *name,
                           const char *value, nnopt_report **report) {
    nnopt_options *options;
    nnopt_report *unused = NULL;
    nn_model *result;
    ck_assert_ok(nnopt_options_create(&options));
    if (name != NULL) ck_assert_ok(nnopt_options_set(options, name, value));
    ck_assert_ok(nnopt_quantize(model, data, options, &result, report != NULL ? report : &unused));
    nnopt_options_destroy(options);
    nnopt_report_destroy(unused);
    return result;
}

START_TEST(pairs_stand_where_other_runtimes_fuse_them) {
    nn_model *model = small_network(17);
    nnopt_dataset *data = samples_for(model, 16);
    nn_model *result = quantised(model, data, NULL, NULL, NULL);
    const nn_node *relu = node_named(result, "relu"), *head = node_named(result, "head");
    ck_assert(reads_pair(node_named(result, "first"), 0));
    ck_assert(reads_pair(node_named(result, "first"), 1));
    ck_assert(reads_pair(node_named(result, "first"), 2));
    ck_assert_msg(!reads_pair(relu, 0), "no pair between a convolution and its activation");
    ck_assert(reads_pair(node_named(result, "residual"), 0));
    ck_assert(reads_pair(node_named(result, "residual"), 1));
    ck_assert(reads_pair(node_named(result, "pool"), 0));
    ck_assert(reads_pair(head, 0));
    ck_assert(reads_pair(head, 1));
    ck_assert_str_eq(head->outputs[0]->name, "y");
    ck_assert_msg(result->graph->outputs[0]->producer == head, "the logits stay float");
    /* data movement keeps its input's parameters */
    const nn_node *before = node_named(result, "pool")->inputs[0]->producer;
    const nn_node *after = node_named(result, "flatten")->inputs[0]->producer;
    ck_assert_float_eq(((const float *)before->inputs[1]->fact.constant->data)[0],
                       ((const float *)after->inputs[1]->fact.constant->data)[0]);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
    nnopt_model_destroy(result);
}
END_TEST

START_TEST(no_pair_stands_inside_an_activation_that_is_spelled_out) {
    static const float three = 3, zero = 0, six = 6, gain = 0.5f;
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "N,3,6,6");
    make_random(&m, "w1", "8,3,1,1", 1);
    make_random(&m, "w2", "4,8,1,1", 2);
    make_floats(&m, "three", "", &three);
    make_floats(&m, "zero", "", &zero);
    make_floats(&m, "six", "", &six);
    make_floats(&m, "gain", "", &gain);
    make_node(&m, "Conv", "first", "x,w1", "a", NULL);
    make_node(&m, "Add", "shift", "a,three", "b", NULL);
    make_node(&m, "Clip", "clip", "b,zero,six", "c", NULL);
    make_node(&m, "Mul", "gate", "a,c", "d", NULL);
    make_node(&m, "Div", "sixth", "d,six", "e", NULL);
    make_node(&m, "Mul", "scale", "e,gain", "f", NULL);
    make_node(&m, "Conv", "second", "f,w2", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nnopt_dataset *data = samples_for(model, 16);
    nn_model *result = quantised(model, data, NULL, NULL, NULL);
    ck_assert(reads_pair(node_named(result, "shift"), 0));
    ck_assert(reads_pair(node_named(result, "gate"), 0));
    ck_assert_str_eq(node_named(result, "clip")->inputs[0]->producer->name, "shift");
    ck_assert_str_eq(node_named(result, "gate")->inputs[1]->producer->name, "clip");
    ck_assert_str_eq(node_named(result, "sixth")->inputs[0]->producer->name, "gate");
    ck_assert_str_eq(node_named(result, "scale")->inputs[0]->producer->name, "sixth");
    ck_assert(reads_pair(node_named(result, "second"), 0));

    nn_tensor x = random_tensor("2,3,6,6", 5);
    nn_session_options fused = {.threads = 1}, reference = {.reference_only = true};
    nn_tensor y = run_model(result, &fused, &x, 1, 0);
    nn_tensor expected = run_model(result, &reference, &x, 1, 0);
    check_close(&y, &expected, 1e-2, 5e-2);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
    nnopt_model_destroy(result);
}
END_TEST

START_TEST(int8_stays_close_to_float) {
    nn_model *model = small_network(17);
    nnopt_dataset *data = samples_for(model, 16);
    nn_tensor x = random_tensor("5,3,6,6", 123);
    nn_tensor exact = run_model(model, NULL, &x, 1, 0);
    static const char *const modes[] = {"static", "dynamic", "weights"};
    for (int i = 0; i < 3; i++) {
        nn_model *result = quantised(model, data, "mode", modes[i], NULL);
        nn_tensor y = run_model(result, NULL, &x, 1, 0);
        double error = 0, signal = 0;
        for (int64_t k = 0; k < nn_tensor_count(&y); k++) {
            double a = ((float *)y.data)[k], b = ((float *)exact.data)[k];
            error += (a - b) * (a - b);
            signal += b * b;
        }
        ck_assert_msg(error < 1e-2 * signal, "mode %s: relative error %g", modes[i],
                      error / signal);
        ck_assert_msg(error > 0, "mode %s changed nothing", modes[i]);
        nn_tensor_clear(&y);
        nnopt_model_destroy(result);
    }
    nn_tensor_clear(&x);
    nn_tensor_clear(&exact);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_node_can_be_kept_float) {
    nn_model *model = small_network(17);
    nnopt_dataset *data = samples_for(model, 16);
    nn_model *result = quantised(model, data, "keep-float", "second", NULL);
    ck_assert(!reads_pair(node_named(result, "second"), 1));
    ck_assert(reads_pair(node_named(result, "first"), 1));
    nnopt_model_destroy(result);
    nnopt_options *options;
    nnopt_report *report;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "keep-float", "nobody"));
    ck_assert_fails(nnopt_quantize(model, data, options, &result, &report), NNOPT_USAGE,
                    "no node 'nobody'");
    nnopt_options_destroy(options);
    nnopt_dataset_destroy(data);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(static_mode_needs_data_and_finite_data) {
    nn_model *model = small_network(17), *result;
    nnopt_options *options;
    nnopt_report *report;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "mode", "static"));
    ck_assert_fails(nnopt_quantize(model, NULL, options, &result, &report), NNOPT_USAGE, "--calib");
    nn_tensor x = random_tensor("16,3,6,6", 1);
    ((float *)x.data)[500] = NAN;
    const char *names[] = {"x"};
    nnopt_dataset *data;
    ck_assert_ok(nnopt_dataset_create(model, names, &x, 1, NULL, &data));
    ck_assert_fails(nnopt_quantize(model, data, options, &result, &report), NNOPT_BAD_INPUT, "NaN");
    nnopt_dataset_destroy(data);
    nn_tensor_clear(&x);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(too_little_calibration_data_is_refused) {
    nn_model *model = small_network(17), *result;
    nnopt_report *report;
    nnopt_dataset *few = samples_for(model, 3);
    ck_assert_fails(nnopt_quantize(model, few, NULL, &result, &report), NNOPT_BAD_INPUT, "too few");
    nnopt_dataset_destroy(few);
    nn_tensor x = random_tensor("16,3,6,6", 1);
    for (int64_t i = 0; i < nn_tensor_count(&x); i++) ((float *)x.data)[i] = 0.5f;
    const char *names[] = {"x"};
    nnopt_dataset *same;
    ck_assert_ok(nnopt_dataset_create(model, names, &x, 1, NULL, &same));
    ck_assert_fails(nnopt_quantize(model, same, NULL, &result, &report), NNOPT_BAD_INPUT,
                    "calibration samples are the same");
    nnopt_dataset_destroy(same);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(weight_scales_fit_each_channel) {
    nn_tensor weights = random_tensor("4,10", 5);
    float *w = weights.data;
    for (int i = 0; i < 10; i++) {
        w[10 + i] *= 1000;
        w[20 + i] = 0;
    }
    nn_quantized_weights q;
    ck_assert_ok(nn_quantize_weights(&weights, 0, true, &q));
    const float *scales = q.scales->tensor.data;
    const int8_t *values = q.values->tensor.data;
    for (int c = 0; c < 4; c++)
        for (int i = 0; i < 10; i++) {
            float back = (float)values[c * 10 + i] * scales[c];
            /* within half a step, or clipped by at most a fifth of the largest */
            float bound = fmaxf(0.5f * scales[c], fabsf(w[c * 10 + i]) * 0.2f) * 1.001f;
            ck_assert_float_le(fabsf(back - w[c * 10 + i]), bound);
        }
    ck_assert_float_gt(scales[2], 0);
    ck_assert_double_gt(q.noise_db, 35);
    nn_quantized_weights_clear(&q);
    nn_tensor_clear(&weights);
}
END_TEST

START_TEST(an_older_model_means_the_same_at_opset_13) {
    maker m = make(9);
    make_input(&m, "x", NNOPT_FLOAT, "2,3,4,4");
    make_node(&m, "Clip", "clip", "x", "a", "min=-0.25 max=0.5");
    make_node(&m, "Slice", "slice", "a", "b", "axes=[2,3] starts=[0,1] ends=[4,3]");
    make_node(&m, "Pad", "pad", "b", "c", "pads=[0,0,1,0,0,0,0,2] value=1.5");
    make_node(&m, "Unsqueeze", "unsqueeze", "c", "d", "axes=[1]");
    make_node(&m, "Squeeze", "squeeze", "d", "e", "axes=[1]");
    make_node(&m, "ReduceSum", "sum", "e", "f", "axes=[2,3] keepdims=0");
    make_node(&m, "Dropout", "dropout", "f", "g", "ratio=0.3");
    make_node(&m, "Softmax", "softmax", "g", "y", "axis=1");
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("2,3,4,4", 3);
    nn_tensor before = run_model(model, NULL, &x, 1, 0);
    nn_model *raised;
    ck_assert_ok(nn_model_derive(model, &raised));
    ck_assert_ok(nn_raise_opset(raised->graph, "test"));
    ck_assert_int_eq(nn_graph_opset(raised->graph, ""), 13);
    ck_assert_ok(nn_graph_verify(raised->graph));
    nn_tensor after = run_model(raised, NULL, &x, 1, 0);
    check_close(&after, &before, 0, 0);
    nn_tensor_clear(&x);
    nn_tensor_clear(&before);
    nn_tensor_clear(&after);
    nnopt_model_destroy(model);
    nnopt_model_destroy(raised);
}
END_TEST

START_TEST(what_has_no_equivalent_at_opset_13_is_refused_unchanged) {
    maker m = make(9);
    make_input(&m, "x", NNOPT_FLOAT, "2,3,4");
    make_node(&m, "Softmax", "softmax", "x", "y", "axis=1");
    nn_model *model = make_model(&m, "y");
    nn_model *copy;
    ck_assert_ok(nn_model_derive(model, &copy));
    ck_assert_fails(nn_raise_opset(copy->graph, "test"), NNOPT_UNSUPPORTED, "several axes");
    ck_assert_int_eq(nn_graph_opset(copy->graph, ""), 9);
    nnopt_model_destroy(copy);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("quantize");
    TCase *cases = tcase_create("quantize");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, pairs_stand_where_other_runtimes_fuse_them);
    tcase_add_test(cases, no_pair_stands_inside_an_activation_that_is_spelled_out);
    tcase_add_test(cases, int8_stays_close_to_float);
    tcase_add_test(cases, a_node_can_be_kept_float);
    tcase_add_test(cases, static_mode_needs_data_and_finite_data);
    tcase_add_test(cases, too_little_calibration_data_is_refused);
    tcase_add_test(cases, weight_scales_fit_each_channel);
    tcase_add_test(cases, an_older_model_means_the_same_at_opset_13);
    tcase_add_test(cases, what_has_no_equivalent_at_opset_13_is_refused_unchanged);
    suite_add_tcase(suite, cases);
    return suite;
}
