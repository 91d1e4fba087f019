#include "ops/cuda/int8/byte_pools_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/int8/finish.cuh"

namespace {

enum { LANES = 32, LINES = 8, BLOCK = LANES * LINES };

/* A warp takes WIDTH channels a lane; the warps of a block share the pixels. */
template <typename T, int WIDTH>
__global__ void __launch_bounds__(BLOCK) byte_means(nn_cuda_byte_means a) {
    __shared__ int parts[LINES][LANES][WIDTH];
    const int lane = static_cast<int>(threadIdx.x) % LANES;
    const int line = static_cast<int>(threadIdx.x) / LANES;
    const int64_t groups = (a.channels / WIDTH + LANES - 1) / LANES;
    for (int64_t i = blockIdx.x; i < a.images * groups; i += gridDim.x) {
        const int64_t image = i / groups, channel = (i % groups * LANES + lane) * WIDTH;
        const bool is_there = channel < a.channels;
        const int64_t channel_step = a.channels_last ? 1 : a.pixels;
        const int64_t pixel_step = a.channels_last ? a.channels : 1;
        const T *x = reinterpret_cast<const T *>(a.x) + image * a.pixels * a.channels +
                     channel * channel_step;
        int sums[WIDTH];
#pragma unroll
        for (int k = 0; k < WIDTH; k++) sums[k] = 0;
        for (int64_t pixel = line; is_there && pixel < a.pixels; pixel += LINES) {
            const nn_pack<T, WIDTH> in = nn_load_pack<WIDTH>(x + pixel * pixel_step, 1);
#pragma unroll
            for (int k = 0; k < WIDTH; k++) sums[k] += in.items[k];
        }
#pragma unroll
        for (int k = 0; k < WIDTH; k++) parts[line][lane][k] = sums[k];
        __syncthreads();
        if (line == 0 && is_there) {
            for (int k = 0; k < WIDTH; k++) {
                unsigned sum =
                    0u - static_cast<unsigned>(a.pixels) * static_cast<unsigned>(a.x_zero);
                for (int other = 0; other < LINES; other++)
                    sum += static_cast<unsigned>(parts[other][lane][k]);
                const float value =
                    __fmul_rn(static_cast<float>(static_cast<int>(sum)), a.multiplier);
                a.y[image * a.channels + channel + k] =
                    static_cast<uint8_t>(nn_round_byte(value, a.rounding));
            }
        }
        __syncthreads();
    }
}

template <typename T> cudaError_t launch_means(const nn_cuda_byte_means &a, cudaStream_t stream) {
    constexpr int width = 4;
    const bool is_wide =
        a.channels_last && a.channels % width == 0 && reinterpret_cast<uintptr_t>(a.x) % width == 0;
    const int64_t groups = (a.channels / (is_wide ? width : 1) + LANES - 1) / LANES;
    const unsigned grid = nn_grid_for(a.images * groups, 1);
    if (is_wide) return nn_launch(byte_means<T, width>, grid, BLOCK, 0, stream, a);
    return nn_launch(byte_means<T, 1>, grid, BLOCK, 0, stream, a);
}

/* ---- windows ---- */

/* Taps [first, last) of the window at output `position` that lie on data. */
struct taps {
    int64_t start;
    int first, last;

