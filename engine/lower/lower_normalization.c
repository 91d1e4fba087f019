/* LayerNormalization that is spelled out in elementary operators becomes that operator:
 *
 *     (x - mean) / sqrt(variance + epsilon) gamma + beta
 *     x m + (beta - mean m)                         with m = gamma / sqrt(variance + epsilon)
 *
 * over the last axis, factors in any order, squares and roots however they are written. */
#include "engine/graph/node_pattern.h"
#include "engine/lower/lower_parts.h"

typedef struct norm {
    nn_pattern nodes;
    nn_value *x; /* NULL: not met yet; the same wherever it is met */
    nn_value *gamma, *beta;
    bool has_centred, has_inverse;
    float epsilon;
} norm;

static bool is_x(norm *n, nn_value *value) {
    if (n->x == NULL) n->x = value;
    return n->x == value;
}

static bool is_number(const nn_value *value, float number) {
    const nn_tensor *constant = value->fact.constant;
    return constant != NULL && constant->type == NNOPT_FLOAT && nn_tensor_count(constant) == 1 &&
           nn_tensor_get(constant, 0) == (double)number;
}

/* ---- mean and variance ---- */

/* The one axis that ReduceMean reduces; an attribute before opset 18, then an input. */
static bool reduces_last_axis(const nn_node *node) {
    const int64_t *axes;
    int64_t count, keeps, axis;
    int rank = node->inputs[0]->fact.rank;
    if (nn_attrs_int(&node->attrs, "keepdims", 1, &keeps) != NN_OK || keeps == 0) return false;
    if (node->in_count > 1 && node->inputs[1] != NULL) {
        const nn_tensor *constant = node->inputs[1]->fact.constant;
        if (constant == NULL || nn_tensor_count(constant) != 1) return false;
        axis = nn_tensor_get_int(constant, 0);
    } else {
        if (nn_attrs_ints(&node->attrs, "axes", &axes, &count) != NN_OK || count != 1) return false;
        axis = axes[0];
    }
    return axis == -1 || (rank > 0 && axis == rank - 1);
}

/* value = mean of *of over the last axis */
static bool match_mean(norm *n, const nn_value *value, nn_value **of) {
    if (!nn_is_made_by(value, &nn_op_reduce_mean) || value->producer->inputs[0] == NULL)
        return false;
    *of = value->producer->inputs[0];
    return reduces_last_axis(value->producer) && nn_pattern_join(&n->nodes, value);
}

/* value = x - mean(x) */
static bool match_centred(norm *n, const nn_value *value) {
    nn_value *of;
    if (!nn_is_made_by(value, &nn_op_sub)) return false;
    nn_value *const *in = value->producer->inputs;
    return match_mean(n, in[1], &of) && of == in[0] && is_x(n, of) &&
           nn_pattern_join(&n->nodes, value);
}

/* value = mean((x - mean(x))^2) */
static bool match_variance(norm *n, const nn_value *value) {
    nn_value *square;
    if (!match_mean(n, value, &square)) return false;
    bool is_power = nn_is_made_by(square, &nn_op_pow),
         is_product = nn_is_made_by(square, &nn_op_mul);
    if (!is_power && !is_product) return false;
    nn_value *const *in = square->producer->inputs;
    if (is_power && !is_number(in[1], 2)) return false;
    if (is_product && in[0] != in[1]) return false;
    return match_centred(n, in[0]) && nn_pattern_join(&n->nodes, square);
}

/* value = variance + epsilon */
static bool match_shifted_variance(norm *n, const nn_value *value) {
    if (!nn_is_made_by(value, &nn_op_add) || !nn_pattern_join(&n->nodes, value)) return false;
    for (int side = 0; side < 2; side++) {
        nn_value *const *in = value->producer->inputs;
        const nn_tensor *epsilon = in[side]->fact.constant;
        if (epsilon == NULL || epsilon->type != NNOPT_FLOAT || nn_tensor_count(epsilon) != 1)
            continue;
        n->epsilon = (float)nn_tensor_get(epsilon, 0);
        return match_variance(n, in[1 - side]);
    }
    return false;
}

/* value = (variance + epsilon)^power, for the power 1/2 as a root, too */
static bool match_power(norm *n, const nn_value *value, float power) {
    bool is_root = power == 0.5f && nn_is_made_by(value, &nn_op_sqrt);
    if (!is_root && !nn_is_made_by(value, &nn_op_pow)) return false;
    nn_value *const *in = value->producer->inputs;
    return (is_root || is_number(in[1], power)) && nn_pattern_join(&n->nodes, value) &&
           match_shifted_variance(n, in[0]);
}

/* value = 1 / sqrt(variance + epsilon) */
static bool match_inverse(norm *n, const nn_value *value) {
    if (nn_is_made_by(value, &nn_op_reciprocal))
        return nn_pattern_join(&n->nodes, value) &&
               match_power(n, value->producer->inputs[0], 0.5f);
    if (nn_is_made_by(value, &nn_op_div))
        return is_number(value->producer->inputs[0], 1) && nn_pattern_join(&n->nodes, value) &&
               match_power(n, value->producer->inputs[1], 0.5f);
    return match_power(n, value, -0.5f);
}

/* ---- factors ---- */

