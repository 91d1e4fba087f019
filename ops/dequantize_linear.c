#include "base/integers.h"
#include "ops/cpu/int8/int8_loops.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

enum { X, SCALE, ZERO };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_dequantize_attrs *a = out;
    int64_t type = 0;
    NN_TRY(nn_attrs_int(attrs, "axis", 1, &a->axis));
    if (node->opset >= 21) NN_TRY(nn_attrs_int(attrs, "block_size", 0, &a->block_size));
    if (node->opset >= 23) NN_TRY(nn_attrs_int(attrs, "output_dtype", 0, &type));
    if (type != 0 && type != NNOPT_FLOAT && type != NNOPT_FLOAT16 && type != NNOPT_BFLOAT16)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "output_dtype must be float32, float16 or bfloat16, got type %lld",
                            (long long)type);
    a->output_type = (nn_type)type;
    return NN_OK;
}

enum {
    SCALE_TYPES = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF | NN_TYPE_BIT(NNOPT_FLOAT8E8M0),
    INPUT_TYPES = NN_TYPE_BIT(NNOPT_INT8) | NN_TYPE_BIT(NNOPT_UINT8) | NN_TYPE_BIT(NNOPT_INT16) |
                  NN_TYPE_BIT(NNOPT_UINT16) | NN_TYPE_BIT(NNOPT_INT32) | NN_TYPES_PACKED |
                  NN_TYPES_FLOAT8
};

static bool is_float(nn_type type) {
    return type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static nn_status infer(const nn_node_view *node) {
    const nn_dequantize_attrs *a = node->attrs;
    NN_TRY(nn_check_types(node, X, X, INPUT_TYPES));
    NN_TRY(nn_check_types(node, SCALE, SCALE, SCALE_TYPES));
    const nn_fact *x = node->in[X], *scale = node->in[SCALE], *zero = nn_view_in(node, ZERO);
    if (zero && zero->type != NNOPT_TYPE_NONE && x->type != NNOPT_TYPE_NONE &&
        zero->type != x->type)
        return nn_view_fail(node, NN_BAD_INPUT, "input is %s, its zero point %s",
                            nnopt_type_name(x->type), nnopt_type_name(zero->type));
    NN_TRY(nn_quant_check_shapes(node, a->axis, a->block_size));
    nn_type type = a->output_type != NNOPT_TYPE_NONE ? a->output_type : scale->type;
    if (type != NNOPT_TYPE_NONE && !is_float(type))
        return nn_view_fail(node, NN_BAD_INPUT, "output_dtype is missing, and the scale is %s",
                            nnopt_type_name(type));
    *node->out[0] = nn_fact_make(type, x->rank, x->dims);
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_dequantize_attrs *a = node->attrs;
    return nn_quant_axes(node, a->axis, a->block_size, out);
}

/* ---- reference --------------------------------------------------------------------------------
 */

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[X]->type, INPUT_TYPES) &&
           nn_type_in(node->in[SCALE]->type, SCALE_TYPES) && is_float(node->out[0]->type);
}

typedef struct block_work {
    const nn_call *call;
    nn_quant_map map;
} block_work;

static void dequantize_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const block_work *work = argument;
    const nn_call *call = work->call;
    nn_tensor *y = call->out[0];
    int64_t count = nn_tensor_count(y);
    float values[NN_BLOCK], units[NN_BLOCK], zeros[NN_BLOCK];
    (void)worker;
    for (int64_t at = begin * NN_BLOCK; at < count && at < end * NN_BLOCK; at += NN_BLOCK) {
        int64_t run = count - at < NN_BLOCK ? count - at : NN_BLOCK;
        nn_quant_load_floats(call->in[X], at, run, values);
        nn_quant_spread(&work->map, call->in[SCALE], at, run, units);
        nn_quant_spread(&work->map, nn_call_in(call, ZERO), at, run, zeros);
        for (int64_t i = 0; i < run; i++) values[i] = (values[i] - zeros[i]) * units[i];
        nn_store_float(y->type, values, nn_at_out(y->data, y->type, at), run);
    }
}

