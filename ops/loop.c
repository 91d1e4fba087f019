#include "ops/family/body.h"
#include "ops/family/infer.h"

static const char *const bodies[] = {"body", NULL};

static nn_status check_one(const nn_node_view *node, int index, const char *what) {
    const nn_fact *fact = nn_view_in(node, index);
    int64_t count = fact == NULL || fact->rank < 0 ? -1 : nn_fact_count(fact);
    if (count >= 0 && count != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "%s must be one value, has %lld", what,
                            (long long)count);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(check_one(node, 0, "the trip count"));
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPES_BOOL));
    NN_TRY(check_one(node, 1, "the condition"));
    for (int i = 0; i < node->out_count; i++)
        NN_TRY(nn_set_output(node, i, NNOPT_TYPE_NONE, NN_RANK_UNKNOWN, NULL));
    return NN_OK;
}

typedef struct loop_state {
    nn_rounds rounds;
    nn_stack *stacks; /* of scan outputs */
    int carried, scanned;
    int64_t iteration, most;
    uint8_t condition;
} loop_state;

/* Body inputs: iteration, condition, carried values. Outputs: condition, carried values, results.
 */
static nn_status start(const nn_call *call, nn_body *body, loop_state *loop) {
    const nn_tensor *most = call->in_count > 0 ? call->in[0] : NULL;
    const nn_tensor *condition = call->in_count > 1 ? call->in[1] : NULL;
    if ((most != NULL && nn_tensor_count(most) != 1) ||
        (condition != NULL && nn_tensor_count(condition) != 1))
        return nn_view_fail(call->node, NN_BAD_INPUT, "trip count and condition must be one value");
    loop->most = most != NULL ? *(const int64_t *)most->data : INT64_MAX;
    loop->condition = condition == NULL || *(const uint8_t *)condition->data != 0;
    loop->carried = call->in_count > 2 ? call->in_count - 2 : 0;
    loop->scanned = body->out_count - 1 - loop->carried;
    NN_TRY(nn_rounds_init(&loop->rounds, body));
    size_t bytes = (size_t)(loop->scanned + 1) * sizeof *loop->stacks;
    loop->stacks = nn_alloc_zero(bytes);
    if (loop->stacks == NULL) return nn_fail_memory(bytes);
    for (int i = 0; i < loop->scanned; i++)
        loop->stacks[i].expected = loop->most < INT64_MAX ? loop->most : 0;
    loop->rounds.in[0] = (nn_tensor){.type = NNOPT_INT64, .data = &loop->iteration};
    loop->rounds.in[1] = (nn_tensor){.type = NNOPT_BOOL, .data = &loop->condition};
    for (int i = 0; i < loop->carried; i++) {
        if (call->in[2 + i] == NULL)
            return nn_view_fail(call->node, NN_BAD_INPUT, "input %d is missing", 2 + i);
        loop->rounds.in[2 + i] = *call->in[2 + i];
    }
    return NN_OK;
}

static nn_status iterate(const nn_call *call, loop_state *loop) {
    nn_rounds *rounds = &loop->rounds;
    for (; loop->iteration < loop->most && loop->condition != 0; loop->iteration++) {
        NN_TRY(nn_rounds_run(rounds));
        const nn_tensor *condition = &rounds->out[0];
        if (condition->type != NNOPT_BOOL || nn_tensor_count(condition) != 1)
            return nn_view_fail(call->node, NN_BAD_INPUT, "the body's condition is no bool");
        loop->condition = *(const uint8_t *)condition->data;
        for (int i = 0; i < loop->carried; i++) nn_rounds_carry(rounds, 1 + i, 2 + i);
        for (int i = 0; i < loop->scanned; i++)
            NN_TRY(nn_stack_add(call->node, &loop->stacks[i], loop->iteration,
                                &rounds->out[1 + loop->carried + i]));
    }
    return NN_OK;
}

static nn_status finish(const nn_call *call, loop_state *loop) {
    for (int i = 0; i < call->out_count; i++) {
        if (call->out[i] == NULL) continue;
        int scan = i - loop->carried;
        if (scan < 0)
            NN_TRY(nn_rounds_take(&loop->rounds, 2 + i, call->out[i]));
        else
            NN_TRY(nn_stack_finish(call, &loop->stacks[scan], loop->rounds.body, 1 + i, 0, false,
                                   call->out[i]));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    loop_state loop = {0};
    nn_body *body;
    int carried = call->in_count > 2 ? call->in_count - 2 : 0;
    NN_TRY(nn_find_body(call, 0, carried + 2, -1, &body));
    if (body->out_count < 1 + carried || call->out_count > body->out_count - 1)
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "the body's %d outputs do not fit %d carried values and %d outputs",
                            body->out_count, carried, call->out_count);
    nn_status status = start(call, body, &loop);
    if (status == NN_OK) status = iterate(call, &loop);
    if (status == NN_OK) status = finish(call, &loop);
    for (int i = 0; i < loop.scanned && loop.stacks != NULL; i++) nn_stack_clear(&loop.stacks[i]);
    nn_free(loop.stacks);
    nn_rounds_clear(&loop.rounds);
    return status;
}

static const nn_kernel reference = {
    .name = "loop_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_loop = {
    .name = "Loop",
    .domain = "",
    .since = 1,
    .min_inputs = 0,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = NN_ANY_COUNT,
    .infer = infer,
    .bodies = bodies,
    .kernels = kernels,
};
