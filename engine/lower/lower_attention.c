/* softmax(scale Q K' + mask) V in elementary operators becomes the operator Attention, which keeps
 * scores in cache and reads queries, keys and values where they lie:
 *
 *     MatMul -> [Mul or Div by a number] -> [Add mask] -> Softmax -> MatMul
 *
 * Where queries, keys and values are heads split off the columns of matrices (Reshape to [batch,
 * length, heads, size], Transpose) and the result is joined again in the same way, the operator
 * takes the matrices themselves, and nothing is transposed. Otherwise it takes [batch, heads,
 * length, size]. A query whose mask is -infinity everywhere gives zeros, not NaN. */
#include "engine/graph/node_pattern.h"
#include "engine/lower/lower_parts.h"

/* What one of the products reads. */
typedef struct heads {
    nn_value *deep;    /* [batch, heads, length, size], or what becomes that by `order` */
    bool is_reordered; /* keys: deep must be transposed by `order` yet */
    int64_t order[4];
    nn_value *
        wide; /* [batch, length, heads x size] in the same order of elements; NULL: there is none */
    int64_t count; /* of heads, when wide */
} heads;

typedef struct attention {
    nn_pattern nodes; /* the last is the product with the values, or what joins the heads */
    heads q, k, v;
    nn_value *mask;   /* NULL: none */
    nn_value *result; /* of the pattern */
    bool is_wide,
        is_joined; /* takes matrices; makes what the Reshape that joins heads would make */
    float scale;
} attention;

/* ---- heads ---- */

static bool read_order(const nn_value *value, int64_t *order) {
    const int64_t *stated;
    int64_t count;
    if (!nn_is_made_by(value, &nn_op_transpose) || value->producer->inputs[0] == NULL) return false;
    if (nn_attrs_ints(&value->producer->attrs, "perm", &stated, &count) != NN_OK || count != 4)
        return false;
    if (value->producer->inputs[0]->fact.rank != 4)
        return false; /* what was stated is not checked then */
    for (int i = 0; i < 4; i++) order[i] = stated[i];
    return true;
}

static bool is_order(const int64_t *order, int64_t a, int64_t b, int64_t c, int64_t d) {
    return order[0] == a && order[1] == b && order[2] == c && order[3] == d;
}

/* [batch, length, heads, size] and [batch, length, heads x size] with the same elements: when two
 * of three sizes agree and heads x size is known, all do. */
static bool is_split(const nn_fact *narrow, const nn_fact *wide) {
    if (narrow->rank != 4 || wide->rank != 3) return false;
    int64_t count = narrow->dims[2], size = narrow->dims[3], columns = wide->dims[2];
    if (!nn_dim_is_known(count) || !nn_dim_is_known(size) || count < 1 || size < 1) return false;
    if (!nn_dim_is_known(columns) || columns / count != size || columns % count != 0) return false;
    return (nn_is_same_dim(narrow->dims[0], wide->dims[0]) && narrow->dims[0] != 0) ||
           (nn_is_same_dim(narrow->dims[1], wide->dims[1]) && narrow->dims[1] != 0);
}

/* The matrix whose columns were split into the heads of `narrow`, [batch, length, heads, size]. */
static void find_wide(nn_value *narrow, heads *out) {
    if (!nn_is_made_by(narrow, &nn_op_reshape)) return;
    nn_value *wide = narrow->producer->inputs[0];
    if (wide == NULL || !is_split(&narrow->fact, &wide->fact)) return;
    out->wide = wide;
    out->count = narrow->fact.dims[2];
}

static bool match_rows(nn_value *value, heads *out) {
    *out = (heads){.deep = value};
    if (value->fact.rank != 4) return false;
    if (read_order(value, out->order) && is_order(out->order, 0, 2, 1, 3))
        find_wide(value->producer->inputs[0], out);
    return true;
}

/* Keys come as [batch, heads, size, length]: a Transpose of something is before them. */
static bool match_columns(nn_value *value, heads *out) {
    heads found = {.is_reordered = true};
    if (value->fact.rank != 4 || !read_order(value, found.order)) return false;
    int64_t last = found.order[2];
    found.order[2] = found.order[3];
    found.order[3] = last;
    found.deep = value->producer->inputs[0];
    if (is_order(found.order, 0, 1, 2, 3)) return match_rows(found.deep, out);
    if (is_order(found.order, 0, 2, 1, 3)) find_wide(found.deep, &found);
    *out = found;
    return true;
}

