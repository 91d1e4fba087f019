/* Products of bytes that no faster kernel takes. */
#include "ops/cuda/int8/byte_general_launch.h"

#include "ops/cuda/int8/byte_kernels.h"
#include "ops/cuda/int8/numbers.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/matmul.h"
#include "ops/family/qgemm.h"
#include "ops/family/qlinear_convolution.h"
#include "ops/family/types.h"

/* ---- what is accepted ---- */

static bool is_one_of(const nn_node_view *node, int index, nn_type_set types) {
    const nn_fact *fact = index >= 0 ? nn_view_in(node, index) : NULL;
    return fact == NULL || nn_type_in(fact->type, types);
}

static bool accepts(const nn_node_view *node, const nn_int8_inputs *inputs) {
    const nn_type_set bytes = NN_TYPE_BIT(NNOPT_INT8) | NN_TYPE_BIT(NNOPT_UINT8);
    const nn_type_set floats = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF;
    const nn_type y = node->out[0]->type;
    return !node->epilogue.has_residual && node->epilogue.after.kind == NN_ACT_NONE &&
           is_one_of(node, inputs->x, bytes) && is_one_of(node, inputs->w, bytes) &&
           is_one_of(node, inputs->x_zero, bytes) && is_one_of(node, inputs->w_zero, bytes) &&
           is_one_of(node, inputs->y_zero, bytes) && is_one_of(node, inputs->x_scale, floats) &&
           is_one_of(node, inputs->w_scale, floats) && is_one_of(node, inputs->y_scale, floats) &&
           is_one_of(node, inputs->bias, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_FLOAT)) &&
           (nn_type_is_8bit(y) || y == NNOPT_INT32 || y == NNOPT_FLOAT);
}

/* Which inputs are which is set whatever `describe` says of the shape. */
static bool accepts_with(const nn_node_view *node, nn_int8_describe *describe) {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    (void)describe(node, &inputs, &shape);
    return accepts(node, &inputs);
}

static nn_cuda_general_finish finish_of(const nn_call *call, const nn_int8_inputs *inputs) {
    const nn_type type = call->out[0]->type;
    const nn_requant form = nn_requant_make(call->node->epilogue.before, NNOPT_FLOAT, NULL, NULL);
    nn_cuda_general_finish out = {.type = type,
                                  .activation = form.activation,
                                  .scale = 1,
                                  .x_scale = nn_cuda_parameter_of(call, inputs->x_scale),
                                  .w_scale = nn_cuda_parameter_of(call, inputs->w_scale),
                                  .y_scale = nn_cuda_parameter_of(call, inputs->y_scale),
                                  .y_zero = nn_cuda_parameter_of(call, inputs->y_zero)};
    out.divides = nn_type_is_8bit(type) && !nn_requant_commutes(form.activation.kind);
    if (!inputs->has_sum) return out;
    const nn_qconv_attrs *attrs = call->node->attrs;
    out.addend = call->in[NN_QCONV_ADDEND]->data;
    out.addend_first = attrs->addend_first;
    out.addend_scale = nn_cuda_parameter_of(call, NN_QCONV_ADDEND_SCALE);
    out.addend_zero = nn_cuda_parameter_of(call, NN_QCONV_ADDEND_ZERO);
    out.sum_scale = nn_cuda_parameter_of(call, NN_QCONV_SUM_SCALE);
    out.sum_zero = nn_cuda_parameter_of(call, NN_QCONV_SUM_ZERO);
    return out;
}

/* ---- convolutions ---- */

static nn_status run_conv(const nn_call *call, const nn_int8_inputs *inputs) {
    const nn_conv_geometry g = nn_conv_geometry_of(
        call->node, call->node->attrs, (nn_conv_inputs){inputs->x, inputs->w, inputs->bias});
    nn_cuda_general_conv arguments = {
        .count = nn_tensor_count(call->out[0]),
        .in_channels = g.in_channels,
        .out_channels = g.out_channels,
        .group_in_channels = g.group_in_channels,
        .group_out_channels = g.group_out_channels,
        .in_pixels = g.in_pixels,
        .out_pixels = g.out_pixels,
        .taps = g.taps,
        .x = nn_cuda_parameter_of(call, inputs->x),
        .w = nn_cuda_parameter_of(call, inputs->w),
        .x_zero = nn_cuda_parameter_of(call, inputs->x_zero),
        .w_zero = nn_cuda_parameter_of(call, inputs->w_zero),
        .bias = nn_cuda_parameter_of(call, inputs->bias),
        .finish = finish_of(call, inputs),
        .y = call->out[0]->data,
    };
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &g.axes[i];
        arguments.axes[i] = (nn_cuda_general_axis){axis->in,     axis->out,      axis->kernel,
                                                   axis->stride, axis->dilation, axis->pad_begin};
    }
    return nn_cuda_launched(call, nn_cuda_launch_general_conv(&arguments, call->queue->stream));
}