static nn_status run_reference(const nn_call *call) {
    const nn_dequantize_attrs *a = call->node->attrs;
    const nn_tensor *x = call->in[X], *scale = call->in[SCALE];
    block_work work = {.call = call};
    NN_TRY(nn_quant_map_make(call->node, x->dims, x->rank, scale->dims, scale->rank, a->axis,
                             a->block_size, &work.map));
    nn_parallel(call->pool, nn_divide_up(nn_tensor_count(x), NN_BLOCK), NN_GRAIN / NN_BLOCK,
                dequantize_blocks, &work);
    return NN_OK;
}

static const nn_kernel reference = {.name = "dequantize_linear_reference",
                                    .exactness = NN_EXACT,
                                    .accepts = accepts,
                                    .run = run_reference};

/* ---- 8 bits to float32 ---------------------------------------------------------------------- */

static bool is_bytes_to_float(const nn_node_view *node) {
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_is_8bit(node->in[X]->type) &&
           node->in[SCALE]->type == NNOPT_FLOAT && node->out[0]->type == NNOPT_FLOAT;
}

static bool accepts_bytes(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return is_bytes_to_float(node) && nn_fact_count(node->in[SCALE]) == 1;
}

typedef struct dequantize_work {
    const nn_int8_loops *loops;
    const nn_tensor *x, *scale, *zero;
    float *y;
    nn_quant_map map;
} dequantize_work;

static nn_bytes_quant quant_at(const dequantize_work *work, int64_t index) {
    nn_quant quant = {.scale = ((const float *)work->scale->data)[index]};
    nn_quant_range(work->x->type, &quant.lowest, &quant.highest);
    if (work->zero) quant.zero = nn_quant_load(work->zero->data, work->x->type, index);
    return nn_bytes_quant_of(&quant);
}

static void dequantize_range(void *argument, int64_t begin, int64_t end, int worker) {
    const dequantize_work *work = argument;
    (void)worker;
    work->loops->dequantize((const uint8_t *)work->x->data + begin, work->y + begin, end - begin,
                            quant_at(work, 0));
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    dequantize_work work = {.loops = loops,
                            .x = call->in[X],
                            .scale = call->in[SCALE],
                            .zero = nn_call_in(call, ZERO),
                            .y = call->out[0]->data};
    nn_parallel(call->pool, nn_tensor_count(work.x), NN_GRAIN, dequantize_range, &work);
    return NN_OK;
}

NN_INT8_KERNELS("dequantize_linear", .layout = NN_LAYOUT_ANY, .layout_inputs = 1,
                .accepts = accepts_bytes)

/* One scale for each index of an axis: rows of what lies behind it. */
static bool accepts_rows(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return is_bytes_to_float(node);
}

static void dequantize_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const dequantize_work *work = argument;
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        int64_t at = row * work->map.inner;
        work->loops->dequantize((const uint8_t *)work->x->data + at, work->y + at, work->map.inner,
                                quant_at(work, row % work->map.size));
    }
}

static nn_status run_rows(const nn_call *call) {
    const nn_dequantize_attrs *a = call->node->attrs;
    dequantize_work work = {.loops = &nn_int8_loops_portable,
                            .x = call->in[X],
                            .scale = call->in[SCALE],
                            .zero = nn_call_in(call, ZERO),
                            .y = call->out[0]->data};
    NN_TRY(nn_quant_map_make(call->node, work.x->dims, work.x->rank, work.scale->dims,
                             work.scale->rank, a->axis, a->block_size, &work.map));
    if (work.map.grain != NN_QUANT_PER_AXIS) return run_reference(call);
    int64_t rows = work.map.outer * work.map.size;
    nn_parallel(call->pool, rows, NN_GRAIN / (work.map.inner + 1) + 1, dequantize_rows, &work);
    return NN_OK;
}

static const nn_kernel kernel_rows = {.name = "dequantize_linear_rows",
                                      .exactness = NN_EXACT,
                                      .accepts = accepts_rows,
                                      .run = run_rows};

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, &kernel_rows, &reference, NULL};

const nn_op nn_op_dequantize_linear = {
    .name = "DequantizeLinear",
    .domain = "",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_dequantize_attrs),
    .parse = parse,
    .infer = infer,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
