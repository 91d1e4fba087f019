#include "ops/family/reduce.h"

NN_REDUCE_STEP(add_real, double, sum + x)

static const nn_reducer reducer = {
    {0, add_real, add_real, NULL}, NULL, NULL, true, NN_NO_FLOAT_REDUCTION};

NN_REDUCE_OP_PLAIN(reduce_log_sum_exp, "ReduceLogSumExp", reducer, nn_reduce_parse,
             nn_reduce_infer_number, NULL)
