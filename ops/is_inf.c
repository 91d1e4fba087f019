#include "ops/family/predicate.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_is_inf_attrs *parsed = out;
    int64_t positive, negative;
    NN_TRY(nn_attrs_int(attrs, "detect_positive", 1, &positive));
    NN_TRY(nn_attrs_int(attrs, "detect_negative", 1, &negative));
    *parsed = (nn_is_inf_attrs){positive != 0, negative != 0};
    return NN_OK;
}

#define WANTED(name) (((const nn_is_inf_attrs *)attrs)->name)
#define IS_INF_ROW(TYPE, type, suffix, sign, infinity)                                             \
    NN_PREDICATE_ROW(is_inf_##suffix, type,                                                        \
                     (x == (infinity) && WANTED(positive)) ||                                      \
                         (x == (type)((sign) | (infinity)) && WANTED(negative)))
NN_EACH_IEEE(IS_INF_ROW)
/* The other types of 8 bits have no infinity. */
NN_PREDICATE_ROW(is_inf_never, uint8_t, x != x)

#define IS_INF_ENTRY(TYPE, type, suffix, sign, infinity) [NNOPT_##TYPE] = is_inf_##suffix,
static const nn_unary_rows rows = {
    {NN_EACH_IEEE(IS_INF_ENTRY)[NNOPT_FLOAT8E4M3FN] = is_inf_never,
     [NNOPT_FLOAT8E4M3FNUZ] = is_inf_never, [NNOPT_FLOAT8E5M2FNUZ] = is_inf_never}};

NN_UNARY_KERNEL(is_inf_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static const nn_kernel *const kernels[] = {&is_inf_reference, NULL};

const nn_op nn_op_is_inf = {
    .name = "IsInf",
    .domain = "",
    .since = 10,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_is_inf_attrs),
    .parse = parse,
    .infer = nn_infer_predicate,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
