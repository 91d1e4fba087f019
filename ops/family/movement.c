#include "ops/family/movement.h"

void nn_tile_walk(const nn_tensor *in, const nn_tensor *out, nn_walk *walk) {
    int64_t in_steps[NN_MAX_RANK], out_steps[NN_MAX_RANK];
    nn_dense_steps(in->dims, in->rank, in_steps);
    nn_dense_steps(out->dims, out->rank, out_steps);
    walk->rank = 2 * in->rank;
    walk->begin = 0;
    for (int axis = 0; axis < in->rank; axis++) {
        walk->dims[2 * axis] = out->dims[axis] / in->dims[axis];
        walk->source[2 * axis] = 0;
        walk->target[2 * axis] = in->dims[axis] * out_steps[axis];
        walk->dims[2 * axis + 1] = in->dims[axis];
        walk->source[2 * axis + 1] = in_steps[axis];
        walk->target[2 * axis + 1] = out_steps[axis];
    }
}

void nn_slice_walk(const nn_tensor *in, const nn_tensor *out, nn_layout layout,
                   const nn_axis_slice *slices, nn_walk *walk) {
    int64_t steps[NN_MAX_RANK];
    nn_dense_steps(in->dims, in->rank, steps);
    nn_dense_steps(out->dims, out->rank, walk->target);
    walk->rank = in->rank;
    walk->begin = 0;
    for (int place = 0; place < in->rank; place++) {
        const nn_axis_slice *slice = &slices[nn_logical_axis(layout, in->rank, place)];
        walk->dims[place] = out->dims[place];
        walk->begin += slice->start * steps[place];
        walk->source[place] = slice->step * steps[place];
    }
}
