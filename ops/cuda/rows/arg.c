/* ArgMax, ArgMin and Hardmax on a device. */
#include "ops/family/arg.h"

#include "ops/cuda/rows/arg_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/softmax.h"
#include "ops/family/types.h"

static nn_status run(const nn_call *call, int axis, int end, nn_cuda_arg arguments) {
    const nn_tensor *in = call->in[0];
    if (nn_tensor_count(in) == 0) return NN_OK;
    arguments.type = in->type;
    arguments.x = in->data;
    arguments.y = call->out[0]->data;
    arguments.outer = nn_dims_product(in->dims, 0, axis);
    arguments.size = nn_dims_product(in->dims, axis, end);
    arguments.inner = nn_dims_product(in->dims, end, in->rank);
    return nn_cuda_launched(call, nn_cuda_launch_arg(&arguments, call->queue->stream));
}

static nn_status run_arg(const nn_call *call, bool largest) {
    const nn_arg_attrs *attrs = call->node->attrs;
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, call->in[0]->rank, &axis));
    return run(call, axis, axis + 1, (nn_cuda_arg){.largest = largest, .last = attrs->last});
}

static nn_status run_max(const nn_call *call) {
    return run_arg(call, true);
}

static nn_status run_min(const nn_call *call) {
    return run_arg(call, false);
}

static nn_status run_hardmax(const nn_call *call) {
    const nn_softmax_attrs *attrs = call->node->attrs;
    const int rank = call->in[0]->rank;
    int axis;
    NN_TRY(nn_softmax_axis(call->node, rank, &axis));
    return run(call, axis, attrs->flattens || axis == rank ? rank : axis + 1,
               (nn_cuda_arg){.largest = true, .one_hot = true});
}

static const nn_kernel arg_max_cuda = {
    .name = "arg_max_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .accepts = nn_arg_accepts,
    .run = run_max,
};

static const nn_kernel arg_min_cuda = {
    .name = "arg_min_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .accepts = nn_arg_accepts,
    .run = run_min,
};

static const nn_kernel hardmax_cuda = {
    .name = "hardmax_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_softmax_accepts,
    .run = run_hardmax,
};

const nn_kernel *const nn_cuda_arg_max_kernels[] = {&arg_max_cuda, NULL};
const nn_kernel *const nn_cuda_arg_min_kernels[] = {&arg_min_cuda, NULL};
const nn_kernel *const nn_cuda_hardmax_kernels[] = {&hardmax_cuda, NULL};
