/* GridSample over one to three axes, and AffineGrid, which makes its grids. */
#include "ops/family/grid_sample.h"

#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/windows/grid_sample_launch.h"
#include "ops/family/affine_grid.h"
#include "ops/family/types.h"

_Static_assert((int)NN_SAMPLE_BORDER == 1 && (int)NN_SAMPLE_REFLECTION == 2,
               "grid_sample.cu has the same values");

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_sample_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[NN_SAMPLE_X], *grid = node->in[NN_SAMPLE_GRID];
    (void)target;
    if (!nn_epilogue_is_empty(&node->epilogue) || x->rank < 3 ||
        x->rank > NN_CUDA_SAMPLE_AXES + 2 || !nn_type_in(grid->type, NN_TYPES_FLOAT))
        return false;
    if (nn_fact_count(x) == 0 && nn_fact_count(node->out[0]) > 0) return false; /* refused */
    return attrs->mode == NN_SAMPLE_NEAREST ? nn_cuda_moves(x->type)
                                            : nn_type_in(x->type, NN_TYPES_FLOAT);
}

static nn_status run(const nn_call *call) {
    const nn_sample_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[NN_SAMPLE_X], *grid = call->in[NN_SAMPLE_GRID];
    const nn_tensor *y = call->out[0];
    const bool last = call->layout == NN_LAYOUT_CHANNELS_LAST;
    const int axes = x->rank - 2, first = last ? 1 : 2;
    if (nn_tensor_count(y) == 0) return NN_OK;
    nn_cuda_grid_sample arguments = {
        .type = x->type,
        .grid_type = grid->type,
        .bytes = (int)nn_element_size(x->type),
        .taps = attrs->mode == NN_SAMPLE_NEAREST  ? 1
                : attrs->mode == NN_SAMPLE_LINEAR ? 2
                                                  : 4,
        .padding = (int)attrs->padding,
        .align_corners = attrs->align_corners,
        .channels_last = last,
        .axes = axes,
        .batch = x->dims[0],
        .channels = x->dims[last ? x->rank - 1 : 1],
        .in_pixels = nn_dims_product(x->dims, first, first + axes),
        .out_pixels = nn_dims_product(y->dims, first, first + axes),
        .x = x->data,
        .grid = grid->data,
        .y = y->data,
    };
    for (int i = 0; i < NN_CUDA_SAMPLE_AXES; i++) {
        const int axis = i - (NN_CUDA_SAMPLE_AXES - axes);
        arguments.in[i] = axis < 0 ? 1 : x->dims[first + axis];
    }
    return nn_cuda_launched(call, nn_cuda_launch_grid_sample(&arguments, call->queue->stream));
}

static const nn_kernel grid_sample_cuda = {
    .name = "grid_sample_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1u << NN_SAMPLE_X,
    .accepts = accepts,
    .run = run,
};

const nn_kernel *const nn_cuda_grid_sample_kernels[] = {&grid_sample_cuda, NULL};

/* ---- AffineGrid ---- */

/* The size is that of the output. */
static bool accepts_affine(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue);
}

static nn_status prepare_affine(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare) {
    (void)node;
    (void)target;
    nn_prepare_read(prepare, 1u << NN_AFFINE_SIZE);
    return NN_OK;
}

static nn_status run_affine(const nn_call *call) {
    const nn_affine_attrs *attrs = call->node->attrs;
    const nn_tensor *grid = call->out[0];
    const int axes = grid->rank - 2;
    nn_cuda_affine_grid arguments = {
        .type = grid->type,
        .align_corners = attrs->align_corners,
        .axes = axes,
        .batch = grid->dims[0],
        .pixels = nn_dims_product(grid->dims, 1, axes + 1),
        .theta = call->in[NN_AFFINE_THETA]->data,
        .grid = grid->data,
    };
    for (int i = 0; i < NN_CUDA_SAMPLE_AXES; i++) {
        const int axis = i - (NN_CUDA_SAMPLE_AXES - axes);
        arguments.out[i] = axis < 0 ? 1 : grid->dims[1 + axis];
    }
    if (nn_tensor_count(grid) == 0) return NN_OK;
    return nn_cuda_launched(call, nn_cuda_launch_affine_grid(&arguments, call->queue->stream));
}

static const nn_kernel affine_grid_cuda = {
    .name = "affine_grid_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .accepts = accepts_affine,
    .prepare = prepare_affine,
    .run = run_affine,
};

const nn_kernel *const nn_cuda_affine_grid_kernels[] = {&affine_grid_cuda, NULL};
