#include "ops/family/half.h"

#include "base/integers.h"
#include "ops/family/types.h"

enum { MAX_OPERANDS = 8 };

bool nn_is_half(nn_type type) {
    return type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static size_t float_bytes(int64_t count) {
    size_t bytes = (size_t)count * sizeof(float);
    return nn_aligned(bytes);
}

size_t nn_half_workspace(const nn_node_view *node) {
    size_t bytes = 0;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && nn_is_half(node->in[i]->type))
            bytes += float_bytes(nn_fact_count(node->in[i]));
    for (int i = 0; i < node->out_count; i++)
        if (node->out[i] != NULL && nn_is_half(node->out[i]->type))
            bytes += float_bytes(nn_fact_count(node->out[i]));
    return bytes;
}

/* The tensor with its data at *place, which moves on. */
static nn_tensor as_float(const nn_tensor *tensor, char **place) {
    nn_tensor out = *tensor;
    out.type = NNOPT_FLOAT;
    out.data = *place;
    *place += float_bytes(nn_tensor_count(tensor));
    return out;
}

nn_status nn_half_run(const nn_call *call, nn_status (*run)(const nn_call *call)) {
    nn_tensor in_tensors[MAX_OPERANDS], out_tensors[MAX_OPERANDS];
    const nn_tensor *in[MAX_OPERANDS];
    nn_tensor *out[MAX_OPERANDS];
    if (call->in_count > MAX_OPERANDS || call->out_count > MAX_OPERANDS)
        return nn_view_fail(call->node, NN_INTERNAL, "%d inputs are more than %d", call->in_count,
                            (int)MAX_OPERANDS);
    char *place = call->workspace;
    for (int i = 0; i < call->in_count; i++) {
        in[i] = call->in[i];
        if (in[i] == NULL || !nn_is_half(in[i]->type)) continue;
        in_tensors[i] = as_float(in[i], &place);
        nn_load_float(in[i]->type, in[i]->data, in_tensors[i].data, nn_tensor_count(in[i]));
        in[i] = &in_tensors[i];
    }
    for (int i = 0; i < call->out_count; i++) {
        out[i] = call->out[i];
        if (out[i] == NULL || !nn_is_half(out[i]->type)) continue;
        out_tensors[i] = as_float(out[i], &place);
        out[i] = &out_tensors[i];
    }
    nn_call inner = *call;
    inner.in = in;
    inner.out = out;
    inner.workspace = NULL;
    NN_TRY(run(&inner));
    for (int i = 0; i < call->out_count; i++) {
        nn_tensor *result = call->out[i];
        if (result != NULL && out[i] != result)
            nn_store_float(result->type, out[i]->data, result->data, nn_tensor_count(result));
    }
    return NN_OK;
}
