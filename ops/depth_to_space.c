#include "ops/family/block.h"

static nn_status infer(const nn_node_view *node) {
    const nn_block_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t block = attrs->size, dims[4] = {-1, -1, -1, -1};
    if (in->rank >= 0 && in->rank != 4)
        return nn_view_fail(node, NN_BAD_INPUT, "the input has rank %d, not 4", in->rank);
    if (in->rank == 4) {
        if (nn_dim_is_known(in->dims[1]) && in->dims[1] % (block * block) != 0)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "%lld channels are not a multiple of the block's %lld elements",
                                (long long)in->dims[1], (long long)(block * block));
        dims[0] = in->dims[0];
        if (nn_dim_is_known(in->dims[1])) dims[1] = in->dims[1] / (block * block);
        dims[2] = nn_dim_multiply(in->dims[2], block);
        dims[3] = nn_dim_multiply(in->dims[3], block);
    }
    return nn_set_output(node, 0, in->type, 4, dims);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    NN_TRY(nn_axes_same(node, out, nn_in_axis(0, 0), nn_out_axis(0, 0)));
    for (int axis = 1; axis < 4; axis++)
        NN_TRY(nn_axes_mixed(node, out, nn_in_axis(0, axis), nn_out_axis(0, axis)));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    int64_t dims[6], deep[6], wide[6];
    if (nn_tensor_count(in) == 0) return NN_OK;
    nn_block_steps(call->node->attrs, in, dims, deep, wide);
    nn_copy_strided(call->pool, nn_element_size(in->type), dims, 6, call->out[0]->data, wide,
                    in->data, deep);
    return NN_OK;
}

/* ---- channels last: a row of outputs is made of whole pieces of a row of inputs ---- */

enum { GRAIN_BYTES = 65536 }; /* worth a thread of its own */

typedef struct block_move {
    const char *in;
    char *out;
    int64_t block, columns;         /* of input rows */
    int64_t pixel_bytes, out_pitch; /* of an output pixel; bytes to the next */
} block_move;

/* Index i is output row i. Of an input pixel it has a piece of `block` pixels. */
static void move_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const block_move *move = argument;
    const int64_t piece = move->block * move->pixel_bytes, row_bytes = move->columns * piece;
    const bool is_dense = move->out_pitch == move->pixel_bytes;
    const int64_t count = is_dense ? 1 : move->block, bytes = piece / count;
    for (int64_t row = begin; row < end; row++) {
        const char *in =
            move->in + row / move->block * move->block * row_bytes + row % move->block * piece;
        char *out = move->out + row * move->columns * move->block * move->out_pitch;
        for (int64_t i = 0; i < move->columns; i++, in += move->block * piece)
            for (int64_t k = 0; k < count;
                 k++, out += move->out_pitch * (is_dense ? move->block : 1))
                memcpy(out, in + k * bytes, (size_t)bytes);
    }
}

static bool accepts_channels_last(const nn_node_view *node, const nn_target *target) {
    const nn_block_attrs *attrs = node->attrs;
    return !attrs->channel_first && nn_moves_bytes(node, target);
}

static nn_status run_channels_last(const nn_call *call) {
    const nn_block_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    if (nn_tensor_count(in) == 0) return NN_OK;
    const int64_t size = (int64_t)nn_element_size(in->type), channels = call->out[0]->dims[3];
    block_move move = {.in = in->data,
                       .out = call->out[0]->data,
                       .block = attrs->size,
                       .columns = in->dims[2],
                       .pixel_bytes = channels * size,
                       .out_pitch = nn_view_out_pitch(call->node, 0, channels) * size};
    int64_t rows = in->dims[0] * in->dims[1] * attrs->size;
    nn_parallel(call->pool, rows, GRAIN_BYTES / (move.columns * move.block * move.pixel_bytes) + 1,
                move_rows, &move);
    return NN_OK;
}

/* The order of channels that mode DCR has is the one whose pieces are whole. */
static const nn_kernel channels_last = {
    .name = "depth_to_space_nhwc",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1,
    .pitched_output = true,
    .accepts = accepts_channels_last,
    .run = run_channels_last,
};

static const nn_kernel reference = {
    .name = "depth_to_space_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&channels_last, &reference, NULL};

const nn_op nn_op_depth_to_space = {
    .name = "DepthToSpace",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_block_attrs),
    .parse = nn_block_parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
