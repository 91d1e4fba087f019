#include "ops/family/col2im.h"

#include "ops/family/dims.h"
#include "ops/family/loops.h"

enum { X = NN_COL2IM_X, IMAGE = NN_COL2IM_IMAGE, BLOCKS = NN_COL2IM_BLOCKS };
enum { MOST_AXES = NN_COL2IM_AXES };

static nn_status check_list(const nn_node_view *node, const nn_list *list, const char *name,
                            int64_t least) {
    for (int i = 0; list->present && i < list->count; i++)
        if (list->values[i] < least || list->values[i] > INT32_MAX)
            return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' holds %lld", name,
                                (long long)list->values[i]);
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_col2im_attrs *parsed = out;
    NN_TRY(nn_list_attribute(node, attrs, "dilations", MOST_AXES, &parsed->dilations));
    NN_TRY(nn_list_attribute(node, attrs, "pads", 2 * MOST_AXES, &parsed->pads));
    NN_TRY(nn_list_attribute(node, attrs, "strides", MOST_AXES, &parsed->strides));
    NN_TRY(check_list(node, &parsed->dilations, "dilations", 1));
    NN_TRY(check_list(node, &parsed->pads, "pads", 0));
    return check_list(node, &parsed->strides, "strides", 1);
}

/* How many places a block has along the axis. */
static nn_status count_positions(const nn_node_view *node, int axis, nn_col2im_axis *a) {
    int64_t reach;
    a->positions = NN_DIM_UNKNOWN;
    if (!nn_dim_is_known(a->image) || !nn_dim_is_known(a->block)) return NN_OK;
    if (a->block == 0) return nn_view_fail(node, NN_BAD_INPUT, "block_shape %d is 0", axis);
    if (!nn_mul_size(a->block - 1, a->dilation, &reach) || a->image > INT64_MAX / 4)
        return nn_view_fail(node, NN_BAD_INPUT, "axis %d is too large", axis);
    int64_t room = a->image + a->pad_begin + a->pad_end - reach - 1;
    if (room < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "a block does not fit into axis %d of size %lld",
                            axis, (long long)a->image);
    a->positions = room / a->stride + 1;
    return NN_OK;
}

nn_status nn_col2im_find_axes(const nn_node_view *node, int *count,
                              nn_col2im_axis axes[MOST_AXES]) {
    const nn_col2im_attrs *attrs = node->attrs;
    nn_list image, block;
    NN_TRY(nn_list_input(node, IMAGE, MOST_AXES, &image));
    NN_TRY(nn_list_input(node, BLOCKS, MOST_AXES, &block));
    *count = image.count >= 0 ? image.count : block.count;
    if (image.count >= 0 && block.count >= 0 && image.count != block.count)
        return nn_view_fail(node, NN_BAD_INPUT, "image_shape has %d values, block_shape %d",
                            image.count, block.count);
    if (*count < 0) return NN_OK;
    const nn_list *lists[3] = {&attrs->dilations, &attrs->strides, &attrs->pads};
    for (int i = 0; i < 3; i++)
        if (lists[i]->present && lists[i]->count != (i < 2 ? 1 : 2) * *count)
            return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' has %d values for %d axes",
                                i == 0   ? "dilations"
                                : i == 1 ? "strides"
                                         : "pads",
                                lists[i]->count, *count);
    for (int i = 0; i < *count; i++) {
        nn_col2im_axis *a = &axes[i];
        NN_TRY(nn_size_element(node, IMAGE, i, &a->image));
        NN_TRY(nn_size_element(node, BLOCKS, i, &a->block));
        a->dilation = attrs->dilations.present ? attrs->dilations.values[i] : 1;
        a->stride = attrs->strides.present ? attrs->strides.values[i] : 1;
        a->pad_begin = attrs->pads.present ? attrs->pads.values[i] : 0;
        a->pad_end = attrs->pads.present ? attrs->pads.values[*count + i] : 0;
        NN_TRY(count_positions(node, i, a));
    }
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[X];
    nn_col2im_axis axes[MOST_AXES];
    int count;
    NN_TRY(nn_check_types(node, X, X,
                          NN_TYPES_NUMBER | NN_TYPES_BOOL | NN_TYPE_BIT(NNOPT_COMPLEX64) |
                              NN_TYPE_BIT(NNOPT_COMPLEX128)));
    NN_TRY(nn_check_rank(node, X, 3));
    NN_TRY(nn_col2im_find_axes(node, &count, axes));
    if (count < 0) return nn_set_output(node, 0, nn_in_type(node, X), NN_RANK_UNKNOWN, NULL);
    int64_t dims[NN_MAX_RANK] = {nn_fact_dim(x, 0), NN_DIM_UNKNOWN}, block = 1, positions = 1;
    for (int i = 0; i < count; i++) {
        dims[i + 2] = axes[i].image;
        block = nn_dim_multiply(block, axes[i].block);
        positions = nn_dim_multiply(positions, axes[i].positions);
    }
    int64_t rows = nn_fact_dim(x, 1);
    if (nn_dim_is_known(rows) && nn_dim_is_known(block)) {
        if (block == 0 || rows % block != 0)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "%lld rows are not a multiple of a block of %lld", (long long)rows,
                                (long long)block);
        dims[1] = rows / block;
    }
    NN_TRY(nn_agree_dim(node, X, 2, &positions));
    return nn_set_output(node, 0, nn_in_type(node, X), count + 2, dims);
}

