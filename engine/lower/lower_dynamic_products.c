/* Products of dynamically quantised values: MatMulInteger, Cast, Mul by both scales and Add of the
 * bias become MatMulIntegerToFloat, which does all that while the sums are in registers. Where a
 * Reshape made rows of the value before it was quantised, and another one restores the shape behind
 * the product, neither is needed. */
#include "engine/graph/node_pattern.h"
#include "engine/lower/lower_parts.h"

typedef struct product {
    nn_pattern nodes; /* the last one first; the MatMulInteger last */
    nn_value *a_scale, *b_scale, *bias;
} product;

/* ---- scales and bias ---- */

/* scales = a_scale b_scale, of which the latter are constants, one or one a column */
static bool match_scales(product *p, const nn_value *value) {
    if (!nn_is_made_by(value, &nn_op_mul) || value->fact.rank > 1 ||
        !nn_pattern_take(&p->nodes, value))
        return false;
    for (int side = 0; side < 2; side++) {
        p->a_scale = value->producer->inputs[side];
        p->b_scale = value->producer->inputs[1 - side];
        if (nn_value_is_constant(p->b_scale) && nn_fact_count(&p->a_scale->fact) == 1) return true;
    }
    return false;
}

static bool match_sums(product *p, const nn_value *value) {
    if (!nn_is_made_by(value, &nn_op_cast) || !nn_pattern_take(&p->nodes, value)) return false;
    const nn_value *sums = value->producer->inputs[0];
    return sums->producer != NULL && sums->producer->op == &nn_op_matmul_integer &&
           nn_pattern_take(&p->nodes, sums);
}

static bool match_scaled(product *p, const nn_value *value) {
    if (!nn_is_made_by(value, &nn_op_mul) || !nn_pattern_take(&p->nodes, value)) return false;
    nn_value *const *in = value->producer->inputs;
    product start = *p;
    if (match_scales(p, in[1]) && match_sums(p, in[0])) return true;
    *p = start;
    return match_scales(p, in[0]) && match_sums(p, in[1]);
}

/* One constant a column of b, which is a matrix of constants. */
static bool fits(const product *p) {
    const nn_node *integer = p->nodes.nodes[p->nodes.count - 1];
    const nn_value *b = integer->inputs[1];
    if (!nn_value_is_constant(b) || b->fact.rank != 2) return false;
    int64_t columns = b->fact.dims[1], scales = nn_fact_count(&p->b_scale->fact);
    if (scales != 1 && scales != columns) return false;
    return p->bias == NULL || (nn_value_is_constant(p->bias) && p->bias->fact.rank == 1 &&
                               p->bias->fact.dims[0] == columns);
}

static bool match_product(nn_node *node, product *p) {
    nn_value *result = node->outputs[0];
    for (int side = 0; side < 2 && node->op == &nn_op_add; side++) {
        *p = (product){.bias = node->inputs[1 - side]};
        if (nn_pattern_take(&p->nodes, result) && match_scaled(p, node->inputs[side]) && fits(p))
            return true;
    }
    *p = (product){0};
    return node->op == &nn_op_mul && match_scaled(p, result) && fits(p);
}

static nn_status replace(nn_lowered *lowered, nn_patch *patch, const product *p) {
    nn_node *last = p->nodes.nodes[0], *integer = p->nodes.nodes[p->nodes.count - 1];
    nn_value *inputs[7] = {integer->inputs[0], integer->inputs[1], p->a_scale, p->b_scale};
    for (int i = 2; i < integer->in_count; i++) inputs[2 + i] = integer->inputs[i];
    inputs[6] = p->bias;
    for (int i = 0; i < p->nodes.count; i++) nn_patch_remove_node(patch, p->nodes.nodes[i]);
    nn_node *made = nn_patch_node(patch, "MatMulIntegerToFloat", "com.microsoft", integer->name,
                                  inputs, p->bias != NULL ? 7 : 6, last->outputs, 1, NULL, integer);
    if (made == NULL) return NN_OK; /* apply says why */
    for (int i = p->nodes.count - 1; i >= 0; i--)
        NN_TRY(nn_covers_merge(&lowered->covers, made, p->nodes.nodes[i]));
    return NN_OK;
}

static nn_status replace_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    for (int64_t i = lowered->graph->node_count - 1; i >= 0; i--) {
        product p;
        nn_node *node = lowered->graph->nodes[i];
        if (taken[i] || node->out_count != 1 || node->outputs[0] == NULL) continue;
        if (!match_product(node, &p) || !nn_pattern_is_free(&p.nodes, taken)) continue;
        nn_pattern_mark(&p.nodes, taken);
        NN_TRY(replace(lowered, patch, &p));
    }
    return NN_OK;
}

/* ---- rows ---- */

/* A constant shape that copies no size of the input. */
static bool is_fixed_reshape(const nn_node *node) {
    if (node->op != &nn_op_reshape || node->opset < 5) return false;
    const nn_tensor *shape = node->inputs[1] != NULL ? node->inputs[1]->fact.constant : NULL;
    if (shape == NULL) return false;
    for (int64_t i = 0; i < nn_tensor_count(shape); i++)
        if (nn_tensor_get_int(shape, i) == 0) return false;
    return true;
}

/* All that is read of the value are Reshapes that do not look at its rows. */
static bool is_reshaped_only(const nn_value *value) {
    if (value->is_output) return false;
    for (int64_t u = 0; u < value->use_count; u++)
        if (value->uses[u].input != 0 || !is_fixed_reshape(value->uses[u].node)) return false;
    return true;
}

/* All readers are products whose results are reshaped. */
static bool feeds_reshaped_products(const nn_value *value) {
    if (value->is_output) return false;
    for (int64_t u = 0; u < value->use_count; u++) {
        const nn_node *reader = value->uses[u].node;
        if (value->uses[u].input != 0 || reader->op != &nn_op_matmul_integer_to_float ||
            reader->inputs[1]->fact.rank != 2 || nn_fact_count(&reader->inputs[2]->fact) != 1 ||
            !is_reshaped_only(reader->outputs[0]))
            return false;
    }
    return true;
}

/* DynamicQuantizeLinear reads what a Reshape cut into rows of the same length. */
static nn_status read_whole(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    (void)taken;
    for (int64_t i = 0; i < lowered->graph->node_count; i++) {
        nn_node *node = lowered->graph->nodes[i];
        if (node->op != &nn_op_dynamic_quantize_linear || node->outputs[0] == NULL) continue;
        const nn_value *rows = node->inputs[0];
        if (!nn_is_made_by(rows, &nn_op_reshape) || rows->fact.rank != 2) continue;
        nn_value *whole = rows->producer->inputs[0];
        int rank = whole->fact.rank;
        if (rank < 3 || !nn_is_same_dim(whole->fact.dims[rank - 1], rows->fact.dims[1])) continue;
        if (feeds_reshaped_products(node->outputs[0])) nn_patch_set_input(patch, node, 0, whole);
    }
    return NN_OK;
}

nn_status nn_lower_dynamic_products(nn_lowered *lowered) {
    NN_TRY(nn_lower_edit(lowered, "products of dynamically quantised values", replace_all));
    return nn_lower_edit(lowered, "values that were cut into rows to be multiplied", read_whole);
}
