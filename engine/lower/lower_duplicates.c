/* Nodes that compute the same from the same become one: what several products of one value were
 * given each for itself (Reshape, DynamicQuantizeLinear, Transpose). */
#include "engine/graph/node_pattern.h"
#include "engine/lower/lower_parts.h"

enum { MOST_READERS = 64, MOST_CONSTANT_BYTES = 1024, MOST_ROUNDS = 8 };

static bool is_same_attribute(const nn_attr *a, const nn_attr *b) {
    if (strcmp(a->name, b->name) != 0 || a->kind != b->kind || a->count != b->count) return false;
    switch (a->kind) {
    case NN_ATTR_INT:
        return a->i == b->i;
    case NN_ATTR_FLOAT:
        return a->f == b->f;
    case NN_ATTR_STRING:
        return a->s.length == b->s.length &&
               memcmp(a->s.bytes, b->s.bytes, (size_t)a->s.length) == 0;
    case NN_ATTR_INTS:
        return a->count == 0 || memcmp(a->ints, b->ints, (size_t)a->count * sizeof *a->ints) == 0;
    default:
        return false;
    }
}

static bool has_same_attributes(const nn_node *a, const nn_node *b) {
    if (a->attrs.count != b->attrs.count) return false;
    for (int64_t i = 0; i < a->attrs.count; i++)
        if (!is_same_attribute(&a->attrs.items[i], &b->attrs.items[i])) return false;
    return true;
}

/* The same value, or small constants with the same bits. */
static bool is_same_input(const nn_value *a, const nn_value *b) {
    if (a == b) return true;
    if (!nn_value_is_constant(a) || !nn_value_is_constant(b)) return false;
    const nn_tensor *left = a->fact.constant, *right = b->fact.constant;
    if (left->type != right->type || !nn_type_is_plain(left->type) ||
        !nn_dims_equal(left->dims, left->rank, right->dims, right->rank))
        return false;
    int64_t bytes = nn_tensor_bytes(left);
    return bytes <= MOST_CONSTANT_BYTES &&
           (bytes == 0 || memcmp(left->data, right->data, (size_t)bytes) == 0);
}

static bool is_same(const nn_node *a, const nn_node *b) {
    if (a->op != b->op || a->in_count != b->in_count || a->out_count != b->out_count ||
        a->opset != b->opset || !has_same_attributes(a, b))
        return false;
    for (int i = 0; i < a->in_count; i++)
        if (!is_same_input(a->inputs[i], b->inputs[i])) return false;
    return true;
}

/* May the node give way to another one that computes the same? */
static bool may_go(const nn_node *node) {
    if (node->op == NULL || node->op->is_impure || node->op->bodies != NULL || node->in_count < 1)
        return false;
    for (int k = 0; k < node->out_count; k++) {
        const nn_value *value = node->outputs[k];
        if (value == NULL) continue;
        if (value->is_output) return false;
        for (int64_t u = 0; u < value->use_count; u++)
            if (value->uses[u].input == NN_USE_CAPTURE) return false;
    }
    return true;
}

static nn_node *find_earlier(const nn_node *node, const bool *taken) {
    for (int i = 0; i < node->in_count; i++) {
        const nn_value *value = node->inputs[i];
        if (value == NULL || nn_value_is_constant(value)) continue;
        for (int64_t u = 0; u < value->use_count && value->use_count <= MOST_READERS; u++) {
            nn_node *other = value->uses[u].node;
            if (value->uses[u].input == i && other->position < node->position &&
                !taken[other->position] && is_same(other, node))
                return other;
        }
        return NULL;
    }
    return NULL;
}

static nn_status merge_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    for (int64_t i = 0; i < lowered->graph->node_count; i++) {
        nn_node *node = lowered->graph->nodes[i];
        nn_node *same = may_go(node) ? find_earlier(node, taken) : NULL;
        if (same == NULL) continue;
        taken[i] = true;
        for (int k = 0; k < node->out_count; k++)
            if (node->outputs[k] != NULL && same->outputs[k] != NULL)
                nn_patch_replace_uses(patch, node->outputs[k], same->outputs[k]);
        nn_patch_remove_node(patch, node);
        NN_TRY(nn_covers_merge(&lowered->covers, same, node));
    }
    return NN_OK;
}

nn_status nn_lower_duplicates(nn_lowered *lowered) {
    int64_t before;
    int rounds = 0;
    do { /* what read two of them may be the same now */
        before = lowered->graph->node_count;
        NN_TRY(nn_lower_edit(lowered, "nodes that compute the same", merge_all));
    } while (lowered->graph->node_count < before && ++rounds < MOST_ROUNDS);
    return NN_OK;
}
