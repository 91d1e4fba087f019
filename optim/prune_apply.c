#include "optim/prune_plan.h"

#include "engine/graph/patch.h"

#include <stdlib.h>

/* Which indices of one axis of one value go. */
typedef struct axis_removal {
    int64_t value_id;
    int axis;
    int64_t index;
} axis_removal;

typedef struct removal_list {
    axis_removal *items; /* sorted by value, axis, index; no duplicates (structures are disjoint) */
    int64_t count;
} removal_list;

static int compare_removals(const void *a, const void *b) {
    const axis_removal *left = a, *right = b;
    if (left->value_id != right->value_id) return left->value_id < right->value_id ? -1 : 1;
    if (left->axis != right->axis) return left->axis < right->axis ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static nn_status list_removals(const nn_prune_plan *plan, removal_list *out) {
    int64_t count = 0;
    for (int64_t s = 0; s < plan->groups.structure_count; s++)
        if (plan->removed[s]) count += plan->groups.structures[s].member_count;
    out->count = 0;
    out->items = nn_alloc(((size_t)count + 1) * sizeof *out->items);
    if (out->items == NULL) return nn_fail_memory((size_t)count * sizeof *out->items);
    for (int64_t s = 0; s < plan->groups.structure_count; s++) {
        if (!plan->removed[s]) continue;
        const nn_structure *structure = &plan->groups.structures[s];
        for (int64_t m = 0; m < structure->member_count; m++) {
            const nn_channel_member *member = &structure->members[m];
            out->items[out->count++] =
                (axis_removal){member->value->id, member->axis, member->index};
        }
    }
    qsort(out->items, (size_t)out->count, sizeof *out->items, compare_removals);
    return NN_OK;
}

/* The removed indices of (value, axis), ascending; *count 0 when none. */
static const axis_removal *removals_of(const removal_list *list, int64_t value_id, int axis,
                                       int64_t *count) {
    int64_t low = 0, high = list->count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        const axis_removal *item = &list->items[middle];
        bool before =
            item->value_id < value_id || (item->value_id == value_id && item->axis < axis);
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    *count = 0;
    while (low + *count < list->count && list->items[low + *count].value_id == value_id &&
           list->items[low + *count].axis == axis)
        (*count)++;
    return list->items + low;
}

/* A copy of `source` without the given indices along `axis`. */
static nn_status slice(const nn_tensor *source, int axis, const axis_removal *removed,
                       int64_t count, nn_blob **out) {
    int64_t dims[NN_MAX_RANK], element = nn_type_bits(source->type) / 8, outer = 1, inner = element;
    if (element == 0)
        return nn_fail(NN_UNSUPPORTED, "cannot slice a constant of type %s",
                       nnopt_type_name(source->type));
    for (int i = 0; i < source->rank; i++) dims[i] = source->dims[i];
    dims[axis] -= count;
    for (int i = 0; i < axis; i++) outer *= dims[i];
    for (int i = axis + 1; i < source->rank; i++) inner *= dims[i];
    NN_TRY(nn_blob_create(source->type, dims, source->rank, out));
    const char *from = source->data;
    char *to = (*out)->tensor.data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0, next = 0; i < source->dims[axis]; i++, from += inner) {
            if (next < count && removed[next].index == i) {
                next++;
                continue;
            }
            memcpy(to, from, (size_t)inner);
            to += inner;
        }
    return NN_OK;
}

static nn_status slice_constant(nn_patch *patch, const removal_list *list, nn_value *value) {
    nn_blob *current = NULL;
    for (int axis = 0; axis < value->fact.rank; axis++) {
        int64_t count;
        const axis_removal *removed = removals_of(list, value->id, axis, &count);
        if (count == 0) continue;
        const nn_tensor *source = current != NULL ? &current->tensor : value->fact.constant;
        nn_blob *smaller = NULL;
        nn_status status = slice(source, axis, removed, count, &smaller);
        nn_blob_release(current);
        NN_TRY(status);
        current = smaller;
    }
    if (current != NULL) nn_patch_set_initializer(patch, value, current);
    nn_blob_release(current);
    return NN_OK;
}

