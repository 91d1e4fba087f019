/* Linear quantisation as ONNX defines it: real = (q - zero) scale; q = saturate(round(real / scale)
 * + zero), rounding half to even. Scalar definitions, which vector code is tested against, and what
 * the operators on quantised data share. */
#ifndef NN_QUANTIZATION_H
#define NN_QUANTIZATION_H

#include "base/integers.h"
#include "ops/op.h"

/* Lowest and highest value of the integer types of 2 to 16 bits; false for every other type. */
bool nn_quant_range(nn_type type, int32_t *lowest, int32_t *highest);

static inline bool nn_type_is_8bit(nn_type type) {
    return type == NNOPT_UINT8 || type == NNOPT_INT8;
}

/* Element `index` of data of an integer type of at most 32 bits; packed types lowest bits first. */
static inline int32_t nn_quant_load(const void *data, nn_type type, int64_t index) {
    const uint8_t *bytes = data;
    switch (type) {
    case NNOPT_UINT8:
        return bytes[index];
    case NNOPT_INT8:
        return ((const int8_t *)data)[index];
    case NNOPT_UINT16:
        return ((const uint16_t *)data)[index];
    case NNOPT_INT16:
        return ((const int16_t *)data)[index];
    case NNOPT_INT32:
        return ((const int32_t *)data)[index];
    case NNOPT_UINT4:
        return bytes[index / 2] >> (index % 2 * 4) & 15;
    case NNOPT_INT4:
        return ((bytes[index / 2] >> (index % 2 * 4) & 15) ^ 8) - 8;
    case NNOPT_UINT2:
        return bytes[index / 4] >> (index % 4 * 2) & 3;
    case NNOPT_INT2:
        return ((bytes[index / 4] >> (index % 4 * 2) & 3) ^ 2) - 2;
    default:
        return 0;
    }
}

static inline void nn_quant_store(void *data, nn_type type, int64_t index, int32_t value) {
    uint8_t *bytes = data;
    int shift;
    switch (type) {
    case NNOPT_UINT8:
    case NNOPT_INT8:
        bytes[index] = (uint8_t)value;
        break;
    case NNOPT_UINT16:
    case NNOPT_INT16:
        ((uint16_t *)data)[index] = (uint16_t)value;
        break;
    case NNOPT_INT32:
        ((int32_t *)data)[index] = value;
        break;
    case NNOPT_UINT4:
    case NNOPT_INT4:
        shift = (int)(index % 2) * 4;
        bytes[index / 2] = (uint8_t)((bytes[index / 2] & ~(15 << shift)) | (value & 15) << shift);
        break;
    case NNOPT_UINT2:
    case NNOPT_INT2:
        shift = (int)(index % 4) * 2;
        bytes[index / 4] = (uint8_t)((bytes[index / 4] & ~(3 << shift)) | (value & 3) << shift);
        break;
    default:
        break;
    }
}

/* Nearest integer, halves to even, of |x| < 2^22: the addition leaves no bit below the ones, and
 * the integer stands in the low bits of the sum. Compilers vectorise this, unlike lrintf. */
static inline int32_t nn_round_even(float x) {
    float sum = x + 0x1.8p23f;
    int32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return bits - 0x4B400000;
}

/* A result in units of the output scale as an output value of at most 16 bits. The clamp comes
 * before the rounding, which gives the same value; NaN becomes the lowest value. */
static inline int32_t nn_quant_round(float scaled, int32_t zero, int32_t lowest, int32_t highest) {
    float low = (float)(lowest - zero), high = (float)(highest - zero);
    float clamped = scaled > low ? scaled : low;
    clamped = clamped < high ? clamped : high;
    return nn_round_even(clamped) + zero;
}

/* Scale and zero point of a tensor that has one of each. */
typedef struct nn_quant {
    float scale;
    int32_t zero;
    int32_t lowest, highest; /* of the integer type */
} nn_quant;

