#include "engine/transform/raise_opset.h"

#include "engine/graph/patch.h"

#include <stdio.h>

enum { MAX_ATTRS = 16 };

/* What a rule works on: one node inside one patch. */
typedef struct rewrite {
    nn_graph *graph;
    nn_patch *patch;
    nn_node *node;
    nn_attr attrs[MAX_ATTRS]; /* those that stay */
    int attr_count;
    int in_count; /* inputs, with those appended */
} rewrite;

typedef struct raise_rule {
    const char *op_type;
    int before; /* applies to models older than this opset */
    nn_status (*apply)(rewrite *self);
} raise_rule;

static nn_status refuse(const rewrite *self, const char *reason) {
    return nn_fail(NN_UNSUPPORTED, "node '%s' (%s): cannot be raised to opset %d: %s",
                   self->node->name, self->node->op_type, NN_OPSET_QDQ, reason);
}

static void drop_attr(rewrite *self, const char *name) {
    int kept = 0;
    for (int i = 0; i < self->attr_count; i++)
        if (strcmp(self->attrs[i].name, name) != 0) self->attrs[kept++] = self->attrs[i];
    self->attr_count = kept;
}

static void set_attr(rewrite *self, nn_attr attr) {
    drop_attr(self, attr.name);
    if (self->attr_count < MAX_ATTRS) self->attrs[self->attr_count++] = attr;
}

static void set_string(rewrite *self, const char *name, const char *text) {
    nn_attr attr = {.name = name, .kind = NN_ATTR_STRING};
    attr.s = (nn_text){text, (int64_t)strlen(text)};
    set_attr(self, attr);
}

static nn_value *constant(rewrite *self, const char *what, nn_type type, const void *data,
                          const int64_t *dims, int rank) {
    char stem[512];
    snprintf(stem, sizeof stem, "%.400s_%s", self->node->name, what);
    nn_blob *blob = NULL;
    if (nn_blob_create(type, dims, rank, &blob) != NN_OK) return NULL;
    int64_t bytes = nn_tensor_bytes(&blob->tensor);
    if (bytes > 0) memcpy(blob->tensor.data, data, (size_t)bytes);
    nn_value *value = nn_patch_constant(self->patch, stem, blob);
    nn_blob_release(blob);
    return value;
}

/* Sets input `index`, appending absent ones before it. The node's own count moves only when the
 * patch is applied. */
static void put_input(rewrite *self, int index, nn_value *value) {
    if (index < self->node->in_count) {
        nn_patch_set_input(self->patch, self->node, index, value);
        return;
    }
    for (; self->in_count < index; self->in_count++)
        nn_patch_append_input(self->patch, self->node, NULL);
    nn_patch_append_input(self->patch, self->node, value);
    self->in_count++;
}

/* An attribute that is a list of ints becomes an int64 vector at input `index`. */
static nn_status ints_to_input(rewrite *self, const char *name, int index) {
    const nn_attr *attr = nn_attrs_find(&self->node->attrs, name);
    if (attr == NULL) return NN_OK;
    if (attr->kind != NN_ATTR_INTS) return refuse(self, "an attribute that must be a list is not");
    put_input(self, index, constant(self, name, NNOPT_INT64, attr->ints, &attr->count, 1));
    drop_attr(self, name);
    return NN_OK;
}

static nn_status axes_to_input(rewrite *self) {
    return ints_to_input(self, "axes", 1);
}
static nn_status split_to_input(rewrite *self) {
    return ints_to_input(self, "split", 1);
}

static nn_status clip_bounds_to_inputs(rewrite *self) {
    nn_value *input = self->node->inputs[0];
    if (input == NULL || input->fact.type != NNOPT_FLOAT)
        return refuse(self, "its input is not known to be float32");
    static const char *const names[] = {"min", "max"};
    for (int i = 0; i < 2; i++) {
        const nn_attr *attr = nn_attrs_find(&self->node->attrs, names[i]);
        if (attr == NULL) continue;
        if (attr->kind != NN_ATTR_FLOAT) return refuse(self, "a bound is not a float");
        put_input(self, 1 + i, constant(self, names[i], NNOPT_FLOAT, &attr->f, NULL, 0));
        drop_attr(self, names[i]);
    }
    return NN_OK;
}

