#include "ops/family/unary.h"

#include "ops/family/loops.h"

static nn_unary_row row_for(const nn_unary_rows *rows, nn_type type) {
    return rows->of[nn_type_in(type, NN_TYPES_HALF) && rows->of[type] == NULL ? NNOPT_FLOAT : type];
}

bool nn_unary_accepts(const nn_node_view *node, const nn_unary_rows *rows) {
    nn_type type = node->in[0]->type;
    return nn_epilogue_is_empty(&node->epilogue) && (int)type < NN_TYPE_COUNT &&
           row_for(rows, type) != NULL;
}

typedef struct unary_work {
    const nn_call *call;
    const void *attrs;
    nn_unary_row row;
    bool through_float;
} unary_work;

static void unary_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const unary_work *work = argument;
    const nn_tensor *in = work->call->in[0], *out = work->call->out[0];
    if (!work->through_float) {
        work->row(work->attrs, nn_at(in->data, in->type, begin),
                  nn_at_out(out->data, out->type, begin), end - begin);
        return;
    }
    float block[NN_BLOCK];
    for (int64_t i = begin; i < end; i += NN_BLOCK) {
        int64_t count = end - i < NN_BLOCK ? end - i : NN_BLOCK;
        nn_load_float(in->type, nn_at(in->data, in->type, i), block, count);
        work->row(work->attrs, block, block, count);
        nn_store_float(out->type, block, nn_at_out(out->data, out->type, i), count);
    }
}

void nn_unary_apply(const nn_call *call, const nn_unary_rows *rows, const void *attrs) {
    const nn_tensor *in = call->in[0];
    unary_work work = {call, attrs, row_for(rows, in->type), rows->of[in->type] == NULL};
    nn_parallel(call->pool, nn_tensor_count(in), NN_GRAIN, unary_chunk, &work);
}

nn_status nn_unary_run(const nn_call *call, const nn_unary_rows *rows) {
    nn_unary_apply(call, rows, call->node->attrs);
    return NN_OK;
}

nn_status nn_infer_unary_float(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    return nn_infer_like(node);
}

nn_status nn_infer_unary_number(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_NUMBER));
    return nn_infer_like(node);
}
