#include "ops/family/packed.h"

#include "ops/family/copy.h"

enum { MAX_OPERANDS = 8 };

static bool is_packed(nn_type type) {
    return nn_type_in(type, NN_TYPES_PACKED);
}

bool nn_packed_accepts(const nn_node_view *node, const nn_target *target) {
    bool fits = is_packed(node->in[0]->type) && node->in_count <= MAX_OPERANDS &&
                nn_epilogue_is_empty(&node->epilogue);
    return fits || nn_moves_bytes(node, target);
}

nn_status nn_packed_prepare(const nn_node_view *node, const nn_target *target,
                            nn_prepare *prepare) {
    (void)target;
    if (!is_packed(node->in[0]->type)) return NN_OK;
    size_t bytes = (size_t)nn_fact_count(node->out[0]);
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && is_packed(node->in[i]->type))
            bytes += (size_t)nn_fact_count(node->in[i]);
    nn_prepare_workspace(prepare, bytes);
    return NN_OK;
}

nn_status nn_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call)) {
    if (!is_packed(call->in[0]->type)) return run(call);
    nn_tensor in_tensors[MAX_OPERANDS], out_tensor = *call->out[0];
    const nn_tensor *in[MAX_OPERANDS];
    nn_tensor *out = &out_tensor;
    uint8_t *place = call->workspace;
    for (int i = 0; i < call->in_count; i++) {
        in[i] = call->in[i];
        if (in[i] == NULL || !is_packed(in[i]->type)) continue;
        int64_t count = nn_tensor_count(in[i]);
        nn_unpack(in[i]->data, nn_type_bits(in[i]->type), place, count);
        in_tensors[i] = *in[i];
        in_tensors[i].type = NNOPT_UINT8;
        in_tensors[i].data = place;
        in[i] = &in_tensors[i];
        place += count;
    }
    out_tensor.type = NNOPT_UINT8;
    out_tensor.data = place;
    nn_call inner = *call;
    inner.in = in;
    inner.out = &out;
    inner.workspace = NULL;
    NN_TRY(run(&inner));
    nn_tensor *result = call->out[0];
    nn_pack(place, nn_type_bits(result->type), result->data, nn_tensor_count(result));
    return NN_OK;
}
