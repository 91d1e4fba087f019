/* Floating types of at most 8 bits, one element at a time: C, and CUDA C++ for kernels. The 8-bit
 * forms are those of "FP8 Formats for Deep Learning" (arXiv 2209.05433) and "8-bit Numerical
 * Formats for Deep Neural Networks" (arXiv 2206.02915), the others those of OCP Microscaling
 * Formats (MX) 1.0. */
#ifndef NN_SMALL_FLOAT_H
#define NN_SMALL_FLOAT_H

#include <nnopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#    define NN_SMALL_FLOAT static __host__ __device__ inline
#else
#    define NN_SMALL_FLOAT static inline
#endif

/* Which power of two a float8e8m0 becomes: the next, the last, or the nearest, ties away from 0. */
enum { NN_SMALL_UP, NN_SMALL_DOWN, NN_SMALL_NEAREST };

/* What stands beyond the finite values. */
typedef enum nn_small_beyond {
    NN_SMALL_NOTHING,  /* no infinity, no NaN: too large is the largest, NaN is zero */
    NN_SMALL_NAN,      /* the highest code of each sign is NaN, no infinity */
    NN_SMALL_ONE_NAN,  /* the code of -0 is NaN, no infinity, zero has no sign */
    NN_SMALL_INFINITY, /* as IEEE 754 has it */
} nn_small_beyond;

typedef struct nn_small_format {
    uint8_t exponent_bits, mantissa_bits, bias;
    nn_small_beyond beyond;
    uint8_t largest; /* code of the largest finite value */
} nn_small_format;

NN_SMALL_FLOAT nn_small_format nn_small_format_make(int exponent_bits, int mantissa_bits, int bias,
                                                    nn_small_beyond beyond, int largest) {
    nn_small_format out;
    out.exponent_bits = (uint8_t)exponent_bits;
    out.mantissa_bits = (uint8_t)mantissa_bits;
    out.bias = (uint8_t)bias;
    out.beyond = beyond;
    out.largest = (uint8_t)largest;
    return out;
}

NN_SMALL_FLOAT nn_small_format nn_small_format_of(nnopt_type type) {
    switch (type) {
    case NNOPT_FLOAT8E4M3FN:
        return nn_small_format_make(4, 3, 7, NN_SMALL_NAN, 0x7e);
    case NNOPT_FLOAT8E4M3FNUZ:
        return nn_small_format_make(4, 3, 8, NN_SMALL_ONE_NAN, 0x7f);
    case NNOPT_FLOAT8E5M2:
        return nn_small_format_make(5, 2, 15, NN_SMALL_INFINITY, 0x7b);
    case NNOPT_FLOAT8E5M2FNUZ:
        return nn_small_format_make(5, 2, 16, NN_SMALL_ONE_NAN, 0x7f);
    case NNOPT_FLOAT4E2M1:
        return nn_small_format_make(2, 1, 1, NN_SMALL_NOTHING, 0x7);
    case NNOPT_FLOAT6E2M3:
        return nn_small_format_make(2, 3, 1, NN_SMALL_NOTHING, 0x1f);
    default: /* FLOAT6E3M2 */
        return nn_small_format_make(3, 2, 3, NN_SMALL_NOTHING, 0x1f);
    }
}

NN_SMALL_FLOAT uint32_t nn_small_bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

NN_SMALL_FLOAT float nn_small_float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- float8e8m0: 2^(code - 127), 255 is NaN ---- */

enum { NN_E8M0_LARGEST = 254, NN_E8M0_NAN = 255 };

NN_SMALL_FLOAT float nn_e8m0_to_float(unsigned code) {
    if (code == NN_E8M0_NAN) return nn_small_float_of(0x7fc00000);
    return nn_small_float_of(code == 0 ? 0x00400000 : (uint32_t)code << 23);
}

NN_SMALL_FLOAT unsigned nn_float_to_e8m0(float value, bool overflow, int scale) {
    uint32_t bits = nn_small_bits_of(value) & 0x7fffffff;
    if (bits > 0x7f800000) return NN_E8M0_NAN;
    if (bits < 0x00400000) return overflow ? NN_E8M0_NAN : 0; /* under 2^-127 */
    /* Between 2^-127 and 2^-126 a float has no implied bit, and one bit less behind the first. */
    uint32_t code = bits >> 23, fraction = code == 0 ? bits << 1 & 0x7fffff : bits & 0x7fffff;
    if (scale == NN_SMALL_UP)
        code += fraction > 0;
    else if (scale == NN_SMALL_NEAREST)
        code += fraction >= 0x400000;
    if (code > NN_E8M0_LARGEST) return overflow ? NN_E8M0_NAN : NN_E8M0_LARGEST;
    return code;
}

