#include "ops/cuda/elements/clip_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256 };

template <typename T> __global__ void __launch_bounds__(BLOCK) clip(nn_cuda_clip a) {
    typedef nn_wide<T> wide;
    typedef typename wide::type number;
    const bool has_low = a.low != nullptr, has_high = a.high != nullptr;
    const number low = has_low ? wide::load(*static_cast<const T *>(a.low)) : number(0);
    const number high = has_high ? wide::load(*static_cast<const T *>(a.high)) : number(0);
    for (int64_t i = nn_first(); i < a.count; i += nn_stride()) {
        number x = wide::load(static_cast<const T *>(a.x)[i]);
        if (has_low && x < low) x = low;
        if (has_high && x > high) x = high;
        static_cast<T *>(a.y)[i] = wide::store(x);
    }
}

} // namespace

cudaError_t nn_cuda_launch_clip(const nn_cuda_clip *arguments, cudaStream_t stream) {
    const unsigned grid = nn_grid_for(arguments->count, BLOCK);
    switch (arguments->type) {
#define LAUNCH(type) return nn_launch(clip<type>, grid, BLOCK, 0, stream, *arguments);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
