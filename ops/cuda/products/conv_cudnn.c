/* Conv and ConvTranspose through cuDNN. The engine is chosen in prepare; a node that no engine runs
 * is handed over to the general kernel there. */
#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/conv_kernels.h"
#include "ops/cuda/products/cudnn_choice.h"
#include "ops/cuda/products/epilogue_launch.h"
#include "ops/cuda/runtime/queue.h"

#include <stdio.h>

enum { X, W, BIAS };

/* What run converts first, into workspace. */
typedef struct conversion {
    bool is_needed;
    size_t offset;
} conversion;

typedef struct conv_state {
    nn_cudnn_conv problem;
    const nn_cudnn_conv_plan *plan;
    const void *filters; /* packed; NULL: converted in run */
    const void *bias;    /* packed; NULL: the input, or converted in run */
    conversion x, w, b;
    size_t workspace; /* offset of the plan's */
} conv_state;

/* ---- problems ---- */

static bool is_float_or(nn_type type, nn_type wanted) {
    return type == NNOPT_FLOAT || type == wanted;
}

/* What the products are computed in. */
static nn_type product_type(const nn_node_view *node, const nn_target *target) {
    nn_type type = node->in[W]->type;
    if (type == NNOPT_FLOAT && target->precision == NN_PRECISION_FP16) return NNOPT_FLOAT16;
    if (type == NNOPT_FLOAT && target->precision == NN_PRECISION_BF16) return NNOPT_BFLOAT16;
    return type;
}

static nn_cudnn_conv problem_of(const nn_node_view *node, const nn_target *target,
                                bool is_transpose) {
    const nn_epilogue *epilogue = &node->epilogue;
    const nn_fact *bias = nn_view_in(node, BIAS);
    nn_cudnn_conv out = {
        .is_transpose = is_transpose,
        .spatial = node->in[X]->rank > 4 ? 3 : 2,
        .geometry = is_transpose
                        ? nn_conv_transpose_geometry_of(node)
                        : nn_conv_geometry_of(node, node->attrs, (nn_conv_inputs){X, W, BIAS}),
        .type = product_type(node, target),
        .y_type = node->out[0]->type,
        .residual_type =
            epilogue->has_residual ? node->in[epilogue->residual]->type : NNOPT_TYPE_NONE,
        .has_bias = bias != NULL && !nn_epilogue_adds(epilogue, BIAS),
        .before = epilogue->before,
        .after = epilogue->after,
    };
    return out;
}

static bool is_known_activation(nn_activation a) {
    return a.kind >= NN_ACT_NONE && a.kind <= NN_ACT_LINEAR;
}

/* cuDNN's tensors have no empty axes, and pads are not negative. */
static bool fits(const nn_conv_geometry *g) {
    if (g->batch < 1 || g->in_channels < 1 || g->out_channels < 1 || g->groups < 1) return false;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &g->axes[i];
        if (axis->in < 1 || axis->out < 1 || axis->pad_begin < 0 || axis->pad_end < 0) return false;
        int64_t room =
            axis->in + axis->pad_begin + axis->pad_end - (axis->kernel - 1) * axis->dilation - 1;
        if (room < 0 || room / axis->stride + 1 != axis->out) return false;
    }
    return true;
}

static bool accepts(const nn_node_view *node, const nn_target *target, bool is_transpose) {
    const nn_cudnn *cudnn;
    const nn_fact *x = node->in[X], *bias = nn_view_in(node, BIAS);
    if (x->rank < 3 || x->rank > 5 || nn_cudnn_open(&cudnn) != NN_OK) return false;
    const nn_type type = product_type(node, target);
    if (type != NNOPT_FLOAT && type != NNOPT_FLOAT16 && type != NNOPT_BFLOAT16) return false;
    nn_cudnn_conv problem = problem_of(node, target, is_transpose);
    return is_float_or(x->type, type) && is_float_or(problem.y_type, type) &&
           (bias == NULL || is_float_or(bias->type, type)) &&
           (problem.residual_type == NNOPT_TYPE_NONE || is_float_or(problem.residual_type, type)) &&
           is_known_activation(problem.before) && is_known_activation(problem.after) &&
           fits(&problem.geometry);
}

