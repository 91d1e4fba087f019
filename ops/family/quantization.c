#include "ops/family/quantization.h"

#include "ops/family/axes.h"
#include "ops/family/types.h"

bool nn_quant_range(nn_type type, int32_t *lowest, int32_t *highest) {
    int bits = nn_type_bits(type);
    if (!nn_type_is_integer(type) || bits > 16) return false;
    bool is_signed = nn_type_is_signed(type);
    *lowest = is_signed ? -(1 << (bits - 1)) : 0;
    *highest = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    return true;
}

float nn_quant_load_float(const void *data, nn_type type, int64_t index) {
    switch (type) {
    case NNOPT_FLOAT:
        return ((const float *)data)[index];
    case NNOPT_FLOAT16:
        return nn_half_to_float(((const uint16_t *)data)[index]);
    case NNOPT_BFLOAT16:
        return nn_bfloat16_to_float(((const uint16_t *)data)[index]);
    case NNOPT_INT32:
        return (float)((const int32_t *)data)[index];
    default:
        return nn_small_to_float(type, nn_packed_get(data, nn_type_bits(type), index));
    }
}

float nn_quant_value(const nn_tensor *tensor, int64_t index) {
    bool is_integer = nn_type_is_integer(tensor->type) && tensor->type != NNOPT_INT32;
    return is_integer ? (float)nn_quant_load(tensor->data, tensor->type, index)
                      : nn_quant_load_float(tensor->data, tensor->type, index);
}

void nn_quant_spread(const nn_quant_map *map, const nn_tensor *parameters, int64_t begin,
                     int64_t count, float *out) {
    if (parameters == NULL || map->grain == NN_QUANT_PER_TENSOR) {
        float value = parameters ? nn_quant_value(parameters, 0) : 0;
        for (int64_t i = 0; i < count; i++) out[i] = value;
        return;
    }
    int64_t inner = begin % map->inner, row = begin / map->inner;
    int64_t index = row % map->size, outer = row / map->size;
    for (int64_t i = 0; i < count; i++) {
        out[i] = nn_quant_value(parameters, nn_quant_map_index(map, outer, index, inner));
        if (++inner < map->inner) continue;
        inner = 0;
        if (++index < map->size) continue;
        index = 0;
        outer++;
    }
}

void nn_quant_load_floats(const nn_tensor *tensor, int64_t begin, int64_t count, float *out) {
    const void *from = nn_at(tensor->data, tensor->type, begin);
    int64_t whole[NN_BLOCK];
    if (nn_type_is_float(tensor->type)) {
        nn_load_float(tensor->type, from, out, count);
        return;
    }
    nn_load_int(tensor->type, from, whole, count);
    for (int64_t i = 0; i < count; i++) out[i] = (float)whole[i];
}

nn_quant nn_quant_read(const nn_tensor *scale, const nn_tensor *zero, nn_type type) {
    nn_quant quant = {.scale = nn_quant_load_float(scale->data, scale->type, 0),
                      .zero = zero ? nn_quant_load(zero->data, zero->type, 0) : 0};
    nn_quant_range(type, &quant.lowest, &quant.highest);
    return quant;
}

static bool is_single(const int64_t *dims, int rank) {
    for (int i = 0; i < rank; i++)
        if (dims[i] != 1) return false;
    return true;
}

/* Two dims that are both known and differ. */
static bool dims_differ(int64_t a, int64_t b) {
    return nn_dim_is_known(a) && nn_dim_is_known(b) && a != b;
}

/* 0 when a dim is unknown or the product overflows. */
static int64_t product(const int64_t *dims, int rank) {
    int64_t count;
    return nn_dims_count(dims, rank, &count) ? count : 0;
}

static nn_status check_blocked(const nn_node_view *node, const int64_t *dims, int rank,
                               const int64_t *scale_dims, int scale_rank, int64_t axis,
                               int64_t block_size) {
    if (scale_rank != rank)
        return nn_view_fail(node, NN_BAD_INPUT, "blocked scales need rank %d, got %d", rank,
                            scale_rank);
    for (int i = 0; i < rank; i++) {
        int64_t expected = dims[i];
        if (i == axis && nn_dim_is_known(expected))
            expected = expected / block_size + (expected % block_size != 0);
        if (dims_differ(expected, scale_dims[i]))
            return nn_view_fail(node, NN_BAD_INPUT,
                                "scale axis %d must have %lld elements, got %lld", i,
                                (long long)expected, (long long)scale_dims[i]);
    }
    return NN_OK;
}

