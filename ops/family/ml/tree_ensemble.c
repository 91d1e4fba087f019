#include "ops/family/ml/tree_ensemble.h"

#include <math.h>
#include <stdio.h>

double nn_tree_number(const nn_tree_numbers *numbers, int64_t index) {
    return numbers->floats != NULL ? (double)numbers->floats[index]
                                   : nn_tensor_get(numbers->tensor, index);
}

/* ---- attributes ---- */

static nn_status read_tensor(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                             nn_tree_numbers *out) {
    NN_TRY(nn_attrs_tensor(attrs, name, &out->tensor));
    if (out->tensor == NULL) return NN_OK;
    nn_type_set allowed =
        NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE) | NN_TYPE_BIT(NNOPT_FLOAT16);
    if (!nn_type_in(out->tensor->type, allowed))
        return nn_view_fail(node, NN_BAD_INPUT, "'%s' must not be of type %s", name,
                            nnopt_type_name(out->tensor->type));
    out->count = nn_tensor_count(out->tensor);
    return NN_OK;
}

/* Attribute `name`, or the tensor `tensor_name`. */
static nn_status read_numbers(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                              const char *tensor_name, nn_tree_numbers *out) {
    NN_TRY(read_tensor(node, attrs, tensor_name, out));
    int64_t count;
    NN_TRY(nn_attrs_floats(attrs, name, &out->floats, &count));
    if (count > 0 && out->count > 0)
        return nn_view_fail(node, NN_BAD_INPUT, "both '%s' and '%s' are given", name, tensor_name);
    if (count > 0)
        out->count = count;
    else
        out->floats = NULL;
    return NN_OK;
}

/* A list that must have `expected` values, or may be absent when it is optional. */
static nn_status read_ints(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                           int64_t expected, bool optional, const int64_t **out) {
    int64_t count;
    NN_TRY(nn_attrs_ints(attrs, name, out, &count));
    if (count == 0 && optional) {
        *out = NULL;
        return NN_OK;
    }
    if (count != expected)
        return nn_view_fail(node, NN_BAD_INPUT, "'%s' has %lld values, not %lld", name,
                            (long long)count, (long long)expected);
    return NN_OK;
}

static nn_status check_count(const nn_node_view *node, const char *name,
                             const nn_tree_numbers *numbers, int64_t expected) {
    if (numbers->count != expected)
        return nn_view_fail(node, NN_BAD_INPUT, "'%s' has %lld values, not %lld", name,
                            (long long)numbers->count, (long long)expected);
    return NN_OK;
}

static nn_status check_targets(const nn_node_view *node, const nn_tree_attrs *parsed) {
    for (int64_t i = 0; i < parsed->vote_count; i++) {
        int64_t target = parsed->vote_targets[i];
        if (target < 0 || target >= parsed->target_count)
            return nn_view_fail(node, NN_BAD_INPUT, "vote %lld is for target %lld of %lld",
                                (long long)i, (long long)target, (long long)parsed->target_count);
    }
    return NN_OK;
}

/* Checks modes and features of the nodes that are no leaves. */
static nn_status check_nodes(const nn_node_view *node, nn_tree_attrs *parsed) {
    if (parsed->node_count >= INT32_MAX / 2 || parsed->vote_count >= INT32_MAX / 2)
        return nn_view_fail(node, NN_UNSUPPORTED, "%lld nodes are too many",
                            (long long)(parsed->node_count + parsed->vote_count));
    for (int64_t i = 0; i < parsed->node_count; i++) {
        nn_tree_mode mode;
        if (!nn_tree_mode_of(parsed, i, &mode))
            return nn_view_fail(node, NN_BAD_INPUT, "node %lld has an unknown mode", (long long)i);
        if (mode == NN_TREE_LEAF) continue;
        if (parsed->features[i] < 0 || parsed->features[i] >= INT32_MAX / NN_TREE_LANES)
            return nn_view_fail(node, NN_BAD_INPUT, "node %lld asks for feature %lld", (long long)i,
                                (long long)parsed->features[i]);
        if (parsed->features[i] >= parsed->feature_count)
            parsed->feature_count = parsed->features[i] + 1;
    }
    return check_targets(node, parsed);
}

