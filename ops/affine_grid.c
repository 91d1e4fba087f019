#include "ops/family/affine_grid.h"

#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

enum { THETA = NN_AFFINE_THETA, SIZE = NN_AFFINE_SIZE };
enum { MOST_AXES = NN_AFFINE_AXES };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_affine_attrs *parsed = out;
    int64_t align;
    (void)node;
    NN_TRY(nn_attrs_int(attrs, "align_corners", 0, &align));
    parsed->align_corners = align != 0;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    nn_list size;
    NN_TRY(nn_check_types(node, THETA, THETA, NN_TYPES_FLOAT));
    NN_TRY(nn_check_rank(node, THETA, 3));
    NN_TRY(nn_list_input(node, SIZE, MOST_AXES + 2, &size));
    int64_t axes = nn_fact_dim(node->in[THETA], 1);
    if (size.count >= 0) {
        if (size.count != 4 && size.count != 5)
            return nn_view_fail(node, NN_BAD_INPUT, "size has %d values, not 4 or 5", size.count);
        int64_t wanted = size.count - 2;
        NN_TRY(nn_agree_dim(node, THETA, 1, &wanted));
        axes = wanted;
    }
    if (!nn_dim_is_known(axes))
        return nn_set_output(node, 0, nn_in_type(node, THETA), NN_RANK_UNKNOWN, NULL);
    if (axes != 2 && axes != 3)
        return nn_view_fail(node, NN_BAD_INPUT, "theta is for %lld axes, not 2 or 3",
                            (long long)axes);
    int64_t columns = axes + 1, dims[MOST_AXES + 2] = {NN_DIM_UNKNOWN};
    NN_TRY(nn_agree_dim(node, THETA, 2, &columns));
    NN_TRY(nn_agree_dim(node, THETA, 0, &dims[0]));
    for (int i = 0; i < axes + 2; i++) {
        int64_t dim;
        NN_TRY(nn_size_element(node, SIZE, i, &dim));
        if (i >= 2) dims[i - 1] = dim;
        if (i == 0) NN_TRY(nn_agree_dim(node, THETA, 0, &dim));
        if (i == 0 && !nn_dim_is_known(dims[0])) dims[0] = dim;
    }
    dims[axes + 1] = axes;
    return nn_set_output(node, 0, nn_in_type(node, THETA), (int)axes + 2, dims);
}

typedef struct affine_work {
    const nn_call *call;
    bool align_corners;
    int axes;
    int64_t out[MOST_AXES], out_size;
} affine_work;

static double place_of(const affine_work *work, int axis, int64_t index) {
    double size = (double)work->out[axis], at = (double)index;
    if (!work->align_corners) return (2 * at + 1) / size - 1;
    return size > 1 ? 2 * at / (size - 1) - 1 : 0;
}

static void make_places(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const affine_work *work = argument;
    const nn_tensor *theta = work->call->in[THETA];
    nn_tensor *out = work->call->out[0];
    const int axes = work->axes;
    for (int64_t i = begin; i < end; i++) {
        int64_t sample = i / work->out_size, rest = i % work->out_size;
        double matrix[MOST_AXES * (MOST_AXES + 1)], place[MOST_AXES + 1], result[MOST_AXES];
        int64_t entries = (int64_t)axes * (axes + 1);
        nn_load_double(theta->type, nn_at(theta->data, theta->type, sample * entries), matrix,
                       entries);
        for (int axis = axes - 1; axis >= 0; axis--) {
            place[axes - 1 - axis] = place_of(work, axis, rest % work->out[axis]);
            rest /= work->out[axis];
        }
        place[axes] = 1;
        for (int row = 0; row < axes; row++) {
            result[row] = 0;
            for (int k = 0; k <= axes; k++) result[row] += matrix[row * (axes + 1) + k] * place[k];
        }
        nn_store_double(out->type, result, nn_at_out(out->data, out->type, i * axes), axes);
    }
}

static nn_status run(const nn_call *call) {
    const nn_affine_attrs *attrs = call->node->attrs;
    const nn_tensor *out = call->out[0];
    affine_work work = {.call = call,
                        .align_corners = attrs->align_corners,
                        .axes = out->rank - 2,
                        .out_size = nn_dims_product(out->dims, 1, out->rank - 1)};
    for (int axis = 0; axis < work.axes; axis++) work.out[axis] = out->dims[axis + 1];
    nn_parallel(call->pool, out->dims[0] * work.out_size, NN_GRAIN / 16, make_places, &work);
    return NN_OK;
}

static const nn_kernel affine_grid_reference = {
    .name = "affine_grid_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&affine_grid_reference, NULL};

const nn_op nn_op_affine_grid = {
    .name = "AffineGrid",
    .domain = "",
    .since = 20,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_affine_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
