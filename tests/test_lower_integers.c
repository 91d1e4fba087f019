/* Lowering of quantised models: operators on integers, tables, taps, failed allocations. */
#include "ops/cpu/int8/int8_loops.h"
#include "tests/support/maker.h"
#include "tests/support/steps.h"

#include <stdio.h>

static const nn_session_options fused = {.threads = 1}, reference = {.reference_only = true};

/* Quantises `from` to 8 bits and back as `name`. */
static void requantise(maker *m, const char *from, const char *name, float scale, int64_t zero) {
    char text[8][64];
    static const char *const suffixes[] = {"_s", "_z", "_q", "_quant", "_dequant"};
    for (int i = 0; i < 5; i++) snprintf(text[i], sizeof text[i], "%s%s", name, suffixes[i]);
    make_floats(m, text[0], "", &scale);
    make_ints(m, text[1], NNOPT_UINT8, "", &zero);
    char inputs[2][256];
    snprintf(inputs[0], sizeof inputs[0], "%s,%s,%s", from, text[0], text[1]);
    snprintf(inputs[1], sizeof inputs[1], "%s,%s,%s", text[2], text[0], text[1]);
    make_node(m, "QuantizeLinear", text[3], inputs[0], text[2], NULL);
    make_node(m, "DequantizeLinear", text[4], inputs[1], name, NULL);
}

static int64_t test_weight(int64_t index, int64_t seed) {
    return (index * 37 + seed * 11) % 251 - 125;
}

/* Integer constant `name` dequantised along `axis`; `zero` points are 0. */
static void dequantise(maker *m, const char *name, nn_type type, const char *dims, int64_t seed,
                       const char *scale_dims, const float *scales, int axis) {
    char text[4][64], inputs[256], attrs[32];
    static const char *const suffixes[] = {"_s", "_z", "_q", "_dequant"};
    for (int i = 0; i < 4; i++) snprintf(text[i], sizeof text[i], "%s%s", name, suffixes[i]);
    int64_t values[256], zeros[8] = {0};
    for (int64_t i = 0; i < 256; i++) {
        values[i] = test_weight(i, seed) * (type == NNOPT_INT32 ? 7 : 1);
    }
    make_ints(m, text[2], type, dims, values);
    make_floats(m, text[0], scale_dims, scales);
    make_ints(m, text[1], type, scale_dims, zeros);
    snprintf(inputs, sizeof inputs, "%s,%s,%s", text[2], text[0], text[1]);
    snprintf(attrs, sizeof attrs, "axis=%d", axis);
    make_node(m, "DequantizeLinear", text[3], inputs, name, attrs);
}

