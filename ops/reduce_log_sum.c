#include "ops/family/reduce.h"

#include <math.h>

NN_REDUCE_STEP(add_real, double, sum + x)

static void take_logarithm(double *sum, int64_t count, int64_t reduced) {
    (void)reduced;
    for (int64_t i = 0; i < count; i++) sum[i] = log(sum[i]);
}

static const nn_reducer reducer = {
    {0, add_real, add_real, take_logarithm}, NULL, NULL, false, NN_NO_FLOAT_REDUCTION};

NN_REDUCE_OP_PLAIN(reduce_log_sum, "ReduceLogSum", reducer, nn_reduce_parse, nn_reduce_infer_number, NULL)
