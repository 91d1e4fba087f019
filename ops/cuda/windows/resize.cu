#include "ops/cuda/windows/resize_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256 };

/* Values of ops/family/resize.h. */
enum { HALF_PIXEL, HALF_PIXEL_SYMMETRIC, PYTORCH_HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC, CROP };
enum { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL, OUTWARD };

__device__ __forceinline__ double place_of(const nn_cuda_resize &a, const nn_cuda_resize_axis &axis,
                                           int64_t i) {
    const double x = static_cast<double>(i), last = static_cast<double>(axis.in) - 1;
    switch (a.coordinates) {
    case ALIGN_CORNERS:
        return axis.length == 1 ? 0 : x * last / (axis.length - 1);
    case ASYMMETRIC:
        return x / axis.scale;
    case CROP: {
        const double extent = (axis.roi_end - axis.roi_begin) * last;
        const double along = axis.length == 1 ? extent / 2 : x * extent / (axis.length - 1);
        return axis.roi_begin * last + along;
    }
    case PYTORCH_HALF_PIXEL:
        return axis.length == 1 ? -0.5 : (x + 0.5) / axis.scale - 0.5;
    case HALF_PIXEL_SYMMETRIC: {
        const double offset =
            static_cast<double>(axis.in) / 2 * (1 - static_cast<double>(axis.out) / axis.length);
        return offset + (x + 0.5) / axis.scale - 0.5;
    }
    default:
        return (x + 0.5) / axis.scale - 0.5;
    }
}

__device__ __forceinline__ int64_t clamp_index(double x, int64_t size) {
    if (!(x > 0)) return 0;
    return x >= static_cast<double>(size) ? size - 1 : static_cast<int64_t>(x);
}

__device__ __forceinline__ int64_t nearest_index(int rounding, const nn_cuda_resize_axis &axis,
                                                 double x) {
    switch (rounding) {
    case OUTWARD:
        return clamp_index(axis.scale < 1 ? ceil(x) : floor(x), axis.in);
    case PREFER_FLOOR:
        return clamp_index(ceil(x - 0.5), axis.in);
    case PREFER_CEIL:
        return clamp_index(floor(x + 0.5), axis.in);
    case CEIL:
        return clamp_index(ceil(x), axis.in);
    default:
        return clamp_index(floor(x), axis.in);
    }
}

__device__ __forceinline__ double weight_of(int taps, double cubic, double d) {
    d = fabs(d);
    if (taps == 2) return d < 1 ? 1 - d : 0;
    if (d <= 1) return ((cubic + 2) * d - (cubic + 3)) * d * d + 1;
    return d < 2 ? ((cubic * d - 5 * cubic) * d + 8 * cubic) * d - 4 * cubic : 0;
}

/* Where the taps of one place of the output lie, in elements of x from the axis' beginning. */
template <int TAPS, typename R> struct axis_taps {
    int count; /* 1 of an axis that stays */
    bool outside;
    int64_t offsets[TAPS];
    R weights[TAPS];
};

template <int TAPS, typename R>
__device__ __forceinline__ axis_taps<TAPS, R>
taps_of(const nn_cuda_resize &a, const nn_cuda_resize_axis &axis, int64_t place, int64_t step) {
    axis_taps<TAPS, R> out;
    out.count = axis.changes ? TAPS : 1;
    out.outside = false;
    out.offsets[0] = place * step;
    out.weights[0] = R(1);
    if (!axis.changes) return out;
    const double x = place_of(a, axis, place);
    out.outside = a.coordinates == CROP && (x < 0 || x > static_cast<double>(axis.in - 1));
    if constexpr (TAPS == 1) {
        out.offsets[0] = nearest_index(a.rounding, axis, x) * step;
    } else {
        const double first = ceil(x) - TAPS / 2;
        double weights[TAPS], sum = 0;
#pragma unroll
        for (int k = 0; k < TAPS; k++) {
            const double at = first + k;
            weights[k] = weight_of(TAPS, a.cubic, at - x);
            if (a.exclude_outside && (at < 0 || at >= static_cast<double>(axis.in))) weights[k] = 0;
            out.offsets[k] = clamp_index(at, axis.in) * step;
            sum += weights[k];
        }
#pragma unroll
        for (int k = 0; k < TAPS; k++)
            out.weights[k] = static_cast<R>(a.exclude_outside ? weights[k] / sum : weights[k]);
    }
    return out;
}

