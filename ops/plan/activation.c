/* Activation (domain nnopt, plans only): any kind of ops/epilogue.h as a node of its own. */
#include "ops/family/activation.h"

#include "ops/family/axes.h"
#include "ops/family/infer.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_BFLOAT16)));
    return nn_infer_same(node);
}

typedef struct activation_job {
    nn_activation activation;
    const nn_tensor *x, *y; /* of one type */
} activation_job;

enum { GRAIN = 16384 }; /* elements that are worth a thread of their own */

static void activate(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const activation_job *job = argument;
    const nn_type type = job->x->type;
    if (type == NNOPT_FLOAT) {
        const float *x = (const float *)job->x->data + begin;
        float *y = (float *)job->y->data + begin;
        if (x != y) memcpy(y, x, (size_t)(end - begin) * sizeof *y);
        nn_activate_array(job->activation, y, end - begin);
        return;
    }
    float block[NN_BLOCK];
    for (int64_t i = begin; i < end; i += NN_BLOCK) {
        int64_t count = end - i < NN_BLOCK ? end - i : NN_BLOCK;
        nn_load_float(type, nn_at(job->x->data, type, i), block, count);
        nn_activate_array(job->activation, block, count);
        nn_store_float(type, block, nn_at_out(job->y->data, type, i), count);
    }
}

static nn_status run(const nn_call *call) {
    activation_job job = {*(const nn_activation *)call->node->attrs, call->in[0], call->out[0]};
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
