/* Floating types of at most 8 bits against their definitions. */
#include "base/tensor.h"
#include "tests/support/runner.h"

#include <math.h>

static const nn_float_rules saturate = {.overflow = false}, overflow = {.overflow = true};

/* The definitions once more: sign, exponent field, mantissa field. */
static const struct definition {
    nn_type type;
    int exponent_bits, mantissa_bits, bias;
    unsigned finite; /* codes 0 .. finite - 1 are the finite numbers that are not negative */
} definitions[] = {
    {NNOPT_FLOAT8E4M3FN, 4, 3, 7, 0x7f}, {NNOPT_FLOAT8E4M3FNUZ, 4, 3, 8, 0x80},
    {NNOPT_FLOAT8E5M2, 5, 2, 15, 0x7c},  {NNOPT_FLOAT8E5M2FNUZ, 5, 2, 16, 0x80},
    {NNOPT_FLOAT4E2M1, 2, 1, 1, 8},      {NNOPT_FLOAT6E2M3, 2, 3, 1, 32},
    {NNOPT_FLOAT6E3M2, 3, 2, 3, 32},
};
enum { COUNT = sizeof definitions / sizeof *definitions };

static double value_of(const struct definition *type, unsigned code) {
    int exponent = (int)(code >> type->mantissa_bits);
    double fraction = ldexp(code & ((1u << type->mantissa_bits) - 1), -type->mantissa_bits);
    return exponent == 0 ? ldexp(fraction, 1 - type->bias)
                         : ldexp(1 + fraction, exponent - type->bias);
}

START_TEST(codes_have_the_values_of_their_definition) {
    const struct definition *type = &definitions[_i];
    unsigned sign = 1u << (type->exponent_bits + type->mantissa_bits);
    for (unsigned code = 0; code < type->finite; code++) {
        ck_assert_double_eq(nn_small_to_float(type->type, code), value_of(type, code));
        ck_assert_double_eq(nn_small_float_table(type->type)[code], value_of(type, code));
        bool is_nan = code == 0 && type->finite == 0x80; /* the types without -0 */
        float negative = nn_small_to_float(type->type, code | sign);
        ck_assert(is_nan ? isnan(negative) : negative == -value_of(type, code));
    }
}
END_TEST

/* Every number, every middle between two, and what lies beside the middles. */
START_TEST(numbers_go_to_the_nearest_code_and_ties_to_even) {
    const struct definition *type = &definitions[_i];
    unsigned sign = 1u << (type->exponent_bits + type->mantissa_bits);
    for (unsigned code = 0; code + 1 < type->finite; code++) {
        float here = (float)value_of(type, code), next = (float)value_of(type, code + 1);
        float middle = (here + next) / 2;
        unsigned even = code + (code & 1);
        ck_assert_uint_eq(nn_float_to_small(type->type, here, saturate), code);
        ck_assert_uint_eq(nn_float_to_small(type->type, next, overflow), code + 1);
        ck_assert_uint_eq(nn_float_to_small(type->type, middle, saturate), even);
        ck_assert_uint_eq(nn_float_to_small(type->type, nextafterf(middle, 0), saturate), code);
        ck_assert_uint_eq(nn_float_to_small(type->type, nextafterf(middle, 2 * next), saturate),
                          code + 1);
        if (even != 0 || type->finite != 0x80)
            ck_assert_uint_eq(nn_float_to_small(type->type, -middle, saturate), sign | even);
    }
}
END_TEST