/* Has one element for each place of the last axis of x, and no other axis. */
static bool is_parameter(const nn_value *value, const nn_value *x) {
    const nn_tensor *constant = value->fact.constant;
    int rank = x->fact.rank;
    if (constant == NULL || constant->type != NNOPT_FLOAT || rank < 1 || constant->rank < 1 ||
        constant->rank > rank)
        return false;
    int64_t size = constant->dims[constant->rank - 1];
    return size == x->fact.dims[rank - 1] && nn_tensor_count(constant) == size;
}

/* Factors of `value`, which nothing but this pattern reads: x - mean, the inverse deviation, gamma,
 * each at most once. */
static bool match_factors(norm *n, nn_value *value) {
    norm start = *n;
    if (nn_value_is_constant(value)) {
        if (n->gamma != NULL) return false;
        n->gamma = value;
        return true;
    }
    if (!n->has_centred && match_centred(n, value)) return n->has_centred = true;
    *n = start;
    if (!n->has_inverse && match_inverse(n, value)) return n->has_inverse = true;
    *n = start;
    if (nn_is_made_by(value, &nn_op_div) && !n->has_inverse) {
        nn_value *const *in = value->producer->inputs;
        n->has_inverse = true;
        return nn_pattern_join(&n->nodes, value) && match_power(n, in[1], 0.5f) &&
               match_factors(n, in[0]);
    }
    return nn_is_made_by(value, &nn_op_mul) && nn_pattern_join(&n->nodes, value) &&
           match_factors(n, value->producer->inputs[0]) &&
           match_factors(n, value->producer->inputs[1]);
}

/* sum = (x - mean) inverse gamma + beta */
static bool match_scaled(norm *n, const nn_node *sum, int side) {
    n->beta = sum->inputs[1 - side];
    return nn_value_is_constant(n->beta) && match_factors(n, sum->inputs[side]) && n->has_centred;
}

/* value = *of m, with the inverse deviation and gamma in m, which is found or found again */
static bool match_multiple(norm *n, const nn_value *value, nn_value **m, nn_value **of) {
    if (!nn_is_made_by(value, &nn_op_mul) || !nn_pattern_join(&n->nodes, value)) return false;
    for (int side = 0; side < 2; side++) {
        norm start = *n;
        nn_value *factor = value->producer->inputs[side];
        *of = value->producer->inputs[1 - side];
        if (*m != NULL && *m == factor) return true;
        if (*m == NULL && match_factors(n, factor) && !n->has_centred) {
            *m = factor;
            return true;
        }
        *n = start;
    }
    return false;
}

/* sum = x m + (beta - mean m) */
static bool match_shifted(norm *n, const nn_node *sum, int side) {
    nn_value *m = NULL, *x, *mean, *of;
    nn_value *shift = sum->inputs[1 - side];
    if (!nn_is_made_by(shift, &nn_op_sub) || !nn_pattern_join(&n->nodes, shift)) return false;
    n->beta = shift->producer->inputs[0];
    return nn_value_is_constant(n->beta) && match_multiple(n, sum->inputs[side], &m, &x) &&
           is_x(n, x) && match_multiple(n, shift->producer->inputs[1], &m, &mean) &&
           match_mean(n, mean, &of) && is_x(n, of);
}

static bool match_norm(nn_node *sum, norm *out) {
    if (sum->op != &nn_op_add || sum->outputs[0]->fact.type != NNOPT_FLOAT) return false;
    for (int attempt = 0; attempt < 4; attempt++) {
        *out = (norm){0};
        nn_pattern_join(&out->nodes, sum->outputs[0]);
        bool found =
            attempt < 2 ? match_scaled(out, sum, attempt) : match_shifted(out, sum, attempt - 2);
        if (found && out->has_inverse && out->gamma != NULL && is_parameter(out->gamma, out->x) &&
            is_parameter(out->beta, out->x) && nn_pattern_is_closed(&out->nodes))
            return true;
    }
    return false;
}

/* ---- editing ---- */

static nn_status replace(nn_lowered *lowered, nn_patch *patch, const norm *n) {
    const nn_pattern *p = &n->nodes;
    nn_node *root = p->nodes[0];
    nn_attr items[] = {nn_attr_int("axis", -1), nn_attr_float("epsilon", n->epsilon)};
    nn_value *inputs[] = {n->x, n->gamma, n->beta};
    for (int i = 0; i < p->count; i++) nn_patch_remove_node(patch, p->nodes[i]);
    nn_node *made = nn_patch_node(patch, "LayerNormalization", "", root->name, inputs, 3,
                                  root->outputs, 1, &(nn_attrs){items, 2}, root);
    if (made == NULL) return NN_OK; /* apply says why */
    for (int i = 0; i < p->count; i++) NN_TRY(nn_covers_merge(&lowered->covers, made, p->nodes[i]));
    return NN_OK;
}

static nn_status replace_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    nn_graph *graph = lowered->graph;
    for (int64_t i = graph->node_count - 1; i >= 0; i--) {
        norm n;
        if (!match_norm(graph->nodes[i], &n) || !nn_pattern_is_free(&n.nodes, taken)) continue;
        nn_pattern_mark(&n.nodes, taken);
        NN_TRY(replace(lowered, patch, &n));
    }
    return NN_OK;
}

nn_status nn_lower_normalizations(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "layer normalisation that was spelled out", replace_all);
}
