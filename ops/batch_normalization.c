#include "ops/family/batch_normalization.h"
#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

#include <math.h>

typedef nn_batch_normalization_attrs norm_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    norm_attrs *parsed = out;
    int64_t training, spatial;
    NN_TRY(nn_attrs_float(attrs, "epsilon", 1e-5f, &parsed->epsilon));
    NN_TRY(nn_attrs_float(attrs, "momentum", 0.9f, &parsed->momentum));
    NN_TRY(nn_attrs_int(attrs, "training_mode", 0, &training));
    NN_TRY(nn_attrs_int(attrs, "spatial", 1, &spatial));
    parsed->training = training != 0;
    parsed->per_element = node->opset < 9 && spatial == 0;
    return NN_OK;
}

static int64_t parameter_count(const nn_node_view *node, const nn_fact *in) {
    const norm_attrs *attrs = node->attrs;
    if (in->rank < 2) return in->rank < 0 ? NN_DIM_UNKNOWN : 1;
    return attrs->per_element ? nn_dims_product(in->dims, 1, in->rank) : in->dims[1];
}

static nn_status infer(const nn_node_view *node) {
    const norm_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_FLOAT));
    if (in->rank == 0) return nn_view_fail(node, NN_BAD_INPUT, "the input is a scalar");
    int64_t channels = parameter_count(node, in);
    for (int i = 1; i < 5; i++) {
        int64_t count = node->in[i] != NULL ? nn_fact_count(node->in[i]) : -1;
        if (node->in[i] == NULL) return nn_view_fail(node, NN_BAD_INPUT, "input %d is missing", i);
        if (count >= 0 && channels >= 0 && count != channels)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d has %lld values for %lld channels", i,
                                (long long)count, (long long)channels);
    }
    for (int i = 1; i < node->out_count; i++) {
        if (node->out[i] != NULL && (!attrs->training || i > 2))
            return nn_view_fail(node, NN_UNSUPPORTED, "output %d exists in training only", i);
        const nn_fact *mean = node->in[i == 1 ? 3 : 4];
        NN_TRY(nn_set_output(node, i, mean->type, mean->rank, mean->dims));
    }
    return nn_infer_like(node);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const norm_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    for (int axis = 0; axis < in->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        bool mixed = attrs->training ? axis != 1 : attrs->per_element && axis > 0;
        NN_TRY(mixed ? nn_axes_mixed(node, out, from, to) : nn_axes_same(node, out, from, to));
    }
    for (int i = 1; i < 5 && in->rank > 1; i++) {
        if (attrs->per_element)
            NN_TRY(nn_axes_fixed(node, out, nn_in_axis(i, 0)));
        else
            NN_TRY(nn_axes_same(node, out, nn_in_axis(i, 0), nn_out_axis(0, 1)));
    }
    for (int i = 1; i < node->out_count; i++)
        if (node->out[i] != NULL && node->out[i]->rank == 1)
            NN_TRY(nn_axes_same(node, out, nn_out_axis(i, 0), nn_out_axis(0, 1)));
    return NN_OK;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    int64_t count = nn_fact_count(node->in[0]);
    out->flops = count > 0 ? 2.0 * (double)count : 0;
}

typedef struct norm_work {
    const nn_call *call;
    const norm_attrs *attrs;
    int64_t channels, inner; /* x is outer x channels x inner */
    /* Over 1: "channels" are positions x channels, and parameters lie the other way round. */
    int64_t positions;
    const double *batch; /* mean and variance of the batch, 2 x channels; NULL: the inputs' */
} norm_work;

/* y = x scale + shift for channel `channel`. Floats are rounded step by step, in the order that
 * ONNX Runtime has, since quantised models make much of a last bit. */
static void channel_factors(const norm_work *work, int64_t channel, double *scale, double *shift) {
    const nn_tensor *const *in = work->call->in;
    double mean, variance;
    if (work->positions > 1) {
        int64_t real = work->channels / work->positions;
        channel = channel % real * work->positions + channel / real;
    }
    if (work->batch != NULL) {
        mean = work->batch[channel];
        variance = work->batch[work->channels + channel];
    } else {
        mean = nn_tensor_get(in[3], channel);
        variance = nn_tensor_get(in[4], channel);
    }
    if (in[0]->type == NNOPT_FLOAT && work->batch == NULL) {
        float deviation = sqrtf((float)variance + work->attrs->epsilon);
        float factor = 1 / deviation * (float)nn_tensor_get(in[1], channel);
        *scale = (double)factor;
        *shift = (double)((float)nn_tensor_get(in[2], channel) - (float)mean * factor);
        return;
    }
    *scale = nn_tensor_get(in[1], channel) / sqrt(variance + (double)work->attrs->epsilon);
    *shift = nn_tensor_get(in[2], channel) - mean * *scale;
}

