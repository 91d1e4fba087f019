#include "engine/transform/fold_identity.h"

#include "engine/graph/patch.h"

static bool is_read(const nn_node *node, int output) {
    const nn_value *value = output < node->out_count ? node->outputs[output] : NULL;
    return value != NULL && (value->use_count > 0 || value->is_output);
}

/* Inference mode: no training_mode, or a constant false. */
static bool is_inactive_dropout(const nn_node *node) {
    if (is_read(node, 1)) return false;
    if (node->in_count < 3 || node->inputs[2] == NULL) return true;
    const nn_tensor *mode = node->inputs[2]->fact.constant;
    return mode != NULL && nn_tensor_count(mode) == 1 && nn_tensor_get_int(mode, 0) == 0;
}

/* The axes stay where they are: all listed in order. */
static bool is_identity_transpose(const nn_node *node) {
    const int64_t *axes;
    int64_t count;
    if (nn_attrs_ints(&node->attrs, "perm", &axes, &count) != NN_OK) return false;
    if (axes == NULL) return node->inputs[0]->fact.rank >= 0 && node->inputs[0]->fact.rank < 2;
    for (int64_t i = 0; i < count; i++)
        if (axes[i] != i) return false;
    return true;
}

/* Known dims are the same, and at most one is open: it is the same, too, since the elements are. */
static bool keeps_shape(const nn_node *node) {
    const nn_fact *in = &node->inputs[0]->fact, *out = &node->outputs[0]->fact;
    if (in->rank < 0 || in->rank != out->rank) return false;
    int open = 0;
    for (int i = 0; i < in->rank; i++) {
        bool is_open = !nn_dim_is_known(in->dims[i]) && !nn_dim_is_known(out->dims[i]);
        if (!is_open && (in->dims[i] != out->dims[i] || in->dims[i] == 0)) return false;
        open += is_open;
    }
    return open <= 1;
}

static bool is_identity(const nn_node *node) {
    if (node->op == NULL || node->in_count == 0 || node->out_count == 0 ||
        node->inputs[0] == NULL || node->outputs[0] == NULL)
        return false;
    const nn_fact *in = &node->inputs[0]->fact, *out = &node->outputs[0]->fact;
    if (in->type != out->type) return false;
    if (node->op == &nn_op_identity) return true;
    if (node->op == &nn_op_dropout) return is_inactive_dropout(node);
    if (node->op == &nn_op_cast || node->op == &nn_op_cast_like) return in->type != NNOPT_TYPE_NONE;
    if (node->op == &nn_op_concat) return node->in_count == 1;
    if (node->op == &nn_op_transpose) return is_identity_transpose(node);
    return node->op == &nn_op_reshape && keeps_shape(node);
}

/* Can the input take the output's place? */
static bool can_merge(const nn_value *in, const nn_value *out) {
    return !out->is_output || !(in->is_output || in->is_input || in->is_captured);
}

static nn_status remove_identity(nn_graph *graph, const char *pass, nn_node *node) {
    nn_patch *patch;
    NN_TRY(nn_patch_begin(graph, pass, "the output is the input", &patch));
    nn_patch_remove_node(patch, node);
    nn_patch_replace_uses(patch, node->outputs[0], node->inputs[0]);
    return nn_patch_apply(patch);
}

nn_status nn_graph_remove_identities(nn_graph *graph, const char *pass) {
    int64_t i = 0;
    while (i < graph->node_count) {
        nn_node *node = graph->nodes[i];
        if (is_identity(node) && can_merge(node->inputs[0], node->outputs[0]))
            NN_TRY(remove_identity(graph, pass, node));
        else
            i++;
    }
    return NN_OK;
}
