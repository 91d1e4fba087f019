/* SelectBoxes: non-maximum suppression with room for all that may be found. */
#include "ops/cuda/rows/select_boxes_launch.h"

#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/box_selection.h"

typedef struct boxes_state {
    int64_t most;
    size_t found, found_count; /* offsets in workspace */
} boxes_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *scores = node->in[NN_BOX_SCORES];
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && node->out[0] != NULL && node->out[1] != NULL &&
           nn_box_most(node) >= 0 && scores->dims[2] <= INT32_MAX;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const nn_fact *scores = node->in[NN_BOX_SCORES];
    int64_t groups, all, found;
    (void)target;
    boxes_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->most = nn_box_most(node);
    if (!nn_mul_size(scores->dims[0], scores->dims[1], &groups) ||
        !nn_mul_size(groups, scores->dims[2] * (int64_t)sizeof(float), &all) ||
        !nn_mul_size(groups, state->most * (int64_t)sizeof(int32_t), &found))
        return nn_view_fail(node, NN_NO_MEMORY, "the boxes are too many");
    state->found = (size_t)all;
    state->found_count = state->found + (size_t)found;
    nn_prepare_workspace(prepare, state->found_count + (size_t)groups * sizeof(int32_t));
    nn_prepare_read(prepare, 1u << NN_BOX_MOST);
    return NN_OK;
}

static const float *number_of(const nn_call *call, int input) {
    const nn_tensor *tensor = nn_call_in(call, input);
    return tensor != NULL ? tensor->data : NULL;
}

static nn_status run(const nn_call *call) {
    const nn_box_attrs *attrs = call->node->attrs;
    const boxes_state *state = call->state;
    const nn_tensor *scores = call->in[NN_BOX_SCORES];
    char *workspace = call->workspace;
    nn_cuda_select_boxes arguments = {
        .is_centered = attrs->is_centered,
        .samples = scores->dims[0],
        .classes = scores->dims[1],
        .boxes = scores->dims[2],
        .most = state->most,
        .corners = call->in[NN_BOXES]->data,
        .scores = scores->data,
        .overlap = number_of(call, NN_BOX_OVERLAP),
        .score_limit = number_of(call, NN_BOX_SCORE_LIMIT),
        .triples = call->out[0]->data,
        .count = call->out[1]->data,
    };
    NN_TRY(nn_cuda_zero(call, call->out[0]));
    NN_TRY(nn_cuda_zero(call, call->out[1]));
    if (nn_tensor_count(scores) == 0) return NN_OK;
    arguments.left = (float *)workspace;
    arguments.found = (int32_t *)(workspace + state->found);
    arguments.found_count = (int32_t *)(workspace + state->found_count);
    NN_TRY(nn_cuda_fault_make(call, "iou_threshold is outside of 0 to 1", &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_select_boxes(&arguments, call->queue->stream));
}

static const nn_kernel select_boxes_cuda = {
    .name = "select_boxes_cuda",
    .on_device = true,
    .exactness = NN_EXACT,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

const nn_kernel *const nn_cuda_select_boxes_kernels[] = {&select_boxes_cuda, NULL};
