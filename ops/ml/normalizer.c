#include "ops/family/ml/features.h"
#include "ops/family/loops.h"

#include <math.h>

typedef enum norm_kind { NORM_MAX, NORM_L1, NORM_L2 } norm_kind;

typedef struct normalizer_attrs {
    norm_kind norm;
} normalizer_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const names[] = {"MAX", "L1", "L2"};
    normalizer_attrs *parsed = out;
    const char *norm;
    NN_TRY(nn_attrs_string(attrs, "norm", "MAX", &norm));
    for (int i = 0; i < 3; i++) {
        if (strcmp(norm, names[i]) != 0) continue;
        parsed->norm = (norm_kind)i;
        return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "'norm' is '%s'", norm);
}

static nn_status infer(const nn_node_view *node) {
    int64_t rows, columns;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FEATURE));
    NN_TRY(nn_features_shape(node, &rows, &columns));
    return nn_set_output(node, 0, NNOPT_FLOAT, node->in[0]->rank, node->in[0]->dims);
}

/* The divisor of a row. */
static double norm_of(norm_kind norm, const float *x, int64_t count) {
    double sum = 0;
    float most = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        if (norm == NORM_MAX)
            most = x[i] > most ? x[i] : most;
        else
            sum += norm == NORM_L1 ? fabs((double)x[i]) : (double)x[i] * (double)x[i];
    }
    if (norm == NORM_MAX) return most;
    return norm == NORM_L1 ? sum : sqrt(sum);
}

static void normalize_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const normalizer_attrs *attrs = call->node->attrs;
    int64_t columns = nn_features_columns(call->in[0]);
    for (int64_t i = begin; i < end; i++) {
        float *y = (float *)call->out[0]->data + i * columns;
        nn_load_features(call->in[0], i * columns, columns, y);
        double norm = norm_of(attrs->norm, y, columns);
        if (norm == 0) continue;
        for (int64_t k = 0; k < columns; k++) y[k] = (float)((double)y[k] / norm);
    }
}

static nn_status run(const nn_call *call) {
    int64_t columns = nn_features_columns(call->in[0]);
    if (columns == 0) return NN_OK;
    nn_parallel(call->pool, nn_features_rows(call->in[0]), NN_GRAIN / columns + 1, normalize_rows,
                (void *)call);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "normalizer",
    .exactness = NN_ROUNDING,
    .in_place = 1,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_normalizer = {
    .name = "Normalizer",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(normalizer_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
