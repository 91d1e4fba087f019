/* Pools as the standard defines them, window by window, in standard layout. */
#include "ops/cpu/kernels.h"
#include "ops/family/half.h"
#include "ops/family/pooling.h"

#include <math.h>

typedef struct pool_job {
    nn_pool_geometry geometry;
    nn_type type;
    bool count_include_pad, column_major;
    const void *x;
    void *y;
    int64_t *indices; /* NULL: not wanted */
} pool_job;

/* Input positions of one window on data: begin, begin + dilation, ... below end. */
typedef struct pool_window {
    int64_t begin[NN_MAX_SPATIAL], end[NN_MAX_SPATIAL];
    int64_t out[NN_MAX_SPATIAL];
} pool_window;

static pool_window window_at(const nn_pool_geometry *g, int64_t index) {
    pool_window window;
    for (int i = NN_MAX_SPATIAL - 1; i >= 0; i--) {
        const nn_window_axis *axis = &g->axes[i];
        int64_t first, last, position = index % axis->out;
        index /= axis->out;
        nn_pool_taps(axis, position, &first, &last);
        int64_t start = position * axis->stride - axis->pad_begin;
        window.out[i] = position;
        window.begin[i] = start + first * axis->dilation;
        window.end[i] = start + last * axis->dilation;
    }
    return window;
}

/* Place of an element in its plane as the indices output counts it. */
static int64_t index_of(const pool_job *job, const int64_t at[NN_MAX_SPATIAL]) {
    const nn_window_axis *axes = job->geometry.axes;
    if (job->column_major) return at[0] + axes[0].in * (at[1] + axes[1].in * at[2]);
    return (at[0] * axes[1].in + at[1]) * axes[2].in + at[2];
}

#define TYPE       float
#define NAME(stem) stem##_f32
#define LOWEST     (-INFINITY)
#include "ops/cpu/reference/pooling_reference.inc.h"
#undef TYPE
#undef NAME
#define TYPE       double
#define NAME(stem) stem##_f64
#include "ops/cpu/reference/pooling_reference.inc.h"
#undef TYPE
#undef NAME
#undef LOWEST
#define TYPE       int8_t
#define NAME(stem) stem##_i8
#define LOWEST     INT8_MIN
#include "ops/cpu/reference/pooling_reference.inc.h"
#undef TYPE
#undef NAME
#undef LOWEST
#define TYPE       uint8_t
#define NAME(stem) stem##_u8
#define LOWEST     0
#include "ops/cpu/reference/pooling_reference.inc.h"
#undef TYPE
#undef NAME
#undef LOWEST

static double load(const pool_job *job, int64_t index) {
    return job->type == NNOPT_DOUBLE ? ((const double *)job->x)[index]
                                     : (double)((const float *)job->x)[index];
}

static void store(const pool_job *job, int64_t index, double value) {
    if (job->type == NNOPT_DOUBLE)
        ((double *)job->y)[index] = value;
    else
        ((float *)job->y)[index] = (float)value;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    (void)target;
    nn_prepare_workspace(services, nn_half_workspace(node));
    return NN_OK;
}

static nn_status run_planes(const nn_call *call, nn_task task) {
    const nn_pool_attrs *attrs = call->node->attrs;
    pool_job job = {
        .geometry = nn_pool_geometry_of(call->node),
        .type = call->in[0]->type,
        .count_include_pad = attrs->count_include_pad,
        .column_major = attrs->column_major,
        .x = call->in[0]->data,
        .y = call->out[0]->data,
        .indices = call->out_count > 1 && call->out[1] != NULL ? call->out[1]->data : NULL,
    };
    nn_parallel(call->pool, job.geometry.batch * job.geometry.channels, 1, task, &job);
    return NN_OK;
}

/* ---- MaxPool ---- */

static void run_max_planes(void *argument, int64_t begin, int64_t end, int worker) {
    const pool_job *job = argument;
    (void)worker;
    for (int64_t plane = begin; plane < end; plane++) {
        switch (job->type) {
        case NNOPT_DOUBLE:
            max_plane_f64(job, plane);
            break;
        case NNOPT_INT8:
            max_plane_i8(job, plane);
            break;
        case NNOPT_UINT8:
            max_plane_u8(job, plane);
            break;
        default:
            max_plane_f32(job, plane);
            break;
        }
    }
}

static nn_status run_max_real(const nn_call *call) {
    return run_planes(call, run_max_planes);
}

