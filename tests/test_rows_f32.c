/* Vector functions against the C library in double, over the whole range of floats, on every
 * instruction set of this machine. */
#include "base/cpu.h"
#include "ops/cpu/float32/rows_f32.h"
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
    {"silu", offsetof(nn_rows_f32, silu), silu, 4, 1e-20, -0.3, INFINITY},
    {"log", offsetof(nn_rows_f32, log), log, 2, FLT_MIN, -INFINITY, INFINITY},
    {"softplus", offsetof(nn_rows_f32, softplus), softplus, 4, FLT_MIN, 0, INFINITY},
    {"elu", offsetof(nn_rows_f32, elu), elu, 3, FLT_MIN, -0.75, INFINITY},
    {"selu", offsetof(nn_rows_f32, selu), selu, 4, FLT_MIN, -0.9375, INFINITY},
    {"mish", offsetof(nn_rows_f32, mish), mish, 6, 1e-30, -0.4, INFINITY},
    {"sin", offsetof(nn_rows_f32, sin), sin, 2, FLT_MIN, -1, 1},
    {"cos", offsetof(nn_rows_f32, cos), cos, 2, FLT_MIN, -1, 1},
    {"floor", offsetof(nn_rows_f32, floor), floor, 0, FLT_MIN, -INFINITY, INFINITY},
    {"ceil", offsetof(nn_rows_f32, ceil), ceil, 0, FLT_MIN, -INFINITY, INFINITY},
    {"round", offsetof(nn_rows_f32, round), rint, 0, FLT_MIN, -INFINITY, INFINITY},
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
        bool inside = isnan(expected) || ((double)y[i] >= functions[function].low &&
                                          (double)y[i] <= functions[function].high);
        if (!(error <= functions[function].bound) || !inside)
            ck_abort_msg("%s(%.9g) is %.9g, not %.9g: %.2f ulp", functions[function].name,
                         (double)x[i], (double)y[i], expected, error);
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
        /* Where powers are no longer normal floats. */
        for (int step = 0; step < 20 * 1024; step += PIECE)
            for (int sign = -1; sign <= 1; sign += 2) {
                for (int i = 0; i < PIECE; i++)
                    x[i] = (float)(sign * (86 + (double)(step + i) / 1024));
                check_piece(tables[_i].rows, f, x, PIECE);
            }
    }
}
END_TEST

/* The largest arguments of each sign, the edge of the vector range, the floats nearest to multiples
 * of pi / 2, and signs of zero. */
START_TEST(angles_are_reduced_whole) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    static const double quarter = 1.57079632679489661923;
    for (int turn = 0; turn < 2; turn++) {
        float x[PIECE], y[PIECE];
        for (int64_t first = 1; first < 1 << 21; first += first < 4096 ? PIECE : 9973) {
            for (int i = 0; i < PIECE; i++) x[i] = (float)((double)(first + i) * quarter);
            x[0] = -FLT_MAX, x[20] = FLT_MAX, x[40] = 0x1p20f, x[41] = -0x1.000002p20f;
            x[42] = 0x1.fffffep19f, x[43] = -0.0f, x[44] = -INFINITY, x[45] = NAN,
            x[46] = 0x1p-140f;
            (turn ? tables[_i].rows->cos : tables[_i].rows->sin)(NULL, x, y, PIECE);
            for (int i = 0; i < PIECE; i++) {
                double exact = turn ? cos((double)x[i]) : sin((double)x[i]);
                if (!(distance(y[i], exact, FLT_MIN) <= 2))
                    ck_abort_msg("turn %d of %.9g is %.9g, not %.9g", turn, (double)x[i],
                                 (double)y[i], exact);
            }
            ck_assert(turn || (y[43] == 0 && signbit(y[43])));
        }
    }
}
END_TEST

START_TEST(zeros_keep_their_sign_when_rounded) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    const nn_rows_f32 *rows = tables[_i].rows;
    const float x[] = {-0.0f, 0.0f, -0.25f, 0.25f, -0.5f, 0.5f, 1.5f, 2.5f, 8388607.5f, -1e-40f};
    enum { COUNT = sizeof x / sizeof *x };
    float y[3][COUNT];
    rows->floor(NULL, x, y[0], COUNT);
    rows->ceil(NULL, x, y[1], COUNT);
    rows->round(NULL, x, y[2], COUNT);
    for (int i = 0; i < COUNT; i++) {
        const float expected[] = {floorf(x[i]), ceilf(x[i]), rintf(x[i])};
        for (int k = 0; k < 3; k++)
            ck_assert(y[k][i] == expected[k] && !signbit(y[k][i]) == !signbit(expected[k]));
    }
}
END_TEST

