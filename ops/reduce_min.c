#include "ops/family/reduce.h"

#include <math.h>

/* NaN stays. */
NN_REDUCE_STEP(min_real, double, x < sum || x != x ? x : sum)
NN_REDUCE_STEP(min_signed, int64_t, x < sum ? x : sum)
NN_REDUCE_STEP(min_unsigned, int64_t, (uint64_t)x < (uint64_t)sum ? x : sum)

static const nn_whole_reducer with_sign = {INT64_MAX, min_signed, min_signed, NULL};
static const nn_whole_reducer without_sign = {(int64_t)UINT64_MAX, min_unsigned, min_unsigned,
                                              NULL};
static const nn_reducer reducer = {
    {INFINITY, min_real, min_real, NULL}, &with_sign, &without_sign, false, NN_FLOAT_MINIMUM};

static nn_status infer(const nn_node_view *node) {
    return nn_reduce_infer(node, NN_TYPES_NUMBER | NN_TYPES_BOOL);
}

NN_REDUCE_OP(reduce_min, "ReduceMin", reducer, nn_reduce_parse, infer, NULL)
