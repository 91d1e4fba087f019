/* The judge of test cases. Verdicts are those of numpy.testing.assert_allclose, by which the
 * standard's own runner compares. */
#include "formats/compare.h"
#include "tests/support/runner.h"

#include <math.h>

/* One element against one. */
static const struct verdict {
    nn_type type;
    double expected, actual, rtol, atol;
    bool passes;
} verdicts[] = {
    {NNOPT_FLOAT, 1, 1.0009f, 1e-3, 1e-7, true},
    {NNOPT_FLOAT, 1, 1.0011f, 1e-3, 1e-7, false},
    {NNOPT_FLOAT, 1.0009f, 1, 1e-3, 1e-7, true},
    {NNOPT_FLOAT, -1, 1, 1e-3, 1e-7, false},
    {NNOPT_FLOAT, 0, 9e-8f, 1e-3, 1e-7, true},
    {NNOPT_FLOAT, 0, 2e-7f, 1e-3, 1e-7, false},
    {NNOPT_FLOAT, 0, -0.0, 0, 0, true},
    {NNOPT_FLOAT, NAN, NAN, 0, 0, true},
    {NNOPT_FLOAT, NAN, 1, 1e9, 1e9, false},
    {NNOPT_FLOAT, 1, NAN, 1e9, 1e9, false},
    {NNOPT_FLOAT, NAN, INFINITY, 1e9, 1e9, false},
    {NNOPT_FLOAT, INFINITY, INFINITY, 0, 0, true},
    {NNOPT_FLOAT, INFINITY, -INFINITY, 1e9, 1e9, false},
    {NNOPT_FLOAT, INFINITY, 3e38, 1e9, 1e9, false},
    {NNOPT_FLOAT, 3e38, INFINITY, 1e-3, 1e9, false},
    {NNOPT_DOUBLE, 1, 1 + 1e-12, 0, 0, false},
    {NNOPT_DOUBLE, 1, 1 + 1e-12, 1e-11, 0, true},
    {NNOPT_FLOAT16, 1, 1 + 0x1p-10, 1e-3, 0, true}, /* 1e-3 is 2^-9.966 in half */
    {NNOPT_FLOAT16, 1, 1 + 0x1p-9, 1e-3, 0, false},
    {NNOPT_FLOAT16, 2048, 2050, 1e-3, 0, true}, /* two units in the last place */
    {NNOPT_FLOAT16, 0, 0x1p-24, 0, 5e-8, true}, /* 5e-8 is 2^-24 in half */
    {NNOPT_FLOAT16, NAN, 0, 1, 1, false},
    {NNOPT_BFLOAT16, 1, 1 + 0x1p-6, 1e-3, 0, true},
    {NNOPT_BFLOAT16, 1, 1 + 0x1.8p-6, 1e-3, 0, false},
    {NNOPT_BFLOAT16, 1, 1 + 0x1p-5, 0.05, 0, true},
    {NNOPT_FLOAT8E4M3FN, 1, 1, 0, 0, true},
    {NNOPT_FLOAT8E4M3FN, 1, 1.125, 1e-3, 1e-7, false},
    {NNOPT_FLOAT8E4M3FN, NAN, 448, 1e-3, 1e-7, false},
    {NNOPT_FLOAT8E4M3FN, 448, NAN, 1e-3, 1e-7, false},
    {NNOPT_FLOAT8E4M3FNUZ, NAN, NAN, 1e-3, 1e-7, true},
    {NNOPT_FLOAT8E5M2, 57344, INFINITY, 1e-3, 1e-7, false},
    {NNOPT_FLOAT8E8M0, 1, 2, 1e-3, 1e-7, false},
    {NNOPT_FLOAT4E2M1, 4, 6, 1e-3, 1e-7, false},
    {NNOPT_FLOAT4E2M1, 0, -0.0, 1e-3, 1e-7, true},
    {NNOPT_INT8, 100, 101, 1e-3, 1e-7, false},
    {NNOPT_UINT8, 0, 255, 1e-3, 1, false},
    {NNOPT_UINT8, 254, 255, 1e-3, 1, true},
    {NNOPT_INT32, 10000, 10001, 1e-3, 1e-7, true},
    {NNOPT_INT64, 10000, 10001, 0, 0, false},
    {NNOPT_UINT64, 0, 1, 1e-3, 1e-7, false},
    {NNOPT_INT4, -8, 7, 1e-3, 1e-7, false},
    {NNOPT_UINT2, 3, 3, 1e-3, 1e-7, true},
    {NNOPT_BOOL, 1, 0, 1e-3, 1e-7, false},
};

static nn_tensor tensor_of(nn_type type, double value, void *data) {
    nn_tensor tensor = {.type = type, .data = data};
    if (nn_type_is_small_float(type))
        nn_packed_set(data, nn_type_bits(type), 0,
                      nn_float_to_small(type, (float)value, (nn_float_rules){.overflow = true}));
    else
        nn_tensor_set(&tensor, 0, value);
    return tensor;
}

