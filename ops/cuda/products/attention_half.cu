#include "ops/cuda/products/attention_rules.cuh"
#include "ops/cuda/runtime/mma.cuh"

/* Attention of halves on tensor cores, as attention.cu does it of floats: a block walks over tiles
 * of keys with the softmax of what it has seen so far. Four warps share the tiles.
 *
 * With many queries each warp has 16 of them and all keys of a tile. With few (SPLIT) the warps
 * have the same 16 queries and a quarter of the keys each, so that a single sequence fills the
 * device (12 heads of 128 tokens: 96 blocks in the place of 24), and what they found is joined in
 * the end.
 *
 * Sums are floats; probabilities are rounded to T before they multiply the values, as the inputs
 * were. Rows of tiles lie 16 bytes apart from a multiple of 128, so that the eight rows that a warp
 * reads at once meet in no bank. */

namespace {

constexpr int WARPS = 4, THREADS = 32 * WARPS, ROWS = 16 /* of a warp */;

template <typename T, int SIZE, bool SPLIT> struct form {
    static constexpr int queries = SPLIT ? ROWS : ROWS * WARPS;
    static constexpr int keys = SPLIT && SIZE <= 64 ? 128 : 64;
    static constexpr int own_keys = SPLIT ? keys / WARPS : keys; /* of a warp */
    static constexpr int step = SIZE + 8;
    struct tiles {
        alignas(16) T q[queries * step];
        alignas(16) T k[keys * step];
        alignas(16) T v[keys * step];
    };
    /* in the place of k and v */
    struct parts {
        float largest[WARPS][ROWS], sum[WARPS][ROWS], result[WARPS][ROWS][SIZE];
    };
    static_assert(sizeof(parts) <= sizeof(T) * 2 * keys * step, "parts lie in the tiles");
};

/* COUNT rows from `first` on of `size` elements to a tile of SIZE, zero beyond `rows` and `size`.
 */
template <typename T, int SIZE, int COUNT>
__device__ void load_tile(const nn_cuda_heads &past, const nn_cuda_heads &now, int64_t past_rows,
                          int64_t sample, int64_t head, int64_t first, int64_t rows, int size,
                          bool aligned, T *out) {
    constexpr int PART = nn_vector<T>::count, PARTS = SIZE / PART;
    for (int i = threadIdx.x; i < COUNT * PARTS; i += THREADS) {
        const int row = i / PARTS, column = i % PARTS * PART;
        const int64_t at = first + row;
        nn_vector<T> part;
#pragma unroll
        for (int j = 0; j < PART; j++) part.items[j] = nn_from_float<T>(0.0f);
        if (at < rows && column < size) {
            const bool is_past = at < past_rows;
            const nn_cuda_heads &from = is_past ? past : now;
            const T *place = static_cast<const T *>(from.data) + sample * from.batch_step +
                             head * from.head_step +
                             (is_past ? at : at - past_rows) * from.row_step + column;
            if (aligned)
                part = nn_load_vector(place);
            else
                for (int j = 0; j < PART && column + j < size; j++) part.items[j] = place[j];
        }
        nn_store_vector(out + row * (SIZE + 8) + column, part);
    }
}

/* Over the four lanes that share rows. */
__device__ __forceinline__ float largest_of_row(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
__device__ __forceinline__ float sum_of_row(float x) {
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/* A warp's rows: lane / 4 and the eighth behind it. */
template <int SIZE> struct state {
    nn_query_place place[2];
    float largest[2], sum[2]; /* the sum: of the lane's own columns */
    float result[SIZE / 8][4];
};

/* scores[n] of 8 keys each: products of the warp's queries with its keys of the tile. */
template <typename T, int SIZE, int OWN>
__device__ __forceinline__ void multiply_keys(const uint32_t (&q)[SIZE / 16][4], const T *k,
                                              float (&scores)[OWN / 8][4]) {
    const int lane = threadIdx.x % 32, row = lane / 4, quad = lane % 4;
#pragma unroll
    for (int n = 0; n < OWN / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) scores[n][i] = 0.0f;
        const T *key = k + (n * 8 + row) * (SIZE + 8) + 2 * quad;
#pragma unroll
        for (int d = 0; d < SIZE / 16; d++)
            nn_multiply_halves<T>(scores[n], q[d], nn_load_pair(key + 16 * d),
                                  nn_load_pair(key + 16 * d + 8));
    }
}

/* Scores to exponentials over the largest so far; earlier results shrink where that grew. */
template <int SIZE, int OWN>
__device__ __forceinline__ void exponentiate(const nn_cuda_attention &a, int64_t first_key,
                                             float (&scores)[OWN / 8][4], state<SIZE> &s) {
    const int quad = threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float most = -INFINITY;
#pragma unroll
        for (int n = 0; n < OWN / 8; n++)
#pragma unroll
            for (int c = 0; c < 2; c++) {
                const int64_t key = first_key + n * 8 + 2 * quad + c;
                float &x = scores[n][2 * r + c];
                x = nn_biased_score(a, s.place[r], key, nn_capped_score(a, a.scale * x));
                most = fmaxf(most, x);
            }
        most = fmaxf(s.largest[r], largest_of_row(most));
        const float shrink = s.largest[r] == -INFINITY ? 0.0f : expf(s.largest[r] - most);
        s.largest[r] = most;
        s.sum[r] *= shrink;
#pragma unroll
        for (int n = 0; n < OWN / 8; n++)
#pragma unroll
            for (int c = 0; c < 2; c++) {
                float &x = scores[n][2 * r + c];
                x = x == -INFINITY ? 0.0f : expf(x - most);
                s.sum[r] += x;
            }
#pragma unroll
        for (int n = 0; n < SIZE / 8; n++)
#pragma unroll
            for (int c = 0; c < 2; c++) s.result[n][2 * r + c] *= shrink;
    }
}

/* The sums of two groups of 8 keys are laid out as a product takes 16. */
template <typename T, int SIZE, int OWN>
__device__ __forceinline__ void add_values(const float (&scores)[OWN / 8][4], const T *v,
                                           state<SIZE> &s) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int k = 0; k < OWN / 16; k++) {
        uint32_t weights[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            weights[i] =
                nn_pair<T>(scores[2 * k + i / 2][i % 2 * 2], scores[2 * k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
        for (int n = 0; n < SIZE / 16; n++) {
            uint32_t values[4];
            nn_load_transposed(values,
                               v + (16 * k + lane % 16) * (SIZE + 8) + 16 * n + lane / 16 * 8);
            nn_multiply_halves<T>(s.result[2 * n], weights, values[0], values[1]);
            nn_multiply_halves<T>(s.result[2 * n + 1], weights, values[2], values[3]);
        }
    }
}

__device__ __forceinline__ void store_result(const nn_cuda_attention &a, const nn_query_place &at,
                                             int column, float x) {
    if (at.query < a.q_length && column < a.value_size)
        nn_store_as(a.y.type, const_cast<void *>(a.y.data),
                    at.sample * a.y.batch_step + at.head * a.y.head_step + at.query * a.y.row_step +
                        column,
                    x);
}

template <int SIZE>
__device__ __forceinline__ void store_rows(const nn_cuda_attention &a, const state<SIZE> &s) {
    const int quad = threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const float factor = s.sum[r] > 0.0f ? 1.0f / s.sum[r] : 0.0f;
#pragma unroll
        for (int n = 0; n < SIZE / 8; n++)
#pragma unroll
            for (int c = 0; c < 2; c++)
                store_result(a, s.place[r], n * 8 + 2 * quad + c, factor * s.result[n][2 * r + c]);
    }
}

/* Joins what the warps have found for the same queries. */
template <int SIZE, typename P>
__device__ void join_warps(const nn_cuda_attention &a, const state<SIZE> &s, int64_t first,
                           P &parts) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = lane % 4;
    __syncthreads(); /* the tiles are no longer read */
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const int row = lane / 4 + 8 * r;
        parts.largest[warp][row] = s.largest[r]; /* the same from four lanes */
        parts.sum[warp][row] = s.sum[r];
#pragma unroll
        for (int n = 0; n < SIZE / 8; n++)
#pragma unroll
            for (int c = 0; c < 2; c++)
                parts.result[warp][row][n * 8 + 2 * quad + c] = s.result[n][2 * r + c];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < ROWS * SIZE; i += THREADS) {
        const int row = i / SIZE, column = i % SIZE;
        float most = -INFINITY, sum = 0.0f, result = 0.0f;
        for (int w = 0; w < WARPS; w++) most = fmaxf(most, parts.largest[w][row]);
        for (int w = 0; w < WARPS; w++) {
            const float largest = parts.largest[w][row];
            const float factor = largest == -INFINITY ? 0.0f : expf(largest - most);
            sum += factor * parts.sum[w][row];
            result += factor * parts.result[w][row][column];
        }
        const nn_query_place at = {s.place[0].sample, s.place[0].head, first + row, {0, 0}};
        store_result(a, at, column, sum > 0.0f ? result / sum : 0.0f);
    }
}