typedef struct col_work {
    const nn_call *call;
    int count;
    nn_col2im_axis axes[MOST_AXES];
    int64_t block, positions, image;
    int parts; /* numbers of an element: complex ones have two */
} col_work;

/* Places in X, from the start of its channel, of what falls on element `at`, one for each element
 * of the block; -1: none. */
static int64_t place_of(const col_work *work, const int64_t *at, int64_t element) {
    int64_t position = 0, step = 1, rest = element;
    for (int i = work->count - 1; i >= 0; i--) {
        const nn_col2im_axis *a = &work->axes[i];
        int64_t shifted = at[i] + a->pad_begin - rest % a->block * a->dilation;
        rest /= a->block;
        if (shifted < 0 || shifted % a->stride != 0 || shifted / a->stride >= a->positions)
            return -1;
        position += shifted / a->stride * step;
        step *= a->positions;
    }
    return element * work->positions + position;
}

static void sum_element(const col_work *work, int64_t channel, const int64_t *at, int64_t to) {
    const nn_tensor *in = work->call->in[X];
    nn_tensor *out = work->call->out[0];
    bool is_whole = nn_type_is_integer(in->type) || in->type == NNOPT_BOOL;
    double sums[2] = {0, 0};
    uint64_t whole = 0;
    for (int64_t i = 0; i < work->block; i++) {
        int64_t place = place_of(work, at, i);
        if (place < 0) continue;
        place += channel * work->block * work->positions;
        int64_t value;
        if (is_whole) {
            nn_load_int(in->type, nn_at(in->data, in->type, place), &value, 1);
            whole = in->type == NNOPT_BOOL ? whole | (uint64_t)value : whole + (uint64_t)value;
        }
        for (int part = 0; part < work->parts && !is_whole; part++)
            sums[part] +=
                in->type == NNOPT_COMPLEX64    ? (double)((const float *)in->data)[place * 2 + part]
                : in->type == NNOPT_COMPLEX128 ? ((const double *)in->data)[place * 2 + part]
                                               : nn_tensor_get(in, place);
    }
    int64_t result = (int64_t)whole;
    if (is_whole)
        nn_store_int(out->type, &result, nn_at_out(out->data, out->type, to), 1);
    else if (in->type == NNOPT_COMPLEX64)
        for (int part = 0; part < 2; part++)
            ((float *)out->data)[to * 2 + part] = (float)sums[part];
    else if (in->type == NNOPT_COMPLEX128)
        memcpy((double *)out->data + to * 2, sums, sizeof sums);
    else
        nn_store_double(out->type, sums, nn_at_out(out->data, out->type, to), 1);
}

static void sum_elements(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const col_work *work = argument;
    for (int64_t i = begin; i < end; i++) {
        int64_t at[MOST_AXES], rest = i % work->image;
        for (int axis = work->count - 1; axis >= 0; axis--) {
            at[axis] = rest % work->axes[axis].image;
            rest /= work->axes[axis].image;
        }
        sum_element(work, i / work->image, at, i);
    }
}

static nn_status run(const nn_call *call) {
    const nn_col2im_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[X], *out = call->out[0];
    col_work work = {.call = call, .count = out->rank - 2, .block = 1, .positions = 1};
    work.parts = in->type == NNOPT_COMPLEX64 || in->type == NNOPT_COMPLEX128 ? 2 : 1;
    for (int i = 0; i < work.count; i++) {
        nn_col2im_axis *a = &work.axes[i];
        a->image = out->dims[i + 2];
        a->block = nn_tensor_get_int(call->in[BLOCKS], i);
        a->dilation = attrs->dilations.present ? attrs->dilations.values[i] : 1;
        a->stride = attrs->strides.present ? attrs->strides.values[i] : 1;
        a->pad_begin = attrs->pads.present ? attrs->pads.values[i] : 0;
        a->pad_end = attrs->pads.present ? attrs->pads.values[work.count + i] : 0;
        if (a->block <= 0)
            return nn_view_fail(call->node, NN_BAD_INPUT, "block_shape %d is %lld", i,
                                (long long)a->block);
        NN_TRY(count_positions(call->node, i, a));
        if (!nn_mul_size(work.block, a->block, &work.block) ||
            !nn_mul_size(work.positions, a->positions, &work.positions))
            return nn_view_fail(call->node, NN_BAD_INPUT, "blocks are too many");
    }
    if (in->dims[1] != out->dims[1] * work.block || in->dims[2] != work.positions)
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "%lld blocks of %lld do not make an input of %lld x %lld",
                            (long long)work.positions, (long long)work.block,
                            (long long)in->dims[1], (long long)in->dims[2]);
    work.image = nn_dims_product(out->dims, 2, out->rank);
    nn_parallel(call->pool, nn_tensor_count(out), NN_GRAIN / 16 / work.block + 1, sum_elements,
                &work);
    return NN_OK;
}

static const nn_kernel col2im_reference = {
    .name = "col2im_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&col2im_reference, NULL};

const nn_op nn_op_col2im = {
    .name = "Col2Im",
    .domain = "",
    .since = 18,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_col2im_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