static nn_status run_max(const nn_call *call) {
    return nn_is_half(call->in[0]->type) ? nn_half_run(call, run_max_real) : run_max_real(call);
}

const nn_kernel nn_kernel_max_pool_reference = {
    .name = "max_pool_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_STANDARD,
    .prepare = prepare,
    .run = run_max,
};

/* ---- AveragePool ---- */

static void average_plane(const pool_job *job, int64_t plane) {
    const nn_pool_geometry *g = &job->geometry;
    const nn_window_axis *axes = g->axes;
    for (int64_t i = 0; i < g->out_pixels; i++) {
        pool_window window = window_at(g, i);
        double sum = 0;
        int64_t divisor = 1, at[NN_MAX_SPATIAL];
        for (at[0] = window.begin[0]; at[0] < window.end[0]; at[0] += axes[0].dilation)
            for (at[1] = window.begin[1]; at[1] < window.end[1]; at[1] += axes[1].dilation)
                for (at[2] = window.begin[2]; at[2] < window.end[2]; at[2] += axes[2].dilation)
                    sum += load(job, plane * g->in_pixels +
                                         (at[0] * axes[1].in + at[1]) * axes[2].in + at[2]);
        for (int axis = 0; axis < NN_MAX_SPATIAL; axis++)
            divisor *= nn_pool_divisor(&axes[axis], window.out[axis], job->count_include_pad);
        store(job, plane * g->out_pixels + i, divisor > 0 ? sum / (double)divisor : 0);
    }
}

static void run_average_planes(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    for (int64_t plane = begin; plane < end; plane++) average_plane(argument, plane);
}

static nn_status run_average_real(const nn_call *call) {
    return run_planes(call, run_average_planes);
}

static nn_status run_average(const nn_call *call) {
    return nn_is_half(call->in[0]->type) ? nn_half_run(call, run_average_real)
                                         : run_average_real(call);
}

const nn_kernel nn_kernel_average_pool_reference = {
    .name = "average_pool_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .prepare = prepare,
    .run = run_average,
};

/* ---- pools over whole planes ---- */

static pool_job global_job(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    pool_job job = {.type = x->type, .x = x->data, .y = call->out[0]->data};
    job.geometry.batch = x->dims[0];
    job.geometry.channels = x->dims[1];
    job.geometry.in_pixels = 1;
    for (int i = 2; i < x->rank; i++) job.geometry.in_pixels *= x->dims[i];
    return job;
}

static void run_global_average_planes(void *argument, int64_t begin, int64_t end, int worker) {
    const pool_job *job = argument;
    int64_t pixels = job->geometry.in_pixels;
    (void)worker;
    for (int64_t plane = begin; plane < end; plane++) {
        double sum = 0;
        for (int64_t i = 0; i < pixels; i++) sum += load(job, plane * pixels + i);
        store(job, plane, pixels > 0 ? sum / (double)pixels : 0);
    }
}

static void run_global_max_planes(void *argument, int64_t begin, int64_t end, int worker) {
    const pool_job *job = argument;
    int64_t pixels = job->geometry.in_pixels;
    (void)worker;
    for (int64_t plane = begin; plane < end; plane++) {
        double largest = -INFINITY;
        for (int64_t i = 0; i < pixels; i++) {
            double value = load(job, plane * pixels + i);
            if (value > largest) largest = value;
        }
        store(job, plane, largest);
    }
}

static nn_status run_global_average_real(const nn_call *call) {
    pool_job job = global_job(call);
    nn_parallel(call->pool, job.geometry.batch * job.geometry.channels, 1,
                run_global_average_planes, &job);
    return NN_OK;
}

static nn_status run_global_max_real(const nn_call *call) {
    pool_job job = global_job(call);
    nn_parallel(call->pool, job.geometry.batch * job.geometry.channels, 1, run_global_max_planes,
                &job);
    return NN_OK;
}

static nn_status run_global_average(const nn_call *call) {
    return nn_is_half(call->in[0]->type) ? nn_half_run(call, run_global_average_real)
                                         : run_global_average_real(call);
}

static nn_status run_global_max(const nn_call *call) {
    return nn_is_half(call->in[0]->type) ? nn_half_run(call, run_global_max_real)
                                         : run_global_max_real(call);
}

const nn_kernel nn_kernel_global_average_pool_reference = {
    .name = "global_average_pool_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .prepare = prepare,
    .run = run_global_average,
};

const nn_kernel nn_kernel_global_max_pool_reference = {
    .name = "global_max_pool_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_STANDARD,
    .prepare = prepare,
    .run = run_global_max,
};
