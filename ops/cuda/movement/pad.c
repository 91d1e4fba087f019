/* Pad, Trilu, ReverseSequence: elements of the input at places that have to be computed. */
#include "ops/cuda/movement/pad_launch.h"

#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/movement.h"

/* ---- Pad ---- */

/* The inputs that say how much and with what are constants. */
static bool accepts_pad(const nn_node_view *node, const nn_target *target) {
    for (int i = 1; i < node->in_count; i++)
        if (node->in[i] != NULL && node->in[i]->constant == NULL) return false;
    return nn_cuda_moves_bytes(node, target);
}

typedef struct pad_state {
    nn_axis_pad pads[NN_MAX_RANK]; /* of logical axes */
    nn_cuda_element value;
} pad_state;

static nn_status prepare_pad(const nn_node_view *node, const nn_target *target,
                             nn_prepare *prepared) {
    (void)target;
    const nn_pad_attrs *attrs = node->attrs;
    const nn_type type = node->in[0]->type;
    const nn_tensor *value = attrs->from_input ? nn_view_constant(node, 2) : NULL;
    pad_state *state = nn_prepare_state(prepared, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    if (value != NULL && nn_tensor_count(value) > 0)
        memcpy(&state->value, value->data, nn_element_size(type));
    nn_tensor holder = {.type = type, .data = &state->value};
    if (!attrs->from_input) nn_tensor_set(&holder, 0, (double)attrs->value);
    nn_prepare_read(prepared, ~1u);
    return nn_pad_axes(node, node->in[0]->rank, state->pads);
}

/* An axis that is not padded lies whole behind the one in front of it, whose elements it makes
 * larger: where all that is padded with is the same, or an element is repeated as it is. */
static void merge_axes(nn_cuda_pad *pad, int64_t *sizes) {
    int rank = 1;
    for (int axis = 1; axis < pad->rank; axis++) {
        const int last = rank - 1;
        const bool is_whole = pad->before[axis] == 0 && sizes[axis] == pad->sizes[axis];
        const bool joins = pad->mode == NN_CUDA_PAD_CONSTANT ||
                           (pad->before[last] == 0 && sizes[last] == pad->sizes[last]);
        if (is_whole && joins) {
            sizes[last] *= sizes[axis];
            pad->before[last] *= pad->sizes[axis];
            pad->sizes[last] *= pad->sizes[axis];
        } else {
            sizes[rank] = sizes[axis];
            pad->before[rank] = pad->before[axis];
            pad->sizes[rank] = pad->sizes[axis];
            rank++;
        }
    }
    pad->rank = rank;
}

static nn_status run_pad(const nn_call *call) {
    const nn_pad_attrs *attrs = call->node->attrs;
    const pad_state *state = call->state;
    const nn_tensor *x = call->in[0], *y = call->out[0];
    int64_t sizes[NN_MAX_RANK]; /* of y */
    if (x->rank == 0) return nn_cuda_copy_tensor(call, x, y);
    nn_cuda_pad arguments = {.bytes = (int)nn_element_size(x->type),
                             .mode = (nn_cuda_pad_mode)attrs->mode,
                             .rank = x->rank,
                             .count = nn_tensor_count(y),
                             .value = state->value,
                             .x = x->data,
                             .y = y->data};
    for (int place = 0; place < x->rank; place++) {
        sizes[place] = y->dims[place];
        arguments.sizes[place] = x->dims[place];
        arguments.before[place] = state->pads[nn_logical_axis(call->layout, x->rank, place)].before;
    }
    if (arguments.count == 0) return NN_OK;
    merge_axes(&arguments, sizes);
    nn_dense_steps(arguments.sizes, arguments.rank, arguments.steps);
    for (int axis = 0; axis < arguments.rank; axis++)
        arguments.dims[axis] = nn_cuda_extent_make(sizes[axis], arguments.count);
    return nn_cuda_launched(call, nn_cuda_launch_pad(&arguments, call->queue->stream));
}

static const nn_kernel pad_cuda = {.name = "pad_cuda",
                                   .on_device = true,
                                   .exactness = NN_EXACT,
                                   .layout = NN_LAYOUT_ANY,
                                   .layout_inputs = 1,
                                   .accepts = accepts_pad,
                                   .prepare = prepare_pad,
                                   .run = run_pad};
const nn_kernel *const nn_cuda_pad_kernels[] = {&pad_cuda, NULL};

/* ---- Trilu ---- */

static nn_status prepare_trilu(const nn_node_view *node, const nn_target *target,
                               nn_prepare *prepared) {
    (void)target;
    int64_t *diagonal = nn_prepare_state(prepared, sizeof *diagonal);
    if (diagonal == NULL) return nn_fail_memory(sizeof *diagonal);
    const nn_tensor *given = nn_view_constant(node, 1);
    if (given == NULL) return NN_OK;
    *diagonal = nn_tensor_get_int(given, 0);
    nn_prepare_read(prepared, 2u);
    return NN_OK;
}

static nn_status run_trilu(const nn_call *call) {
    const nn_trilu_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[0];
    const nn_tensor *given = nn_view_constant(call->node, 1) == NULL ? nn_call_in(call, 1) : NULL;
    const int64_t count = nn_tensor_count(x);
    const nn_cuda_trilu arguments = {.bytes = (int)nn_element_size(x->type),
                                     .upper = attrs->upper,
                                     .columns = nn_cuda_extent_make(x->dims[x->rank - 1], count),
                                     .rows = nn_cuda_extent_make(x->dims[x->rank - 2], count),
                                     .count = count,
                                     .diagonal = *(const int64_t *)call->state,
                                     .given = given != NULL ? given->data : NULL,
                                     .x = x->data,
                                     .y = call->out[0]->data};
    return nn_cuda_launched(call, nn_cuda_launch_trilu(&arguments, call->queue->stream));
}

static const nn_kernel trilu_cuda = {.name = "trilu_cuda",
                                     .on_device = true,
                                     .exactness = NN_EXACT,
                                     .in_place = 1,
                                     .accepts = nn_cuda_moves_bytes,
                                     .prepare = prepare_trilu,
                                     .run = run_trilu};
const nn_kernel *const nn_cuda_trilu_kernels[] = {&trilu_cuda, NULL};

/* ---- ReverseSequence ---- */

static nn_status run_reverse_sequence(const nn_call *call) {
    const nn_reverse_sequence_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[0];
    const int64_t count = nn_tensor_count(x), length = nn_dims_product(x->dims, 2, x->rank);
    nn_cuda_reverse arguments = {.bytes = (int)nn_element_size(x->type),
                                 .batch_first = attrs->batch_first,
                                 .length = nn_cuda_extent_make(length, count),
                                 .inner = nn_cuda_extent_make(x->dims[1], count),
                                 .count = count,
                                 .times = x->dims[attrs->batch_first ? 1 : 0],
                                 .batch = x->dims[attrs->batch_first ? 0 : 1],
                                 .lengths = call->in[1]->data,
                                 .x = x->data,
                                 .y = call->out[0]->data};
    NN_TRY(nn_cuda_fault_make(call, "the length of a sequence is out of range", &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_reverse(&arguments, call->queue->stream));
}

static const nn_kernel reverse_sequence_cuda = {.name = "reverse_sequence_cuda",
                                                .on_device = true,
                                                .exactness = NN_EXACT,
                                                .accepts = nn_cuda_moves_bytes,
                                                .run = run_reverse_sequence};
const nn_kernel *const nn_cuda_reverse_sequence_kernels[] = {&reverse_sequence_cuda, NULL};