/* Reads element 0 of the scale and of the zero point (NULL: 0); `type` is that of the data. */
nn_quant nn_quant_read(const nn_tensor *scale, const nn_tensor *zero, nn_type type);
/* Float element of any floating type but double; an int32 is converted. */
float nn_quant_load_float(const void *data, nn_type type, int64_t index);

/* How scales and zero points lie over data seen as [outer][size][inner]: one for all, one for each
 * index of an axis, or one for each block of `block` indices of it. */
typedef struct nn_quant_map {
    enum { NN_QUANT_PER_TENSOR, NN_QUANT_PER_AXIS, NN_QUANT_BLOCKED } grain;
    int64_t outer, size, inner, block;
} nn_quant_map;

/* `axis` as the attribute says it. The scale's shape decides the grain; block_size 0: not blocked.
 * Dims may be unknown; what is known is checked. `map` is complete when all are known. */
nn_status nn_quant_map_make(const nn_node_view *node, const int64_t *dims, int rank,
                            const int64_t *scale_dims, int scale_rank, int64_t axis,
                            int64_t block_size, nn_quant_map *map);

static inline int64_t nn_quant_map_index(const nn_quant_map *map, int64_t outer, int64_t index,
                                         int64_t inner) {
    if (map->grain == NN_QUANT_PER_TENSOR) return 0;
    if (map->grain == NN_QUANT_PER_AXIS) return index;
    int64_t blocks = nn_divide_up(map->size, map->block);
    return (outer * blocks + index / map->block) * map->inner + inner;
}

typedef struct nn_quantize_attrs {
    int64_t axis, block_size;
    nn_type output_type; /* NONE: that of the zero point, or uint8 */
    nn_type precision;   /* of the division; NONE: that of the scale */
    nn_float_rules rules;
} nn_quantize_attrs;

typedef struct nn_dequantize_attrs {
    int64_t axis, block_size;
    nn_type output_type; /* NONE: that of the scale */
} nn_dequantize_attrs;

/* An element of integers of at most 32 bits or of floating types but double. */
float nn_quant_value(const nn_tensor *tensor, int64_t index);
/* Scales or zero points (NULL: 0) of the data's elements [begin, begin + count). */
void nn_quant_spread(const nn_quant_map *map, const nn_tensor *parameters, int64_t begin,
                     int64_t count, float *out);
/* Elements [begin, begin + count) of the same types: at most NN_BLOCK, packed ones from a byte on.
 */
void nn_quant_load_floats(const nn_tensor *tensor, int64_t begin, int64_t count, float *out);

/* The shapes of (data, scale, zero point) of Quantize- and DequantizeLinear, as far as they are
 * known. */
nn_status nn_quant_check_shapes(const nn_node_view *node, int64_t axis, int64_t block_size);
/* The axes column of Quantize- and DequantizeLinear: (data, scale, zero point) to data. */
nn_status nn_quant_axes(const nn_node_view *node, int64_t axis, int64_t block_size,
                        nn_axis_relations *out);

/* ---- rules of the operators whose inputs come as (data, scale, zero point) ---- */

/* Input `index` must be of 8 bits, when its type is known. */
nn_status nn_quant_check_8bit(const nn_node_view *node, int index);
/* Zero point at `zero` (may be absent) has the type of input `data`, or is of 8 bits when data is
 * negative. Unknown facts pass, here and below. */
nn_status nn_quant_check_zero_type(const nn_node_view *node, int data, int zero);
/* And it has one element, or `per_axis` elements when that is known. */
nn_status nn_quant_check_zero(const nn_node_view *node, int data, int zero, int64_t per_axis);
/* Scale at `scale` (may be absent) is float32, with one element or `per_axis`, and its zero point
 * is as above. */
nn_status nn_quant_check_parameters(const nn_node_view *node, int data, int scale, int zero,
                                    int64_t per_axis);

#endif
