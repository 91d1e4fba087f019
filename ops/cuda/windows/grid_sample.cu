#include "ops/cuda/windows/grid_sample_launch.h"

#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/movement/bytes.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256, CHANNELS = 4 };
enum { ZEROS, BORDER, REFLECTION };

/* Mirrored at both ends until it lies between them. */
__device__ __forceinline__ double reflect(double x, double low, double high) {
    const double range = high - low;
    if (range <= 0) return low;
    if (x >= low && x <= high) return x;
    const double distance = x < low ? low - x : x - high;
    const double turns = floor(distance / range), rest = distance - __dmul_rn(turns, range);
    const bool from_low = (x < low) == (fmod(turns, 2.0) == 0);
    return from_low ? low + rest : high - rest;
}

/* Along one axis, in elements; in float unless the grid is double, each operation rounded, so that
 * ties between neighbours fall as on the CPU. */
__device__ __forceinline__ double place_of(const nn_cuda_grid_sample &a, int64_t size, double x) {
    const double n = static_cast<double>(size);
    double place;
    if (a.grid_type == NNOPT_DOUBLE) {
        place = a.align_corners ? (x + 1) / 2 * (n - 1) : (__dmul_rn(x + 1, n) - 1) / 2;
    } else {
        const float f = static_cast<float>(x), m = static_cast<float>(size);
        place = a.align_corners ? __fmul_rn((f + 1) / 2, m - 1)
                                : __fsub_rn(__fmul_rn(f + 1, m), 1.0f) / 2;
    }
    place = fmin(fmax(place, -1099511627776.0), 1099511627776.0); /* NaN too */
    if (a.taps == 1) place = rint(place);
    const double low = a.align_corners ? 0 : -0.5, high = low + n - (a.align_corners ? 1 : 0);
    if (place < low || place > high) {
        if (a.padding == BORDER) place = fmin(fmax(place, 0.0), n - 1);
        if (a.padding == REFLECTION) place = reflect(place, low, high);
    }
    return place;
}

/* Cubic convolution of Keys, for a neighbour at distance d. */
__device__ __forceinline__ double cubic_weight(double d) {
    const double p = -0.75;
    d = fabs(d);
    return d <= 1 ? ((p + 2) * d - (p + 3)) * d * d + 1 : ((p * d - 5 * p) * d + 8 * p) * d - 4 * p;
}

/* Neighbours along one axis, in elements of a plane; -1: padding of zeros. */
template <int TAPS, typename R> struct axis_taps {
    int count; /* 1 of an axis that x does not have */
    int64_t offsets[TAPS];
    R weights[TAPS];
};

template <int TAPS, typename R>
__device__ __forceinline__ axis_taps<TAPS, R> taps_of(const nn_cuda_grid_sample &a, int axis,
                                                      int64_t at, int64_t step) {
    axis_taps<TAPS, R> out;
    out.count = 1;
    out.offsets[0] = 0;
    out.weights[0] = R(1);
    if (axis < NN_CUDA_SAMPLE_AXES - a.axes) return out;
    const int64_t size = a.in[axis];
    const double given =
        nn_number_at(a.grid_type, a.grid, at * a.axes + NN_CUDA_SAMPLE_AXES - 1 - axis);
    const double place = place_of(a, size, given), whole = floor(place), rest = place - whole;
    const double low = a.align_corners ? 0 : -0.5;
    const double high = low + static_cast<double>(size) - (a.align_corners ? 1 : 0);
    out.count = TAPS;
#pragma unroll
    for (int k = 0; k < TAPS; k++) {
        int64_t index = static_cast<int64_t>(whole) + k - (TAPS == 4 ? 1 : 0);
        if (a.padding == BORDER) index = index < 0 ? 0 : index >= size ? size - 1 : index;
        if (a.padding == REFLECTION)
            index = static_cast<int64_t>(reflect(static_cast<double>(index), low, high));
        out.offsets[k] = index < 0 || index >= size ? -1 : index * step;
        if constexpr (TAPS == 2) out.weights[k] = static_cast<R>(k == 0 ? 1 - rest : rest);
        if constexpr (TAPS == 4) out.weights[k] = static_cast<R>(cubic_weight(rest - (k - 1)));
    }
    return out;
}

