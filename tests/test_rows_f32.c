/* Vector functions against the C library in double, over the whole range of floats, on every
 * instruction set of this machine. */
#include "base/cpu.h"
#include "ops/cpu/rows_f32.h"
#include "tests/support/runner.h"

#include <float.h>
#include <math.h>

static const struct {
    nn_isa isa;
    const nn_rows_f32 *rows;
} tables[] = {
    {NN_ISA_PORTABLE, &nn_rows_f32_portable},
    {NN_ISA_AVX2, &nn_rows_f32_avx2},
    {NN_ISA_AVX512, &nn_rows_f32_avx512},
};
enum { TABLES = 3, PIECE = 61 };

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double gelu(double x) {
    return x * (1 + erf(x / sqrt(2))) / 2;
}
static double silu(double x) {
    return x * sigmoid(x);
}
static double mish(double x) {
    return x * tanh(log1p(exp(x)));
}

static double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
static double elu(double x) {
    return x < 0 ? 0.75 * expm1(x) : x;
}
static double selu(double x) {
    return 1.25 * (x > 0 ? x : 0.75 * expm1(x));
}

/* Distance in units in the last place of the expected value, or of `floor` where that is larger. */
static double distance(float got, double expected, double floor) {
    if (isnan(expected)) return isnan(got) ? 0 : INFINITY;
    if (fabs(expected) > (double)FLT_MAX) return isinf(got) && (got > 0) == (expected > 0) ? 0 : 1;
    int exponent;
    frexp(fmax(fabs(expected), floor), &exponent);
    return fabs((double)got - expected) / ldexp(1, exponent - 24);
}

static const struct {
    const char *name;
    size_t row; /* offset in the table */
    double (*exact)(double x);
    double bound; /* ulp */
    double floor; /* results below count in ulp of this: no relative accuracy is promised there */
    double low, high; /* results lie between */
} functions[] = {
    {"exp", offsetof(nn_rows_f32, exp), exp, 1.5, FLT_MIN, 0, INFINITY},
    {"sigmoid", offsetof(nn_rows_f32, sigmoid), sigmoid, 3, 1e-30, 0, 1},
    {"tanh", offsetof(nn_rows_f32, tanh), tanh, 4, FLT_MIN, -1, 1},
    {"erf", offsetof(nn_rows_f32, erf), erf, 4, FLT_MIN, -1, 1},
    {"gelu", offsetof(nn_rows_f32, gelu), gelu, 4, 1, -0.2, INFINITY},
    {"silu", offsetof(nn_rows_f32, silu), silu, 4, 1e-30, -0.3, INFINITY},
    {"log", offsetof(nn_rows_f32, log), log, 2, FLT_MIN, -INFINITY, INFINITY},
    {"softplus", offsetof(nn_rows_f32, softplus), softplus, 4, FLT_MIN, 0, INFINITY},
    {"elu", offsetof(nn_rows_f32, elu), elu, 3, FLT_MIN, -0.75, INFINITY},
    {"selu", offsetof(nn_rows_f32, selu), selu, 4, FLT_MIN, -0.9375, INFINITY},
    {"mish", offsetof(nn_rows_f32, mish), mish, 6, 1e-30, -0.4, INFINITY},
};

static void check_piece(const nn_rows_f32 *rows, size_t function, const float *x, int count) {
    nn_unary_row row = *(const nn_unary_row *)((const char *)rows + functions[function].row);
    static const nn_gelu_attrs gelu_attrs = {false};
    static const nn_alpha_beta alpha_beta = {0.75f, 1.25f};
    bool is_gelu = functions[function].exact == gelu;
    float y[PIECE];
    row(is_gelu ? (const void *)&gelu_attrs : &alpha_beta, x, y, count);
    for (int i = 0; i < count; i++) {
        double expected = functions[function].exact((double)x[i]);
        double error = distance(y[i], expected, functions[function].floor);
        ck_assert_msg(error <= functions[function].bound, "%s(%.9g) is %.9g, not %.9g: %.2f ulp",
                      functions[function].name, (double)x[i], (double)y[i], expected, error);
        ck_assert_msg(isnan(expected) || ((double)y[i] >= functions[function].low &&
                                          (double)y[i] <= functions[function].high),
                      "%s(%.9g) is %.9g", functions[function].name, (double)x[i], (double)y[i]);
    }
}

START_TEST(functions_are_accurate) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        float x[PIECE];
        int count = 0;
        for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += 50021) {
            uint32_t pattern = (uint32_t)bits;
            memcpy(&x[count++], &pattern, sizeof x[0]);
            /* x / sqrt 2 and the like have no meaning at infinity times zero. */
            if (isinf(x[count - 1]) && functions[f].floor == 1) count--;
            if (count == PIECE) {
                check_piece(tables[_i].rows, f, x, count);
                count = 0;
            }
        }
        check_piece(tables[_i].rows, f, x, count);
        for (int step = -4000; step < 4000; step += PIECE) {
            for (int i = 0; i < PIECE; i++) x[i] = (float)(step + i) / 256;
            check_piece(tables[_i].rows, f, x, PIECE);
        }
    }
}
END_TEST

