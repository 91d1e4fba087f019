#include "ops/cuda/int8/tile_product.h"

#include "ops/cuda/int8/numbers.h"
#include "ops/cuda/runtime/queue.h"

#include <stdio.h>

typedef struct tile_state {
    nn_byte_product product;
    nn_byte_numbers numbers;
    nn_cuda_tiles tiles;
    int form;
    size_t parts_at; /* in the workspace */
} tile_state;

/* ---- shapes ---- */

static nn_cuda_tile_axis axis_of(const nn_window_axis *axis) {
    return (nn_cuda_tile_axis){(int)axis->in,     (int)axis->out,      (int)axis->kernel,
                               (int)axis->stride, (int)axis->dilation, (int)axis->pad_begin};
}

static int64_t x_bytes_of(const nn_u8s8_shape *shape) {
    return shape->batch * shape->height.in * shape->width.in * shape->groups * shape->in_channels;
}

static bool axis_fits(const nn_window_axis *axis) {
    const int64_t most = 1 << 24; /* places on padding stay far from overflow */
    return axis->in < INT32_MAX && axis->out < INT32_MAX && axis->pad_begin < most &&
           axis->kernel < most && axis->dilation < most && axis->kernel * axis->dilation < most &&
           axis->stride < most && axis->out * axis->stride < (int64_t)1 << 30;
}

/* Offsets are 32 bits wide, also those of windows that begin on padding. */
static bool fits(const nn_byte_product *product) {
    const nn_u8s8_shape *shape = &product->shape;
    const int64_t most = (int64_t)1 << 30;
    const int64_t pixel = shape->groups * shape->in_channels;
    const int64_t padded_rows = shape->height.in + 2 * shape->height.pad_begin + 1;
    const int64_t padded_columns = shape->width.in + 2 * shape->width.pad_begin + 1;
    if (product->taps > 1 && (!axis_fits(&shape->height) || !axis_fits(&shape->width)))
        return false;
    return x_bytes_of(shape) < most && pixel < most &&
           shape->batch * shape->height.out * shape->width.out < most &&
           product->depth < most / 16 && product->columns < most / 16 && shape->groups <= 4096 &&
           (product->taps == 1 || padded_rows * padded_columns < most / pixel);
}

static bool is_same(const nn_window_axis *axis) {
    return axis->kernel == 1 && axis->stride == 1 && axis->pad_begin == 0 && axis->in == axis->out;
}

static nn_cuda_tiles tiles_of(const nn_node_view *node, const nn_byte_product *product) {
    const nn_u8s8_shape *shape = &product->shape;
    const int64_t pixels = shape->height.out * shape->width.out;
    const int w_step = (int)nn_round_up(product->depth, 16);
    return (nn_cuda_tiles){
        .is_signed = node->in[product->inputs.x]->type == NNOPT_INT8,
        .rows = (int)(shape->batch * pixels),
        .columns = (int)shape->out_channels,
        .depth = (int)product->depth,
        .w_step = w_step,
        .channels = (int)shape->in_channels,
        .pixel = (int)(shape->groups * shape->in_channels),
        .height = axis_of(&shape->height),
        .width = axis_of(&shape->width),
        .is_plain = is_same(&shape->height) && is_same(&shape->width),
        .by_channels = nn_divisor_make(shape->in_channels),
        .by_taps_across = nn_divisor_make(shape->width.kernel),
        .by_width = nn_divisor_make(shape->width.out),
        .by_pixels = nn_divisor_make(pixels),
        .groups = (int)shape->groups,
        .x_group = shape->in_channels,
        .w_group = shape->out_channels * w_step,
        .y_group = shape->out_channels,
        .numbers_group = (int)shape->out_channels,
        .y_step = (int)product->columns,
        .finish = nn_byte_finish(node, product),
        .splits = 1,
        .split_depth = (int)product->depth,
    };
}

bool nn_tile_product_accepts(const nn_node_view *node, nn_int8_describe *describe) {
    nn_byte_product product;
    return nn_byte_product_of(node, describe, &product) && fits(&product);
}

/* ---- weights ---- */

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const nn_byte_product *product = argument;
    const nn_u8s8_shape *shape = &product->shape;
    const nn_tensor *w = nn_int8_constant(node, product->inputs.w);
    const int32_t shift = nn_byte_weight_shift(node, product);
    const int64_t step = nn_round_up(product->depth, 16);
    for (int64_t column = 0; column < product->columns; column++) {
        const int64_t group = column / shape->out_channels, own = column % shape->out_channels;
        const int64_t begin = group * shape->w_group + own * shape->w_out;
        int8_t *to = (int8_t *)out + column * step;
        for (int64_t tap = 0; tap < product->taps; tap++)
            for (int64_t k = 0; k < shape->in_channels; k++)
                *to++ = (int8_t)(nn_quant_load(w->data, w->type,
                                               begin + tap * shape->w_tap + k * shape->w_in) -
                                 shift);
    }
    return NN_OK;
}