/* One place for each thread, and WIDTH neighbouring channels (channels last) or up to CHANNELS of
 * any layout: what is found out about the place serves them all. Nearest moves T unread. */
template <int TAPS, typename T, int WIDTH>
__global__ void __launch_bounds__(BLOCK) sample(nn_cuda_grid_sample a, int64_t count) {
    constexpr int held = WIDTH > 1 ? WIDTH : CHANNELS;
    typedef typename nn_wide<T>::type real;
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    const int64_t groups = (a.channels + held - 1) / held;
    const int64_t pixel_step = a.channels_last ? a.channels : 1;
    const int64_t in_step = a.channels_last ? 1 : a.in_pixels;
    const int64_t out_step = a.channels_last ? 1 : a.out_pixels;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        /* standard: [batch, group, pixel]; channels last: [batch, pixel, group] */
        const int64_t fast = a.channels_last ? groups : a.out_pixels, high = i / fast;
        const int64_t slow = a.channels_last ? a.out_pixels : groups, batch = high / slow;
        const int64_t low = i - high * fast, middle = high - batch * slow;
        const int64_t pixel = a.channels_last ? middle : low;
        const int64_t first = (a.channels_last ? low : middle) * held;
        const int64_t left = a.channels - first;
        const int used = left < held ? static_cast<int>(left) : held;
        const int64_t at = batch * a.out_pixels + pixel;
        const axis_taps<TAPS, real> t0 = taps_of<TAPS, real>(a, 0, at, a.in[1] * a.in[2]);
        const axis_taps<TAPS, real> t1 = taps_of<TAPS, real>(a, 1, at, a.in[2]);
        const axis_taps<TAPS, real> t2 = taps_of<TAPS, real>(a, 2, at, 1);
        const T *from = x + batch * a.channels * a.in_pixels + first * in_step;
        T *to = y + batch * a.channels * a.out_pixels + first * out_step + pixel * pixel_step;
        if constexpr (TAPS == 1) {
            const bool outside = t0.offsets[0] < 0 || t1.offsets[0] < 0 || t2.offsets[0] < 0;
            const int64_t offset = (t0.offsets[0] + t1.offsets[0] + t2.offsets[0]) * pixel_step;
            if constexpr (WIDTH > 1) {
                nn_vector<T> out = {};
                if (!outside) out = nn_load_vector(from + offset);
                nn_store_vector(to, out);
            } else {
                for (int k = 0; k < used; k++)
                    to[k * out_step] = outside ? T() : from[offset + k * in_step];
            }
        } else {
            real sums[held];
#pragma unroll
            for (int k = 0; k < held; k++) sums[k] = real(0);
#pragma unroll
            for (int k0 = 0; k0 < TAPS; k0++) {
                if (k0 >= t0.count) break;
#pragma unroll
                for (int k1 = 0; k1 < TAPS; k1++) {
                    if (k1 >= t1.count) break;
                    if (t0.offsets[k0] < 0 || t1.offsets[k1] < 0) continue;
#pragma unroll
                    for (int k2 = 0; k2 < TAPS; k2++) {
                        if (t2.offsets[k2] < 0) continue;
                        const real weight = t0.weights[k0] * t1.weights[k1] * t2.weights[k2];
                        const T *place =
                            from + (t0.offsets[k0] + t1.offsets[k1] + t2.offsets[k2]) * pixel_step;
                        if constexpr (WIDTH > 1) {
                            const nn_vector<T> loaded = nn_load_vector(place);
#pragma unroll
                            for (int k = 0; k < WIDTH; k++)
                                sums[k] += weight * nn_wide<T>::load(loaded.items[k]);
                        } else {
#pragma unroll
                            for (int k = 0; k < held; k++)
                                if (k < used)
                                    sums[k] += weight * nn_wide<T>::load(place[k * in_step]);
                        }
                    }
                }
            }
            if constexpr (WIDTH > 1) {
                nn_vector<T> out;
#pragma unroll
                for (int k = 0; k < WIDTH; k++) out.items[k] = nn_wide<T>::store(sums[k]);
                nn_store_vector(to, out);
            } else {
#pragma unroll
                for (int k = 0; k < held; k++)
                    if (k < used) to[k * out_step] = nn_wide<T>::store(sums[k]);
            }
        }
    }
}

