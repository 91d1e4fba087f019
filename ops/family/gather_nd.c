#include "ops/family/gather_nd.h"

#include "ops/family/loops.h"

nn_status nn_check_tuples(const nn_node_view *node, int batch_dims, int64_t *size) {
    const nn_fact *data = node->in[0], *indices = node->in[1];
    *size = -1;
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT64)));
    for (int i = 0; i < 2; i++)
        if (node->in[i]->rank >= 0 && node->in[i]->rank <= batch_dims)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d has rank %d, it needs more than %d",
                                i, node->in[i]->rank, batch_dims);
    if (data->rank < 0 || indices->rank < 0) return NN_OK;
    for (int i = 0; i < batch_dims; i++) {
        bool known = nn_dim_is_known(data->dims[i]) && nn_dim_is_known(indices->dims[i]);
        if (known && data->dims[i] != indices->dims[i])
            return nn_view_fail(node, NN_BAD_INPUT,
                                "batch axis %d has size %lld in the data, %lld in the indices", i,
                                (long long)data->dims[i], (long long)indices->dims[i]);
    }
    int64_t last = indices->dims[indices->rank - 1];
    if (!nn_dim_is_known(last)) return NN_OK;
    if (last < 1 || last > data->rank - batch_dims)
        return nn_view_fail(node, NN_BAD_INPUT, "tuples of %lld indices do not fit %d axes",
                            (long long)last, data->rank - batch_dims);
    *size = last;
    return NN_OK;
}

nn_status nn_slices_of(const nn_node_view *node, const nn_tensor *data, const nn_tensor *indices,
                       int batch_dims, nn_slices *out) {
    int64_t steps[NN_MAX_RANK], tuple = indices->dims[indices->rank - 1];
    int first = batch_dims, last = batch_dims + (int)tuple;
    nn_dense_steps(data->dims, data->rank, steps);
    *out = (nn_slices){.indices = indices->data,
                       .tuple = tuple,
                       .count = nn_dims_product(indices->dims, 0, indices->rank - 1),
                       .batch = nn_dims_product(indices->dims, batch_dims, indices->rank - 1),
                       .batch_step = nn_dims_product(data->dims, batch_dims, data->rank),
                       .length = nn_dims_product(data->dims, last, data->rank)};
    for (int i = first; i < last; i++) {
        out->dims[i - first] = data->dims[i];
        out->steps[i - first] = steps[i];
    }
    for (int64_t i = 0; i < out->count * tuple; i++) {
        int64_t index = out->indices[i], size = out->dims[i % tuple];
        if (index < -size || index >= size)
            return nn_view_fail(node, NN_BAD_INPUT, "index %lld is outside of an axis of size %lld",
                                (long long)index, (long long)size);
    }
    return NN_OK;
}

int64_t nn_slice_offset(const nn_slices *slices, int64_t index) {
    const int64_t *tuple = slices->indices + index * slices->tuple;
    int64_t offset = slices->batch > 0 ? index / slices->batch * slices->batch_step : 0;
    for (int64_t i = 0; i < slices->tuple; i++)
        offset += (tuple[i] < 0 ? tuple[i] + slices->dims[i] : tuple[i]) * slices->steps[i];
    return offset;
}
