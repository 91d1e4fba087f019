/* A product with one matrix of constants, and a constant for each column added to it: one node that
 * adds the bias while the sums are in registers, for products of any rank (MatMul of two matrices
 * has become a Gemm by then). */
#include "engine/graph/node_pattern.h"
#include "engine/lower/lower_parts.h"

typedef struct linear {
    nn_pattern nodes; /* the sum, the product */
    nn_value *x, *w, *bias;
} linear;

static bool is_float_constant(const nn_value *value) {
    return nn_value_is_constant(value) && value->fact.type == NNOPT_FLOAT;
}

static bool match_product(linear *out, nn_value *value) {
    if (!nn_is_made_by(value, &nn_op_matmul) || !nn_pattern_take(&out->nodes, value)) return false;
    out->x = value->producer->inputs[0];
    out->w = value->producer->inputs[1];
    return !nn_value_is_constant(out->x) && out->x->fact.rank >= 2 && is_float_constant(out->w) &&
           out->w->fact.rank == 2;
}

/* One element a column, and no other axis. */
static bool is_bias(const nn_value *bias, const nn_value *w, int result_rank) {
    const nn_fact *fact = &bias->fact;
    return is_float_constant(bias) && fact->rank >= 1 && fact->rank <= result_rank &&
           fact->dims[fact->rank - 1] == w->fact.dims[1] && nn_fact_count(fact) == w->fact.dims[1];
}

static bool match_linear(nn_node *sum, linear *out) {
    if (sum->op != &nn_op_add) return false;
    for (int side = 0; side < 2; side++) {
        *out = (linear){.bias = sum->inputs[1 - side]};
        nn_value *product = sum->inputs[side];
        if (nn_pattern_take(&out->nodes, sum->outputs[0]) && match_product(out, product) &&
            is_bias(out->bias, out->w, product->fact.rank))
            return true;
    }
    return false;
}

static nn_status replace_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    nn_graph *graph = lowered->graph;
    for (int64_t i = graph->node_count - 1; i >= 0; i--) {
        linear found;
        if (!match_linear(graph->nodes[i], &found) || !nn_pattern_is_free(&found.nodes, taken))
            continue;
        nn_node *sum = found.nodes.nodes[0], *product = found.nodes.nodes[1];
        nn_value *inputs[] = {found.x, found.w, found.bias};
        nn_pattern_mark(&found.nodes, taken);
        nn_patch_remove_node(patch, sum);
        nn_patch_remove_node(patch, product);
        nn_node *made = nn_patch_node(patch, "Linear", "nnopt", product->name, inputs, 3,
                                      sum->outputs, 1, NULL, product);
        if (made == NULL) return NN_OK; /* apply says why */
        NN_TRY(nn_covers_merge(&lowered->covers, made, product));
        NN_TRY(nn_covers_merge(&lowered->covers, made, sum));
    }
    return NN_OK;
}

nn_status nn_lower_linear(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "products with a bias", replace_all);
}
