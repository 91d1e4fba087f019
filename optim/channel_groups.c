#include "optim/channel_groups.h"

#include <stdlib.h>

typedef struct builder {
    const nn_graph *graph;
    int64_t *base;   /* of (value id, axis): first element, or -1 */
    int64_t *parent; /* of element; a root is its own parent */
    bool *pinned;    /* of a root */
    int64_t count;   /* elements */
} builder;

static int64_t *base_of(const builder *self, const nn_value *value, int axis) {
    return &self->base[value->id * NN_MAX_RANK + axis];
}

static int64_t find(builder *self, int64_t element) {
    while (self->parent[element] != element) {
        self->parent[element] = self->parent[self->parent[element]];
        element = self->parent[element];
    }
    return element;
}

static void unite(builder *self, int64_t a, int64_t b) {
    a = find(self, a);
    b = find(self, b);
    if (a == b) return;
    self->parent[b] = a;
    self->pinned[a] = self->pinned[a] || self->pinned[b];
}

static void pin_axis(builder *self, const nn_value *value, int axis) {
    int64_t base = *base_of(self, value, axis);
    for (int64_t i = 0; base >= 0 && i < value->fact.dims[axis]; i++)
        self->pinned[find(self, base + i)] = true;
}

static void pin_value(builder *self, const nn_value *value) {
    for (int axis = 0; axis < value->fact.rank; axis++) pin_axis(self, value, axis);
}

/* One end of a relation; false when its axis is not tracked. */
static bool resolve(const builder *self, const nn_node *node, nn_axis_end end, nn_value **value,
                    int64_t *base, int64_t *size) {
    int count = end.is_output ? node->out_count : node->in_count;
    if (end.index >= count) return false;
    *value = (end.is_output ? node->outputs : node->inputs)[end.index];
    if (*value == NULL || end.axis >= (*value)->fact.rank) return false;
    *base = *base_of(self, *value, end.axis);
    *size = (*value)->fact.dims[end.axis];
    return *base >= 0;
}

static bool divides(int64_t part, int64_t whole) {
    return part > 0 && whole % part == 0;
}

/* Unites what a relation couples. False when its sizes do not allow it: both ends are pinned then.
 */
static bool couple(builder *self, const nn_axis_relation *relation, int64_t a, int64_t size_a,
                   int64_t b, int64_t size_b) {
    switch (relation->kind) {
    case NN_AXIS_SAME:
    case NN_AXIS_CONTRACT:
        if (size_a != size_b) return false;
        for (int64_t i = 0; i < size_a; i++) unite(self, a + i, b + i);
        return true;
    case NN_AXIS_OFFSET:
        if (relation->offset < 0 || relation->offset + size_a > size_b) return false;
        for (int64_t i = 0; i < size_a; i++) unite(self, a + i, b + i + relation->offset);
        return true;
    case NN_AXIS_MERGE:
        if (relation->inner < 1 || relation->outer < 1 ||
            relation->outer * size_a * relation->inner != size_b)
            return false;
        for (int64_t o = 0; o < relation->outer; o++)
            for (int64_t i = 0; i < size_a; i++)
                for (int64_t r = 0; r < relation->inner; r++)
                    unite(self, a + i, b + (o * size_a + i) * relation->inner + r);
        return true;
    case NN_AXIS_GROUP:
        if (!divides(relation->groups, size_a) || !divides(relation->groups, size_b)) return false;
        for (int64_t i = 0; i < size_a; i++) {
            int64_t group = i / (size_a / relation->groups), part = size_b / relation->groups;
            for (int64_t j = 0; j < part; j++) unite(self, a + i, b + group * part + j);
        }
        return true;
    case NN_AXIS_WINDOW:
    case NN_AXIS_MIXED:
        return false;
    }
    return false;
}

static void pin_unmentioned(builder *self, nn_value *const *values, int count, bool is_output,
                            const nn_axis_relations *relations) {
    for (int v = 0; v < count; v++) {
        if (values[v] == NULL) continue;
        for (int axis = 0; axis < values[v]->fact.rank; axis++) {
            bool mentioned = false;
            for (int r = 0; r < relations->count; r++) {
                const nn_axis_end ends[] = {relations->items[r].a, relations->items[r].b};
                for (int e = 0; e < 2; e++)
                    mentioned = mentioned || (ends[e].is_output == is_output &&
                                              ends[e].index == v && ends[e].axis == axis);
            }
            if (!mentioned) pin_axis(self, values[v], axis);
        }
    }
}

static void pin_node(builder *self, const nn_node *node) {
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) pin_value(self, node->inputs[i]);
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL) pin_value(self, node->outputs[i]);
}

