#include "engine/plan/batch_axis.h"

#include "engine/plan/plan_parts.h"

#include <math.h>

/* ---- one node ---- */

typedef struct node_axes {
    const nn_node *node;
    const bool *is_batched; /* by value id */
    nn_axis_relations relations;
} node_axes;

static bool is_batched(const node_axes *self, const nn_value *value) {
    return value != NULL && self->is_batched[value->id];
}

static bool is_first(nn_axis_end end, bool is_output, int index) {
    return end.is_output == is_output && end.index == index && end.axis == 0;
}

static bool is_from_batch(const node_axes *self, nn_axis_end end) {
    return !end.is_output && end.axis == 0 && is_batched(self, self->node->inputs[end.index]);
}

/* Input `index`: a batch goes to axis 0 of an output and nowhere else; of what is no batch,
 * nothing does. */
static bool keeps_input(const node_axes *self, int index) {
    const nn_value *value = self->node->inputs[index];
    /* What an epilogue adds has the output's shape. */
    if (value == NULL || nn_epilogue_adds(&self->node->epilogue, index)) return true;
    bool goes_on = false;
    for (int r = 0; r < self->relations.count; r++) {
        const nn_axis_relation *relation = &self->relations.items[r];
        for (int side = 0; side < 2; side++) {
            const nn_axis_end end = side == 0 ? relation->a : relation->b;
            const nn_axis_end other = side == 0 ? relation->b : relation->a;
            const bool to_first =
                relation->kind == NN_AXIS_SAME && other.is_output && other.axis == 0;
            if (end.is_output || end.index != index) continue;
            if (!is_batched(self, value)) {
                if (other.is_output && other.axis == 0) return false;
            } else if (end.axis == 0) {
                if (!to_first) return false;
                goes_on = true;
            } else if (other.is_output && other.axis == 0) {
                return false;
            }
        }
    }
    return goes_on || !is_batched(self, value);
}

static bool keeps_output(const node_axes *self, int index, int64_t samples) {
    const nn_value *value = self->node->outputs[index];
    if (value == NULL) return true;
    if (value->fact.rank < 1 || value->fact.dims[0] != samples) return false;
    for (int r = 0; r < self->relations.count; r++) {
        const nn_axis_relation *relation = &self->relations.items[r];
        if (relation->kind != NN_AXIS_SAME) continue;
        if (is_first(relation->b, true, index) && is_from_batch(self, relation->a)) return true;
        if (is_first(relation->a, true, index) && is_from_batch(self, relation->b)) return true;
    }
    return false;
}

static nn_status keeps_apart(node_axes *self, int64_t samples, bool *out) {
    const nn_node *node = self->node;
    nn_view_storage storage;
    nn_node_view view;
    *out = false;
    if (node->op == NULL || node->op->axes == NULL || node->op->is_impure) return NN_OK;
    if (node->capture_count > 0) return NN_OK;
    self->relations.count = 0;
    NN_TRY(nn_node_view_init(node, &storage, &view));
    const nn_status status = node->op->axes(&view, &self->relations);
    nn_node_view_clear(&storage);
    NN_TRY(status);
    for (int i = 0; i < node->in_count; i++)
        if (!keeps_input(self, i)) return NN_OK;
    for (int k = 0; k < node->out_count; k++)
        if (!keeps_output(self, k, samples)) return NN_OK;
    *out = true;
    return NN_OK;
}

/* ---- the graph ---- */

static bool has_whole_bytes(const nn_value *value) {
    return nn_type_is_plain(value->fact.type) && nn_type_bits(value->fact.type) >= 8;
}

/* Samples of the inputs, 0 where they differ. */
static int64_t samples_of_inputs(const nn_graph *graph) {
    int64_t samples = 0;
    for (int64_t i = 0; i < graph->input_count; i++) {
        const nn_value *input = graph->inputs[i];
        if (nn_value_is_constant(input) || input->fact.rank < 1 || !has_whole_bytes(input))
            return 0;
        if (i > 0 && input->fact.dims[0] != samples) return 0;
        samples = input->fact.dims[0];
    }
    return samples;
}

static double bytes_of(const nn_value *value, int float_bytes) {
    if (value == NULL) return 0;
    if (value->fact.type == NNOPT_FLOAT) return (double)nn_fact_count(&value->fact) * float_bytes;
    return (double)nn_fact_bytes(&value->fact);
}