static int32_t shifted_zero(const nn_node_view *node, const nn_byte_product *product,
                            int64_t column) {
    return nn_int8_weight_zero(nn_int8_constant(node, product->inputs.w_zero), column) -
           nn_byte_weight_shift(node, product);
}

static nn_status pack_zeros(const nn_node_view *node, const void *argument, void *out) {
    const nn_byte_product *product = argument;
    for (int64_t i = 0; i < product->columns; i++)
        ((int32_t *)out)[i] = shifted_zero(node, product, i);
    return NN_OK;
}

static bool has_zeros(const nn_node_view *node, const nn_byte_product *product) {
    for (int64_t i = 0; i < product->columns; i++)
        if (shifted_zero(node, product, i) != 0) return true;
    return false;
}

static nn_status prepare_weights(const nn_node_view *node, nn_prepare *prepare, tile_state *state) {
    const nn_byte_product *product = &state->product;
    const uint32_t inputs = nn_int8_packed_inputs(node, &product->inputs);
    const size_t bytes = (size_t)product->columns * (size_t)state->tiles.w_step;
    const void *packed;
    char variant[96];
    snprintf(variant, sizeof variant, "byte columns %lld by %lld steps %lld %lld %lld",
             (long long)product->columns, (long long)product->depth,
             (long long)product->shape.w_out, (long long)product->shape.w_in,
             (long long)product->shape.w_tap);
    NN_TRY(nn_prepare_pack(prepare, inputs, variant, bytes, pack_weights, product, &packed));
    state->tiles.w = packed;
    if (!has_zeros(node, product)) return NN_OK;
    NN_TRY(nn_prepare_pack(prepare, inputs, "byte zeros",
                           (size_t)product->columns * sizeof(int32_t), pack_zeros, product,
                           &packed));
    state->tiles.w_zero = packed;
    return NN_OK;
}

/* ---- prepare and run ---- */

void nn_tile_describe(nn_prepare *prepare, const nn_cuda_tiles *tiles,
                      const nn_tile_choice *choice) {
    const nn_cuda_tile *tile = &nn_cuda_tile_forms[choice->form];
    char splits[24] = "", why[24] = "known";
    if (tiles->splits > 1) snprintf(splits, sizeof splits, ", %d splits", tiles->splits);
    if (choice->tried > 1) snprintf(why, sizeof why, "fastest of %d", choice->tried);
    if (choice->tried == 1) snprintf(why, sizeof why, "the only one");
    nn_prepare_describe(prepare, "%dx%dx%d%s, %s", tile->rows, tile->columns, tile->depth, splits,
                        why);
}

/* The choice looks at pointers to see what there is. */
static nn_status choose(const nn_target *target, nn_prepare *prepare, tile_state *state) {
    static const float any = 0;
    const nn_byte_product *product = &state->product;
    nn_cuda_tiles problem = state->tiles;
    nn_tile_choice choice;
    if (state->numbers.has_offset) problem.finish.offset = &any;
    if (product->inputs.has_sum) problem.finish.addend = (const uint8_t *)&any;
    const int asked = nn_prepare_variant(prepare);
    if (asked == 0 || !nn_tile_variant(&problem, asked, &choice))
        NN_TRY(
            nn_tile_choose(target->device, &problem, (size_t)x_bytes_of(&product->shape), &choice));
    state->form = choice.form;
    nn_tile_split(&state->tiles, &choice);
    nn_tile_describe(prepare, &state->tiles, &choice);
    return NN_OK;
}

nn_status nn_tile_product_prepare(const nn_node_view *node, const nn_target *target,
                                  nn_prepare *prepare, nn_int8_describe *describe) {
    tile_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = (tile_state){.form = 0};
    if (!nn_byte_product_of(node, describe, &state->product))
        return nn_view_fail(node, NN_INTERNAL, "is not what was accepted");
    state->tiles = tiles_of(node, &state->product);
    NN_TRY(prepare_weights(node, prepare, state));
    NN_TRY(nn_byte_numbers_prepare(node, &state->product, prepare, &state->numbers));
    nn_status status = choose(target, prepare, state);
    if (status != NN_OK) return nn_fail_context(status, "node '%s'", node->name);
    state->parts_at = nn_cuda_round_up(state->numbers.workspace_bytes);
    nn_prepare_workspace(prepare, state->parts_at + nn_tile_part_bytes(&state->tiles));
    return NN_OK;
}

nn_status nn_tile_product_run(const nn_call *call) {
    const tile_state *state = call->state;
    nn_cuda_tiles tiles = state->tiles;
    NN_TRY(
        nn_byte_numbers_set(call, &state->product, &state->numbers, &tiles.finish, &tiles.padding));
    tiles.x = call->in[state->product.inputs.x]->data;
    tiles.y = call->out[0]->data;
    if (tiles.splits > 1) tiles.parts = (int32_t *)((char *)call->workspace + state->parts_at);
    return nn_cuda_launched(call, nn_cuda_launch_tiles(&tiles, state->form, call->queue->stream));
}