template <typename T, int SIZE, bool SPLIT>
__global__ __launch_bounds__(THREADS, 2) void attend(const nn_cuda_attention a, int64_t heads,
                                                  bool aligned) {
    using own = form<T, SIZE, SPLIT>;
    constexpr int KEYS = own::keys, OWN = own::own_keys, STEP = own::step;
    auto &t = *nn_dynamic_shared<typename own::tiles>();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, row = lane / 4, quad = lane % 4;
    const int own_row = SPLIT ? 0 : ROWS * warp, own_key = SPLIT ? OWN * warp : 0;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * own::queries;
    for (int64_t unit = blockIdx.y; unit < heads; unit += gridDim.y) {
        const int64_t sample = unit / a.q_heads, head = unit % a.q_heads;
        const int64_t shared_head = head / (a.q_heads / a.kv_heads);
        state<SIZE> s;
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const int64_t query = first + own_row + row + 8 * r;
            s.place[r] = {sample, head, query, {0, 0}}; /* rows beyond the last see nothing */
            if (query < a.q_length) s.place[r].range = nn_range_of(a, sample, query);
            s.largest[r] = -INFINITY;
            s.sum[r] = 0.0f;
        }
#pragma unroll
        for (int n = 0; n < SIZE / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) s.result[n][i] = 0.0f;

        __syncthreads(); /* what the unit before has read is overwritten */
        load_tile<T, SIZE, own::queries>(a.q, a.q, 0, sample, head, first, a.q_length,
                                         static_cast<int>(a.head_size), aligned, t.q);
        __syncthreads();
        uint32_t q[SIZE / 16][4];
#pragma unroll
        for (int d = 0; d < SIZE / 16; d++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                q[d][i] = nn_load_pair(t.q + (own_row + row + i % 2 * 8) * STEP + 16 * d +
                                       2 * quad + i / 2 * 8);

        /* ranges begin and end later from query to query, so the block's first and last decide */
        const int64_t last =
            first + own::queries < a.q_length ? first + own::queries - 1 : a.q_length - 1;
        const int64_t begin = nn_range_of(a, sample, first).begin;
        const int64_t end = nn_range_of(a, sample, last).end;
        for (int64_t key = begin / KEYS * KEYS; key < end; key += KEYS) {
            __syncthreads(); /* the tiles before are no longer read */
            load_tile<T, SIZE, KEYS>(a.past_k, a.k, a.past_length, sample, shared_head, key,
                                     a.length, static_cast<int>(a.head_size), aligned, t.k);
            load_tile<T, SIZE, KEYS>(a.past_v, a.v, a.past_length, sample, shared_head, key,
                                     a.length, static_cast<int>(a.value_size), aligned, t.v);
            __syncthreads();
            float scores[OWN / 8][4];
            multiply_keys<T, SIZE, OWN>(q, t.k + own_key * STEP, scores);
            exponentiate<SIZE, OWN>(a, key + own_key, scores, s);
            add_values<T, SIZE, OWN>(scores, t.v + own_key * STEP, s);
        }
#pragma unroll
        for (int r = 0; r < 2; r++) s.sum[r] = sum_of_row(s.sum[r]);
        if constexpr (SPLIT)
            join_warps(a, s, first, *reinterpret_cast<typename own::parts *>(t.k));
        else
            store_rows(a, s);
    }
}

