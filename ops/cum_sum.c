#include "ops/family/cumulative.h"

#define ROW(TYPE, type, suffix, wide) NN_CUMULATIVE_ROW(cum_sum_##suffix, type, wide, +)
NN_EACH_CUMULATIVE(ROW)

#define ENTRY(TYPE, type, suffix, wide) [NNOPT_##TYPE] = cum_sum_##suffix,
static const nn_cumulative_rows rows = {{NN_EACH_CUMULATIVE(ENTRY)}, .identity = 0};

static nn_status run(const nn_call *call) {
    return nn_cumulative_run(call, &rows);
}

static const nn_kernel reference = {
    .name = "cum_sum_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_cumulative_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_cum_sum = {
    .name = "CumSum",
    .since = 11,
    NN_CUMULATIVE_COLUMNS,
    .kernels = kernels,
};