/* One of every operator that has an integer form. */
static nn_model *quantised_model(void) {
    maker m = make(13);
    static const float s1[4] = {0.01f, 0.012f, 0.008f, 0.015f}, s2 = 0.02f, s4 = 0.012f;
    static const float s3[5] = {0.01f, 0.02f, 0.015f, 0.011f, 0.013f};
    float sb1[4], sb3[5];
    for (int i = 0; i < 4; i++) sb1[i] = 0.02f * s1[i];
    for (int i = 0; i < 5; i++) sb3[i] = 0.04f * s3[i];
    make_input(&m, "input", NNOPT_FLOAT, "1,3,8,8");
    requantise(&m, "input", "x", 0.02f, 128);
    dequantise(&m, "w1", NNOPT_INT8, "4,3,3,3", 1, "4", s1, 0);
    dequantise(&m, "b1", NNOPT_INT32, "4", 2, "4", sb1, 0);
    make_node(&m, "Conv", "conv1", "x,w1,b1", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a", "r", NULL);
    requantise(&m, "r", "d1", 0.03f, 0);
    make_node(&m, "MaxPool", "pool", "d1", "p", "kernel_shape=[2,2] strides=[2,2]");
    requantise(&m, "p", "d2", 0.03f, 0);
    dequantise(&m, "w2", NNOPT_INT8, "4,4,1,1", 3, "", &s2, 0);
    make_node(&m, "Conv", "conv2", "d2,w2", "c", NULL);
    requantise(&m, "c", "d3", 0.05f, 120);
    make_node(&m, "Add", "add", "d2,d3", "e", NULL);
    requantise(&m, "e", "d4", 0.06f, 60);
    make_node(&m, "Concat", "concat", "d4,d2", "f", "axis=1");
    requantise(&m, "f", "d5", 0.06f, 60);
    make_node(&m, "Sigmoid", "sigmoid", "d5", "g", NULL);
    requantise(&m, "g", "d6", 0x1p-8f, 0);
    make_node(&m, "Mul", "mul", "d5,d6", "k", NULL);
    requantise(&m, "k", "d7", 0.05f, 40);
    make_node(&m, "AveragePool", "average", "d7", "l", "kernel_shape=[2,2] strides=[2,2]");
    requantise(&m, "l", "d8", 0.05f, 40);
    make_node(&m, "GlobalAveragePool", "global", "d8", "m", NULL);
    requantise(&m, "m", "d9", 0.04f, 40);
    make_node(&m, "Flatten", "flatten", "d9", "o", NULL);
    requantise(&m, "o", "d10", 0.04f, 40);
    dequantise(&m, "w3", NNOPT_INT8, "5,8", 4, "5", s3, 0);
    dequantise(&m, "b3", NNOPT_INT32, "5", 5, "5", sb3, 0);
    make_node(&m, "Gemm", "gemm", "d10,w3,b3", "t", "transB=1");
    requantise(&m, "t", "y", 0.1f, 128);
    dequantise(&m, "w4", NNOPT_INT8, "8,3", 6, "", &s4, 1);
    make_node(&m, "MatMul", "matmul", "d10,w4", "u", NULL);
    requantise(&m, "u", "z", 0.2f, 140);
    return make_model(&m,
                      "y,z,d7,d6"); /* d6 as an output keeps the sigmoid and its product apart */
}

static nn_tensor quantised_input(void) {
    nn_tensor x = random_tensor("1,3,8,8", 0);
    for (int i = 0; i < 192; i++) {
        ((float *)x.data)[i] = (float)((double)(i * 29 % 101) / 101 * 5 - 2.5);
    }
    return x;
}

/* Do quantised convolutions take the sum behind them? */
static bool convolutions_add(void) {
    return nn_cpu_get()->isa >= NN_ISA_VNNI;
}

START_TEST(quantised_models_run_on_integers) {
    /* the outputs that ONNX Runtime 1.31 gives */
    static const float y[5] = {-2.1f, -2.8f, 1.2f, -8.6f, 6.6f}, z[3] = {-13.2f, -12.6f, -0.6f};
    static const int d7[128] = {
        27,  27,  -5,  -4,  1,   -6,  -5,  27,  27,  -6,  27,  47,  -4,  11,  -5,  27,
        27,  27,  -2,  -5,  60,  -3,  164, 27,  27,  -3,  27,  -2,  -5,  43,  -5,  27,
        215, 215, 214, 209, 191, 209, 67,  215, 215, 210, 215, 134, 207, 215, 186, 215,
        21,  27,  27,  27,  27,  27,  -2,  27,  27,  27,  27,  30,  27,  27,  27,  27,
        153, 153, 92,  75,  121, 94,  88,  153, 153, 89,  153, 1,   74,  136, 88,  153,
        153, 153, 115, 100, 140, 115, 115, 153, 153, 114, 153, 0,   99,  153, 98,  153,
        153, 139, 83,  73,  89,  80,  80,  153, 153, 78,  146, 0,   70,  117, 59,  134,
        146, 153, 153, 153, 153, 153, 33,  153, 153, 153, 153, 137, 153, 153, 153, 153};
    nn_model *model = quantised_model();
    nn_session *session;
    nn_plan *plan;
    nn_tensor x = quantised_input(), out[4];
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nnopt_session_run(session, &x, 1, out));
    /* at most one step of the result's scale away */
    for (int i = 0; i < 5; i++) {
        ck_assert_float_eq_tol(((float *)out[0].data)[i], y[i], 0.1001f);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_float_eq_tol(((float *)out[1].data)[i], z[i], 0.2001f);
    }
    for (int i = 0; i < 128; i++) {
        ck_assert_float_eq_tol(((float *)out[2].data)[i], 0.05f * (float)d7[i], 0.05001f);
    }
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    static const char *const once[] = {"QuantizeLinear",
                                       "MaxPool",
                                       "QLinearConcat",
                                       "QLinearLookup",
                                       "QLinearMul",
                                       "QLinearAveragePool",
                                       "QLinearGlobalAveragePool",
                                       "QGemm",
                                       "QLinearMatMul"};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        ck_assert_msg(count_steps(plan, once[i]) == 1, "%s", once[i]);
    }
    ck_assert_int_eq(count_steps(plan, "QLinearAdd"), convolutions_add() ? 0 : 1);
    ck_assert_int_eq(count_steps(plan, "QConv"), 2);
    ck_assert_int_eq(count_steps(plan, "DequantizeLinear"), 4); /* of the outputs */
    ck_assert_int_eq(count_steps(plan, "Conv"), 0);
    nn_step_info info = step_of(plan, "conv1");
    static const char *const parts[] = {"conv1",      "relu",       "x_dequant",
                                        "w1_dequant", "b1_dequant", "d1_quant"};
    for (int i = 0; i < 6; i++) ck_assert_msg(covers(&info, parts[i]), "%s", parts[i]);
    ck_assert_str_eq(absence(plan, "relu"), "fused into 'conv1'");
    ck_assert_str_eq(absence(plan, "flatten"), "view");
    /* every node of the model has a row or a reason */
    for (int64_t i = 0; i < model->graph->node_count; i++) {
        const char *name = model->graph->nodes[i]->name;
        if (absence(plan, name) == NULL) step_of(plan, name);
    }
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(tapped_floats_inside_quantised_models_are_computed) {
    nn_model *model = quantised_model();
    static const char *const taps[] = {"a", "d1", "d3_q", "w1"};
    nn_session_options options = {.threads = 1, .taps = taps, .tap_count = 4};
    nn_session_options judge = options;
    judge.reference_only = true;
    nn_session *sessions[2];
    nn_tensor x = quantised_input(), out[4], tap[2];
    ck_assert_ok(nn_session_open(model, &options, &sessions[0]));
    ck_assert_ok(nn_session_open(model, &judge, &sessions[1]));
    for (int i = 0; i < 2; i++) ck_assert_ok(nnopt_session_run(sessions[i], &x, 1, out));
    static const double steps[] = {1e-5, 0.03001, 1, 0};
    for (int t = 0; t < 4; t++) {
        for (int i = 0; i < 2; i++) ck_assert_ok(nn_session_tap(sessions[i], t, &tap[i]));
        check_close(&tap[0], &tap[1], 0, steps[t]);
    }
    for (int i = 0; i < 2; i++) nnopt_session_destroy(sessions[i]);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(results_that_are_not_quantised_stay_float) {
    maker m = make(13);
    static const float s = 0.02f, b[4] = {1, -2, 3, 0.5f};
    make_input(&m, "input", NNOPT_FLOAT, "1,3,5,5");
    requantise(&m, "input", "x", 0.02f, 128);
    dequantise(&m, "w", NNOPT_INT8, "4,3,3,3", 1, "", &s, 0);
    make_floats(&m, "b", "4", b);
    make_node(&m, "Conv", "conv", "x,w,b", "y", "pads=[1,1,1,1]");
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("1,3,5,5", 5);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 1e-5, 1e-5);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, "QConv"), 1);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}
END_TEST

