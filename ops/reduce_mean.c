#include "ops/family/reduce.h"

NN_REDUCE_STEP(add_real, double, sum + x)
NN_REDUCE_STEP(add_whole, int64_t, (int64_t)((uint64_t)sum + (uint64_t)x))

static void divide_real(double *sum, int64_t count, int64_t reduced) {
    for (int64_t i = 0; i < count; i++) sum[i] /= (double)reduced;
}

static void divide_whole(int64_t *sum, int64_t count, int64_t reduced) {
    for (int64_t i = 0; i < count && reduced > 0; i++) sum[i] /= reduced;
}

static const nn_whole_reducer whole = {0, add_whole, add_whole, divide_whole};
static const nn_reducer reducer = {
    {0, add_real, add_real, divide_real}, &whole, NULL, false, NN_FLOAT_MEAN};

NN_REDUCE_OP(reduce_mean, "ReduceMean", reducer, nn_reduce_parse, nn_reduce_infer_number,
             nn_reduce_grad_of_mean)
