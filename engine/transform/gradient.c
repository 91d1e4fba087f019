#include "engine/transform/gradient.h"

#include "engine/lower/lower_parts.h"
#include "ops/grad.h"
#include "ops/gradient.h"

typedef struct expansion {
    nn_expansion build;
    nn_graph *graph;
    nn_patch *patch;
    const nn_node *origin; /* the Gradient node */
    const nn_gradient_attrs *attrs;
    int64_t value_count; /* of the graph before */
    bool *is_free;       /* by value id: named in xs or zs, not followed further */
    bool *depends;       /* by node position: y depends on it, and it on a free value */
    bool *is_on_way;     /* by value id: depends on a free value */
    nn_value **at;       /* by value id: the value at which the gradient is taken */
    nn_value **gradient; /* by value id; NULL: zero so far */
} expansion;

/* ---- which nodes lie between ---- */

static nn_status find_named(const expansion *self, const char *name, nn_value **out) {
    *out = nn_graph_find(self->graph, name);
    if (*out != NULL) return NN_OK;
    return nn_fail(NN_BAD_INPUT, "node '%s' (Gradient): the graph has no tensor '%s'",
                   self->origin->name, name);
}

static nn_status mark_named(expansion *self, const nn_text *names, int64_t count,
                            nn_value *const *inputs) {
    for (int64_t i = 0; i < count; i++) {
        nn_value *value;
        NN_TRY(find_named(self, names[i].bytes, &value));
        self->is_free[value->id] = self->is_on_way[value->id] = true;
        self->at[value->id] = inputs[i];
    }
    return NN_OK;
}

static void mark_way(expansion *self) {
    for (int64_t n = 0; n < self->graph->node_count; n++) {
        const nn_node *node = self->graph->nodes[n];
        bool depends = false;
        for (int i = 0; i < node->in_count; i++)
            depends |= node->inputs[i] != NULL && self->is_on_way[node->inputs[i]->id];
        for (int i = 0; i < node->out_count && depends; i++)
            if (node->outputs[i] != NULL) self->is_on_way[node->outputs[i]->id] = true;
    }
}

/* From y back to the free values. */
static void mark_needed(expansion *self, const nn_value *y, bool *is_needed) {
    is_needed[y->id] = true;
    for (int64_t n = self->graph->node_count - 1; n >= 0; n--) {
        const nn_node *node = self->graph->nodes[n];
        bool needed = false;
        for (int i = 0; i < node->out_count; i++) {
            const nn_value *out = node->outputs[i];
            needed |= out != NULL && is_needed[out->id] && !self->is_free[out->id] &&
                      self->is_on_way[out->id];
        }
        self->depends[n] = needed;
        for (int i = 0; i < node->in_count && needed; i++)
            if (node->inputs[i] != NULL) is_needed[node->inputs[i]->id] = true;
    }
}

/* ---- forward, where the inputs are not the named tensors ---- */

static nn_value *at(const expansion *self, nn_value *value) {
    return value != NULL && self->at[value->id] != NULL ? self->at[value->id] : value;
}

static nn_status copy_node(expansion *self, const nn_node *node) {
    size_t size = (size_t)(node->in_count + node->out_count + 1) * sizeof(nn_value *);
    nn_value **links = nn_alloc_zero(size);
    if (links == NULL) return nn_fail_memory(size);
    nn_value **outputs = links + node->in_count;
    bool changed = false;
    for (int i = 0; i < node->in_count; i++) {
        links[i] = at(self, node->inputs[i]);
        changed |= links[i] != node->inputs[i];
    }
    for (int i = 0; i < node->out_count && changed; i++) {
        if (node->outputs[i] == NULL || self->is_free[node->outputs[i]->id]) continue;
        outputs[i] = nn_patch_value(self->patch, node->outputs[i]->name);
        if (outputs[i] != NULL) outputs[i]->fact = node->outputs[i]->fact;
        self->at[node->outputs[i]->id] = outputs[i];
    }
    if (changed)
        nn_patch_node(self->patch, node->op_type, node->domain, node->name, links, node->in_count,
                      outputs, node->out_count, &node->attrs, self->origin);
    nn_free(links);
    return NN_OK;
}

/* ---- backward ---- */