template <int TAPS, typename T>
cudaError_t launch(const nn_cuda_grid_sample &a, cudaStream_t stream) {
    constexpr int width = nn_vector<T>::count;
    const int64_t places = a.batch * a.out_pixels;
    if (width > 1 && a.channels_last && nn_is_vectorizable(a.channels, sizeof(T), a.x, a.y)) {
        const int64_t count = places * (a.channels / width);
        return nn_launch(sample<TAPS, T, width>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a,
                         count);
    }
    const int64_t count = places * ((a.channels + CHANNELS - 1) / CHANNELS);
    return nn_launch(sample<TAPS, T, 1>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

template <typename T> cudaError_t launch_nearest(const nn_cuda_grid_sample &a, cudaStream_t s) {
    return launch<1, T>(a, s);
}

cudaError_t launch_bytes(const nn_cuda_grid_sample &a, cudaStream_t stream){
    NN_BY_SIZE(a.bytes, cudaErrorInvalidValue, launch_nearest, a, stream)}

/* ---- AffineGrid ---- */

__device__ __forceinline__
    double center_of(const nn_cuda_affine_grid &a, int64_t size, int64_t index) {
    const double n = static_cast<double>(size), at = static_cast<double>(index);
    if (!a.align_corners) return (2 * at + 1) / n - 1;
    return size > 1 ? 2 * at / (n - 1) - 1 : 0;
}

template <typename T> __global__ void __launch_bounds__(BLOCK) affine(nn_cuda_affine_grid a) {
    const T *theta = static_cast<const T *>(a.theta);
    T *grid = static_cast<T *>(a.grid);
    const int64_t count = a.batch * a.pixels;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t sample = i / a.pixels;
        int64_t rest = i - sample * a.pixels;
        double places[NN_CUDA_SAMPLE_AXES + 1] = {};
        for (int axis = a.axes - 1; axis >= 0; axis--) {
            const int64_t size = a.out[NN_CUDA_SAMPLE_AXES - a.axes + axis];
            places[a.axes - 1 - axis] = center_of(a, size, rest % size);
            rest /= size;
        }
        places[a.axes] = 1;
        for (int row = 0; row < a.axes; row++) {
            const T *weights = theta + (sample * a.axes + row) * (a.axes + 1);
            double sum = 0;
            for (int k = 0; k <= a.axes; k++)
                sum += static_cast<double>(nn_compute(weights[k])) * places[k];
            grid[i * a.axes + row] = nn_cast<T>(sum);
        }
    }
}

template <typename T> cudaError_t launch_affine(const nn_cuda_affine_grid &a, cudaStream_t stream) {
    return nn_launch(affine<T>, nn_grid_for(a.batch * a.pixels, BLOCK), BLOCK, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_affine_grid(const nn_cuda_affine_grid *arguments, cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch_affine<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_grid_sample(const nn_cuda_grid_sample *arguments, cudaStream_t stream) {
    const nn_cuda_grid_sample &a = *arguments;
    if (a.taps == 1) return launch_bytes(a, stream);
    switch (a.type) {
#define LAUNCH(type) return a.taps == 2 ? launch<2, type>(a, stream) : launch<4, type>(a, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
