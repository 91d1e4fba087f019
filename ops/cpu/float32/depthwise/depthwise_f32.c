/* Depthwise convolution of channels-last floats (depthwise_f32.h). With a multiplier, where each
 * input channel feeds several outputs, the input is first spread out to as many channels. */
#include "base/integers.h"
#include "ops/cpu/float32/depthwise/depthwise_rows_f32.h"

#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

enum {
    UNITS_PER_THREAD = 4,
    WORTH_A_THREAD = 150 * 1000, /* multiply-accumulates: some 5 microseconds */
};

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

typedef struct depthwise_state {
    nn_depthwise_plan plan;
    const float *packed, *packed_bias; /* NULL: packed in each run */
    /* Offsets into workspace: what all workers share, then a part for each worker. */
    size_t packed_at, bias_at, spread_at, workers_at;
} depthwise_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (node->out[0]->type != NNOPT_FLOAT || nn_fact_count(node->out[0]) <= 0 ||
        nn_fact_count(node->in[0]) <= 0)
        return false;
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    return g.groups > 1 && g.group_in_channels == 1;
}

static nn_status pack_weights_once(const nn_node_view *node, const void *argument, void *out) {
    nn_depthwise_pack(argument, nn_view_constant(node, inputs.w)->data, out);
    return NN_OK;
}

static nn_status pack_bias_once(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *bias = nn_view_constant(node, inputs.bias);
    nn_depthwise_pack_bias(argument, bias ? bias->data : NULL, out);
    return NN_OK;
}

static size_t reserve(size_t *total, int64_t floats) {
    size_t at = *total, bytes = (size_t)floats * sizeof(float);
    *total += nn_aligned(bytes);
    return at;
}

/* Output rows that are done at once, in all of the planes. */
static int64_t row_groups(const nn_depthwise_plan *plan) {
    const nn_conv_geometry *g = &plan->geometry;
    return g->batch * g->axes[NN_DEPTH].out *
           nn_divide_up(g->axes[NN_HEIGHT].out, plan->rows_at_once);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_depthwise_f32 *set) {
    depthwise_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    if (g.group_out_channels > 1) g.in_pitch = g.out_channels; /* the input is spread out */
    int64_t wanted = target->threads > 1 ? (int64_t)target->threads * UNITS_PER_THREAD : 1;
    nn_depthwise_plan *plan = &state->plan;
    nn_depthwise_plan_make(&g, set, &node->epilogue, 1, plan);
    const int64_t blocks = nn_divide_up(wanted, row_groups(plan));
    if (blocks > 1) nn_depthwise_plan_make(&g, set, &node->epilogue, blocks, plan);

    size_t workspace = 0;
    char variant[64];
    const void *packed;
    const int64_t floats = nn_depthwise_packed_floats(plan);
    if (nn_view_constant(node, inputs.w) != NULL) {
        snprintf(variant, sizeof variant, "depthwise of %lld%s", (long long)plan->padded,
                 plan->transforms ? ", transformed" : "");
        NN_TRY(nn_prepare_pack(services, 1u << inputs.w, variant, (size_t)floats * sizeof(float),
                               pack_weights_once, plan, &packed));
        state->packed = packed;
    } else {
        state->packed_at = reserve(&workspace, floats);
    }
    if (nn_view_in(node, inputs.bias) == NULL || nn_view_constant(node, inputs.bias) != NULL) {
        snprintf(variant, sizeof variant, "bias of %lld", (long long)plan->padded);
        NN_TRY(nn_prepare_pack(services, 1u << inputs.bias, variant,
                               (size_t)plan->padded * sizeof(float), pack_bias_once, plan,
                               &packed));
        state->packed_bias = packed;
    } else {
        state->bias_at = reserve(&workspace, plan->padded);
    }
    if (g.group_out_channels > 1)
        state->spread_at = reserve(&workspace, g.batch * g.in_pixels * g.out_channels);
    state->workers_at = workspace;
    nn_prepare_workspace(services, workspace + plan->worker_bytes * (size_t)target->threads);
    return NN_OK;
}

/* ---- running ---- */

typedef struct depthwise_job {
    const nn_depthwise_plan *plan;
    const float *x, *w, *bias, *residual;
    float *y;
    char *workers;
} depthwise_job;

/* A unit of work: output rows that are done at once, by the place of the first, and a block of
 * channels. Units are counted on, since the divisions would take as long as a short row. */
typedef struct depthwise_unit {
    int64_t image, depth, height, block;
} depthwise_unit;