/* ---- scores ---- */

/* Numbers that the scores are multiplied with, which may stand in front of the product. They are
 * not taken: others may read them. */
static nn_value *strip_factors(nn_value *value, float *scale) {
    for (;;) {
        nn_pattern step = {0};
        value = nn_pattern_strip_scale(&step, value, scale);
        if (step.count == 0) return value;
    }
}

/* scale Q K' */
static bool match_scores(attention *a, nn_value *value) {
    value = nn_pattern_strip_scale(&a->nodes, value, &a->scale);
    if (!nn_is_made_by(value, &nn_op_matmul) || value->fact.rank != 4) return false;
    nn_value *const *in = value->producer->inputs;
    return nn_pattern_take(&a->nodes, value) &&
           match_rows(strip_factors(in[0], &a->scale), &a->q) &&
           match_columns(strip_factors(in[1], &a->scale), &a->k);
}

/* The mask has a value for each key, and broadcasts to the scores without making them larger. */
static bool is_mask(const nn_fact *mask, const nn_fact *scores) {
    if (mask->type != NNOPT_FLOAT || mask->rank < 1 || mask->rank > 4 || scores->rank != 4)
        return false;
    for (int i = 1; i <= mask->rank; i++) {
        int64_t own = mask->dims[mask->rank - i], whole = scores->dims[4 - i];
        if (!nn_is_same_dim(own, whole) && (own != 1 || i == 1)) return false;
    }
    return true;
}

static bool match_masked(attention *a, nn_value *value) {
    if (!nn_is_made_by(value, &nn_op_add)) return match_scores(a, value);
    attention start = *a;
    for (int side = 0; side < 2; side++) {
        *a = start;
        nn_value *scores = value->producer->inputs[side];
        a->mask = value->producer->inputs[1 - side];
        if (is_mask(&a->mask->fact, &scores->fact) && nn_pattern_take(&a->nodes, value) &&
            match_scores(a, scores))
            return true;
    }
    return false;
}

static bool is_softmax_of_rows(const nn_value *value) {
    if (!nn_is_made_by(value, &nn_op_softmax) || value->fact.rank != 4) return false;
    const nn_node *node = value->producer;
    int64_t axis;
    return nn_attrs_int(&node->attrs, "axis", node->opset < 13 ? 1 : -1, &axis) == NN_OK &&
           (axis == -1 || axis == 3);
}

/* ---- the whole ---- */

/* Query, key and value agree: Attention takes one batch and as many heads of keys as of values, and
 * a product would broadcast them. */
static bool agrees(const attention *a, const nn_value *scores, const nn_value *product) {
    const nn_fact *weights = &scores->fact, *y = &product->fact;
    const nn_fact *q = &a->q.deep->fact, *v = &a->v.deep->fact;
    for (int i = 0; i < 2; i++)
        if (!nn_is_same_dim(q->dims[i], weights->dims[i]) ||
            !nn_is_same_dim(v->dims[i], weights->dims[i]) ||
            !nn_is_same_dim(y->dims[i], weights->dims[i]))
            return false;
    const nn_fact *k = &a->k.deep->fact;
    const bool moved = a->k.is_reordered;
    for (int i = 0; i < 2; i++)
        if (!nn_is_same_dim(k->dims[moved ? a->k.order[i] : i], weights->dims[i])) return false;
    return nn_dim_is_known(weights->dims[1]);
}

/* [batch, length, heads x size] behind the product: a Transpose and what the Reshape behind it
 * makes, when that is it, or else the Reshape stays and may read the matrix instead. */
static bool reads_leading_sizes_alone(const nn_node *reshape) {
    const nn_tensor *shape = reshape->inputs[1] != NULL ? reshape->inputs[1]->fact.constant : NULL;
    if (reshape->opset < 5 || shape == NULL) return false;
    for (int64_t i = 2; i < nn_tensor_count(shape); i++)
        if (nn_tensor_get_int(shape, i) == 0) return false;
    return true;
}

