#include "ops/family/optimizer.h"

#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

enum { RATE, UPDATES, FIRST };

/* Tensors that are optimised. */
static nn_status count_tensors(const nn_node_view *node, int states, int *out) {
    int each = 2 + states, given = node->in_count - FIRST;
    *out = given / each;
    if (given % each != 0 || node->out_count != *out * (1 + states))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "%d inputs and %d outputs are not those of whole tensors",
                            node->in_count, node->out_count);
    return NN_OK;
}

nn_status nn_optimizer_infer(const nn_node_view *node, int states) {
    const nn_type_set types = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE);
    int count;
    NN_TRY(count_tensors(node, states, &count));
    NN_TRY(nn_check_types(node, RATE, RATE, types));
    NN_TRY(nn_check_types(node, UPDATES, UPDATES, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_types(node, FIRST, -1, types));
    NN_TRY(nn_check_count(node, RATE, 1));
    NN_TRY(nn_check_count(node, UPDATES, 1));
    for (int i = 0; i < count; i++) {
        const nn_fact *x = node->in[FIRST + i];
        for (int k = 1; k < 2 + states; k++) {
            int index = FIRST + k * count + i;
            if (x->rank == NN_RANK_UNKNOWN) continue;
            NN_TRY(nn_check_rank(node, index, x->rank));
            for (int axis = 0; axis < x->rank; axis++) {
                int64_t size = x->dims[axis];
                NN_TRY(nn_agree_dim(node, index, axis, &size));
            }
        }
        for (int k = 0; k < 1 + states; k++) {
            const nn_fact *from = node->in[FIRST + (k == 0 ? 0 : k + 1) * count + i];
            NN_TRY(nn_set_output(node, k * count + i, from->type, x->rank, x->dims));
        }
    }
    return NN_OK;
}

typedef struct update_work {
    nn_optimizer_step step;
    nn_optimizer_update update;
    int states;
    const nn_tensor *in[2 + NN_OPTIMIZER_STATES];
    nn_tensor *out[1 + NN_OPTIMIZER_STATES];
} update_work;

static void update_elements(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const update_work *work = argument;
    double in[2 + NN_OPTIMIZER_STATES][NN_BLOCK];
    for (int64_t i = begin; i < end; i += NN_BLOCK) {
        int64_t count = end - i < NN_BLOCK ? end - i : NN_BLOCK;
        for (int k = 0; k < 2 + work->states; k++)
            nn_load_double(work->in[k]->type, nn_at(work->in[k]->data, work->in[k]->type, i), in[k],
                           count);
        for (int64_t e = 0; e < count; e++) {
            double state[NN_OPTIMIZER_STATES] = {0};
            for (int k = 0; k < work->states; k++) state[k] = in[2 + k][e];
            in[0][e] = work->update(&work->step, in[0][e], in[1][e], state);
            for (int k = 0; k < work->states; k++) in[2 + k][e] = state[k];
        }
        for (int k = 0; k < 1 + work->states; k++) {
            nn_tensor *out = work->out[k];
            if (out != NULL)
                nn_store_double(out->type, in[k == 0 ? 0 : k + 1],
                                nn_at_out(out->data, out->type, i), count);
        }
    }
}

nn_status nn_optimizer_run(const nn_call *call, int states,
                           double (*adjust)(const void *attrs, double rate, int64_t t),
                           nn_optimizer_update update) {
    int count;
    NN_TRY(count_tensors(call->node, states, &count));
    int64_t t = nn_tensor_get_int(call->in[UPDATES], 0);
    update_work work = {.update = update, .states = states};
    work.step.attrs = call->node->attrs;
    work.step.rate = adjust(work.step.attrs, nn_tensor_get(call->in[RATE], 0), t);
    work.step.is_first = t <= 0;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 2 + states; k++) work.in[k] = call->in[FIRST + k * count + i];
        for (int k = 0; k < 1 + states; k++) work.out[k] = call->out[k * count + i];
        nn_parallel(call->pool, nn_tensor_count(work.in[0]), NN_GRAIN, update_elements, &work);
    }
    return NN_OK;
}