static nn_status check_target_count(const nn_node_view *node, int64_t count) {
    if (count >= 1 && count < INT32_MAX) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "there are %lld targets", (long long)count);
}

static nn_status parse_nodes(const nn_node_view *node, const nn_attrs *attrs, nn_tree_attrs *out) {
    NN_TRY(nn_attrs_ints(attrs, "nodes_featureids", &out->features, &out->node_count));
    int64_t count = out->node_count;
    if (count == 0) return nn_view_fail(node, NN_BAD_INPUT, "there are no nodes");
    NN_TRY(read_ints(node, attrs, "nodes_truenodeids", count, false, &out->true_ids));
    NN_TRY(read_ints(node, attrs, "nodes_falsenodeids", count, false, &out->false_ids));
    return read_ints(node, attrs, "nodes_missing_value_tracks_true", count, true, &out->missing);
}

/* Versions 1 and 3; `votes` is "class" or "target". */
static nn_status parse_by_ids(const nn_node_view *node, const nn_attrs *attrs, const char *votes,
                              nn_tree_attrs *out) {
    char ids[32], trees[32], nodes[32], weights[32], tensor[32];
    snprintf(ids, sizeof ids, "%s_ids", votes);
    snprintf(trees, sizeof trees, "%s_treeids", votes);
    snprintf(nodes, sizeof nodes, "%s_nodeids", votes);
    snprintf(weights, sizeof weights, "%s_weights", votes);
    snprintf(tensor, sizeof tensor, "%s_weights_as_tensor", votes);
    NN_TRY(parse_nodes(node, attrs, out));
    int64_t count = out->node_count, modes;
    NN_TRY(read_ints(node, attrs, "nodes_treeids", count, false, &out->tree_ids));
    NN_TRY(read_ints(node, attrs, "nodes_nodeids", count, false, &out->node_ids));
    NN_TRY(nn_attrs_strings(attrs, "nodes_modes", &out->mode_names, &modes));
    if (modes != count)
        return nn_view_fail(node, NN_BAD_INPUT, "'nodes_modes' has %lld values, not %lld",
                            (long long)modes, (long long)count);
    NN_TRY(read_numbers(node, attrs, "nodes_values", "nodes_values_as_tensor", &out->thresholds));
    NN_TRY(check_count(node, "nodes_values", &out->thresholds, count));
    NN_TRY(nn_attrs_ints(attrs, ids, &out->vote_targets, &out->vote_count));
    NN_TRY(read_ints(node, attrs, trees, out->vote_count, false, &out->vote_trees));
    NN_TRY(read_ints(node, attrs, nodes, out->vote_count, false, &out->vote_nodes));
    NN_TRY(read_numbers(node, attrs, weights, tensor, &out->votes));
    NN_TRY(check_count(node, weights, &out->votes, out->vote_count));
    NN_TRY(read_numbers(node, attrs, "base_values", "base_values_as_tensor", &out->base));
    NN_TRY(nn_post_transform_parse(node, attrs, &out->transform));
    NN_TRY(check_target_count(node, out->target_count));
    return check_nodes(node, out);
}

nn_status nn_tree_parse_classifier(const nn_node_view *node, const nn_attrs *attrs, void *parsed) {
    nn_tree_attrs *out = parsed;
    NN_TRY(nn_class_labels_parse(node, attrs, "classlabels_int64s", "classlabels_strings",
                                 &out->labels));
    out->target_count = out->labels.count;
    out->aggregate = NN_TREE_SUM;
    NN_TRY(parse_by_ids(node, attrs, "class", out));
    int64_t count = out->base.count;
    if (count > 0 && count != out->target_count && !(out->target_count == 2 && count == 1))
        return nn_view_fail(node, NN_BAD_INPUT, "'base_values' has %lld values for %lld classes",
                            (long long)count, (long long)out->target_count);
    return NN_OK;
}

