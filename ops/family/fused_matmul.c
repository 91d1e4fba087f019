#include "ops/family/fused_matmul.h"

#include "ops/family/infer.h"
#include "ops/family/matmul.h"

nn_status nn_fused_matmul_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const names[] = {"transA", "transB", "transBatchA", "transBatchB"};
    nn_fused_matmul_attrs *a = out;
    int64_t flags[4];
    (void)node;
    NN_TRY(nn_attrs_float(attrs, "alpha", 1, &a->alpha));
    for (int i = 0; i < 4; i++) NN_TRY(nn_attrs_int(attrs, names[i], 0, &flags[i]));
    for (int i = 0; i < 2; i++) {
        a->transpose[i] = flags[i] != 0;
        a->transpose_batch[i] = flags[2 + i] != 0;
    }
    return NN_OK;
}

/* The order of axes that makes input `index` an operand of MatMul; false: the order it has. */
static bool axis_order(const nn_node_view *node, int index, int64_t *order) {
    const nn_fused_matmul_attrs *a = node->attrs;
    int rank = node->in[index]->rank;
    bool moves_first = a->transpose_batch[index] && rank > 2;
    bool swaps = a->transpose[index] && rank > 1;
    for (int i = 0; i < rank; i++) order[i] = i;
    for (int i = 0; moves_first && i < rank - 1; i++) order[i] = i == rank - 2 ? 0 : i + 1;
    if (swaps) {
        int64_t last = order[rank - 1];
        order[rank - 1] = order[rank - 2];
        order[rank - 2] = last;
    }
    return moves_first || swaps;
}

/* The node as MatMul sees it; the facts of its operands are written to `facts`. */
typedef struct plain_view {
    nn_fact facts[2];
    const nn_fact *in[2];
    nn_node_view view;
} plain_view;

static void make_plain(const nn_node_view *node, plain_view *out) {
    for (int i = 0; i < 2; i++) {
        int64_t order[NN_MAX_RANK];
        out->facts[i] = *node->in[i];
        out->facts[i].constant = NULL;
        out->in[i] = &out->facts[i];
        if (node->in[i]->rank < 0 || !axis_order(node, i, order)) continue;
        for (int axis = 0; axis < node->in[i]->rank; axis++)
            out->facts[i].dims[axis] = node->in[i]->dims[order[axis]];
    }
    out->view = *node;
    out->view.in = out->in;
}

nn_status nn_fused_matmul_infer(const nn_node_view *node) {
    plain_view plain;
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_same_types(node, 0, 1));
    make_plain(node, &plain);
    return nn_matmul_infer(&plain.view, 0, 1, nn_in_type(node, 0));
}

void nn_fused_matmul_cost(const nn_node_view *node, nn_cost *out) {
    plain_view plain;
    make_plain(node, &plain);
    nn_matmul_cost(&plain.view, 0, 1, out);
}

static nn_status operand(const nn_node_view *node, nn_expansion *e, int index, nn_term **out) {
    int64_t order[NN_MAX_RANK];
    const nn_fused_matmul_attrs *a = node->attrs;
    int rank = node->in[index]->rank;
    *out = nn_expand_float_in(e, index);
    if (!a->transpose[index] && !a->transpose_batch[index]) return NN_OK;
    if (rank < 0)
        return nn_view_fail(node, NN_UNSUPPORTED, "the rank of input %d must be known", index);
    if (axis_order(node, index, order)) *out = nn_expand_transpose(e, *out, rank, order);
    return NN_OK;
}

nn_status nn_fused_matmul_expand(const nn_node_view *node, nn_expansion *e) {
    const nn_fused_matmul_attrs *attrs = node->attrs;
    nn_term *a, *b;
    NN_TRY(operand(node, e, 0, &a));
    NN_TRY(operand(node, e, 1, &b));
    nn_term *y = nn_expand(e, "MatMul", NN_TERMS(a, b));
    if (attrs->alpha != 1)
        y = nn_expand_activation(e, y, (nn_activation){NN_ACT_LINEAR, attrs->alpha, 0});
    nn_expand_float_out(e, 0, y);
    return NN_OK;
}
