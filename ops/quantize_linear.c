#include "ops/cpu/int8_loops.h"
#include "ops/family/loops.h"

enum { X, SCALE, ZERO };

typedef struct quantize_attrs {
    int64_t axis, block_size;
    nn_type output_type; /* NONE: that of the zero point, or uint8 */
    nn_type precision;   /* of the division; NONE: that of the scale */
} quantize_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    quantize_attrs *a = out;
    int64_t type = 0, precision = 0;
    NN_TRY(nn_attrs_int(attrs, "axis", 1, &a->axis));
    if (node->opset >= 21) {
        NN_TRY(nn_attrs_int(attrs, "block_size", 0, &a->block_size));
        NN_TRY(nn_attrs_int(attrs, "output_dtype", 0, &type));
    }
    if (node->opset >= 23) NN_TRY(nn_attrs_int(attrs, "precision", 0, &precision));
    if (precision != 0 && precision != NNOPT_FLOAT && precision != NNOPT_FLOAT16 &&
        precision != NNOPT_BFLOAT16)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "precision must be float32, float16 or bfloat16, got type %lld",
                            (long long)precision);
    a->output_type = (nn_type)type;
    a->precision = (nn_type)precision;
    return NN_OK;
}

/* Integers of at most 16 bits, and floating types of at most 8 with a sign. */
static bool is_quantized_type(nn_type type) {
    if (nn_type_is_integer(type)) return nn_type_bits(type) <= 16;
    return nn_type_is_float(type) && nn_type_bits(type) <= 8 && type != NNOPT_FLOAT8E8M0;
}

static nn_type output_type(const nn_node_view *node) {
    const quantize_attrs *a = node->attrs;
    const nn_fact *zero = nn_view_in(node, ZERO);
    if (zero) return zero->type;
    return a->output_type != NNOPT_TYPE_NONE ? a->output_type : NNOPT_UINT8;
}

static nn_status infer(const nn_node_view *node) {
    const quantize_attrs *a = node->attrs;
    const nn_fact *x = node->in[X], *scale = node->in[SCALE], *zero = nn_view_in(node, ZERO);
    nn_type type = output_type(node);
    if (type != NNOPT_TYPE_NONE && !is_quantized_type(type))
        return nn_view_fail(node, NN_BAD_INPUT, "cannot quantize to %s", nnopt_type_name(type));
    if (zero && zero->type != NNOPT_TYPE_NONE && a->output_type != NNOPT_TYPE_NONE &&
        a->output_type != zero->type)
        return nn_view_fail(node, NN_BAD_INPUT, "output_dtype is %s, the zero point %s",
                            nnopt_type_name(a->output_type), nnopt_type_name(zero->type));
    if (x->rank >= 0 && scale->rank >= 0) {
        nn_quant_map map;
        NN_TRY(nn_quant_map_make(node, x->dims, x->rank, scale->dims, scale->rank, a->axis,
                                 a->block_size, &map));
        if (node->opset < 13 && map.grain != NN_QUANT_PER_TENSOR)
            return nn_view_fail(node, NN_BAD_INPUT, "scale must be a scalar before opset 13");
    }
    if (zero && nn_fact_count(zero) >= 0 && nn_fact_count(scale) >= 0 &&
        nn_fact_count(zero) != nn_fact_count(scale))
        return nn_view_fail(node, NN_BAD_INPUT, "scale has %lld elements, zero point %lld",
                            (long long)nn_fact_count(scale), (long long)nn_fact_count(zero));
    *node->out[0] = nn_fact_make(type, x->rank, x->dims);
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const quantize_attrs *a = node->attrs;
    return nn_quant_axes(node, a->axis, a->block_size, out);
}

/* ---- float32 to 8 bits, one scale ---------------------------------------------------------- */