/* The two tables of the standard's Cast: saturating, and not. */
START_TEST(ends_follow_the_tables_of_the_standard) {
    static const struct {
        nn_type type;
        float value;
        unsigned saturated, overflown;
    } rows[] = {
        {NNOPT_FLOAT8E4M3FN, NAN, 0x7f, 0x7f},
        {NNOPT_FLOAT8E4M3FN, INFINITY, 0x7e, 0x7f},
        {NNOPT_FLOAT8E4M3FN, -INFINITY, 0xfe, 0xff},
        {NNOPT_FLOAT8E4M3FN, 464, 0x7e, 0x7e}, /* rounds to 448 */
        {NNOPT_FLOAT8E4M3FN, 465, 0x7e, 0x7f},
        {NNOPT_FLOAT8E4M3FN, -465, 0xfe, 0xff},
        {NNOPT_FLOAT8E4M3FN, -0.0f, 0x80, 0x80},
        {NNOPT_FLOAT8E4M3FNUZ, NAN, 0x80, 0x80},
        {NNOPT_FLOAT8E4M3FNUZ, INFINITY, 0x7f, 0x80},
        {NNOPT_FLOAT8E4M3FNUZ, -INFINITY, 0xff, 0x80},
        {NNOPT_FLOAT8E4M3FNUZ, 240, 0x7f, 0x7f},
        {NNOPT_FLOAT8E4M3FNUZ, -248, 0xff, 0x80},
        {NNOPT_FLOAT8E4M3FNUZ, -0.0f, 0, 0},
        {NNOPT_FLOAT8E4M3FNUZ, -1e-9f, 0, 0},
        {NNOPT_FLOAT8E5M2, NAN, 0x7e, 0x7e},
        {NNOPT_FLOAT8E5M2, INFINITY, 0x7b, 0x7c},
        {NNOPT_FLOAT8E5M2, -INFINITY, 0xfb, 0xfc},
        {NNOPT_FLOAT8E5M2, 61440, 0x7b, 0x7c}, /* the middle of 57344 and the next power */
        {NNOPT_FLOAT8E5M2, 61439, 0x7b, 0x7b},
        {NNOPT_FLOAT8E5M2, -0.0f, 0x80, 0x80},
        {NNOPT_FLOAT8E5M2FNUZ, NAN, 0x80, 0x80},
        {NNOPT_FLOAT8E5M2FNUZ, INFINITY, 0x7f, 0x80},
        {NNOPT_FLOAT8E5M2FNUZ, -1e9f, 0xff, 0x80},
        {NNOPT_FLOAT8E5M2FNUZ, -0.0f, 0, 0},
        {NNOPT_FLOAT4E2M1, INFINITY, 7, 7},
        {NNOPT_FLOAT4E2M1, -1e9f, 15, 15},
        {NNOPT_FLOAT4E2M1, NAN, 0, 0},
        {NNOPT_FLOAT6E2M3, 100, 0x1f, 0x1f},
        {NNOPT_FLOAT6E3M2, -100, 0x3f, 0x3f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned got = nn_float_to_small(rows[i].type, rows[i].value, saturate);
        ck_assert_msg(got == rows[i].saturated, "%s of %g saturated is %#x",
                      nnopt_type_name(rows[i].type), rows[i].value, got);
        got = nn_float_to_small(rows[i].type, rows[i].value, overflow);
        ck_assert_msg(got == rows[i].overflown, "%s of %g is %#x", nnopt_type_name(rows[i].type),
                      rows[i].value, got);
    }
    ck_assert(isinf(nn_small_to_float(NNOPT_FLOAT8E5M2, 0x7c)));
    ck_assert(isnan(nn_small_to_float(NNOPT_FLOAT8E5M2, 0x7d)));
    ck_assert(isnan(nn_small_to_float(NNOPT_FLOAT8E4M3FN, 0xff)));
}
END_TEST

START_TEST(float8e8m0_is_a_power_of_two) {
    static const struct {
        float value;
        unsigned up, down, nearest, overflown; /* the last one to nearest */
    } rows[] = {
        {0, 0, 0, 0, 255},
        {0x1p-127f, 0, 0, 0, 0},
        {0x1.4p-127f, 1, 0, 0, 0},
        {0x1.8p-127f, 1, 0, 1, 1},
        {0x1p-128f, 0, 0, 0, 255},
        {1, 127, 127, 127, 127},
        {1.25f, 128, 127, 127, 127},
        {1.5f, 128, 127, 128, 128},
        {0.124f, 124, 123, 124, 124},
        {0x1p127f, 254, 254, 254, 254},
        {0x1.8p127f, 254, 254, 254, 255},
        {INFINITY, 254, 254, 254, 255},
        {NAN, 255, 255, 255, 255},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nn_float_rules rules = {.scale = NN_SCALE_UP};
        float value = rows[i].value;
        ck_assert_uint_eq(nn_float_to_small(NNOPT_FLOAT8E8M0, value, rules), rows[i].up);
        rules.scale = NN_SCALE_DOWN;
        ck_assert_uint_eq(nn_float_to_small(NNOPT_FLOAT8E8M0, value, rules), rows[i].down);
        rules.scale = NN_SCALE_NEAREST;
        ck_assert_uint_eq(nn_float_to_small(NNOPT_FLOAT8E8M0, value, rules), rows[i].nearest);
        rules.overflow = true;
        ck_assert_uint_eq(nn_float_to_small(NNOPT_FLOAT8E8M0, value, rules), rows[i].overflown);
    }
    for (unsigned code = 0; code < 255; code++)
        ck_assert_double_eq(nn_small_to_float(NNOPT_FLOAT8E8M0, code), ldexp(1, (int)code - 127));
    ck_assert(isnan(nn_small_to_float(NNOPT_FLOAT8E8M0, 255)));
}
END_TEST

START_TEST(doubles_are_rounded_once) {
    /* just above the middle of two halves, which a float cannot tell from the middle */
    double above = 1 + 0x1p-11 + 0x1p-40, below = 1 + 0x1.8p-10 - 0x1p-40;
    ck_assert_uint_eq(nn_float_to_half(nn_double_to_float_odd(above)), 0x3c01);
    ck_assert_uint_eq(nn_float_to_half(nn_double_to_float_odd(-above)), 0xbc01);
    ck_assert_uint_eq(nn_float_to_half(nn_double_to_float_odd(below)), 0x3c01);
    ck_assert_uint_eq(nn_float_to_bfloat16(nn_double_to_float_odd(1 + 0x1p-8 + 0x1p-40)), 0x3f81);
    ck_assert_double_eq(nn_double_to_float_odd(0.5), 0.5);
    ck_assert(nn_double_to_float_odd(1e-300) > 0);
    ck_assert(nn_double_to_float_odd(-1e-300) < 0);
    ck_assert(isinf(nn_double_to_float_odd(1e300)));
    ck_assert(isnan(nn_double_to_float_odd(NAN)));
}
END_TEST

START_TEST(packed_runs_lie_lowest_bits_first) {
    static const int widths[] = {2, 4, 6, 8};
    uint8_t codes[13], packed[13], back[13];
    for (int w = 0; w < 4; w++) {
        int bits = widths[w], bytes = (13 * bits + 7) / 8;
        for (int i = 0; i < 13; i++) codes[i] = (uint8_t)(37 * i + 11) & ((1 << bits) - 1);
        memset(packed, 0xff, sizeof packed);
        nn_pack(codes, bits, packed, 13);
        for (int bit = 0; bit < 8 * bytes; bit++) {
            int element = bit / bits;
            int expected = element < 13 ? codes[element] >> (bit % bits) & 1 : 0;
            ck_assert_int_eq(packed[bit / 8] >> (bit % 8) & 1, expected);
        }
        nn_unpack(packed, bits, back, 13);
        ck_assert_mem_eq(back, codes, 13);
        for (int i = 0; i < 13; i++) {
            ck_assert_uint_eq(nn_packed_get(packed, bits, i), codes[i]);
            nn_packed_set(packed, bits, i, codes[i] ^ 1u);
            ck_assert_uint_eq(nn_packed_get(packed, bits, i), codes[i] ^ 1u);
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("small_float");
    TCase *cases = tcase_create("small_float");
    tcase_add_loop_test(cases, codes_have_the_values_of_their_definition, 0, COUNT);
    tcase_add_loop_test(cases, numbers_go_to_the_nearest_code_and_ties_to_even, 0, COUNT);
    tcase_add_test(cases, ends_follow_the_tables_of_the_standard);
    tcase_add_test(cases, float8e8m0_is_a_power_of_two);
    tcase_add_test(cases, doubles_are_rounded_once);
    tcase_add_test(cases, packed_runs_lie_lowest_bits_first);
    suite_add_tcase(suite, cases);
    return suite;
}
