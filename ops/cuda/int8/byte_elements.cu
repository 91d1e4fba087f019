#include "ops/cuda/int8/byte_elements_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/int8/finish.cuh"

namespace {

enum { BLOCK = 256 };

template <int WIDTH> __global__ void __launch_bounds__(BLOCK) look_up(nn_cuda_table a) {
    __shared__ uint8_t table[256];
    table[threadIdx.x] = a.table[threadIdx.x];
    __syncthreads();
    const int64_t packs = a.length / WIDTH;
    for (int64_t i = nn_first(); i < a.runs * packs; i += nn_stride()) {
        const int64_t run = i / packs, at = (i - run * packs) * WIDTH;
        const nn_pack<uint8_t, WIDTH> in = nn_load_pack<WIDTH>(a.x + run * a.length + at, 1);
        nn_pack<uint8_t, WIDTH> out;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) out.items[k] = table[in.items[k]];
        nn_store_pack(a.y + run * a.y_step + at, out);
    }
}

template <typename T, bool MULTIPLIES>
__device__ __forceinline__ T combine(const nn_cuda_qbinary &o, T a, T b) {
    const int left = a, right = b;
    float value;
    if constexpr (MULTIPLIES)
        value = __fadd_rn(
            __fmul_rn(static_cast<float>((left - o.a_zero) * (right - o.b_zero)), o.a_scale),
            o.offset);
    else
        value = __fmaf_rn(static_cast<float>(left), o.a_scale,
                          __fmaf_rn(static_cast<float>(right), o.b_scale, o.offset));
    return static_cast<T>(nn_round_byte(value, {0, o.lowest, o.highest}));
}

template <typename T, bool MULTIPLIES, int WIDTH>
__global__ void __launch_bounds__(BLOCK) qbinary(nn_cuda_qbinary o) {
    const T *a = static_cast<const T *>(o.a), *b = static_cast<const T *>(o.b);
    T *y = static_cast<T *>(o.y);
    const int last = o.loops.rank - 1;
    for (int64_t i = nn_first(); i * WIDTH < o.loops.count; i += nn_stride()) {
        int64_t at[3];
        nn_locate(o.loops, i * WIDTH, at);
        const nn_pack<T, WIDTH> left = nn_load_pack<WIDTH>(a + at[1], o.loops.steps[1][last]);
        const nn_pack<T, WIDTH> right = nn_load_pack<WIDTH>(b + at[2], o.loops.steps[2][last]);
        nn_pack<T, WIDTH> out;
#pragma unroll
        for (int k = 0; k < WIDTH; k++)
            out.items[k] = combine<T, MULTIPLIES>(o, left.items[k], right.items[k]);
        nn_store_pack(y + at[0], out);
    }
}

template <typename T, bool MULTIPLIES>
cudaError_t launch(const nn_cuda_qbinary &o, cudaStream_t stream) {
    constexpr int width = NN_CUDA_VECTOR_BYTES;
    const nn_operand operands[3] = {{o.y, 1}, {o.a, 1}, {o.b, 1}};
    if (o.loops.count % width == 0 && nn_takes_packs(o.loops, operands, 3, width))
        return nn_launch(qbinary<T, MULTIPLIES, width>, nn_grid_for(o.loops.count / width, BLOCK),
                         BLOCK, 0, stream, o);
    return nn_launch(qbinary<T, MULTIPLIES, 1>, nn_grid_for(o.loops.count, BLOCK), BLOCK, 0, stream,
                     o);
}

} // namespace

cudaError_t nn_cuda_launch_table(const nn_cuda_table *arguments, cudaStream_t stream) {
    const nn_cuda_table &a = *arguments;
    constexpr int width = NN_CUDA_VECTOR_BYTES;
    const int64_t all = a.runs * a.length;
    if (nn_is_vectorizable(a.length, 1, a.x, a.y) && a.y_step % width == 0)
        return nn_launch(look_up<width>, nn_grid_for(all / width, BLOCK), BLOCK, 0, stream, a);
    return nn_launch(look_up<1>, nn_grid_for(all, BLOCK), BLOCK, 0, stream, a);
}

cudaError_t nn_cuda_launch_qbinary(const nn_cuda_qbinary *arguments, cudaStream_t stream) {
    const nn_cuda_qbinary &o = *arguments;
    if (o.is_signed)
        return o.multiplies ? launch<int8_t, true>(o, stream) : launch<int8_t, false>(o, stream);
    return o.multiplies ? launch<uint8_t, true>(o, stream) : launch<uint8_t, false>(o, stream);
}
