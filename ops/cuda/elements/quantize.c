/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear. */
#include "ops/cuda/elements/small_launch.h"

#include "ops/cuda/runtime/queue.h"
#include "ops/family/quantization.h"
#include "ops/family/types.h"

enum {
    X,
    SCALE,
    ZERO,
    FLOATS = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF,
    BYTES = NN_TYPE_BIT(NNOPT_UINT8) | NN_TYPE_BIT(NNOPT_INT8) | NN_TYPE_BIT(NNOPT_UINT16) |
            NN_TYPE_BIT(NNOPT_INT16),
    SMALL = NN_TYPES_PACKED | NN_TYPES_FLOAT8,
    SCALES = FLOATS | NN_TYPE_BIT(NNOPT_FLOAT8E8M0),
};

static nn_status make_scales(const nn_call *call, int64_t axis, int64_t block_size,
                             nn_cuda_scales *out) {
    const nn_tensor *x = call->in[X], *scale = call->in[SCALE], *zero = nn_call_in(call, ZERO);
    const int64_t count = nn_tensor_count(x);
    nn_quant_map map;
    *out = (nn_cuda_scales){
        .type = scale->type, .scales = scale->data, .zeros = zero != NULL ? zero->data : NULL};
    if (nn_tensor_count(scale) == 1) return NN_OK; /* in any layout */
    NN_TRY(nn_quant_map_make(call->node, x->dims, x->rank, scale->dims, scale->rank, axis,
                             block_size, &map));
    if (map.grain == NN_QUANT_PER_TENSOR) return NN_OK;
    out->grain = map.grain == NN_QUANT_PER_AXIS ? NN_CUDA_PER_AXIS : NN_CUDA_BLOCKED;
    out->size = nn_cuda_extent_make(map.size, count);
    out->inner = nn_cuda_extent_make(map.inner, count);
    if (map.grain != NN_QUANT_BLOCKED) return NN_OK;
    out->block = nn_cuda_extent_make(map.block, count);
    out->blocks = (map.size + map.block - 1) / map.block;
    return NN_OK;
}

/* One scale: elements in any order. */
static bool has_one_scale(const nn_node_view *node) {
    const nn_fact *scale = node->in[SCALE], *zero = nn_view_in(node, ZERO);
    return nn_fact_count(scale) == 1 && (zero == NULL || nn_fact_count(zero) == 1);
}

static bool accepts_quantize(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[X]->type, FLOATS | NN_TYPE_BIT(NNOPT_INT32)) &&
           nn_type_in(node->in[SCALE]->type, SCALES) &&
           nn_type_in(node->out[0]->type, BYTES | SMALL);
}

/* Elements or scales of at most 8 bits that are no integers of 8. */
static bool is_small(nn_type type, const nn_tensor *scale) {
    return nn_type_in(type, SMALL) || scale->type == NNOPT_FLOAT8E8M0;
}

static nn_status run_quantize(const nn_call *call) {
    const nn_quantize_attrs *attrs = call->node->attrs;
    nn_cuda_quantize arguments = {
        .from = call->in[X]->type,
        .to = call->out[0]->type,
        .precision = attrs->precision != NNOPT_TYPE_NONE ? attrs->precision : call->in[SCALE]->type,
        .x = call->in[X]->data,
        .y = call->out[0]->data,
        .count = nn_tensor_count(call->in[X])};
    NN_TRY(make_scales(call, attrs->axis, attrs->block_size, &arguments.map));
    if (is_small(arguments.to, call->in[SCALE])) {
        const nn_cuda_small_quantize small = {arguments, attrs->rules.overflow};
        return nn_cuda_launched(call, nn_cuda_launch_small_quantize(&small, call->queue->stream));
    }
    return nn_cuda_launched(call, nn_cuda_launch_quantize(&arguments, call->queue->stream));
}

static bool accepts_dequantize(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[X]->type, BYTES | SMALL | NN_TYPE_BIT(NNOPT_INT32)) &&
           nn_type_in(node->in[SCALE]->type, SCALES) && nn_type_in(node->out[0]->type, FLOATS);
}

