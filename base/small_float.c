/* Floating types of at most 8 bits. The 8-bit forms are those of "FP8 Formats for Deep Learning"
 * (arXiv 2209.05433) and "8-bit Numerical Formats for Deep Neural Networks" (arXiv 2206.02915), the
 * others those of OCP Microscaling Formats (MX) 1.0. */
#include "base/tensor.h"

#include <math.h>
#include <pthread.h>

/* What stands beyond the finite values. */
typedef enum beyond {
    BEYOND_NOTHING,  /* no infinity, no NaN: too large is the largest, NaN is zero */
    BEYOND_NAN,      /* the highest code of each sign is NaN, no infinity */
    BEYOND_ONE_NAN,  /* the code of -0 is NaN, no infinity, zero has no sign */
    BEYOND_INFINITY, /* as IEEE 754 has it */
} beyond;

typedef struct small_format {
    uint8_t exponent_bits, mantissa_bits, bias;
    beyond beyond;
    uint8_t largest; /* code of the largest finite value */
} small_format;

static const small_format formats[] = {
    [NNOPT_FLOAT8E4M3FN] = {4, 3, 7, BEYOND_NAN, 0x7e},
    [NNOPT_FLOAT8E4M3FNUZ] = {4, 3, 8, BEYOND_ONE_NAN, 0x7f},
    [NNOPT_FLOAT8E5M2] = {5, 2, 15, BEYOND_INFINITY, 0x7b},
    [NNOPT_FLOAT8E5M2FNUZ] = {5, 2, 16, BEYOND_ONE_NAN, 0x7f},
    [NNOPT_FLOAT4E2M1] = {2, 1, 1, BEYOND_NOTHING, 0x7},
    [NNOPT_FLOAT6E2M3] = {2, 3, 1, BEYOND_NOTHING, 0x1f},
    [NNOPT_FLOAT6E3M2] = {3, 2, 3, BEYOND_NOTHING, 0x1f},
};

bool nn_type_is_small_float(nn_type type) {
    return nn_type_is_float(type) && nn_type_bits(type) <= 8;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- float8e8m0: 2^(code - 127), 255 is NaN ---- */

enum { E8M0_LARGEST = 254, E8M0_NAN = 255 };

static float e8m0_to_float(unsigned code) {
    if (code == E8M0_NAN) return NAN;
    return float_of(code == 0 ? 0x00400000 : (uint32_t)code << 23);
}

static unsigned float_to_e8m0(float value, nn_float_rules rules) {
    uint32_t bits = bits_of(value) & 0x7fffffff;
    if (bits > 0x7f800000) return E8M0_NAN;
    if (bits < 0x00400000) return rules.overflow ? E8M0_NAN : 0; /* under 2^-127 */
    /* Between 2^-127 and 2^-126 a float has no implied bit, and one bit less behind the first. */
    uint32_t code = bits >> 23, fraction = code == 0 ? bits << 1 & 0x7fffff : bits & 0x7fffff;
    if (rules.scale == NN_SCALE_UP)
        code += fraction > 0;
    else if (rules.scale == NN_SCALE_NEAREST)
        code += fraction >= 0x400000;
    if (code > E8M0_LARGEST) return rules.overflow ? E8M0_NAN : E8M0_LARGEST;
    return code;
}

/* ---- sign, exponent, mantissa ---- */

static bool code_is_nan(const small_format *format, unsigned code, unsigned sign_bit) {
    switch (format->beyond) {
    case BEYOND_NAN:
        return (code & (sign_bit - 1)) > format->largest;
    case BEYOND_ONE_NAN:
        return code == sign_bit;
    default:
        return false;
    }
}

float nn_small_to_float(nn_type type, unsigned code) {
    if (type == NNOPT_FLOAT8E8M0) return e8m0_to_float(code);
    /* The upper byte of a half. */
    if (type == NNOPT_FLOAT8E5M2) return nn_half_to_float((uint16_t)(code << 8));
    const small_format *format = &formats[type];
    unsigned sign_bit = 1u << (format->exponent_bits + format->mantissa_bits);
    if (code_is_nan(format, code, sign_bit)) return code & sign_bit ? -NAN : NAN;
    uint32_t mantissa = code & ((1u << format->mantissa_bits) - 1);
    uint32_t exponent = (code & (sign_bit - 1)) >> format->mantissa_bits;
    float magnitude =
        exponent > 0 ? float_of((exponent + 127 - format->bias) << 23 |
                                mantissa << (23 - format->mantissa_bits))
                     : (float)mantissa *
                           float_of((uint32_t)(128 - format->bias - format->mantissa_bits) << 23);
    return code & sign_bit ? -magnitude : magnitude;
}

enum { FIRST_SMALL = NNOPT_FLOAT8E4M3FN, SMALL_SPAN = NNOPT_FLOAT6E3M2 - FIRST_SMALL + 1 };

static float tables[SMALL_SPAN][256];

static void fill_tables(void) {
    for (int i = 0; i < SMALL_SPAN; i++) {
        nn_type type = (nn_type)(FIRST_SMALL + i);
        if (!nn_type_is_small_float(type)) continue;
        for (unsigned code = 0; code < 1u << nn_type_bits(type); code++)
            tables[i][code] = nn_small_to_float(type, code);
    }
}

const float *nn_small_float_table(nn_type type) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_tables);
    return tables[type - FIRST_SMALL];
}