static bool accepts_conv(const nn_node_view *node, const nn_target *target) {
    return accepts(node, target, false);
}

static bool accepts_transpose(const nn_node_view *node, const nn_target *target) {
    return accepts(node, target, true);
}

/* ---- constants ---- */

static nn_cuda_filters filters_of(const nn_cudnn_conv *problem) {
    const nn_conv_geometry *g = &problem->geometry;
    nn_cuda_filters out = {.to_type = problem->type, .taps = g->taps};
    out.filters = problem->is_transpose ? g->in_channels : g->out_channels;
    out.channels = problem->is_transpose ? g->group_out_channels : g->group_in_channels;
    return out;
}

static nn_status pack_filters(const nn_node_view *node, const void *argument, void *out) {
    const nn_cuda_filters *f = argument;
    const nn_tensor *from = node->in[W]->constant;
    int64_t at = 0;
    for (int64_t filter = 0; filter < f->filters; filter++)
        for (int64_t tap = 0; tap < f->taps; tap++)
            for (int64_t channel = 0; channel < f->channels; channel++)
                nn_element_put(
                    out, f->to_type, at++,
                    nn_element_of(from, (filter * f->channels + channel) * f->taps + tap));
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const nn_type *type = argument;
    const nn_tensor *from = node->in[BIAS]->constant;
    const int64_t count = nnopt_tensor_count(from);
    for (int64_t i = 0; i < count; i++) nn_element_put(out, *type, i, nn_element_of(from, i));
    return NN_OK;
}

static nn_status prepare_filters(const nn_node_view *node, nn_prepare *prepare, conv_state *state) {
    const nn_cuda_filters f = filters_of(&state->problem);
    char variant[48];
    if (nn_view_constant(node, W) == NULL) {
        state->w.is_needed = true;
        return NN_OK;
    }
    snprintf(variant, sizeof variant, "cudnn filters %s", nnopt_type_name(f.to_type));
    return nn_prepare_pack(prepare, 1u << W, variant,
                           nn_element_bytes(f.filters * f.channels * f.taps, f.to_type),
                           pack_filters, &f, &state->filters);
}

static nn_status prepare_bias(const nn_node_view *node, nn_prepare *prepare, conv_state *state) {
    const nn_cudnn_conv *problem = &state->problem;
    char variant[48];
    if (!problem->has_bias) return NN_OK;
    const nn_type type = nn_cudnn_conv_bias_type(problem, state->plan->form);
    if (node->in[BIAS]->type == type) return NN_OK;
    if (nn_view_constant(node, BIAS) == NULL) {
        state->b.is_needed = true;
        return NN_OK;
    }
    snprintf(variant, sizeof variant, "cudnn bias %s", nnopt_type_name(type));
    return nn_prepare_pack(prepare, 1u << BIAS, variant,
                           nn_element_bytes(problem->geometry.out_channels, type), pack_bias, &type,
                           &state->bias);
}

/* ---- prepare ---- */

