#include "ops/family/dft.h"
#include "ops/family/infer.h"

enum { STEP = 1, WINDOW, LENGTH };

typedef struct stft_attrs {
    bool onesided;
} stft_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    stft_attrs *parsed = out;
    int64_t onesided;
    NN_TRY(nn_attrs_int(attrs, "onesided", 1, &onesided));
    parsed->onesided = onesided != 0;
    return NN_OK;
}

/* Samples of a frame and from one frame to the next; unknown where they are. */
static nn_status find_frame(const nn_node_view *node, int64_t *length, int64_t *step) {
    const nn_fact *signal = node->in[0], *window = nn_view_in(node, WINDOW);
    int64_t fallback = signal->rank == 3 ? signal->dims[1] : NN_DIM_UNKNOWN;
    if (window != NULL) fallback = window->rank == 1 ? window->dims[0] : NN_DIM_UNKNOWN;
    if (!nn_scalar_input(node, STEP, 1, step))
        *step = NN_DIM_UNKNOWN;
    else if (*step < 1)
        return nn_view_fail(node, NN_BAD_INPUT, "frame_step is %lld", (long long)*step);
    if (!nn_scalar_input(node, LENGTH, fallback, length)) {
        *length = NN_DIM_UNKNOWN;
    } else if (nn_view_in(node, LENGTH) != NULL || nn_dim_is_known(*length)) {
        if (*length < 1)
            return nn_view_fail(node, NN_BAD_INPUT, "frame_length is %lld", (long long)*length);
        if (window != NULL && nn_dim_is_known(fallback) && fallback != *length)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "the window has %lld elements but frame_length is %lld",
                                (long long)fallback, (long long)*length);
    }
    if (!nn_dim_is_known(*length)) *length = NN_DIM_UNKNOWN;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const stft_attrs *attrs = node->attrs;
    const nn_fact *signal = node->in[0], *window = nn_view_in(node, WINDOW);
    const nn_type_set indices = NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64);
    int64_t dims[4] = {NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, 2}, length, step;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    NN_TRY(nn_check_types(node, STEP, STEP, indices));
    NN_TRY(nn_check_types(node, LENGTH, LENGTH, indices));
    NN_TRY(nn_check_scalar(node, STEP));
    NN_TRY(nn_check_scalar(node, LENGTH));
    if (window != NULL && window->type != NNOPT_TYPE_NONE && signal->type != NNOPT_TYPE_NONE &&
        window->type != signal->type)
        return nn_view_fail(node, NN_BAD_INPUT, "the signal is %s but the window is %s",
                            nnopt_type_name(signal->type), nnopt_type_name(window->type));
    if (window != NULL && window->rank >= 0 && window->rank != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the window must be a vector, has rank %d",
                            window->rank);
    if (signal->rank >= 0 && signal->rank != 3)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must have rank 3, has %d", signal->rank);
    NN_TRY(find_frame(node, &length, &step));
    if (signal->rank == 3) {
        int64_t samples = signal->dims[1], parts = signal->dims[2];
        if (nn_dim_is_known(parts) && parts != 1 && parts != 2)
            return nn_view_fail(node, NN_BAD_INPUT, "the last axis has size %lld, not 1 or 2",
                                (long long)parts);
        if (nn_dim_is_known(length) && nn_dim_is_known(samples) && length > samples)
            return nn_view_fail(node, NN_BAD_INPUT, "frames of %lld do not fit %lld samples",
                                (long long)length, (long long)samples);
        dims[0] = signal->dims[0];
        if (nn_dim_is_known(length) && nn_dim_is_known(step) && nn_dim_is_known(samples))
            dims[1] = (samples - length) / step + 1;
    }
    if (nn_dim_is_known(length)) dims[2] = attrs->onesided ? length / 2 + 1 : length;
    return nn_set_output(node, 0, signal->type, 4, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    int64_t length, step;
    if (find_frame(node, &length, &step) != NN_OK || !nn_dim_is_known(length)) return;
    const nn_fact *result = node->out[0];
    double levels = 0, frames = (double)result->dims[0] * (double)result->dims[1];
    for (int64_t n = length; n > 1; n /= 2) levels++;
    out->flops = (node->in[0]->dims[2] == 1 ? 2.5 : 5) * frames * (double)length * levels;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    int64_t length, step;
    nn_dft_plan *plan;
    NN_TRY(find_frame(node, &length, &step));
    if (!nn_dim_is_known(length))
        return nn_view_fail(node, NN_BAD_INPUT, "the length of a frame is not known");
    NN_TRY(nn_dft_plan_make(node, length, node->in[0]->type == NNOPT_DOUBLE, prepare, &plan));
    nn_prepare_workspace(prepare, nn_dft_workspace(plan, target->threads));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0], *window = nn_call_in(call, WINDOW);
    nn_tensor *out = call->out[0];
    const nn_dft_plan *plan = call->state;
    int64_t samples = in->dims[1], parts = in->dims[2], frames = out->dims[1];
    if (nn_tensor_count(out) == 0) return NN_OK;
    nn_dft_job job = {
        .plan = plan,
        .kind = parts == 2 ? NN_DFT_COMPLEX : NN_DFT_REAL,
        .count = in->dims[0] * frames,
        .in = {in->type, frames, samples * parts, nn_scalar_tensor(call, STEP, 1) * parts, parts,
               plan->n},
        .out = {out->type, frames, frames * out->dims[2] * 2, out->dims[2] * 2, 2, out->dims[2]},
        .x = in->data,
        .window = window != NULL ? window->data : NULL,
        .y = out->data,
    };
    nn_dft_run(&job, call->pool, call->workspace);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "stft_reference",
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_stft = {
    .name = "STFT",
    .domain = "",
    .since = 17,
    .min_inputs = 2,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(stft_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
