#include "ops/cuda/windows/roi_launch.h"

#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256 };

__device__ __forceinline__ void report(nn_cuda_fault fault) {
    if (fault.flag != nullptr) *fault.flag = fault.code;
}

/* Where output i, counted in WIDTH channels, stands: channels last they vary fastest. */
struct output {
    int64_t region, channel, row, column;
};

template <int WIDTH> __device__ __forceinline__ output output_of(const nn_cuda_roi &a, int64_t i) {
    output out;
    const int64_t groups = a.channels / WIDTH;
    if (a.channels_last) {
        out.channel = i % groups * WIDTH;
        i /= groups;
    }
    out.column = i % a.out_width;
    i /= a.out_width;
    out.row = i % a.out_height;
    i /= a.out_height;
    if (!a.channels_last) {
        out.channel = i % groups;
        i /= groups;
    }
    out.region = i;
    return out;
}

__device__ __forceinline__ int64_t sample_of(const nn_cuda_roi &a, double given) {
    if (given >= 0 && given < static_cast<double>(a.batch)) return static_cast<int64_t>(given);
    report(a.no_sample);
    return given >= 0 ? a.batch - 1 : 0;
}

/* From the first element of a channel: channels last its neighbours in a plane lie apart. */
template <typename T>
__device__ __forceinline__ const T *plane_of(const nn_cuda_roi &a, int64_t sample,
                                             int64_t channel) {
    const T *x = static_cast<const T *>(a.x);
    const int64_t pixels = a.height * a.width;
    return a.channels_last ? x + sample * pixels * a.channels + channel
                           : x + (sample * a.channels + channel) * pixels;
}

/* ---- RoiAlign ---- */

/* Rounded as arithmetic of the regions' type rounds: how many points a bin has depends on it. */
__device__ __forceinline__ double rounded(const nn_cuda_roi &a, double x) {
    return a.type == NNOPT_DOUBLE ? x : static_cast<double>(static_cast<float>(x));
}

/* One axis of a region. */
struct roi_axis {
    double start, bin;
    int64_t points;
};

__device__ __forceinline__ double coordinate(const nn_cuda_roi_align &a, int64_t at) {
    const double x = nn_number_at(a.roi.type, a.roi.rois, at);
    const double scaled = rounded(a.roi, __dmul_rn(x, static_cast<double>(a.roi.scale)));
    return rounded(a.roi, scaled - (a.half_pixel ? 0.5 : 0));
}

__device__ __forceinline__ roi_axis axis_of(const nn_cuda_roi_align &a, int64_t region, int first,
                                            int64_t bins) {
    const double begin = coordinate(a, region * 4 + first);
    double size = rounded(a.roi, coordinate(a, region * 4 + first + 2) - begin);
    if (!a.half_pixel) size = fmax(size, 1.0);
    roi_axis out = {begin, rounded(a.roi, size / static_cast<double>(bins)), a.points};
    if (a.points > 0) return out;
    const double wanted = ceil(out.bin);
    if (!(wanted <= static_cast<double>(a.most))) {
        report(a.too_large);
        out.points = a.most;
    } else {
        out.points = wanted > 0 ? static_cast<int64_t>(wanted) : 0;
    }
    return out;
}

__device__ __forceinline__ double point_of(const roi_axis &axis, int64_t bin, int64_t point) {
    const double inside = (static_cast<double>(point) + 0.5) / static_cast<double>(axis.points);
    return axis.start + __dmul_rn(static_cast<double>(bin) + inside, axis.bin);
}

/* The two elements that a place lies between, and the weight of the second; false: outside. */
__device__ __forceinline__ bool neighbours(double place, int64_t size, int64_t at[2],
                                           double *weight) {
    if (!(place >= -1) || place > static_cast<double>(size)) return false;
    if (place < 0) place = 0;
    at[0] = static_cast<int64_t>(place);
    const bool is_last = at[0] >= size - 1;
    if (is_last) at[0] = size - 1;
    at[1] = is_last ? at[0] : at[0] + 1;
    *weight = is_last ? 0 : place - static_cast<double>(at[0]);
    return true;
}

template <typename T, int WIDTH> __device__ __forceinline__ nn_vector<T> load(const T *p) {
    if constexpr (WIDTH > 1) {
        return nn_load_vector(p);
    } else {
        nn_vector<T> out;
        out.items[0] = *p;
        return out;
    }
}

