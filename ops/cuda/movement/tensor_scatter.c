/* TensorScatter: what writes the newest tokens into the caches of attention. In place nothing else
 * of a cache moves. */
#include "ops/family/tensor_scatter.h"

#include "ops/cuda/movement/copy.h"
#include "ops/cuda/movement/packed.h"
#include "ops/cuda/movement/tensor_scatter_launch.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"

enum { PAST, UPDATE, INDICES, MOST_BYTES = 16 };

static nn_status run_bytes(const nn_call *call) {
    const nn_tensor_scatter_attrs *attrs = call->node->attrs;
    const nn_tensor *past = call->in[PAST], *update = call->in[UPDATE], *cache = call->out[0];
    const nn_tensor *indices = nn_call_in(call, INDICES);
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, past->rank, &axis));
    NN_TRY(nn_cuda_copy_tensor(call, past, cache));
    if (nn_tensor_count(update) == 0) return NN_OK;
    nn_cuda_tensor_scatter arguments = {
        .bytes = (int)nn_element_size(past->type),
        .circular = attrs->circular,
        .samples = past->dims[0],
        .prefixes = nn_dims_product(past->dims, 1, axis),
        .capacity = past->dims[axis],
        .length = update->dims[axis],
        .row = nn_dims_product(past->dims, axis + 1, past->rank),
        .first = indices != NULL ? indices->data : NULL,
        .update = update->data,
        .cache = cache->data,
    };
    const uintptr_t addresses = (uintptr_t)update->data | (uintptr_t)cache->data;
    while (arguments.bytes < MOST_BYTES && arguments.row % 2 == 0 &&
           addresses % (2 * (uintptr_t)arguments.bytes) == 0) {
        arguments.bytes *= 2;
        arguments.row /= 2;
    }
    NN_TRY(nn_cuda_fault_make(call, "rows do not fit the cache from their index on",
                              &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_tensor_scatter(&arguments, call->queue->stream));
}

static nn_status run(const nn_call *call) {
    return nn_cuda_packed_run(call, run_bytes);
}

static const nn_kernel tensor_scatter_cuda = {
    .name = "tensor_scatter_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .in_place = 1u << PAST,
    .accepts = nn_cuda_packed_accepts,
    .prepare = nn_packed_prepare,
    .run = run,
};

const nn_kernel *const nn_cuda_tensor_scatter_kernels[] = {&tensor_scatter_cuda, NULL};
