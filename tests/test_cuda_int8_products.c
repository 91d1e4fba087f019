/* Products of matrices of bytes on a device, the operators around them, and plans of quantised
 * models: the same bytes as the CPU's reference kernels. */
#include "engine/run/session.h"
#include "tests/support/byte_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/maker.h"
#include "tests/support/op_case.h"
#include "tests/support/steps.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- matrices ---- */

typedef struct matmul_case {
    int64_t a[3], b[3]; /* the first 0: a matrix */
    nn_type a_type, b_type, y_type;
    bool known_b, known_numbers, per_column;
    double b_zero; /* from the middle of its type */
} matmul_case;

static const matmul_case matmul_cases[] = {
    {{0, 5, 64}, {0, 64, 40}, U8, S8, U8, true, true, true, 0},
    {{0, 70, 96}, {0, 96, 33}, S8, S8, S8, true, true, false, 0},
    {{0, 1, 200}, {0, 200, 50}, U8, U8, U8, true, true, false, 0},
    {{3, 7, 48}, {0, 48, 20}, U8, S8, S8, true, false, true, 5},
    {{0, 9, 37}, {0, 37, 19}, U8, S8, U8, true, true, true, 0},
    {{3, 20, 64}, {3, 64, 24}, U8, U8, U8, false, true, false, 0},
    {{3, 20, 64}, {3, 64, 24}, S8, U8, S8, false, true, false, 17},
    {{2, 17, 50}, {2, 50, 35}, U8, S8, U8, false, false, false, 2},
    {{2, 33, 140}, {0, 140, 40}, S8, S8, S8, false, false, true, 1},
    {{0, 6, 30}, {2, 30, 7}, U8, S8, U8, false, true, false, 0},
};
enum { MATMUL_CASES = sizeof matmul_cases / sizeof matmul_cases[0] };

static void matrix(kernel_host *host, nn_type type, const int64_t *dims, bool constant) {
    bytes(host, type, dims[0] == 0 ? dims + 1 : dims, dims[0] == 0 ? 2 : 3, constant);
}

static void check_matmul(kernel_host *host, bool by_all) {
    const nn_target target = {.threads = 1, .device = device_host_open()};
    host_infer(host);
    device_host_check_first(host, NN_LAYOUT_STANDARD, 0);
    const nn_kernel *const *kernel = nn_device_kernels(target.device, host->op);
    for (; by_all && *kernel != NULL; kernel++)
        if (host_accepts(host, *kernel, &target))
            device_host_check(host, *kernel, NN_LAYOUT_STANDARD, &target, 0);
    host_clear(host);
}

START_TEST(multiplies_quantised_matrices) {
    for (int i = 0; i < MATMUL_CASES; i++)
        for (int variant = 0; variant <= ALL_VARIANTS; variant += variant == 0 || i < 3 ? 1 : 5) {
            const matmul_case *c = &matmul_cases[i];
            const int64_t lists = c->per_column ? c->b[2] : 0;
            const double zero = middle(c->b_type) + c->b_zero;
            kernel_host host;
            host_init(&host, nn_op_find("", "QLinearMatMul", 21), 21);
            host.variant = variant;
            matrix(&host, c->a_type, c->a, false);
            parameter(&host, NNOPT_FLOAT, 0, c->known_numbers, 0.02, 0.03);
            parameter(&host, c->a_type, 0, c->known_numbers, middle(c->a_type) - 9,
                      middle(c->a_type) - 8.5);
            matrix(&host, c->b_type, c->b, c->known_b);
            parameter(&host, NNOPT_FLOAT, lists, c->known_numbers, 0.001, 0.01);
            parameter(&host, c->b_type, lists, c->known_b || c->known_numbers, zero,
                      zero + (c->b_zero == 0 ? 0.5 : 3));
            parameter(&host, NNOPT_FLOAT, 0, true, 0.06, 0.07);
            parameter(&host, c->y_type, 0, true, middle(c->y_type) + 4, middle(c->y_type) + 4.5);
            check_matmul(&host, variant == 0);
        }
}
END_TEST