/* WIDTH elements behind the last axis; nearest moves T without a look at it. */
template <int TAPS, typename T, int WIDTH>
__global__ void __launch_bounds__(BLOCK) resize(nn_cuda_resize a, int64_t count) {
    typedef typename nn_wide<T>::type real;
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    const nn_cuda_resize_axis *axes = a.axes;
    const int64_t step2 = axes[2].inner, step1 = axes[2].in * step2 * axes[1].inner;
    const int64_t step0 = axes[1].in * step1 * axes[0].inner, whole = axes[0].in * step0;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        int64_t rest = i, offset;
        const int64_t groups = axes[2].inner / WIDTH;
        offset = rest % groups * WIDTH;
        rest /= groups;
        const int64_t place2 = rest % axes[2].out;
        rest /= axes[2].out;
        offset += rest % axes[1].inner * axes[2].in * step2;
        rest /= axes[1].inner;
        const int64_t place1 = rest % axes[1].out;
        rest /= axes[1].out;
        offset += rest % axes[0].inner * axes[1].in * step1;
        rest /= axes[0].inner;
        const int64_t place0 = rest % axes[0].out;
        offset += rest / axes[0].out * whole;
        const axis_taps<TAPS, real> t0 = taps_of<TAPS, real>(a, axes[0], place0, step0);
        const axis_taps<TAPS, real> t1 = taps_of<TAPS, real>(a, axes[1], place1, step1);
        const axis_taps<TAPS, real> t2 = taps_of<TAPS, real>(a, axes[2], place2, step2);
        const bool outside = t0.outside || t1.outside || t2.outside;
        const T *from = x + offset;
        nn_vector<T> out;
        if constexpr (TAPS == 1) {
            from += t0.offsets[0] + t1.offsets[0] + t2.offsets[0];
            if constexpr (WIDTH > 1)
                out = nn_load_vector(from);
            else
                out.items[0] = *from;
            for (int k = 0; outside && k < WIDTH; k++)
                out.items[k] = *reinterpret_cast<const T *>(a.outside);
        } else {
            real sums[WIDTH];
#pragma unroll
            for (int k = 0; k < WIDTH; k++)
                sums[k] = outside ? static_cast<real>(a.extrapolation) : real(0);
#pragma unroll
            for (int k0 = 0; k0 < TAPS; k0++) {
                if (outside || k0 >= t0.count) break;
#pragma unroll
                for (int k1 = 0; k1 < TAPS; k1++) {
                    if (k1 >= t1.count) break;
                    const T *line = from + t0.offsets[k0] + t1.offsets[k1];
                    const real weight = t0.weights[k0] * t1.weights[k1];
#pragma unroll
                    for (int k2 = 0; k2 < TAPS; k2++) {
                        if (k2 >= t2.count) break;
                        if constexpr (WIDTH > 1) {
                            const nn_vector<T> loaded = nn_load_vector(line + t2.offsets[k2]);
#pragma unroll
                            for (int k = 0; k < WIDTH; k++)
                                sums[k] +=
                                    weight * t2.weights[k2] * nn_wide<T>::load(loaded.items[k]);
                        } else {
                            sums[0] +=
                                weight * t2.weights[k2] * nn_wide<T>::load(line[t2.offsets[k2]]);
                        }
                    }
                }
            }
#pragma unroll
            for (int k = 0; k < WIDTH; k++) out.items[k] = nn_wide<T>::store(sums[k]);
        }
        if constexpr (WIDTH > 1)
            nn_store_vector(y + i * WIDTH, out);
        else
            y[i] = out.items[0];
    }
}

/* ---- stretched filters ---- */

/* The taps of one place of the output, weighed by `norm` times their filter. */
struct filter {
    bool outside;
    int64_t first, taps;
    double x, stretch, norm;
};

__device__ __forceinline__ double filtered(const nn_cuda_resize &a, const nn_cuda_resize_axis &axis,
                                           const filter &f, int64_t tap) {
    const double place = static_cast<double>(f.first + tap);
    if (!axis.changes) return 1;
    if (a.exclude_outside && (place < 0 || place >= static_cast<double>(axis.in))) return 0;
    return weight_of(a.taps, a.cubic, (place - f.x) * f.stretch) * f.norm;
}

__device__ __forceinline__ filter filter_of(const nn_cuda_resize &a,
                                            const nn_cuda_resize_axis &axis, int64_t place) {
    filter out = {false, place, 1, static_cast<double>(place), 1, 1};
    if (!axis.changes) return out;
    const int reach = a.taps / 2;
    out.x = place_of(a, axis, place);
    out.outside = a.coordinates == CROP && (out.x < 0 || out.x > static_cast<double>(axis.in - 1));
    out.stretch = axis.scale < 1 ? axis.scale : 1;
    out.taps = axis.scale < 1 ? -2 * static_cast<int64_t>(floor(-reach / axis.scale)) : a.taps;
    out.first = static_cast<int64_t>(ceil(out.x)) - out.taps / 2;
    if (!a.exclude_outside && out.stretch == 1) return out;
    double sum = 0;
    for (int64_t k = 0; k < out.taps; k++) sum += filtered(a, axis, out, k);
    out.norm = 1 / sum;
    return out;
}

