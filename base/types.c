/* Element types: sizes, packed elements, and conversions of single elements. */
#include "base/tensor.h"

#include <math.h>

typedef enum type_class {
    CLASS_NONE,
    CLASS_FLOAT,
    CLASS_SIGNED,
    CLASS_UNSIGNED,
    CLASS_OTHER
} type_class;

static const struct {
    const char *name;
    uint8_t bits;
    type_class class;
} types[] = {
    [NNOPT_TYPE_NONE] = {"none", 0, CLASS_NONE},
    [NNOPT_FLOAT] = {"float32", 32, CLASS_FLOAT},
    [NNOPT_UINT8] = {"uint8", 8, CLASS_UNSIGNED},
    [NNOPT_INT8] = {"int8", 8, CLASS_SIGNED},
    [NNOPT_UINT16] = {"uint16", 16, CLASS_UNSIGNED},
    [NNOPT_INT16] = {"int16", 16, CLASS_SIGNED},
    [NNOPT_INT32] = {"int32", 32, CLASS_SIGNED},
    [NNOPT_INT64] = {"int64", 64, CLASS_SIGNED},
    [NNOPT_STRING] = {"string", 8 * sizeof(char *), CLASS_OTHER},
    [NNOPT_BOOL] = {"bool", 8, CLASS_OTHER},
    [NNOPT_FLOAT16] = {"float16", 16, CLASS_FLOAT},
    [NNOPT_DOUBLE] = {"float64", 64, CLASS_FLOAT},
    [NNOPT_UINT32] = {"uint32", 32, CLASS_UNSIGNED},
    [NNOPT_UINT64] = {"uint64", 64, CLASS_UNSIGNED},
    [NNOPT_COMPLEX64] = {"complex64", 64, CLASS_OTHER},
    [NNOPT_COMPLEX128] = {"complex128", 128, CLASS_OTHER},
    [NNOPT_BFLOAT16] = {"bfloat16", 16, CLASS_FLOAT},
    [NNOPT_FLOAT8E4M3FN] = {"float8e4m3fn", 8, CLASS_FLOAT},
    [NNOPT_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 8, CLASS_FLOAT},
    [NNOPT_FLOAT8E5M2] = {"float8e5m2", 8, CLASS_FLOAT},
    [NNOPT_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 8, CLASS_FLOAT},
    [NNOPT_UINT4] = {"uint4", 4, CLASS_UNSIGNED},
    [NNOPT_INT4] = {"int4", 4, CLASS_SIGNED},
    [NNOPT_FLOAT4E2M1] = {"float4e2m1", 4, CLASS_FLOAT},
    [NNOPT_FLOAT8E8M0] = {"float8e8m0", 8, CLASS_FLOAT},
    [NNOPT_UINT2] = {"uint2", 2, CLASS_UNSIGNED},
    [NNOPT_INT2] = {"int2", 2, CLASS_SIGNED},
    [NNOPT_FLOAT6E2M3] = {"float6e2m3", 6, CLASS_FLOAT},
    [NNOPT_FLOAT6E3M2] = {"float6e3m2", 6, CLASS_FLOAT},
    [NNOPT_SEQUENCE] = {"sequence", 0, CLASS_OTHER},
    [NNOPT_OPTIONAL] = {"optional", 0, CLASS_OTHER},
    [NNOPT_MAP] = {"map", 0, CLASS_OTHER},
};

static bool type_is_valid(nn_type type) {
    return (size_t)type < sizeof types / sizeof types[0] && types[type].name != NULL;
}

const char *nnopt_type_name(nnopt_type type) {
    return type_is_valid(type) ? types[type].name : "unknown";
}

int nn_type_bits(nn_type type) {
    return type_is_valid(type) ? types[type].bits : 0;
}

bool nn_type_is_plain(nn_type type) {
    return type != NNOPT_STRING && nn_type_bits(type) > 0;
}

bool nn_type_is_container(nn_type type) {
    return type == NNOPT_SEQUENCE || type == NNOPT_OPTIONAL || type == NNOPT_MAP;
}

bool nn_type_is_float(nn_type type) {
    return type_is_valid(type) && types[type].class == CLASS_FLOAT;
}

bool nn_type_is_integer(nn_type type) {
    return type_is_valid(type) &&
           (types[type].class == CLASS_SIGNED || types[type].class == CLASS_UNSIGNED);
}

bool nn_type_is_signed(nn_type type) {
    return type_is_valid(type) &&
           (types[type].class == CLASS_SIGNED || types[type].class == CLASS_FLOAT);
}

