/* Col2Im and MaxUnpool: what windows took is put back. */
#include "ops/cuda/windows/overlap_launch.h"

#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/col2im.h"
#include "ops/family/max_unpool.h"

/* ---- Col2Im ---- */

static bool accepts_col2im(const nn_node_view *node, const nn_target *target) {
    const nn_fact *x = node->in[NN_COL2IM_X], *y = node->out[0];
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(x->type, NN_TYPES_FLOAT) &&
           y->rank >= 3 && y->rank <= NN_CUDA_OVERLAP_AXES + 2 &&
           nn_view_constant(node, NN_COL2IM_IMAGE) != NULL &&
           nn_view_constant(node, NN_COL2IM_BLOCKS) != NULL;
}

static nn_status prepare_col2im(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare) {
    nn_col2im_axis axes[NN_COL2IM_AXES];
    int count;
    (void)target;
    nn_cuda_col2im *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    NN_TRY(nn_col2im_find_axes(node, &count, axes));
    nn_prepare_read(prepare, 1u << NN_COL2IM_IMAGE | 1u << NN_COL2IM_BLOCKS);
    state->type = node->in[NN_COL2IM_X]->type;
    state->planes = node->out[0]->dims[0] * node->out[0]->dims[1];
    for (int i = 0; i < NN_CUDA_OVERLAP_AXES; i++) {
        const int axis = i - (NN_CUDA_OVERLAP_AXES - count);
        if (axis < 0)
            state->axes[i] = (nn_cuda_overlap_axis){1, 1, 1, 1, 1, 0};
        else
            state->axes[i] = (nn_cuda_overlap_axis){axes[axis].image,     axes[axis].block,
                                                    axes[axis].positions, axes[axis].dilation,
                                                    axes[axis].stride,    axes[axis].pad_begin};
    }
    return NN_OK;
}

static nn_status run_col2im(const nn_call *call) {
    nn_cuda_col2im arguments = *(const nn_cuda_col2im *)call->state;
    arguments.x = call->in[NN_COL2IM_X]->data;
    arguments.y = call->out[0]->data;
    return nn_cuda_launched(call, nn_cuda_launch_col2im(&arguments, call->queue->stream));
}

static const nn_kernel col2im_cuda = {
    .name = "col2im_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .accepts = accepts_col2im,
    .prepare = prepare_col2im,
    .run = run_col2im,
};
const nn_kernel *const nn_cuda_col2im_kernels[] = {&col2im_cuda, NULL};

/* ---- MaxUnpool ---- */

/* The shape is that of the output. */
static bool accepts_unpool(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           node->in[NN_UNPOOL_X]->rank <= NN_CUDA_UNPOOL_RANK;
}

static nn_status prepare_unpool(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare) {
    const nn_fact *x = node->in[NN_UNPOOL_X];
    (void)target;
    nn_cuda_unpool *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_prepare_read(prepare, 1u << NN_UNPOOL_SHAPE);
    state->rank = x->rank;
    state->total = 1;
    nn_dense_steps(node->out[0]->dims, x->rank, state->steps);
    for (int axis = 0; axis < x->rank; axis++) {
        state->dims[axis] = x->dims[axis];
        if (axis >= 2)
            NN_TRY(nn_max_unpool_size(node, axis - 2, x->dims[axis], &state->dims[axis]));
        if (!nn_mul_size(state->total, state->dims[axis], &state->total))
            return nn_view_fail(node, NN_BAD_INPUT, "the output is too large");
    }
    return NN_OK;
}

static nn_status run_unpool(const nn_call *call) {
    const nn_tensor *x = call->in[NN_UNPOOL_X], *y = call->out[0];
    nn_cuda_unpool arguments = *(const nn_cuda_unpool *)call->state;
    arguments.bytes = (int)nn_element_size(x->type);
    arguments.count = nn_tensor_count(x);
    arguments.x = x->data;
    arguments.indices = call->in[NN_UNPOOL_INDICES]->data;
    arguments.y = y->data;
    NN_TRY(nn_cuda_fault_make(call, "an index is out of range", &arguments.fault));
    NN_TRY(nn_cuda_zero(call, y));
    return nn_cuda_launched(call, nn_cuda_launch_unpool(&arguments, call->queue->stream));
}

static const nn_kernel max_unpool_cuda = {
    .name = "max_unpool_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .accepts = accepts_unpool,
    .prepare = prepare_unpool,
    .run = run_unpool,
};
const nn_kernel *const nn_cuda_max_unpool_kernels[] = {&max_unpool_cuda, NULL};
