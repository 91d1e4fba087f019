#include "ops/family/types.h"

#include "ops/cpu/rows_f32.h"

/* Rounds to odd: rounding the float to a half type then gives what rounding the double would. */
static float float_to_odd(double value) {
    float nearest = (float)value;
    uint32_t bits;
    memcpy(&bits, &nearest, sizeof bits);
    if ((double)nearest == value || value != value || (bits & 0x7f800000) == 0x7f800000 ||
        (bits & 1))
        return nearest;
    bool away = nearest > 0 || (nearest == 0 && value > 0) ? value > nearest : value < nearest;
    bits = away ? bits + 1 : bits - 1;
    if (nearest == 0) bits = value < 0 ? 0x80000001u : 1u;
    memcpy(&nearest, &bits, sizeof nearest);
    return nearest;
}

uint16_t nn_double_to_half(double value) {
    return nn_float_to_half(float_to_odd(value));
}

uint16_t nn_double_to_bfloat16(double value) {
    return nn_float_to_bfloat16(float_to_odd(value));
}

void nn_load_float(nn_type type, const void *in, float *out, int64_t count) {
    const uint16_t *half = in;
    if (type == NNOPT_FLOAT)
        memcpy(out, in, (size_t)count * sizeof *out);
    else if (type == NNOPT_FLOAT16)
        nn_rows_f32_best()->from_half(half, out, count);
    else
        for (int64_t i = 0; i < count; i++) out[i] = nn_bfloat16_to_float(half[i]);
}

void nn_store_float(nn_type type, const float *in, void *out, int64_t count) {
    uint16_t *half = out;
    if (type == NNOPT_FLOAT)
        memcpy(out, in, (size_t)count * sizeof *in);
    else if (type == NNOPT_FLOAT16)
        nn_rows_f32_best()->to_half(in, half, count);
    else
        for (int64_t i = 0; i < count; i++) half[i] = nn_float_to_bfloat16(in[i]);
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
        break;
    }
}

void nn_load_int(nn_type type, const void *in, int64_t *out, int64_t count) {
    typedef int64_t value_type;
    switch (type) {
        NN_EACH_INTEGER(LOAD_CASE)
        LOAD_CASE(BOOL, uint8_t, )
    default:
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
        break;
    }
}
