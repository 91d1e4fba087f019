/* TopK, CumSum and CumProd on a device. */
#include "ops/family/top_k.h"

#include "ops/cuda/rows/top_k_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/cumulative.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_NUMBER);
}

/* K is in the shape of the outputs. */
static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    if (nn_view_constant(node, 1) != NULL) nn_prepare_read(prepare, 2);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_top_k_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_tensor *values = nn_call_out(call, 0), *places = nn_call_out(call, 1);
    const nn_tensor *result = values != NULL ? values : places;
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
    if (nn_tensor_count(result) == 0) return NN_OK;
    const nn_cuda_top_k arguments = {
        .type = in->type,
        .largest = attrs->largest,
        .outer = nn_dims_product(in->dims, 0, axis),
        .size = in->dims[axis],
        .inner = nn_dims_product(in->dims, axis + 1, in->rank),
        .k = result->dims[axis],
        .x = in->data,
        .values = values != NULL ? values->data : NULL,
        .places = places != NULL ? places->data : NULL,
    };
    return nn_cuda_launched(call, nn_cuda_launch_top_k(&arguments, call->queue->stream));
}

static const nn_kernel top_k_cuda = {
    .name = "top_k_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

const nn_kernel *const nn_cuda_top_k_kernels[] = {&top_k_cuda, NULL};

/* ---- CumSum, CumProd ---- */

typedef struct cumulative_state {
    int axis;
} cumulative_state;

static bool accepts_cumulative(const nn_node_view *node, const nn_target *target) {
    int64_t value;
    int axis;
    return nn_cumulative_accepts(node, target) && nn_scalar_input(node, 1, 0, &value) &&
           nn_check_axis(node, value, node->in[0]->rank, &axis) == NN_OK;
}

static nn_status prepare_cumulative(const nn_node_view *node, const nn_target *target,
                                    nn_prepare *prepare) {
    int64_t value = 0;
    (void)target;
    cumulative_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_scalar_input(node, 1, 0, &value); /* succeeded in accepts */
    nn_prepare_read(prepare, 2);
    return nn_check_axis(node, value, node->in[0]->rank, &state->axis);
}

static nn_status run_cumulative(const nn_call *call) {
    const nn_cumulative_attrs *attrs = call->node->attrs;
    const cumulative_state *state = call->state;
    const nn_tensor *in = call->in[0];
    if (nn_tensor_count(in) == 0) return NN_OK;
    const nn_cuda_cumulative arguments = {
        .type = in->type,
        .multiplies = strcmp(call->node->op->name, "CumProd") == 0,
        .exclusive = attrs->exclusive,
        .reverse = attrs->reverse,
        .outer = nn_dims_product(in->dims, 0, state->axis),
        .size = in->dims[state->axis],
        .inner = nn_dims_product(in->dims, state->axis + 1, in->rank),
        .x = in->data,
        .y = call->out[0]->data,
    };
    return nn_cuda_launched(call, nn_cuda_launch_cumulative(&arguments, call->queue->stream));
}

#define CUMULATIVE_KERNEL(symbol)                                                                  \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .in_place = 1,                                                                             \
        .accepts = accepts_cumulative,                                                             \
        .prepare = prepare_cumulative,                                                             \
        .run = run_cumulative,                                                                     \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};

CUMULATIVE_KERNEL(cum_sum)
CUMULATIVE_KERNEL(cum_prod)
