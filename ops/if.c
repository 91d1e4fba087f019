#include "ops/family/body.h"
#include "ops/family/infer.h"

static const char *const bodies[] = {"then_branch", "else_branch", NULL};

static nn_status infer(const nn_node_view *node) {
    const nn_fact *condition = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_BOOL));
    int64_t count = condition->rank < 0 ? -1 : nn_fact_count(condition);
    if (count >= 0 && count != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the condition must be one value, has %lld",
                            (long long)count);
    for (int i = 0; i < node->out_count; i++)
        NN_TRY(nn_set_output(node, i, NNOPT_TYPE_NONE, NN_RANK_UNKNOWN, NULL));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    nn_body *body;
    nn_rounds rounds = {0};
    if (nn_tensor_count(call->in[0]) != 1)
        return nn_view_fail(call->node, NN_BAD_INPUT, "the condition has %lld values",
                            (long long)nn_tensor_count(call->in[0]));
    bool is_true = *(const uint8_t *)call->in[0]->data != 0;
    NN_TRY(nn_find_body(call, is_true ? 0 : 1, 0, call->out_count, &body));
    NN_TRY(nn_rounds_init(&rounds, body));
    nn_status status = nn_rounds_run(&rounds);
    for (int i = 0; status == NN_OK && i < call->out_count; i++) {
        if (call->out[i] == NULL) continue;
        *call->out[i] = rounds.out[i];
        rounds.out[i] = (nn_tensor){0};
    }
    nn_rounds_clear(&rounds);
    return status;
}

static const nn_kernel reference = {
    .name = "if_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_if = {
    .name = "If",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = NN_ANY_COUNT,
    .infer = infer,
    .bodies = bodies,
    .kernels = kernels,
};
