#include "ops/family/causal_conv.h"

#include "ops/cuda/products/causal_conv_launch.h"
#include "ops/cuda/runtime/queue.h"

static const void *data_of(const nn_tensor *tensor) {
    return tensor != NULL ? tensor->data : NULL;
}

static nn_status run(const nn_call *call) {
    const nn_causal_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[NN_CAUSAL_X];
    const nn_tensor *present = nn_call_out(call, NN_CAUSAL_PRESENT);
    const nn_cuda_causal_conv arguments = {
        .type = x->type,
        .silu = attrs->silu,
        .batch = x->dims[0],
        .channels = x->dims[1],
        .length = x->dims[2],
        .taps = call->in[NN_CAUSAL_WEIGHT]->dims[2],
        .x = x->data,
        .weight = call->in[NN_CAUSAL_WEIGHT]->data,
        .bias = data_of(nn_call_in(call, NN_CAUSAL_BIAS)),
        .past = data_of(nn_call_in(call, NN_CAUSAL_PAST)),
        .y = call->out[NN_CAUSAL_Y]->data,
        .present = present != NULL ? present->data : NULL,
    };
    return nn_cuda_launched(call, nn_cuda_launch_causal_conv(&arguments, call->queue->stream));
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && node->out[NN_CAUSAL_Y] != NULL;
}

static const nn_kernel causal_conv_cuda = {
    .name = "causal_conv_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_causal_conv_kernels[] = {&causal_conv_cuda, NULL};