    __device__ __forceinline__ taps(const nn_cuda_byte_pool_axis &axis, int64_t position) {
        start = position * axis.stride - axis.pad;
        const int64_t room = axis.in - start;
        first = start >= 0 ? 0 : static_cast<int>((-start + axis.dilation - 1) / axis.dilation);
        const int64_t end = room <= 0 ? 0 : (room - 1) / axis.dilation + 1;
        last = end < axis.kernel ? static_cast<int>(end) : axis.kernel;
        if (first > last) first = last;
    }
};

template <typename T, int WIDTH>
__global__ void __launch_bounds__(BLOCK) byte_pool(nn_cuda_byte_pool a, int64_t count) {
    const int64_t channel_step = a.channels_last ? 1 : a.in_pixels;
    const int64_t pixel_step = a.channels_last ? a.channels : 1;
    const int64_t packs = a.channels / WIDTH;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        /* channels last: [image][pixel][pack]; standard: [image][channel][pixel] */
        const int64_t fast = a.channels_last ? packs : a.out_pixels;
        const int64_t slow = a.channels_last ? a.out_pixels : packs;
        const int64_t image = i / fast / slow;
        const int64_t pixel = a.channels_last ? i / fast % slow : i % fast;
        const int64_t channel = (a.channels_last ? i % fast : i / fast % slow) * WIDTH;
        const int64_t row = pixel / a.axes[2].out;
        const taps d(a.axes[0], row / a.axes[1].out), h(a.axes[1], row % a.axes[1].out),
            v(a.axes[2], pixel % a.axes[2].out);
        const T *x = reinterpret_cast<const T *>(a.x) + image * a.in_pixels * a.channels +
                     channel * channel_step;
        float sums[WIDTH];
#pragma unroll
        for (int k = 0; k < WIDTH; k++) sums[k] = 0.0f;
        for (int td = d.first; td < d.last; td++)
            for (int th = h.first; th < h.last; th++)
                for (int tv = v.first; tv < v.last; tv++) {
                    const int64_t in_d = d.start + static_cast<int64_t>(td) * a.axes[0].dilation;
                    const int64_t in_h = h.start + static_cast<int64_t>(th) * a.axes[1].dilation;
                    const int64_t in_v = v.start + static_cast<int64_t>(tv) * a.axes[2].dilation;
                    const int64_t at = (in_d * a.axes[1].in + in_h) * a.axes[2].in + in_v;
                    const nn_pack<T, WIDTH> in = nn_load_pack<WIDTH>(x + at * pixel_step, 1);
#pragma unroll
                    for (int k = 0; k < WIDTH; k++)
                        sums[k] = __fadd_rn(
                            sums[k],
                            __fmul_rn(static_cast<float>(static_cast<int>(in.items[k]) - a.x_zero),
                                      a.x_scale));
                }
        const int64_t all =
            static_cast<int64_t>(a.axes[0].kernel) * a.axes[1].kernel * a.axes[2].kernel;
        const int64_t on_data =
            static_cast<int64_t>(d.last - d.first) * (h.last - h.first) * (v.last - v.first);
        const float divisor = static_cast<float>(a.include_pad ? all : on_data);
        uint8_t *y = a.channels_last ? a.y + (image * a.out_pixels + pixel) * a.channels + channel
                                     : a.y + (image * a.channels + channel) * a.out_pixels + pixel;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) {
            const float value =
                __fadd_rn(__fdiv_rn(__fdiv_rn(sums[k], divisor), a.y_scale), a.y_zero);
            y[k] = static_cast<uint8_t>(nn_round_byte(value, {0, a.lowest, a.highest}));
        }
    }
}

template <typename T> cudaError_t launch_pool(const nn_cuda_byte_pool &a, cudaStream_t stream) {
    constexpr int width = 4;
    const int64_t count = a.images * a.channels * a.out_pixels;
    if (a.channels_last && a.channels % width == 0 && reinterpret_cast<uintptr_t>(a.x) % width == 0)
        return nn_launch(byte_pool<T, width>, nn_grid_for(count / width, BLOCK), BLOCK, 0, stream,
                         a, count / width);
    return nn_launch(byte_pool<T, 1>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

} // namespace

cudaError_t nn_cuda_launch_byte_means(const nn_cuda_byte_means *arguments, cudaStream_t stream) {
    return arguments->x_signed ? launch_means<int8_t>(*arguments, stream)
                               : launch_means<uint8_t>(*arguments, stream);
}

cudaError_t nn_cuda_launch_byte_pool(const nn_cuda_byte_pool *arguments, cudaStream_t stream) {
    return arguments->x_signed ? launch_pool<int8_t>(*arguments, stream)
                               : launch_pool<uint8_t>(*arguments, stream);
}
