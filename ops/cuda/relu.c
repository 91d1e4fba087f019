#include "ops/cuda/relu_launch.h"
#include "ops/cuda/runtime/queue.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_type type = node->in[0]->type;
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           (type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    const nn_cuda_relu arguments = {x->type, x->data, call->out[0]->data, nnopt_tensor_count(x)};
    return nn_cuda_launched(call, nn_cuda_launch_relu(&arguments, call->queue->stream));
}

static const nn_kernel relu_cuda = {
    .name = "relu_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_relu_kernels[] = {&relu_cuda, NULL};