bool nn_type_bytes(nn_type type, int64_t count, int64_t *out) {
    if (nn_type_is_container(type)) return nn_mul_size(count, (int64_t)sizeof(nn_tensor), out);
    int64_t bits = nn_type_bits(type);
    if (bits >= 8) return nn_mul_size(count, bits / 8, out);
    int64_t total;
    if (!nn_mul_size(count, bits, &total) || !nn_add_size(total, 7, &total)) return false;
    *out = total / 8;
    return true;
}

/* ---- half types ---- */

static float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float nn_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;
    if (exponent == 0x1f) return float_from_bits(sign | 0x7f800000 | mantissa << 13);
    if (exponent == 0) {
        float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t nn_float_to_half(float value) {
    uint32_t bits = bits_from_float(value);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00);  /* NaN */
    if (bits >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* rounds past 65504 */
    if (bits < 0x38800000) { /* subnormal: the addition rounds at 2^-24 */
        float shifted = float_from_bits(bits) + 0.5f;
        return (uint16_t)(sign | (bits_from_float(shifted) - 0x3f000000));
    }
    uint32_t rounded = bits + 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | ((rounded - 0x38000000) >> 13));
}

float nn_bfloat16_to_float(uint16_t bits) {
    return float_from_bits((uint32_t)bits << 16);
}

