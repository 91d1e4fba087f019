/* Resize and Upsample on a device: places and weights are computed where they are needed. */
#include "ops/family/resize.h"

#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/windows/resize_launch.h"
#include "ops/family/copy.h"
#include "ops/family/loops.h"
#include "ops/family/types.h"

_Static_assert((int)NN_COORDINATES_CROP == 5 && (int)NN_COORDINATES_ASYMMETRIC == 4 &&
                   (int)NN_COORDINATES_ALIGN_CORNERS == 3 &&
                   (int)NN_COORDINATES_PYTORCH_HALF_PIXEL == 2,
               "resize.cu has the same values");
_Static_assert((int)NN_ROUND_OUTWARD == 4 && (int)NN_ROUND_CEIL == 3 &&
                   (int)NN_ROUND_PREFER_CEIL == 1,
               "resize.cu has the same values");

/* All axes, logical; false where scales or sizes are not constants. */
static bool find_axes(const nn_node_view *node, nn_resize_axis axes[NN_MAX_RANK]) {
    const nn_fact *x = node->in[0], *y = node->out[0];
    if (nn_resize_find_axes(node, x->dims, x->rank, axes) != NN_OK) return false;
    for (int axis = 0; axis < x->rank; axis++)
        if (!axes[axis].known || axes[axis].out != y->dims[axis]) return false;
    return true;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_resize_attrs *attrs = node->attrs;
    const nn_type type = node->in[0]->type;
    nn_resize_axis axes[NN_MAX_RANK];
    int changed = 0;
    (void)target;
    if (!nn_epilogue_is_empty(&node->epilogue) || !find_axes(node, axes)) return false;
    for (int axis = 0; axis < node->in[0]->rank; axis++) changed += !axes[axis].unchanged;
    const size_t bytes = nn_element_size(type);
    const bool moves = attrs->mode == NN_RESIZE_NEAREST && type != NNOPT_STRING && bytes > 0 &&
                       bytes <= 8 && nn_type_bits(type) >= 8;
    return changed <= NN_CUDA_RESIZE_AXES && (moves || nn_type_in(type, NN_TYPES_FLOAT));
}

/* Do filters get wider, where an axis becomes shorter? */
static bool is_filtered(const nn_node_view *node, const nn_resize_axis *axes) {
    const nn_resize_attrs *attrs = node->attrs;
    bool shrinks = false;
    for (int axis = 0; axis < node->in[0]->rank; axis++)
        shrinks = shrinks || (!axes[axis].unchanged && axes[axis].scale < 1);
    return attrs->antialias && attrs->mode != NN_RESIZE_NEAREST && shrinks;
}

static void fill_axes(const nn_fact *x, nn_layout layout, const nn_resize_axis *axes,
                      nn_cuda_resize *out) {
    int used = 0;
    out->outer = 1;
    for (int i = 0; i < NN_CUDA_RESIZE_AXES; i++)
        out->axes[i] = (nn_cuda_resize_axis){.in = 1, .out = 1, .inner = 1};
    for (int place = 0; place < x->rank; place++) {
        const nn_resize_axis *axis = &axes[nn_logical_axis(layout, x->rank, place)];
        if (!axis->unchanged)
            out->axes[used++] = (nn_cuda_resize_axis){axis->in,      axis->out,    1,
                                                      axis->scale,   axis->length, axis->roi_begin,
                                                      axis->roi_end, true};
        else if (used == 0)
            out->outer *= axis->in;
        else
            out->axes[used - 1].inner *= axis->in;
    }
    /* What stands behind the last axis that changes stands behind the last of all. */
    if (used == 0 || used == NN_CUDA_RESIZE_AXES) return;
    out->axes[NN_CUDA_RESIZE_AXES - 1].inner = out->axes[used - 1].inner;
    out->axes[used - 1].inner = 1;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const nn_resize_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    nn_resize_axis axes[NN_MAX_RANK];
    (void)target;
    nn_cuda_resize *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    find_axes(node, axes); /* succeeded in accepts */
    *state = (nn_cuda_resize){
        .type = x->type,
        .bytes = (int)nn_element_size(x->type),
        .taps = attrs->mode == NN_RESIZE_NEAREST  ? 1
                : attrs->mode == NN_RESIZE_LINEAR ? 2
                                                  : 4,
        .coordinates = (int)attrs->coordinates,
        .rounding = (int)attrs->rounding,
        .exclude_outside = attrs->exclude_outside,
        .antialias = is_filtered(node, axes),
        .cubic = (double)attrs->cubic,
        .extrapolation = (double)attrs->extrapolation,
    };
    nn_tensor holder = {.type = x->type, .data = state->outside};
    nn_tensor_set(&holder, 0, (double)attrs->extrapolation);
    fill_axes(x, nn_prepare_layout(prepare), axes, state);
    if (node->in_count > 1) nn_prepare_read(prepare, ~1u);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    nn_cuda_resize arguments = *(const nn_cuda_resize *)call->state;
    if (nn_tensor_count(call->out[0]) == 0) return NN_OK;
    arguments.x = call->in[0]->data;
    arguments.y = call->out[0]->data;
    return nn_cuda_launched(call, nn_cuda_launch_resize(&arguments, call->queue->stream));
}

static const nn_kernel resize_cuda = {
    .name = "resize_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

const nn_kernel *const nn_cuda_resize_kernels[] = {&resize_cuda, NULL};
