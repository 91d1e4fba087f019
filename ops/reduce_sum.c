#include "ops/family/reduce.h"

NN_REDUCE_STEP(add_real, double, sum + x)
NN_REDUCE_STEP(add_whole, int64_t, (int64_t)((uint64_t)sum + (uint64_t)x))

static const nn_whole_reducer whole = {0, add_whole, add_whole, NULL};
static const nn_reducer reducer = {
    {0, add_real, add_real, NULL}, &whole, NULL, false, NN_FLOAT_SUM};

/* The axes became an input in version 13, earlier than for the other reductions. */
static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    return nn_reduce_parse_since(node, attrs, 13, out);
}

NN_REDUCE_OP(reduce_sum, "ReduceSum", reducer, parse, nn_reduce_infer_number, nn_reduce_grad_of_sum)
