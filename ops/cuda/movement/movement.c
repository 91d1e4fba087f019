/* Operators that move elements as strided copies. */
#include "ops/family/movement.h"

#include "ops/cuda/movement/copy.h"
#include "ops/cuda/movement/packed.h"
#include "ops/family/block.h"
#include "ops/plan/diagonal.h"
#include "ops/plan/reorder.h"

#define COPY_KERNELS(symbol) const nn_kernel *const nn_cuda_##symbol##_kernels[]
#define COLUMNS(text)        .name = text, .on_device = true, .exactness = NN_EXACT

/* ---- all elements as they are: views that cannot share memory, Dropout in inference ---- */

static nn_status run_whole(const nn_call *call) {
    return nn_cuda_copy_tensor(call, call->in[0], call->out[0]);
}

/* Inputs but the first hold shapes, which are not read. */
static nn_status reads_shapes(const nn_node_view *node, const nn_target *target,
                              nn_prepare *prepared) {
    (void)node;
    (void)target;
    nn_prepare_read(prepared, ~1u);
    return NN_OK;
}

static const nn_kernel copy_cuda = {COLUMNS("copy_cuda"), .in_place = 1,
                                    .accepts = nn_cuda_packed_accepts, .prepare = reads_shapes,
                                    .run = run_whole};

static bool accepts_inference(const nn_node_view *node, const nn_target *target) {
    const nn_fact *training = nn_view_in(node, 2);
    const nn_tensor *mode = nn_view_constant(node, 2);
    if (training != NULL && mode == NULL) return false;
    if (mode != NULL && nn_tensor_count(mode) > 0 && nn_tensor_get_int(mode, 0) != 0) return false;
    return (node->out_count < 2 || node->out[1] == NULL) && nn_cuda_moves_bytes(node, target);
}

static const nn_kernel dropout_cuda = {
    COLUMNS("dropout_cuda"),      .layout = NN_LAYOUT_ANY, .layout_inputs = 1, .in_place = 1,
    .accepts = accepts_inference, .prepare = reads_shapes, .run = run_whole};

/* ---- Transpose, Reorder ---- */

static nn_status transpose(const nn_call *call) {
    const nn_tensor *in = call->in[0], *out = call->out[0];
    int64_t in_steps[NN_MAX_RANK], source[NN_MAX_RANK], target[NN_MAX_RANK];
    nn_dense_steps(in->dims, in->rank, in_steps);
    nn_dense_steps(out->dims, out->rank, target);
    for (int axis = 0; axis < out->rank; axis++)
        source[axis] = in_steps[nn_transpose_source(call->node->attrs, in->rank, axis)];
    return nn_cuda_copy_strided(call, nn_element_size(in->type), out->dims, out->rank, out->data,
                                target, in->data, source);
}

static nn_status run_transpose(const nn_call *call) {
    return nn_cuda_packed_run(call, transpose);
}

static const nn_kernel transpose_cuda = {COLUMNS("transpose_cuda"),
                                         .accepts = nn_cuda_packed_accepts,
                                         .prepare = nn_packed_prepare, .run = run_transpose};

static bool accepts_reorder(const nn_node_view *node, const nn_target *target) {
    const nn_reorder_attrs *attrs = node->attrs;
    const int rank = node->in[0]->rank;
    return nn_cuda_moves_bytes(node, target) &&
           (attrs->from == attrs->to || (rank >= 3 && rank <= 5));
}

/* Input and output have the dims that they lie in memory with. */
static nn_status run_reorder(const nn_call *call) {
    const nn_reorder_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0], *out = call->out[0];
    const bool to_last = attrs->to == NN_LAYOUT_CHANNELS_LAST;
    if (attrs->from == attrs->to) return run_whole(call);
    if (nn_tensor_count(in) == 0) return NN_OK;
    const int64_t channels = to_last ? in->dims[1] : in->dims[in->rank - 1];
    const int64_t places = nn_tensor_count(in) / in->dims[0] / channels;
    /* Samples, rows, columns of the output. */
    const int64_t rows = to_last ? places : channels, columns = to_last ? channels : places;
    const int64_t dims[3] = {in->dims[0], rows, columns};
    const int64_t target[3] = {rows * columns, columns, 1}, source[3] = {rows * columns, 1, rows};
    return nn_cuda_copy_strided(call, nn_element_size(in->type), dims, 3, out->data, target,
                                in->data, source);
}

