#include "ops/family/axes.h"
#include "ops/family/ml/features.h"
#include "ops/family/loops.h"

/* Lists of one value for all features, or of one for each. */
typedef struct scaler_attrs {
    const float *offset, *scale;
    int64_t offset_count, scale_count; /* 0: absent */
} scaler_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    scaler_attrs *parsed = out;
    NN_TRY(nn_attrs_floats(attrs, "offset", &parsed->offset, &parsed->offset_count));
    return nn_attrs_floats(attrs, "scale", &parsed->scale, &parsed->scale_count);
}

static nn_status check_list(const nn_node_view *node, const char *name, int64_t count) {
    const nn_fact *x = node->in[0];
    if (count <= 1 || x->rank < 0) return NN_OK;
    if (x->rank != 1 && x->rank != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "'%s' has %lld values for an input of rank %d",
                            name, (long long)count, x->rank);
    int64_t columns = x->dims[x->rank - 1];
    if (nn_dim_is_known(columns) && columns != count)
        return nn_view_fail(node, NN_BAD_INPUT, "'%s' has %lld values for %lld features", name,
                            (long long)count, (long long)columns);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const scaler_attrs *attrs = node->attrs;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FEATURE));
    NN_TRY(check_list(node, "offset", attrs->offset_count));
    NN_TRY(check_list(node, "scale", attrs->scale_count));
    return nn_set_output(node, 0, NNOPT_FLOAT, node->in[0]->rank, node->in[0]->dims);
}

typedef struct scaler_work {
    const nn_call *call;
    int64_t columns;
} scaler_work;

/* Doubles are scaled as doubles and rounded once; integers become floats first. */
#define SCALE(TYPE, type, real)                                                                    \
    case NNOPT_##TYPE: {                                                                           \
        const type *x = (const type *)call->in[0]->data + begin;                                   \
        for (int64_t i = 0; i < count; i++)                                                        \
            y[i] = (float)(((real)x[i] - (real)offset[i * o_step]) * (real)scale[i * s_step]);     \
        break;                                                                                     \
    }

static void scale_run(const nn_call *call, int64_t begin, int64_t count, const float *offset,
                      int64_t o_step, const float *scale, int64_t s_step) {
    float *y = (float *)call->out[0]->data + begin;
    switch (call->in[0]->type) {
        SCALE(FLOAT, float, float)
        SCALE(DOUBLE, double, double)
        SCALE(INT32, int32_t, float)
        SCALE(INT64, int64_t, float)
    default:
        break;
    }
}

static void scale_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    static const float zero = 0, one = 1;
    const scaler_work *work = argument;
    const scaler_attrs *attrs = work->call->node->attrs;
    const float *offset = attrs->offset_count > 0 ? attrs->offset : &zero;
    const float *scale = attrs->scale_count > 0 ? attrs->scale : &one;
    int64_t o_step = attrs->offset_count > 1, s_step = attrs->scale_count > 1;
    for (int64_t i = begin; i < end;) {
        int64_t column = i % work->columns, count = work->columns - column;
        if (count > end - i || (o_step | s_step) == 0) count = end - i;
        scale_run(work->call, i, count, offset + column * o_step, o_step, scale + column * s_step,
                  s_step);
        i += count;
    }
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    int64_t count = nn_tensor_count(x);
    scaler_work work = {call, x->rank > 0 ? x->dims[x->rank - 1] : 1};
    if (count > 0) nn_parallel(call->pool, count, NN_GRAIN, scale_rows, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "scaler",
    .exactness = NN_ROUNDING,
    .in_place = 1,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_scaler = {
    .name = "Scaler",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(scaler_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
