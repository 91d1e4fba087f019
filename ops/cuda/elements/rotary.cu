#include "ops/cuda/elements/rotary_launch.h"

#include "ops/cuda/runtime/index.cuh"

namespace {

enum { BLOCK = 256 };

/* A pair for each thread; behind the pairs of a head stand the elements that do not turn. */
template <typename T> __global__ void __launch_bounds__(BLOCK) rotate(nn_cuda_rotary a) {
    const T *x = static_cast<const T *>(a.x);
    const T *cosine = static_cast<const T *>(a.cosine), *sine = static_cast<const T *>(a.sine);
    T *y = static_cast<T *>(a.y);
    const int64_t units = a.size - a.half, count = a.batch * a.length * a.heads * units;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        /* in the order of memory */
        const int64_t vector = i / units, unit = i - vector * units;
        const int64_t outer = vector / (a.heads_first ? a.length : a.heads);
        const int64_t inner = vector - outer * (a.heads_first ? a.length : a.heads);
        const int64_t token = a.heads_first ? outer / a.heads * a.length + inner : outer;
        const T *from = x + vector * a.size;
        T *to = y + vector * a.size;
        if (unit >= a.half) {
            to[unit + a.half] = from[unit + a.half];
            continue;
        }
        const int64_t row =
            a.positions != nullptr ? nn_checked_index(a.positions[token], a.rows, a.fault) : token;
        const int64_t first = a.interleaved ? 2 * unit : unit;
        const int64_t second = a.interleaved ? first + 1 : unit + a.half;
        const float c = nn_load(cosine + row * a.half + unit);
        const float s = nn_load(sine + row * a.half + unit);
        const float p = nn_load(from + first), q = nn_load(from + second);
        nn_store(to + first, c * p - s * q);
        nn_store(to + second, s * p + c * q);
    }
}

template <typename T> cudaError_t launch(const nn_cuda_rotary &a, cudaStream_t stream) {
    const int64_t count = a.batch * a.length * a.heads * (a.size - a.half);
    return nn_launch(rotate<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_rotary(const nn_cuda_rotary *arguments, cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch<typename decltype(element)::type>(*arguments, stream);
    });
}
