#include "ops/family/reduce.h"

#include <math.h>

/* NaN stays. */
NN_REDUCE_STEP(max_real, double, x > sum || x != x ? x : sum)
NN_REDUCE_STEP(max_signed, int64_t, x > sum ? x : sum)
NN_REDUCE_STEP(max_unsigned, int64_t, (uint64_t)x > (uint64_t)sum ? x : sum)

static const nn_whole_reducer with_sign = {INT64_MIN, max_signed, max_signed, NULL};
static const nn_whole_reducer without_sign = {(int64_t)0, max_unsigned, max_unsigned, NULL};
static const nn_reducer reducer = {
    {-INFINITY, max_real, max_real, NULL}, &with_sign, &without_sign, false, NN_FLOAT_MAXIMUM};

static nn_status infer(const nn_node_view *node) {
    return nn_reduce_infer(node, NN_TYPES_NUMBER | NN_TYPES_BOOL);
}

NN_REDUCE_OP(reduce_max, "ReduceMax", reducer, nn_reduce_parse, infer, NULL)
