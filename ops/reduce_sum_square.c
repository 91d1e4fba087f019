#include "ops/family/reduce.h"

NN_REDUCE_STEP(add_square, double, sum + x * x)
NN_REDUCE_STEP(add_real, double, sum + x)
NN_REDUCE_STEP(add_square_whole, int64_t, (int64_t)((uint64_t)sum + (uint64_t)x * (uint64_t)x))
NN_REDUCE_STEP(add_whole, int64_t, (int64_t)((uint64_t)sum + (uint64_t)x))

static const nn_whole_reducer whole = {0, add_square_whole, add_whole, NULL};
static const nn_reducer reducer = {
    {0, add_square, add_real, NULL}, &whole, NULL, false, NN_FLOAT_SUM_SQUARES};

NN_REDUCE_OP(reduce_sum_square, "ReduceSumSquare", reducer, nn_reduce_parse, nn_reduce_infer_number,
             NULL)
