#include "ops/family/body.h"

#include "ops/family/infer.h"
#include "ops/family/pieces.h"

nn_status nn_find_body(const nn_call *call, int index, int in_count, int out_count, nn_body **out) {
    const char *name = call->node->op->bodies[index];
    nn_body *body = call->bodies != NULL ? call->bodies[index] : NULL;
    if (body == NULL)
        return nn_view_fail(call->node, NN_BAD_INPUT, "attribute '%s' is missing", name);
    if (in_count >= 0 && body->in_count != in_count)
        return nn_view_fail(call->node, NN_BAD_INPUT, "'%s' must take %d inputs, takes %d", name,
                            in_count, body->in_count);
    if (out_count >= 0 && body->out_count != out_count)
        return nn_view_fail(call->node, NN_BAD_INPUT, "'%s' must have %d outputs, has %d", name,
                            out_count, body->out_count);
    *out = body;
    return NN_OK;
}

/* ---- values of iterations ---- */

nn_status nn_rounds_init(nn_rounds *rounds, nn_body *body) {
    size_t ins = (size_t)body->in_count, outs = (size_t)body->out_count;
    size_t bytes = (ins + outs + 1) * sizeof(nn_tensor) + ins * sizeof(bool);
    *rounds = (nn_rounds){.body = body};
    rounds->in = nn_alloc_zero(bytes);
    if (rounds->in == NULL) return nn_fail_memory(bytes);
    rounds->out = rounds->in + ins;
    rounds->owned = (bool *)(rounds->out + outs + 1);
    return NN_OK;
}

static void clear_outputs(nn_rounds *rounds) {
    for (int i = 0; i < rounds->body->out_count; i++) nn_tensor_clear(&rounds->out[i]);
}

nn_status nn_rounds_run(nn_rounds *rounds) {
    clear_outputs(rounds);
    nn_status status = nn_check_interrupt();
    if (status == NN_OK) status = nn_body_run(rounds->body, rounds->in, rounds->out);
    if (status == NN_OK)
        rounds->count++;
    else
        memset(rounds->out, 0, (size_t)rounds->body->out_count * sizeof *rounds->out);
    return status;
}

void nn_rounds_carry(nn_rounds *rounds, int from, int to) {
    if (rounds->owned[to]) nn_tensor_clear(&rounds->in[to]);
    rounds->in[to] = rounds->out[from];
    rounds->owned[to] = true;
    memset(&rounds->out[from], 0, sizeof rounds->out[from]);
}

nn_status nn_rounds_take(nn_rounds *rounds, int index, nn_tensor *out) {
    if (!rounds->owned[index]) return nn_tensor_copy(&rounds->in[index], out);
    *out = rounds->in[index];
    rounds->owned[index] = false;
    return NN_OK;
}

void nn_rounds_clear(nn_rounds *rounds) {
    if (rounds->in == NULL) return;
    clear_outputs(rounds);
    for (int i = 0; i < rounds->body->in_count; i++)
        if (rounds->owned[i]) nn_tensor_clear(&rounds->in[i]);
    nn_free(rounds->in);
    *rounds = (nn_rounds){0};
}

/* ---- results put together ---- */

/* The most rows that are made room for before it is known that they come. */
static const int64_t first_bytes = (int64_t)64 << 20;

static nn_status reserve(nn_stack *stack, int64_t count) {
    if (count <= stack->capacity) return NN_OK;
    int64_t each = nn_tensor_count(&stack->piece), wanted = stack->capacity * 2, bytes;
    if (wanted < count) wanted = count;
    if (stack->capacity == 0 && stack->expected > wanted) {
        int64_t most = first_bytes / (nn_tensor_bytes(&stack->piece) + 1) + 1;
        wanted = stack->expected < most ? stack->expected : most;
    }
    if (stack->expected > count && wanted > stack->expected) wanted = stack->expected;
    int64_t used, elements;
    if (!nn_mul_size(wanted, each, &elements) ||
        !nn_type_bytes(stack->piece.type, elements, &bytes) ||
        !nn_type_bytes(stack->piece.type, stack->capacity * each, &used))
        return nn_fail(NN_BAD_INPUT, "%lld rows of the result have too many elements",
                       (long long)wanted);
    if (bytes > 0) {
        void *grown = nn_realloc(stack->rows.data, (size_t)used, (size_t)bytes);
        if (grown == NULL) return nn_fail_memory((size_t)bytes);
        stack->rows.data = grown;
        if (nn_type_bits(stack->piece.type) < 8)
            memset((char *)grown + used, 0, (size_t)(bytes - used));
    }
    stack->capacity = wanted;
    return NN_OK;
}

