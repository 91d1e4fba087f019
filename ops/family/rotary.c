#include "ops/family/rotary.h"

nn_status nn_rotary_sizes_of(const nn_node_view *node, nn_rotary_sizes *out) {
    const nn_rotary_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[NN_ROTARY_X];
    *out = (nn_rotary_sizes){NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, NN_DIM_UNKNOWN,
                             NN_DIM_UNKNOWN};
    if (attrs->dim > 0) out->half = attrs->dim / 2;
    if (x->rank == NN_RANK_UNKNOWN) return NN_OK;
    out->batch = x->dims[0];
    out->length = x->dims[x->rank == 4 ? 2 : 1];
    out->heads = x->rank == 4 ? x->dims[1] : attrs->heads;
    out->size = x->rank == 4 ? x->dims[3] : NN_DIM_UNKNOWN;
    if (x->rank == 3 && attrs->heads == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "an input of rank 3 needs attribute num_heads");
    if (x->rank == 3 && nn_dim_is_known(x->dims[2])) {
        if (x->dims[2] % attrs->heads != 0)
            return nn_view_fail(node, NN_BAD_INPUT, "%lld columns do not divide into %lld heads",
                                (long long)x->dims[2], (long long)attrs->heads);
        out->size = x->dims[2] / attrs->heads;
    }
    if (!nn_dim_is_known(out->size)) return NN_OK;
    if (attrs->dim == 0 && out->size % 2 != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "heads of size %lld are not pairs",
                            (long long)out->size);
    if (attrs->dim > out->size)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "rotary_embedding_dim %lld is over the heads' size %lld",
                            (long long)attrs->dim, (long long)out->size);
    if (attrs->dim == 0) out->half = out->size / 2;
    return NN_OK;
}
