#include "ops/family/optimizer.h"

enum { STATES = 1 }; /* the momentum */

typedef struct momentum_attrs {
    float alpha, beta, norm;
    bool nesterov;
} momentum_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    momentum_attrs *parsed = out;
    const char *const names[] = {"alpha", "beta", "norm_coefficient", "mode"}, *mode;
    for (int i = 0; i < 4; i++)
        if (nn_attrs_find(attrs, names[i]) == NULL)
            return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' is missing", names[i]);
    NN_TRY(nn_attrs_float(attrs, "alpha", 0, &parsed->alpha));
    NN_TRY(nn_attrs_float(attrs, "beta", 0, &parsed->beta));
    NN_TRY(nn_attrs_float(attrs, "norm_coefficient", 0, &parsed->norm));
    NN_TRY(nn_attrs_string(attrs, "mode", NULL, &mode));
    parsed->nesterov = strcmp(mode, "nesterov") == 0;
    if (parsed->nesterov || strcmp(mode, "standard") == 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'mode' is '%s'", mode);
}

static nn_status infer(const nn_node_view *node) {
    return nn_optimizer_infer(node, STATES);
}

static double keep_rate(const void *attrs, double rate, int64_t t) {
    (void)attrs, (void)t;
    return rate;
}

static double update(const nn_optimizer_step *step, double x, double gradient, double *state) {
    const momentum_attrs *attrs = step->attrs;
    double alpha = (double)attrs->alpha, beta = step->is_first ? 1 : (double)attrs->beta;
    gradient += (double)attrs->norm * x;
    state[0] = alpha * state[0] + beta * gradient;
    return x - step->rate * (attrs->nesterov ? gradient + alpha * state[0] : state[0]);
}

static nn_status run(const nn_call *call) {
    return nn_optimizer_run(call, STATES, keep_rate, update);
}

static const nn_kernel momentum_reference = {
    .name = "momentum_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&momentum_reference, NULL};

const nn_op nn_op_momentum = {
    .name = "Momentum",
    NN_OPTIMIZER_COLUMNS,
    .min_inputs = 5,
    .min_outputs = 2,
    .attr_size = sizeof(momentum_attrs),
    .parse = parse,
    .infer = infer,
    .kernels = kernels,
};