START_TEST(rows_of_any_length_are_whole) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    const nn_rows_f32 *rows = tables[_i].rows;
    for (int count = 0; count < PIECE - 1; count++) {
        float x[PIECE], y[PIECE], scale[PIECE], bias[PIECE];
        double sum = 0, squares = 0, exponentials = 0, maximum = -INFINITY;
        for (int i = 0; i < PIECE; i++) {
            x[i] = (float)((i * 37) % 23) / 4 - 2;
            scale[i] = (float)i / 8;
            bias[i] = 1 - (float)i;
            y[i] = 99;
        }
        for (int i = 0; i < count; i++) {
            sum += (double)x[i];
            squares += ((double)x[i] - 0.25) * ((double)x[i] - 0.25);
            exponentials += exp((double)x[i] - 3);
            maximum = fmax(maximum, (double)x[i]);
        }
        ck_assert_double_eq_tol((double)rows->sum(x, count), sum, 1e-4);
        ck_assert_double_eq_tol((double)rows->sum_squares(x, 0.25f, count), squares, 1e-3);
        ck_assert((double)rows->maximum(x, count) == maximum);
        ck_assert_double_eq_tol((double)rows->exp_sum(x, 3, y, count), exponentials, 1e-4);
        for (int i = 0; i < count; i++)
            ck_assert_double_eq_tol((double)y[i], exp((double)x[i] - 3), 1e-5);
        ck_assert(y[count] == 99);
        rows->affine(x, 2, -1, scale, bias, y, count);
        for (int i = 0; i < count; i++) ck_assert(y[i] == (x[i] * 2 - 1) * scale[i] + bias[i]);
        rows->scale(x, 2, -1, y, count);
        for (int i = 0; i < count; i++) ck_assert(y[i] == x[i] * 2 - 1);
        ck_assert(y[count] == 99);
    }
}
END_TEST

START_TEST(extremes_see_every_element) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    const nn_rows_f32 *rows = tables[_i].rows;
    for (int count = 1; count < PIECE; count++)
        for (int place = 0; place < count; place++) {
            float x[PIECE] = {0};
            x[place] = 5;
            ck_assert(rows->maximum(x, count) == 5);
            x[place] = -5;
            ck_assert(rows->minimum(x, count) == -5);
            x[place] = NAN;
            ck_assert(isnan(rows->maximum(x, count)) && isnan(rows->minimum(x, count)));
        }
    ck_assert(rows->maximum(NULL, 0) == -INFINITY && rows->minimum(NULL, 0) == INFINITY);
}
END_TEST

START_TEST(blocks_are_transposed) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    for (int64_t rows = 1; rows < 20; rows++)
        for (int64_t columns = 1; columns < 20; columns++) {
            uint32_t x[20 * 23], y[20 * 21];
            for (uint32_t i = 0; i < 20 * 23; i++) x[i] = i;
            for (uint32_t i = 0; i < 20 * 21; i++) y[i] = UINT32_MAX;
            tables[_i].rows->transpose(x, 23, y, 21, rows, columns);
            for (int64_t r = 0; r < 20; r++)
                for (int64_t c = 0; c < 21; c++) {
                    bool inside = r < rows && c < columns;
                    ck_assert_uint_eq(y[r * 21 + c], inside ? x[c * 23 + r] : UINT32_MAX);
                }
        }
}
END_TEST

START_TEST(conversions_agree_with_single_elements) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    float x[PIECE], back[PIECE];
    uint16_t half[PIECE];
    int32_t whole[PIECE];
    for (uint64_t base = 0; base < UINT64_C(1) << 32; base += 3000017) {
        for (int i = 0; i < PIECE; i++) {
            uint32_t bits = (uint32_t)(base + (uint64_t)i * 40009);
            memcpy(&x[i], &bits, sizeof bits);
        }
        tables[_i].rows->to_half(x, half, PIECE);
        tables[_i].rows->from_half(half, back, PIECE);
        tables[_i].rows->to_int32(x, whole, PIECE);
        for (int i = 0; i < PIECE; i++) {
            nn_tensor holder = {.type = NNOPT_INT32, .data = &(int32_t){0}};
            if (!isnan(x[i])) ck_assert_uint_eq(half[i], nn_float_to_half(x[i]));
            ck_assert(isnan(x[i]) ? isnan(back[i]) : back[i] == nn_half_to_float(half[i]));
            nn_tensor_set(&holder, 0, (double)x[i]);
            ck_assert_int_eq(whole[i], *(int32_t *)holder.data);
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("rows of floats");
    TCase *tcase = tcase_create("rows");
    tcase_add_loop_test(tcase, functions_are_accurate, 0, TABLES);
    tcase_add_loop_test(tcase, rows_of_any_length_are_whole, 0, TABLES);
    tcase_add_loop_test(tcase, extremes_see_every_element, 0, TABLES);
    tcase_add_loop_test(tcase, blocks_are_transposed, 0, TABLES);
    tcase_add_loop_test(tcase, conversions_agree_with_single_elements, 0, TABLES);
    suite_add_tcase(suite, tcase);
    return suite;
}
