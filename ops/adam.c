#include "ops/family/optimizer.h"

#include <math.h>

enum { STATES = 2 }; /* running means of the gradient and of its square */

typedef struct adam_attrs {
    float alpha, beta, epsilon, norm, norm_after;
} adam_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    adam_attrs *parsed = out;
    (void)node;
    NN_TRY(nn_attrs_float(attrs, "alpha", 0.9f, &parsed->alpha));
    NN_TRY(nn_attrs_float(attrs, "beta", 0.999f, &parsed->beta));
    NN_TRY(nn_attrs_float(attrs, "epsilon", 1e-6f, &parsed->epsilon));
    NN_TRY(nn_attrs_float(attrs, "norm_coefficient", 0, &parsed->norm));
    return nn_attrs_float(attrs, "norm_coefficient_post", 0, &parsed->norm_after);
}

static nn_status infer(const nn_node_view *node) {
    return nn_optimizer_infer(node, STATES);
}

/* The means start at zero, which the rate makes up for. */
static double adjust(const void *argument, double rate, int64_t t) {
    const adam_attrs *attrs = argument;
    if (t <= 0) return rate;
    return rate * sqrt(1 - pow((double)attrs->beta, (double)t)) /
           (1 - pow((double)attrs->alpha, (double)t));
}

static double update(const nn_optimizer_step *step, double x, double gradient, double *state) {
    const adam_attrs *attrs = step->attrs;
    double alpha = (double)attrs->alpha, beta = (double)attrs->beta;
    gradient += (double)attrs->norm * x;
    state[0] = alpha * state[0] + (1 - alpha) * gradient;
    state[1] = beta * state[1] + (1 - beta) * gradient * gradient;
    x -= step->rate * state[0] / (sqrt(state[1]) + (double)attrs->epsilon);
    return (1 - (double)attrs->norm_after) * x;
}

static nn_status run(const nn_call *call) {
    return nn_optimizer_run(call, STATES, adjust, update);
}

static const nn_kernel adam_reference = {
    .name = "adam_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&adam_reference, NULL};

const nn_op nn_op_adam = {
    .name = "Adam",
    NN_OPTIMIZER_COLUMNS,
    .min_inputs = 6,
    .min_outputs = 3,
    .attr_size = sizeof(adam_attrs),
    .parse = parse,
    .infer = infer,
    .kernels = kernels,
};
