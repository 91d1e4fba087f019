/* DeformConv: what the taps read is gathered for one sample after the other,
 * and multiplied by the weights of each group. */
#include "ops/family/deform.h"

#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/deform_launch.h"
#include "ops/cuda/products/product.h"
#include "ops/cuda/runtime/queue.h"

enum { MOST_PRODUCTS = 1024, ALIGNMENT = 256 };

typedef struct deform_state {
    nn_deform shape;
    int64_t rows, k;    /* of a group's weights */
    bool has_product;   /* else a kernel of ours multiplies */
    nn_product product; /* of a group of a sample */
    nn_product_plan plan;
    size_t product_workspace; /* offset, behind the columns */
} deform_state;

static bool is_float(nn_type type) {
    return type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *x = node->in[NN_DEFORM_X];
    (void)target;
    if (!nn_epilogue_is_empty(&node->epilogue) || !is_float(x->type)) return false;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && node->in[i]->type != x->type) return false;
    const nn_deform shape = nn_deform_of(node);
    return shape.batch * shape.group <= MOST_PRODUCTS;
}

/* Of every operand of every product. */
static int alignment_of(const deform_state *state, nn_type type) {
    enum { WHOLE = 16 };
    const nn_deform *d = &state->shape;
    const int64_t steps[] = {d->out_channels * d->out_pixels, state->rows * d->out_pixels,
                             state->rows * state->k, state->k * d->out_pixels, state->rows};
    bool divides = true;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        divides = divides && nn_element_bytes(steps[i], type) % WHOLE == 0;
    return divides || d->batch * d->group == 1 ? WHOLE : nn_type_bits(type) / 8;
}

/* The bias is one number for each row, so a product is of one sample. */
static nn_product product_of(const nn_node_view *node, const nn_target *target,
                             const deform_state *state) {
    const nn_type type = node->in[NN_DEFORM_X]->type;
    const bool has_bias = nn_view_in(node, NN_DEFORM_BIAS) != NULL;
    return (nn_product){
        .gemm = {.batch = 1,
                 .m = state->rows,
                 .n = state->shape.out_pixels,
                 .k = state->k,
                 .a_row = state->k,
                 .b_row = state->shape.out_pixels,
                 .type = type,
                 .alpha = 1,
                 .alignment = alignment_of(state, type),
                 .precision = target->precision,
                 .deterministic = target->deterministic},
        .y_type = type,
        .bias_type = has_bias ? type : NNOPT_TYPE_NONE,
        .bias_row = 1,
        .bias_scale = 1,
    };
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    deform_state *state = nn_prepare_state(prepare, sizeof *state);
    int64_t columns;
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->shape = nn_deform_of(node);
    const nn_deform *d = &state->shape;
    state->rows = d->out_channels / d->group;
    state->k = d->channels / d->group * d->taps;
    if (!nn_mul_size(d->channels * d->taps, d->out_pixels * (int64_t)sizeof(float), &columns))
        return nn_view_fail(node, NN_NO_MEMORY, "the taps of an output are too many");
    const size_t bytes =
        nn_element_bytes(d->channels * d->taps * d->out_pixels, node->in[NN_DEFORM_X]->type);
    state->product_workspace = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    state->product = product_of(node, target, state);
    nn_status status = NN_UNSUPPORTED;
    if (nn_fact_count(node->out[0]) > 0 && state->k > 0)
        status = nn_product_prepare(target->device, &state->product, &state->plan);
    if (status != NN_OK && status != NN_UNSUPPORTED) return status;
    state->has_product = status == NN_OK;
    nn_prepare_workspace(prepare, state->product_workspace +
                                      (state->has_product ? state->plan.workspace : 0));
    return NN_OK;
}

static const char *part_of(const nn_tensor *tensor, int64_t element) {
    return tensor != NULL ? (const char *)tensor->data + nn_element_bytes(element, tensor->type)
                          : NULL;
}

static nn_status gather(const nn_call *call, const nn_deform *d, int64_t sample) {
    const nn_tensor *offsets = call->in[NN_DEFORM_OFFSET], *mask = nn_call_in(call, NN_DEFORM_MASK);
    const int64_t places = d->offset_group * d->taps * d->out_pixels;
    nn_cuda_deform arguments = {
        .type = call->in[NN_DEFORM_X]->type,
        .axes = d->axes,
        .channels = d->channels,
        .offset_group = d->offset_group,
        .in_pixels = d->in_pixels,
        .out_pixels = d->out_pixels,
        .taps = d->taps,
        .x = part_of(call->in[NN_DEFORM_X], sample * d->channels * d->in_pixels),
        .offsets = part_of(offsets, sample * places * d->axes),
        .mask = part_of(mask, sample * places),
        .columns = call->workspace,
    };
    for (int i = 0; i < NN_CUDA_DEFORM_AXES; i++) {
        const nn_window_axis *axis = &d->axis[i];
        arguments.axis[i] = (nn_cuda_deform_axis){axis->in,     axis->out,      axis->kernel,
                                                  axis->stride, axis->dilation, axis->pad_begin};
    }
    return nn_cuda_launched(call, nn_cuda_launch_deform(&arguments, call->queue->stream));
}

static nn_status multiply(const nn_call *call, const deform_state *state, int64_t sample,
                          int64_t group) {
    const nn_deform *d = &state->shape;
    const nn_tensor *w = call->in[NN_DEFORM_W], *bias = nn_call_in(call, NN_DEFORM_BIAS);
    const nn_tensor columns = {.type = w->type, .data = call->workspace};
    const int64_t row = group * state->rows;
    char *y = (char *)call->out[0]->data +
              nn_element_bytes((sample * d->out_channels + row) * d->out_pixels, w->type);
    const void *weights = part_of(w, row * state->k);
    const void *taps = part_of(&columns, group * state->k * d->out_pixels);
    if (state->has_product) {
        const nn_product_operands operands = {
            .a = weights,
            .b = taps,
            .bias = part_of(bias, row),
            .y = y,
            .workspace = (char *)call->workspace + state->product_workspace,
        };
        return nn_product_run(&state->product, &state->plan, &operands, call->queue);
    }
    const nn_cuda_deform_product arguments = {
        .type = w->type,
        .rows = state->rows,
        .columns = d->out_pixels,
        .k = state->k,
        .w = weights,
        .x = taps,
        .bias = part_of(bias, row),
        .y = y,
    };
    return nn_cuda_launched(call, nn_cuda_launch_deform_product(&arguments, call->queue->stream));
}

static nn_status run(const nn_call *call) {
    const deform_state *state = call->state;
    if (nnopt_tensor_count(call->out[0]) == 0) return NN_OK;
    for (int64_t sample = 0; sample < state->shape.batch; sample++) {
        NN_TRY(gather(call, &state->shape, sample));
        for (int64_t group = 0; group < state->shape.group; group++)
            NN_TRY(multiply(call, state, sample, group));
    }
    return NN_OK;
}

static const nn_kernel deform_conv_cuda = {
    .name = "deform_conv_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

const nn_kernel *const nn_cuda_deform_conv_kernels[] = {&deform_conv_cuda, NULL};
