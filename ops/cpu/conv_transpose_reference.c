/* Transposed convolution as the standard defines it, tap by tap, in standard layout. */
#include "ops/cpu/kernels.h"
#include "ops/family/conv_transpose.h"
#include "ops/family/half.h"

typedef struct transpose_job {
    nn_conv_transpose_geometry geometry;
    nn_type type;
    const void *x, *w, *bias;
    void *y;
    const nn_epilogue *epilogue;
    const float *residual;
} transpose_job;

#define REAL       float
#define NAME(stem) stem##_f32
#include "ops/cpu/conv_transpose_reference.inc.h"
#undef REAL
#undef NAME
#define REAL       double
#define NAME(stem) stem##_f64
#include "ops/cpu/conv_transpose_reference.inc.h"
#undef REAL
#undef NAME

static void run_planes(void *argument, int64_t begin, int64_t end, int worker) {
    const transpose_job *job = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        if (job->type == NNOPT_DOUBLE) {
            transpose_plane_f64(job, i);
            continue;
        }
        transpose_plane_f32(job, i);
        int64_t pixels = job->geometry.out_pixels;
        const float *residual = job->residual ? job->residual + i * pixels : NULL;
        nn_epilogue_apply(job->epilogue, residual, (float *)job->y + i * pixels, pixels);
    }
}

static nn_status run_real(const nn_call *call) {
    const nn_epilogue *epilogue = &call->node->epilogue;
    transpose_job job = {
        .geometry = nn_conv_transpose_geometry_of(call->node),
        .type = call->out[0]->type,
        .x = call->in[0]->data,
        .w = call->in[1]->data,
        .bias = call->in_count > 2 && call->in[2] != NULL ? call->in[2]->data : NULL,
        .y = call->out[0]->data,
        .epilogue = epilogue,
        .residual = epilogue->has_residual ? call->in[epilogue->residual]->data : NULL,
    };
    nn_parallel(call->pool, job.geometry.batch * job.geometry.out_channels, 1, run_planes, &job);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return nn_is_half(call->out[0]->type) ? nn_half_run(call, run_real) : run_real(call);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    (void)target;
    nn_prepare_workspace(services, nn_half_workspace(node));
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return node->out[0]->type == NNOPT_FLOAT || nn_epilogue_is_empty(&node->epilogue);
}

const nn_kernel nn_kernel_conv_transpose_reference = {
    .name = "conv_transpose_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};
