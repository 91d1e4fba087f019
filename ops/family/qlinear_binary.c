#include "ops/family/qlinear_binary.h"

#include "ops/family/axes.h"
#include "ops/family/loops.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

void nn_qbinary_row_reference(const nn_qbinary *binary, const void *a, int64_t a_step,
                              const void *b, int64_t b_step, void *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int32_t left = nn_quant_load(a, binary->type, i * a_step);
        int32_t right = nn_quant_load(b, binary->type, i * b_step);
        float value;
        if (binary->kind == NN_QBINARY_ADD)
            value = nn_fused((float)left, binary->a_scale,
                             nn_fused((float)right, binary->b_scale, binary->offset));
        else
            value = (float)((left - binary->a_zero) * (right - binary->b_zero)) * binary->a_scale +
                    binary->offset;
        nn_quant_store(y, binary->type, i,
                       nn_quant_round(value, 0, binary->lowest, binary->highest));
    }
}

nn_status nn_qbinary_infer(const nn_node_view *node) {
    const nn_fact *a = node->in[A], *b = node->in[B];
    nn_type type = a->type != NNOPT_TYPE_NONE ? a->type : b->type;
    NN_TRY(nn_quant_check_8bit(node, A));
    if (b->type != NNOPT_TYPE_NONE && b->type != type)
        return nn_view_fail(node, NN_BAD_INPUT, "operands must have one type, got %s and %s",
                            nnopt_type_name(type), nnopt_type_name(b->type));
    NN_TRY(nn_quant_check_parameters(node, A, A_SCALE, A_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, B, B_SCALE, B_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, A, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    *node->out[0] = nn_fact_unknown();
    node->out[0]->type = type;
    if (a->rank < 0 || b->rank < 0) return NN_OK;
    int64_t dims[NN_MAX_RANK];
    int rank;
    char left[128], right[128];
    if (!nn_broadcast_dims(a->dims, a->rank, b->dims, b->rank, dims, &rank))
        return nn_view_fail(node, NN_BAD_INPUT, "shapes %s and %s do not broadcast",
                            nn_dims_text(a->dims, a->rank, left, sizeof left),
                            nn_dims_text(b->dims, b->rank, right, sizeof right));
    *node->out[0] = nn_fact_make(type, rank, dims);
    return NN_OK;
}

nn_status nn_qbinary_axes(const nn_node_view *node, nn_axis_relations *out) {
    NN_TRY(nn_axes_add_broadcast(node, out, A));
    return nn_axes_add_broadcast(node, out, B);
}

nn_qbinary nn_qbinary_make(nn_qbinary_kind kind, nn_type type, const nn_quant *a, const nn_quant *b,
                           const nn_quant *y) {
    bool add = kind == NN_QBINARY_ADD;
    nn_qbinary out = {.kind = kind,
                      .type = type,
                      .a_zero = a->zero,
                      .b_zero = b->zero,
                      .y_zero = y->zero,
                      .lowest = y->lowest,
                      .highest = y->highest,
                      .a_scale = (add ? a->scale : a->scale * b->scale) / y->scale,
                      .b_scale = b->scale / y->scale,
                      .offset = (float)y->zero};
    if (add) out.offset -= out.a_scale * (float)a->zero + out.b_scale * (float)b->zero;
    return out;
}

typedef struct binary_work {
    const nn_qbinary *binary;
    nn_qbinary_row row;
    const uint8_t *a, *b;
    uint8_t *y;
} binary_work;

static void run_rows(void *argument, nn_cursor *cursor) {
    const binary_work *work = argument;
    const nn_loops *loops = cursor->loops;
    int last = loops->rank - 1;
    for (int64_t count; (count = nn_cursor_next(cursor)) > 0;)
        work->row(work->binary, work->a + cursor->offset[1], loops->steps[1][last],
                  work->b + cursor->offset[2], loops->steps[2][last], work->y + cursor->offset[0],
                  count);
}

nn_status nn_qbinary_run(const nn_call *call, nn_qbinary_kind kind, nn_qbinary_row row) {
    const nn_tensor *a = call->in[A], *b = call->in[B];
    nn_tensor *y = call->out[0];
    nn_quant qa = nn_quant_read(call->in[A_SCALE], call->in[A_ZERO], a->type);
    nn_quant qb = nn_quant_read(call->in[B_SCALE], call->in[B_ZERO], b->type);
    nn_quant qy = nn_quant_read(call->in[Y_SCALE], nn_call_in(call, Y_ZERO), y->type);
    nn_qbinary binary = nn_qbinary_make(kind, y->type, &qa, &qb, &qy);
    binary_work work = {&binary, row, a->data, b->data, y->data};
    nn_loops loops;
    nn_loops_init(&loops, y->dims, y->rank);
    nn_loops_add_broadcast(&loops, y->dims, y->rank);
    nn_loops_add_input(&loops, call->layout, a);
    nn_loops_add_input(&loops, call->layout, b);
    nn_loops_collapse(&loops);
    nn_loops_run(&loops, call->pool, run_rows, &work);
    return NN_OK;
}
