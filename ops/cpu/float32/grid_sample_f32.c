/* GridSample of floats, linear over two axes, with padding of zeros or the border. */
#include "ops/cpu/float32/grid_sample_f32.h"
#include "base/integers.h"
#include "ops/cpu/kernels.h"

typedef struct sample_state {
    const nn_grid_sample_f32 *set;
} sample_state;

typedef struct sample_work {
    const nn_call *call;
    nn_sample_map map;
    int64_t channels, in_size, out_size, blocks; /* sizes of planes; blocks of a plane */
} sample_work;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    enum { MOST = 1 << 24 };
    (void)target;
    const nn_sample_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[NN_SAMPLE_X], *grid = node->in[NN_SAMPLE_GRID];
    if (attrs->mode != NN_SAMPLE_LINEAR || attrs->padding == NN_SAMPLE_REFLECTION || x->rank != 4)
        return false;
    if (x->type != NNOPT_FLOAT || grid->type != NNOPT_FLOAT || nn_fact_count(x) <= 0) return false;
    return x->dims[2] < MOST && x->dims[3] < MOST && x->dims[2] * x->dims[3] < INT32_MAX &&
           nn_fact_count(node->out[0]) > 0 && nn_epilogue_is_empty(&node->epilogue);
}

static nn_status prepare(const nn_target *target, nn_prepare *services,
                         const nn_grid_sample_f32 *set) {
    sample_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->set = set;
    nn_prepare_workspace(services, sizeof(nn_sample_taps) * (size_t)target->threads);
    return NN_OK;
}

/* Blocks of places, counted over samples. */
static void run_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const sample_work *work = argument;
    const nn_call *call = work->call;
    const sample_state *state = call->state;
    nn_sample_taps *taps = (nn_sample_taps *)call->workspace + worker;
    for (int64_t i = begin; i < end; i++) {
        const int64_t sample = i / work->blocks, first = i % work->blocks * NN_SAMPLE_BLOCK;
        const int64_t left = work->out_size - first;
        const int64_t count = nn_min(left, NN_SAMPLE_BLOCK);
        const float *grid = (const float *)call->in[NN_SAMPLE_GRID]->data;
        state->set->find(&work->map, grid + 2 * (sample * work->out_size + first), count, taps);
        for (int64_t c = 0; c < work->channels; c++) {
            const int64_t plane = sample * work->channels + c;
            state->set->sum(taps,
                            (const float *)call->in[NN_SAMPLE_X]->data + plane * work->in_size,
                            count, (float *)call->out[0]->data + plane * work->out_size + first);
        }
    }
}

static nn_status run(const nn_call *call) {
    enum { WORTH_A_THREAD = 4096 }; /* results: some 5 microseconds */
    const nn_sample_attrs *attrs = call->node->attrs;
    const int64_t *in = call->in[NN_SAMPLE_X]->dims, *out = call->out[0]->dims;
    sample_work work = {.call = call,
                        .map = {.height = (int32_t)in[2],
                                .width = (int32_t)in[3],
                                .align_corners = attrs->align_corners,
                                .to_border = attrs->padding == NN_SAMPLE_BORDER},
                        .channels = in[1],
                        .in_size = in[2] * in[3],
                        .out_size = out[2] * out[3]};
    work.blocks = nn_divide_up(work.out_size, NN_SAMPLE_BLOCK);
    nn_parallel(call->pool, in[0] * work.blocks,
                WORTH_A_THREAD / (NN_SAMPLE_BLOCK * work.channels) + 1, run_blocks, &work);
    return NN_OK;
}

#define KERNEL(isa_name, level)                                                                    \
    static nn_status prepare_##isa_name(const nn_node_view *node, const nn_target *target,         \
                                        nn_prepare *services) {                                    \
        (void)node;                                                                                \
        return prepare(target, services, &nn_grid_sample_f32_##isa_name);                          \
    }                                                                                              \
    const nn_kernel nn_kernel_grid_sample_f32_##isa_name = {                                       \
        .name = "grid_sample_f32_" #isa_name,                                                      \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##isa_name,                                                             \
        .run = run,                                                                                \
    };

KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
KERNEL(avx2, NN_ISA_AVX2)
KERNEL(avx512, NN_ISA_AVX512)
#endif