/* Workspace in parts, each aligned as memory of the device is. */
static void reserve(conversion *part, int64_t count, nn_type type, size_t *used) {
    enum { ALIGNMENT = 256 };
    if (!part->is_needed) return;
    part->offset = *used;
    *used += (nn_element_bytes(count, type) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static nn_status lay_out(const nn_node_view *node, nn_prepare *prepare, conv_state *state) {
    const nn_cudnn_conv *p = &state->problem;
    const nn_cuda_filters f = filters_of(p);
    size_t used = 0;
    NN_TRY(prepare_filters(node, prepare, state));
    NN_TRY(prepare_bias(node, prepare, state));
    state->x.is_needed = node->in[X]->type != p->type;
    reserve(&state->x, p->geometry.batch * p->geometry.in_channels * p->geometry.in_pixels, p->type,
            &used);
    reserve(&state->w, f.filters * f.channels * f.taps, p->type, &used);
    reserve(&state->b, p->geometry.out_channels, NNOPT_FLOAT, &used);
    state->workspace = used;
    nn_prepare_workspace(prepare, used + state->plan->workspace);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare,
                         bool is_transpose) {
    nn_cudnn_conv problem = problem_of(node, target, is_transpose);
    const nn_cudnn_conv_plan *plan;
    nn_status status = nn_cudnn_choose(target, &problem, &plan);
    if (status == NN_UNSUPPORTED) { /* without state */
        nn_prepare_describe(prepare, "by our own kernel: cuDNN has no engine");
        return NN_OK;
    }
    if (status != NN_OK) return nn_fail_context(status, "node '%s'", node->name);
    conv_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = (conv_state){.problem = problem, .plan = plan};
    nn_prepare_describe(prepare, "%s, engine %s", plan->form == NN_CUDNN_FUSED ? "fused" : "plain",
                        plan->engine);
    return lay_out(node, prepare, state);
}

static nn_status prepare_conv(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services) {
    return prepare(node, target, services, false);
}

static nn_status prepare_transpose(const nn_node_view *node, const nn_target *target,
                                   nn_prepare *services) {
    return prepare(node, target, services, true);
}

/* ---- run ---- */

static nn_status convert(const nn_call *call, int input, int64_t count, nn_type to_type, void *to) {
    const nn_cuda_epilogue arguments = {.x_type = call->in[input]->type,
                                        .y_type = to_type,
                                        .x = call->in[input]->data,
                                        .y = to,
                                        .scale = 1,
                                        .rows = 1,
                                        .columns = count};
    return nn_cuda_launched(call, nn_cuda_launch_epilogue(&arguments, call->queue->stream));
}

static nn_status reorder_filters(const nn_call *call, const conv_state *state, void *to) {
    nn_cuda_filters arguments = filters_of(&state->problem);
    arguments.from_type = call->in[W]->type;
    arguments.from = call->in[W]->data;
    arguments.to = to;
    return nn_cuda_launched(call, nn_cuda_launch_filters(&arguments, call->queue->stream));
}

static nn_status run_cudnn(const nn_call *call) {
    const conv_state *state = call->state;
    const nn_cudnn_conv *p = &state->problem;
    char *workspace = call->workspace;
    nn_cudnn_conv_operands operands = {.x = call->in[X]->data,
                                       .w = state->filters,
                                       .bias = state->bias,
                                       .residual = nn_call_residual_data(call),
                                       .y = call->out[0]->data,
                                       .workspace = NULL};
    if (state->plan->workspace > 0) operands.workspace = workspace + state->workspace;
    if (state->x.is_needed) {
        operands.x = workspace + state->x.offset;
        NN_TRY(convert(call, X, p->geometry.batch * p->geometry.in_channels * p->geometry.in_pixels,
                       p->type, workspace + state->x.offset));
    }
    if (state->w.is_needed) {
        operands.w = workspace + state->w.offset;
        NN_TRY(reorder_filters(call, state, workspace + state->w.offset));
    }
    if (state->b.is_needed) {
        operands.bias = workspace + state->b.offset;
        NN_TRY(convert(call, BIAS, p->geometry.out_channels,
                       nn_cudnn_conv_bias_type(p, state->plan->form), workspace + state->b.offset));
    } else if (p->has_bias && state->bias == NULL) {
        operands.bias = call->in[BIAS]->data;
    }
    nn_status status = nn_cudnn_conv_run(p, state->plan, &operands, call->queue);
    if (status != NN_OK) return nn_fail_context(status, "node '%s'", call->node->name);
    return nn_cuda_launched(call, cudaSuccess);
}

static nn_status run_conv(const nn_call *call) {
    return call->state != NULL ? run_cudnn(call) : nn_kernel_conv_cuda.run(call);
}

static nn_status run_transpose(const nn_call *call) {
    return call->state != NULL ? run_cudnn(call) : nn_kernel_conv_transpose_cuda.run(call);
}

const nn_kernel nn_kernel_conv_cudnn = {
    .name = "conv_cudnn",
    .on_device = true,
    .mixes_types = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1u << X,
    .accepts = accepts_conv,
    .prepare = prepare_conv,
    .run = run_conv,
};

const nn_kernel nn_kernel_conv_transpose_cudnn = {
    .name = "conv_transpose_cudnn",
    .on_device = true,
    .mixes_types = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1u << X,
    .accepts = accepts_transpose,
    .prepare = prepare_transpose,
    .run = run_transpose,
};