nn_status nn_quant_map_make(const nn_node_view *node, const int64_t *dims, int rank,
                            const int64_t *scale_dims, int scale_rank, int64_t axis,
                            int64_t block_size, nn_quant_map *map) {
    *map = (nn_quant_map){.grain = NN_QUANT_PER_TENSOR, .outer = 1, .size = 1, .inner = 1};
    if (block_size < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "block_size must not be negative, got %lld",
                            (long long)block_size);
    if (is_single(scale_dims, scale_rank)) {
        map->inner = product(dims, rank);
        return NN_OK;
    }
    if (rank == 1 && block_size == 0) axis = 0;
    if (axis < -rank || axis >= rank)
        return nn_view_fail(node, NN_BAD_INPUT, "axis must be in [%d, %d], got %lld", -rank,
                            rank - 1, (long long)axis);
    if (axis < 0) axis += rank;
    if (block_size > 0) {
        NN_TRY(check_blocked(node, dims, rank, scale_dims, scale_rank, axis, block_size));
        map->grain = NN_QUANT_BLOCKED;
    } else {
        if (scale_rank != 1)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "scale must be a scalar or a vector, got rank %d", scale_rank);
        if (dims_differ(scale_dims[0], dims[axis]))
            return nn_view_fail(node, NN_BAD_INPUT,
                                "scale has %lld elements, axis %lld of the input %lld",
                                (long long)scale_dims[0], (long long)axis, (long long)dims[axis]);
        map->grain = NN_QUANT_PER_AXIS;
    }
    map->block = block_size;
    map->outer = product(dims, (int)axis);
    map->size = dims[axis];
    map->inner = product(dims + axis + 1, rank - (int)axis - 1);
    return NN_OK;
}

nn_status nn_quant_check_shapes(const nn_node_view *node, int64_t axis, int64_t block_size) {
    const nn_fact *x = node->in[0], *scale = node->in[1], *zero = nn_view_in(node, 2);
    if (x->rank >= 0 && scale->rank >= 0) {
        nn_quant_map map;
        NN_TRY(nn_quant_map_make(node, x->dims, x->rank, scale->dims, scale->rank, axis, block_size,
                                 &map));
        if (node->opset < 13 && map.grain != NN_QUANT_PER_TENSOR)
            return nn_view_fail(node, NN_BAD_INPUT, "scale must be a scalar before opset 13");
    }
    if (zero && nn_fact_count(zero) >= 0 && nn_fact_count(scale) >= 0 &&
        nn_fact_count(zero) != nn_fact_count(scale))
        return nn_view_fail(node, NN_BAD_INPUT, "scale has %lld elements, zero point %lld",
                            (long long)nn_fact_count(scale), (long long)nn_fact_count(zero));
    return NN_OK;
}

nn_status nn_quant_axes(const nn_node_view *node, int64_t axis, int64_t block_size,
                        nn_axis_relations *out) {
    int rank = node->in[0]->rank;
    if (rank == 1 && block_size == 0) axis = 0;
    if (axis < 0) axis += rank;
    NN_TRY(nn_axes_of_unary(node, out));
    for (int input = 1; input <= 2; input++) {
        const nn_fact *fact = nn_view_in(node, input);
        if (fact == NULL || fact->rank < 1 || nn_fact_count(fact) == 1) continue;
        if (block_size == 0) {
            NN_TRY(nn_axes_same(node, out, nn_in_axis(input, 0), nn_out_axis(0, (int)axis)));
            continue;
        }
        for (int i = 0; i < rank; i++) {
            nn_axis_end from = nn_in_axis(input, i), to = nn_out_axis(0, i);
            NN_TRY(i == axis ? nn_axes_mixed(node, out, from, to)
                             : nn_axes_same(node, out, from, to));
        }
    }
    return NN_OK;
}

nn_status nn_quant_check_8bit(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    if (fact && fact->type != NNOPT_TYPE_NONE && !nn_type_is_8bit(fact->type))
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must be int8 or uint8, got %s", index,
                            nnopt_type_name(fact->type));
    return NN_OK;
}

static nn_status check_elements(const nn_node_view *node, int index, int64_t per_axis) {
    const nn_fact *fact = nn_view_in(node, index);
    int64_t count = fact ? nn_fact_count(fact) : -1;
    if (count < 0 || count == 1 || (nn_dim_is_known(per_axis) && count == per_axis)) return NN_OK;
    if (nn_dim_is_known(per_axis))
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must have 1 or %lld elements, got %lld",
                            index, (long long)per_axis, (long long)count);
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have 1 element, got %lld", index,
                        (long long)count);
}

nn_status nn_quant_check_zero_type(const nn_node_view *node, int data, int zero) {
    const nn_fact *fact = nn_view_in(node, zero);
    if (fact == NULL) return NN_OK;
    NN_TRY(nn_quant_check_8bit(node, zero));
    const nn_fact *data_fact = data >= 0 ? nn_view_in(node, data) : NULL;
    if (data_fact && data_fact->type != NNOPT_TYPE_NONE && fact->type != NNOPT_TYPE_NONE &&
        data_fact->type != fact->type)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d is %s, its zero point (input %d) %s",
                            data, nnopt_type_name(data_fact->type), zero,
                            nnopt_type_name(fact->type));
    return NN_OK;
}

nn_status nn_quant_check_zero(const nn_node_view *node, int data, int zero, int64_t per_axis) {
    NN_TRY(nn_quant_check_zero_type(node, data, zero));
    return check_elements(node, zero, per_axis);
}

nn_status nn_quant_check_parameters(const nn_node_view *node, int data, int scale, int zero,
                                    int64_t per_axis) {
    const nn_fact *fact = nn_view_in(node, scale);
    if (fact && fact->type != NNOPT_TYPE_NONE && fact->type != NNOPT_FLOAT)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must be float32, got %s", scale,
                            nnopt_type_name(fact->type));
    NN_TRY(check_elements(node, scale, per_axis));
    return nn_quant_check_zero(node, data, zero, per_axis);
}
