/* Transposed convolution of channels-last floats, one direct convolution for each phase
 * (conv_phases.h). */
#include "base/integers.h"
#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/conv_phases.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

typedef struct phase {
    nn_conv_phase at;
    nn_direct_plan plan;
    const float *packed;
} phase;

typedef struct transpose_state {
    nn_conv_geometry geometry;
    const float *packed_bias; /* NULL: packed in each run, at the start of the workspace */
    size_t bias_bytes;
    size_t worker_bytes; /* workspace of one thread, enough for any phase */
    bool in_step;        /* all phases have the same units: each is done for all of them in turn */
    /* What is done to sums of fewer channels than a vector has: to all outputs at the end, which
     * lie beside each other then, as those of a phase do not. NULL: phases do it. */
    nn_epilogue_function finish;
    int count;
    phase phases[]; /* those with outputs */
} transpose_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (node->out[0]->type != NNOPT_FLOAT || nn_fact_count(node->out[0]) <= 0 ||
        nn_fact_count(node->in[0]) <= 0 || nn_view_constant(node, 1) == NULL ||
        nn_fact_count(node->in[1]) <= 0)
        return false;
    nn_conv_geometry g = nn_conv_transpose_geometry_of(node);
    return nn_conv_phases_fit(&g);
}

typedef struct pack_argument {
    const transpose_state *state;
    const phase *phase;
} pack_argument;

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    nn_direct_source source;
    float *gathered;
    NN_TRY(nn_conv_phase_weights(&pack->state->geometry, &pack->phase->at,
                                 nn_view_constant(node, 1)->data, &source, &gathered));
    nn_direct_pack(&pack->phase->plan, &source, gathered, out);
    nn_free(gathered);
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const transpose_state *state = argument;
    const nn_tensor *bias = nn_view_constant(node, 2);
    nn_direct_pack_bias(&state->phases[0].plan, bias ? bias->data : NULL, 1, 1, out);
    return NN_OK;
}

static bool finishes_late(const nn_node_view *node, const nn_conv_geometry *g,
                          const nn_tiles_f32 *tiles) {
    float low, high;
    return g->out_channels < tiles->lanes && !node->epilogue.has_residual &&
           !nn_epilogue_as_clip(&node->epilogue, &low, &high);
}