/* Runs the model fused and by reference: output 0 agrees within `step`. The plan is that of the
 * fused session, which the caller destroys. */
static nn_session *check_fused(nn_model *model, const nn_tensor *x, double step, nn_plan **plan) {
    nn_tensor y = run_model(model, &fused, x, 1, 0);
    nn_tensor expected = run_model(model, &reference, x, 1, 0);
    nn_session *session;
    check_close(&y, &expected, 0, step);
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, x, 1, plan));
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    return session;
}

START_TEST(transposed_convolutions_without_overlap_are_convolutions_of_one_pixel) {
    maker m = make(13);
    static const float scales[4] = {0.01f, 0.012f, 0.008f, 0.015f};
    float products[4];
    for (int i = 0; i < 4; i++) products[i] = 0.02f * scales[i];
    make_input(&m, "input", NNOPT_FLOAT, "1,3,5,6");
    requantise(&m, "input", "x", 0.02f, 128);
    dequantise(&m, "w", NNOPT_INT8, "3,4,2,2", 1, "4", scales, 1);
    dequantise(&m, "b", NNOPT_INT32, "4", 2, "4", products, 0);
    make_node(&m, "ConvTranspose", "conv", "x,w,b", "a", "strides=[2,2]");
    make_node(&m, "Relu", "relu", "a", "r", NULL);
    requantise(&m, "r", "y", 0.03f, 0);
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("1,3,5,6", 5);
    nn_plan *plan;
    nn_session *session = check_fused(model, &x, 0.03001, &plan);
    ck_assert_int_eq(count_steps(plan, "QConv"), 1);
    ck_assert_int_eq(count_steps(plan, "DepthToSpace"), 1);
    ck_assert_int_eq(count_steps(plan, "ConvTranspose"), 0);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(sums_behind_convolutions_are_part_of_them_where_a_kernel_adds) {
    bool adds = convolutions_add();
    for (int order = 0; order < 2; order++) {
        maker m = make(13);
        static const float scale = 0.02f;
        make_input(&m, "input", NNOPT_FLOAT, "1,16,5,6");
        requantise(&m, "input", "x", 0.02f, 128);
        dequantise(&m, "w", NNOPT_INT8, "16,16,1,1", 1, "", &scale, 0);
        make_node(&m, "Conv", "conv", "x,w", "a", NULL);
        requantise(&m, "a", "c", 0.05f, 120);
        make_node(&m, "Add", "add", order == 0 ? "c,x" : "x,c", "s", NULL);
        make_node(&m, "Relu", "relu", "s", "r", NULL);
        requantise(&m, "r", "y", 0.04f, 0);
        nn_model *model = make_model(&m, "y");
        nn_tensor x = random_tensor("1,16,5,6", 5);
        nn_plan *plan;
        nn_session *session = check_fused(model, &x, 0.04001, &plan);
        ck_assert_int_eq(count_steps(plan, "QConv"), 1);
        ck_assert_int_eq(count_steps(plan, "QLinearAdd"), adds ? 0 : 1);
        nn_step_info info = step_of(plan, "conv");
        ck_assert_int_eq(covers(&info, "add"), adds);
        nnopt_session_destroy(session);
        nn_tensor_clear(&x);
        nnopt_model_destroy(model);
    }
}
END_TEST

/* 0 and 1 doubled: 0.25 and 0.75 between them round to different numbers. */
START_TEST(interpolation_is_no_move) {
    maker m = make(13);
    static const float scales[4] = {1, 1, 1, 2};
    static const int64_t zero[] = {0};
    make_input(&m, "q", NNOPT_UINT8, "1,1,1,2");
    make_floats(&m, "s", "", (const float[]){1});
    make_ints(&m, "z", NNOPT_UINT8, "", zero);
    make_floats(&m, "scales", "4", scales);
    make_node(&m, "DequantizeLinear", "in", "q,s,z", "x", NULL);
    make_node(&m, "Resize", "resize", "x,,scales", "big", "mode='linear'");
    make_node(&m, "QuantizeLinear", "out", "big,s,z", "y", NULL);
    nn_model *model = make_model(&m, "y");
    uint8_t values[2] = {0, 1};
    nn_tensor x = {.type = NNOPT_UINT8, .rank = 4, .dims = {1, 1, 1, 2}, .data = values};
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    static const uint8_t expected[4] = {0, 0, 1, 1};
    ck_assert_mem_eq(y.data, expected, sizeof expected);
    nn_tensor_clear(&y);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(activations_between_integers_are_one_table) {
    maker m = make(14);
    make_input(&m, "input", NNOPT_FLOAT, "256");
    requantise(&m, "input", "x", 0.05f, 100);
    static const float half = 0.5f, one = 1;
    make_floats(&m, "half", "", &half);
    make_floats(&m, "one", "", &one);
    make_node(&m, "HardSwish", "swish", "x", "a", NULL);
    make_node(&m, "Mul", "scale", "a,half", "b", NULL);
    make_node(&m, "Sub", "flip", "one,b", "c", NULL);
    make_node(&m, "Tanh", "tanh", "c", "d", NULL);
    requantise(&m, "d", "y", 1.0f / 128, 128);
    nn_model *model = make_model(&m, "y_q");
    nn_tensor x = random_tensor("256", 1);
    for (int i = 0; i < 256; i++) ((float *)x.data)[i] = 0.05f * (float)(i - 100);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 0, 1);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, ""), 2);
    nn_step_info info = step_of(plan, "swish");
    ck_assert_str_eq(info.node->op->name, "QLinearLookup");
    ck_assert(covers(&info, "scale") && covers(&info, "flip") && covers(&info, "tanh"));
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}
END_TEST