/* May rows be read 16 bytes at a time? */
bool is_aligned(const nn_cuda_heads &heads, int64_t size) {
    const int64_t steps = heads.batch_step | heads.head_step | heads.row_step | size;
    return heads.data == nullptr ||
           (steps % 8 == 0 && reinterpret_cast<uintptr_t>(heads.data) % 16 == 0);
}

template <typename T, int SIZE, bool SPLIT>
cudaError_t launch_form(const nn_cuda_attention &a, cudaStream_t stream) {
    using own = form<T, SIZE, SPLIT>;
    const int64_t heads = a.batch * a.q_heads, most = 65535;
    const bool aligned = is_aligned(a.q, a.head_size) && is_aligned(a.k, a.head_size) &&
                         is_aligned(a.past_k, a.head_size) && is_aligned(a.v, a.value_size) &&
                         is_aligned(a.past_v, a.value_size);
    const dim3 grid(static_cast<unsigned>((a.q_length + own::queries - 1) / own::queries),
                    static_cast<unsigned>(heads < most ? heads : most), 1);
    return nn_launch(attend<T, SIZE, SPLIT>, grid, THREADS, sizeof(typename own::tiles), stream, a,
                     heads, aligned);
}

template <typename T, int SIZE>
cudaError_t launch_size(const nn_cuda_attention &a, cudaStream_t stream) {
    const int64_t blocks = (a.q_length + ROWS * WARPS - 1) / (ROWS * WARPS) * a.batch * a.q_heads;
    return blocks < 2 * NN_CUDA_MULTIPROCESSORS ? launch_form<T, SIZE, true>(a, stream)
                                                : launch_form<T, SIZE, false>(a, stream);
}

