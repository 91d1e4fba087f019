#include "base/integers.h"
#include "ops/cpu/int8/int8_loops.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

enum { X, SCALE, ZERO };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_quantize_attrs *a = out;
    int64_t type = 0, precision = 0, saturate = 1;
    NN_TRY(nn_attrs_int(attrs, "axis", 1, &a->axis));
    if (node->opset >= 19) NN_TRY(nn_attrs_int(attrs, "saturate", 1, &saturate));
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
    if (type < 0 || type >= NN_TYPE_COUNT)
        return nn_view_fail(node, NN_BAD_INPUT, "output_dtype is %lld, which is no type",
                            (long long)type);
    a->rules.overflow = saturate == 0;
    a->output_type = (nn_type)type;
    a->precision = (nn_type)precision;
    return NN_OK;
}

enum {
    INPUT_TYPES = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF | NN_TYPE_BIT(NNOPT_INT32),
    SCALE_TYPES = INPUT_TYPES | NN_TYPE_BIT(NNOPT_FLOAT8E8M0)
};

/* Integers of at most 16 bits, and floating types of at most 8 with a sign. */
static bool is_quantized_type(nn_type type) {
    if (nn_type_is_integer(type)) return nn_type_bits(type) <= 16;
    return nn_type_is_float(type) && nn_type_bits(type) <= 8 && type != NNOPT_FLOAT8E8M0;
}

static nn_type output_type(const nn_node_view *node) {
    const nn_quantize_attrs *a = node->attrs;
    const nn_fact *zero = nn_view_in(node, ZERO);
    if (zero) return zero->type;
    return a->output_type != NNOPT_TYPE_NONE ? a->output_type : NNOPT_UINT8;
}

static nn_status infer(const nn_node_view *node) {
    const nn_quantize_attrs *a = node->attrs;
    const nn_fact *x = node->in[X], *zero = nn_view_in(node, ZERO);
    nn_type type = output_type(node);
    NN_TRY(nn_check_types(node, X, X, INPUT_TYPES));
    NN_TRY(nn_check_types(node, SCALE, SCALE, SCALE_TYPES));
    if (type != NNOPT_TYPE_NONE && !is_quantized_type(type))
        return nn_view_fail(node, NN_BAD_INPUT, "cannot quantize to %s", nnopt_type_name(type));
    if (zero && zero->type != NNOPT_TYPE_NONE && a->output_type != NNOPT_TYPE_NONE &&
        a->output_type != zero->type)
        return nn_view_fail(node, NN_BAD_INPUT, "output_dtype is %s, the zero point %s",
                            nnopt_type_name(a->output_type), nnopt_type_name(zero->type));
    NN_TRY(nn_quant_check_shapes(node, a->axis, a->block_size));
    *node->out[0] = nn_fact_make(type, x->rank, x->dims);
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_quantize_attrs *a = node->attrs;
    return nn_quant_axes(node, a->axis, a->block_size, out);
}

/* ---- float32 to 8 bits, one scale ---------------------------------------------------------- */

static bool accepts_bytes(const nn_node_view *node, const nn_target *target) {
    const nn_quantize_attrs *a = node->attrs;
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
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[X]->type, INPUT_TYPES) &&
           nn_type_in(node->in[SCALE]->type, SCALE_TYPES) && is_quantized_type(node->out[0]->type);
}

typedef struct block_work {
    const nn_call *call;
    nn_quant_map map;
    nn_type precision;
} block_work;

/* Elements [begin, begin + count) in units of their scales, in the precision of the division. */
static void divide(const block_work *work, int64_t begin, int64_t count, float *out) {
    float units[NN_BLOCK];
    nn_quant_load_floats(work->call->in[X], begin, count, out);
    nn_quant_spread(&work->map, work->call->in[SCALE], begin, count, units);
    for (int64_t i = 0; i < count; i++)
        out[i] = round_to(round_to(out[i], work->precision) / round_to(units[i], work->precision),
                          work->precision);
}

static void quantize_block(const block_work *work, int64_t begin, int64_t count) {
    const nn_quantize_attrs *a = work->call->node->attrs;
    nn_tensor *y = work->call->out[0];
    void *out = nn_at_out(y->data, y->type, begin);
    float values[NN_BLOCK], zeros[NN_BLOCK];
    int64_t whole[NN_BLOCK];
    int32_t lowest, highest;
    divide(work, begin, count, values);
    nn_quant_spread(&work->map, nn_call_in(work->call, ZERO), begin, count, zeros);
    if (nn_quant_range(y->type, &lowest, &highest)) {
        for (int64_t i = 0; i < count; i++)
            whole[i] = nn_quant_round(values[i], (int32_t)zeros[i], lowest, highest);
        nn_store_int(y->type, whole, out, count);
    } else {
        for (int64_t i = 0; i < count; i++) values[i] += zeros[i];
        nn_store_small(y->type, values, out, count, a->rules);
    }
}

static void quantize_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const block_work *work = argument;
    int64_t count = nn_tensor_count(work->call->in[X]);
    (void)worker;
    for (int64_t i = begin * NN_BLOCK; i < count && i < end * NN_BLOCK; i += NN_BLOCK)
        quantize_block(work, i, count - i < NN_BLOCK ? count - i : NN_BLOCK);
}

static nn_status run(const nn_call *call) {
    const nn_quantize_attrs *a = call->node->attrs;
    const nn_tensor *x = call->in[X], *scale = call->in[SCALE];
    block_work work = {.call = call, .precision = a->precision};
    if (work.precision == NNOPT_TYPE_NONE) work.precision = scale->type;
    NN_TRY(nn_quant_map_make(call->node, x->dims, x->rank, scale->dims, scale->rank, a->axis,
                             a->block_size, &work.map));
    nn_parallel(call->pool, nn_divide_up(nn_tensor_count(x), NN_BLOCK), NN_GRAIN / NN_BLOCK,
                quantize_blocks, &work);
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
    .attr_size = sizeof(nn_quantize_attrs),
    .parse = parse,
    .infer = infer,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