static nn_status run_dequantize(const nn_call *call) {
    const nn_dequantize_attrs *attrs = call->node->attrs;
    nn_cuda_dequantize arguments = {.from = call->in[X]->type,
                                    .to = call->out[0]->type,
                                    .x = call->in[X]->data,
                                    .y = call->out[0]->data,
                                    .count = nn_tensor_count(call->in[X])};
    NN_TRY(make_scales(call, attrs->axis, attrs->block_size, &arguments.map));
    if (is_small(arguments.from, call->in[SCALE]))
        return nn_cuda_launched(call,
                                nn_cuda_launch_small_dequantize(&arguments, call->queue->stream));
    return nn_cuda_launched(call, nn_cuda_launch_dequantize(&arguments, call->queue->stream));
}

static bool accepts_quantize_any(const nn_node_view *node, const nn_target *target) {
    return has_one_scale(node) && accepts_quantize(node, target);
}

static bool accepts_dequantize_any(const nn_node_view *node, const nn_target *target) {
    return has_one_scale(node) && accepts_dequantize(node, target);
}

static bool accepts_dynamic(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && node->out[0] != NULL && node->out[1] != NULL &&
           node->out[2] != NULL;
}

static nn_status prepare_dynamic(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *prepared) {
    (void)node;
    (void)target;
    nn_prepare_workspace(prepared, 2 * sizeof(uint32_t));
    return NN_OK;
}

static nn_status run_dynamic(const nn_call *call) {
    for (int i = 0; i < 3; i++)
        if (nn_call_out(call, i) == NULL)
            return nn_view_fail(call->node, NN_INTERNAL, "output %d is missing", i);
    const nn_cuda_dynamic_quantize arguments = {.x = call->in[0]->data,
                                                .y = call->out[0]->data,
                                                .scale = call->out[1]->data,
                                                .zero = call->out[2]->data,
                                                .ends = call->workspace,
                                                .count = nn_tensor_count(call->in[0])};
    return nn_cuda_launched(call, nn_cuda_launch_dynamic_quantize(&arguments, call->queue->stream));
}

static const nn_kernel quantize_linear_any_cuda = {.name = "quantize_linear_any_cuda",
                                                   .on_device = true,
                                                   .exactness = NN_EXACT,
                                                   .layout = NN_LAYOUT_ANY,
                                                   .layout_inputs = 1u << X,
                                                   .accepts = accepts_quantize_any,
                                                   .run = run_quantize};
static const nn_kernel quantize_linear_cuda = {.name = "quantize_linear_cuda",
                                               .on_device = true,
                                               .exactness = NN_EXACT,
                                               .accepts = accepts_quantize,
                                               .run = run_quantize};
static const nn_kernel dequantize_linear_any_cuda = {.name = "dequantize_linear_any_cuda",
                                                     .on_device = true,
                                                     .exactness = NN_EXACT,
                                                     .layout = NN_LAYOUT_ANY,
                                                     .layout_inputs = 1u << X,
                                                     .accepts = accepts_dequantize_any,
                                                     .run = run_dequantize};
static const nn_kernel dequantize_linear_cuda = {.name = "dequantize_linear_cuda",
                                                 .on_device = true,
                                                 .exactness = NN_EXACT,
                                                 .accepts = accepts_dequantize,
                                                 .run = run_dequantize};
static const nn_kernel dynamic_quantize_linear_cuda = {.name = "dynamic_quantize_linear_cuda",
                                                       .on_device = true,
                                                       .exactness = NN_EXACT,
                                                       .accepts = accepts_dynamic,
                                                       .prepare = prepare_dynamic,
                                                       .run = run_dynamic};

const nn_kernel *const nn_cuda_quantize_linear_kernels[] = {&quantize_linear_any_cuda,
                                                            &quantize_linear_cuda, NULL};
const nn_kernel *const nn_cuda_dequantize_linear_kernels[] = {&dequantize_linear_any_cuda,
                                                              &dequantize_linear_cuda, NULL};
const nn_kernel *const nn_cuda_dynamic_quantize_linear_kernels[] = {&dynamic_quantize_linear_cuda,
                                                                    NULL};