/* One bin of WIDTH neighbouring channels for each thread. */
template <typename T, int WIDTH>
__global__ void __launch_bounds__(BLOCK) roi_align(nn_cuda_roi_align a, int64_t count) {
    typedef typename nn_wide<T>::type real;
    const nn_cuda_roi &roi = a.roi;
    const int64_t step = roi.channels_last ? roi.channels : 1;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const output at = output_of<WIDTH>(roi, i);
        const roi_axis across = axis_of(a, at.region, 0, roi.out_width);
        const roi_axis down = axis_of(a, at.region, 1, roi.out_height);
        const double given = static_cast<double>(a.samples[at.region]);
        const T *plane = plane_of<T>(roi, sample_of(roi, given), at.channel);
        real found[WIDTH];
#pragma unroll
        for (int k = 0; k < WIDTH; k++) found[k] = real(0);
        for (int64_t v = 0; v < down.points; v++)
            for (int64_t h = 0; h < across.points; h++) {
                int64_t rows[2], columns[2];
                double low = 0, right = 0;
                const bool inside =
                    neighbours(point_of(down, at.row, v), roi.height, rows, &low) &&
                    neighbours(point_of(across, at.column, h), roi.width, columns, &right);
                real parts[4][WIDTH];
#pragma unroll
                for (int part = 0; part < 4; part++) {
                    const double weight =
                        (part < 2 ? 1 - low : low) * (part % 2 == 0 ? 1 - right : right);
                    nn_vector<T> loaded = {};
                    if (inside)
                        loaded = load<T, WIDTH>(
                            plane + (rows[part / 2] * roi.width + columns[part % 2]) * step);
#pragma unroll
                    for (int k = 0; k < WIDTH; k++)
                        parts[part][k] =
                            inside ? static_cast<real>(weight) * nn_wide<T>::load(loaded.items[k])
                                   : real(0);
                }
#pragma unroll
                for (int k = 0; k < WIDTH; k++) {
                    /* The standard takes the largest share, not the largest interpolated value. */
                    const real largest =
                        fmax(fmax(parts[0][k], parts[1][k]), fmax(parts[2][k], parts[3][k]));
                    if (!a.takes_largest)
                        found[k] += parts[0][k] + parts[1][k] + parts[2][k] + parts[3][k];
                    else
                        found[k] = v == 0 && h == 0 ? largest : real(fmax(found[k], largest));
                }
            }
        const int64_t points = down.points * across.points;
        const real divisor = a.takes_largest || points == 0 ? real(1) : static_cast<real>(points);
        nn_vector<T> out;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) out.items[k] = nn_wide<T>::store(found[k] / divisor);
        T *y = static_cast<T *>(roi.y) + i * WIDTH;
        if constexpr (WIDTH > 1)
            nn_store_vector(y, out);
        else
            *y = out.items[0];
    }
}

template <typename T> cudaError_t launch(const nn_cuda_roi_align &a, cudaStream_t stream) {
    constexpr int width = nn_vector<T>::count;
    const nn_cuda_roi &roi = a.roi;
    const int64_t count = roi.count * roi.channels * roi.out_height * roi.out_width;
    if (roi.channels_last && nn_is_vectorizable(roi.channels, sizeof(T), roi.x, roi.y))
        return nn_launch(roi_align<T, width>, nn_grid_for(count / width, BLOCK), BLOCK, 0, stream,
                         a, count / width);
    return nn_launch(roi_align<T, 1>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

/* ---- MaxRoiPool ---- */

struct max_axis {
    int64_t start;
    double bin;
};

__device__ __forceinline__ int64_t element_of(double x, float scale) {
    return static_cast<int64_t>(
        fmin(fmax(round(x * static_cast<double>(scale)), -1099511627776.0), 1099511627776.0));
}

__device__ __forceinline__ max_axis max_axis_of(const nn_cuda_roi &a, int64_t region, int first,
                                                int64_t bins) {
    const int64_t start = element_of(nn_number_at(a.type, a.rois, region * 5 + first), a.scale);
    const int64_t end = element_of(nn_number_at(a.type, a.rois, region * 5 + first + 2), a.scale);
    const double size = fmax(static_cast<double>(end - start + 1), 1.0);
    return {start, size / static_cast<double>(bins)};
}

__device__ __forceinline__ int64_t clamped(int64_t x, int64_t size) {
    return x < 0 ? 0 : x > size ? size : x;
}

template <typename T>
__global__ void __launch_bounds__(BLOCK) max_roi(nn_cuda_roi a, int64_t count) {
    typedef typename nn_wide<T>::type real;
    const int64_t step = a.channels_last ? a.channels : 1;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const output at = output_of<1>(a, i);
        const max_axis across = max_axis_of(a, at.region, 1, a.out_width);
        const max_axis down = max_axis_of(a, at.region, 2, a.out_height);
        const int64_t sample = sample_of(a, nn_number_at(a.type, a.rois, at.region * 5));
        const T *plane = plane_of<T>(a, sample, at.channel);
        const double row = static_cast<double>(at.row), column = static_cast<double>(at.column);
        const int64_t top =
            clamped(static_cast<int64_t>(floor(row * down.bin)) + down.start, a.height);
        const int64_t bottom =
            clamped(static_cast<int64_t>(ceil((row + 1) * down.bin)) + down.start, a.height);
        const int64_t left =
            clamped(static_cast<int64_t>(floor(column * across.bin)) + across.start, a.width);
        const int64_t right =
            clamped(static_cast<int64_t>(ceil((column + 1) * across.bin)) + across.start, a.width);
        real largest = top < bottom && left < right ? real(-INFINITY) : real(0);
        for (int64_t v = top; v < bottom; v++)
            for (int64_t h = left; h < right; h++)
                largest = fmax(largest, nn_wide<T>::load(plane[(v * a.width + h) * step]));
        static_cast<T *>(a.y)[i] = nn_wide<T>::store(largest);
    }
}

template <typename T> cudaError_t launch_max(const nn_cuda_roi &a, cudaStream_t stream) {
    const int64_t count = a.count * a.channels * a.out_height * a.out_width;
    return nn_launch(max_roi<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

} // namespace

cudaError_t nn_cuda_launch_roi_align(const nn_cuda_roi_align *arguments, cudaStream_t stream) {
    switch (arguments->roi.type) {
#define LAUNCH(type) return launch<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_max_roi(const nn_cuda_roi *arguments, cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch_max<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
