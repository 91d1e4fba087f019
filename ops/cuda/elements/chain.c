/* ElementwiseChain of plans. */
#include "ops/cuda/elements/chain_launch.h"

#include "ops/cuda/elements/loops.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/types.h"
#include "ops/plan/elementwise_chain.h"

_Static_assert((int)NN_CUDA_CHAIN_STEPS == (int)NN_CHAIN_STEPS, "the same limits");
_Static_assert((int)NN_CUDA_CHAIN_OPERANDS == (int)NN_CHAIN_OPERANDS, "the same limits");
_Static_assert((int)NN_CUDA_CHAIN_MIN == (int)NN_CHAIN_MIN, "the same numbers");
_Static_assert(NN_FUNCTIONS <= 255, "a byte holds a function");

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const nn_type type = node->in[0]->type;
    for (int i = 1; i < node->in_count; i++)
        if (node->in[i]->type != type && node->in[i]->type != NNOPT_FLOAT) return false;
    return nn_epilogue_is_empty(&node->epilogue) && node->out[0]->type == type &&
           nn_type_in(type, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF);
}

static nn_status run(const nn_call *call) {
    const nn_chain_attrs *chain = call->node->attrs;
    nn_cuda_chain arguments = {.type = call->in[0]->type,
                               .count = chain->count,
                               .operand_count = call->in_count - 1,
                               .x = call->in[0]->data,
                               .y = call->out[0]->data};
    for (int i = 0; i < chain->count; i++) {
        const nn_chain_step *step = &chain->steps[i];
        arguments.steps[i] = (nn_cuda_chain_step){.kind = (unsigned char)step->kind,
                                                  .function = (unsigned char)step->function.kind,
                                                  .operand = (unsigned char)step->operand,
                                                  .swapped = step->swapped,
                                                  .p = (float)step->function.p,
                                                  .q = (float)step->function.q};
    }
    for (int i = 1; i < call->in_count; i++) {
        arguments.operands[i - 1] = call->in[i]->data;
        arguments.is_float[i - 1] = call->in[i]->type == NNOPT_FLOAT;
    }
    nn_cuda_loops_of_call(call, 1, call->in_count - 1, &arguments.loops);
    return nn_cuda_launched(call, nn_cuda_launch_chain(&arguments, call->queue->stream));
}

static const nn_kernel elementwise_chain_cuda = {
    .name = "elementwise_chain_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = UINT32_MAX,
    .in_place = 1,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_elementwise_chain_kernels[] = {&elementwise_chain_cuda, NULL};
