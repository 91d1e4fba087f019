#include "ops/cuda/int8/byte_depthwise_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/int8/finish.cuh"

namespace {

enum { BLOCK = 128, ANY = 0 };

/* WIDTH channels of TILE neighbouring outputs of a row for each thread: every column of x that they
 * see is loaded once for each row of taps, and the taps of that row stay in registers. KERNEL and
 * STRIDE are those along the row, whose dilation is 1; ANY: one output, whatever they are. */
template <typename T, int WIDTH, int KERNEL, int STRIDE, int TILE>
__global__ void __launch_bounds__(BLOCK) byte_depthwise(nn_cuda_byte_depthwise a, int64_t count) {
    const T *x = reinterpret_cast<const T *>(a.x);
    const T padding = *reinterpret_cast<const T *>(a.padding);
    const int64_t groups = a.channels / WIDTH;
    const int tiles = (a.width.out + TILE - 1) / TILE;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t channel = i % groups * WIDTH;
        int64_t rest = i / groups;
        const int column = static_cast<int>(rest % tiles) * TILE;
        rest /= tiles;
        const int row = static_cast<int>(rest % a.height.out);
        const int64_t batch = rest / a.height.out;
        const int left = column * a.width.stride - a.width.pad;
        int sums[TILE][WIDTH];
#pragma unroll
        for (int t = 0; t < TILE; t++)
#pragma unroll
            for (int k = 0; k < WIDTH; k++) sums[t][k] = 0;
        for (int v = 0; v < a.height.kernel; v++) {
            const int at = row * a.height.stride - a.height.pad + v * a.height.dilation;
            const bool is_row = at >= 0 && at < a.height.in;
            const T *line =
                x + (batch * a.height.in + (is_row ? at : 0)) * a.width.in * a.channels + channel;
            const int16_t *taps =
                a.w + static_cast<int64_t>(v) * a.width.kernel * a.channels + channel;
            const auto load = [&](int place) {
                nn_pack<T, WIDTH> out;
                if (is_row && place >= 0 && place < a.width.in) {
                    out = nn_load_pack<WIDTH>(line + place * a.channels, 1);
                } else {
#pragma unroll
                    for (int k = 0; k < WIDTH; k++) out.items[k] = padding;
                }
                return out;
            };
            if constexpr (KERNEL == ANY) {
                for (int h = 0; h < a.width.kernel; h++) {
                    const nn_pack<T, WIDTH> in = load(left + h * a.width.dilation);
                    const nn_pack<int16_t, WIDTH> tap =
                        nn_load_pack<WIDTH>(taps + h * a.channels, 1);
#pragma unroll
                    for (int k = 0; k < WIDTH; k++)
                        sums[0][k] += static_cast<int>(in.items[k]) * tap.items[k];
                }
            } else {
                nn_pack<int16_t, WIDTH> held[KERNEL];
#pragma unroll
                for (int h = 0; h < KERNEL; h++)
                    held[h] = nn_load_pack<WIDTH>(taps + h * a.channels, 1);
#pragma unroll
                for (int j = 0; j < (TILE - 1) * STRIDE + KERNEL; j++) {
                    const nn_pack<T, WIDTH> in = load(left + j);
#pragma unroll
                    for (int t = 0; t < TILE; t++) {
                        const int h = j - t * STRIDE;
                        if (h < 0 || h >= KERNEL) continue;
#pragma unroll
                        for (int k = 0; k < WIDTH; k++)
                            sums[t][k] += static_cast<int>(in.items[k]) * held[h].items[k];
                    }
                }
            }
        }
        const int64_t first =
            ((batch * a.height.out + row) * a.width.out + column) * a.channels + channel;
        const nn_cuda_finish &f = a.finish;
        if (WIDTH > 1 && f.is_simple && f.addend == nullptr) {
            uint8_t *y = static_cast<uint8_t *>(a.y) + first;
#pragma unroll
            for (int t = 0; t < TILE; t++) {
                if (column + t >= a.width.out) break;
                nn_pack<uint8_t, WIDTH> out;
#pragma unroll
                for (int k = 0; k < WIDTH; k++) {
                    const int at = static_cast<int>(channel) + k;
                    const float value = nn_scaled_sum(f, sums[t][k] + f.start[at], at);
                    out.items[k] = static_cast<uint8_t>(nn_round_byte(value, f.rounding));
                }
                nn_store_pack(y + t * a.channels, out);
            }
            continue;
        }
#pragma unroll
        for (int t = 0; t < TILE; t++) {
            if (column + t >= a.width.out) break;
#pragma unroll
            for (int k = 0; k < WIDTH; k++)
                nn_finish(f, a.y, first + t * a.channels + k, sums[t][k],
                          static_cast<int>(channel) + k);
        }
    }
}

template <typename T, int WIDTH, int KERNEL, int STRIDE, int TILE>
cudaError_t launch_as(const nn_cuda_byte_depthwise &a, cudaStream_t stream) {
    const int64_t tiles = (a.width.out + TILE - 1) / TILE;
    const int64_t count = a.batch * a.height.out * tiles * (a.channels / WIDTH);
    return nn_launch(byte_depthwise<T, WIDTH, KERNEL, STRIDE, TILE>, nn_grid_for(count, BLOCK),
                     BLOCK, 0, stream, a, count);
}

/* Tiles share what they load; strides apart they share less. What stands behind the sum is there
 * once for each sum of a tile, unless it is simple. */
template <typename T, int WIDTH>
cudaError_t launch_width(const nn_cuda_byte_depthwise &a, cudaStream_t stream) {
    const int kernel = a.width.kernel, stride = a.width.stride;
    if (a.width.dilation == 1 && a.finish.is_simple) {
        if (kernel == 3 && stride == 1) return launch_as<T, WIDTH, 3, 1, 4>(a, stream);
        if (kernel == 3 && stride == 2) return launch_as<T, WIDTH, 3, 2, 2>(a, stream);
        if (kernel == 5 && stride == 1) return launch_as<T, WIDTH, 5, 1, 4>(a, stream);
        if (kernel == 5 && stride == 2) return launch_as<T, WIDTH, 5, 2, 2>(a, stream);
    }
    return launch_as<T, WIDTH, ANY, ANY, 1>(a, stream);
}

template <typename T> cudaError_t launch(const nn_cuda_byte_depthwise &a, cudaStream_t stream) {
    constexpr int width = 4;
    if (a.channels % width == 0 &&
        (reinterpret_cast<uintptr_t>(a.x) | reinterpret_cast<uintptr_t>(a.y)) % width == 0)
        return launch_width<T, width>(a, stream);
    return launch_as<T, 1, ANY, ANY, 1>(a, stream);
}

} // namespace

cudaError_t nn_cuda_launch_byte_depthwise(const nn_cuda_byte_depthwise *arguments,
                                          cudaStream_t stream) {
    return arguments->is_signed ? launch<int8_t>(*arguments, stream)
                                : launch<uint8_t>(*arguments, stream);
}
