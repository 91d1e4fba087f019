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
    {"exp", offsetof(nn_rows_f32, exp), exp, 1.1, FLT_MIN, 0, INFINITY},
    {"sigmoid", offsetof(nn_rows_f32, sigmoid), sigmoid, 3, FLT_MIN, 0, 1},
    {"tanh", offsetof(nn_rows_f32, tanh), tanh, 3, FLT_MIN, -1, 1},
    {"erf", offsetof(nn_rows_f32, erf), erf, 3, FLT_MIN, -1, 1},
    {"gelu", offsetof(nn_rows_f32, gelu), gelu, 4, 1, -0.2, INFINITY},
    {"silu", offsetof(nn_rows_f32, silu), silu, 4, 1e-30, -0.3, INFINITY},
    {"mish", offsetof(nn_rows_f32, mish), mish, 6, 1e-30, -0.4, INFINITY},
};

static void check_piece(const nn_rows_f32 *rows, size_t function, const float *x, int count) {
    nn_unary_row row = *(const nn_unary_row *)((const char *)rows + functions[function].row);
    static const nn_gelu_attrs attrs = {false};
    float y[PIECE];
    row(&attrs, x, y, count);
    for (int i = 0; i < count; i++) {
        double expected = functions[function].exact((double)x[i]);
        double error = distance(y[i], expected, functions[function].floor);
        ck_assert_msg(error <= functions[function].bound, "%s(%.9g) is %.9g, not %.9g: %.2f ulp",
                      functions[function].name, (double)x[i], (double)y[i], expected, error);
        ck_assert_msg(isnan(x[i]) || ((double)y[i] >= functions[function].low &&
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

Suite *test_suite(void) {
    Suite *suite = suite_create("rows of floats");
    TCase *tcase = tcase_create("rows");
    tcase_add_loop_test(tcase, functions_are_accurate, 0, TABLES);
    tcase_add_loop_test(tcase, rows_of_any_length_are_whole, 0, TABLES);
    suite_add_tcase(suite, tcase);
    return suite;
}