START_TEST(multiplies_integer_matrices) {
    for (int i = 0; i < MATMUL_CASES; i++)
        for (int has_zeros = 0; has_zeros < 2; has_zeros++) {
            const matmul_case *c = &matmul_cases[i];
            const double zero = middle(c->b_type) + c->b_zero;
            kernel_host host;
            host_init(&host, nn_op_find("", "MatMulInteger", 10), 10);
            matrix(&host, c->a_type, c->a, false);
            matrix(&host, c->b_type, c->b, c->known_b);
            if (has_zeros) {
                parameter(&host, c->a_type, 0, false, 3, 3.5);
                parameter(&host, c->b_type, c->per_column ? c->b[2] : 0, c->known_b, zero,
                          zero + 2);
            }
            check_matmul(&host, true);
        }
}
END_TEST

START_TEST(multiplies_to_floats) {
    for (int i = 0; i < MATMUL_CASES; i++)
        for (int has_bias = 0; has_bias < 2; has_bias++) {
            const matmul_case *c = &matmul_cases[i];
            const double zero = middle(c->b_type) + c->b_zero;
            kernel_host host;
            host_init(&host, nn_op_find("com.microsoft", "MatMulIntegerToFloat", 1), 1);
            matrix(&host, c->a_type, c->a, false);
            matrix(&host, c->b_type, c->b, c->known_b);
            parameter(&host, NNOPT_FLOAT, 0, false, 0.02, 0.03);
            parameter(&host, NNOPT_FLOAT, c->per_column ? c->b[2] : 0, c->known_numbers, 0.001,
                      0.01);
            parameter(&host, c->a_type, 0, false, 5, 5.5);
            parameter(&host, c->b_type, 0, c->known_b, zero, zero + 0.5);
            if (has_bias) parameter(&host, NNOPT_FLOAT, c->b[2], true, -1, 1);
            check_matmul(&host, true);
        }
}
END_TEST

/* Parameters of each row and of each matrix go to the general kernel. */
START_TEST(multiplies_with_parameters_of_rows) {
    kernel_host host;
    host_init(&host, nn_op_find("", "QLinearMatMul", 21), 21);
    bytes(&host, U8, (int64_t[]){2, 5, 12}, 3, false);
    fill_input(&host, NNOPT_FLOAT16, (int64_t[]){2, 5, 1}, 3, false, 0.02, 0.03);
    fill_input(&host, U8, (int64_t[]){2, 5, 1}, 3, false, 100, 150);
    bytes(&host, S8, (int64_t[]){2, 12, 6}, 3, false);
    fill_input(&host, NNOPT_FLOAT16, (int64_t[]){6}, 1, false, 0.01, 0.02);
    fill_input(&host, S8, (int64_t[]){6}, 1, false, -3, 3);
    parameter(&host, NNOPT_FLOAT16, 0, false, 0.06, 0.07);
    parameter(&host, U8, 0, false, 120, 121);
    check_matmul(&host, true);
}
END_TEST

START_TEST(multiplies_as_gemm) {
    for (int i = 0; i < 16; i++) {
        const bool transpose_a = (i & 1) != 0, transpose_b = (i & 2) != 0;
        const bool stays_float = (i & 4) != 0, is_known = (i & 8) == 0;
        const int64_t m = 6, k = 48, n = 20;
        kernel_host host;
        host_init(&host, nn_op_find("com.microsoft", "QGemm", 1), 1);
        host_int(&host, "transA", transpose_a);
        host_int(&host, "transB", transpose_b);
        host_float(&host, "alpha", 0.75F);
        bytes(&host, U8, (int64_t[]){transpose_a ? k : m, transpose_a ? m : k}, 2, false);
        parameter(&host, NNOPT_FLOAT, 0, is_known, 0.02, 0.03);
        parameter(&host, U8, 0, is_known, 120, 121);
        bytes(&host, S8, (int64_t[]){transpose_b ? n : k, transpose_b ? k : n}, 2, is_known);
        parameter(&host, NNOPT_FLOAT, n, is_known, 0.001, 0.01);
        parameter(&host, S8, n, is_known, 0, 0.5);
        parameter(&host, NNOPT_INT32, n, is_known, -3000, 3000);
        if (!stays_float) {
            parameter(&host, NNOPT_FLOAT, 0, true, 0.04, 0.05);
            parameter(&host, U8, 0, true, 110, 111);
        }
        check_matmul(&host, true);
    }
}
END_TEST

