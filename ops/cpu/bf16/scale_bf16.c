/* Add and Mul of maps in bf16 (scale_bf16.h), for plans of that precision: residuals that no
 * product takes over, and gates of one number for each channel. */
#include "ops/cpu/bf16/scale_bf16.h"

#include "ops/cpu/kernels.h"

#include <string.h>

enum { WORK_PER_UNIT = 16384 /* elements */ };

static bool is_same(const nn_fact *a, const nn_fact *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

/* One number for each channel of each image. */
static bool is_gate(const nn_fact *gate, const nn_fact *y) {
    if (gate->rank != y->rank || gate->dims[0] != y->dims[0] || gate->dims[1] != y->dims[1])
        return false;
    for (int i = 2; i < gate->rank; i++)
        if (gate->dims[i] != 1) return false;
    return true;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *a = node->in[0], *b = node->in[1], *y = node->out[0];
    (void)target;
    if (a->type != NNOPT_BFLOAT16 || b->type != NNOPT_BFLOAT16 || y->type != NNOPT_BFLOAT16)
        return false;
    if (y->rank < 3 || y->rank > 5 || !nn_epilogue_is_empty(&node->epilogue)) return false;
    return (is_same(a, y) && (is_same(b, y) || is_gate(b, y))) || (is_gate(a, y) && is_same(b, y));
}

typedef struct scale_job {
    nn_bf16_scaling scaling;
    const uint16_t *x, *by;
    uint16_t *y;
    int64_t image_pixels;
} scale_job;

static void scale_pixels(void *argument, int64_t begin, int64_t end, int worker) {
    const scale_job *job = argument;
    const int64_t channels = job->scaling.channels;
    (void)worker;
    while (begin < end) {
        int64_t image = begin / job->image_pixels, last = (image + 1) * job->image_pixels;
        if (last > end) last = end;
        const uint16_t *by = job->by + (job->scaling.by_step != 0 ? begin : image) * channels;
        nn_bf16_scale_pixels(&job->scaling, job->x + begin * channels, by,
                             job->y + begin * channels, last - begin);
        begin = last;
    }
}

/* Channels last: N, spatial axes, C. */
static nn_status run(const nn_call *call, bool adds) {
    const nn_tensor *a = call->in[0], *b = call->in[1], *y = call->out[0];
    const bool swap = nn_tensor_count(a) < nn_tensor_count(b);
    const nn_tensor *x = swap ? b : a, *by = swap ? a : b;
    if (nn_tensor_count(y) == 0) return NN_OK;
    const int64_t channels = y->dims[y->rank - 1], pixels = nn_tensor_count(y) / channels;
    const bool is_map = nn_tensor_count(by) == nn_tensor_count(y);
    scale_job job = {
        .scaling = {.channels = channels, .by_step = is_map ? channels : 0, .adds = adds},
        .x = x->data,
        .by = by->data,
        .y = y->data,
        .image_pixels = pixels / y->dims[0],
    };
    nn_parallel(call->pool, pixels, WORK_PER_UNIT / channels + 1, scale_pixels, &job);
    return NN_OK;
}

static nn_status run_add(const nn_call *call) {
    return run(call, true);
}

static nn_status run_mul(const nn_call *call) {
    return run(call, false);
}

#define SCALE_KERNEL(op)                                                                           \
    const nn_kernel nn_kernel_##op##_bf16_avx512bf16 = {                                           \
        .name = #op "_bf16_avx512bf16",                                                            \
        .isa = NN_ISA_BF16,                                                                        \
        .precision = NN_PRECISION_BF16,                                                            \
        .exactness = NN_EXACT,                                                                     \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 3,                                                                        \
        .in_place = 3,                                                                             \
        .accepts = accepts,                                                                        \
        .run = run_##op,                                                                           \
    };
SCALE_KERNEL(add)
SCALE_KERNEL(mul)
