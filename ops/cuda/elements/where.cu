#include "ops/cuda/elements/where_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/movement/bytes.cuh"

namespace {

constexpr int THREADS = 256;

template <typename T, int V>
__global__ void where(nn_cuda_loops loops, T *y, const uint8_t *condition, const T *a, const T *b) {
    const int last = loops.rank - 1;
    const int64_t condition_step = loops.steps[1][last], a_step = loops.steps[2][last],
                  b_step = loops.steps[3][last];
    const int64_t packs = (loops.count + V - 1) / V;
    for (int64_t i = nn_first(); i < packs; i += nn_stride()) {
        int64_t places[4];
        nn_locate(loops, i * V, places);
        if (V == 1 || i * V + V <= loops.count) {
            const nn_pack<uint8_t, V> conditions =
                nn_load_pack<V>(condition + places[1], condition_step);
            const nn_pack<T, V> as = nn_load_pack<V>(a + places[2], a_step);
            const nn_pack<T, V> bs = nn_load_pack<V>(b + places[3], b_step);
            nn_pack<T, V> out;
#pragma unroll
            for (int k = 0; k < V; k++)
                out.items[k] = conditions.items[k] != 0 ? as.items[k] : bs.items[k];
            nn_store_pack(y + i * V, out);
        } else {
            for (int k = 0; i * V + k < loops.count; k++)
                y[i * V + k] = condition[places[1] + k * condition_step] != 0
                                   ? a[places[2] + k * a_step]
                                   : b[places[3] + k * b_step];
        }
    }
}

template <typename T, int V> cudaError_t launch_packs(const nn_cuda_where &a, cudaStream_t stream) {
    return nn_launch(where<T, V>, nn_grid_for((a.loops.count + V - 1) / V, THREADS), THREADS, 0,
                     stream, a.loops, static_cast<T *>(a.y),
                     static_cast<const uint8_t *>(a.condition), static_cast<const T *>(a.a),
                     static_cast<const T *>(a.b));
}

template <typename T> cudaError_t launch(const nn_cuda_where &a, cudaStream_t stream) {
    constexpr int width = nn_pack_width<T>::value, bytes = sizeof(T);
    const nn_operand operands[] = {{a.y, bytes}, {a.condition, 1}, {a.a, bytes}, {a.b, bytes}};
    return nn_takes_packs(a.loops, operands, 4, width) ? launch_packs<T, width>(a, stream)
                                                       : launch_packs<T, 1>(a, stream);
}

} // namespace

cudaError_t nn_cuda_launch_where(const nn_cuda_where *arguments, cudaStream_t stream) {
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch, *arguments, stream)
}