static depthwise_unit unit_at(const nn_depthwise_plan *plan, int64_t index) {
    const nn_window_axis *axes = plan->geometry.axes;
    depthwise_unit out = {.block = index % plan->channel_blocks};
    const int64_t group = index / plan->channel_blocks;
    const int64_t groups = nn_divide_up(axes[NN_HEIGHT].out, plan->rows_at_once);
    const int64_t plane = group / groups;
    out.height = group % groups * plan->rows_at_once;
    out.image = plane / axes[NN_DEPTH].out;
    out.depth = plane % axes[NN_DEPTH].out;
    return out;
}

static void next_unit(const nn_depthwise_plan *plan, depthwise_unit *unit) {
    const nn_window_axis *axes = plan->geometry.axes;
    if (++unit->block < plan->channel_blocks) return;
    unit->block = 0;
    unit->height += plan->rows_at_once;
    if (unit->height < axes[NN_HEIGHT].out) return;
    unit->height = 0;
    if (++unit->depth < axes[NN_DEPTH].out) return;
    unit->depth = 0;
    unit->image++;
}

static void run_units(void *argument, int64_t begin, int64_t end, int worker) {
    const depthwise_job *job = argument;
    const nn_depthwise_plan *plan = job->plan;
    const nn_conv_geometry *g = &plan->geometry;
    const nn_window_axis *axes = g->axes;
    const int64_t row_floats = axes[NN_WIDTH].out * g->out_pitch;
    char *own = job->workers + plan->worker_bytes * (size_t)worker;
    depthwise_unit unit = unit_at(plan, begin);
    nn_depthwise_start(plan, own);
    for (int64_t i = begin; i < end; i++, next_unit(plan, &unit)) {
        const int64_t plane = unit.image * axes[NN_DEPTH].out + unit.depth;
        const int64_t at = (plane * axes[NN_HEIGHT].out + unit.height) * row_floats;
        nn_depthwise_row_call call = {
            .x = job->x + unit.image * g->in_pixels * g->in_pitch,
            .held = axes[NN_HEIGHT].in,
            .w = job->w,
            .bias = job->bias,
            .residual = job->residual ? job->residual + at : NULL,
            .y = job->y + at,
            .y_row = row_floats,
            .depth = unit.depth,
            .height = unit.height,
            .rows = (int)nn_min(plan->rows_at_once, axes[NN_HEIGHT].out - unit.height),
        };
        nn_depthwise_run_rows(plan, &call, unit.block, own);
    }
}

/* Repeats each channel of the pixels [begin, end) as often as it has outputs. */
typedef struct spread_job {
    const float *x;
    float *y;
    int64_t channels, pitch, multiplier;
} spread_job;

static void spread_pixels(void *argument, int64_t begin, int64_t end, int worker) {
    const spread_job *job = argument;
    (void)worker;
    const float *x = job->x + begin * job->pitch;
    float *y = job->y + begin * job->channels * job->multiplier;
    for (int64_t i = begin; i < end; i++, x += job->pitch)
        for (int64_t c = 0; c < job->channels; c++)
            for (int64_t j = 0; j < job->multiplier; j++) *y++ = x[c];
}

static nn_status run(const nn_call *call) {
    const depthwise_state *state = call->state;
    const nn_depthwise_plan *plan = &state->plan;
    const nn_conv_geometry *g = &plan->geometry;
    char *workspace = call->workspace;
    depthwise_job job = {
        .plan = plan,
        .x = call->in[inputs.x]->data,
        .w = state->packed,
        .bias = state->packed_bias,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
        .workers = workspace + state->workers_at,
    };
    if (job.w == NULL) {
        float *packed = (float *)(workspace + state->packed_at);
        nn_depthwise_pack(plan, call->in[inputs.w]->data, packed);
        job.w = packed;
    }
    if (job.bias == NULL) {
        float *packed = (float *)(workspace + state->bias_at);
        nn_depthwise_pack_bias(plan, call->in[inputs.bias]->data, packed);
        job.bias = packed;
    }
    if (g->group_out_channels > 1) {
        spread_job spread = {job.x, (float *)(workspace + state->spread_at), g->in_channels,
                             nn_view_in_pitch(call->node, inputs.x, g->in_channels),
                             g->group_out_channels};
        nn_parallel(call->pool, g->batch * g->in_pixels, 1024, spread_pixels, &spread);
        job.x = spread.y;
    }
    const int64_t macs = /* of a unit */
        plan->rows_at_once * g->axes[NN_WIDTH].out * plan->channel_block * g->taps;
    nn_parallel(call->pool, row_groups(plan) * plan->channel_blocks, WORTH_A_THREAD / macs + 1,
                run_units, &job);
    return NN_OK;
}

NN_CONV_KERNELS(depthwise_f32, nn_depthwise_f32)