/* ---- around them ---- */

START_TEST(adds_and_multiplies) {
    static const int64_t dims[][2][4] = {{{2, 16, 3, 5}, {2, 16, 3, 5}},
                                         {{2, 16, 3, 5}, {1, 16, 1, 1}},
                                         {{1, 1, 1, 1}, {3, 5, 2, 2}}};
    for (int i = 0; i < 3; i++)
        for (int mul = 0; mul < 2; mul++)
            for (int is_signed = 0; is_signed < 2; is_signed++)
                for (int layout = 0; layout < 2; layout++) {
                    const nn_type type = is_signed ? S8 : U8;
                    kernel_host host;
                    host_init(&host,
                              nn_op_find("com.microsoft", mul ? "QLinearMul" : "QLinearAdd", 1), 1);
                    for (int k = 0; k < 2; k++) {
                        bytes(&host, type, dims[i][k], 4, false);
                        parameter(&host, NNOPT_FLOAT, 0, true, 0.02, 0.04);
                        parameter(&host, type, 0, true, middle(type) + 7, middle(type) + 9);
                    }
                    parameter(&host, NNOPT_FLOAT, 0, true, 0.05, 0.06);
                    parameter(&host, type, 0, true, middle(type) - 4, middle(type) - 3);
                    device_host_judge(&host, layout ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD,
                                      0);
                }
}
END_TEST

static void unary(kernel_host *host, const char *op_type, nn_type x, nn_type y,
                  const int64_t *dims) {
    const nn_op *op = nn_op_find("nnopt", op_type, 1);
    host_init(host, op, 1);
    bytes(host, x, dims, 4, false);
    parameter(host, NNOPT_FLOAT, 0, true, 0.03, 0.04);
    parameter(host, x, 0, true, middle(x) + 6, middle(x) + 6.5);
    parameter(host, NNOPT_FLOAT, 0, true, 0.02, 0.03);
    parameter(host, y, 0, true, middle(y) - 30, middle(y) - 29.5);
}

START_TEST(averages) {
    static const int64_t dims[][4] = {{2, 16, 5, 7}, {1, 5, 3, 3}, {3, 132, 7, 7}};
    for (int i = 0; i < 3; i++)
        for (int layout = 0; layout < 2; layout++)
            for (int is_signed = 0; is_signed < 2; is_signed++) {
                const nn_type type = is_signed ? S8 : U8;
                const nn_layout order = layout ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD;
                kernel_host host;
                unary(&host, "QLinearGlobalAveragePool", type, is_signed ? U8 : S8, dims[i]);
                device_host_judge(&host, order, 0);
                unary(&host, "QLinearAveragePool", type, type, dims[i]);
                host_ints(&host, "kernel_shape", (int64_t[]){3, 2}, 2);
                host_ints(&host, "strides", (int64_t[]){2, 1}, 2);
                host_ints(&host, "pads", (int64_t[]){1, 0, 0, 1}, 4);
                host_int(&host, "ceil_mode", i == 1);
                host_int(&host, "count_include_pad", i == 2);
                device_host_judge(&host, order, 0);
            }
}
END_TEST

START_TEST(looks_up) {
    static const char *const ops[] = {"QLinearLookup", "QLinearLeakyRelu", "QLinearSigmoid"};
    static const int64_t dims[][4] = {{2, 16, 5, 7}, {1, 5, 3, 3}};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++) {
            kernel_host host;
            unary(&host, ops[i], k == 0 ? U8 : S8, k == 0 ? S8 : U8, dims[k]);
            if (i == 1) host_float(&host, "alpha", 0.2F);
            device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
        }
    for (int k = 0; k < 2; k++) {
        kernel_host host;
        host_init(&host, nn_op_find("nnopt", "TableMap", 1), 1);
        bytes(&host, S8, dims[k], 4, false);
        bytes(&host, U8, (int64_t[]){256}, 1, true);
        device_host_judge(&host, NN_LAYOUT_CHANNELS_LAST, 0);
    }
}
END_TEST