template <typename T>
__global__ void __launch_bounds__(BLOCK) resize_filtered(nn_cuda_resize a, int64_t count) {
    typedef typename nn_wide<T>::type real;
    const nn_cuda_resize_axis *axes = a.axes;
    const int64_t step2 = axes[2].inner, step1 = axes[2].in * step2 * axes[1].inner;
    const int64_t step0 = axes[1].in * step1 * axes[0].inner, whole = axes[0].in * step0;
    const int64_t steps[NN_CUDA_RESIZE_AXES] = {step0, step1, step2};
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const T *from = static_cast<const T *>(a.x);
        filter filters[NN_CUDA_RESIZE_AXES];
        bool outside = false;
        int64_t rest = i;
#pragma unroll
        for (int axis = NN_CUDA_RESIZE_AXES - 1; axis >= 0; axis--) {
            /* behind axis 2 stand its own neighbours, behind 0 and 1 whole axes */
            from += rest % axes[axis].inner * (axis == 2 ? 1 : axes[axis + 1].in * steps[axis + 1]);
            rest /= axes[axis].inner;
            filters[axis] = filter_of(a, axes[axis], rest % axes[axis].out);
            outside = outside || filters[axis].outside;
            rest /= axes[axis].out;
        }
        from += rest * whole;
        double sum = outside ? a.extrapolation : 0;
        for (int64_t k0 = 0; k0 < filters[0].taps && !outside; k0++) {
            const double weight0 = filtered(a, axes[0], filters[0], k0);
            const int64_t at0 =
                clamp_index(static_cast<double>(filters[0].first + k0), axes[0].in) * step0;
            for (int64_t k1 = 0; k1 < filters[1].taps; k1++) {
                const double weight1 = weight0 * filtered(a, axes[1], filters[1], k1);
                const int64_t at1 =
                    clamp_index(static_cast<double>(filters[1].first + k1), axes[1].in) * step1;
                for (int64_t k2 = 0; k2 < filters[2].taps; k2++) {
                    const int64_t at2 =
                        clamp_index(static_cast<double>(filters[2].first + k2), axes[2].in);
                    sum += weight1 * filtered(a, axes[2], filters[2], k2) *
                           static_cast<double>(nn_wide<T>::load(from[at0 + at1 + at2 * step2]));
                }
            }
        }
        static_cast<T *>(a.y)[i] = nn_wide<T>::store(static_cast<real>(sum));
    }
}

template <typename T> cudaError_t launch_filtered(const nn_cuda_resize &a, cudaStream_t stream) {
    int64_t count = a.outer;
    for (int i = 0; i < NN_CUDA_RESIZE_AXES; i++) count *= a.axes[i].out * a.axes[i].inner;
    return nn_launch(resize_filtered<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

/* ---- launches ---- */

template <int TAPS, typename T> cudaError_t launch(const nn_cuda_resize &a, cudaStream_t stream) {
    constexpr int width = nn_vector<T>::count;
    int64_t count = a.outer;
    for (int i = 0; i < NN_CUDA_RESIZE_AXES; i++) count *= a.axes[i].out * a.axes[i].inner;
    const int64_t inner = a.axes[NN_CUDA_RESIZE_AXES - 1].inner;
    if (width > 1 && nn_is_vectorizable(inner, sizeof(T), a.x, a.y))
        return nn_launch(resize<TAPS, T, width>, nn_grid_for(count / width, BLOCK), BLOCK, 0,
                         stream, a, count / width);
    return nn_launch(resize<TAPS, T, 1>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

} // namespace

cudaError_t nn_cuda_launch_resize(const nn_cuda_resize *arguments, cudaStream_t stream) {
    const nn_cuda_resize &a = *arguments;
    if (a.antialias) switch (a.type) {
#define LAUNCH(type) return launch_filtered<type>(a, stream);
            NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
        default:
            return cudaErrorInvalidValue;
        }
    if (a.taps == 1) switch (a.bytes) {
        case 1:
            return launch<1, uint8_t>(a, stream);
        case 2:
            return launch<1, uint16_t>(a, stream);
        case 4:
            return launch<1, uint32_t>(a, stream);
        default:
            return a.bytes == 8 ? launch<1, uint64_t>(a, stream) : cudaErrorInvalidValue;
        }
    switch (a.type) {
#define LAUNCH(type) return a.taps == 2 ? launch<2, type>(a, stream) : launch<4, type>(a, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
