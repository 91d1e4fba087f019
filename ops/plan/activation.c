/* Activation (domain nnopt, plans only): any kind of ops/epilogue.h as a node of its own. */
#include "ops/family/activation.h"

#include "ops/family/axes.h"
#include "ops/family/infer.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_FLOAT)));
    return nn_infer_same(node);
}

typedef struct activation_job {
    nn_activation activation;
    const float *x;
    float *y;
} activation_job;

enum { GRAIN = 16384 }; /* elements that are worth a thread of their own */

static void activate(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const activation_job *job = argument;
    int64_t count = end - begin;
    if (job->x != job->y)
        memcpy(job->y + begin, job->x + begin, (size_t)count * sizeof *job->y);
    nn_activate_array(job->activation, job->y + begin, count);
}

static nn_status run(const nn_call *call) {
    activation_job job = {*(const nn_activation *)call->node->attrs, call->in[0]->data,
                          call->out[0]->data};
    nn_parallel(call->pool, nn_tensor_count(call->in[0]), GRAIN, activate, &job);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "activation_reference",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_activation = {
    .name = "Activation",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_activation),
    .parse = nn_activation_parse,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