START_TEST(joins) {
    for (int axis = 1; axis < 3; axis++)
        for (int layout = 0; layout < 2; layout++) {
            kernel_host host;
            host_init(&host, nn_op_find("com.microsoft", "QLinearConcat", 1), 1);
            host_int(&host, "axis", axis);
            parameter(&host, NNOPT_FLOAT, 0, true, 0.02, 0.03);
            parameter(&host, U8, 0, true, 100, 101);
            for (int i = 0; i < 3; i++) {
                int64_t dims[] = {2, 16, 3, 4};
                dims[axis] = 16 * (i + 1) - (i == 2 ? 5 : 0);
                bytes(&host, i == 1 ? S8 : U8, dims, 4, false);
                parameter(&host, NNOPT_FLOAT, 0, true, 0.01, 0.05);
                parameter(&host, i == 1 ? S8 : U8, 0, true, 3, 9);
            }
            device_host_judge(&host, layout ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD, 0);
        }
}
END_TEST

/* ---- cases of the standard and of ONNX Runtime ---- */

static bool is_integer_operator(const op_case *test) {
    return test->op_type[0] == 'Q' || strstr(test->op_type, "Integer") != NULL;
}

/* Returns whether a kernel of the device takes the case. */
static bool check_case(const op_case *test, bool are_constant) {
    const nn_target target = {.threads = 1, .device = device_host_open()};
    kernel_host host;
    host_init(&host, nn_op_find(test->domain, test->op_type, test->opset), test->opset);
    host.attrs = test->attrs;
    host.out_count = test->out_count;
    for (int i = 0; i < test->in_count; i++) {
        if (!test->has_in[i]) {
            host_absent(&host);
            continue;
        }
        const nn_tensor *in = &test->in[i];
        void *data = host_input(&host, in->type, in->dims, in->rank, are_constant && i > 0);
        if (nn_tensor_bytes(in) > 0) memcpy(data, in->data, (size_t)nn_tensor_bytes(in));
    }
    host_infer(&host);
    const nn_kernel *kernel = device_host_select(&host, &target);
    if (kernel != NULL) {
        device_host_run(&host, kernel,
                        kernel->layout == NN_LAYOUT_CHANNELS_LAST ? NN_LAYOUT_CHANNELS_LAST
                                                                  : NN_LAYOUT_STANDARD,
                        &target);
        for (int i = 0; i < test->out_count; i++)
            if (test->has_out[i]) op_case_compare(test, kernel->name, i, &host.out[i]);
    }
    host_clear(&host);
    return kernel != NULL;
}

START_TEST(gives_what_others_give) {
    static const char *const files[] = {"quantization_cases.txt", "microsoft_cases.txt"};
    const char *source = getenv("NNOPT_SOURCE");
    int known = 0, unknown = 0;
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/data/%s", source != NULL ? source : ".", files[_i]);
    op_cases_load(path);
    for (int i = 0; i < op_cases_count(); i++) {
        const op_case *test = op_cases_get(i);
        if (!is_integer_operator(test)) continue;
        known += check_case(test, true);
        unknown += check_case(test, false);
    }
    op_cases_clear();
    ck_assert_int_ge(known, _i == 0 ? 100 : 30);
    ck_assert_int_ge(unknown, _i == 0 ? 60 : 8);
}
END_TEST

/* ---- plans ---- */

static void quantized(maker *m, const char *value, const char *name) {
    char inputs[64], outputs[64];
    snprintf(inputs, sizeof inputs, "%s,s,z", value);
    snprintf(outputs, sizeof outputs, "%s_q", name);
    make_node(m, "QuantizeLinear", outputs, inputs, outputs, NULL);
    snprintf(inputs, sizeof inputs, "%s_q,s,z", name);
    make_node(m, "DequantizeLinear", name, inputs, name, NULL);
}

static void weights(maker *m, const char *name, const char *dims, int64_t count) {
    int64_t values[64 * 64 * 9];
    char inputs[64], data[32];
    ck_assert_int_le(count, 64 * 64 * 9);
    for (int64_t i = 0; i < count; i++) values[i] = (int64_t)host_random_below(256) - 128;
    snprintf(data, sizeof data, "%s_q", name);
    make_ints(m, data, NNOPT_INT8, dims, values);
    snprintf(inputs, sizeof inputs, "%s,ws,wz", data);
    make_node(m, "DequantizeLinear", name, inputs, name, NULL);
}