START_TEST(elements_are_judged_as_numpy_does) {
    const struct verdict *row = &verdicts[_i];
    uint64_t a = 0, b = 0;
    nn_tensor expected = tensor_of(row->type, row->expected, &a);
    nn_tensor actual = tensor_of(row->type, row->actual, &b);
    nn_status status = nn_tensor_compare(&expected, &actual, row->rtol, row->atol);
    ck_assert_msg(status == (row->passes ? NN_OK : NN_CHECK), "%s: %g for %g",
                  nnopt_type_name(row->type), row->actual, row->expected);
}
END_TEST

START_TEST(the_worst_element_is_named) {
    float a[] = {1, 2, 3, 4}, b[] = {1, 2.5f, 3, 3};
    nn_tensor expected = {.type = NNOPT_FLOAT, .rank = 1, .dims = {4}, .data = a};
    nn_tensor actual = expected;
    actual.data = b;
    ck_assert_fails(nn_tensor_compare(&expected, &actual, 1e-3, 1e-7), NN_CHECK,
                    "2 of 4 elements differ, worst element 3: 3, expected 4");
}
END_TEST

START_TEST(types_and_shapes_must_agree) {
    float data[6] = {0};
    nn_tensor expected = {.type = NNOPT_FLOAT, .rank = 2, .dims = {2, 3}, .data = data};
    nn_tensor actual = expected;
    actual.type = NNOPT_INT32; /* zeros too */
    ck_assert_fails(nn_tensor_compare(&expected, &actual, 1, 1), NN_CHECK,
                    "type is int32, expected float32");
    actual = expected;
    actual.dims[0] = 3;
    actual.dims[1] = 2;
    ck_assert_fails(nn_tensor_compare(&expected, &actual, 1, 1), NN_CHECK,
                    "shape is 3x2, expected 2x3");
    actual = (nn_tensor){.type = NNOPT_FLOAT, .rank = 1, .dims = {6}, .data = data};
    ck_assert_fails(nn_tensor_compare(&expected, &actual, 1, 1), NN_CHECK, "shape is 6");
    expected = (nn_tensor){.type = NNOPT_FLOAT, .data = data};
    actual = (nn_tensor){.type = NNOPT_FLOAT, .rank = 1, .dims = {1}, .data = data};
    ck_assert_fails(nn_tensor_compare(&expected, &actual, 1, 1), NN_CHECK,
                    "shape is 1, expected scalar");
    /* shapes without elements too */
    expected = (nn_tensor){.type = NNOPT_FLOAT, .rank = 2, .dims = {0, 3}};
    actual = (nn_tensor){.type = NNOPT_FLOAT, .rank = 2, .dims = {0, 4}};
    ck_assert_fails(nn_tensor_compare(&expected, &actual, 1, 1), NN_CHECK, "shape is 0x4");
    ck_assert_ok(nn_tensor_compare(&expected, &expected, 0, 0));
}
END_TEST

/* |a - b| of the plane, within rtol |expected|; a number with one NaN is NaN. */
START_TEST(complex_numbers_lie_in_the_plane) {
    static const struct {
        float expected[2], actual[2];
        double rtol;
        bool passes;
    } rows[] = {
        {{3, 4}, {3, 4}, 0, true},
        {{3, 4}, {3.4f, 4}, 0.1, true}, /* 0.4 of 5 */
        {{3, 4}, {3.4f, 4.4f}, 0.1, false},
        {{0, 10}, {0.5f, 10}, 0.1, true}, /* a part of its own would fail */
        {{NAN, 1}, {2, NAN}, 0, true},
        {{NAN, 1}, {2, 1}, 1e9, false},
        {{1, 1}, {1, NAN}, 1e9, false},
        {{INFINITY, 0}, {INFINITY, 0}, 0, true},
        {{INFINITY, 0}, {-INFINITY, 0}, 1e9, false},
        {{INFINITY, 0}, {INFINITY, 1}, 1e9, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float a[2] = {rows[i].expected[0], rows[i].expected[1]};
        float b[2] = {rows[i].actual[0], rows[i].actual[1]};
        nn_tensor expected = {.type = NNOPT_COMPLEX64, .data = a};
        nn_tensor actual = {.type = NNOPT_COMPLEX64, .data = b};
        nn_status status = nn_tensor_compare(&expected, &actual, rows[i].rtol, 0);
        ck_assert_msg(status == (rows[i].passes ? NN_OK : NN_CHECK), "row %zu", i);
    }
    double wide[2] = {1, 2}, other[2] = {1, 2.5};
    nn_tensor expected = {.type = NNOPT_COMPLEX128, .data = wide};
    nn_tensor actual = {.type = NNOPT_COMPLEX128, .data = other};
    ck_assert_fails(nn_tensor_compare(&expected, &actual, 0.1, 0), NN_CHECK,
                    "element 0: 1+2.5i, expected 1+2i");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("tensor_compare");
    TCase *cases = tcase_create("tensor_compare");
    tcase_add_loop_test(cases, elements_are_judged_as_numpy_does, 0,
                        sizeof verdicts / sizeof *verdicts);
    tcase_add_test(cases, the_worst_element_is_named);
    tcase_add_test(cases, types_and_shapes_must_agree);
    tcase_add_test(cases, complex_numbers_lie_in_the_plane);
    suite_add_tcase(suite, cases);
    return suite;
}