static const nn_kernel reorder_cuda = {COLUMNS("reorder_cuda"), .accepts = accepts_reorder,
                                       .run = run_reorder};

/* ---- Concat, Split ---- */

static nn_status run_concat(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const nn_tensor *out = call->out[0];
    const int rank = out->rank;
    const int64_t size = (int64_t)nn_element_size(out->type);
    int64_t target[NN_MAX_RANK], source[NN_MAX_RANK], offset = 0;
    int logical;
    NN_TRY(nn_check_axis(call->node, attrs->axis, rank, &logical));
    const int axis = nn_physical_axis(call->layout, rank, logical);
    nn_dense_steps(out->dims, rank, target);
    for (int i = 0; i < call->in_count; i++) {
        const nn_tensor *in = call->in[i];
        nn_dense_steps(in->dims, rank, source);
        char *begin = (char *)out->data + offset * target[axis] * size;
        NN_TRY(nn_cuda_copy_strided(call, (size_t)size, in->dims, rank, begin, target, in->data,
                                    source));
        offset += in->dims[axis];
    }
    return NN_OK;
}

static const nn_kernel concat_cuda = {COLUMNS("concat_cuda"), .layout = NN_LAYOUT_ANY,
                                      .layout_inputs = UINT32_MAX, .accepts = nn_cuda_moves_bytes,
                                      .run = run_concat};

/* Sizes are read from the outputs, of which none may be missing. */
static bool accepts_split(const nn_node_view *node, const nn_target *target) {
    for (int i = 0; i < node->out_count; i++)
        if (node->out[i] == NULL) return false;
    return nn_cuda_moves_bytes(node, target);
}

static nn_status run_split(const nn_call *call) {
    const nn_split_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    const int64_t size = (int64_t)nn_element_size(in->type);
    int64_t source[NN_MAX_RANK], target[NN_MAX_RANK], offset = 0;
    int logical;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &logical));
    const int axis = nn_physical_axis(call->layout, in->rank, logical);
    nn_dense_steps(in->dims, in->rank, source);
    for (int i = 0; i < call->out_count; i++) {
        const nn_tensor *out = call->out[i];
        if (out == NULL) { /* nobody reads it */
            offset += call->node->out[i]->dims[logical];
            continue;
        }
        nn_dense_steps(out->dims, in->rank, target);
        const char *begin = (const char *)in->data + offset * source[axis] * size;
        NN_TRY(nn_cuda_copy_strided(call, (size_t)size, out->dims, in->rank, out->data, target,
                                    begin, source));
        offset += out->dims[axis];
    }
    return NN_OK;
}

static const nn_kernel split_cuda = {COLUMNS("split_cuda"),   .layout = NN_LAYOUT_ANY,
                                     .layout_inputs = 1,      .accepts = accepts_split,
                                     .prepare = reads_shapes, .run = run_split};

/* ---- Slice ---- */

/* The inputs that say what is cut are constants. */
static bool has_constants(const nn_node_view *node) {
    for (int i = 1; i < node->in_count; i++)
        if (node->in[i] != NULL && node->in[i]->constant == NULL) return false;
    return true;
}

static bool accepts_slice(const nn_node_view *node, const nn_target *target) {
    return has_constants(node) && nn_cuda_moves_bytes(node, target);
}