static bool accepts_bytes(const nn_node_view *node, const nn_target *target) {
    const quantize_attrs *a = node->attrs;
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && node->in[X]->type == NNOPT_FLOAT &&
           node->in[SCALE]->type == NNOPT_FLOAT && nn_fact_count(node->in[SCALE]) == 1 &&
           nn_type_is_8bit(node->out[0]->type) &&
           (a->precision == NNOPT_TYPE_NONE || a->precision == NNOPT_FLOAT);
}

typedef struct quantize_work {
    const nn_int8_loops *loops;
    const float *x;
    uint8_t *y;
    nn_bytes_quant quant;
} quantize_work;

static void quantize_range(void *argument, int64_t begin, int64_t end, int worker) {
    const quantize_work *work = argument;
    (void)worker;
    work->loops->quantize(work->x + begin, work->y + begin, end - begin, work->quant);
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    const nn_tensor *x = call->in[X];
    nn_tensor *y = call->out[0];
    nn_quant quant = nn_quant_read(call->in[SCALE], nn_call_in(call, ZERO), y->type);
    quantize_work work = {loops, x->data, y->data, nn_bytes_quant_of(&quant)};
    nn_parallel(call->pool, nn_tensor_count(x), NN_GRAIN, quantize_range, &work);
    return NN_OK;
}

NN_INT8_KERNELS("quantize_linear", .layout = NN_LAYOUT_ANY, .layout_inputs = 1,
                .accepts = accepts_bytes)

/* ---- reference --------------------------------------------------------------------------------
 */

static float round_to(float value, nn_type precision) {
    if (precision == NNOPT_FLOAT16) return nn_half_to_float(nn_float_to_half(value));
    if (precision == NNOPT_BFLOAT16) return nn_bfloat16_to_float(nn_float_to_bfloat16(value));
    return value;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    int32_t lowest, highest;
    nn_type x = node->in[X]->type, scale = node->in[SCALE]->type;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_quant_range(node->out[0]->type, &lowest, &highest) &&
           (x == NNOPT_FLOAT || x == NNOPT_FLOAT16 || x == NNOPT_BFLOAT16 || x == NNOPT_INT32) &&
           (scale == NNOPT_FLOAT || scale == NNOPT_FLOAT16 || scale == NNOPT_BFLOAT16 ||
            scale == NNOPT_INT32);
}

static nn_status run(const nn_call *call) {
    const quantize_attrs *a = call->node->attrs;
    const nn_tensor *x = call->in[X], *scale = call->in[SCALE];
    const nn_tensor *zero = call->in_count > ZERO ? call->in[ZERO] : NULL;
    nn_tensor *y = call->out[0];
    nn_quant_map map;
    NN_TRY(nn_quant_map_make(call->node, x->dims, x->rank, scale->dims, scale->rank, a->axis,
                             a->block_size, &map));
    nn_type precision = a->precision != NNOPT_TYPE_NONE ? a->precision : scale->type;
    int32_t lowest, highest;
    nn_quant_range(y->type, &lowest, &highest);
    int64_t position = 0;
    for (int64_t o = 0; o < map.outer; o++)
        for (int64_t s = 0; s < map.size; s++)
            for (int64_t i = 0; i < map.inner; i++, position++) {
                int64_t at = nn_quant_map_index(&map, o, s, i);
                float value = round_to(nn_quant_load_float(x->data, x->type, position), precision);
                float unit = round_to(nn_quant_load_float(scale->data, scale->type, at), precision);
                int32_t offset = zero ? nn_quant_load(zero->data, zero->type, at) : 0;
                nn_quant_store(
                    y->data, y->type, position,
                    nn_quant_round(round_to(value / unit, precision), offset, lowest, highest));
            }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "quantize_linear_reference", .exactness = NN_EXACT, .accepts = accepts, .run = run};

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, &reference, NULL};

const nn_op nn_op_quantize_linear = {
    .name = "QuantizeLinear",
    .domain = "",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(quantize_attrs),
    .parse = parse,
    .infer = infer,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
