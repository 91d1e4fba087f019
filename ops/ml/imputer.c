#include "ops/family/ml/features.h"
#include "ops/family/loops.h"

/* One value for all features, or one for each; floats or ints. */
typedef struct imputer_attrs {
    const float *floats;
    const int64_t *ints;
    int64_t count;
    float replaced_float;
    int64_t replaced_int;
} imputer_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    imputer_attrs *parsed = out;
    int64_t floats, ints;
    NN_TRY(nn_attrs_floats(attrs, "imputed_value_floats", &parsed->floats, &floats));
    NN_TRY(nn_attrs_ints(attrs, "imputed_value_int64s", &parsed->ints, &ints));
    NN_TRY(nn_attrs_float(attrs, "replaced_value_float", 0, &parsed->replaced_float));
    NN_TRY(nn_attrs_int(attrs, "replaced_value_int64", 0, &parsed->replaced_int));
    if ((floats > 0) == (ints > 0))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "needs either 'imputed_value_floats' or 'imputed_value_int64s', has "
                            "%lld and %lld values",
                            (long long)floats, (long long)ints);
    parsed->count = floats > 0 ? floats : ints;
    if (floats == 0) parsed->floats = NULL;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const imputer_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    nn_type_set reals = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE);
    NN_TRY(nn_check_types(node, 0, 0, attrs->floats != NULL ? reals : NN_TYPES_FEATURE & ~reals));
    if (x->rank == 0) return nn_view_fail(node, NN_BAD_INPUT, "input 0 is a scalar");
    int64_t columns = x->rank > 0 ? x->dims[x->rank - 1] : NN_DIM_UNKNOWN;
    if (attrs->count > 1 && nn_dim_is_known(columns) && columns != attrs->count)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld imputed values for %lld features",
                            (long long)attrs->count, (long long)columns);
    if (x->type == NNOPT_INT32)
        for (int64_t i = 0; i < attrs->count; i++)
            if (attrs->ints[i] < INT32_MIN || attrs->ints[i] > INT32_MAX)
                return nn_view_fail(node, NN_BAD_INPUT, "imputed value %lld does not fit int32",
                                    (long long)attrs->ints[i]);
    return nn_infer_like(node);
}

/* NaN is replaced where NaN is to be replaced. */
#define IMPUTE(TYPE, type, list, value)                                                            \
    case NNOPT_##TYPE: {                                                                           \
        const type *x = call->in[0]->data;                                                         \
        type *y = call->out[0]->data;                                                              \
        for (int64_t i = begin; i < end; i++) {                                                    \
            bool missing = x[i] == value || (x[i] != x[i] && value != value);                      \
            y[i] = missing ? (type)attrs->list[attrs->count > 1 ? i % attrs->count : 0] : x[i];    \
        }                                                                                          \
        break;                                                                                     \
    }

static void impute(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const imputer_attrs *attrs = call->node->attrs;
    const float real = attrs->replaced_float;
    const int64_t number = attrs->replaced_int;
    switch (call->in[0]->type) {
        IMPUTE(FLOAT, float, floats, real)
        IMPUTE(DOUBLE, double, floats, (double)real)
        IMPUTE(INT32, int32_t, ints, number)
        IMPUTE(INT64, int64_t, ints, number)
    default:
        break;
    }
}

static nn_status run(const nn_call *call) {
    nn_parallel(call->pool, nn_tensor_count(call->in[0]), NN_GRAIN, impute, (void *)call);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "imputer",
    .exactness = NN_EXACT,
    .in_place = 1,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_imputer = {
    .name = "Imputer",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(imputer_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
