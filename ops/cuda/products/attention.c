/* Attention in one kernel, which never holds all scores. */
#include "ops/family/attention.h"

#include "ops/cuda/products/attention_launch.h"
#include "ops/cuda/runtime/queue.h"

static bool is_float(nn_type type) {
    return type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static nn_type type_of(const nn_node_view *node, int input) {
    const nn_fact *fact = nn_view_in(node, input);
    return fact != NULL ? fact->type : NNOPT_TYPE_NONE;
}

static const nn_fact *output_of(const nn_node_view *node, int output) {
    return output < node->out_count ? node->out[output] : NULL;
}

/* What is joined is of one type; probabilities are made from scores that were written. */
static bool outputs_fit(const nn_node_view *node, const nn_attention *a) {
    const nn_fact *scores = output_of(node, NN_ATTENTION_SCORES);
    for (int i = 0; i < 2; i++) {
        const nn_fact *present = output_of(node, NN_ATTENTION_PRESENT_K + i);
        const nn_type now = type_of(node, NN_ATTENTION_K + i);
        const nn_type past = type_of(node, NN_ATTENTION_PAST_K + i);
        if (present != NULL && (present->type != now || (past != NNOPT_TYPE_NONE && past != now)))
            return false;
    }
    return scores == NULL || scores->type == NNOPT_FLOAT ||
           (is_float(scores->type) && a->scores_kind != NN_SCORES_PROBABILITIES);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const nn_attention a = nn_attention_of(node, NULL);
    const nn_type mask = type_of(node, NN_ATTENTION_MASK);
    for (int i = NN_ATTENTION_Q; i <= NN_ATTENTION_V; i++)
        if (!is_float(type_of(node, i))) return false;
    for (int i = NN_ATTENTION_PAST_K; i <= NN_ATTENTION_PAST_V; i++)
        if (nn_view_in(node, i) != NULL && !is_float(type_of(node, i))) return false;
    return is_float(node->out[0]->type) && nn_epilogue_is_empty(&node->epilogue) &&
           (mask == NNOPT_TYPE_NONE || mask == NNOPT_BOOL || is_float(mask)) &&
           (a.softmax_type == NNOPT_TYPE_NONE || a.softmax_type == NNOPT_FLOAT) &&
           a.head_size > 0 && a.head_size <= NN_CUDA_HEAD_SIZE && a.value_size > 0 &&
           a.value_size <= NN_CUDA_HEAD_SIZE && a.batch > 0 && a.q_heads > 0 && a.q_length > 0 &&
           outputs_fit(node, &a);
}

static nn_cuda_heads heads_of(const nn_heads *heads, nn_type type) {
    return (nn_cuda_heads){type, heads->data, heads->batch_step, heads->head_step, heads->row_step};
}

static nn_status run_attention(const nn_call *call, const nn_attention *a) {
    const nn_node_view *node = call->node;
    nn_cuda_attention arguments = {
        .batch = a->batch,
        .q_heads = a->q_heads,
        .kv_heads = a->kv_heads,
        .q_length = a->q_length,
        .past_length = a->past_length,
        .length = a->length,
        .head_size = a->head_size,
        .value_size = a->value_size,
        .q = heads_of(&a->q, type_of(node, NN_ATTENTION_Q)),
        .k = heads_of(&a->k, type_of(node, NN_ATTENTION_K)),
        .v = heads_of(&a->v, type_of(node, NN_ATTENTION_V)),
        .past_k = heads_of(&a->past_k, type_of(node, NN_ATTENTION_PAST_K)),
        .past_v = heads_of(&a->past_v, type_of(node, NN_ATTENTION_PAST_V)),
        .y = heads_of(&a->y, node->out[0]->type),
        .scale = (float)a->scale,
        .cap = (float)a->cap,
        .left = a->left,
        .right = a->right,
        .valid = a->valid,
        .mask_type = a->mask_type,
        .mask = a->mask,
        .mask_columns = a->mask_columns,
        .scores_kind = (nn_cuda_scores)a->scores_kind,
        .scores = a->scores,
    };
    for (int i = 0; i < 3; i++) arguments.mask_steps[i] = a->mask_steps[i];
    if (a->scores != NULL) arguments.scores_type = node->out[NN_ATTENTION_SCORES]->type;
    return nn_cuda_launched(call, nn_cuda_launch_attention(&arguments, call->queue->stream));
}

static nn_status write_present(const nn_call *call, const nn_attention *a, int index) {
    nn_tensor *out = nn_call_out(call, index);
    const bool is_key = index == NN_ATTENTION_PRESENT_K;
    if (out == NULL || nnopt_tensor_count(out) == 0) return NN_OK;
    const nn_cuda_present arguments = {
        .batch = a->batch,
        .heads = a->kv_heads,
        .past_length = a->past_length,
        .length = a->length,
        .size = is_key ? a->head_size : a->value_size,
        .past = heads_of(is_key ? &a->past_k : &a->past_v, out->type),
        .now = heads_of(is_key ? &a->k : &a->v, out->type),
        .out = out->data,
    };
    return nn_cuda_launched(call, nn_cuda_launch_present(&arguments, call->queue->stream));
}

static nn_status run(const nn_call *call) {
    const nn_attention attention = nn_attention_of(call->node, call);
    NN_TRY(write_present(call, &attention, NN_ATTENTION_PRESENT_K));
    NN_TRY(write_present(call, &attention, NN_ATTENTION_PRESENT_V));
    return run_attention(call, &attention);
}

static const nn_kernel attention_cuda = {
    .name = "attention_cuda",
    .on_device = true,
    .mixes_types = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_attention_kernels[] = {&attention_cuda, NULL};