static nn_status adjust_groups(nn_patch *patch, const removal_list *list, nn_node *node) {
    const nn_attr *group = nn_attrs_find(&node->attrs, "group");
    int64_t removed = 0;
    removals_of(list, node->inputs[0]->id, 1, &removed);
    if (group == NULL || group->kind != NN_ATTR_INT || group->i <= 1 || removed == 0) return NN_OK;
    int64_t channels = node->inputs[0]->fact.dims[1];
    nn_attr *attrs = nn_alloc((size_t)node->attrs.count * sizeof *attrs);
    if (attrs == NULL) return nn_fail_memory((size_t)node->attrs.count * sizeof *attrs);
    memcpy(attrs, node->attrs.items, (size_t)node->attrs.count * sizeof *attrs);
    for (int64_t a = 0; a < node->attrs.count; a++)
        if (strcmp(attrs[a].name, "group") == 0)
            attrs[a].i = group->i * (channels - removed) / channels;
    nn_patch_set_attrs(patch, node, &(nn_attrs){attrs, node->attrs.count});
    nn_free(attrs);
    return NN_OK;
}

/* Takes what left the axes of output 0 off the entries of a constant list of sizes (the shape of
 * Reshape): entry i is the size of axis i; 0 and -1 follow by themselves. */
static nn_status adjust_sizes(nn_patch *patch, const removal_list *list, nn_node *node, int input) {
    const nn_tensor *sizes = input < node->in_count && node->inputs[input] != NULL
                                 ? node->inputs[input]->fact.constant
                                 : NULL;
    if (sizes == NULL || sizes->type != NNOPT_INT64 || sizes->rank != 1) return NN_OK;
    nn_blob *changed = NULL;
    for (int axis = 0; axis < sizes->dims[0] && axis < node->outputs[0]->fact.rank; axis++) {
        int64_t count;
        removals_of(list, node->outputs[0]->id, axis, &count);
        if (count == 0 || ((const int64_t *)sizes->data)[axis] <= 0) continue;
        if (changed == NULL) {
            NN_TRY(nn_blob_create(NNOPT_INT64, sizes->dims, 1, &changed));
            memcpy(changed->tensor.data, sizes->data, (size_t)nn_tensor_bytes(sizes));
        }
        ((int64_t *)changed->tensor.data)[axis] -= count;
    }
    if (changed != NULL)
        nn_patch_set_input(patch, node, input,
                           nn_patch_constant(patch, node->inputs[input]->name, changed));
    nn_blob_release(changed);
    return NN_OK;
}

/* The sizes of a Split follow what each of its outputs lost. */
static nn_status adjust_split(nn_patch *patch, const removal_list *list, nn_node *node) {
    int64_t axis = 0, lost = 0;
    NN_TRY(nn_attrs_int(&node->attrs, "axis", 0, &axis));
    if (axis < 0) axis += node->inputs[0]->fact.rank;
    removals_of(list, node->inputs[0]->id, (int)axis, &lost);
    if (lost == 0) return NN_OK;
    int64_t count = node->out_count;
    nn_blob *sizes;
    NN_TRY(nn_blob_create(NNOPT_INT64, &count, 1, &sizes));
    for (int o = 0; o < node->out_count; o++) {
        int64_t removed;
        removals_of(list, node->outputs[o]->id, (int)axis, &removed);
        ((int64_t *)sizes->tensor.data)[o] = node->outputs[o]->fact.dims[axis] - removed;
    }
    nn_value *value = nn_patch_constant(patch, "split", sizes);
    nn_blob_release(sizes);
    if (node->in_count > 1)
        nn_patch_set_input(patch, node, 1, value);
    else
        nn_patch_append_input(patch, node, value);
    return NN_OK;
}

