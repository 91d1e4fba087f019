#include "ops/family/reduce.h"

#include <math.h>

NN_REDUCE_STEP(add_magnitude, double, sum + fabs(x))
NN_REDUCE_STEP(add_real, double, sum + x)
NN_REDUCE_STEP(add_magnitude_whole, int64_t,
               (int64_t)((uint64_t)sum + (x < 0 ? 0 - (uint64_t)x : (uint64_t)x)))
NN_REDUCE_STEP(add_whole, int64_t, (int64_t)((uint64_t)sum + (uint64_t)x))

static const nn_whole_reducer whole = {0, add_magnitude_whole, add_whole, NULL};
static const nn_whole_reducer without_sign = {0, add_whole, add_whole, NULL};
static const nn_reducer reducer = {
    {0, add_magnitude, add_real, NULL}, &whole, &without_sign, false, NN_FLOAT_SUM_MAGNITUDES};

NN_REDUCE_OP(reduce_l1, "ReduceL1", reducer, nn_reduce_parse, nn_reduce_infer_number, NULL)