static void scale_plane(nn_type type, const void *in, void *out, double scale, double shift,
                        int64_t count) {
    if (type == NNOPT_FLOAT) {
        const float *x = in, s = (float)scale, b = (float)shift;
        float *y = out;
        for (int64_t i = 0; i < count; i++) y[i] = x[i] * s + b;
        return;
    }
    double block[NN_BLOCK];
    for (int64_t i = 0; i < count; i += NN_BLOCK) {
        int64_t n = count - i < NN_BLOCK ? count - i : NN_BLOCK;
        nn_load_double(type, nn_at(in, type, i), block, n);
        for (int64_t k = 0; k < n; k++) block[k] = block[k] * scale + shift;
        nn_store_double(type, block, nn_at_out(out, type, i), n);
    }
}

/* One (outer, channel) plane after the other. */
static void norm_planes(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const norm_work *work = argument;
    const nn_tensor *in = work->call->in[0];
    nn_tensor *out = work->call->out[0];
    for (int64_t i = begin; i < end; i++) {
        double scale, shift;
        channel_factors(work, i % work->channels, &scale, &shift);
        scale_plane(in->type, nn_at(in->data, in->type, i * work->inner),
                    nn_at_out(out->data, in->type, i * work->inner), scale, shift, work->inner);
    }
}

/* Channels vary fastest: rows of the same factors, taken a block of channels at a time. */
static void norm_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const norm_work *work = argument;
    const nn_tensor *in = work->call->in[0];
    nn_tensor *out = work->call->out[0];
    double scales[NN_BLOCK], shifts[NN_BLOCK], block[NN_BLOCK];
    float factors[NN_BLOCK], offsets[NN_BLOCK];
    for (int64_t first = 0; first < work->channels; first += NN_BLOCK) {
        int64_t n = work->channels - first < NN_BLOCK ? work->channels - first : NN_BLOCK;
        for (int64_t c = 0; c < n; c++) {
            channel_factors(work, first + c, &scales[c], &shifts[c]);
            factors[c] = (float)scales[c];
            offsets[c] = (float)shifts[c];
        }
        for (int64_t row = begin; row < end; row++) {
            int64_t offset = row * work->channels + first;
            if (in->type == NNOPT_FLOAT) {
                const float *x = (const float *)in->data + offset;
                float *y = (float *)out->data + offset;
                for (int64_t c = 0; c < n; c++) y[c] = x[c] * factors[c] + offsets[c];
                continue;
            }
            nn_load_double(in->type, nn_at(in->data, in->type, offset), block, n);
            for (int64_t c = 0; c < n; c++) block[c] = block[c] * scales[c] + shifts[c];
            nn_store_double(in->type, block, nn_at_out(out->data, in->type, offset), n);
        }
    }
}

/* Mean and variance of every channel over the batch. */
static void batch_statistics(const norm_work *work, int64_t outer, double *batch) {
    const nn_tensor *in = work->call->in[0];
    double count = (double)(outer * work->inner);
    for (int64_t c = 0; c < work->channels; c++) {
        double sum = 0, squares = 0, x;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t o = 0; o < outer; o++)
                for (int64_t i = 0; i < work->inner; i++) {
                    int64_t place = (o * work->channels + c) * work->inner + i;
                    nn_load_double(in->type, nn_at(in->data, in->type, place), &x, 1);
                    if (pass == 0)
                        sum += x;
                    else
                        squares += (x - sum / count) * (x - sum / count);
                }
        batch[c] = sum / count;
        batch[work->channels + c] = squares / count;
    }
}

static void store_running(const norm_work *work) {
    const nn_call *call = work->call;
    for (int k = 1; k <= 2 && k < call->out_count; k++) {
        if (call->out[k] == NULL) continue;
        for (int64_t c = 0; c < work->channels; c++) {
            double old = nn_tensor_get(call->in[2 + k], c);
            double momentum = (double)work->attrs->momentum;
            double batch = work->batch[(k - 1) * work->channels + c];
            nn_tensor_set(call->out[k], c, old * momentum + batch * (1 - momentum));
        }
    }
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    const norm_attrs *attrs = node->attrs;
    int64_t channels = nn_fact_count(node->in[1]);
    if (attrs->training && channels > 0)
        nn_prepare_workspace(prepare, (size_t)channels * 2 * sizeof(double));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const norm_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int64_t total = nn_tensor_count(in);
    if (total == 0) return NN_OK;
    norm_work work = {.call = call, .attrs = attrs, .channels = nn_tensor_count(call->in[1])};
    int64_t outer = in->dims[0];
    work.inner = total / (outer * work.channels);
    bool last = call->layout == NN_LAYOUT_CHANNELS_LAST && in->rank >= 3;
    if (last && attrs->per_element) {
        work.positions = work.channels / in->dims[in->rank - 1];
    } else if (last) {
        outer = total / work.channels;
        work.inner = 1;
    }
    if (attrs->training) {
        batch_statistics(&work, outer, call->workspace);
        work.batch = call->workspace;
        store_running(&work);
    }
    if (work.inner == 1)
        nn_parallel(call->pool, outer, NN_GRAIN / work.channels + 1, norm_rows, &work);
    else
        nn_parallel(call->pool, outer * work.channels, NN_GRAIN / work.inner + 1, norm_planes,
                    &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "batch_normalization_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_batch_normalization = {
    .name = "BatchNormalization",
    .domain = "",
    .since = 1,
    .min_inputs = 5,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 5,
    .attr_size = sizeof(norm_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
