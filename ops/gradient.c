/* ai.onnx.preview.training Gradient: what it stands for is expanded before a plan is made
 * (engine/transform/gradient.h), so it has no kernel. */
#include "ops/gradient.h"

#include "ops/family/infer.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_gradient_attrs *gradient = out;
    const nn_attr *xs = nn_attrs_find(attrs, "xs"), *zs = nn_attrs_find(attrs, "zs");
    if (xs == NULL || xs->kind != NN_ATTR_STRINGS)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'xs' must be a list of names");
    if (zs != NULL && zs->kind != NN_ATTR_STRINGS)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'zs' must be a list of names");
    gradient->xs = xs->strings;
    gradient->x_count = xs->count;
    gradient->zs = zs != NULL ? zs->strings : NULL;
    gradient->z_count = zs != NULL ? zs->count : 0;
    NN_TRY(nn_attrs_string(attrs, "y", NULL, &gradient->y));
    if (gradient->y == NULL) return nn_view_fail(node, NN_BAD_INPUT, "attribute 'y' is missing");
    if (gradient->x_count + gradient->z_count != node->in_count)
        return nn_view_fail(node, NN_BAD_INPUT, "xs and zs name %lld tensors, there are %d inputs",
                            (long long)(gradient->x_count + gradient->z_count), node->in_count);
    if (node->out_count > gradient->x_count)
        return nn_view_fail(node, NN_BAD_INPUT, "%d outputs for %lld names in xs", node->out_count,
                            (long long)gradient->x_count);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    for (int i = 0; i < node->out_count; i++)
        NN_TRY(nn_set_output(node, i, node->in[i]->type, node->in[i]->rank, node->in[i]->dims));
    return NN_OK;
}

const nn_op nn_op_gradient = {
    .name = "Gradient",
    .domain = "ai.onnx.preview.training",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = NN_ANY_COUNT,
    .attr_size = sizeof(nn_gradient_attrs),
    .parse = parse,
    .infer = infer,
    .is_impure = true,
};
