#include "ops/family/copy.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *a = node->in[0], *b = node->in[1];
    int64_t dims[NN_MAX_RANK];
    int rank;
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPE_BIT(NNOPT_STRING)));
    if (a->rank < 0 || b->rank < 0)
        return nn_set_output(node, 0, NNOPT_STRING, NN_RANK_UNKNOWN, NULL);
    if (!nn_broadcast_dims(a->dims, a->rank, b->dims, b->rank, dims, &rank)) {
        char first[200], second[200];
        return nn_view_fail(node, NN_BAD_INPUT, "shapes %s and %s cannot be broadcast",
                            nn_dims_text(a->dims, a->rank, first, sizeof first),
                            nn_dims_text(b->dims, b->rank, second, sizeof second));
    }
    return nn_set_output(node, 0, NNOPT_STRING, rank, dims);
}

static nn_status join(const nn_call *call, const char *a, const char *b, const char **out) {
    size_t length = strlen(a), added = strlen(b);
    if (length == 0 || added == 0) {
        *out = length == 0 ? b : a;
        return NN_OK;
    }
    char *text = nn_arena_alloc(call->texts, length + added + 1);
    if (text == NULL) return nn_fail_memory(length + added + 1);
    memcpy(text, a, length);
    memcpy(text + length, b, added);
    *out = text;
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const char *const *a = call->in[0]->data, *const *b = call->in[1]->data;
    const char **out = call->out[0]->data;
    nn_loops loops;
    nn_loops_init(&loops, call->out[0]->dims, call->out[0]->rank);
    nn_loops_add_broadcast(&loops, call->in[0]->dims, call->in[0]->rank);
    nn_loops_add_broadcast(&loops, call->in[1]->dims, call->in[1]->rank);
    nn_loops_collapse(&loops);
    if (loops.count == 0) return NN_OK;
    nn_cursor cursor;
    nn_cursor_start(&cursor, &loops, 0, loops.count);
    int last = loops.rank - 1;
    int64_t length;
    while ((length = nn_cursor_next(&cursor)) > 0)
        for (int64_t i = 0; i < length; i++)
            NN_TRY(join(call, a[cursor.offset[0] + i * loops.steps[0][last]],
                        b[cursor.offset[1] + i * loops.steps[1][last]], out++));
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "string_concat_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_string_concat = {
    .name = "StringConcat",
    .domain = "",
    .since = 20,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .axes = nn_axes_of_broadcast,
    .kernels = kernels,
};