/* A block of a residual network between quantisers. */
static nn_model *make_chain(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2,16,8,8");
    make_floats(&m, "s", "", (float[]){0.02F});
    make_ints(&m, "z", NNOPT_UINT8, "", (int64_t[]){120});
    make_floats(&m, "ws", "", (float[]){0.002F});
    make_ints(&m, "wz", NNOPT_INT8, "", (int64_t[]){0});
    quantized(&m, "x", "a");
    weights(&m, "w1", "64,16,3,3", 64 * 16 * 9);
    make_node(&m, "Conv", "conv1", "a,w1", "c1", "pads=[1,1,1,1]");
    quantized(&m, "c1", "b");
    weights(&m, "w2", "64,64,1,1", 64 * 64);
    make_node(&m, "Conv", "conv2", "b,w2", "c2", NULL);
    quantized(&m, "c2", "c");
    make_node(&m, "Add", "add", "c,b", "d0", NULL);
    quantized(&m, "d0", "d");
    make_node(&m, "MaxPool", "pool", "d", "e0", "kernel_shape=[2,2] strides=[2,2]");
    quantized(&m, "e0", "e");
    make_node(&m, "GlobalAveragePool", "mean", "e", "f0", NULL);
    quantized(&m, "f0", "f");
    make_node(&m, "Flatten", "flatten", "f", "g0", NULL);
    quantized(&m, "g0", "g");
    weights(&m, "w3", "64,10", 640);
    make_node(&m, "MatMul", "fc", "g,w3", "h0", NULL);
    quantized(&m, "h0", "y");
    return make_model(&m, "y");
}

/* From the first quantiser to the last everything runs on the device, in bytes, whatever the
 * precision of floats. */
START_TEST(keeps_a_chain_on_the_device) {
    static const char *const precisions[] = {"fp32", "fp16", "bf16", "tf32"};
    nn_model *model = make_chain();
    nnopt_session *cpu = device_host_session(model, "cpu", "fp32");
    nnopt_session *cuda = device_host_session(model, "cuda", precisions[_i]);
    nn_tensor x = random_tensor("2,16,8,8", 3), want, got;
    for (int run = 0; run < 3; run++) {
        ck_assert_ok(nnopt_session_run(cpu, &x, 1, &want));
        ck_assert_ok(nnopt_session_run(cuda, &x, 1, &got));
        check_close(&got, &want, 0, 0);
    }
    nn_plan *plan;
    ck_assert_ok(nn_session_plan(cuda, &x, 1, &plan));
    int64_t uploads = 0, downloads = 0;
    for (int64_t s = 0; s < nn_plan_step_count(plan); s++) {
        nn_step_info info;
        nn_plan_step(plan, s, &info);
        uploads += strcmp(info.kernel->name, "upload") == 0;
        downloads += strcmp(info.kernel->name, "download") == 0;
        if (!info.on_device) ck_assert_msg(info.is_conversion, "%s runs on the CPU", info.origin);
    }
    ck_assert_int_eq(uploads, 1);
    ck_assert_int_eq(downloads, 1);
    ck_assert_int_eq(count_steps(plan, "QuantizeLinear"), 1);
    ck_assert_int_eq(count_steps(plan, "DequantizeLinear"), 1);
    ck_assert_int_eq(count_steps(plan, "QLinearAdd"), 0);
    ck_assert_str_eq(step_of(plan, "conv2").kernel->name, "qconv_tensor_cuda");
    nn_tensor_clear(&x);
    nnopt_session_destroy(cpu);
    nnopt_session_destroy(cuda);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_int8_products");
    TCase *cases = tcase_create("int8");
    device_host_open();
    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, multiplies_quantised_matrices);
    tcase_add_test(cases, multiplies_integer_matrices);
    tcase_add_test(cases, multiplies_to_floats);
    tcase_add_test(cases, multiplies_with_parameters_of_rows);
    tcase_add_test(cases, multiplies_as_gemm);
    tcase_add_test(cases, adds_and_multiplies);
    tcase_add_test(cases, averages);
    tcase_add_test(cases, looks_up);
    tcase_add_test(cases, joins);
    tcase_add_loop_test(cases, gives_what_others_give, 0, 2);
    tcase_add_loop_test(cases, keeps_a_chain_on_the_device, 0, 4);
    suite_add_tcase(suite, cases);
    return suite;
}
