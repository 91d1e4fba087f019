#include "ops/cuda/movement/packed.h"

#include "ops/cuda/elements/small_launch.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/queue.h"

enum { MOST_OPERANDS = 8, ALIGNMENT = 16 };

static bool is_packed(nn_type type) {
    return nn_type_in(type, NN_TYPES_PACKED);
}

/* Parts of workspace are aligned as whole tensors are, as far as kernels look. */
static size_t room_of(int64_t count) {
    return ((size_t)count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

bool nn_cuda_packed_accepts(const nn_node_view *node, const nn_target *target) {
    const bool fits = is_packed(node->in[0]->type) && node->in_count <= MOST_OPERANDS &&
                      nn_epilogue_is_empty(&node->epilogue);
    return fits || nn_cuda_moves_bytes(node, target);
}

void nn_cuda_packed_workspace(const nn_node_view *node, nn_prepare *prepare) {
    if (!is_packed(node->in[0]->type)) return;
    size_t bytes = room_of(nn_fact_count(node->out[0]));
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && is_packed(node->in[i]->type))
            bytes += room_of(nn_fact_count(node->in[i]));
    nn_prepare_workspace(prepare, bytes);
}

nn_status nn_cuda_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call)) {
    if (!is_packed(call->in[0]->type)) return run(call);
    nn_tensor in_tensors[MOST_OPERANDS], out_tensor = *call->out[0];
    const nn_tensor *in[MOST_OPERANDS];
    nn_tensor *out = &out_tensor;
    char *place = call->workspace;
    for (int i = 0; i < call->in_count; i++) {
        in[i] = call->in[i];
        if (in[i] == NULL || !is_packed(in[i]->type)) continue;
        const nn_cuda_packing unpacking = {nn_type_bits(in[i]->type), in[i]->data, place,
                                           nn_tensor_count(in[i])};
        NN_TRY(nn_cuda_launched(call, nn_cuda_launch_unpack(&unpacking, call->queue->stream)));
        in_tensors[i] = *in[i];
        in_tensors[i].type = NNOPT_UINT8;
        in_tensors[i].data = place;
        in[i] = &in_tensors[i];
        place += room_of(unpacking.count);
    }
    out_tensor.type = NNOPT_UINT8;
    out_tensor.data = place;
    nn_call inner = *call;
    inner.in = in;
    inner.out = &out;
    inner.workspace = NULL;
    NN_TRY(run(&inner));
    const nn_tensor *result = call->out[0];
    const nn_cuda_packing packing = {nn_type_bits(result->type), place, result->data,
                                     nn_tensor_count(result)};
    return nn_cuda_launched(call, nn_cuda_launch_pack(&packing, call->queue->stream));
}