static nn_status prepare_slice(const nn_node_view *node, const nn_target *target,
                               nn_prepare *prepared) {
    (void)target;
    bool axes_known;
    nn_axis_slice *slices = nn_prepare_state(prepared, NN_MAX_RANK * sizeof *slices);
    if (slices == NULL) return nn_fail_memory(NN_MAX_RANK * sizeof *slices);
    nn_prepare_read(prepared, ~1u);
    return nn_slice_axes(node, node->in[0]->dims, node->in[0]->rank, slices, &axes_known);
}

static nn_status run_slice(const nn_call *call) {
    const nn_tensor *in = call->in[0], *out = call->out[0];
    const size_t size = nn_element_size(in->type);
    nn_walk walk;
    nn_slice_walk(in, out, call->layout, call->state, &walk);
    return nn_cuda_copy_strided(call, size, walk.dims, walk.rank, out->data, walk.target,
                                (const char *)in->data + walk.begin * (int64_t)size, walk.source);
}

static const nn_kernel slice_cuda = {COLUMNS("slice_cuda"),    .layout = NN_LAYOUT_ANY,
                                     .layout_inputs = 1,       .accepts = accepts_slice,
                                     .prepare = prepare_slice, .run = run_slice};

/* ---- Expand, Tile ---- */

static nn_status run_expand(const nn_call *call) {
    const nn_tensor *in = call->in[0], *out = call->out[0];
    nn_loops loops;
    nn_loops_init(&loops, out->dims, out->rank);
    nn_loops_add_broadcast(&loops, out->dims, out->rank);
    nn_loops_add_broadcast(&loops, in->dims, in->rank);
    return nn_cuda_copy_strided(call, nn_element_size(in->type), out->dims, out->rank, out->data,
                                loops.steps[0], in->data, loops.steps[1]);
}

static const nn_kernel expand_cuda = {COLUMNS("expand_cuda"), .accepts = nn_cuda_moves_bytes,
                                      .prepare = reads_shapes, .run = run_expand};

static nn_status run_tile(const nn_call *call) {
    const nn_tensor *in = call->in[0], *out = call->out[0];
    nn_walk walk;
    if (nn_tensor_count(out) == 0) return NN_OK;
    nn_tile_walk(in, out, &walk);
    return nn_cuda_copy_strided(call, nn_element_size(in->type), walk.dims, walk.rank, out->data,
                                walk.target, in->data, walk.source);
}

static const nn_kernel tile_cuda = {COLUMNS("tile_cuda"), .accepts = nn_cuda_moves_bytes,
                                    .prepare = reads_shapes, .run = run_tile};

/* ---- DepthToSpace, SpaceToDepth ---- */

/* Channels last the axes of both lie in the order N, H, W, C. */
static nn_status move_blocks(const nn_call *call, const nn_tensor *deep, bool to_wide) {
    const nn_block_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int64_t dims[6], deep_steps[6], wide_steps[6];
    if (nn_tensor_count(in) == 0) return NN_OK;
    if (call->layout == NN_LAYOUT_CHANNELS_LAST) {
        const int64_t block = attrs->size, height = deep->dims[1], width = deep->dims[2];
        const int64_t depth = deep->dims[3], channels = depth / (block * block);
        const int64_t row = attrs->channel_first ? block : block * channels;
        const int64_t sizes[6] = {deep->dims[0], height, block, width, block, channels};
        const int64_t from[6] = {height * width * depth,
                                 width * depth,
                                 row,
                                 depth,
                                 attrs->channel_first ? 1 : channels,
                                 attrs->channel_first ? block * block : 1};
        nn_dense_steps(sizes, 6, wide_steps);
        memcpy(dims, sizes, sizeof sizes);
        memcpy(deep_steps, from, sizeof from);
    } else {
        nn_block_steps(attrs, deep, dims, deep_steps, wide_steps);
    }
    return nn_cuda_copy_strided(call, nn_element_size(in->type), dims, 6, out->data,
                                to_wide ? wide_steps : deep_steps, in->data,
                                to_wide ? deep_steps : wide_steps);
}

static nn_status run_depth_to_space(const nn_call *call) {
    return move_blocks(call, call->in[0], true);
}