/* Slices along a channel axis would need their bounds moved: only Concat and Split may offset. */
static bool may_offset(const nn_node *node) {
    return strcmp(node->op_type, "Concat") == 0 || strcmp(node->op_type, "Split") == 0;
}

static bool ranks_known(const nn_node *node) {
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL && node->inputs[i]->fact.rank < 0) return false;
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL && node->outputs[i]->fact.rank < 0) return false;
    return true;
}

static bool same_end(nn_axis_end a, nn_axis_end b) {
    return a.is_output == b.is_output && a.index == b.index && a.axis == b.axis;
}

/* Of several axes that merge into one (channels and pixels of a Flatten) only the first may lose
 * indices: an index of the merged axis belongs to one index of each, and coupling all would couple
 * everything. */
static bool merges_second(const nn_axis_relations *relations, int index) {
    for (int r = 0; r < index; r++)
        if (relations->items[r].kind == NN_AXIS_MERGE &&
            same_end(relations->items[r].b, relations->items[index].b))
            return relations->items[index].kind == NN_AXIS_MERGE;
    return false;
}

static nn_status add_node(builder *self, const nn_node *node) {
    if (node->op == NULL || node->op->axes == NULL || !ranks_known(node)) {
        pin_node(self, node);
        return NN_OK;
    }
    nn_axis_relations *relations = nn_alloc_zero(sizeof *relations);
    nn_view_storage *storage = nn_alloc(sizeof *storage);
    if (relations == NULL || storage == NULL) {
        nn_free(relations);
        nn_free(storage);
        return nn_fail_memory(sizeof *relations);
    }
    nn_node_view view;
    nn_status status = nn_node_view_init(node, storage, &view);
    if (status == NN_OK) {
        status = node->op->axes(&view, relations);
        nn_node_view_clear(storage);
    }
    for (int r = 0; status == NN_OK && r < relations->count; r++) {
        const nn_axis_relation *relation = &relations->items[r];
        nn_value *value_a = NULL, *value_b = NULL;
        int64_t a, b, size_a, size_b;
        bool has_a = resolve(self, node, relation->a, &value_a, &a, &size_a);
        bool has_b = resolve(self, node, relation->b, &value_b, &b, &size_b);
        if (merges_second(relations, r)) {
            if (has_a) pin_axis(self, value_a, relation->a.axis);
            continue;
        }
        bool coupled = has_a && has_b && (relation->kind != NN_AXIS_OFFSET || may_offset(node)) &&
                       couple(self, relation, a, size_a, b, size_b);
        if (coupled) continue;
        if (has_a) pin_axis(self, value_a, relation->a.axis);
        if (has_b) pin_axis(self, value_b, relation->b.axis);
    }
    if (status == NN_OK) {
        pin_unmentioned(self, node->inputs, node->in_count, false, relations);
        pin_unmentioned(self, node->outputs, node->out_count, true, relations);
    }
    nn_free(relations);
    nn_free(storage);
    return status;
}

static nn_status number_elements(builder *self) {
    const nn_graph *graph = self->graph;
    int64_t slots = graph->value_count * NN_MAX_RANK + 1;
    self->base = nn_alloc((size_t)slots * sizeof *self->base);
    if (self->base == NULL) return nn_fail_memory((size_t)slots * sizeof *self->base);
    for (int64_t v = 0; v < graph->value_count; v++) {
        const nn_fact *fact = &graph->values[v]->fact;
        for (int axis = 0; axis < NN_MAX_RANK; axis++) {
            self->base[v * NN_MAX_RANK + axis] = -1;
            if (graph->values[v]->producer == NULL && graph->values[v]->use_count == 0) continue;
            /* axes of one index cannot shrink; huge ones (pixels, vocabularies) are never channels
             */
            if (axis >= fact->rank || fact->dims[axis] < 2 || fact->dims[axis] > 1 << 16) continue;
            self->base[v * NN_MAX_RANK + axis] = self->count;
            self->count += fact->dims[axis];
        }
    }
    self->parent = nn_alloc(((size_t)self->count + 1) * sizeof *self->parent);
    self->pinned = nn_alloc_zero((size_t)self->count + 1);
    if (self->parent == NULL || self->pinned == NULL)
        return nn_fail_memory((size_t)self->count * sizeof *self->parent);
    for (int64_t e = 0; e < self->count; e++) self->parent[e] = e;
    return NN_OK;
}

/* ---- structures ---- */

typedef struct family_key {
    uint64_t hash;
    int64_t structure;
} family_key;

static int compare_keys(const void *a, const void *b) {
    const family_key *left = a, *right = b;
    if (left->hash != right->hash) return left->hash < right->hash ? -1 : 1;
    return (left->structure > right->structure) - (left->structure < right->structure);
}

