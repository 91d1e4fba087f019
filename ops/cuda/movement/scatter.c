/* ScatterElements, ScatterND, and Scatter, the first's old name. */
#include "ops/family/scatter.h"

#include "ops/cuda/elements/loops.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/movement/scatter_launch.h"
#include "ops/cuda/movement/slices.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_scatter_attrs *attrs = node->attrs;
    return nn_cuda_moves_bytes(node, target) &&
           (attrs->reduction == NN_SCATTER_NONE ||
            nn_type_in(node->in[0]->type, NN_TYPES_NUMBER | NN_TYPES_BOOL));
}

/* What is only moved goes as an integer of its size. */
static nnopt_type type_of(const nn_call *call) {
    const nn_scatter_attrs *attrs = call->node->attrs;
    const nn_type type = call->out[0]->type;
    if (attrs->reduction != NN_SCATTER_NONE) return type;
    switch (nn_element_size(type)) {
    case 1:
        return NNOPT_UINT8;
    case 2:
        return NNOPT_UINT16;
    case 4:
        return NNOPT_UINT32;
    case 8:
        return NNOPT_UINT64;
    default:
        return NNOPT_COMPLEX128;
    }
}

/* ---- in order, or at once? ---- */

typedef struct scatter_state {
    bool deterministic;
} scatter_state;

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepared) {
    (void)node;
    scatter_state *state = nn_prepare_state(prepared, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->deterministic = target->deterministic;
    return NN_OK;
}

enum {
    MANY_LINES = 4096, /* fill a device */
    FEW_ROUNDS = 64,   /* are soon done */
};

/* `lines` threads could take `rounds` updates each in order. Sums and products of floats depend on
 * it; where two updates without a reduction meet, it says which stays. Bytes have no other way. */
static bool goes_in_order(const nn_call *call, int64_t lines, int64_t rounds) {
    const nn_scatter_attrs *attrs = call->node->attrs;
    const scatter_state *state = call->state;
    const nn_type type = call->out[0]->type;
    const bool any_order = attrs->reduction == NN_SCATTER_MAX ||
                           attrs->reduction == NN_SCATTER_MIN ||
                           (attrs->reduction != NN_SCATTER_NONE && nn_type_is_integer(type));
    if (attrs->reduction != NN_SCATTER_NONE && nn_element_size(type) == 1) return true;
    if (rounds <= FEW_ROUNDS || lines >= MANY_LINES) return true;
    return !any_order && state->deterministic;
}

static nn_status run_elements(const nn_call *call) {
    const nn_scatter_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *indices = call->in[1];
    int64_t dims[NN_MAX_RANK], steps[NN_MAX_RANK], update_steps[NN_MAX_RANK];
    nn_loops loops;
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, data->rank, &axis));
    NN_TRY(nn_cuda_copy_tensor(call, data, call->out[0]));
    const int64_t total = nn_tensor_count(indices);
    if (total == 0) return NN_OK;
    nn_dense_steps(data->dims, data->rank, steps);
    nn_dense_steps(indices->dims, indices->rank, update_steps);
    const int64_t along = indices->dims[axis];
    nn_cuda_scatter_elements arguments = {.type = type_of(call),
                                          .index_type = indices->type,
                                          .reduction = (nn_cuda_reduction)attrs->reduction,
                                          .in_order = goes_in_order(call, total / along, along),
                                          .count = 1,
                                          .update_step = update_steps[axis],
                                          .axis_step = steps[axis],
                                          .size = data->dims[axis],
                                          .indices = indices->data,
                                          .updates = call->in[2]->data,
                                          .data = call->out[0]->data};
    for (int i = 0; i < indices->rank; i++) dims[i] = indices->dims[i];
    if (arguments.in_order) {
        arguments.count = along;
        dims[axis] = 1;
    }
    steps[axis] = 0;
    nn_loops_init(&loops, dims, indices->rank);
    nn_loops_add(&loops, update_steps);
    nn_loops_add(&loops, steps);
    nn_loops_collapse(&loops);
    nn_cuda_loops_make(&loops, &arguments.loops);
    NN_TRY(nn_cuda_fault_make(call, "an index is out of range", &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_scatter_elements(&arguments, call->queue->stream));
}

static nn_status run_nd(const nn_call *call) {
    const nn_scatter_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *out = call->out[0];
    NN_TRY(nn_cuda_copy_tensor(call, data, out));
    nn_cuda_scatter_nd arguments = {.type = type_of(call),
                                    .reduction = (nn_cuda_reduction)attrs->reduction,
                                    .updates = call->in[2]->data,
                                    .data = out->data};
    NN_TRY(nn_cuda_slices_make(call, out, call->in[1], 0, &arguments.slices));
    arguments.in_order = goes_in_order(call, arguments.slices.length.size, arguments.slices.count);
    return nn_cuda_launched(call, nn_cuda_launch_scatter_nd(&arguments, call->queue->stream));
}

static const nn_kernel scatter_elements_cuda = {.name = "scatter_elements_cuda",
                                                .on_device = true,
                                                .exactness = NN_ROUNDING,
                                                .in_place = 1,
                                                .accepts = accepts,
                                                .prepare = prepare,
                                                .run = run_elements};
static const nn_kernel scatter_nd_cuda = {.name = "scatter_nd_cuda",
                                          .on_device = true,
                                          .exactness = NN_ROUNDING,
                                          .in_place = 1,
                                          .accepts = accepts,
                                          .prepare = prepare,
                                          .run = run_nd};

const nn_kernel *const nn_cuda_scatter_elements_kernels[] = {&scatter_elements_cuda, NULL};
const nn_kernel *const nn_cuda_scatter_nd_kernels[] = {&scatter_nd_cuda, NULL};
