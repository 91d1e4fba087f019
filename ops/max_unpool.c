#include "ops/family/max_unpool.h"

#include "ops/family/dims.h"
#include "ops/family/infer.h"

enum { X = NN_UNPOOL_X, INDICES = NN_UNPOOL_INDICES, SHAPE = NN_UNPOOL_SHAPE };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_window_attrs *window = out;
    NN_TRY(nn_window_parse(node, attrs, window));
    if (window->has_kernel) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "kernel_shape is required");
}

static nn_status infer(const nn_node_view *node) {
    const nn_window_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[X];
    NN_TRY(nn_check_types(node, X, X, NN_TYPES_FLOAT));
    NN_TRY(nn_check_types(node, INDICES, INDICES, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_window_check_rank(node, attrs, x));
    int rank = attrs->rank + 2;
    NN_TRY(nn_check_rank(node, INDICES, rank));
    bool has_shape = nn_view_in(node, SHAPE) != NULL;
    nn_list shape;
    NN_TRY(nn_list_input(node, SHAPE, NN_MAX_RANK, &shape));
    if (has_shape && shape.count >= 0 && shape.count != rank)
        return nn_view_fail(node, NN_BAD_INPUT, "output_shape has %d values for rank %d",
                            shape.count, rank);
    int64_t dims[NN_MAX_SPATIAL + 2];
    for (int axis = 0; axis < rank; axis++) {
        int64_t own = nn_fact_dim(x, axis), given;
        NN_TRY(nn_agree_dim(node, INDICES, axis, &own));
        dims[axis] = own;
        if (axis >= 2) NN_TRY(nn_max_unpool_size(node, axis - 2, own, &dims[axis]));
        if (!has_shape) continue;
        NN_TRY(nn_size_element(node, SHAPE, axis, &given));
        if (nn_dim_is_known(given) && nn_dim_is_known(dims[axis]) && given < dims[axis])
            return nn_view_fail(node, NN_BAD_INPUT,
                                "axis %d of output_shape is %lld, less than %lld", axis,
                                (long long)given, (long long)dims[axis]);
        dims[axis] = given;
    }
    return nn_set_output(node, 0, nn_in_type(node, X), rank, dims);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[X], *indices = call->in[INDICES];
    nn_tensor *out = call->out[0];
    int64_t dims[NN_MAX_RANK], total = 1, count = nn_tensor_count(x);
    for (int axis = 0; axis < x->rank; axis++) {
        dims[axis] = x->dims[axis];
        if (axis >= 2) NN_TRY(nn_max_unpool_size(call->node, axis - 2, x->dims[axis], &dims[axis]));
        if (!nn_mul_size(total, dims[axis], &total))
            return nn_view_fail(call->node, NN_BAD_INPUT, "the output is too large");
    }
    size_t size = (size_t)nn_type_bits(x->type) / 8;
    nn_tensor_zero(out);
    for (int64_t i = 0; i < count; i++) {
        int64_t index = ((const int64_t *)indices->data)[i], place = 0, step = 1;
        if (index < 0 || index >= total)
            return nn_view_fail(call->node, NN_BAD_INPUT, "index %lld is not in 0 to %lld",
                                (long long)index, (long long)total - 1);
        for (int axis = x->rank - 1; axis >= 0; axis--) {
            place += index % dims[axis] * step;
            index /= dims[axis];
            step *= out->dims[axis];
        }
        memcpy(nn_at_out(out->data, out->type, place), nn_at(x->data, x->type, i), size);
    }
    return NN_OK;
}

static const nn_kernel max_unpool_reference = {
    .name = "max_unpool_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&max_unpool_reference, NULL};

const nn_op nn_op_max_unpool = {
    .name = "MaxUnpool",
    .domain = "",
    .since = 9,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_window_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
