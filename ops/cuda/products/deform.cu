#include "ops/cuda/products/deform_launch.h"

#include "ops/cuda/runtime/elements.cuh"

namespace {

enum { BLOCK = 256 };

/* The two elements that a tap lies between along an axis, -1 where outside, and
 * the share of the second. */
struct between {
    int64_t low, high;
    float share;
};

__device__ __forceinline__ between between_of(const nn_cuda_deform_axis &axis, int64_t at,
                                              int64_t tap, float offset) {
    float place = static_cast<float>(at * axis.stride - axis.pad + tap * axis.dilation) + offset;
    place = fminf(fmaxf(place, -2.0f), static_cast<float>(axis.in) + 1.0f); /* NaN is outside */
    const float whole = floorf(place);
    const int64_t low = static_cast<int64_t>(whole), high = low + 1;
    return {low >= 0 && low < axis.in ? low : -1, high >= 0 && high < axis.in ? high : -1,
            place - whole};
}

/* A tap of an output for each thread, with all channels that share its offset.
 */
template <typename T> __global__ void __launch_bounds__(BLOCK) gather(nn_cuda_deform a) {
    const T *x = static_cast<const T *>(a.x), *offsets = static_cast<const T *>(a.offsets);
    const T *mask = static_cast<const T *>(a.mask);
    T *columns = static_cast<T *>(a.columns);
    const int64_t each = a.channels / a.offset_group, missing = NN_CUDA_DEFORM_AXES - a.axes;
    const int64_t count = a.offset_group * a.taps * a.out_pixels;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t row = i / a.out_pixels, pixel = i - row * a.out_pixels;
        const int64_t group = row / a.taps, tap = row - group * a.taps;
        int64_t rest = pixel, rest_tap = tap;
        between places[NN_CUDA_DEFORM_AXES];
#pragma unroll
        for (int axis = NN_CUDA_DEFORM_AXES - 1; axis >= 0; axis--) {
            const nn_cuda_deform_axis &own = a.axis[axis];
            const int64_t next = rest / own.out, next_tap = rest_tap / own.kernel;
            places[axis] = {0, -1, 0.0f};
            if (axis >= missing)
                places[axis] = between_of(
                    own, rest - next * own.out, rest_tap - next_tap * own.kernel,
                    nn_load(offsets + (row * a.axes + axis - missing) * a.out_pixels + pixel));
            rest = next;
            rest_tap = next_tap;
        }
        const float scale = mask != nullptr ? nn_load(mask + i) : 1.0f;
        for (int64_t channel = group * each; channel < (group + 1) * each; channel++) {
            const T *plane = x + channel * a.in_pixels;
            float sum = 0.0f;
#pragma unroll
            for (int corner = 0; corner < 8; corner++) {
                const between &d = places[0], &h = places[1], &w = places[2];
                const int64_t at0 = (corner & 4) != 0 ? d.high : d.low;
                const int64_t at1 = (corner & 2) != 0 ? h.high : h.low;
                const int64_t at2 = (corner & 1) != 0 ? w.high : w.low;
                if (at0 < 0 || at1 < 0 || at2 < 0) continue;
                const float weight = ((corner & 4) != 0 ? d.share : 1.0f - d.share) *
                                     ((corner & 2) != 0 ? h.share : 1.0f - h.share) *
                                     ((corner & 1) != 0 ? w.share : 1.0f - w.share);
                sum += weight * nn_load(plane + (at0 * a.axis[1].in + at1) * a.axis[2].in + at2);
            }
            nn_store(columns + (channel * a.taps + tap) * a.out_pixels + pixel, sum * scale);
        }
    }
}

template <typename T> cudaError_t launch(const nn_cuda_deform &a, cudaStream_t stream) {
    const int64_t count = a.offset_group * a.taps * a.out_pixels;
    return nn_launch(gather<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a);
}

template <typename T> __global__ void __launch_bounds__(BLOCK) multiply(nn_cuda_deform_product a) {
    const T *w = static_cast<const T *>(a.w), *x = static_cast<const T *>(a.x);
    const T *bias = static_cast<const T *>(a.bias);
    const int64_t count = a.rows * a.columns;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t row = i / a.columns, column = i - row * a.columns;
        float sum = bias != nullptr ? nn_load(bias + row) : 0.0f;
        for (int64_t k = 0; k < a.k; k++)
            sum += nn_load(w + row * a.k + k) * nn_load(x + k * a.columns + column);
        nn_store(static_cast<T *>(a.y) + i, sum);
    }
}

template <typename T>
cudaError_t launch_product(const nn_cuda_deform_product &a, cudaStream_t stream) {
    return nn_launch(multiply<T>, nn_grid_for(a.rows * a.columns, BLOCK), BLOCK, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_deform(const nn_cuda_deform *arguments, cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch<typename decltype(element)::type>(*arguments, stream);
    });
}

cudaError_t nn_cuda_launch_deform_product(const nn_cuda_deform_product *arguments,
                                          cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch_product<typename decltype(element)::type>(*arguments, stream);
    });
}
