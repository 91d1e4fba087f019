#include "ops/cuda/elements/where_launch.h"

#include "ops/cuda/elements/loops.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/queue.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_cuda_moves(node->in[1]->type);
}

static nn_status run(const nn_call *call) {
    nn_cuda_where arguments = {.bytes = (int)nn_element_size(call->out[0]->type),
                               .condition = call->in[0]->data,
                               .a = call->in[1]->data,
                               .b = call->in[2]->data,
                               .y = call->out[0]->data};
    nn_cuda_loops_of_call(call, 0, 2, &arguments.loops);
    return nn_cuda_launched(call, nn_cuda_launch_where(&arguments, call->queue->stream));
}

static const nn_kernel where_cuda = {
    .name = "where_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 7,
    .in_place = 6,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_where_kernels[] = {&where_cuda, NULL};
