#include "ops/family/lp_pool.h"

#include "ops/family/loops.h"
#include "ops/family/types.h"

#include <math.h>

nn_status nn_lp_parse(const nn_node_view *node, const nn_attrs *attrs, double *out) {
    float number = 2;
    int64_t whole = 2;
    if (node->opset < 2) {
        NN_TRY(nn_attrs_float(attrs, "p", 2, &number));
        *out = (double)number;
    } else {
        NN_TRY(nn_attrs_int(attrs, "p", 2, &whole));
        *out = (double)whole;
    }
    if (*out > 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'p' is %g, not positive", *out);
}

typedef struct lp_work {
    const nn_call *call;
    const nn_pool_geometry *geometry;
    double p;
} lp_work;

/* |x|^p of `count` elements `step` apart, summed. */
static double sum_powers(const nn_tensor *in, int64_t first, int64_t step, int64_t count,
                         double p) {
    double block[NN_BLOCK], sum = 0;
    for (int64_t i = 0; i < count; i += NN_BLOCK) {
        int64_t n = count - i < NN_BLOCK ? count - i : NN_BLOCK;
        if (step == 1)
            nn_load_double(in->type, nn_at(in->data, in->type, first + i), block, n);
        else
            for (int64_t k = 0; k < n; k++) block[k] = nn_tensor_get(in, first + (i + k) * step);
        if (p == 2)
            for (int64_t k = 0; k < n; k++) sum += block[k] * block[k];
        else if (p == 1)
            for (int64_t k = 0; k < n; k++) sum += fabs(block[k]);
        else
            for (int64_t k = 0; k < n; k++) sum += pow(fabs(block[k]), p);
    }
    return sum;
}

static double pool_window(const lp_work *work, int64_t plane, int64_t index) {
    const nn_window_axis *axes = work->geometry->axes;
    int64_t first[NN_MAX_SPATIAL], last[NN_MAX_SPATIAL], start[NN_MAX_SPATIAL];
    for (int i = NN_MAX_SPATIAL - 1; i >= 0; i--) {
        int64_t position = index % axes[i].out;
        index /= axes[i].out;
        nn_pool_taps(&axes[i], position, &first[i], &last[i]);
        start[i] = position * axes[i].stride - axes[i].pad_begin;
    }
    double sum = 0;
    for (int64_t d = first[0]; d < last[0]; d++)
        for (int64_t h = first[1]; h < last[1]; h++) {
            int64_t row = (plane * axes[0].in + start[0] + d * axes[0].dilation) * axes[1].in +
                          start[1] + h * axes[1].dilation;
            sum += sum_powers(work->call->in[0],
                              row * axes[2].in + start[2] + first[2] * axes[2].dilation,
                              axes[2].dilation, last[2] - first[2], work->p);
        }
    return work->p == 2 ? sqrt(sum) : work->p == 1 ? sum : pow(sum, 1 / work->p);
}

static void pool_planes(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const lp_work *work = argument;
    nn_tensor *out = work->call->out[0];
    for (int64_t plane = begin; plane < end; plane++)
        for (int64_t i = 0; i < work->geometry->out_pixels; i++) {
            double value = pool_window(work, plane, i);
            int64_t place = plane * work->geometry->out_pixels + i;
            nn_store_double(out->type, &value, nn_at_out(out->data, out->type, place), 1);
        }
}

nn_status nn_lp_run(const nn_call *call, const nn_pool_geometry *geometry, double p) {
    lp_work work = {call, geometry, p};
    nn_parallel(call->pool, geometry->batch * geometry->channels, 1, pool_planes, &work);
    return NN_OK;
}
