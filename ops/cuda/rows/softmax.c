/* Softmax and LogSoftmax on a device. */
#include "ops/family/softmax.h"

#include "ops/cuda/rows/softmax_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/types.h"

static nn_status run(const nn_call *call, bool logarithm) {
    const nn_softmax_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int axis;
    NN_TRY(nn_softmax_axis(call->node, in->rank, &axis));
    if (nn_tensor_count(in) == 0) return NN_OK;
    const int end = attrs->flattens || axis == in->rank ? in->rank : axis + 1;
    const nn_cuda_softmax arguments = {
        .type = in->type,
        .logarithm = logarithm,
        .x = in->data,
        .y = call->out[0]->data,
        .outer = nn_dims_product(in->dims, 0, axis),
        .size = nn_dims_product(in->dims, axis, end),
        .inner = nn_dims_product(in->dims, end, in->rank),
    };
    return nn_cuda_launched(call, nn_cuda_launch_softmax(&arguments, call->queue->stream));
}

static nn_status run_softmax(const nn_call *call) {
    return run(call, false);
}

static nn_status run_log_softmax(const nn_call *call) {
    return run(call, true);
}

static const nn_kernel softmax_cuda = {
    .name = "softmax_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .in_place = 1,
    .accepts = nn_softmax_accepts,
    .run = run_softmax,
};

static const nn_kernel log_softmax_cuda = {
    .name = "log_softmax_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .in_place = 1,
    .accepts = nn_softmax_accepts,
    .run = run_log_softmax,
};

const nn_kernel *const nn_cuda_softmax_kernels[] = {&softmax_cuda, NULL};
const nn_kernel *const nn_cuda_log_softmax_kernels[] = {&log_softmax_cuda, NULL};