nn_status nn_tree_parse_regressor(const nn_node_view *node, const nn_attrs *attrs, void *parsed) {
    static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    nn_tree_attrs *out = parsed;
    const char *aggregate;
    int found = -1;
    NN_TRY(nn_attrs_int(attrs, "n_targets", 1, &out->target_count));
    NN_TRY(nn_attrs_string(attrs, "aggregate_function", "SUM", &aggregate));
    for (int i = 0; i < 4; i++)
        if (strcmp(aggregate, names[i]) == 0) found = i;
    if (found < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "'aggregate_function' is '%s'", aggregate);
    out->aggregate = (nn_tree_aggregate)found;
    NN_TRY(parse_by_ids(node, attrs, "target", out));
    if (out->base.count > 0 && out->base.count != out->target_count)
        return nn_view_fail(node, NN_BAD_INPUT, "'base_values' has %lld values for %lld targets",
                            (long long)out->base.count, (long long)out->target_count);
    return NN_OK;
}

static nn_status parse_modes(const nn_node_view *node, const nn_attrs *attrs, nn_tree_attrs *out) {
    NN_TRY(nn_attrs_tensor(attrs, "nodes_modes", &out->modes));
    if (out->modes == NULL || out->modes->type != NNOPT_UINT8 ||
        nn_tensor_count(out->modes) != out->node_count)
        return nn_view_fail(node, NN_BAD_INPUT, "'nodes_modes' must be %lld values of type uint8",
                            (long long)out->node_count);
    return NN_OK;
}

nn_status nn_tree_parse_ensemble(const nn_node_view *node, const nn_attrs *attrs, void *parsed) {
    nn_tree_attrs *out = parsed;
    int64_t aggregate, transform;
    NN_TRY(parse_nodes(node, attrs, out));
    int64_t count = out->node_count;
    NN_TRY(parse_modes(node, attrs, out));
    NN_TRY(read_ints(node, attrs, "nodes_trueleafs", count, false, &out->true_leafs));
    NN_TRY(read_ints(node, attrs, "nodes_falseleafs", count, false, &out->false_leafs));
    NN_TRY(read_tensor(node, attrs, "nodes_splits", &out->thresholds));
    NN_TRY(check_count(node, "nodes_splits", &out->thresholds, count));
    NN_TRY(read_tensor(node, attrs, "membership_values", &out->members));
    NN_TRY(nn_attrs_ints(attrs, "tree_roots", &out->roots, &out->root_count));
    if (out->root_count == 0) return nn_view_fail(node, NN_BAD_INPUT, "there are no trees");
    NN_TRY(nn_attrs_ints(attrs, "leaf_targetids", &out->vote_targets, &out->vote_count));
    NN_TRY(read_tensor(node, attrs, "leaf_weights", &out->votes));
    NN_TRY(check_count(node, "leaf_weights", &out->votes, out->vote_count));
    NN_TRY(nn_attrs_int(attrs, "n_targets", 1, &out->target_count));
    NN_TRY(nn_attrs_int(attrs, "aggregate_function", NN_TREE_SUM, &aggregate));
    if (aggregate < 0 || aggregate > NN_TREE_MAX)
        return nn_view_fail(node, NN_BAD_INPUT, "'aggregate_function' is %lld, not 0 to 3",
                            (long long)aggregate);
    out->aggregate = (nn_tree_aggregate)aggregate;
    NN_TRY(nn_attrs_int(attrs, "post_transform", NN_POST_NONE, &transform));
    NN_TRY(nn_post_transform_of_number(node, transform, &out->transform));
    NN_TRY(check_target_count(node, out->target_count));
    return check_nodes(node, out);
}