uint16_t nn_float_to_bfloat16(float value) {
    uint32_t bits = bits_from_float(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* ---- elements ---- */

/* Six bits may lie in two bytes. */
unsigned nn_packed_get(const void *data, int bits, int64_t index) {
    const uint8_t *byte = (const uint8_t *)data + index * bits / 8;
    int shift = (int)(index * bits % 8);
    unsigned window = *byte;
    if (shift + bits > 8) window |= (unsigned)byte[1] << 8;
    return window >> shift & ((1u << bits) - 1);
}

void nn_packed_set(void *data, int bits, int64_t index, unsigned code) {
    uint8_t *byte = (uint8_t *)data + index * bits / 8;
    int shift = (int)(index * bits % 8);
    unsigned mask = ((1u << bits) - 1) << shift;
    code <<= shift;
    byte[0] = (uint8_t)((byte[0] & ~mask) | (code & mask));
    if (shift + bits > 8) byte[1] = (uint8_t)((byte[1] & ~(mask >> 8)) | (code & mask) >> 8);
}

void nn_unpack(const void *data, int bits, uint8_t *codes, int64_t count) {
    const uint8_t *bytes = data;
    int64_t i = 0;
    if (bits == 8) memcpy(codes, data, (size_t)count);
    if (bits == 4)
        for (; i + 1 < count; i += 2) {
            codes[i] = bytes[i / 2] & 15;
            codes[i + 1] = bytes[i / 2] >> 4;
        }
    if (bits == 2)
        for (; i + 3 < count; i += 4)
            for (int k = 0; k < 4; k++) codes[i + k] = bytes[i / 4] >> (2 * k) & 3;
    if (bits < 8)
        for (; i < count; i++) codes[i] = (uint8_t)nn_packed_get(data, bits, i);
}

void nn_pack(const uint8_t *codes, int bits, void *data, int64_t count) {
    uint8_t *bytes = data;
    int64_t i = 0;
    if (bits == 8) memcpy(data, codes, (size_t)count);
    if (bits == 4)
        for (; i + 1 < count; i += 2) bytes[i / 2] = (uint8_t)((codes[i] & 15) | codes[i + 1] << 4);
    if (bits >= 8 || i == count) return;
    memset(bytes + i * bits / 8, 0, (size_t)((count * bits + 7) / 8 - i * bits / 8));
    for (; i < count; i++) nn_packed_set(data, bits, i, codes[i]);
}

/* Element `index`, at any address: tensors of mapped files are not aligned. */
#define LOAD(type)                                                                                 \
    (*(type *)memcpy(&(type){0}, (const char *)tensor->data + index * (int64_t)sizeof(type),       \
                     sizeof(type)))

int64_t nn_tensor_get_int(const nn_tensor *tensor, int64_t index) {
    switch (tensor->type) {
    case NNOPT_UINT8:
    case NNOPT_BOOL:
        return LOAD(uint8_t);
    case NNOPT_INT8:
        return LOAD(int8_t);
    case NNOPT_UINT16:
        return LOAD(uint16_t);
    case NNOPT_INT16:
        return LOAD(int16_t);
    case NNOPT_INT32:
        return LOAD(int32_t);
    case NNOPT_INT64:
        return LOAD(int64_t);
    case NNOPT_UINT32:
        return LOAD(uint32_t);
    case NNOPT_UINT64:
        return (int64_t)LOAD(uint64_t);
    case NNOPT_UINT4:
        return nn_packed_get(tensor->data, 4, index);
    case NNOPT_UINT2:
        return nn_packed_get(tensor->data, 2, index);
    case NNOPT_INT4:
        return (int64_t)(nn_packed_get(tensor->data, 4, index) ^ 8) - 8;
    case NNOPT_INT2:
        return (int64_t)(nn_packed_get(tensor->data, 2, index) ^ 2) - 2;
    default: {
        double value = nn_tensor_get(tensor, index);
        if (isnan(value)) return 0;
        if (value >= 0x1p63) return INT64_MAX;
        return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
    }
    }
}

double nn_tensor_get(const nn_tensor *tensor, int64_t index) {
    switch (tensor->type) {
    case NNOPT_FLOAT:
        return LOAD(float);
    case NNOPT_DOUBLE:
        return LOAD(double);
    case NNOPT_FLOAT16:
        return nn_half_to_float(LOAD(uint16_t));
    case NNOPT_BFLOAT16:
        return nn_bfloat16_to_float(LOAD(uint16_t));
    case NNOPT_UINT64:
        return (double)LOAD(uint64_t);
    default:
        if (nn_type_is_integer(tensor->type) || tensor->type == NNOPT_BOOL)
            return (double)nn_tensor_get_int(tensor, index);
        if (nn_type_is_small_float(tensor->type))
            return nn_small_to_float(
                tensor->type, nn_packed_get(tensor->data, nn_type_bits(tensor->type), index));
        return NAN;
    }
}

#undef LOAD

static int64_t clamp_to_int(double value, int64_t low, int64_t high) {
    if (isnan(value)) return 0;
    if (value <= (double)low) return low;
    if (value >= (double)high) return high;
    return (int64_t)value;
}

void nn_tensor_set(nn_tensor *tensor, int64_t index, double value) {
    switch (tensor->type) {
    case NNOPT_FLOAT:
        ((float *)tensor->data)[index] = (float)value;
        break;
    case NNOPT_DOUBLE:
        ((double *)tensor->data)[index] = value;
        break;
    case NNOPT_FLOAT16:
        ((uint16_t *)tensor->data)[index] = nn_float_to_half(nn_double_to_float_odd(value));
        break;
    case NNOPT_BFLOAT16:
        ((uint16_t *)tensor->data)[index] = nn_float_to_bfloat16(nn_double_to_float_odd(value));
        break;
    case NNOPT_BOOL:
        ((uint8_t *)tensor->data)[index] = value != 0;
        break;
    case NNOPT_UINT8:
        ((uint8_t *)tensor->data)[index] = (uint8_t)clamp_to_int(value, 0, 255);
        break;
    case NNOPT_INT8:
        ((int8_t *)tensor->data)[index] = (int8_t)clamp_to_int(value, -128, 127);
        break;
    case NNOPT_UINT16:
        ((uint16_t *)tensor->data)[index] = (uint16_t)clamp_to_int(value, 0, UINT16_MAX);
        break;
    case NNOPT_INT16:
        ((int16_t *)tensor->data)[index] = (int16_t)clamp_to_int(value, INT16_MIN, INT16_MAX);
        break;
    case NNOPT_INT32:
        ((int32_t *)tensor->data)[index] = (int32_t)clamp_to_int(value, INT32_MIN, INT32_MAX);
        break;
    case NNOPT_UINT32:
        ((uint32_t *)tensor->data)[index] = (uint32_t)clamp_to_int(value, 0, UINT32_MAX);
        break;
    case NNOPT_INT64:
        ((int64_t *)tensor->data)[index] = clamp_to_int(value, INT64_MIN, INT64_MAX);
        break;
    case NNOPT_UINT64: {
        uint64_t stored = 0;
        if (value >= 0x1p64)
            stored = UINT64_MAX;
        else if (value > 0)
            stored = (uint64_t)value;
        ((uint64_t *)tensor->data)[index] = stored;
        break;
    }
    case NNOPT_UINT4:
        nn_packed_set(tensor->data, 4, index, (unsigned)clamp_to_int(value, 0, 15));
        break;
    case NNOPT_INT4:
        nn_packed_set(tensor->data, 4, index, (unsigned)clamp_to_int(value, -8, 7));
        break;
    case NNOPT_UINT2:
        nn_packed_set(tensor->data, 2, index, (unsigned)clamp_to_int(value, 0, 3));
        break;
    case NNOPT_INT2:
        nn_packed_set(tensor->data, 2, index, (unsigned)clamp_to_int(value, -2, 1));
        break;
    default:
        if (nn_type_is_small_float(tensor->type))
            nn_packed_set(tensor->data, nn_type_bits(tensor->type), index,
                          nn_float_to_small(tensor->type, nn_double_to_float_odd(value),
                                            (nn_float_rules){0}));
        break;
    }
}