/* The code of a finite magnitude in the format as if its exponents went on for ever, to nearest
 * even. */
static uint32_t round_magnitude(const small_format *format, uint32_t bits) {
    unsigned dropped = 23u - format->mantissa_bits;
    uint32_t lowest_normal = (uint32_t)(128 - format->bias) << 23;
    if (bits < lowest_normal) {
        /* The sum's last place is the format's smallest step, so that the addition rounds there. */
        float step = float_of(lowest_normal + ((uint32_t)dropped << 23));
        return bits_of(float_of(bits) + step) - bits_of(step);
    }
    uint32_t rounded = bits + (1u << (dropped - 1)) - 1 + (bits >> dropped & 1);
    return (rounded >> dropped) - ((uint32_t)(127 - format->bias) << format->mantissa_bits);
}

unsigned nn_float_to_small(nn_type type, float value, nn_float_rules rules) {
    if (type == NNOPT_FLOAT8E8M0) return float_to_e8m0(value, rules);
    const small_format *format = &formats[type];
    unsigned sign_bit = 1u << (format->exponent_bits + format->mantissa_bits);
    unsigned sign = bits_of(value) >> 31 ? sign_bit : 0, code;
    uint32_t bits = bits_of(value) & 0x7fffffff;
    bool is_nan = bits > 0x7f800000;
    code = is_nan ? 0 : round_magnitude(format, bits);
    bool is_over = code > format->largest;
    switch (format->beyond) {
    case BEYOND_NOTHING:
        return is_nan ? 0 : sign | (is_over ? format->largest : code);
    case BEYOND_ONE_NAN:
        if (is_nan || (is_over && rules.overflow)) return sign_bit;
        code = is_over ? format->largest : code;
        return code == 0 ? 0 : sign | code;
    case BEYOND_NAN:
        if (is_nan || (is_over && rules.overflow)) return sign | (sign_bit - 1);
        break;
    case BEYOND_INFINITY:
        if (is_nan) return sign | (sign_bit - 2); /* quiet */
        if (is_over && rules.overflow) return sign | (format->largest + 1u);
        break;
    }
    return sign | (is_over ? format->largest : code);
}

float nn_double_to_float_odd(double value) {
    float nearest = (float)value;
    uint32_t bits = bits_of(nearest);
    bool is_exact = (double)nearest == value || isnan(value);
    if (is_exact || isinf(nearest) || (bits & 1)) return nearest;
    if (nearest == 0) return value < 0 ? float_of(0x80000001) : float_of(1);
    bool away = nearest > 0 ? value > nearest : value < nearest;
    return float_of(away ? bits + 1 : bits - 1);
}
