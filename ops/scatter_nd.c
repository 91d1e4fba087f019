#include "ops/family/gather_nd.h"
#include "ops/family/scatter.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *data = node->in[0], *indices = node->in[1], *updates = node->in[2];
    int64_t tuple, dims[2 * NN_MAX_RANK];
    NN_TRY(nn_scatter_check_types(node));
    NN_TRY(nn_check_tuples(node, 0, &tuple));
    if (tuple >= 0 && updates->rank >= 0) {
        int rank = 0;
        for (int i = 0; i < indices->rank - 1; i++) dims[rank++] = indices->dims[i];
        for (int i = (int)tuple; i < data->rank; i++) dims[rank++] = data->dims[i];
        bool differ = rank != updates->rank;
        for (int i = 0; !differ && i < rank; i++)
            differ = nn_dim_is_known(dims[i]) && nn_dim_is_known(updates->dims[i]) &&
                     dims[i] != updates->dims[i];
        if (differ) {
            char text[256], given[256];
            return nn_view_fail(node, NN_BAD_INPUT, "updates need shape %s, have %s",
                                nn_dims_text(dims, rank, text, sizeof text),
                                nn_dims_text(updates->dims, updates->rank, given, sizeof given));
        }
    }
    return nn_infer_like(node);
}

/* Slices may meet: they are written in order, so that the last update is the one that stays. */
static nn_status run(const nn_call *call) {
    const nn_scatter_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *updates = call->in[2];
    nn_tensor *out = call->out[0];
    nn_slices slices;
    NN_TRY(nn_slices_of(call->node, data, call->in[1], 0, &slices));
    NN_TRY(nn_copy_run(call));
    nn_scatter_row row = nn_scatter_row_of(attrs->reduction, data->type);
    if (slices.length == 1) {
        int64_t places[NN_BLOCK];
        for (int64_t begin = 0; begin < slices.count; begin += NN_BLOCK) {
            int64_t count = slices.count - begin < NN_BLOCK ? slices.count - begin : NN_BLOCK;
            for (int64_t i = 0; i < count; i++) places[i] = nn_slice_offset(&slices, begin + i);
            row(out->data, places, nn_at(updates->data, data->type, begin), count);
        }
        return NN_OK;
    }
    for (int64_t i = 0; i < slices.count; i++)
        row(nn_at_out(out->data, out->type, nn_slice_offset(&slices, i)), NULL,
            nn_at(updates->data, data->type, i * slices.length), slices.length);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "scatter_nd_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_scatter_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_scatter_nd = {
    .name = "ScatterND",
    .domain = "",
    .since = 11,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_scatter_attrs),
    .parse = nn_scatter_parse,
    .infer = infer,
    .cost = nn_scatter_cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