static bool match_joining(attention *a, nn_value *product) {
    int64_t order[4];
    nn_node *transpose = nn_value_single_consumer(product);
    if (a->q.wide == NULL || a->k.wide == NULL || a->v.wide == NULL) return false;
    if (transpose == NULL || !read_order(transpose->outputs[0], order)) return false;
    if (!is_order(order, 0, 2, 1, 3)) return false;
    nn_value *narrow = transpose->outputs[0];
    nn_node *reshape = nn_value_single_consumer(narrow);
    if (reshape == NULL || reshape->op != &nn_op_reshape || reshape->inputs[0] != narrow)
        return false;
    a->is_joined = is_split(&narrow->fact, &reshape->outputs[0]->fact);
    if (!a->is_joined && !reads_leading_sizes_alone(reshape)) return false;
    a->result = a->is_joined ? reshape->outputs[0] : narrow;
    a->nodes.nodes[a->nodes.count++] = transpose;
    if (a->is_joined) a->nodes.nodes[a->nodes.count++] = reshape;
    return true;
}

static bool match_attention(nn_node *node, attention *a) {
    *a = (attention){.scale = 1};
    if (node->op != &nn_op_matmul || node->outputs[0]->fact.rank != 4) return false;
    nn_value *product = node->outputs[0], *weights = node->inputs[0];
    if (!nn_is_made_by(product, &nn_op_matmul) || !nn_pattern_take(&a->nodes, product))
        return false;
    if (!is_softmax_of_rows(weights) || !nn_pattern_take(&a->nodes, weights)) return false;
    if (!match_masked(a, weights->producer->inputs[0]) || !match_rows(node->inputs[1], &a->v))
        return false;
    if (!agrees(a, weights, product) || a->nodes.count + 2 > NN_MOST_PATTERN_NODES) return false;
    a->result = product;
    a->is_wide = match_joining(a, product);
    return true;
}

/* ---- editing ---- */

static nn_value *operand(nn_patch *patch, const attention *a, const heads *h,
                         const nn_node *origin) {
    if (a->is_wide) return h->wide;
    if (!h->is_reordered) return h->deep;
    nn_attr order = nn_attr_ints("perm", h->order, 4);
    nn_value *in = h->deep, *out = nn_patch_value(patch, in->name);
    nn_patch_node(patch, "Transpose", "", in->name, &in, 1, &out, 1, &(nn_attrs){&order, 1},
                  origin);
    return out;
}

static nn_status replace(nn_lowered *lowered, nn_patch *patch, const attention *a) {
    const nn_pattern *p = &a->nodes;
    nn_node *product = p->nodes[0];
    nn_attr items[] = {nn_attr_float("scale", a->scale), nn_attr_int("q_num_heads", a->q.count),
                       nn_attr_int("kv_num_heads", a->k.count)};
    nn_attrs attrs = {items, a->is_wide ? 3 : 1};
    nn_value *inputs[] = {operand(patch, a, &a->q, product), operand(patch, a, &a->k, product),
                          operand(patch, a, &a->v, product), a->mask};
    nn_value *result = a->result, *made_value = result;
    const bool keeps_reshape = a->is_wide && !a->is_joined;
    if (keeps_reshape) made_value = nn_patch_value(patch, product->outputs[0]->name);
    for (int i = 0; i < p->count; i++) nn_patch_remove_node(patch, p->nodes[i]);
    nn_node *made = nn_patch_node(patch, "Attention", "nnopt", product->name, inputs,
                                  a->mask != NULL ? 4 : 3, &made_value, 1, &attrs, product);
    if (keeps_reshape) nn_patch_replace_uses(patch, result, made_value);
    if (made == NULL) return NN_OK; /* apply says why */
    for (int i = 0; i < p->count; i++) NN_TRY(nn_covers_merge(&lowered->covers, made, p->nodes[i]));
    return NN_OK;
}

static nn_status replace_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    nn_graph *graph = lowered->graph;
    for (int64_t i = 0; i < graph->node_count; i++) {
        attention a;
        if (!match_attention(graph->nodes[i], &a) || !nn_pattern_is_free(&a.nodes, taken)) continue;
        nn_pattern_mark(&a.nodes, taken);
        NN_TRY(replace(lowered, patch, &a));
    }
    return NN_OK;
}

nn_status nn_lower_attention(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "attention that was spelled out", replace_all);
}
