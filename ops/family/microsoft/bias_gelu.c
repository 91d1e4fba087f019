#include "ops/family/microsoft/bias_gelu.h"

#include "ops/family/axes.h"
#include "ops/family/infer.h"

nn_status nn_bias_gelu_infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0], *bias = nn_view_in(node, 1);
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_same_types(node, 0, 1));
    if (bias != NULL && bias->rank >= 0 && bias->rank != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "bias must be a vector, has rank %d", bias->rank);
    if (x->rank == 0) return nn_view_fail(node, NN_BAD_INPUT, "input 0 must not be a scalar");
    if (bias != NULL && bias->rank == 1 && x->rank > 0) {
        int64_t wanted = x->dims[x->rank - 1], size = bias->dims[0];
        if (nn_dim_is_known(wanted) && nn_dim_is_known(size) && wanted != size)
            return nn_view_fail(node, NN_BAD_INPUT, "bias has %lld elements, the last axis %lld",
                                (long long)size, (long long)wanted);
    }
    return nn_infer_like(node);
}

nn_status nn_bias_gelu_axes(const nn_node_view *node, nn_axis_relations *out) {
    NN_TRY(nn_axes_of_unary(node, out));
    if (nn_view_in(node, 1) == NULL) return NN_OK;
    return nn_axes_same(node, out, nn_in_axis(1, 0), nn_out_axis(0, node->in[0]->rank - 1));
}

nn_status nn_bias_gelu_expand(nn_expansion *e, const char *approximate) {
    nn_term *x = nn_expand_float_in(e, 0), *bias = nn_expand_float_in(e, 1);
    if (bias != NULL) x = nn_expand(e, "Add", NN_TERMS(x, bias));
    nn_expand_float_out(
        e, 0,
        nn_expand(e, "Gelu", NN_TERMS(x), NN_ATTRS(nn_attr_text("approximate", approximate))));
    return NN_OK;
}