static void check_power(const nn_rows_f32 *rows, const float *x, const float *y, int count) {
    float got[PIECE];
    rows->pow(x, 1, y, 1, got, count);
    for (int i = 0; i < count; i++) {
        double exact = pow((double)x[i], (double)y[i]);
        bool same_sign = isnan(exact) || !signbit(got[i]) == !signbit(exact);
        if (!(distance(got[i], exact, FLT_MIN) <= 1) || !same_sign)
            ck_abort_msg("%.9g ^ %.9g is %.9g, not %.9g", (double)x[i], (double)y[i],
                         (double)got[i], exact);
    }
}

START_TEST(powers_are_accurate) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    const nn_rows_f32 *rows = tables[_i].rows;
    const float special[] = {0.0f,      -0.0f, 1,        -1,        INFINITY, -INFINITY, NAN,
                             0x1p-149f, 0.5f,  -0.5f,    2,         -2,       3,         -3,
                             FLT_MAX,   1e-3f, FLT_MIN,  -FLT_MIN,  0x1p24f,  16777215,  -16777215,
                             1.000001f, 1e-7f, 0.33333f, 0x1p-140f, -FLT_MAX, 1e10f,     -7.5f};
    enum { SPECIAL = sizeof special / sizeof *special };
    float x[PIECE], y[PIECE];
    for (int a = 0; a < SPECIAL; a++) {
        for (int b = 0; b < SPECIAL; b++) x[b] = special[a], y[b] = special[b];
        check_power(rows, x, y, SPECIAL);
    }
    uint32_t state = 1;
    for (int round = 0; round < 4000; round++) {
        for (int i = 0; i < PIECE; i++) {
            state = state * 1664525u + 1013904223u;
            uint32_t bits = state >> 1;
            memcpy(&x[i], &bits, sizeof bits);
            state = state * 1664525u + 1013904223u;
            /* Results over the whole range of floats, and bases near one. */
            float log2_x = isfinite(x[i]) && x[i] > 0 ? log2f(x[i]) : 1;
            if (round % 4 == 0) x[i] = 1 + (float)((int32_t)state >> 16) / 65536 / 8;
            if (round % 4 == 1) log2_x /= 8;
            y[i] = (float)((int32_t)state) / 0x1p31f * 152 / (log2_x != 0 ? log2_x : 1);
        }
        check_power(rows, x, y, PIECE);
    }
}
END_TEST

static float row_of(const nn_rows_f32 *rows, int kind, const float *x, int64_t count) {
    return kind == 0   ? rows->sum(x, count)
           : kind == 1 ? rows->sum_squares(x, 0, count)
           : kind == 2 ? rows->sum_magnitudes(x, count)
           : kind == 3 ? rows->maximum(x, count)
                       : rows->minimum(x, count);
}

/* Several rows together give what each gives by itself, and that is right. */
START_TEST(rows_are_reduced_together) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    enum { ROWS = 37 };
    const nn_rows_f32 *rows = tables[_i].rows;
    const nn_reduce_rows reduce[] = {rows->sum_rows, rows->sum_squares_rows,
                                     rows->sum_magnitudes_rows, rows->maximum_rows,
                                     rows->minimum_rows};
    static float x[ROWS * 150];
    for (int64_t count = 0; count < 150; count += count < 70 ? 1 : 13)
        for (int64_t height = 1; height <= ROWS; height += height < 20 ? 1 : 6) {
            for (int64_t i = 0; i < height * count; i++) x[i] = (float)((i * 131) % 251) / 4 - 20;
            if (count > 2) x[(height - 1) * count + count / 2] = NAN;
            for (int kind = 0; kind < 5; kind++) {
                float y[ROWS + 1];
                y[height] = 77;
                reduce[kind](x, count, y, height);
                ck_assert(y[height] == 77);
                for (int64_t r = 0; r < height; r++) {
                    const float *row = x + r * count;
                    double exact = kind == 3 ? -INFINITY : kind == 4 ? INFINITY : 0;
                    for (int64_t i = 0; i < count; i++) {
                        double v = (double)row[i];
                        if (kind < 3)
                            exact += kind == 0 ? v : kind == 1 ? v * v : fabs(v);
                        else if (!isnan(exact) && (isnan(v) || (kind == 3 ? v > exact : v < exact)))
                            exact = v;
                    }
                    float alone = row_of(rows, kind, row, count);
                    ck_assert(isnan(exact) ? isnan(y[r]) && isnan(alone) : y[r] == alone);
                    if (isfinite(exact))
                        ck_assert_double_eq_tol((double)y[r], exact, 0.05);
                    else
                        ck_assert(isnan(exact) || (double)y[r] == exact);
                }
            }
        }
}
END_TEST

