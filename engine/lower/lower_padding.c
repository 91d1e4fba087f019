/* Zeros that Pad puts around a convolution's input become the convolution's own padding. */
#include "engine/lower/lower_parts.h"

enum { MAX_ATTRS = 16 };

typedef struct padding {
    int64_t begin[NN_MAX_RANK], end[NN_MAX_RANK]; /* by axis of the value */
} padding;

typedef struct int_list {
    int64_t values[2 * NN_MAX_RANK];
    int64_t count;
} int_list;

static bool read_attribute(const nn_node *node, const char *name, int_list *out) {
    const int64_t *values;
    if (nn_attrs_ints(&node->attrs, name, &values, &out->count) != NN_OK) return false;
    if (out->count > 2 * NN_MAX_RANK) return false;
    for (int64_t i = 0; i < out->count; i++) out->values[i] = values[i];
    return true;
}

static bool read_constant(const nn_value *value, int_list *out) {
    out->count = 0;
    if (value == NULL) return true;
    const nn_tensor *tensor = value->fact.constant;
    if (tensor == NULL || nn_tensor_count(tensor) > 2 * NN_MAX_RANK) return false;
    out->count = nn_tensor_count(tensor);
    for (int64_t i = 0; i < out->count; i++) out->values[i] = nn_tensor_get_int(tensor, i);
    return true;
}

static nn_value *input_of(const nn_node *node, int index) {
    return index < node->in_count ? node->inputs[index] : NULL;
}

static bool pads_with_zero(const nn_node *pad) {
    const char *mode;
    float value;
    if (nn_attrs_string(&pad->attrs, "mode", "constant", &mode) != NN_OK) return false;
    if (strcmp(mode, "constant") != 0) return false;
    if (pad->opset < 11) {
        return nn_attrs_float(&pad->attrs, "value", 0, &value) == NN_OK && value == 0;
    }
    const nn_value *constant = input_of(pad, 2);
    if (constant == NULL) return true;
    return constant->fact.constant != NULL && nn_tensor_get(constant->fact.constant, 0) == 0;
}

/* What Pad adds, when it is known and adds to spatial axes only. */
static bool read_pad(const nn_node *pad, int rank, padding *out) {
    int_list pads, axes = {.count = 0};
    *out = (padding){0};
    if (!pads_with_zero(pad)) return false;
    if (pad->opset < 11 ? !read_attribute(pad, "pads", &pads)
                        : !read_constant(input_of(pad, 1), &pads)) {
        return false;
    }
    if (!read_constant(input_of(pad, 3), &axes)) return false;
    int64_t count = axes.count > 0 ? axes.count : rank;
    if (pads.count != 2 * count) return false;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = axes.count > 0 ? axes.values[i] : i;
        if (axis < 0) axis += rank;
        if (axis < 0 || axis >= rank) return false;
        out->begin[axis] = pads.values[i];
        out->end[axis] = pads.values[count + i];
    }
    for (int axis = 0; axis < rank; axis++) {
        bool is_spatial = axis >= 2;
        if (out->begin[axis] < 0 || out->end[axis] < 0) return false;
        if (!is_spatial && (out->begin[axis] != 0 || out->end[axis] != 0)) return false;
    }
    return true;
}

/* The convolution's attributes with more padding; `pads` and `items` hold them. */
static bool add_padding(const nn_node *conv, int rank, const padding *more, int64_t *pads,
                        nn_attr *items, nn_attrs *out) {
    int spatial = rank - 2;
    int_list own;
    const char *auto_pad;
    if (nn_attrs_string(&conv->attrs, "auto_pad", "NOTSET", &auto_pad) != NN_OK) return false;
    if (strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0) return false;
    bool has_own = strcmp(auto_pad, "NOTSET") == 0;
    if (!read_attribute(conv, "pads", &own) || conv->attrs.count >= MAX_ATTRS) return false;
    if (own.count != 0 && own.count != 2 * spatial) return false;
    for (int i = 0; i < spatial; i++) {
        bool add = has_own && own.count > 0;
        pads[i] = more->begin[2 + i] + (add ? own.values[i] : 0);
        pads[spatial + i] = more->end[2 + i] + (add ? own.values[spatial + i] : 0);
    }
    *out = (nn_attrs){items, 0};
    for (int64_t i = 0; i < conv->attrs.count; i++) {
        const char *name = conv->attrs.items[i].name;
        if (strcmp(name, "pads") == 0 || strcmp(name, "auto_pad") == 0) continue;
        items[out->count++] = conv->attrs.items[i];
    }
    items[out->count++] = (nn_attr){
        .name = "pads", .kind = NN_ATTR_INTS, .count = 2 * (int64_t)spatial, .ints = pads};
    return true;
}

static nn_status merge_pad(nn_lowered *lowered, nn_patch *patch, nn_node *pad, nn_node *conv) {
    padding more;
    nn_attr items[MAX_ATTRS + 1];
    int64_t pads[2 * NN_MAX_RANK];
    nn_attrs attrs;
    int rank = conv->inputs[1] != NULL ? conv->inputs[1]->fact.rank : NN_RANK_UNKNOWN;
    if (rank < 3 || !read_pad(pad, rank, &more)) return NN_OK;
    if (!add_padding(conv, rank, &more, pads, items, &attrs)) return NN_OK;
    nn_patch_set_attrs(patch, conv, &attrs);
    nn_patch_set_input(patch, conv, 0, pad->inputs[0]);
    nn_patch_remove_node(patch, pad);
    return nn_covers_merge(&lowered->covers, conv, pad);
}

static nn_status merge_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    (void)taken;
    for (int64_t i = 0; i < lowered->graph->node_count; i++) {
        nn_node *pad = lowered->graph->nodes[i];
        if (pad->op != &nn_op_pad || pad->out_count != 1) continue;
        nn_node *conv = nn_value_single_consumer(pad->outputs[0]);
        if (conv == NULL || conv->op != &nn_op_conv) continue;
        if (conv->inputs[0] == pad->outputs[0]) NN_TRY(merge_pad(lowered, patch, pad, conv));
    }
    return NN_OK;
}

nn_status nn_lower_padding(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "padding in front of convolutions", merge_all);
}
