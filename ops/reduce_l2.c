#include "ops/family/reduce.h"

#include <math.h>

NN_REDUCE_STEP(add_square, double, sum + x * x)
NN_REDUCE_STEP(add_real, double, sum + x)

static void take_root(double *sum, int64_t count, int64_t reduced) {
    (void)reduced;
    for (int64_t i = 0; i < count; i++) sum[i] = sqrt(sum[i]);
}

static const nn_reducer reducer = {
    {0, add_square, add_real, take_root}, NULL, NULL, false, NN_FLOAT_LENGTH};

NN_REDUCE_OP(reduce_l2, "ReduceL2", reducer, nn_reduce_parse, nn_reduce_infer_number, NULL)