static void add_gradient(expansion *self, const nn_value *value, nn_value *more) {
    nn_value **sum = &self->gradient[value->id];
    if (more == NULL) return;
    *sum = *sum == NULL ? more : nn_expand(&self->build, "Add", NN_TERMS(*sum, more));
}

static nn_status call_grad(expansion *self, const nn_node *node, nn_value **links) {
    nn_view_storage storage;
    nn_node_view view;
    NN_TRY(nn_node_view_init(node, &storage, &view));
    nn_grad grad = {.node = &view,
                    .build = &self->build,
                    .in = links,
                    .out = links + node->in_count,
                    .out_gradient = links + node->in_count + node->out_count,
                    .in_gradient = links + node->in_count + 2 * node->out_count};
    nn_status status = node->op->grad(&grad);
    nn_node_view_clear(&storage);
    for (int i = 0; i < node->in_count && status == NN_OK; i++)
        if (node->inputs[i] != NULL && self->is_on_way[node->inputs[i]->id])
            add_gradient(self, node->inputs[i], grad.in_gradient[i]);
    return status;
}

/* Has an output a gradient, and an input on the way that could take one? Integers take none. */
static bool passes_gradient(const expansion *self, const nn_node *node) {
    bool has_gradient = false, takes = false;
    for (int i = 0; i < node->out_count; i++)
        has_gradient |= node->outputs[i] != NULL && self->gradient[node->outputs[i]->id] != NULL;
    for (int i = 0; i < node->in_count; i++)
        takes |= node->inputs[i] != NULL && self->is_on_way[node->inputs[i]->id] &&
                 !nn_type_is_integer(node->inputs[i]->fact.type);
    return has_gradient && takes;
}

static nn_status go_back(expansion *self, const nn_node *node) {
    if (!passes_gradient(self, node)) return NN_OK;
    if (node->op == NULL || node->op->grad == NULL)
        return nn_fail(NN_UNSUPPORTED, "node '%s' (Gradient): '%s' (%s) has no gradient",
                       self->origin->name, node->name, node->op_type);
    size_t size = (size_t)(2 * (node->in_count + node->out_count) + 1) * sizeof(nn_value *);
    nn_value **links = nn_alloc_zero(size);
    if (links == NULL) return nn_fail_memory(size);
    for (int i = 0; i < node->in_count; i++) links[i] = at(self, node->inputs[i]);
    for (int i = 0; i < node->out_count; i++) {
        nn_value *out = node->outputs[i];
        if (out == NULL) continue;
        links[node->in_count + i] = at(self, out);
        links[node->in_count + node->out_count + i] = self->gradient[out->id];
    }
    nn_status status = call_grad(self, node, links);
    nn_free(links);
    return status;
}

/* A tensor of this number in the shape of `like`. */
static nn_value *filled(expansion *self, nn_value *like, nn_type type, double value) {
    nn_value *shape = nn_expand(&self->build, "Shape", NN_TERMS(like));
    nn_blob *blob;
    if (nn_blob_create(type, &(int64_t){1}, 1, &blob) != NN_OK) return NULL;
    nn_tensor_set(&blob->tensor, 0, value);
    nn_attr attr = {.name = "value", .kind = NN_ATTR_TENSOR, .tensor = blob};
    nn_value *out = nn_expand(&self->build, "ConstantOfShape", NN_TERMS(shape), NN_ATTRS(attr));
    nn_blob_release(blob);
    return out;
}

static nn_status differentiate(expansion *self, bool *is_needed) {
    const nn_node *origin = self->origin;
    nn_value *y;
    NN_TRY(find_named(self, self->attrs->y, &y));
    NN_TRY(mark_named(self, self->attrs->xs, self->attrs->x_count, origin->inputs));
    NN_TRY(mark_named(self, self->attrs->zs, self->attrs->z_count,
                      origin->inputs + self->attrs->x_count));
    mark_way(self);
    mark_needed(self, y, is_needed);
    for (int64_t n = 0; n < self->graph->node_count; n++)
        if (self->depends[n]) NN_TRY(copy_node(self, self->graph->nodes[n]));
    self->gradient[y->id] = filled(self, at(self, y), y->fact.type, 1);
    for (int64_t n = self->graph->node_count - 1; n >= 0; n--)
        if (self->depends[n]) NN_TRY(go_back(self, self->graph->nodes[n]));
    nn_patch_remove_node(self->patch, self->graph->nodes[origin->position]);
    for (int i = 0; i < origin->out_count; i++) {
        if (origin->outputs[i] == NULL) continue;
        nn_value *x = nn_graph_find(self->graph, self->attrs->xs[i].bytes);
        nn_value *gradient = self->gradient[x->id];
        if (gradient == NULL) gradient = filled(self, at(self, x), x->fact.type, 0);
        /* under its own name, which a later Gradient may ask for */
        nn_value *out = origin->outputs[i];
        if (gradient != NULL)
            nn_patch_node(self->patch, "Identity", "nnopt", origin->name, &gradient, 1, &out, 1,
                          NULL, origin);
    }
    return NN_OK;
}

