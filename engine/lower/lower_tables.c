/* Functions of one 8-bit value become tables. Quantisers put QuantizeLinear and DequantizeLinear
 * around every step of a spelled out activation; from the last QuantizeLinear back to the one 8-bit
 * value that everything comes from, all are functions of each element alone: 256 results, computed
 * here by the model's own operators. */
#include "engine/graph/node_pattern.h"
#include "engine/lower/lower_parts.h"
#include "engine/transform/fold.h"

#include <stdlib.h>

enum { MOST_NODES = 32, MOST_VISITS = 256, BYTES = 256 };

typedef struct region {
    nn_node *nodes[MOST_NODES]; /* the last one first */
    int count, quantizers, others;
    nn_value *source; /* NULL: not met yet */
    int visits;
} region;

/* ---- matching ---- */

static bool is_elementwise(const nn_op *op) {
    static const nn_op *const ops[] = {
        &nn_op_add,        &nn_op_sub,        &nn_op_mul,  &nn_op_div,
        &nn_op_pow,        &nn_op_erf,        &nn_op_exp,  &nn_op_sqrt,
        &nn_op_reciprocal, &nn_op_neg,        &nn_op_abs,  &nn_op_tanh,
        &nn_op_sigmoid,    &nn_op_relu,       &nn_op_clip, &nn_op_min,
        &nn_op_max,        &nn_op_leaky_relu, &nn_op_elu,  &nn_op_hard_sigmoid,
        &nn_op_softplus,   &nn_op_hard_swish, &nn_op_gelu, &nn_op_activation};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (op == ops[i]) return true;
    return false;
}

static bool is_number(const nn_value *value) {
    const nn_tensor *constant = value->fact.constant;
    return constant != NULL && constant->rank <= 1 && nn_tensor_count(constant) == 1;
}

static bool has_node(const region *r, const nn_node *node) {
    for (int i = 0; i < r->count; i++)
        if (r->nodes[i] == node) return true;
    return false;
}

static bool join(region *r, nn_node *node) {
    if (has_node(r, node)) return true;
    if (r->count == MOST_NODES) return false;
    r->nodes[r->count++] = node;
    r->quantizers += node->op == &nn_op_quantize_linear;
    r->others += node->op != &nn_op_quantize_linear && node->op != &nn_op_dequantize_linear;
    return true;
}

static bool is_8bit(const nn_value *value) {
    return value->fact.type == NNOPT_UINT8 || value->fact.type == NNOPT_INT8;
}

/* Quantize- or DequantizeLinear with one constant scale. */
static bool has_one_scale(const nn_node *node) {
    return is_number(node->inputs[1]) && node->inputs[1]->fact.type == NNOPT_FLOAT &&
           (node->in_count < 3 || node->inputs[2] == NULL || is_number(node->inputs[2]));
}

static bool collect(region *r, nn_value *value);

static bool collect_inputs(region *r, nn_node *node) {
    if (!join(r, node)) return false;
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL && !collect(r, node->inputs[i])) return false;
    return true;
}

/* Through the QuantizeLinear in front, when what is before it is a function of one value, too. */
static bool collect_dequantized(region *r, nn_node *node) {
    nn_value *data = node->inputs[0];
    if (!has_one_scale(node) || !is_8bit(data) || !join(r, node)) return false;
    if (nn_value_is_constant(data)) return is_number(data);
    nn_node *quantize = data->producer;
    if (quantize != NULL && quantize->op == &nn_op_quantize_linear && has_one_scale(quantize)) {
        region start = *r;
        if (join(r, quantize) && collect(r, quantize->inputs[0])) return true;
        start.visits = r->visits;
        *r = start;
    }
    if (r->source == NULL) r->source = data;
    return r->source == data;
}

static bool collect(region *r, nn_value *value) {
    if (nn_value_is_constant(value)) return is_number(value);
    nn_node *node = value->producer;
    if (node == NULL || node->op == NULL || node->out_count != 1 || ++r->visits > MOST_VISITS)
        return false;
    if (value->fact.type != NNOPT_FLOAT) return false;
    if (has_node(r, node)) return true;
    if (node->op == &nn_op_dequantize_linear) return collect_dequantized(r, node);
    return is_elementwise(node->op) && collect_inputs(r, node);
}

/* Does the region alone read what the node makes? */
static bool is_inside(const region *r, const nn_node *node) {
    const nn_value *value = node->outputs[0];
    if (value->is_output) return false;
    for (int64_t u = 0; u < value->use_count; u++)
        if (value->uses[u].input == NN_USE_CAPTURE || !has_node(r, value->uses[u].node))
            return false;
    return true;
}

/* The source and constants may be dequantised for others, too. */
static bool may_be_shared(const region *r, const nn_node *node) {
    return node->op == &nn_op_dequantize_linear &&
           (node->inputs[0] == r->source || nn_value_is_constant(node->inputs[0]));
}

static bool is_closed(const region *r) {
    for (int i = 1; i < r->count; i++)
        if (!may_be_shared(r, r->nodes[i]) && !is_inside(r, r->nodes[i])) return false;
    return true;
}

/* Without a QuantizeLinear in between, the operators that know activations do as well. */
static bool is_worth_a_table(const region *r) {
    return r->source != NULL && r->others > 0 && r->quantizers > 1;
}

