#include "ops/family/body.h"
#include "ops/family/container.h"

static const char *const bodies[] = {"body", NULL};

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_sequence(node, 0));
    for (int i = 0; i < node->out_count; i++) NN_TRY(nn_set_container(node, i, NNOPT_SEQUENCE));
    return NN_OK;
}

/* Sequences give an item to each run of the body, tensors all of themselves. */
static nn_status map_item(const nn_call *call, nn_rounds *rounds, int64_t index) {
    for (int i = 0; i < call->in_count; i++)
        rounds->in[i] =
            call->in[i]->type == NNOPT_SEQUENCE ? nn_items(call->in[i])[index] : *call->in[i];
    NN_TRY(nn_rounds_run(rounds));
    for (int i = 0; i < call->out_count; i++) {
        if (call->out[i] == NULL) continue;
        nn_items_out(call->out[i])[index] = rounds->out[i];
        rounds->out[i] = (nn_tensor){0};
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    nn_body *body;
    nn_rounds rounds;
    int64_t count = nn_item_count(call->in[0]);
    NN_TRY(nn_find_body(call, 0, call->in_count, call->out_count, &body));
    for (int i = 1; i < call->in_count; i++)
        if (call->in[i]->type == NNOPT_SEQUENCE && nn_item_count(call->in[i]) != count)
            return nn_view_fail(call->node, NN_BAD_INPUT,
                                "sequences 0 and %d have %lld and %lld items", i, (long long)count,
                                (long long)nn_item_count(call->in[i]));
    for (int i = 0; i < call->out_count; i++)
        if (call->out[i] != NULL) NN_TRY(nn_container_init(call->out[i], NNOPT_SEQUENCE, count));
    NN_TRY(nn_rounds_init(&rounds, body));
    nn_status status = NN_OK;
    for (int64_t i = 0; i < count && status == NN_OK; i++) status = map_item(call, &rounds, i);
    nn_rounds_clear(&rounds);
    return status;
}

static const nn_kernel reference = {
    .name = "sequence_map_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_sequence_map = {
    .name = "SequenceMap",
    .domain = "",
    .since = 17,
    .min_inputs = 1,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = NN_ANY_COUNT,
    .infer = infer,
    .bodies = bodies,
    .kernels = kernels,
};