/* All phases share products or none: one bias serves them, padded as their panels are. */
static nn_sharing sharing_of(const nn_conv_geometry *g, int64_t count, const nn_target *target,
                             const nn_tiles_f32 *tiles) {
    if (target->deterministic) return NN_SHARE_NEVER;
    for (int64_t i = 0; i < count; i++) {
        nn_conv_phase at;
        nn_direct_plan plan;
        if (!nn_conv_phase_at(g, i, &at)) continue;
        at.problem.sharing = NN_SHARE_WHERE_FASTER;
        nn_direct_plan_make(&at.problem, tiles, target->threads, &(nn_epilogue){0}, &plan);
        if (!plan.shares) return NN_SHARE_NEVER;
    }
    return NN_SHARE_WHERE_FASTER;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    const nn_conv_geometry g = nn_conv_transpose_geometry_of(node);
    const nn_window_axis *axes = g.axes;
    int64_t count = nn_conv_phase_count(&g);
    size_t bytes = sizeof(transpose_state) + (size_t)count * sizeof(phase);
    transpose_state *state = nn_prepare_state(services, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    state->geometry = g;
    state->in_step = true;
    state->finish = finishes_late(node, &g, tiles) ? tiles->finish : NULL;
    const nn_epilogue none = {0}, *epilogue = state->finish != NULL ? &none : &node->epilogue;
    const nn_sharing sharing = sharing_of(&g, count, target, tiles);
    for (int64_t i = 0; i < count; i++) {
        phase *one = &state->phases[state->count];
        if (!nn_conv_phase_at(&g, i, &one->at)) continue;
        one->at.problem.sharing = sharing;
        nn_direct_plan_make(&one->at.problem, tiles, target->threads, epilogue, &one->plan);
        char variant[64];
        const void *packed;
        const pack_argument argument = {state, one};
        snprintf(variant, sizeof variant, "phase %lld of %lldx%lldx%lld, %d+%d columns%s",
                 (long long)i, (long long)axes[0].stride, (long long)axes[1].stride,
                 (long long)axes[2].stride, one->plan.shape->columns, one->plan.last_shape->columns,
                 one->plan.shares ? ", shared" : "");
        NN_TRY(nn_prepare_pack(services, 1u << 1, variant, nn_direct_packed_bytes(&one->plan), pack,
                               &argument, &packed));
        one->packed = packed;
        size_t own = nn_direct_workspace(&one->plan, 1);
        if (own > state->worker_bytes) state->worker_bytes = own;
        state->in_step &= one->plan.units == state->phases[0].plan.units;
        state->count++;
    }
    if (nn_view_in(node, 2) == NULL || nn_view_constant(node, 2) != NULL) {
        char variant[64];
        const void *packed;
        snprintf(variant, sizeof variant, "bias of %lld",
                 (long long)state->phases[0].plan.group_columns);
        NN_TRY(nn_prepare_pack(services, 1u << 2, variant,
                               nn_direct_bias_bytes(&state->phases[0].plan), pack_bias, state,
                               &packed));
        state->packed_bias = packed;
    } else {
        state->bias_bytes = nn_direct_bias_bytes(&state->phases[0].plan);
    }
    nn_prepare_workspace(services,
                         state->bias_bytes + state->worker_bytes * (size_t)target->threads);
    return NN_OK;
}

typedef struct transpose_job {
    const transpose_state *state;
    const phase *phase; /* of run_phase */
    const float *bias, *x, *residual;
    float *y;
    char *workspace;
} transpose_job;

/* A thread's workspace is at the same place in all phases: others may be in other phases. */
static void run_units(const transpose_job *job, const phase *one, int64_t begin, int64_t end,
                      int worker) {
    nn_direct_run_units(&one->plan, one->packed, job->bias, job->x,
                        job->residual ? job->residual + one->at.offset : NULL,
                        job->y + one->at.offset, begin, end,
                        job->workspace + job->state->worker_bytes * (size_t)worker);
}

static void run_phase(void *argument, int64_t begin, int64_t end, int worker) {
    const transpose_job *job = argument;
    run_units(job, job->phase, begin, end, worker);
}

/* Units of all phases, which read the same pixels: those come from memory once. */
static void run_in_step(void *argument, int64_t begin, int64_t end, int worker) {
    const transpose_job *job = argument;
    for (int64_t unit = begin; unit < end; unit++)
        for (int i = 0; i < job->state->count; i++)
            run_units(job, &job->state->phases[i], unit, unit + 1, worker);
}

typedef struct finish_job {
    nn_epilogue_function finish;
    const nn_epilogue *epilogue;
    float *y;
    int64_t channels, pitch;
} finish_job;

/* Pixels [begin, end). */
static void finish_floats(void *argument, int64_t begin, int64_t end, int worker) {
    const finish_job *job = argument;
    (void)worker;
    float *y = job->y + begin * job->pitch;
    nn_epilogue_block block = {.x = y,
                               .x_step = job->pitch,
                               .y = y,
                               .y_step = job->pitch,
                               .rows = end - begin,
                               .columns = job->channels};
    if (job->pitch == job->channels) {
        block.columns *= block.rows;
        block.rows = 1;
    }
    job->finish(job->epilogue, &block);
}

static void run_phases(const nn_call *call, transpose_job *job) {
    const transpose_state *state = job->state;
    if (state->in_step) {
        nn_parallel(call->pool, state->phases[0].plan.units, 1, run_in_step, job);
        return;
    }
    for (int i = 0; i < state->count; i++) {
        job->phase = &state->phases[i];
        nn_parallel(call->pool, job->phase->plan.units, 1, run_phase, job);
    }
}

static nn_status run(const nn_call *call) {
    enum { WORTH_A_THREAD = 4096 }; /* floats */
    const transpose_state *state = call->state;
    transpose_job job = {
        .state = state,
        .bias = state->packed_bias,
        .x = call->in[0]->data,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
        .workspace = (char *)call->workspace + state->bias_bytes,
    };
    if (job.bias == NULL) {
        nn_direct_pack_bias(&state->phases[0].plan, call->in[2]->data, 1, 1, call->workspace);
        job.bias = call->workspace;
    }
    run_phases(call, &job);
    if (state->finish != NULL) {
        const nn_conv_geometry *g = &state->geometry;
        finish_job last = {state->finish, &call->node->epilogue, job.y, g->out_channels,
                           g->out_pitch};
        nn_parallel(call->pool, g->batch * g->out_pixels,
                    nn_divide_up(WORTH_A_THREAD, g->out_channels), finish_floats, &last);
    }
    return NN_OK;
}

NN_CONV_KERNELS(conv_transpose_f32, nn_tiles_f32)
