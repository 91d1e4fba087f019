/* Puts the parts of operators that are written as others in their place. */
#include "engine/lower/lower_parts.h"
#include "ops/expansion.h"
#include "ops/family/activation.h"

enum { MAX_ROUNDS = 8 }; /* parts may have parts */

/* ---- services ---- */

nn_term *nn_expand_in(nn_expansion *expansion, int index) {
    return index < expansion->node->in_count ? expansion->node->inputs[index] : NULL;
}

static bool is_half(nn_type type) {
    return type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

nn_term *nn_expand_float_in(nn_expansion *expansion, int index) {
    nn_term *in = nn_expand_in(expansion, index);
    if (in == NULL || !is_half(in->fact.type)) return in;
    return nn_expand_cast(expansion, in, NNOPT_FLOAT);
}

bool nn_expand_wants(const nn_expansion *expansion, int output) {
    return output < expansion->node->out_count && expansion->node->outputs[output] != NULL;
}

const nn_attrs *nn_expand_attrs(const nn_expansion *expansion) {
    return &expansion->node->attrs;
}

nn_term *nn_expand_blob(nn_expansion *expansion, nn_blob *blob) {
    return nn_patch_constant(expansion->patch, expansion->node->name, blob);
}

nn_term *nn_expand_constant(nn_expansion *expansion, nn_type type, const int64_t *dims, int rank,
                            const void *data) {
    nn_blob *blob;
    if (expansion->status == NN_OK) expansion->status = nn_blob_create(type, dims, rank, &blob);
    if (expansion->status != NN_OK) return NULL;
    size_t bytes = (size_t)nn_tensor_bytes(&blob->tensor);
    if (bytes > 0) memcpy(blob->tensor.data, data, bytes);
    nn_term *term = nn_expand_blob(expansion, blob);
    nn_blob_release(blob);
    return term;
}

nn_term *nn_expand_ints(nn_expansion *expansion, int64_t count, const int64_t *values) {
    return nn_expand_constant(expansion, NNOPT_INT64, &count, 1, values);
}

nn_term *nn_expand_float(nn_expansion *expansion, float value) {
    return nn_expand_constant(expansion, NNOPT_FLOAT, NULL, 0, &value);
}

void nn_expand_parts(nn_expansion *expansion, const nn_part *part, nn_term **out, int out_count) {
    const nn_node *node = expansion->node;
    for (int i = 0; i < out_count; i++) out[i] = nn_patch_value(expansion->patch, node->name);
    nn_patch_node(expansion->patch, part->op_type, "nnopt", node->name, part->in, part->in_count,
                  out, out_count, &part->attrs, node);
}

nn_term *nn_expand_part(nn_expansion *expansion, const nn_part *part) {
    nn_term *out = NULL;
    nn_expand_parts(expansion, part, &out, 1);
    return out;
}

nn_term *nn_expand_cast(nn_expansion *expansion, nn_term *x, nn_type type) {
    return nn_expand(expansion, "Cast", NN_TERMS(x), NN_ATTRS(nn_attr_int("to", type)));
}

nn_term *nn_expand_reshape(nn_expansion *expansion, nn_term *x, int rank, const int64_t *dims) {
    return nn_expand(expansion, "Reshape", NN_TERMS(x, nn_expand_ints(expansion, rank, dims)));
}

nn_term *nn_expand_transpose(nn_expansion *expansion, nn_term *x, int rank, const int64_t *order) {
    return nn_expand(expansion, "Transpose", NN_TERMS(x),
                     NN_ATTRS(nn_attr_ints("perm", order, rank)));
}

nn_term *nn_expand_activation(nn_expansion *expansion, nn_term *x, nn_activation activation) {
    if (activation.kind == NN_ACT_NONE) return x;
    return nn_expand(expansion, "Activation", NN_TERMS(x),
                     NN_ATTRS(nn_attr_text("kind", nn_activation_names[activation.kind]),
                              nn_attr_float("alpha", activation.alpha),
                              nn_attr_float("beta", activation.beta)));
}

/* An Identity stands between, since the term may be read by other parts, too. */
void nn_expand_out(nn_expansion *expansion, int index, nn_term *term) {
    nn_node *node = expansion->node;
    if (!nn_expand_wants(expansion, index)) return;
    nn_patch_node(expansion->patch, "Identity", "nnopt", node->name, &term, 1,
                  &node->outputs[index], 1, NULL, node);
}

void nn_expand_float_out(nn_expansion *expansion, int index, nn_term *term) {
    if (!nn_expand_wants(expansion, index)) return;
    nn_type type = expansion->node->outputs[index]->fact.type;
    nn_expand_out(expansion, index, is_half(type) ? nn_expand_cast(expansion, term, type) : term);
}

/* ---- editing ---- */

static nn_status expand_node(nn_patch *patch, nn_node *node) {
    nn_view_storage storage;
    nn_node_view view;
    NN_TRY(nn_node_view_init(node, &storage, &view));
    nn_expansion expansion = {.patch = patch, .node = node};
    nn_patch_remove_node(patch, node);
    nn_status status = node->op->expand(&view, &expansion);
    nn_node_view_clear(&storage);
    return status != NN_OK ? status : expansion.status;
}

static nn_status expand_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    nn_graph *graph = lowered->graph;
    for (int64_t i = 0; i < graph->node_count; i++) {
        nn_node *node = graph->nodes[i];
        if (node->op == NULL || node->op->expand == NULL) continue;
        taken[i] = true;
        NN_TRY(expand_node(patch, node));
    }
    return NN_OK;
}

static bool has_expandable(const nn_graph *graph) {
    for (int64_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op != NULL && graph->nodes[i]->op->expand != NULL) return true;
    return false;
}

nn_status nn_lower_expansions(nn_lowered *lowered) {
    for (int round = 0; round < MAX_ROUNDS && has_expandable(lowered->graph); round++)
        NN_TRY(nn_lower_edit(lowered, "operators that are written as others", expand_all));
    return NN_OK;
}