START_TEST(extremes_are_found) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    enum { COLUMNS = 21, DEPTH = 7 };
    static const float values[] = {1, -2, NAN, 3, 3, -2, 0, 1, INFINITY, -INFINITY, -0.0f};
    float x[DEPTH][COLUMNS], best[COLUMNS];
    int32_t place[COLUMNS];
    for (int trial = 0; trial < 400; trial++) {
        bool smallest = trial & 1, last = trial & 2;
        for (int d = 0; d < DEPTH; d++) {
            for (int c = 0; c < COLUMNS; c++)
                x[d][c] = values[(trial / 4 * 5 + d * 7 + c * (d + trial / 40 + 3)) %
                                 (trial % 3 ? 11 : 8)];
            tables[_i].rows->keep_extreme(x[d], best, place, d, smallest, last, COLUMNS);
        }
        for (int c = 0; c < COLUMNS; c++) {
            int wanted = 0;
            for (int d = 1; d < DEPTH; d++) {
                float new = x[d][c], old = x[wanted][c];
                bool better = isnan(old)   ? isnan(new) && last
                              : isnan(new) ? true
                              : new == old ? last
                                           : (smallest ? new < old : new > old);
                if (better) wanted = d;
            }
            ck_assert_int_eq(place[c], wanted);
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
            exponentials += exp((double)x[i] - 4);
            maximum = fmax(maximum, (double)x[i]);
        }
        ck_assert_double_eq_tol((double)rows->sum(x, count), sum, 1e-4);
        ck_assert_double_eq_tol((double)rows->sum_squares(x, 0.25f, count), squares, 1e-3);
        ck_assert((double)rows->maximum(x, count) == maximum);
        ck_assert_double_eq_tol((double)rows->exp_sum(x, 4, y, count), exponentials, 1e-4);
        for (int i = 0; i < count; i++)
            ck_assert_double_eq_tol((double)y[i], exp((double)x[i] - 4), 1e-5);
        ck_assert(y[count] == 99);
        rows->affine(x, 2, -1, scale, bias, y, count);
        for (int i = 0; i < count; i++) ck_assert(y[i] == (x[i] * 2 - 1) * scale[i] + bias[i]);
        rows->scale(x, 2, -1, y, count);
        for (int i = 0; i < count; i++) ck_assert(y[i] == x[i] * 2 - 1);
        ck_assert(y[count] == 99);
    }
}
END_TEST

START_TEST(softmax_of_scaled_and_biased_rows) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    const nn_rows_f32 *rows = tables[_i].rows;
    for (int count = 1; count < PIECE; count++) {
        for (int form = 0; form < 5; form++) { /* no bias, a bias, some and all not seen, NaN */
            float x[PIECE], bias[PIECE];
            double z[PIECE], largest = -INFINITY, sum = 0;
            for (int i = 0; i < PIECE; i++) {
                x[i] = (float)((i * 37) % 23) / 4 - 2;
                bias[i] = form == 3 || (form == 2 && i % 3 == 0) ? -INFINITY : (float)(i % 5) - 90;
                if (form == 2 && i == 3) x[i] = INFINITY; /* under a bias of -infinity */
                if (form == 4 && i == count / 2) x[i] = NAN;
                z[i] = bias[i] == -INFINITY && form > 0
                           ? -INFINITY
                           : (double)x[i] * 0.75 + (form > 0 ? (double)bias[i] : 0);
                if (i < count) largest = fmax(largest, z[i]);
            }
            for (int i = 0; i < count; i++) sum += largest == -INFINITY ? 0 : exp(z[i] - largest);
            float after = x[count], got = rows->softmax(x, 0.75f, form > 0 ? bias : NULL, count);
            if (form == 4) {
                ck_assert(isnan(got) && isnan(x[0]));
                continue;
            }
            ck_assert_double_eq_tol((double)got, sum, 1e-5 * (1 + sum));
            for (int i = 0; i < count; i++)
                ck_assert_double_eq_tol((double)x[i],
                                        largest == -INFINITY ? 0 : exp(z[i] - largest), 1e-6);
            ck_assert(memcmp(&x[count], &after, sizeof after) == 0);
        }
    }
}
END_TEST