template <typename T> cudaError_t launch(const nn_cuda_attention &a, cudaStream_t stream) {
    const int64_t size = a.head_size > a.value_size ? a.head_size : a.value_size;
    if (size <= 32) return launch_size<T, 32>(a, stream);
    if (size <= 64) return launch_size<T, 64>(a, stream);
    return launch_size<T, NN_CUDA_HALF_HEAD_SIZE>(a, stream);
}

bool is_of(const nn_cuda_heads &heads, nnopt_type type) {
    return heads.data == nullptr || heads.type == type;
}

} // namespace

bool nn_cuda_takes_half_attention(const nn_cuda_attention *a) {
    const nnopt_type type = a->q.type;
    return (type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16) && is_of(a->k, type) &&
           is_of(a->v, type) && is_of(a->past_k, type) && is_of(a->past_v, type) &&
           a->scores == nullptr && a->head_size <= NN_CUDA_HALF_HEAD_SIZE &&
           a->value_size <= NN_CUDA_HALF_HEAD_SIZE;
}

cudaError_t nn_cuda_launch_half_attention(const nn_cuda_attention *arguments, cudaStream_t stream) {
    return arguments->q.type == NNOPT_FLOAT16 ? launch<__half>(*arguments, stream)
                                              : launch<__nv_bfloat16>(*arguments, stream);
}
