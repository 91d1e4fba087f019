#include "ops/family/linear_attention.h"

#include "ops/cuda/products/linear_attention_launch.h"
#include "ops/cuda/runtime/queue.h"

enum { MOST_SHARED = 200 * 1024 };

static bool accepts(const nn_node_view *node, const nn_target *target) {
    nn_linear_sizes sizes;
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && node->out[NN_LINEAR_Y] != NULL &&
           nn_linear_sizes_of(node, &sizes) == NN_OK &&
           nn_cuda_linear_attention_shared(sizes.key) <= MOST_SHARED;
}

static const void *data_of(const nn_call *call, int input) {
    const nn_tensor *tensor = nn_call_in(call, input);
    return tensor != NULL ? tensor->data : NULL;
}

static nn_type type_of(const nn_call *call, int input) {
    const nn_tensor *tensor = nn_call_in(call, input);
    return tensor != NULL ? tensor->type : NNOPT_FLOAT;
}

static nn_status run(const nn_call *call) {
    const nn_linear_attrs *attrs = call->node->attrs;
    const nn_tensor *present = nn_call_out(call, NN_LINEAR_PRESENT);
    nn_linear_sizes sizes;
    NN_TRY(nn_linear_sizes_of(call->node, &sizes));
    const nn_cuda_linear_attention arguments = {
        .type = call->in[NN_LINEAR_QUERY]->type,
        .past_type = type_of(call, NN_LINEAR_PAST),
        .decay_type = type_of(call, NN_LINEAR_DECAY),
        .beta_type = type_of(call, NN_LINEAR_BETA),
        .present_type = present != NULL ? present->type : NNOPT_FLOAT,
        .batch = sizes.batch,
        .length = sizes.length,
        .q_heads = attrs->q_heads,
        .kv_heads = attrs->kv_heads,
        .key = sizes.key,
        .value = sizes.value,
        .decays = sizes.decays,
        .betas = sizes.betas,
        .scale = nn_linear_scale(attrs, &sizes),
        .query = data_of(call, NN_LINEAR_QUERY),
        .keys = data_of(call, NN_LINEAR_KEY),
        .values = data_of(call, NN_LINEAR_VALUE),
        .past = data_of(call, NN_LINEAR_PAST),
        .decay = data_of(call, NN_LINEAR_DECAY),
        .beta = data_of(call, NN_LINEAR_BETA),
        .y = call->out[NN_LINEAR_Y]->data,
        .present = present != NULL ? present->data : NULL,
    };
    return nn_cuda_launched(call, nn_cuda_launch_linear_attention(&arguments, call->queue->stream));
}

static const nn_kernel linear_attention_cuda = {
    .name = "linear_attention_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_linear_attention_kernels[] = {&linear_attention_cuda, NULL};
