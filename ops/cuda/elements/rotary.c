#include "ops/family/rotary.h"

#include "ops/cuda/elements/rotary_launch.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"

static nn_status run(const nn_call *call) {
    const nn_rotary_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[NN_ROTARY_X], *positions = nn_call_in(call, NN_ROTARY_POSITIONS);
    nn_rotary_sizes sizes;
    NN_TRY(nn_rotary_sizes_of(call->node, &sizes));
    if (nn_tensor_count(x) == 0) return NN_OK;
    nn_cuda_rotary arguments = {
        .type = x->type,
        .interleaved = attrs->interleaved,
        .heads_first = x->rank == 4,
        .batch = sizes.batch,
        .length = sizes.length,
        .heads = sizes.heads,
        .size = sizes.size,
        .half = sizes.half,
        .rows = call->in[NN_ROTARY_COS]->dims[0],
        .x = x->data,
        .cosine = call->in[NN_ROTARY_COS]->data,
        .sine = call->in[NN_ROTARY_SIN]->data,
        .positions = positions != NULL ? positions->data : NULL,
        .y = call->out[0]->data,
    };
    NN_TRY(nn_cuda_fault_make(call, "a position is out of range", &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_rotary(&arguments, call->queue->stream));
}

/* Positions of no row cannot be refused later. */
static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           (nn_fact_count(node->in[NN_ROTARY_X]) == 0 || node->in[NN_ROTARY_COS]->dims[0] > 0);
}

static const nn_kernel rotary_embedding_cuda = {
    .name = "rotary_embedding_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .in_place = 1u << NN_ROTARY_X,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_rotary_embedding_kernels[] = {&rotary_embedding_cuda, NULL};