static nn_status pad_to_inputs(rewrite *self) {
    NN_TRY(ints_to_input(self, "pads", 1));
    const nn_attr *value = nn_attrs_find(&self->node->attrs, "value");
    if (value == NULL) return NN_OK;
    if (value->kind != NN_ATTR_FLOAT || self->node->inputs[0] == NULL ||
        self->node->inputs[0]->fact.type != NNOPT_FLOAT)
        return refuse(self, "its value is not float32");
    put_input(self, 2, constant(self, "value", NNOPT_FLOAT, &value->f, NULL, 0));
    drop_attr(self, "value");
    return NN_OK;
}

static nn_status slice_to_inputs(rewrite *self) {
    static const char *const names[] = {"starts", "ends", "axes"};
    for (int i = 0; i < 3; i++) {
        const nn_attr *attr = nn_attrs_find(&self->node->attrs, names[i]);
        if (attr == NULL) continue;
        if (attr->kind != NN_ATTR_INTS)
            return refuse(self, "an attribute that must be a list is not");
        put_input(self, 1 + i, constant(self, names[i], NNOPT_INT64, attr->ints, &attr->count, 1));
        drop_attr(self, names[i]);
    }
    return NN_OK;
}

static nn_status topk_to_input(rewrite *self) {
    const nn_attr *k = nn_attrs_find(&self->node->attrs, "k");
    if (k == NULL || k->kind != NN_ATTR_INT) return refuse(self, "it has no attribute 'k'");
    int64_t one = 1;
    put_input(self, 1, constant(self, "k", NNOPT_INT64, &k->i, &one, 1));
    drop_attr(self, "k");
    return NN_OK;
}

/* The ratio means nothing at inference. */
static nn_status drop_ratio(rewrite *self) {
    drop_attr(self, "ratio");
    return NN_OK;
}

static nn_status drop_spatial(rewrite *self) {
    int64_t spatial = 1;
    NN_TRY(nn_attrs_int(&self->node->attrs, "spatial", 1, &spatial));
    if (spatial != 1) return refuse(self, "its statistics are not per channel");
    drop_attr(self, "spatial");
    return NN_OK;
}

/* Until opset 12 Softmax flattened its input around the axis (default 1): the same as the last axis
 * when nothing but ones follows. */
static nn_status flattened_axis(rewrite *self) {
    int64_t axis = 1;
    NN_TRY(nn_attrs_int(&self->node->attrs, "axis", 1, &axis));
    const nn_fact *fact = &self->node->inputs[0]->fact;
    if (fact->rank < 1) return refuse(self, "the rank of its input is not known");
    if (axis < 0) axis += fact->rank;
    for (int i = (int)axis + 1; i < fact->rank; i++)
        if (fact->dims[i] != 1) return refuse(self, "it normalises over several axes");
    set_attr(self, (nn_attr){.name = "axis", .kind = NN_ATTR_INT, .i = axis});
    return NN_OK;
}

/* Replaces the node by one of another operator with the same outputs. */
static nn_status replace_operator(rewrite *self, const char *op_type, nn_value *const *inputs,
                                  int in_count) {
    nn_value *result = nn_patch_value(self->patch, self->node->outputs[0]->name);
    nn_patch_node(self->patch, op_type, "", self->node->name, inputs, in_count, &result, 1,
                  &(nn_attrs){self->attrs, self->attr_count}, self->node);
    nn_patch_replace_uses(self->patch, self->node->outputs[0], result);
    nn_patch_remove_node(self->patch, self->node);
    self->node = NULL;
    return NN_OK;
}

