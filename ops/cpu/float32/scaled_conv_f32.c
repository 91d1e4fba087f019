/* ScaledConv on channels-last floats: the weights are scaled in place of the pixels, which are
 * more, once for each image; then it is a direct product. Each thread scales them for itself: to
 * fetch what another core has just written would take longer. */
#include "base/integers.h"
#include "ops/cpu/kernels.h"

#include "ops/cpu/float32/direct/direct_operands.h"
#include "ops/family/scaled_conv.h"

enum {
    SCALED_AT_ONCE = 4, /* floats, of which all vectors are multiples */
    LEAST_PIXELS = 96,  /* that hide what makes weights ready to share products in each run */
};

typedef struct scaled_state {
    nn_direct_plan plan; /* of one image */
    nn_direct_operands operands;
    size_t scaled_bytes, worker_bytes; /* of a worker: its scaled weights, and all */
} scaled_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    return target->precision == NN_PRECISION_FP32 && node->out[0]->type == NNOPT_FLOAT &&
           nn_fact_count(node->out[0]) > 0 && nn_fact_count(node->in[NN_SCALED_X]) > 0 &&
           nn_view_constant(node, NN_SCALED_W) != NULL &&
           (nn_view_in(node, NN_SCALED_BIAS) == NULL ||
            nn_view_constant(node, NN_SCALED_BIAS) != NULL);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    scaled_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const int64_t *x = node->in[NN_SCALED_X]->dims;
    nn_direct_problem problem = nn_direct_product(x[2] * x[3], node->out[0]->dims[1], x[1]);
    problem.compares_rows = false;
    if (x[2] * x[3] >= LEAST_PIXELS) problem.sharing = nn_direct_sharing(node, NN_SCALED_W, target);
    nn_direct_plan_make(&problem, tiles, target->threads, &node->epilogue, &state->plan);
    state->operands = (nn_direct_operands){
        .w = NN_SCALED_W,
        .bias = NN_SCALED_BIAS,
        .source = {.column_step = x[1], .k_step = 1, .tap_step = 1, .scale = 1},
        .bias_step = 1,
        .bias_scale = 1,
    };
    size_t none; /* all is constant */
    /* Weights are made ready to share products when they are scaled. */
    nn_direct_plan plain = state->plan;
    plain.shares = false;
    NN_TRY(nn_direct_operands_prepare(node, &plain, services, &state->operands, &none));
    nn_direct_describe(&state->plan, services);
    state->scaled_bytes = nn_direct_packed_bytes(&state->plan);
    state->worker_bytes = nn_aligned(sizeof(int64_t)) + nn_aligned(state->scaled_bytes) +
                          nn_aligned(nn_direct_workspace(&state->plan, 1));
    nn_prepare_workspace(services, state->worker_bytes * (size_t)target->threads);
    return NN_OK;
}

/* Panels [panel][k][columns]: row k times scale[k]. Columns are whole vectors. */
static void scale_weights(const nn_direct_plan *plan, const float *restrict packed,
                          const float *restrict scale, float *restrict scaled) {
    float *restrict to = scaled;
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        bool last = panel == plan->panels - 1;
        const int columns = last ? plan->last_shape->columns : plan->shape->columns;
        for (int64_t k = 0; k < plan->k; k++)
            for (int j = 0; j < columns; j += SCALED_AT_ONCE, packed += SCALED_AT_ONCE)
                for (int i = 0; i < SCALED_AT_ONCE; i++) *to++ = packed[i] * scale[k];
    }
    nn_direct_end_rows(plan, scaled);
}

typedef struct scaled_job {
    const scaled_state *state;
    const float *x, *scale, *residual; /* of an image */
    float *y;
    int64_t image;
    char *workers;
} scaled_job;

/* A worker's workspace: the number of the image whose scale its weights have, or -1; these
 * weights; what a direct convolution wants. */
static int64_t *image_of_weights(const scaled_job *job, int worker) {
    return (int64_t *)(job->workers + job->state->worker_bytes * (size_t)worker);
}

static void run_units(void *argument, int64_t begin, int64_t end, int worker) {
    const scaled_job *job = argument;
    const scaled_state *state = job->state;
    int64_t *image = image_of_weights(job, worker);
    float *scaled = (float *)((char *)image + nn_aligned(sizeof *image));
    if (*image != job->image)
        scale_weights(&state->plan, state->operands.packed, job->scale, scaled);
    *image = job->image;
    nn_direct_run_units(&state->plan, scaled, state->operands.packed_bias, job->x, job->residual,
                        job->y, begin, end, (char *)scaled + nn_aligned(state->scaled_bytes));
}

static nn_status run(const nn_call *call) {
    const scaled_state *state = call->state;
    const nn_tensor *x = call->in[NN_SCALED_X];
    const int64_t images = x->dims[0], in_floats = nn_tensor_count(x) / images;
    const int64_t out_floats = nn_tensor_count(call->out[0]) / images;
    scaled_job job = {
        .state = state,
        .x = x->data,
        .scale = call->in[NN_SCALED_SCALE]->data,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
        .workers = call->workspace,
    };
    for (int i = 0; i < nn_pool_threads(call->pool); i++) *image_of_weights(&job, i) = -1;
    for (; job.image < images; job.image++) {
        nn_parallel(call->pool, state->plan.units, 1, run_units, &job);
        job.x += in_floats;
        job.scale += x->dims[3];
        if (job.residual != NULL) job.residual += out_floats;
        job.y += out_floats;
    }
    return NN_OK;
}

#define KERNEL(set, level)                                                                         \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        return prepare(node, target, services, &nn_tiles_f32_##set);                               \
    }                                                                                              \
    const nn_kernel nn_kernel_scaled_conv_f32_##set = {                                            \
        .name = "scaled_conv_f32_" #set,                                                           \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1 << NN_SCALED_X,                                                         \
        .in_place = 1 << NN_SCALED_INPUTS, /* the residual */                                      \
        .reads_pieces = 1 << NN_SCALED_W,                                                          \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run,                                                                                \
    };

KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
KERNEL(avx2, NN_ISA_AVX2)
KERNEL(avx512, NN_ISA_AVX512)
#endif