/* ---- matrices ---- */

_Static_assert((int)NN_CUDA_GENERAL_BATCH >= (int)NN_MAX_RANK, "room for all batch axes");

static nn_cuda_general_matmul matmul_of(const nn_call *call, const nn_int8_inputs *inputs) {
    const nn_matmul_geometry g = nn_matmul_geometry_of(call->node, inputs->x, inputs->w);
    nn_cuda_general_matmul out = {
        .batch = g.batch,
        .m = g.m,
        .n = g.n,
        .k = g.k,
        .batch_rank = g.batch_rank,
        .a_row = g.k,
        .a_depth = 1,
        .b_depth = g.n,
        .b_column = 1,
        .a = nn_cuda_parameter_of(call, inputs->x),
        .b = nn_cuda_parameter_of(call, inputs->w),
        .a_zero = nn_cuda_parameter_of(call, inputs->x_zero),
        .b_zero = nn_cuda_parameter_of(call, inputs->w_zero),
        .addend = nn_cuda_parameter_of(call, inputs->bias),
        .addend_column = 1,
        .finish = finish_of(call, inputs),
        .y = call->out[0]->data,
    };
    for (int i = 0; i < g.batch_rank; i++) {
        out.batch_dims[i] = g.batch_dims[i];
        out.a_steps[i] = g.a_steps[i];
        out.b_steps[i] = g.b_steps[i];
    }
    return out;
}

static nn_status run_matmul(const nn_call *call, const nn_int8_inputs *inputs) {
    const nn_cuda_general_matmul arguments = matmul_of(call, inputs);
    return nn_cuda_launched(call, nn_cuda_launch_general_matmul(&arguments, call->queue->stream));
}

static nn_status run_gemm(const nn_call *call, const nn_int8_inputs *inputs) {
    const nn_qgemm_attrs *attrs = call->node->attrs;
    const nn_tensor *a = call->in[inputs->x], *y = call->out[0];
    const nn_tensor *c = nn_call_in(call, inputs->bias);
    nn_cuda_general_matmul arguments = matmul_of(call, inputs);
    arguments.m = y->dims[0];
    arguments.n = y->dims[1];
    arguments.k = a->dims[attrs->transpose_a ? 0 : 1];
    arguments.a_row = attrs->transpose_a ? 1 : arguments.k;
    arguments.a_depth = attrs->transpose_a ? arguments.m : 1;
    arguments.b_depth = attrs->transpose_b ? 1 : arguments.n;
    arguments.b_column = attrs->transpose_b ? arguments.k : 1;
    arguments.finish.scale = attrs->alpha;
    arguments.addend_column = c == NULL || c->rank == 0 || c->dims[c->rank - 1] == 1 ? 0 : 1;
    if (c != NULL && c->rank == 2) arguments.addend_row = c->dims[0] == 1 ? 0 : c->dims[1];
    return nn_cuda_launched(call, nn_cuda_launch_general_matmul(&arguments, call->queue->stream));
}

/* ---- kernels ---- */

#define GENERAL(operator, run_function)                                                            \
    static bool operator##_accepts(const nn_node_view *node, const nn_target *target) {            \
        (void)target;                                                                              \
        return accepts_with(node, nn_int8_describe_##operator);                                    \
    }                                                                                              \
    static nn_status operator##_run(const nn_call *call) {                                         \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        (void)nn_int8_describe_##operator(call->node, &inputs, &shape);                            \
        if (nn_tensor_count(call->out[0]) == 0) return NN_OK;                                      \
        return run_function(call, &inputs);                                                        \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_general_cuda = {                                        \
        .name = #operator"_general_cuda",                                                          \
        .on_device = true,                                                                         \
        .exactness = NN_EXACT,                                                                     \
        .accepts = operator##_accepts,                                                             \
        .run = operator##_run,                                                                     \
    };

GENERAL(qconv, run_conv)
GENERAL(conv_integer, run_conv)
GENERAL(qlinear_matmul, run_matmul)
GENERAL(matmul_integer, run_matmul)
GENERAL(matmul_integer_to_float, run_matmul)
GENERAL(qgemm, run_gemm)