static bool match_table(nn_node *last, region *out) {
    *out = (region){0};
    if (last->op != &nn_op_quantize_linear || !has_one_scale(last) || !is_8bit(last->outputs[0]))
        return false;
    if (!join(out, last) || !collect(out, last->inputs[0]) || !is_worth_a_table(out)) return false;
    return out->source->fact.rank >= 1 && out->source->fact.rank == last->outputs[0]->fact.rank &&
           is_closed(out);
}

/* ---- the table ---- */

static int by_position(const void *a, const void *b) {
    const nn_node *const *left = a, *const *right = b;
    return ((*left)->position > (*right)->position) - ((*left)->position < (*right)->position);
}

/* `value` of the model in the graph that computes the table: a copy when it is a constant. */
static nn_status value_in(nn_graph *graph, const nn_value *value, nn_value **out) {
    nn_blob *blob;
    *out = nn_graph_find(graph, value->name);
    if (*out != NULL) return NN_OK;
    NN_TRY(nn_graph_add_value(graph, value->name, out));
    if (!nn_value_is_constant(value)) return NN_OK;
    NN_TRY(nn_blob_copy(value->fact.constant, &blob));
    nn_status status = nn_graph_set_initializer(graph, *out, blob);
    nn_blob_release(blob);
    return status;
}

static nn_status add_source(nn_graph *graph, const nn_value *source) {
    const int64_t count = BYTES;
    nn_value *value;
    nn_blob *blob;
    NN_TRY(nn_graph_add_value(graph, source->name, &value));
    NN_TRY(nn_blob_create(source->fact.type, &count, 1, &blob));
    for (int i = 0; i < BYTES; i++) ((uint8_t *)blob->tensor.data)[i] = (uint8_t)i;
    nn_status status = nn_graph_set_initializer(graph, value, blob);
    nn_blob_release(blob);
    return status;
}

static nn_status add_node(nn_graph *graph, const nn_node *node) {
    nn_value *in[8] = {NULL}, *out;
    nn_node *made;
    if (node->in_count > (int)(sizeof in / sizeof *in))
        return nn_fail(NN_UNSUPPORTED, "too many operands");
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) NN_TRY(value_in(graph, node->inputs[i], &in[i]));
    NN_TRY(value_in(graph, node->outputs[0], &out));
    return nn_graph_add_node(graph, node->op_type, node->domain, node->name, in, node->in_count,
                             &out, 1, &node->attrs, &made);
}

/* The region's nodes on all 256 values; *out is the result's constant, borrowed from the graph. */
static nn_status compute(nn_graph *graph, const nn_graph *model, region *r, const nn_tensor **out) {
    nn_node *nodes[MOST_NODES];
    nn_value *result;
    memcpy(nodes, r->nodes, sizeof nodes);
    qsort(nodes, (size_t)r->count, sizeof *nodes, by_position);
    NN_TRY(nn_graph_set_opset(graph, "", nn_graph_opset(model, "")));
    NN_TRY(add_source(graph, r->source));
    for (int i = 0; i < r->count; i++) NN_TRY(add_node(graph, nodes[i]));
    NN_TRY(value_in(graph, r->nodes[0]->outputs[0], &result));
    NN_TRY(nn_graph_add_output(graph, result));
    NN_TRY(nn_graph_infer(graph));
    NN_TRY(nn_graph_fold_constants(graph, "lower", NN_FOLD_DEQUANTIZE));
    *out = result->fact.constant;
    return NN_OK;
}

/* ---- editing ---- */

static nn_status replace(nn_lowered *lowered, nn_patch *patch, region *r, const nn_tensor *table) {
    nn_node *last = r->nodes[0];
    nn_blob *blob;
    NN_TRY(nn_blob_copy(table, &blob));
    nn_value *inputs[] = {r->source, nn_patch_constant(patch, "table", blob)};
    nn_blob_release(blob);
    for (int i = 0; i < r->count; i++)
        if (i == 0 || is_inside(r, r->nodes[i])) nn_patch_remove_node(patch, r->nodes[i]);
    nn_node *made = nn_patch_node(patch, "TableMap", "nnopt", last->name, inputs, 2, last->outputs,
                                  1, NULL, last);
    if (made == NULL) return NN_OK; /* apply says why */
    for (int i = 0; i < r->count; i++) NN_TRY(nn_covers_merge(&lowered->covers, made, r->nodes[i]));
    return NN_OK;
}

static nn_status replace_with_table(nn_lowered *lowered, nn_patch *patch, region *r) {
    nn_graph *graph;
    const nn_tensor *table = NULL;
    NN_TRY(nn_graph_create("table", &graph));
    nn_status status = compute(graph, lowered->graph, r, &table);
    if (status == NN_OK && table != NULL && nn_tensor_count(table) == BYTES)
        status = replace(lowered, patch, r, table);
    nn_graph_destroy(graph);
    return status;
}

/* What is dequantised for several regions belongs to none of them; other nodes do to one. */
static bool is_free(const region *r, bool *taken) {
    for (int i = 0; i < r->count; i++)
        if (taken[r->nodes[i]->position]) return false;
    for (int i = 0; i < r->count; i++)
        if (i == 0 || is_inside(r, r->nodes[i])) taken[r->nodes[i]->position] = true;
    return true;
}

static nn_status replace_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    for (int64_t i = lowered->graph->node_count - 1; i >= 0; i--) {
        region r;
        if (match_table(lowered->graph->nodes[i], &r) && is_free(&r, taken))
            NN_TRY(replace_with_table(lowered, patch, &r));
    }
    return NN_OK;
}

nn_status nn_lower_tables(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "functions of one 8-bit value", replace_all);
}
