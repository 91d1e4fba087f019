/* Gather, GatherElements, GatherND. */
#include "ops/cuda/movement/gather_launch.h"

#include "ops/cuda/elements/loops.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/movement/slices.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/movement.h"

/* Runs of `*length` elements that stay together become fewer, larger elements: powers of two up to
 * 16 bytes, as far as length and addresses allow. */
static int widen(int bytes, int64_t *length, const void *a, const void *b) {
    while (bytes < NN_CUDA_VECTOR_BYTES && *length % 2 == 0 && *length > 0 &&
           ((uintptr_t)a | (uintptr_t)b) % (2 * (uintptr_t)bytes) == 0) {
        bytes *= 2;
        *length /= 2;
    }
    return bytes;
}

static nn_status run_gather(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *indices = call->in[1];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, data->rank, &axis));
    int64_t inner = nn_dims_product(data->dims, axis + 1, data->rank);
    const int64_t count = nn_tensor_count(indices);
    nn_cuda_gather arguments = {.index_type = indices->type,
                                .outer = nn_dims_product(data->dims, 0, axis),
                                .size = data->dims[axis],
                                .x = data->data,
                                .indices = indices->data,
                                .y = call->out[0]->data};
    arguments.bytes = widen((int)nn_element_size(data->type), &inner, arguments.x, arguments.y);
    arguments.total = arguments.outer * count * inner;
    if (arguments.total == 0) return NN_OK;
    arguments.count = nn_cuda_extent_make(count, arguments.total);
    arguments.inner = nn_cuda_extent_make(inner, arguments.total);
    NN_TRY(nn_cuda_fault_make(call, "an index is out of range", &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_gather(&arguments, call->queue->stream));
}

static nn_status run_gather_elements(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *indices = call->in[1];
    int64_t steps[NN_MAX_RANK], out_steps[NN_MAX_RANK];
    int axis;
    nn_loops loops;
    NN_TRY(nn_check_axis(call->node, attrs->axis, data->rank, &axis));
    if (nn_tensor_count(indices) == 0) return NN_OK;
    nn_dense_steps(indices->dims, indices->rank, out_steps);
    nn_dense_steps(data->dims, data->rank, steps);
    nn_cuda_gather_elements arguments = {.bytes = (int)nn_element_size(data->type),
                                         .index_type = indices->type,
                                         .size = data->dims[axis],
                                         .axis_step = steps[axis],
                                         .x = data->data,
                                         .indices = indices->data,
                                         .y = call->out[0]->data};
    steps[axis] = 0;
    nn_loops_init(&loops, indices->dims, indices->rank);
    nn_loops_add(&loops, out_steps);
    nn_loops_add(&loops, steps);
    nn_loops_collapse(&loops);
    nn_cuda_loops_make(&loops, &arguments.loops);
    NN_TRY(nn_cuda_fault_make(call, "an index is out of range", &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_gather_elements(&arguments, call->queue->stream));
}

/* ---- tuples ---- */

nn_status nn_cuda_slices_make(const nn_call *call, const nn_tensor *data, const nn_tensor *indices,
                              int batch_dims, nn_cuda_slices *out) {
    const int tuple = (int)indices->dims[indices->rank - 1];
    const int first = batch_dims, last = batch_dims + tuple;
    int64_t steps[NN_MAX_RANK];
    nn_dense_steps(data->dims, data->rank, steps);
    const int64_t count = nn_dims_product(indices->dims, 0, indices->rank - 1);
    const int64_t length = nn_dims_product(data->dims, last, data->rank);
    const int64_t batch = nn_dims_product(indices->dims, batch_dims, indices->rank - 1);
    *out = (nn_cuda_slices){.tuple = tuple,
                            .count = length > 0 ? count : 0,
                            .batch = nn_cuda_extent_make(batch, count),
                            .length = nn_cuda_extent_make(length, count * length),
                            .batch_step = nn_dims_product(data->dims, batch_dims, data->rank),
                            .indices = indices->data};
    for (int i = first; i < last; i++) {
        out->dims[i - first] = data->dims[i];
        out->steps[i - first] = steps[i];
    }
    return nn_cuda_fault_make(call, "an index is out of range", &out->fault);
}

static nn_status run_gather_nd(const nn_call *call) {
    const nn_gather_nd_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0];
    nn_cuda_gather_nd arguments = {
        .bytes = (int)nn_element_size(data->type), .x = data->data, .y = call->out[0]->data};
    NN_TRY(nn_cuda_slices_make(call, data, call->in[1], attrs->batch_dims, &arguments.slices));
    return nn_cuda_launched(call, nn_cuda_launch_gather_nd(&arguments, call->queue->stream));
}

#define GATHER_KERNEL(symbol)                                                                      \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_EXACT,                                                                     \
        .accepts = nn_cuda_moves_bytes,                                                            \
        .run = run_##symbol,                                                                       \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};
GATHER_KERNEL(gather)
GATHER_KERNEL(gather_elements)
GATHER_KERNEL(gather_nd)
