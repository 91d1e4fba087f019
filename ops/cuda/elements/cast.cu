#include "ops/cuda/elements/cast_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"

namespace {

constexpr int THREADS = 256;

template <typename OUT, typename IN>
__global__ void cast(const IN *x, OUT *y, int64_t count, bool packs) {
    constexpr int width = nn_pack_width<IN, OUT>::value;
    const int64_t whole = packs ? count / width : 0;
    for (int64_t i = nn_first(); i < whole; i += nn_stride()) {
        const nn_pack<IN, width> in = nn_load_pack<width>(x + i * width, 1);
        nn_pack<OUT, width> out;
#pragma unroll
        for (int k = 0; k < width; k++) out.items[k] = nn_cast<OUT>(in.items[k]);
        nn_store_pack(y + i * width, out);
    }
    for (int64_t i = whole * width + nn_first(); i < count; i += nn_stride())
        y[i] = nn_cast<OUT>(x[i]);
}

template <typename OUT, typename IN>
cudaError_t launch_as(const nn_cuda_cast &a, cudaStream_t stream) {
    constexpr int width = nn_pack_width<IN, OUT>::value;
    const uintptr_t elements = reinterpret_cast<uintptr_t>(a.x) / sizeof(IN) |
                               reinterpret_cast<uintptr_t>(a.y) / sizeof(OUT);
    return nn_launch(cast<OUT, IN>, nn_grid_for((a.count + width - 1) / width, THREADS), THREADS, 0,
                     stream, static_cast<const IN *>(a.x), static_cast<OUT *>(a.y), a.count,
                     elements % width == 0);
}

template <typename IN> cudaError_t launch_from(const nn_cuda_cast &a, cudaStream_t stream) {
    switch (a.to) {
#define LAUNCH(type) return launch_as<type, IN>(a, stream);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_TYPE_CASE(BOOL, bool, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

} // namespace

cudaError_t nn_cuda_launch_cast(const nn_cuda_cast *arguments, cudaStream_t stream) {
    switch (arguments->from) {
#define LAUNCH(type) return launch_from<type>(*arguments, stream);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_TYPE_CASE(BOOL, bool, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
