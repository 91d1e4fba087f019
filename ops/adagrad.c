#include "ops/family/optimizer.h"

#include <math.h>

enum { STATES = 1 }; /* the sum of squared gradients */

typedef struct adagrad_attrs {
    float decay, epsilon, norm;
} adagrad_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    adagrad_attrs *parsed = out;
    (void)node;
    NN_TRY(nn_attrs_float(attrs, "decay_factor", 0, &parsed->decay));
    NN_TRY(nn_attrs_float(attrs, "epsilon", 1e-6f, &parsed->epsilon));
    return nn_attrs_float(attrs, "norm_coefficient", 0, &parsed->norm);
}

static nn_status infer(const nn_node_view *node) {
    return nn_optimizer_infer(node, STATES);
}

static double adjust(const void *argument, double rate, int64_t t) {
    const adagrad_attrs *attrs = argument;
    return rate / (1 + (double)t * (double)attrs->decay);
}

static double update(const nn_optimizer_step *step, double x, double gradient, double *state) {
    const adagrad_attrs *attrs = step->attrs;
    gradient += (double)attrs->norm * x;
    state[0] += gradient * gradient;
    return x - step->rate * gradient / (sqrt(state[0]) + (double)attrs->epsilon);
}

static nn_status run(const nn_call *call) {
    return nn_optimizer_run(call, STATES, adjust, update);
}

static const nn_kernel adagrad_reference = {
    .name = "adagrad_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&adagrad_reference, NULL};

const nn_op nn_op_adagrad = {
    .name = "Adagrad",
    NN_OPTIMIZER_COLUMNS,
    .min_inputs = 5,
    .min_outputs = 2,
    .attr_size = sizeof(adagrad_attrs),
    .parse = parse,
    .infer = infer,
    .kernels = kernels,
};
