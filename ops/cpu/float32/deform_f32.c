/* Deformable convolution of floats: for a few output pixels at a time the values of all taps are
 * gathered as a packed panel, which the weights of each group multiply. */
#include "base/integers.h"
#include "ops/cpu/float32/panels_f32.h"
#include "ops/cpu/kernels.h"
#include "ops/family/deform.h"

typedef struct deform_state {
    nn_deform shape;
    const nn_tiles_f32 *tiles;
    int64_t block; /* output pixels of a panel */
    int64_t worker_floats;
} deform_state;

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    deform_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->shape = nn_deform_of(node);
    state->tiles = tiles;
    state->block = tiles->shapes[tiles->count > 1 ? 1 : 0]->columns;
    state->worker_floats =
        (state->shape.channels * state->shape.taps * state->block + 15) / 16 * 16;
    nn_prepare_workspace(services,
                         (size_t)(state->worker_floats * target->threads) * sizeof(float));
    return NN_OK;
}

typedef struct deform_work {
    const nn_call *call;
    const deform_state *state;
} deform_work;

/* Values of one pixel for all channels and taps, `width` apart. */
static void gather_pixel(const deform_work *work, int64_t sample, int64_t pixel, int64_t width,
                         float *out) {
    const nn_deform *d = &work->state->shape;
    const float *x =
        (const float *)work->call->in[NN_DEFORM_X]->data + sample * d->channels * d->in_pixels;
    int64_t each = d->channels / d->offset_group;
    for (int64_t group = 0; group < d->offset_group; group++)
        for (int64_t tap = 0; tap < d->taps; tap++) {
            nn_deform_corners corners;
            nn_deform_find(work->call, d, sample, group, tap, pixel, &corners);
            for (int64_t channel = group * each; channel < (group + 1) * each; channel++) {
                const float *plane = x + channel * d->in_pixels;
                float sum = 0;
                for (int k = 0; k < corners.count; k++)
                    if (corners.offset[k] >= 0)
                        sum += (float)corners.weight[k] * plane[corners.offset[k]];
                out[(channel * d->taps + tap) * width] = sum;
            }
        }
}

static void run_block(const deform_work *work, int64_t sample, int64_t first, int64_t count,
                      float *columns) {
    const nn_deform *d = &work->state->shape;
    const float *bias =
        nn_call_in(work->call, NN_DEFORM_BIAS) ? work->call->in[NN_DEFORM_BIAS]->data : NULL;
    const float *w = work->call->in[NN_DEFORM_W]->data;
    float *y = (float *)work->call->out[0]->data + sample * d->out_channels * d->out_pixels + first;
    int64_t k = d->channels / d->group * d->taps, rows = d->out_channels / d->group;
    nn_panels panels = nn_panels_make(work->state->tiles, NN_TILE_MAX_ROWS, k, count);
    int64_t width = panels.last->columns;
    memset(columns, 0, (size_t)(d->channels * d->taps * width) * sizeof *columns);
    for (int64_t i = 0; i < count; i++) gather_pixel(work, sample, first + i, width, columns + i);
    for (int64_t channel = 0; bias != NULL && channel < d->out_channels; channel++)
        for (int64_t i = 0; i < count; i++) y[channel * d->out_pixels + i] = bias[channel];
    for (int64_t group = 0; group < d->group; group++) {
        nn_panels_product product = {.packed = columns + group * k * width,
                                     .x = w + group * rows * k,
                                     .y = y + group * rows * d->out_pixels,
                                     .rows = rows,
                                     .x_step = k,
                                     .y_step = d->out_pixels,
                                     .last = 1,
                                     .k_end = k,
                                     .add = bias != NULL};
        nn_panels_multiply(&panels, &product);
    }
}

static void run_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const deform_work *work = argument;
    const deform_state *state = work->state;
    float *columns = (float *)work->call->workspace + state->worker_floats * worker;
    int64_t pixels = state->shape.out_pixels, blocks = nn_divide_up(pixels, state->block);
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i % blocks * state->block, left = pixels - first;
        run_block(work, i / blocks, first, nn_min(left, state->block), columns);
    }
}

static nn_status run(const nn_call *call) {
    const deform_state *state = call->state;
    deform_work work = {call, state};
    int64_t blocks = nn_divide_up(state->shape.out_pixels, state->block);
    nn_parallel(call->pool, state->shape.batch * blocks, 1, run_blocks, &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return node->out[0]->type == NNOPT_FLOAT && nn_fact_count(node->out[0]) > 0 &&
           nn_fact_count(node->in[NN_DEFORM_X]) > 0 && nn_epilogue_is_empty(&node->epilogue);
}

#define DEFORM_KERNEL(set, level)                                                                  \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        return prepare(node, target, services, &nn_tiles_f32_##set);                               \
    }                                                                                              \
    const nn_kernel nn_kernel_deform_f32_##set = {                                                 \
        .name = "deform_f32_" #set,                                                                \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run,                                                                                \
    };

DEFORM_KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
DEFORM_KERNEL(avx2, NN_ISA_AVX2)
DEFORM_KERNEL(avx512, NN_ISA_AVX512)
#endif
