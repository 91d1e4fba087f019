/* Plans only: input 0 summed over the axes along which input 1 was broadcast to its shape. */
#include "ops/family/infer.h"
#include "ops/family/loops.h"
#include "ops/family/types.h"
#include "ops/grad.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *like = node->in[1];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    return nn_set_output(node, 0, node->in[0]->type, like->rank, like->dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    out->flops = (double)nn_fact_count(node->in[0]);
}

static nn_status grad(nn_grad *grad) {
    nn_term *shape = nn_grad_unary(grad, "Shape", grad->in[0]);
    grad->in_gradient[0] = nn_grad_binary(grad, "Expand", grad->out_gradient[0], shape);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    int64_t dims[NN_MAX_RANK];
    int rank;
    const nn_fact *x = node->in[0], *y = node->out[0];
    return nn_type_in(x->type, NN_TYPES_FLOAT) && nn_epilogue_is_empty(&node->epilogue) &&
           nn_broadcast_dims(x->dims, x->rank, y->dims, y->rank, dims, &rank) &&
           nn_dims_equal(dims, rank, x->dims, x->rank);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    nn_prepare_workspace(prepare, (size_t)nn_fact_count(node->out[0]) * sizeof(double));
    return NN_OK;
}

/* Sums are kept in double and rounded once. */
static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    nn_tensor *y = call->out[0];
    int64_t count = nn_tensor_count(y), run;
    double *sums = call->workspace;
    nn_loops loops;
    nn_loops_init(&loops, x->dims, x->rank);
    nn_loops_add_broadcast(&loops, x->dims, x->rank);
    nn_loops_add_broadcast(&loops, y->dims, y->rank);
    nn_loops_collapse(&loops);
    for (int64_t i = 0; i < count; i++) sums[i] = 0;
    nn_cursor cursor;
    nn_cursor_start(&cursor, &loops, 0, loops.count);
    int64_t step = loops.steps[1][loops.rank - 1];
    while ((run = nn_cursor_next(&cursor)) > 0) {
        for (int64_t done = 0; done < run; done += NN_BLOCK) {
            double block[NN_BLOCK];
            int64_t length = run - done < NN_BLOCK ? run - done : NN_BLOCK;
            nn_load_double(x->type, nn_at(x->data, x->type, cursor.offset[0] + done), block,
                           length);
            double *sum = sums + cursor.offset[1] + done * step;
            for (int64_t i = 0; i < length; i++) sum[i * step] += block[i];
        }
    }
    if (count > 0) nn_store_double(y->type, sums, y->data, count);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "sum_to_reference",
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_sum_to = {
    .name = "SumTo",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .grad = grad,
    .kernels = kernels,
};