/* Rows of every length around the vectors, over themselves, with a NaN or infinity in one of them.
 */
START_TEST(softmax_of_rows) {
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    enum { ROWS = 3, MOST = 150 };
    for (int count = 1; count <= MOST; count++)
        for (int logarithm = 0; logarithm < 2; logarithm++) {
            float x[ROWS * MOST + 1];
            for (int i = 0; i < ROWS * count; i++) x[i] = (float)((i * 37) % 101) / 4 - 12;
            x[count + count / 2] =
                count % 3 == 0 ? NAN : -INFINITY; /* a row of -infinity alone: NaN */
            x[ROWS * count] = 77;
            double exact[ROWS * MOST];
            for (int r = 0; r < ROWS; r++) {
                double sum = 0;
                for (int i = 0; i < count; i++) sum += exp((double)x[r * count + i]);
                for (int i = 0; i < count; i++) {
                    double value = (double)x[r * count + i];
                    exact[r * count + i] = logarithm ? value - log(sum) : exp(value) / sum;
                    if (sum == 0) exact[r * count + i] = NAN;
                }
            }
            tables[_i].rows->softmax_rows(x, count, logarithm, x, ROWS);
            for (int i = 0; i < ROWS * count; i++) {
                double error = fabs((double)x[i] - exact[i]);
                ck_assert_msg(isfinite(exact[i]) ? error <= 1e-6 * (1 + fabs(exact[i]))
                              : isnan(exact[i])  ? isnan(x[i])
                                                 : (double)x[i] == exact[i],
                              "%d elements, place %d is %g, must be %g", count, i, (double)x[i],
                              exact[i]);
            }
            ck_assert(x[ROWS * count] == 77);
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
            /* rows that follow each other */
            tables[_i].rows->transpose(x, 23, y, columns, rows, columns);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < columns; c++)
                    ck_assert_uint_eq(y[r * columns + c], x[c * 23 + r]);
        }
}
END_TEST

START_TEST(blocks_of_two_bytes_are_transposed) {
    enum { ROWS = 20, COLUMNS = 36, X_STEP = 23, Y_STEP = 38 };
    if (tables[_i].isa > nn_cpu_get()->isa) return;
    for (int64_t rows = 1; rows < ROWS; rows++)
        for (int64_t columns = 1; columns < COLUMNS; columns++) {
            uint16_t x[COLUMNS * X_STEP], y[ROWS * Y_STEP];
            for (int i = 0; i < COLUMNS * X_STEP; i++) x[i] = (uint16_t)i;
            for (int i = 0; i < ROWS * Y_STEP; i++) y[i] = UINT16_MAX;
            tables[_i].rows->transpose_16(x, X_STEP, y, Y_STEP, rows, columns);
            for (int64_t r = 0; r < ROWS; r++)
                for (int64_t c = 0; c < Y_STEP; c++) {
                    bool inside = r < rows && c < columns;
                    ck_assert_uint_eq(y[r * Y_STEP + c], inside ? x[c * X_STEP + r] : UINT16_MAX);
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
    tcase_add_loop_test(tcase, angles_are_reduced_whole, 0, TABLES);
    tcase_add_loop_test(tcase, zeros_keep_their_sign_when_rounded, 0, TABLES);
    tcase_add_loop_test(tcase, powers_are_accurate, 0, TABLES);
    tcase_add_loop_test(tcase, rows_are_reduced_together, 0, TABLES);
    tcase_add_loop_test(tcase, extremes_are_found, 0, TABLES);
    tcase_add_loop_test(tcase, rows_of_any_length_are_whole, 0, TABLES);
    tcase_add_loop_test(tcase, extremes_see_every_element, 0, TABLES);
    tcase_add_loop_test(tcase, softmax_of_scaled_and_biased_rows, 0, TABLES);
    tcase_add_loop_test(tcase, softmax_of_rows, 0, TABLES);
    tcase_add_loop_test(tcase, blocks_are_transposed, 0, TABLES);
    tcase_add_loop_test(tcase, blocks_of_two_bytes_are_transposed, 0, TABLES);
    tcase_add_loop_test(tcase, conversions_agree_with_single_elements, 0, TABLES);
    suite_add_tcase(suite, tcase);
    return suite;
}