/* A structure's signature: which axes of which constants it lies in, without the indices. */
static uint64_t signature(const nn_structure *structure) {
    uint64_t sum = 0;
    int64_t last_value = -1;
    int last_axis = -1;
    for (int64_t m = 0; m < structure->member_count; m++) {
        const nn_channel_member *member = &structure->members[m];
        if (member->value->initializer == NULL ||
            (member->value->id == last_value && member->axis == last_axis))
            continue;
        last_value = member->value->id;
        last_axis = member->axis;
        uint64_t bits = (uint64_t)(member->value->id * NN_MAX_RANK + member->axis + 1);
        bits *= 0x9e3779b97f4a7c15u;
        sum += (bits ^ bits >> 29) * 0xbf58476d1ce4e5b9u;
    }
    return sum;
}

static nn_status number_families(nn_channel_groups *groups) {
    family_key *keys = nn_alloc(((size_t)groups->structure_count + 1) * sizeof *keys);
    if (keys == NULL) return nn_fail_memory((size_t)groups->structure_count * sizeof *keys);
    for (int64_t s = 0; s < groups->structure_count; s++)
        keys[s] = (family_key){signature(&groups->structures[s]), s};
    qsort(keys, (size_t)groups->structure_count, sizeof *keys, compare_keys);
    for (int64_t k = 0; k < groups->structure_count; k++) {
        if (k == 0 || keys[k].hash != keys[k - 1].hash) groups->family_count++;
        groups->structures[keys[k].structure].family = groups->family_count - 1;
    }
    nn_free(keys);
    return NN_OK;
}

/* Sorts the elements of removable roots into structures, members in order of value, axis, index. */
static nn_status collect(builder *self, nn_channel_groups *out) {
    int64_t *sizes = nn_alloc_zero(((size_t)self->count + 1) * sizeof *sizes);
    if (sizes == NULL) return nn_fail_memory((size_t)self->count * sizeof *sizes);
    int64_t members = 0;
    for (int64_t e = 0; e < self->count; e++) {
        int64_t root = find(self, e);
        if (!self->pinned[root]) {
            out->structure_count += sizes[root]++ == 0;
            members++;
        }
    }
    out->structures = nn_alloc_zero(((size_t)out->structure_count + 1) * sizeof *out->structures);
    out->members = nn_alloc(((size_t)members + 1) * sizeof *out->members);
    int64_t *slot = nn_alloc(((size_t)self->count + 1) * sizeof *slot);
    if (out->structures == NULL || out->members == NULL || slot == NULL) {
        nn_free(sizes);
        nn_free(slot);
        return nn_fail_memory((size_t)members * sizeof *out->members);
    }
    int64_t used = 0, structure = 0;
    for (int64_t e = 0; e < self->count; e++) slot[e] = -1;
    for (int64_t v = 0; v < self->graph->value_count; v++)
        for (int axis = 0; axis < NN_MAX_RANK; axis++) {
            int64_t base = self->base[v * NN_MAX_RANK + axis];
            if (base < 0) continue;
            nn_value *value = self->graph->values[v];
            for (int64_t i = 0; i < value->fact.dims[axis]; i++) {
                int64_t root = find(self, base + i);
                if (self->pinned[root]) continue;
                if (slot[root] < 0) {
                    slot[root] = structure++;
                    out->structures[slot[root]].members = out->members + used;
                    used += sizes[root];
                }
                nn_structure *owner = &out->structures[slot[root]];
                out->members[(owner->members - out->members) + owner->member_count++] =
                    (nn_channel_member){value, axis, i};
            }
        }
    nn_free(sizes);
    nn_free(slot);
    return number_families(out);
}

nn_status nn_channel_groups_build(const nn_graph *graph, nn_channel_groups *out) {
    memset(out, 0, sizeof *out);
    builder self = {.graph = graph};
    nn_status status = number_elements(&self);
    for (int64_t v = 0; status == NN_OK && v < graph->value_count; v++)
        if (graph->values[v]->is_input || graph->values[v]->is_output ||
            graph->values[v]->is_captured)
            pin_value(&self, graph->values[v]);
    for (int64_t n = 0; status == NN_OK && n < graph->node_count; n++)
        status = add_node(&self, graph->nodes[n]);
    if (status == NN_OK) status = collect(&self, out);
    nn_free(self.base);
    nn_free(self.parent);
    nn_free(self.pinned);
    if (status != NN_OK) nn_channel_groups_clear(out);
    return status;
}

void nn_channel_groups_clear(nn_channel_groups *groups) {
    nn_free(groups->structures);
    nn_free(groups->members);
    memset(groups, 0, sizeof *groups);
}