/* The pieces end with their iteration, texts with them. */
static nn_status keep_texts(nn_stack *stack, int64_t begin, int64_t count) {
    const char **texts = (const char **)stack->rows.data + begin;
    for (int64_t i = 0; i < count; i++) {
        texts[i] = nn_arena_strdup(&stack->texts, texts[i]);
        if (texts[i] == NULL) return nn_fail_memory(1);
    }
    return NN_OK;
}

nn_status nn_stack_add(const nn_node_view *node, nn_stack *stack, int64_t index,
                       const nn_tensor *piece) {
    nn_tensor *first = &stack->piece;
    if (nn_type_is_container(piece->type))
        return nn_view_fail(node, NN_BAD_INPUT, "results of type %s cannot be put together",
                            nnopt_type_name(piece->type));
    if (index == 0) {
        if (piece->rank == NN_MAX_RANK)
            return nn_view_fail(node, NN_UNSUPPORTED, "a result would have rank %d",
                                NN_MAX_RANK + 1);
        *first = *piece;
        first->data = NULL;
    }
    if (piece->type != first->type ||
        !nn_dims_equal(piece->dims, piece->rank, first->dims, first->rank)) {
        char had[256], got[256];
        return nn_view_fail(
            node, NN_BAD_INPUT, "a result is %s %s in iteration %lld, was %s %s before",
            nnopt_type_name(piece->type), nn_dims_text(piece->dims, piece->rank, got, sizeof got),
            (long long)index, nnopt_type_name(first->type),
            nn_dims_text(first->dims, first->rank, had, sizeof had));
    }
    nn_status status = reserve(stack, index + 1);
    if (status != NN_OK)
        return nn_fail_context(status, "node '%s' (%s)", node->name, node->op->name);
    int64_t count = nn_tensor_count(piece);
    nn_move_elements(piece->type, stack->rows.data, index * count, piece->data, 0, count);
    stack->rows.dims[0] = index + 1;
    return piece->type == NNOPT_STRING ? keep_texts(stack, index * count, count) : NN_OK;
}

static nn_status shape_of_nothing(const nn_call *call, const nn_body *body, int output,
                                  nn_tensor *piece) {
    const nn_fact *fact = body->output(body, output);
    if (fact->type == NNOPT_TYPE_NONE || fact->rank < 0 || nn_type_is_container(fact->type))
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "runs its body zero times, and the shape of the body's output %d is "
                            "not known",
                            output);
    *piece = (nn_tensor){.type = fact->type, .rank = fact->rank};
    for (int i = 0; i < fact->rank; i++)
        piece->dims[i] = nn_dim_is_known(fact->dims[i]) ? fact->dims[i] : 0;
    return NN_OK;
}

nn_status nn_stack_finish(const nn_call *call, nn_stack *stack, const nn_body *body, int output,
                          int64_t axis, bool backwards, nn_tensor *out) {
    int64_t count = stack->rows.dims[0];
    nn_tensor *piece = &stack->piece, *rows = &stack->rows;
    int place;
    if (count == 0) NN_TRY(shape_of_nothing(call, body, output, piece));
    NN_TRY(nn_check_axis(call->node, axis, piece->rank + 1, &place));
    rows->type = piece->type;
    rows->rank = piece->rank + 1;
    for (int i = 0; i < piece->rank; i++) rows->dims[i + 1] = piece->dims[i];
    bool is_done = count > 0 && !backwards && place == 0;
    if (is_done && piece->type != NNOPT_STRING) {
        *out = *rows;
        rows->data = NULL;
        return NN_OK;
    }
    nn_tensor shape = *rows;
    for (int i = 0; i < rows->rank; i++)
        shape.dims[i] = i == place ? count : piece->dims[i < place ? i : i - 1];
    NN_TRY(nn_tensor_init(out, shape.type, shape.dims, shape.rank));
    nn_rows to = nn_rows_of(shape.dims, shape.rank, place);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = backwards ? count - 1 - i : i;
        for (int64_t block = 0; block < to.outer; block++)
            nn_move_elements(shape.type, out->data, (block * count + at) * to.inner, rows->data,
                             (i * to.outer + block) * to.inner, to.inner);
    }
    return shape.type == NNOPT_STRING ? nn_tensor_own_texts(out) : NN_OK;
}

void nn_stack_clear(nn_stack *stack) {
    nn_free(stack->rows.data);
    nn_arena_clear(&stack->texts);
    *stack = (nn_stack){0};
}