static nn_status run_space_to_depth(const nn_call *call) {
    return move_blocks(call, call->out[0], false);
}

static const nn_kernel depth_to_space_cuda = {
    COLUMNS("depth_to_space_cuda"), .layout = NN_LAYOUT_ANY, .layout_inputs = 1,
    .accepts = nn_cuda_moves_bytes, .run = run_depth_to_space};
static const nn_kernel space_to_depth_cuda = {
    COLUMNS("space_to_depth_cuda"), .layout = NN_LAYOUT_ANY, .layout_inputs = 1,
    .accepts = nn_cuda_moves_bytes, .run = run_space_to_depth};

/* ---- CenterCropPad ---- */

/* Of an odd difference the smaller half comes first. */
static nn_status run_center_crop_pad(const nn_call *call) {
    const nn_tensor *in = call->in[0], *out = call->out[0];
    const int64_t size = (int64_t)nn_element_size(in->type);
    int64_t dims[NN_MAX_RANK], in_steps[NN_MAX_RANK], out_steps[NN_MAX_RANK], from = 0, to = 0;
    bool pads = false;
    nn_dense_steps(in->dims, in->rank, in_steps);
    nn_dense_steps(out->dims, out->rank, out_steps);
    for (int i = 0; i < in->rank; i++) {
        const int64_t given = in->dims[i], wanted = out->dims[i];
        dims[i] = given < wanted ? given : wanted;
        if (given > wanted) from += (given - wanted) / 2 * in_steps[i];
        if (given < wanted) to += (wanted - given) / 2 * out_steps[i];
        pads = pads || given < wanted;
    }
    if (pads) NN_TRY(nn_cuda_zero(call, out));
    return nn_cuda_copy_strided(call, (size_t)size, dims, in->rank, (char *)out->data + to * size,
                                out_steps, (const char *)in->data + from * size, in_steps);
}

static const nn_kernel center_crop_pad_cuda = {COLUMNS("center_crop_pad_cuda"),
                                               .accepts = nn_cuda_moves_bytes,
                                               .prepare = reads_shapes, .run = run_center_crop_pad};

/* ---- Diagonal ---- */

static nn_status run_diagonal(const nn_call *call) {
    const nn_diagonal_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0], *out = call->out[0];
    int64_t steps[NN_MAX_RANK], from[NN_MAX_RANK], to[NN_MAX_RANK];
    int rank = 0;
    nn_dense_steps(in->dims, in->rank, steps);
    nn_dense_steps(out->dims, out->rank, to);
    for (int i = 0; i < in->rank; i++)
        if (i != attrs->second) from[rank++] = steps[i];
    from[attrs->first] += steps[attrs->second];
    return nn_cuda_copy_strided(call, nn_element_size(in->type), out->dims, rank, out->data, to,
                                in->data, from);
}

static const nn_kernel diagonal_cuda = {COLUMNS("diagonal_cuda"), .accepts = nn_cuda_moves_bytes,
                                        .run = run_diagonal};

/* ---- lists ---- */

COPY_KERNELS(view) = {&copy_cuda, NULL};
COPY_KERNELS(dropout) = {&dropout_cuda, NULL};
COPY_KERNELS(transpose) = {&transpose_cuda, NULL};
COPY_KERNELS(reorder) = {&reorder_cuda, NULL};
COPY_KERNELS(concat) = {&concat_cuda, NULL};
COPY_KERNELS(split) = {&split_cuda, NULL};
COPY_KERNELS(slice) = {&slice_cuda, NULL};
COPY_KERNELS(expand) = {&expand_cuda, NULL};
COPY_KERNELS(tile) = {&tile_cuda, NULL};
COPY_KERNELS(depth_to_space) = {&depth_to_space_cuda, NULL};
COPY_KERNELS(space_to_depth) = {&space_to_depth_cuda, NULL};
COPY_KERNELS(center_crop_pad) = {&center_crop_pad_cuda, NULL};
COPY_KERNELS(diagonal) = {&diagonal_cuda, NULL};
