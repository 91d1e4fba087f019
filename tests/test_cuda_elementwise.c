/* Elementwise operators on a device, against those of the CPU. */
#include "ops/family/activation.h"
#include "ops/family/types.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>

enum {
    FLOATS = NN_TYPES_FLOAT,
    INTEGERS = NN_TYPES_INTEGER,
    NUMBERS = NN_TYPES_NUMBER,
    NUMBERS_AND_BOOL = NN_TYPES_NUMBER | NN_TYPES_BOOL,
    SIGNED = NN_TYPES_FLOAT | NN_TYPES_SIGNED,
    BOOL = NN_TYPES_BOOL,
};

static nn_target target_of(void) {
    return (nn_target){.threads = 1, .device = device_host_open()};
}

/* ---- one input ---- */

typedef struct shape {
    int rank;
    int64_t dims[8];
} shape;

static void check_unary(const char *name, nn_type type, const shape *of) {
    kernel_host host;
    host_init(&host, nn_op_find("", name, NN_OPSET_NEWEST), NN_OPSET_NEWEST);
    /* where all of them are defined, or both sides NaN */
    fill_input(&host, type, of->dims, of->rank, false, type == NNOPT_BOOL ? 0 : -4, 4);
    if (strcmp(name, "Clip") == 0) {
        const double low = nn_type_is_signed(type) || nn_type_is_float(type) ? -2 : 1;
        fill_input(&host, type, NULL, 0, true, low, low);
        fill_input(&host, type, NULL, 0, true, 2, 2);
    }
    host_infer(&host);
    device_host_check_first(&host, NN_LAYOUT_STANDARD, device_tolerance(type));
    host_clear(&host);
}

START_TEST(every_function_of_one_input) {
    static const struct {
        const char *name;
        nn_type_set types;
    } operators[] = {
#define NN_FUNCTION_OPERATOR(symbol, name, types, ...) {name, types},
#define NN_FUNCTION_ROW(...)
#include "ops/family/functions.def"
#undef NN_FUNCTION_OPERATOR
#undef NN_FUNCTION_ROW
    };
    static const shape shapes[] = {{0}, {1, {0}}, {1, {7}}, {3, {3, 5, 67}}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        for (int type = 0; type < NN_TYPE_COUNT; type++)
            for (size_t s = 0; s < 4; s++)
                if (nn_type_in((nn_type)type, operators[i].types))
                    check_unary(operators[i].name, (nn_type)type, &shapes[s]);
}
END_TEST

/* Bounds that are known only in the run; one of them is absent, or both are there. */
START_TEST(bounds_of_the_run) {
    for (int type = 0; type < NN_TYPE_COUNT; type++)
        for (int bounds = 1; bounds < 4; bounds++) {
            kernel_host host;
            if (!nn_type_in((nn_type)type, NN_TYPES_NUMBER)) continue;
            host_init(&host, nn_op_find("", "Clip", 13), 13);
            nn_tensor *x = fill_input(&host, (nn_type)type, (int64_t[]){3, 37}, 2, false, 0, 100);
            if (nn_type_is_float((nn_type)type)) nn_tensor_set(x, 5, NAN);
            if (bounds & 1)
                fill_input(&host, (nn_type)type, NULL, 0, false, 20, 20);
            else
                host_absent(&host);
            if (bounds & 2) fill_input(&host, (nn_type)type, NULL, 0, false, 70, 70);
            host_infer(&host);
            device_host_check_first(&host, NN_LAYOUT_STANDARD, 0);
            host_clear(&host);
        }
}
END_TEST

START_TEST(numbers_that_are_none) {
    static const char *const names[] = {"Relu", "Clip", "Sigmoid", "IsNaN", "IsInf", "Max", "Sign"};
    static const float values[] = {NAN, INFINITY, -INFINITY, -0.0f, 0, 1e-42f, 3e38f};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        kernel_host host;
        host_init(&host, nn_op_find("", names[i], NN_OPSET_NEWEST), NN_OPSET_NEWEST);
        float *x = host_input(&host, NNOPT_FLOAT, (int64_t[]){7}, 1, false);
        memcpy(x, values, sizeof values);
        if (strcmp(names[i], "Max") == 0)
            fill_input(&host, NNOPT_FLOAT, (int64_t[]){7}, 1, false, -1, 1);
        host_infer(&host);
        device_host_check_first(&host, NN_LAYOUT_STANDARD, 1e-6);
        host_clear(&host);
    }
}
END_TEST

