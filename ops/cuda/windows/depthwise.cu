#include "ops/cuda/windows/depthwise_launch.h"

#include "ops/cuda/rows/lanes.cuh"
#include "ops/cuda/runtime/activation.cuh"

namespace {

enum { BLOCK = 128, ANY = 0 };

template <typename T, int WIDTH> __device__ __forceinline__ nn_vector<T> load(const T *p) {
    if constexpr (WIDTH > 1) {
        return nn_load_vector(p);
    } else {
        nn_vector<T> out;
        out.items[0] = *p;
        return out;
    }
}

/* WIDTH channels of TILE neighbouring outputs of a row for each thread: every column of x that they
 * see is loaded once for each row of taps, and the taps of that row stay in registers. KERNEL and
 * STRIDE are those along the row, whose dilation is 1; ANY: one output, whatever they are. */
template <typename T, int WIDTH, int KERNEL, int STRIDE, int TILE>
__global__ void __launch_bounds__(BLOCK) depthwise(nn_cuda_depthwise a, int64_t count) {
    const T *x = static_cast<const T *>(a.x), *w = static_cast<const T *>(a.w);
    const int64_t groups = a.channels / WIDTH;
    const int tiles = (a.width.out + TILE - 1) / TILE;
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t channel = i % groups * WIDTH;
        int64_t rest = i / groups;
        const int column = static_cast<int>(rest % tiles) * TILE;
        rest /= tiles;
        const int row = static_cast<int>(rest % a.height.out);
        const int64_t batch = rest / a.height.out;
        const int64_t left = static_cast<int64_t>(column) * a.width.stride - a.width.pad;
        float sums[TILE][WIDTH];
#pragma unroll
        for (int t = 0; t < TILE; t++)
#pragma unroll
            for (int k = 0; k < WIDTH; k++)
                sums[t][k] = a.bias == nullptr ? 0.0f : a.bias[channel + k];
        for (int v = 0; v < a.height.kernel; v++) {
            const int64_t at = static_cast<int64_t>(row) * a.height.stride - a.height.pad +
                               static_cast<int64_t>(v) * a.height.dilation;
            if (at < 0 || at >= a.height.in) continue;
            const T *line = x + (batch * a.height.in + at) * a.width.in * a.channels + channel;
            const T *taps = w + static_cast<int64_t>(v) * a.width.kernel * a.channels + channel;
            if constexpr (KERNEL == ANY) {
                for (int h = 0; h < a.width.kernel; h++) {
                    const int64_t place = left + static_cast<int64_t>(h) * a.width.dilation;
                    if (place < 0 || place >= a.width.in) continue;
                    const nn_vector<T> in = load<T, WIDTH>(line + place * a.channels);
                    const nn_vector<T> tap = load<T, WIDTH>(taps + h * a.channels);
#pragma unroll
                    for (int k = 0; k < WIDTH; k++)
                        sums[0][k] += nn_to_float(in.items[k]) * nn_to_float(tap.items[k]);
                }
            } else {
                nn_vector<T> held[KERNEL];
#pragma unroll
                for (int h = 0; h < KERNEL; h++) held[h] = load<T, WIDTH>(taps + h * a.channels);
#pragma unroll
                for (int j = 0; j < (TILE - 1) * STRIDE + KERNEL; j++) {
                    const int64_t place = left + j;
                    if (place < 0 || place >= a.width.in) continue;
                    const nn_vector<T> in = load<T, WIDTH>(line + place * a.channels);
#pragma unroll
                    for (int t = 0; t < TILE; t++) {
                        const int h = j - t * STRIDE;
                        if (h < 0 || h >= KERNEL) continue;
#pragma unroll
                        for (int k = 0; k < WIDTH; k++)
                            sums[t][k] += nn_to_float(in.items[k]) * nn_to_float(held[h].items[k]);
                    }
                }
            }
        }
#pragma unroll
        for (int t = 0; t < TILE; t++) {
            if (column + t >= a.width.out) break;
            const int64_t place =
                ((batch * a.height.out + row) * a.width.out + column + t) * a.channels + channel;
            nn_vector<T> out, more;
            if (a.residual != nullptr)
                more = load<T, WIDTH>(static_cast<const T *>(a.residual) + place);
#pragma unroll
            for (int k = 0; k < WIDTH; k++) {
                float value = nn_activate(a.before, sums[t][k]);
                if (a.residual != nullptr) value += nn_to_float(more.items[k]);
                out.items[k] = nn_from_float<T>(nn_activate(a.after, value));
            }
            T *y = static_cast<T *>(a.y) + place;
            if constexpr (WIDTH > 1)
                nn_store_vector(y, out);
            else
                *y = out.items[0];
        }
    }
}

template <typename T, int WIDTH, int KERNEL, int STRIDE, int TILE>
cudaError_t launch_as(const nn_cuda_depthwise &a, cudaStream_t stream) {
    const int64_t tiles = (a.width.out + TILE - 1) / TILE;
    const int64_t count = a.batch * a.height.out * tiles * (a.channels / WIDTH);
    return nn_launch(depthwise<T, WIDTH, KERNEL, STRIDE, TILE>, nn_grid_for(count, BLOCK), BLOCK, 0,
                     stream, a, count);
}

/* Tiles share what they load; strides apart they share less. */
template <typename T, int WIDTH>
cudaError_t launch_width(const nn_cuda_depthwise &a, cudaStream_t stream) {
    const int kernel = a.width.kernel, stride = a.width.stride;
    if (a.width.dilation == 1) {
        if (kernel == 3 && stride == 1) return launch_as<T, WIDTH, 3, 1, 4>(a, stream);
        if (kernel == 3 && stride == 2) return launch_as<T, WIDTH, 3, 2, 2>(a, stream);
        if (kernel == 5 && stride == 1) return launch_as<T, WIDTH, 5, 1, 4>(a, stream);
        if (kernel == 5 && stride == 2) return launch_as<T, WIDTH, 5, 2, 2>(a, stream);
        if (kernel == 7 && stride == 1) return launch_as<T, WIDTH, 7, 1, 4>(a, stream);
    }
    return launch_as<T, WIDTH, ANY, ANY, 1>(a, stream);
}

template <typename T> cudaError_t launch(const nn_cuda_depthwise &a, cudaStream_t stream) {
    constexpr int width = nn_vector<T>::count;
    if (nn_is_vectorizable(a.channels, sizeof(T), a.x, a.y, a.w) &&
        nn_is_vectorizable(a.channels, sizeof(T), a.residual))
        return launch_width<T, width>(a, stream);
    return launch_width<T, 1>(a, stream);
}

} // namespace

cudaError_t nn_cuda_launch_depthwise(const nn_cuda_depthwise *arguments, cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch<typename decltype(element)::type>(*arguments, stream);
    });
}
