#include "ops/family/binary.h"

/* Since version 7 the slope is broadcast; before, it was one number or one per channel (axis 1),
 * which is what a legacy broadcast from axis 1 on says. */
static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)attrs;
    nn_binary_attrs *parsed = out;
    if (node->opset < 7) *parsed = (nn_binary_attrs){.legacy = true, .broadcast = true, .axis = 1};
    return NN_OK;
}

#define PRELU_REAL(TYPE, type, suffix) NN_BINARY_ROW(prelu_##suffix, type, type, a < 0 ? a * b : a)
#define PRELU_WHOLE(TYPE, type, suffix)                                                            \
    NN_BINARY_ROW(prelu_##suffix, type, type, a < 0 ? (uint64_t)a * (uint64_t)b : (uint64_t)a)
NN_EACH_REAL(PRELU_REAL)
NN_EACH_SIGNED(PRELU_WHOLE)
/* What has no sign is never below zero: the slope plays no part. */
#define PRELU_UNSIGNED(TYPE, type, suffix) NN_BINARY_ROW(prelu_##suffix, type, type, a + 0 * b)
NN_EACH_UNSIGNED(PRELU_UNSIGNED)

#define PRELU_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = prelu_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(PRELU_ENTRY) NN_EACH_INTEGER(PRELU_ENTRY)}};

NN_BROADCAST_KERNEL(prelu_reference, nn_binary_accepts(node, &rows), nn_binary_run(call, &rows),
                    NN_ISA_PORTABLE, NN_EXACT, 1)

static nn_status infer(const nn_node_view *node) {
    const nn_binary_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0], *slope = node->in[1];
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPES_NUMBER));
    NN_TRY(nn_check_same_types(node, 0, 1));
    int64_t dims[NN_MAX_RANK];
    int rank;
    if (attrs->legacy) {
        bool single = slope->rank >= 0 && nn_fact_count(slope) == 1;
        if (slope->rank > 1 && !single)
            return nn_view_fail(node, NN_BAD_INPUT, "the slope has rank %d, not 1", slope->rank);
        if (in->rank >= 2 && slope->rank == 1 && !single && slope->dims[0] >= 0 &&
            in->dims[1] >= 0 && slope->dims[0] != in->dims[1])
            return nn_view_fail(node, NN_BAD_INPUT, "%lld slopes for %lld channels",
                                (long long)slope->dims[0], (long long)in->dims[1]);
        if (in->rank >= 0 && in->rank < 2 && slope->rank == 1 && !single && slope->dims[0] >= 0)
            return nn_view_fail(node, NN_BAD_INPUT, "%lld slopes for an input of rank %d",
                                (long long)slope->dims[0], in->rank);
        return nn_infer_like(node);
    }
    NN_TRY(nn_broadcast_inputs(node, 0, &rank, dims));
    if (rank >= 0 && rank != in->rank)
        return nn_view_fail(node, NN_BAD_INPUT, "the slope has rank %d, over the input's %d",
                            slope->rank, in->rank);
    for (int axis = 0; axis < rank; axis++)
        if (nn_dim_is_known(in->dims[axis]) && nn_dim_is_known(dims[axis]) &&
            in->dims[axis] != dims[axis])
            return nn_view_fail(node, NN_BAD_INPUT, "axis %d of size %lld would be broadcast", axis,
                                (long long)in->dims[axis]);
    return nn_infer_like(node);
}

static const nn_kernel *const kernels[] = {&prelu_reference, NULL};

const nn_op nn_op_prelu = {
    .name = "PRelu",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_binary_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_binary_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