static nn_status expand(expansion *self) {
    nn_arena arena = {0};
    size_t values = (size_t)self->graph->value_count + 1,
           nodes = (size_t)self->graph->node_count + 1;
    self->is_free = nn_arena_alloc(&arena, values);
    self->is_on_way = nn_arena_alloc(&arena, values);
    self->depends = nn_arena_alloc(&arena, nodes);
    self->at = nn_arena_alloc(&arena, values * sizeof *self->at);
    self->gradient = nn_arena_alloc(&arena, values * sizeof *self->gradient);
    bool *is_needed = nn_arena_alloc(&arena, values);
    nn_status status = NN_OK;
    if (self->is_free == NULL || self->is_on_way == NULL || self->depends == NULL ||
        self->at == NULL || self->gradient == NULL || is_needed == NULL)
        status = nn_fail_memory(values * sizeof *self->at);
    if (status == NN_OK) status = differentiate(self, is_needed);
    nn_arena_clear(&arena);
    return status;
}

/* Is a Gradient on the way to this one's y? */
static nn_status waits(const nn_graph *graph, const nn_node *node, bool *out) {
    const nn_gradient_attrs *attrs = node->attrs_parsed;
    const nn_value *y = nn_graph_find(graph, attrs->y);
    bool *is_needed = nn_alloc_zero((size_t)graph->value_count + 1);
    if (is_needed == NULL) return nn_fail_memory((size_t)graph->value_count);
    *out = false;
    if (y != NULL) is_needed[y->id] = true;
    for (int64_t n = graph->node_count - 1; n >= 0; n--) {
        const nn_node *before = graph->nodes[n];
        bool needed = false;
        for (int i = 0; i < before->out_count; i++)
            needed |= before->outputs[i] != NULL && is_needed[before->outputs[i]->id];
        if (!needed) continue;
        *out |= before->op == &nn_op_gradient;
        for (int i = 0; i < before->in_count; i++)
            if (before->inputs[i] != NULL) is_needed[before->inputs[i]->id] = true;
    }
    nn_free(is_needed);
    return NN_OK;
}

/* The next to expand; NULL: none is left. */
static nn_status next_gradient(const nn_graph *graph, const nn_node **out) {
    bool some_wait = false;
    *out = NULL;
    for (int64_t i = 0; i < graph->node_count && *out == NULL; i++) {
        if (graph->nodes[i]->op != &nn_op_gradient) continue;
        bool has_to_wait = true;
        NN_TRY(waits(graph, graph->nodes[i], &has_to_wait));
        some_wait |= has_to_wait;
        if (!has_to_wait) *out = graph->nodes[i];
    }
    if (*out == NULL && some_wait)
        return nn_fail(NN_BAD_INPUT, "Gradient nodes wait for each other");
    return NN_OK;
}

nn_status nn_graph_expand_gradients(nn_graph *graph, const char *pass) {
    for (;;) {
        const nn_node *node;
        NN_TRY(next_gradient(graph, &node));
        if (node == NULL) return NN_OK;
        expansion self = {.graph = graph, .origin = node, .attrs = node->attrs_parsed};
        NN_TRY(
            nn_patch_begin(graph, pass, "a gradient is computed by ordinary nodes", &self.patch));
        self.build = (nn_expansion){.patch = self.patch, .node = graph->nodes[node->position]};
        nn_status status = expand(&self);
        if (status == NN_OK) status = self.build.status;
        if (status != NN_OK) {
            nn_patch_abort(self.patch);
            return status;
        }
        NN_TRY(nn_patch_apply(self.patch));
    }
}
