/* Optimisers of the training domain: inputs R (rate), T (how many updates came before), then for n
 * tensors all X, all gradients, all of each state; outputs the new X, then the new states. */
#ifndef NN_FAMILY_OPTIMIZER_H
#define NN_FAMILY_OPTIMIZER_H

#include "ops/op.h"

enum { NN_OPTIMIZER_STATES = 2 };

/* What a step does to one element: x, its gradient, its states, which it updates. */
typedef struct nn_optimizer_step {
    const void *attrs;
    double rate; /* already adjusted to T */
    bool is_first;
} nn_optimizer_step;
typedef double (*nn_optimizer_update)(const nn_optimizer_step *step, double x, double gradient,
                                      double state[NN_OPTIMIZER_STATES]);

nn_status nn_optimizer_infer(const nn_node_view *node, int states);
/* `adjust`: the rate of update T. */
nn_status nn_optimizer_run(const nn_call *call, int states,
                           double (*adjust)(const void *attrs, double rate, int64_t t),
                           nn_optimizer_update update);

#define NN_OPTIMIZER_COLUMNS                                                                       \
    .domain = "ai.onnx.preview.training", .since = 1, .max_inputs = NN_ANY_COUNT,                  \
    .max_outputs = NN_MAX_OUTPUTS, .quant = NN_QUANT_FLOAT

#endif