/* Of a table only the rows that a sample asks for. */
static bool is_table(const nn_node *node, int index) {
    return node->op == &nn_op_gather && index == 0;
}

static void count_bytes(const node_axes *self, int float_bytes, nn_batch_axis *out) {
    const nn_node *node = self->node;
    double bytes = 0;
    for (int i = 0; i < node->in_count; i++) {
        if (is_table(node, i) && !is_batched(self, node->inputs[i])) continue;
        const double own = bytes_of(node->inputs[i], float_bytes);
        if (is_batched(self, node->inputs[i]))
            bytes += own;
        else
            out->constant_bytes += own;
    }
    for (int k = 0; k < node->out_count; k++) bytes += bytes_of(node->outputs[k], float_bytes);
    bytes /= (double)out->samples;
    out->moved_bytes += bytes;
    out->sample_bytes = fmax(out->sample_bytes, bytes);
}

static nn_status visit(node_axes *self, bool *batched, int float_bytes, nn_batch_axis *out) {
    const nn_node *node = self->node;
    bool reads_batch = false, is_apart;
    if (nn_node_is_folded(node)) return NN_OK;
    for (int i = 0; i < node->in_count; i++)
        reads_batch = reads_batch || is_batched(self, node->inputs[i]);
    if (!reads_batch && node->op != NULL && !node->op->is_impure && node->capture_count == 0)
        return NN_OK;
    NN_TRY(keeps_apart(self, out->samples, &is_apart));
    if (!is_apart) {
        out->samples = 0;
        return NN_OK;
    }
    for (int k = 0; k < node->out_count; k++)
        if (node->outputs[k] != NULL) batched[node->outputs[k]->id] = true;
    if (!nn_node_is_view(node)) count_bytes(self, float_bytes, out);
    return NN_OK;
}

nn_status nn_batch_axis_find(const nn_graph *graph, int float_bytes, nn_batch_axis *out) {
    *out = (nn_batch_axis){.samples = samples_of_inputs(graph)};
    if (out->samples < 2) return NN_OK;
    const size_t size = sizeof(node_axes) + (size_t)graph->value_count + 1;
    node_axes *self = nn_alloc_zero(size);
    if (self == NULL) return nn_fail_memory(size);
    bool *batched = (bool *)(self + 1);
    self->is_batched = batched;
    nn_status status = NN_OK;
    for (int64_t i = 0; i < graph->input_count; i++) batched[graph->inputs[i]->id] = true;
    for (int64_t i = 0; i < graph->node_count && status == NN_OK && out->samples > 0; i++) {
        self->node = graph->nodes[i];
        status = visit(self, batched, float_bytes, out);
    }
    for (int64_t i = 0; i < graph->output_count; i++)
        if (!batched[graph->outputs[i]->id] || !has_whole_bytes(graph->outputs[i]))
            out->samples = 0;
    nn_free(self);
    return status;
}

/* ---- a part ---- */

static bool is_part_of(const nn_value *value, const nn_value *part, int64_t samples,
                       int64_t part_samples) {
    if (value == NULL || part == NULL) return value == part;
    const nn_fact *a = &value->fact, *b = &part->fact;
    if (a->type != b->type || a->rank != b->rank) return false;
    if (nn_value_is_constant(value) || nn_value_is_constant(part))
        return nn_value_is_constant(value) && nn_value_is_constant(part);
    for (int axis = 0; axis < a->rank; axis++) {
        const bool is_same = a->dims[axis] == b->dims[axis];
        const bool is_cut = axis == 0 && a->dims[0] == samples && b->dims[0] == part_samples;
        if (!is_same && !is_cut) return false;
    }
    return true;
}

bool nn_batch_axis_is_part(const nn_graph *graph, const nn_graph *part, int64_t samples) {
    const int64_t all = graph->inputs[0]->fact.dims[0];
    if (graph->node_count != part->node_count) return false;
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_node *a = graph->nodes[i], *b = part->nodes[i];
        if (a->op != b->op || a->out_count != b->out_count) return false;
        for (int k = 0; k < a->out_count; k++)
            if (!is_part_of(a->outputs[k], b->outputs[k], all, samples)) return false;
    }
    for (int64_t i = 0; i < graph->output_count; i++)
        if (!is_part_of(graph->outputs[i], part->outputs[i], all, samples) ||
            part->outputs[i]->fact.dims[0] != samples)
            return false;
    return true;
}
