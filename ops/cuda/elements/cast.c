#include "ops/family/cast.h"

#include "ops/cuda/elements/cast_launch.h"
#include "ops/cuda/elements/small_launch.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/queue.h"

enum {
    SMALL = NN_TYPES_SMALL_FLOAT | NN_TYPES_PACKED_INTEGER,
    TYPES = NN_TYPES_CASTABLE & ~NN_TYPES_STRING
};

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, TYPES) &&
           nn_type_in(node->out[0]->type, TYPES);
}

static nn_status run_small(const nn_call *call) {
    const nn_cast_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[0], *y = call->out[0];
    const nn_cuda_small_cast arguments = {
        .from = x->type,
        .to = y->type,
        .overflow = attrs->rules.overflow,
        .scale = (int)attrs->rules.scale,
        .x = x->data,
        .y = y->data,
        .count = nn_tensor_count(x),
    };
    return nn_cuda_launched(call, nn_cuda_launch_small_cast(&arguments, call->queue->stream));
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[0], *y = call->out[0];
    if (x->type == y->type) return nn_cuda_copy_tensor(call, x, y);
    if (nn_type_in(x->type, SMALL) || nn_type_in(y->type, SMALL)) return run_small(call);
    const nn_cuda_cast arguments = {x->type, y->type, x->data, y->data, nn_tensor_count(x)};
    return nn_cuda_launched(call, nn_cuda_launch_cast(&arguments, call->queue->stream));
}

static const nn_kernel cast_cuda = {
    .name = "cast_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1, /* only where sizes agree: element i is read before it is written */
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_cast_kernels[] = {&cast_cuda, NULL};