bool nn_tree_mode_of(const nn_tree_attrs *attrs, int64_t index, nn_tree_mode *out) {
    static const char *const names[] = {
        [NN_TREE_LEQ] = "BRANCH_LEQ", [NN_TREE_LT] = "BRANCH_LT", [NN_TREE_GTE] = "BRANCH_GTE",
        [NN_TREE_GT] = "BRANCH_GT",   [NN_TREE_EQ] = "BRANCH_EQ", [NN_TREE_NEQ] = "BRANCH_NEQ",
        [NN_TREE_LEAF] = "LEAF"};
    if (attrs->modes != NULL) {
        uint8_t mode = ((const uint8_t *)attrs->modes->data)[index];
        *out = (nn_tree_mode)mode;
        return mode <= NN_TREE_MEMBER;
    }
    for (int mode = 0; mode <= NN_TREE_LEAF; mode++) {
        if (names[mode] == NULL || strcmp(attrs->mode_names[index].bytes, names[mode]) != 0)
            continue;
        *out = (nn_tree_mode)mode;
        return true;
    }
    return false;
}

/* ---- inference ---- */

nn_status nn_tree_infer_regressor(const nn_node_view *node) {
    const nn_tree_attrs *attrs = node->attrs;
    bool is_ensemble = attrs->modes != NULL;
    int64_t dims[2] = {0, attrs->target_count}, columns;
    NN_TRY(nn_check_types(node, 0, 0,
                          is_ensemble ? NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE) |
                                            NN_TYPE_BIT(NNOPT_FLOAT16)
                                      : NN_TYPES_FEATURE));
    NN_TRY(nn_features_shape(node, &dims[0], &columns));
    if (nn_dim_is_known(columns) && columns < attrs->feature_count)
        return nn_view_fail(node, NN_BAD_INPUT, "a node asks for feature %lld of %lld",
                            (long long)attrs->feature_count - 1, (long long)columns);
    return nn_set_output(node, 0, is_ensemble ? nn_in_type(node, 0) : NNOPT_FLOAT, 2, dims);
}

void nn_tree_cost(const nn_node_view *node, nn_cost *out) {
    const nn_tree_attrs *attrs = node->attrs;
    /* A balanced tree of n nodes has about log2 n steps. */
    double trees = attrs->root_count > 0 ? (double)attrs->root_count : 1;
    for (int64_t i = 1; attrs->tree_ids != NULL && i < attrs->node_count; i++)
        trees += attrs->tree_ids[i] != attrs->tree_ids[i - 1];
    double steps = log2((double)attrs->node_count / trees + 1);
    double rows = (double)(node->in[0]->rank == 1 ? 1 : node->in[0]->dims[0]);
    out->flops = rows * trees * (steps + 1);
}

/* ---- scores ---- */

void nn_tree_finish_regression(const nn_call *call, const nn_tree_ensemble *trees, int64_t sample,
                               double *scores, const uint8_t *seen) {
    const nn_tree_attrs *attrs = call->node->attrs;
    int64_t count = trees->target_count;
    bool is_float = trees->type == NNOPT_FLOAT;
    for (int64_t t = 0; t < count; t++) {
        if (!seen[t]) scores[t] = 0;
        if (attrs->aggregate == NN_TREE_AVERAGE) scores[t] /= (double)trees->tree_count;
        if (is_float) scores[t] = (float)scores[t];
        if (trees->base_count > 0) scores[t] += trees->base[t];
    }
    nn_post_transform_apply(attrs->transform, scores, count);
    nn_store_double(call->out[0]->type, scores,
                    nn_at_out(call->out[0]->data, call->out[0]->type, sample * count), count);
}

nn_status nn_tree_run_regressor(const nn_call *call) {
    return nn_tree_run(call, nn_tree_finish_regression);
}
