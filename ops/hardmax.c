#include "ops/family/arg.h"
#include "ops/family/copy.h"
#include "ops/family/softmax.h"

/* Axes as in Softmax: before version 13 all axes from one on are one. */
static nn_status find_rows(const nn_node_view *node, const int64_t *dims, int rank, int64_t *size,
                           int64_t *inner) {
    const nn_softmax_attrs *attrs = node->attrs;
    int axis;
    NN_TRY(nn_softmax_axis(node, rank, &axis));
    int after = attrs->flattens || axis == rank ? rank : axis + 1;
    *size = nn_dims_product(dims, axis, after);
    *inner = nn_dims_product(dims, after, rank);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    const nn_fact *in = node->in[0];
    int64_t size, inner;
    NN_TRY(find_rows(node, in->dims, in->rank, &size, &inner));
    if (size > 0)
        nn_prepare_workspace(prepare, (size_t)(nn_fact_count(in) / size) * sizeof(int64_t));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int64_t size, inner, count = nn_tensor_count(in), *places = call->workspace;
    NN_TRY(find_rows(call->node, in->dims, in->rank, &size, &inner));
    if (count == 0) return NN_OK;
    nn_arg_find(call->pool, in, size, inner, true, false, places);
    nn_tensor_zero(out);
    const double one = 1;
    uint64_t bits = 0;
    nn_store_double(out->type, &one, &bits, 1);
    size_t element = nn_element_size(out->type);
    for (int64_t i = 0; i < count / size; i++) {
        int64_t place = (i / inner * size + places[i]) * inner + i % inner;
        memcpy((char *)out->data + (size_t)place * element, &bits, element);
    }
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "hardmax_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_hardmax = {
    .name = "Hardmax",
    NN_SOFTMAX_COLUMNS,
    .kernels = kernels,
};
