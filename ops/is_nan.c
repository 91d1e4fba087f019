#include "ops/family/predicate.h"

#define IS_NAN_ROW(TYPE, type, suffix, sign, infinity)                                             \
    NN_PREDICATE_ROW(is_nan_##suffix, type, (x & (type) ~(type)(sign)) > (infinity))
NN_EACH_IEEE(IS_NAN_ROW)
NN_PREDICATE_ROW(is_nan_f8e4m3fn, uint8_t, (x & 0x7f) == 0x7f)
/* The place of negative zero. */
NN_PREDICATE_ROW(is_nan_f8fnuz, uint8_t, x == 0x80)

#define IS_NAN_ENTRY(TYPE, type, suffix, sign, infinity) [NNOPT_##TYPE] = is_nan_##suffix,
static const nn_unary_rows rows = {
    {NN_EACH_IEEE(IS_NAN_ENTRY)[NNOPT_FLOAT8E4M3FN] = is_nan_f8e4m3fn,
     [NNOPT_FLOAT8E4M3FNUZ] = is_nan_f8fnuz, [NNOPT_FLOAT8E5M2FNUZ] = is_nan_f8fnuz}};

NN_UNARY_KERNEL(is_nan_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static const nn_kernel *const kernels[] = {&is_nan_reference, NULL};

const nn_op nn_op_is_nan = {
    .name = "IsNaN",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_predicate,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