/* ---- sign, exponent, mantissa ---- */

NN_SMALL_FLOAT bool nn_small_is_nan(const nn_small_format *format, unsigned code,
                                    unsigned sign_bit) {
    switch (format->beyond) {
    case NN_SMALL_NAN:
        return (code & (sign_bit - 1)) > format->largest;
    case NN_SMALL_ONE_NAN:
        return code == sign_bit;
    case NN_SMALL_INFINITY:
        return (code & (sign_bit - 1)) > format->largest + 1u;
    default:
        return false;
    }
}

NN_SMALL_FLOAT float nn_small_value(nnopt_type type, unsigned code) {
    if (type == NNOPT_FLOAT8E8M0) return nn_e8m0_to_float(code);
    const nn_small_format own = nn_small_format_of(type), *format = &own;
    unsigned sign_bit = 1u << (format->exponent_bits + format->mantissa_bits);
    const uint32_t mantissa = code & ((1u << format->mantissa_bits) - 1);
    const uint32_t exponent = (code & (sign_bit - 1)) >> format->mantissa_bits;
    const unsigned denormal = 128u - format->bias - format->mantissa_bits;
    float magnitude;
    if (nn_small_is_nan(format, code, sign_bit))
        magnitude = nn_small_float_of(0x7fc00000 | mantissa << (23 - format->mantissa_bits));
    else if (format->beyond == NN_SMALL_INFINITY && (code & (sign_bit - 1)) > format->largest)
        magnitude = nn_small_float_of(0x7f800000);
    else if (exponent > 0)
        magnitude = nn_small_float_of((exponent + 127 - format->bias) << 23 |
                                      mantissa << (23 - format->mantissa_bits));
    else
        magnitude = (float)mantissa * nn_small_float_of(denormal << 23);
    return (code & sign_bit) != 0 ? -magnitude : magnitude;
}

/* The code of a finite magnitude in the format as if its exponents went on for ever, to nearest
 * even. */
NN_SMALL_FLOAT uint32_t nn_small_round(const nn_small_format *format, uint32_t bits) {
    unsigned dropped = 23u - format->mantissa_bits;
    uint32_t lowest_normal = (uint32_t)(128 - format->bias) << 23;
    if (bits < lowest_normal) {
        /* The sum's last place is the format's smallest step, so that the addition rounds there. */
        float step = nn_small_float_of(lowest_normal + ((uint32_t)dropped << 23));
        return nn_small_bits_of(nn_small_float_of(bits) + step) - nn_small_bits_of(step);
    }
    uint32_t rounded = bits + (1u << (dropped - 1)) - 1 + (bits >> dropped & 1);
    return (rounded >> dropped) - ((uint32_t)(127 - format->bias) << format->mantissa_bits);
}

/* Rounds to nearest even. Numbers beyond the ends become infinity or, without one, NaN where they
 * `overflow`, else the largest value. */
NN_SMALL_FLOAT unsigned nn_small_code(nnopt_type type, float value, bool overflow, int scale) {
    if (type == NNOPT_FLOAT8E8M0) return nn_float_to_e8m0(value, overflow, scale);
    const nn_small_format own = nn_small_format_of(type), *format = &own;
    unsigned sign_bit = 1u << (format->exponent_bits + format->mantissa_bits);
    unsigned sign = nn_small_bits_of(value) >> 31 ? sign_bit : 0, code;
    uint32_t bits = nn_small_bits_of(value) & 0x7fffffff;
    bool is_nan = bits > 0x7f800000;
    code = is_nan ? 0 : nn_small_round(format, bits);
    bool is_over = code > format->largest;
    switch (format->beyond) {
    case NN_SMALL_NOTHING:
        return is_nan ? 0 : sign | (is_over ? format->largest : code);
    case NN_SMALL_ONE_NAN:
        if (is_nan || (is_over && overflow)) return sign_bit;
        code = is_over ? format->largest : code;
        return code == 0 ? 0 : sign | code;
    case NN_SMALL_NAN:
        if (is_nan || (is_over && overflow)) return sign | (sign_bit - 1);
        break;
    case NN_SMALL_INFINITY:
        if (is_nan) return sign | (sign_bit - 2); /* quiet */
        if (is_over && overflow) return sign | (format->largest + 1u);
        break;
    }
    return sign | (is_over ? format->largest : code);
}

#endif
