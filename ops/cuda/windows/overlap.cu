#include "ops/cuda/windows/overlap_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/movement/bytes.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256 };

/* An element of the image for each thread, which gathers what falls on it: nothing is added to by
 * two threads. */
template <typename T> __global__ void __launch_bounds__(BLOCK) col2im(nn_cuda_col2im a) {
    typedef typename nn_wide<T>::type real;
    const nn_cuda_overlap_axis &d = a.axes[0], &h = a.axes[1], &w = a.axes[2];
    const T *x = static_cast<const T *>(a.x);
    const int64_t image = d.image * h.image * w.image, count = a.planes * image;
    const int64_t positions = d.positions * h.positions * w.positions;
    const int64_t block = d.block * h.block * w.block;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t plane = i / image, pixel = i - plane * image, row = pixel / w.image;
        const int64_t at[3] = {row / h.image, row % h.image, pixel - row * w.image};
        const T *columns = x + plane * block * positions;
        real sum = real(0);
        int64_t element = 0;
        for (int64_t b0 = 0; b0 < d.block; b0++)
            for (int64_t b1 = 0; b1 < h.block; b1++)
                for (int64_t b2 = 0; b2 < w.block; b2++, element++) {
                    const int64_t shifted[3] = {at[0] + d.pad - b0 * d.dilation,
                                                at[1] + h.pad - b1 * h.dilation,
                                                at[2] + w.pad - b2 * w.dilation};
                    int64_t position = 0;
                    bool falls = true;
#pragma unroll
                    for (int axis = 0; axis < NN_CUDA_OVERLAP_AXES; axis++) {
                        const int64_t own = shifted[axis] / a.axes[axis].stride;
                        falls = falls && shifted[axis] >= 0 &&
                                own * a.axes[axis].stride == shifted[axis] &&
                                own < a.axes[axis].positions;
                        position = position * a.axes[axis].positions + own;
                    }
                    if (falls) sum += nn_wide<T>::load(columns[element * positions + position]);
                }
        static_cast<T *>(a.y)[i] = nn_wide<T>::store(sum);
    }
}

template <typename T> __global__ void __launch_bounds__(BLOCK) unpool(nn_cuda_unpool a) {
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        int64_t index = a.indices[i], place = 0;
        if (index < 0 || index >= a.total) {
            if (a.fault.flag != nullptr) *a.fault.flag = a.fault.code;
            continue;
        }
        for (int axis = a.rank - 1; axis >= 0; axis--) {
            const int64_t rest = index / a.dims[axis];
            place += (index - rest * a.dims[axis]) * a.steps[axis];
            index = rest;
        }
        static_cast<T *>(a.y)[place] = static_cast<const T *>(a.x)[i];
    }
}

template <typename T> cudaError_t launch_unpool(const nn_cuda_unpool &a, cudaStream_t stream) {
    return nn_launch(unpool<T>, nn_grid_for(a.count, BLOCK), BLOCK, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_col2im(const nn_cuda_col2im *arguments, cudaStream_t stream) {
    const nn_cuda_overlap_axis *axes = arguments->axes;
    const int64_t count = arguments->planes * axes[0].image * axes[1].image * axes[2].image;
    const unsigned grid = nn_grid_for(count, BLOCK);
    switch (arguments->type) {
#define LAUNCH(type) return nn_launch(col2im<type>, grid, BLOCK, 0, stream, *arguments);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_unpool(const nn_cuda_unpool *arguments, cudaStream_t stream) {
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_unpool, *arguments, stream)
}
