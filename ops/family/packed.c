#include "ops/family/packed.h"

#include "base/integers.h"
#include "ops/family/copy.h"

enum { MAX_OPERANDS = 8 };

static bool is_packed(nn_type type) {
    return nn_type_in(type, NN_TYPES_PACKED);
}

bool nn_packed_fits(const nn_node_view *node) {
    return is_packed(node->in[0]->type) && node->in_count <= MAX_OPERANDS &&
           nn_epilogue_is_empty(&node->epilogue);
}

bool nn_packed_accepts(const nn_node_view *node, const nn_target *target) {
    return nn_packed_fits(node) || nn_moves_bytes(node, target);
}

/* Each tensor of bytes is aligned as a whole one is. */
nn_status nn_packed_prepare(const nn_node_view *node, const nn_target *target,
                            nn_prepare *prepare) {
    (void)target;
    if (!is_packed(node->in[0]->type)) return NN_OK;
    size_t bytes = nn_aligned((size_t)nn_fact_count(node->out[0]));
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && is_packed(node->in[i]->type))
            bytes += nn_aligned((size_t)nn_fact_count(node->in[i]));
    nn_prepare_workspace(prepare, bytes);
    return NN_OK;
}

nn_status nn_packed_run_by(const nn_call *call, nn_status (*run)(const nn_call *call),
                           const nn_packed_ways *ways) {
    if (!is_packed(call->in[0]->type)) return run(call);
    nn_tensor in_tensors[MAX_OPERANDS], out_tensor = *call->out[0];
    const nn_tensor *in[MAX_OPERANDS];
    nn_tensor *out = &out_tensor;
    char *place = call->workspace;
    for (int i = 0; i < call->in_count; i++) {
        in[i] = call->in[i];
        if (in[i] == NULL || !is_packed(in[i]->type)) continue;
        NN_TRY(ways->unpack(call, in[i], place));
        in_tensors[i] = *in[i];
        in_tensors[i].type = NNOPT_UINT8;
        in_tensors[i].data = place;
        in[i] = &in_tensors[i];
        place += nn_aligned((size_t)nn_tensor_count(in[i]));
    }
    out_tensor.type = NNOPT_UINT8;
    out_tensor.data = place;
    nn_call inner = *call;
    inner.in = in;
    inner.out = &out;
    inner.workspace = NULL;
    NN_TRY(run(&inner));
    return ways->pack(call, place, call->out[0]);
}

static nn_status unpack(const nn_call *call, const nn_tensor *packed, void *bytes) {
    (void)call;
    nn_unpack(packed->data, nn_type_bits(packed->type), bytes, nn_tensor_count(packed));
    return NN_OK;
}

static nn_status pack(const nn_call *call, const void *bytes, const nn_tensor *packed) {
    (void)call;
    nn_pack(bytes, nn_type_bits(packed->type), packed->data, nn_tensor_count(packed));
    return NN_OK;
}

nn_status nn_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call)) {
    static const nn_packed_ways ways = {unpack, pack};
    return nn_packed_run_by(call, run, &ways);
}