static nn_status upsample_to_resize(rewrite *self) {
    nn_value *scales = self->node->in_count > 1 ? self->node->inputs[1] : NULL;
    const nn_attr *attr = nn_attrs_find(&self->node->attrs, "scales");
    if (attr != NULL && attr->kind == NN_ATTR_FLOATS)
        scales = constant(self, "scales", NNOPT_FLOAT, attr->floats, &attr->count, 1);
    if (scales == NULL) return refuse(self, "it has no scales");
    drop_attr(self, "scales");
    set_string(self, "coordinate_transformation_mode", "asymmetric");
    set_string(self, "nearest_mode", "floor");
    return replace_operator(self, "Resize", (nn_value *[]){self->node->inputs[0], NULL, scales}, 3);
}

/* Resize of opset 10: (X, scales), asymmetric. */
static nn_status old_resize(rewrite *self) {
    if (self->node->in_count != 2) return refuse(self, "it has not two inputs");
    return upsample_to_resize(self);
}

static nn_status scatter_elements(rewrite *self) {
    return replace_operator(self, "ScatterElements", self->node->inputs, self->node->in_count);
}

static const raise_rule rules[] = {
    {"Squeeze", 13, axes_to_input},       {"Unsqueeze", 13, axes_to_input},
    {"ReduceSum", 13, axes_to_input},     {"Split", 13, split_to_input},
    {"Softmax", 13, flattened_axis},      {"LogSoftmax", 13, flattened_axis},
    {"Hardmax", 13, flattened_axis},      {"Dropout", 12, drop_ratio},
    {"Clip", 11, clip_bounds_to_inputs},  {"Pad", 11, pad_to_inputs},
    {"Resize", 11, old_resize},           {"Scatter", 11, scatter_elements},
    {"Slice", 10, slice_to_inputs},       {"TopK", 10, topk_to_input},
    {"Upsample", 10, upsample_to_resize}, {"BatchNormalization", 9, drop_spatial},
};

static nn_status raise_node(nn_graph *graph, nn_patch *patch, nn_node *node, int opset) {
    for (int64_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].kind == NN_ATTR_GRAPH)
            return nn_fail(NN_UNSUPPORTED,
                           "node '%s' (%s): its subgraph cannot be raised to opset %d", node->name,
                           node->op_type, NN_OPSET_QDQ);
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
        if (node->domain[0] != '\0' || strcmp(node->op_type, rules[r].op_type) != 0 ||
            opset >= rules[r].before)
            continue;
        rewrite self = {.graph = graph, .patch = patch, .node = node, .in_count = node->in_count};
        if (node->attrs.count > MAX_ATTRS - 2) return refuse(&self, "it has too many attributes");
        self.attr_count = (int)node->attrs.count;
        memcpy(self.attrs, node->attrs.items, (size_t)node->attrs.count * sizeof(nn_attr));
        NN_TRY(rules[r].apply(&self));
        if (self.node != NULL)
            nn_patch_set_attrs(patch, self.node, &(nn_attrs){self.attrs, self.attr_count});
        return NN_OK;
    }
    return NN_OK;
}

nn_status nn_raise_opset(nn_graph *graph, const char *pass) {
    int opset = nn_graph_opset(graph, "");
    if (opset >= NN_OPSET_QDQ) return NN_OK;
    if (opset < 7)
        return nn_fail(NN_UNSUPPORTED, "opset %d is too old to be raised to %d", opset,
                       NN_OPSET_QDQ);
    nn_patch *patch;
    NN_TRY(nn_patch_begin(graph, pass, "raise the opset to 13, which quantisation needs", &patch));
    for (int64_t n = 0; n < graph->node_count; n++) {
        nn_status status = raise_node(graph, patch, graph->nodes[n], opset);
        if (status != NN_OK) {
            nn_patch_abort(patch);
            return status;
        }
    }
    nn_patch_set_opset(patch, "", NN_OPSET_QDQ);
    return nn_patch_apply(patch);
}
