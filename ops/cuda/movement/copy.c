#include "ops/cuda/movement/copy.h"

#include "ops/cuda/elements/loops.h"
#include "ops/cuda/movement/copy_launch.h"
#include "ops/cuda/runtime/queue.h"

bool nn_cuda_moves_bytes(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_cuda_moves(node->in[0]->type) && nn_epilogue_is_empty(&node->epilogue);
}

typedef struct copy_work {
    size_t size; /* of an element */
    char *to;
    const char *from;
    nn_loops loops; /* operand 0 is the target */
} copy_work;

/* ---- neighbours on both sides become one larger element ---- */

static bool fits_width(const copy_work *work, int64_t count) {
    const nn_loops *loops = &work->loops;
    const int last = loops->rank - 1;
    const size_t bytes = work->size * (size_t)count;
    if (loops->dims[last] % count != 0 || (uintptr_t)work->to % bytes != 0 ||
        (uintptr_t)work->from % bytes != 0)
        return false;
    for (int k = 0; k < 2; k++)
        for (int axis = 0; axis < last; axis++)
            if (loops->steps[k][axis] % count != 0) return false;
    return true;
}

static void widen(copy_work *work) {
    nn_loops *loops = &work->loops;
    const int last = loops->rank - 1;
    if (loops->steps[0][last] != 1 || loops->steps[1][last] != 1) return;
    int64_t count = NN_CUDA_VECTOR_BYTES / (int64_t)work->size;
    while (count > 1 && !fits_width(work, count)) count /= 2;
    if (count <= 1) return;
    work->size *= (size_t)count;
    loops->count /= count;
    loops->dims[last] /= count;
    for (int k = 0; k < 2; k++)
        for (int axis = 0; axis < last; axis++) loops->steps[k][axis] /= count;
    nn_loops_collapse(loops);
}

/* ---- tiles ---- */

enum { SHORT_SIDE = 4 }; /* a tile would have hardly any elements: the caches do as well */

/* The axis along which the source has neighbours, where another is that of the target; -1: none. */
static int row_axis(const nn_loops *loops) {
    const int last = loops->rank - 1;
    if (loops->steps[0][last] != 1 || loops->steps[1][last] == 1 || loops->dims[last] < SHORT_SIDE)
        return -1;
    for (int axis = 0; axis < last; axis++)
        if (loops->steps[1][axis] == 1 && loops->dims[axis] >= SHORT_SIDE) return axis;
    return -1;
}

static nn_status transpose(const nn_call *call, copy_work *work, int rows) {
    nn_loops *loops = &work->loops;
    const int last = loops->rank - 1;
    nn_cuda_transposition arguments = {.bytes = (int)work->size,
                                       .rows = loops->dims[rows],
                                       .columns = loops->dims[last],
                                       .row_step = loops->steps[0][rows],
                                       .column_step = loops->steps[1][last],
                                       .from = work->from,
                                       .to = work->to};
    loops->count /= arguments.rows * arguments.columns;
    loops->dims[rows] = loops->dims[last] = 1;
    nn_loops_collapse(loops);
    nn_cuda_loops_make(loops, &arguments.loops);
    return nn_cuda_launched(call, nn_cuda_launch_transposition(&arguments, call->queue->stream));
}

nn_status nn_cuda_copy_strided(const nn_call *call, size_t size, const int64_t *dims, int rank,
                               void *target, const int64_t *target_steps, const void *source,
                               const int64_t *source_steps) {
    copy_work work = {.size = size, .to = target, .from = source};
    nn_loops_init(&work.loops, dims, rank);
    if (work.loops.count == 0) return NN_OK;
    nn_loops_add(&work.loops, target_steps);
    nn_loops_add(&work.loops, source_steps);
    nn_loops_collapse(&work.loops);
    widen(&work);
    const int rows = row_axis(&work.loops);
    if (rows >= 0) return transpose(call, &work, rows);
    nn_cuda_copy arguments = {.bytes = (int)work.size, .from = work.from, .to = work.to};
    nn_cuda_loops_make(&work.loops, &arguments.loops);
    return nn_cuda_launched(call, nn_cuda_launch_copy(&arguments, call->queue->stream));
}

nn_status nn_cuda_copy_tensor(const nn_call *call, const nn_tensor *from, const nn_tensor *to) {
    const int64_t bytes = nn_tensor_bytes(to);
    if (from->data == to->data || bytes == 0) return NN_OK;
    return nn_cuda_launched(call, cudaMemcpyAsync(to->data, from->data, (size_t)bytes,
                                                  cudaMemcpyDeviceToDevice, call->queue->stream));
}

nn_status nn_cuda_zero(const nn_call *call, const nn_tensor *tensor) {
    const int64_t bytes = nn_tensor_bytes(tensor);
    if (bytes == 0) return NN_OK;
    return nn_cuda_launched(call,
                            cudaMemsetAsync(tensor->data, 0, (size_t)bytes, call->queue->stream));
}