/* x sigmoid(x) + 1 with every step quantised; the scale of x is read by another node, too. */
START_TEST(functions_of_one_quantised_value_are_one_table) {
    static const float one = 1;
    for (int variant = 0; variant < 2; variant++) { /* 1: a second value takes part */
        maker m = make(14);
        make_input(&m, "input", NNOPT_FLOAT, "4,64");
        make_input(&m, "other", NNOPT_FLOAT, "4,64");
        make_floats(&m, "one", "1", &one);
        requantise(&m, "input", "x", 0.05f, 100);
        requantise(&m, "other", "o", 0.05f, 100);
        make_node(&m, "Sigmoid", "gate", "x", "a", NULL);
        requantise(&m, "a", "aq", 1.0f / 256, 0);
        make_node(&m, "Mul", "product", variant == 0 ? "x,aq" : "o,aq", "b", NULL);
        requantise(&m, "b", "bq", 0.03f, 20);
        make_node(&m, "Add", "sum", "bq,one", "c", NULL);
        requantise(&m, "c", "y", 0.03f, 10);
        make_node(&m, "Softmax", "softmax", "x", "z", NULL);
        nn_model *model = make_model(&m, "y_q,z");
        nn_tensor in[2] = {random_tensor("4,64", 1), random_tensor("4,64", 2)};
        for (int i = 0; i < 256; i++) ((float *)in[0].data)[i] = 0.05f * (float)(i - 100);
        nn_tensor y = run_model(model, &fused, in, 2, 0);
        nn_tensor expected = run_model(model, &reference, in, 2, 0);
        check_close(&y, &expected, 0, 1);
        nn_session *session;
        nn_plan *plan;
        ck_assert_ok(nn_session_open(model, &fused, &session));
        ck_assert_ok(nn_session_plan(session, in, 2, &plan));
        ck_assert_int_eq(count_steps(plan, "TableMap"), variant == 0 ? 1 : 0);
        if (variant == 0) {
            nn_step_info info = step_of(plan, "y_quant");
            ck_assert(covers(&info, "gate") && covers(&info, "bq_quant") && covers(&info, "sum"));
            /* quantised, then the table, dequantised, softmax */
            ck_assert_int_eq(count_steps(plan, ""), 4);
        }
        nnopt_session_destroy(session);
        nn_tensor_clear(&in[0]);
        nn_tensor_clear(&in[1]);
        nn_tensor_clear(&y);
        nn_tensor_clear(&expected);
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(tables_are_read_alike_by_all_instruction_sets) {
    static const struct {
        nn_isa isa;
        const nn_int8_loops *loops;
    } variants[] = {
#if defined(__x86_64__)
        {NN_ISA_AVX512, &nn_int8_loops_avx512},
        {NN_ISA_AVX2, &nn_int8_loops_avx2},
#endif
        {NN_ISA_PORTABLE, &nn_int8_loops_portable},
    };
    uint8_t table[256], x[300], y[301];
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)(i * 167 + 13);
    for (int i = 0; i < 300; i++) x[i] = (uint8_t)(i * 7);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if (variants[v].isa > nn_cpu_get()->isa) continue;
        for (int count = 0; count <= 300; count++) {
            memset(y, 77, sizeof y);
            variants[v].loops->look_up(table, x, y, count);
            for (int i = 0; i < count; i++) ck_assert_uint_eq(y[i], (uint8_t)(x[i] * 167 + 13));
            ck_assert_uint_eq(y[count], 77);
        }
        memcpy(y, x, sizeof x);
        variants[v].loops->look_up(table, y, y, 300);
        for (int i = 0; i < 300; i++) ck_assert_uint_eq(y[i], (uint8_t)(x[i] * 167 + 13));
    }
}
END_TEST

