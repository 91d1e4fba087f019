#include "ops/family/reduce.h"

NN_REDUCE_STEP(multiply_real, double, sum *x)
NN_REDUCE_STEP(multiply_whole, int64_t, (int64_t)((uint64_t)sum *(uint64_t)x))

static const nn_whole_reducer whole = {1, multiply_whole, multiply_whole, NULL};
static const nn_reducer reducer = {
    {1, multiply_real, multiply_real, NULL}, &whole, NULL, false, NN_NO_FLOAT_REDUCTION};

NN_REDUCE_OP_PLAIN(reduce_prod, "ReduceProd", reducer, nn_reduce_parse, nn_reduce_infer_number, NULL)
