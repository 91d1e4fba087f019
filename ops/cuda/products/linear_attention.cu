#include "ops/cuda/products/linear_attention_launch.h"

#include "ops/cuda/rows/lanes.cuh"

namespace {

struct sum {
    __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};

/* A block takes 32 columns of the state of a key head through all tokens: columns do not meet.
 * Threads (column, row) keep rows row, row + NN_COLUMN_ROWS, ... of their column in shared memory,
 * which no other thread touches; key, query and decays of a token are shared by all. */
template <typename T>
__global__ void __launch_bounds__(NN_WARP *NN_COLUMN_ROWS) attend(nn_cuda_linear_attention a) {
    float *state = nn_dynamic_shared<float>(); /* [key][32] */
    float *keys = state + a.key * NN_WARP, *decays = keys + a.key;
    const int64_t tiles = (a.value + NN_WARP - 1) / NN_WARP;
    const int64_t item = blockIdx.x / tiles, tile = blockIdx.x % tiles;
    const int64_t sample = item / a.kv_heads, head = item % a.kv_heads;
    const int64_t group = a.q_heads / a.kv_heads, size = a.key * a.value;
    const int64_t column = tile * NN_WARP + threadIdx.x;
    const bool is_used = column < a.value;
    const int thread = static_cast<int>(threadIdx.y * NN_WARP + threadIdx.x);
    enum { THREADS = NN_WARP * NN_COLUMN_ROWS };
    for (int64_t i = threadIdx.y; i < a.key; i += NN_COLUMN_ROWS)
        state[i * NN_WARP + threadIdx.x] =
            is_used && a.past != nullptr
                ? nn_load_as(a.past_type, a.past, item * size + i * a.value + column)
                : 0.0f;
    for (int64_t t = 0; t < a.length; t++) {
        const int64_t token = sample * a.length + t, place = token * a.kv_heads + head;
        __syncthreads(); /* the query of the token before was read */
        for (int64_t i = thread; i < a.key; i += THREADS) {
            keys[i] = nn_load(static_cast<const T *>(a.keys) + place * a.key + i);
            if (a.decay != nullptr)
                decays[i] = expf(
                    nn_load_as(a.decay_type, a.decay, place * a.decays + (a.decays > 1 ? i : 0)));
        }
        __syncthreads();
        float v =
            is_used ? nn_load(static_cast<const T *>(a.values) + place * a.value + column) : 0.0f;
        float recalled = 0.0f;
        for (int64_t i = threadIdx.y; i < a.key; i += NN_COLUMN_ROWS) {
            float *cell = state + i * NN_WARP + threadIdx.x;
            if (a.decay != nullptr) *cell *= decays[i];
            recalled += *cell * keys[i];
        }
        if (a.beta != nullptr) {
            const float beta =
                nn_load_as(a.beta_type, a.beta, a.betas > 1 ? place : token * a.betas);
            v = beta * (v - nn_join_columns(recalled, sum()));
        }
        for (int64_t i = threadIdx.y; i < a.key; i += NN_COLUMN_ROWS)
            state[i * NN_WARP + threadIdx.x] += keys[i] * v;
        for (int64_t own = head * group; own < (head + 1) * group; own++) {
            const int64_t query = token * a.q_heads + own;
            __syncthreads(); /* keys, or the query before, were read */
            for (int64_t i = thread; i < a.key; i += THREADS)
                keys[i] = nn_load(static_cast<const T *>(a.query) + query * a.key + i);
            __syncthreads();
            float part = 0.0f;
            for (int64_t i = threadIdx.y; i < a.key; i += NN_COLUMN_ROWS)
                part += state[i * NN_WARP + threadIdx.x] * keys[i];
            const float y = nn_join_columns(part, sum()) * a.scale;
            if (threadIdx.y == 0 && is_used)
                nn_store(static_cast<T *>(a.y) + query * a.value + column, y);
        }
    }
    if (a.present == nullptr || !is_used) return;
    for (int64_t i = threadIdx.y; i < a.key; i += NN_COLUMN_ROWS)
        nn_store_as(a.present_type, a.present, item * size + i * a.value + column,
                    state[i * NN_WARP + threadIdx.x]);
}

template <typename T> cudaError_t launch(const nn_cuda_linear_attention &a, cudaStream_t stream) {
    const int64_t tiles = (a.value + NN_WARP - 1) / NN_WARP;
    const int64_t blocks = a.batch * a.kv_heads * tiles;
    if (blocks > INT32_MAX) return cudaErrorInvalidValue;
    return nn_launch(attend<T>, static_cast<unsigned>(blocks), dim3(NN_WARP, NN_COLUMN_ROWS),
                     nn_cuda_linear_attention_shared(a.key), stream, a);
}

} // namespace

size_t nn_cuda_linear_attention_shared(int64_t key) {
    return static_cast<size_t>(key) * (NN_WARP + 2) * sizeof(float);
}

cudaError_t nn_cuda_launch_linear_attention(const nn_cuda_linear_attention *arguments,
                                            cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch<typename decltype(element)::type>(*arguments, stream);
    });
}
