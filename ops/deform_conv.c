#include "ops/cpu/kernels.h"
#include "ops/family/deform.h"
#include "ops/family/types.h"

typedef struct deform_work {
    const nn_call *call;
    nn_deform shape;
} deform_work;

static double sum_taps(const deform_work *work, int64_t sample, int64_t channel, int64_t pixel) {
    const nn_deform *d = &work->shape;
    const nn_tensor *x = work->call->in[NN_DEFORM_X], *w = work->call->in[NN_DEFORM_W];
    int64_t own = d->channels / d->group, first = channel / (d->out_channels / d->group) * own;
    double sum = 0;
    for (int64_t c = 0; c < own; c++)
        for (int64_t tap = 0; tap < d->taps; tap++) {
            int64_t from = first + c, plane = (sample * d->channels + from) * d->in_pixels;
            nn_deform_corners corners;
            nn_deform_find(work->call, d, sample, from / (d->channels / d->offset_group), tap,
                           pixel, &corners);
            double value = 0;
            for (int k = 0; k < corners.count; k++)
                if (corners.offset[k] >= 0)
                    value += corners.weight[k] * nn_tensor_get(x, plane + corners.offset[k]);
            sum += value * nn_tensor_get(w, (channel * own + c) * d->taps + tap);
        }
    return sum;
}

static void run_planes(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const deform_work *work = argument;
    const nn_deform *d = &work->shape;
    const nn_tensor *bias = nn_call_in(work->call, NN_DEFORM_BIAS);
    nn_tensor *out = work->call->out[0];
    for (int64_t plane = begin; plane < end; plane++) {
        int64_t channel = plane % d->out_channels;
        for (int64_t pixel = 0; pixel < d->out_pixels; pixel++) {
            double value = sum_taps(work, plane / d->out_channels, channel, pixel);
            if (bias != NULL) value += nn_tensor_get(bias, channel);
            nn_store_double(out->type, &value,
                            nn_at_out(out->data, out->type, plane * d->out_pixels + pixel), 1);
        }
    }
}

static nn_status run(const nn_call *call) {
    deform_work work = {call, nn_deform_of(call->node)};
    nn_parallel(call->pool, work.shape.batch * work.shape.out_channels, 1, run_planes, &work);
    return NN_OK;
}

static const nn_kernel deform_conv_reference = {
    .name = "deform_conv_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {NN_KERNELS(deform_f32), &deform_conv_reference, NULL};

const nn_op nn_op_deform_conv = {
    .name = "DeformConv",
    .domain = "",
    .since = 19,
    .min_inputs = 3,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_deform_attrs),
    .parse = nn_deform_parse,
    .infer = nn_deform_infer,
    .cost = nn_deform_cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