START_TEST(attributes_of_one_input) {
    static const struct {
        const char *name, *attribute;
        float value;
    } cases[] = {{"Elu", "alpha", 0.3f},         {"Celu", "alpha", 1.7f},
                 {"Selu", "gamma", 2},           {"LeakyRelu", "alpha", -0.5f},
                 {"HardSigmoid", "beta", 0.1f},  {"ThresholdedRelu", "alpha", 0.25f},
                 {"Shrink", "bias", 0.2f},       {"Swish", "alpha", 1.5f},
                 {"HardSigmoid", "alpha", 0.4f}, {"Shrink", "lambd", 1.5f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kernel_host host;
        host_init(&host, nn_op_find("", cases[i].name, NN_OPSET_NEWEST), NN_OPSET_NEWEST);
        host_float(&host, cases[i].attribute, cases[i].value);
        fill_input(&host, NNOPT_FLOAT, (int64_t[]){1001}, 1, false, -3, 3);
        host_infer(&host);
        device_host_check_first(&host, NN_LAYOUT_STANDARD, 2e-6);
        host_clear(&host);
    }
    for (int positive = 0; positive < 2; positive++) {
        kernel_host host;
        host_init(&host, nn_op_find("", "IsInf", 20), 20);
        host_int(&host, "detect_positive", positive);
        host_int(&host, "detect_negative", !positive);
        float *x = host_input(&host, NNOPT_FLOAT, (int64_t[]){3}, 1, false);
        x[0] = INFINITY;
        x[1] = -INFINITY;
        host_infer(&host);
        device_host_check_first(&host, NN_LAYOUT_STANDARD, 0);
        host_clear(&host);
    }
    kernel_host host;
    host_init(&host, nn_op_find("", "Gelu", 20), 20);
    host_text(&host, "approximate", "tanh");
    fill_input(&host, NNOPT_BFLOAT16, (int64_t[]){77}, 1, false, -3, 3);
    host_infer(&host);
    device_host_check_first(&host, NN_LAYOUT_STANDARD, 8e-3);
    host_clear(&host);
}
END_TEST

START_TEST(every_activation) {
    for (int kind = NN_ACT_RELU; kind < NN_ACT_KINDS; kind++)
        for (int bf16 = 0; bf16 < 2; bf16++) {
            kernel_host host;
            host_init(&host, nn_op_find("nnopt", "Activation", 1), 1);
            host_text(&host, "kind", nn_activation_names[kind]);
            host_float(&host, "alpha", kind == NN_ACT_CLIP ? -0.5f : 0.3f);
            host_float(&host, "beta", 0.6f);
            fill_input(&host, bf16 ? NNOPT_BFLOAT16 : NNOPT_FLOAT, (int64_t[]){2, 5, 3, 7}, 4,
                       false, -3, 3);
            host_infer(&host);
            device_host_check_first(&host, NN_LAYOUT_CHANNELS_LAST, bf16 ? 8e-3 : 2e-6);
            host_clear(&host);
        }
}
END_TEST

/* ---- two inputs and more ---- */

static const struct pair {
    shape a, b;
} pairs[] = {
    {{0}, {0}},
    {{1, {0}}, {1, {1}}},
    {{1, {1}}, {1, {0}}},
    {{2, {3, 67}}, {2, {3, 67}}},
    {{3, {2, 3, 64}}, {0}},
    {{1, {1}}, {3, {2, 5, 8}}},
    {{3, {2, 3, 32}}, {1, {32}}},
    {{4, {2, 8, 3, 5}}, {3, {8, 1, 1}}},
    {{4, {2, 1, 3, 1}}, {4, {1, 16, 1, 8}}},
    {{8, {2, 1, 2, 1, 2, 1, 2, 8}}, {8, {1, 2, 1, 2, 1, 2, 1, 8}}},
    {{8, {2, 1, 2, 1, 2, 1, 2, 3}}, {8, {1, 2, 1, 2, 1, 2, 1, 1}}},
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static void check_binary(const char *name, nn_type type, const struct pair *pair) {
    kernel_host host;
    const bool divides = strcmp(name, "Div") == 0 || strcmp(name, "Mod") == 0;
    const bool is_power = strcmp(name, "Pow") == 0, shifts = strcmp(name, "BitShift") == 0;
    const bool fits = strcmp(name, "SwiGLU") != 0 || pair->a.rank == pair->b.rank;
    const bool has_sign = nn_type_is_float(type) || nn_type_is_signed(type);
    if (!fits) return;
    for (int i = 0; i < pair->a.rank && strcmp(name, "SwiGLU") == 0; i++)
        if (pair->a.dims[i] != pair->b.dims[i]) return;
    host_init(&host, nn_op_find("", name, NN_OPSET_NEWEST), NN_OPSET_NEWEST);
    if (shifts) host_text(&host, "direction", host_random() > 0 ? "LEFT" : "RIGHT");
    if (strcmp(name, "Mod") == 0) host_int(&host, "fmod", nn_type_is_float(type));
    const double low = has_sign && !is_power ? -9 : 0;
    fill_input(&host, type, pair->a.dims, pair->a.rank, false, low, type == NNOPT_BOOL ? 2 : 9);
    fill_input(&host, type, pair->b.dims, pair->b.rank, false,
               divides  ? 1
               : shifts ? 0
                        : low,
               type == NNOPT_BOOL ? 2
               : is_power         ? 4
                                  : 9);
    host_infer(&host);
    device_host_check_first(&host, NN_LAYOUT_STANDARD, device_tolerance(type));
    if (pair->a.rank == 4)
        device_host_check_first(&host, NN_LAYOUT_CHANNELS_LAST, device_tolerance(type));
    host_clear(&host);
}

START_TEST(every_function_of_two_inputs) {
    enum { arithmetic, comparison, variadic, modulo, power, shift, gated };
    static const struct {
        const char *name;
        nn_type_set types;
    } operators[] = {
#define NN_CUDA_BINARY(symbol, name, types, kind) {name, types},
#include "ops/cuda/elements/binary_functions.def"
#undef NN_CUDA_BINARY
    };
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        for (int type = 0; type < NN_TYPE_COUNT; type++)
            for (int p = 0; p < PAIRS; p++) {
                if (!nn_type_in((nn_type)type, operators[i].types)) continue;
                const shape *a = &pairs[p].a, *b = &pairs[p].b;
                int64_t dims[NN_MAX_RANK];
                int rank;
                ck_assert(nn_broadcast_dims(a->dims, a->rank, b->dims, b->rank, dims, &rank));
                const bool grows = !nn_dims_equal(a->dims, a->rank, dims, rank);
                if (strcmp(operators[i].name, "PRelu") == 0 && grows) continue; /* not its slope */
                check_binary(operators[i].name, (nn_type)type, &pairs[p]);
            }
}
END_TEST

START_TEST(any_number_of_inputs) {
    static const char *const names[] = {"Sum", "Mean", "Max", "Min"};
    for (size_t n = 0; n < 4; n++)
        for (int count = 1; count <= 5; count += 2) {
            kernel_host host;
            host_init(&host, nn_op_find("", names[n], 13), 13);
            for (int i = 0; i < count; i++)
                fill_input(&host, NNOPT_FLOAT, (int64_t[]){i % 2 + 1, 24}, 2, false, -1, 1);
            host_infer(&host);
            device_host_check_first(&host, NN_LAYOUT_STANDARD, 1e-6);
            host_clear(&host);
        }
}
END_TEST

START_TEST(sums_with_an_epilogue) {
    for (int residual = 0; residual < 2; residual++)
        for (int type = 0; type < 2; type++)
            for (int p = 0; p < PAIRS; p++) {
                kernel_host host;
                int64_t dims[NN_MAX_RANK];
                int rank;
                const shape *a = &pairs[p].a, *b = &pairs[p].b;
                ck_assert(nn_broadcast_dims(a->dims, a->rank, b->dims, b->rank, dims, &rank));
                host_init(&host, nn_op_find("", "Add", 14), 14);
                host.epilogue = (nn_epilogue){.before = {NN_ACT_SILU, 0, 0},
                                              .has_residual = residual != 0,
                                              .residual = 2,
                                              .after = {NN_ACT_CLIP, -0.5f, 0.75f}};
                fill_input(&host, NNOPT_FLOAT, a->dims, a->rank, false, -1, 1);
                fill_input(&host, NNOPT_FLOAT, b->dims, b->rank, false, -1, 1);
                if (residual) fill_input(&host, NNOPT_FLOAT, dims, rank, false, -1, 1);
                host_infer(&host);
                nn_target target = target_of();
                const nn_kernel *kernel = device_host_select(&host, &target);
                ck_assert_ptr_nonnull(kernel);
                device_host_run(&host, kernel, NN_LAYOUT_STANDARD, &target);
                /* the plain sum of the CPU, and what follows it */
                kernel_host plain;
                host_init(&plain, nn_op_find("", "Add", 14), 14);
                for (int i = 0; i < 2; i++) {
                    const size_t bytes = (size_t)nn_tensor_bytes(&host.in[i]);
                    void *copy =
                        host_input(&plain, NNOPT_FLOAT, host.in[i].dims, host.in[i].rank, false);
                    if (bytes > 0) memcpy(copy, host.in[i].data, bytes);
                }
                host_infer(&plain);
                target.device = NULL;
                host_run(&plain, nn_kernel_select_reference(&plain.view, &target),
                         NN_LAYOUT_STANDARD, &target);
                nn_epilogue_apply(&host.epilogue, residual ? host.in[2].data : NULL,
                                  plain.out[0].data, nn_tensor_count(&plain.out[0]));
                device_host_compare(&host, 0, &plain.out[0], 2e-6);
                host_clear(&plain);
                host_clear(&host);
            }
}
END_TEST

START_TEST(powers_of_other_types) {
    static const nn_type types[] = {NNOPT_FLOAT,   NNOPT_INT32,  NNOPT_INT64,
                                    NNOPT_FLOAT16, NNOPT_DOUBLE, NNOPT_UINT8};
    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < 6; b++) {
            kernel_host host;
            host_init(&host, nn_op_find("", "Pow", 15), 15);
            fill_input(&host, types[a], (int64_t[]){3, 19}, 2, false, 0, 5);
            fill_input(&host, types[b], (int64_t[]){19}, 1, false, 0, 3);
            host_infer(&host);
            device_host_check_first(&host, NN_LAYOUT_STANDARD, device_tolerance(types[a]));
            host_clear(&host);
        }
}
END_TEST

START_TEST(integers_at_their_ends) {
    static const char *const names[] = {"Div", "Mod", "Neg", "Abs", "Mul", "BitShift"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        kernel_host host;
        host_init(&host, nn_op_find("", names[i], NN_OPSET_NEWEST), NN_OPSET_NEWEST);
        if (strcmp(names[i], "BitShift") == 0) host_text(&host, "direction", "RIGHT");
        int64_t *a = host_input(&host, NNOPT_INT64, (int64_t[]){4}, 1, false);
        a[0] = INT64_MIN;
        a[1] = INT64_MAX;
        a[2] = -7;
        a[3] = 7;
        if (host.op->min_inputs == 2) {
            int64_t *b = host_input(&host, NNOPT_INT64, (int64_t[]){3, 1}, 2, false);
            b[0] = -1;
            b[1] = 4;
            b[2] = 65;
        }
        host_infer(&host);
        device_host_check_first(&host, NN_LAYOUT_STANDARD, 0);
        host_clear(&host);
    }
}
END_TEST

START_TEST(choices) {
    static const nn_type types[] = {NNOPT_INT8, NNOPT_FLOAT16, NNOPT_FLOAT, NNOPT_INT64,
                                    NNOPT_BOOL};
    static const shape conditions[] = {{0}, {1, {24}}, {3, {2, 3, 1}}, {3, {2, 3, 24}}};
    for (size_t t = 0; t < 5; t++)
        for (size_t c = 0; c < 4; c++) {
            kernel_host host;
            host_init(&host, nn_op_find("", "Where", 16), 16);
            fill_input(&host, NNOPT_BOOL, conditions[c].dims, conditions[c].rank, false, 0, 2);
            fill_input(&host, types[t], (int64_t[]){2, 1, 24}, 3, false, 0, 2);
            fill_input(&host, types[t], (int64_t[]){3, 24}, 2, false, 0, 2);
            host_infer(&host);
            device_host_check_first(&host, NN_LAYOUT_STANDARD, 0);
            host_clear(&host);
        }
}
END_TEST

/* ---- casts ---- */

START_TEST(every_cast) {
    static const double specials[] = {NAN,    INFINITY, -INFINITY, 1e30, -1e30, 0.5, -0.5, 300.7,
                                      -300.7, 65519.9,  3e9,       1e19, 0,     1,   2.5,  -129};
    for (int from = 1; from < NN_TYPE_COUNT; from++)
        for (int to = 1; to < NN_TYPE_COUNT; to++) {
            if (!nn_type_in((nn_type)from, NUMBERS_AND_BOOL) ||
                !nn_type_in((nn_type)to, NUMBERS_AND_BOOL))
                continue;
            kernel_host host;
            host_init(&host, nn_op_find("", "Cast", 21), 21);
            host_int(&host, "to", to);
            nn_tensor *x = fill_input(&host, (nn_type)from, (int64_t[]){3, 37}, 2, false, 0, 300);
            for (int64_t i = 0; i < 16; i++)
                if (nn_type_is_float((nn_type)from)) nn_tensor_set(x, i, specials[i]);
            host_infer(&host);
            device_host_check_first(&host, NN_LAYOUT_STANDARD, 0);
            host_clear(&host);
        }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_elementwise");
    TCase *cases = tcase_create("elementwise");
    device_host_open();
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_function_of_one_input);
    tcase_add_test(cases, bounds_of_the_run);
    tcase_add_test(cases, numbers_that_are_none);
    tcase_add_test(cases, attributes_of_one_input);
    tcase_add_test(cases, every_activation);
    tcase_add_test(cases, every_function_of_two_inputs);
    tcase_add_test(cases, any_number_of_inputs);
    tcase_add_test(cases, sums_with_an_epilogue);
    tcase_add_test(cases, powers_of_other_types);
    tcase_add_test(cases, integers_at_their_ends);
    tcase_add_test(cases, choices);
    tcase_add_test(cases, every_cast);
    suite_add_tcase(suite, cases);
    return suite;
}
