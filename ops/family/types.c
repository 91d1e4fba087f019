#include "ops/family/types.h"

#include "ops/cpu/float32/rows_f32.h"

uint16_t nn_double_to_half(double value) {
    return nn_float_to_half(nn_double_to_float_odd(value));
}

uint16_t nn_double_to_bfloat16(double value) {
    return nn_float_to_bfloat16(nn_double_to_float_odd(value));
}

static int64_t block_at(int64_t begin, int64_t count) {
    return count - begin < NN_BLOCK ? count - begin : NN_BLOCK;
}

/* ---- small floating types ---- */

static void load_small(nn_type type, const void *in, float *out, int64_t count) {
    const float *values = nn_small_float_table(type);
    uint8_t codes[NN_BLOCK];
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t run = block_at(begin, count);
        nn_unpack(nn_at(in, type, begin), nn_type_bits(type), codes, run);
        for (int64_t i = 0; i < run; i++) out[begin + i] = values[codes[i]];
    }
}

void nn_store_small(nn_type type, const float *in, void *out, int64_t count, nn_float_rules rules) {
    uint8_t codes[NN_BLOCK];
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t run = block_at(begin, count);
        for (int64_t i = 0; i < run; i++)
            codes[i] = (uint8_t)nn_float_to_small(type, in[begin + i], rules);
        nn_pack(codes, nn_type_bits(type), nn_at_out(out, type, begin), run);
    }
}

/* ---- packed integers ---- */

/* The sign bit of an integer under 8 bits; 0 where it has none. */
static int sign_bit(nn_type type) {
    return nn_type_is_signed(type) ? 1 << (nn_type_bits(type) - 1) : 0;
}

static void load_packed(nn_type type, const void *in, int64_t *out, int64_t count) {
    int sign = sign_bit(type);
    uint8_t codes[NN_BLOCK];
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t run = block_at(begin, count);
        nn_unpack(nn_at(in, type, begin), nn_type_bits(type), codes, run);
        for (int64_t i = 0; i < run; i++) out[begin + i] = (codes[i] ^ sign) - sign;
    }
}

static void store_packed(nn_type type, const int64_t *in, void *out, int64_t count) {
    uint8_t codes[NN_BLOCK];
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t run = block_at(begin, count);
        for (int64_t i = 0; i < run; i++)
            codes[i] = (uint8_t)(in[begin + i] & ((1 << nn_type_bits(type)) - 1));
        nn_pack(codes, nn_type_bits(type), nn_at_out(out, type, begin), run);
    }
}

static void load_packed_double(nn_type type, const void *in, double *out, int64_t count) {
    int64_t values[NN_BLOCK];
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t run = block_at(begin, count);
        load_packed(type, nn_at(in, type, begin), values, run);
        for (int64_t i = 0; i < run; i++) out[begin + i] = (double)values[i];
    }
}

/* ---- runs ---- */

void nn_load_float(nn_type type, const void *in, float *out, int64_t count) {
    const uint16_t *half = in;
    if (type == NNOPT_FLOAT)
        memcpy(out, in, (size_t)count * sizeof *out);
    else if (type == NNOPT_FLOAT16)
        nn_rows_f32_best()->from_half(half, out, count);
    else if (type == NNOPT_BFLOAT16)
        nn_rows_f32_best()->from_bf16(half, out, count);
    else
        load_small(type, in, out, count);
}

void nn_store_float(nn_type type, const float *in, void *out, int64_t count) {
    uint16_t *half = out;
    if (type == NNOPT_FLOAT)
        memcpy(out, in, (size_t)count * sizeof *in);
    else if (type == NNOPT_FLOAT16)
        nn_rows_f32_best()->to_half(in, half, count);
    else
        nn_rows_f32_best()->to_bf16(in, half, count);
}

#define LOAD_CASE(TYPE, type, suffix)                                                              \
    case NNOPT_##TYPE: {                                                                           \
        const type *x = in;                                                                        \
        for (int64_t i = 0; i < count; i++) out[i] = (value_type)x[i];                             \
        break;                                                                                     \
    }
#define STORE_CASE(TYPE, type, suffix)                                                             \
    case NNOPT_##TYPE: {                                                                           \
        type *y = out;                                                                             \
        for (int64_t i = 0; i < count; i++) y[i] = (type)in[i];                                    \
        break;                                                                                     \
    }

void nn_load_double(nn_type type, const void *in, double *out, int64_t count) {
    typedef double value_type;
    const uint16_t *half = in;
    switch (type) {
        NN_EACH_REAL(LOAD_CASE)
        NN_EACH_INTEGER(LOAD_CASE)
        LOAD_CASE(BOOL, uint8_t, )
    case NNOPT_FLOAT16:
        for (int64_t i = 0; i < count; i++) out[i] = nn_half_to_float(half[i]);
        break;
    case NNOPT_BFLOAT16:
        for (int64_t i = 0; i < count; i++) out[i] = nn_bfloat16_to_float(half[i]);
        break;
    default:
        if (nn_type_is_integer(type)) {
            load_packed_double(type, in, out, count);
            break;
        }
        for (int64_t i = 0; i < count; i++)
            out[i] = nn_small_float_table(type)[nn_packed_get(in, nn_type_bits(type), i)];
        break;
    }
}

void nn_load_int(nn_type type, const void *in, int64_t *out, int64_t count) {
    typedef int64_t value_type;
    switch (type) {
        NN_EACH_INTEGER(LOAD_CASE)
        LOAD_CASE(BOOL, uint8_t, )
    default:
        load_packed(type, in, out, count);
        break;
    }
}

void nn_store_double(nn_type type, const double *in, void *out, int64_t count) {
    uint16_t *half = out;
    switch (type) {
        NN_EACH_REAL(STORE_CASE)
    case NNOPT_FLOAT16:
        for (int64_t i = 0; i < count; i++) half[i] = nn_double_to_half(in[i]);
        break;
    case NNOPT_BFLOAT16:
        for (int64_t i = 0; i < count; i++) half[i] = nn_double_to_bfloat16(in[i]);
        break;
    default:
        break;
    }
}

void nn_store_int(nn_type type, const int64_t *in, void *out, int64_t count) {
    switch (type) {
        NN_EACH_INTEGER(STORE_CASE)
    case NNOPT_BOOL: {
        uint8_t *y = out;
        for (int64_t i = 0; i < count; i++) y[i] = in[i] != 0;
        break;
    }
    default:
        store_packed(type, in, out, count);
        break;
    }
}
