#include "ops/family/cumulative.h"

#define ROW(TYPE, type, suffix, wide) NN_CUMULATIVE_ROW(cum_prod_##suffix, type, wide, *)
NN_EACH_CUMULATIVE(ROW)

#define ENTRY(TYPE, type, suffix, wide) [NNOPT_##TYPE] = cum_prod_##suffix,
static const nn_cumulative_rows rows = {{NN_EACH_CUMULATIVE(ENTRY)}, .identity = 1};

static nn_status run(const nn_call *call) {
    return nn_cumulative_run(call, &rows);
}

static const nn_kernel reference = {
    .name = "cum_prod_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_cumulative_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_cum_prod = {
    .name = "CumProd",
    .since = 26,
    NN_CUMULATIVE_COLUMNS,
    .kernels = kernels,
};