START_TEST(every_failed_allocation_is_an_error) {
    nn_tensor x = quantised_input(), out[4];
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n += 1 + n / 40) {
        nn_model *model = quantised_model(); /* nothing cached yet */
        nn_session *session = NULL;
        nn_fail_allocation(n);
        status = nn_session_open(model, &fused, &session);
        if (status == NN_OK) status = nnopt_session_run(session, &x, 1, out);
        nn_fail_allocation(0);
        ck_assert_msg(status == NN_OK || status == NN_NO_MEMORY, "allocation %d: %s", (int)n,
                      nnopt_last_error());
        nnopt_session_destroy(session);
        nnopt_model_destroy(model);
    }
    nn_tensor_clear(&x);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("lower integers");
    TCase *tests = tcase_create("lower integers");
    tcase_add_test(tests, quantised_models_run_on_integers);
    tcase_add_test(tests, tapped_floats_inside_quantised_models_are_computed);
    tcase_add_test(tests, results_that_are_not_quantised_stay_float);
    tcase_add_test(tests, transposed_convolutions_without_overlap_are_convolutions_of_one_pixel);
    tcase_add_test(tests, sums_behind_convolutions_are_part_of_them_where_a_kernel_adds);
    tcase_add_test(tests, interpolation_is_no_move);
    tcase_add_test(tests, activations_between_integers_are_one_table);
    tcase_add_test(tests, functions_of_one_quantised_value_are_one_table);
    tcase_add_test(tests, tables_are_read_alike_by_all_instruction_sets);
    tcase_add_test(tests, every_failed_allocation_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}
