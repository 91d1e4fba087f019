#include "ops/cuda/elements/clip.h"

#include "ops/cuda/elements/clip_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/types.h"

enum { X, LOW, HIGH };

/* Bounds of attributes are constants. */
static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return node->in_count > 1 && nn_type_in(node->in[X]->type, NN_TYPES_NUMBER) &&
           nn_epilogue_is_empty(&node->epilogue);
}

static const void *bound_of(const nn_call *call, int input) {
    const nn_tensor *bound = nn_call_in(call, input);
    return bound != NULL && nn_tensor_count(bound) > 0 ? bound->data : NULL;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[X];
    const nn_cuda_clip arguments = {
        .type = x->type,
        .count = nn_tensor_count(x),
        .x = x->data,
        .low = bound_of(call, LOW),
        .high = bound_of(call, HIGH),
        .y = call->out[0]->data,
    };
    return nn_cuda_launched(call, nn_cuda_launch_clip(&arguments, call->queue->stream));
}

const nn_kernel nn_kernel_clip_bounds_cuda = {
    .name = "clip_bounds_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1u << X,
    .in_place = 1u << X,
    .accepts = accepts,
    .run = run,
};