static nn_status adjust_node(nn_patch *patch, const removal_list *list, nn_node *node) {
    static const struct {
        const char *op_type;
        int input;
    } sized[] = {{"Reshape", 1}, {"Expand", 1}, {"Resize", 3}};
    if (strcmp(node->op_type, "Conv") == 0 || strcmp(node->op_type, "ConvTranspose") == 0)
        return adjust_groups(patch, list, node);
    if (strcmp(node->op_type, "Split") == 0) return adjust_split(patch, list, node);
    for (size_t i = 0; i < sizeof sized / sizeof sized[0]; i++)
        if (strcmp(node->op_type, sized[i].op_type) == 0)
            return adjust_sizes(patch, list, node, sized[i].input);
    return NN_OK;
}

/* A clone has the same values and nodes in the same places. */
static nn_status edit_clone(const nn_prune_plan *plan, nn_model *clone,
                            nn_status (*edit)(nn_patch *patch, const removal_list *list,
                                              nn_graph *graph)) {
    removal_list list;
    NN_TRY(list_removals(plan, &list));
    nn_patch *patch = NULL;
    nn_status status =
        nn_patch_begin(clone->graph, "prune", "channels of least importance", &patch);
    if (status == NN_OK) {
        status = edit(patch, &list, clone->graph);
        if (status == NN_OK)
            status = nn_patch_apply(patch);
        else
            nn_patch_abort(patch);
    }
    nn_free(list.items);
    return status;
}

static nn_status cut(nn_patch *patch, const removal_list *list, nn_graph *graph) {
    int64_t values = graph->value_count, nodes = graph->node_count;
    for (int64_t v = 0; v < values; v++)
        if (graph->values[v]->initializer != NULL && graph->values[v]->fact.constant != NULL)
            NN_TRY(slice_constant(patch, list, graph->values[v]));
    for (int64_t n = 0; n < nodes; n++) NN_TRY(adjust_node(patch, list, graph->nodes[n]));
    return NN_OK;
}

/* Zeroes, in every dense linear node, the weights that meet a removed input channel. */
static nn_status mask(nn_patch *patch, const removal_list *list, nn_graph *graph) {
    int64_t nodes = graph->node_count;
    for (int64_t n = 0; n < nodes; n++) {
        nn_linear_node linear;
        if (!nn_linear_node_init(graph->nodes[n], &linear) || linear.groups > 1) continue;
        const nn_value *x = linear.node->inputs[0], *w = linear.node->inputs[1];
        int64_t count;
        const axis_removal *removed =
            removals_of(list, x->id, linear.is_conv ? 1 : x->fact.rank - 1, &count);
        if (count == 0) continue;
        nn_blob *masked;
        NN_TRY(nn_blob_create(NNOPT_FLOAT, w->fact.constant->dims, w->fact.rank, &masked));
        float *data = masked->tensor.data;
        memcpy(data, w->fact.constant->data, (size_t)nn_tensor_bytes(w->fact.constant));
        bool by_rows = linear.is_conv || linear.transposed;
        for (int64_t r = 0; r < count; r++)
            for (int64_t o = 0; o < linear.outputs; o++)
                for (int64_t t = 0; t < linear.taps; t++) {
                    int64_t column = removed[r].index * linear.taps + t;
                    data[by_rows ? o * linear.inputs * linear.taps + column
                                 : column * linear.outputs + o] = 0;
                }
        nn_patch_set_input(patch, linear.node, 1, nn_patch_constant(patch, w->name, masked));
        nn_blob_release(masked);
    }
    return NN_OK;
}

static nn_status derive(const nn_prune_plan *plan,
                        nn_status (*edit)(nn_patch *patch, const removal_list *list,
                                          nn_graph *graph),
                        nn_model **out) {
    nn_model *model = NULL;
    NN_TRY(nn_model_derive(plan->model, &model));
    nn_status status = nn_graph_pin_constants(model->graph);
    if (status == NN_OK) status = edit_clone(plan, model, edit);
    if (status == NN_OK) status = nn_graph_prune_unused(model->graph, "prune");
    if (status != NN_OK) {
        nnopt_model_destroy(model);
        return status;
    }
    *out = model;
    return NN_OK;
}

nn_status nn_prune_apply(const nn_prune_plan *plan, nn_model **out) {
    return derive(plan, cut, out);
}
nn_status nn_prune_mask(const nn_prune_plan *plan, nn_model **out) {
    return derive(plan, mask, out);
}
