#include "ops/cuda/products/attention_rules.cuh"

/* A block computes 16 ROWS queries of one head. It walks over the keys in tiles, with the softmax
 * of what it has seen so far: when a larger score comes, sums are scaled down. Scores exist for one
 * tile.
 *
 * 256 threads as 16 x 16: thread (ty, tx) has ROWS rows from ROWS ty on, of scores the columns
 * tx, tx + 16, .. and of the result the same. Four rows read shared memory least; one is for work
 * that would else leave most of the device idle. Rows of tiles lie 4 floats apart from a multiple
 * of 32, so that sixteen threads that read 16 bytes of sixteen rows meet in no bank. */

namespace {

constexpr int KEYS = 64, SIDE = 16, THREADS = SIDE * SIDE, SCORE_STEP = KEYS + 4;

template <int SIZE, int ROWS> struct tiles {
    static constexpr int step = SIZE + 4, queries = SIDE * ROWS;
    float q[queries * step], k[KEYS * step], v[KEYS * step];
    float scores[queries * SCORE_STEP];
};

struct alignas(16) four {
    float x, y, z, w;
};
__device__ __forceinline__ four load_four(const float *p) {
    return *reinterpret_cast<const four *>(p);
}

/* COUNT rows from `first` on of `size` floats to a tile of SIZE, zero beyond `rows` and `size`. */
template <int SIZE, int COUNT>
__device__ void load_tile(const nn_cuda_heads &past, const nn_cuda_heads &now, int64_t past_rows,
                          int64_t sample, int64_t head, int64_t first, int64_t rows, int64_t size,
                          float factor, float *out) {
    for (int i = threadIdx.x; i < COUNT * SIZE; i += THREADS) {
        const int row = i / SIZE, column = i % SIZE;
        const int64_t at = first + row;
        float value = 0.0f;
        if (at < rows && column < size) {
            const bool is_past = at < past_rows;
            const nn_cuda_heads &from = is_past ? past : now;
            const int64_t place = sample * from.batch_step + head * from.head_step +
                                  (is_past ? at : at - past_rows) * from.row_step + column;
            value = factor * nn_load_as(from.type, from.data, place);
        }
        out[row * (SIZE + 4) + column] = value;
    }
}

__device__ void write_score(const nn_cuda_attention &a, const nn_query_place &at, int64_t key,
                            float x) {
    const int64_t row = (at.sample * a.q_heads + at.head) * a.q_length + at.query;
    nn_store_as(a.scores_type, a.scores, row * a.length + key, x);
}

/* The product of a query with a key to what the softmax takes. */
__device__ float finish_score(const nn_cuda_attention &a, const nn_query_place &at, int64_t key,
                              float x) {
    const bool writes = a.scores != nullptr && key < a.length;
    if (writes && a.scores_kind == NN_CUDA_SCORES_RAW) write_score(a, at, key, x);
    x = nn_capped_score(a, x);
    if (writes && a.scores_kind == NN_CUDA_SCORES_CAPPED) write_score(a, at, key, x);
    x = nn_biased_score(a, at, key, x);
    if (writes && a.scores_kind >= NN_CUDA_SCORES_BIASED) write_score(a, at, key, x);
    return x;
}

/* Over the sixteen threads that share rows. */
__device__ __forceinline__ float largest_of_row(float x) {
    for (int lanes = SIDE / 2; lanes > 0; lanes /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lanes));
    return x;
}
__device__ __forceinline__ float sum_of_row(float x) {
    for (int lanes = SIDE / 2; lanes > 0; lanes /= 2) x += __shfl_xor_sync(0xffffffffu, x, lanes);
    return x;
}

/* Probabilities from the biased scores that the block has written. */
__device__ void write_probabilities(const nn_cuda_attention &a, const nn_query_place &at, int tx,
                                    float largest, float sum) {
    const int64_t row = (at.sample * a.q_heads + at.head) * a.q_length + at.query;
    for (int64_t key = tx; key < a.length; key += SIDE) {
        const float x = nn_load_as(a.scores_type, a.scores, row * a.length + key);
        const float p = x == -INFINITY ? 0.0f : expf(x - largest) / sum;
        nn_store_as(a.scores_type, a.scores, row * a.length + key, p);
    }
}

template <int SIZE, int ROWS>
__global__ __launch_bounds__(THREADS) void attend(const nn_cuda_attention a, int64_t heads) {
    using tile = tiles<SIZE, ROWS>;
    constexpr int STEP = tile::step, COLUMNS = SIZE / SIDE, PARTS = KEYS / SIDE;
    constexpr int QUERIES = tile::queries;
    tile &t = *nn_dynamic_shared<tile>();
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * QUERIES;
    for (int64_t unit = blockIdx.y; unit < heads; unit += gridDim.y) {
        const int64_t sample = unit / a.q_heads, head = unit % a.q_heads;
        const int64_t shared_head = head / (a.q_heads / a.kv_heads);
        nn_query_place place[ROWS];
        float largest[ROWS], sum[ROWS], result[ROWS][COLUMNS];
        int64_t begin = a.length, end = 0;
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const int64_t query = first + ty * ROWS + r;
            place[r] = {sample, head, query, {0, 0}};
            if (query < a.q_length) place[r].range = nn_range_of(a, sample, query);
            largest[r] = -INFINITY;
            sum[r] = 0.0f;
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) result[r][c] = 0.0f;
        }
        /* ranges begin and end later from query to query, so the block's first and last decide */
        const int64_t last_query =
            first + QUERIES < a.q_length ? first + QUERIES - 1 : a.q_length - 1;
        begin = nn_range_of(a, sample, first).begin;
        end = nn_range_of(a, sample, last_query).end;
        if (a.scores != nullptr) {
            begin = 0;
            end = a.length;
        }
        __syncthreads(); /* the tiles of the unit before are no longer read */
        load_tile<SIZE, QUERIES>(a.q, a.q, 0, sample, head, first, a.q_length, a.head_size, a.scale,
                                 t.q);
        for (int64_t key = begin / KEYS * KEYS; key < end; key += KEYS) {
            load_tile<SIZE, KEYS>(a.past_k, a.k, a.past_length, sample, shared_head, key, a.length,
                                  a.head_size, 1.0f, t.k);
            load_tile<SIZE, KEYS>(a.past_v, a.v, a.past_length, sample, shared_head, key, a.length,
                                  a.value_size, 1.0f, t.v);
            __syncthreads();

            float score[ROWS][PARTS] = {};
            for (int d = 0; d < SIZE; d += 4) {
                four k[PARTS];
#pragma unroll
                for (int p = 0; p < PARTS; p++) k[p] = load_four(t.k + (tx + p * SIDE) * STEP + d);
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    const four q = load_four(t.q + (ty * ROWS + r) * STEP + d);
#pragma unroll
                    for (int p = 0; p < PARTS; p++)
                        score[r][p] += q.x * k[p].x + q.y * k[p].y + q.z * k[p].z + q.w * k[p].w;
                }
            }

#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                float most = -INFINITY, part = 0.0f;
#pragma unroll
                for (int p = 0; p < PARTS; p++) {
                    const int64_t column = key + tx + p * SIDE;
                    score[r][p] = place[r].query < a.q_length
                                      ? finish_score(a, place[r], column, score[r][p])
                                      : -INFINITY;
                    most = fmaxf(most, score[r][p]);
                }
                most = fmaxf(largest[r], largest_of_row(most));
                const float shrink = largest[r] == -INFINITY ? 0.0f : expf(largest[r] - most);
#pragma unroll
                for (int p = 0; p < PARTS; p++) {
                    const float e = score[r][p] == -INFINITY ? 0.0f : expf(score[r][p] - most);
                    t.scores[(ty * ROWS + r) * SCORE_STEP + tx + p * SIDE] = e;
                    part += e;
                }
                sum[r] = sum[r] * shrink + sum_of_row(part);
                largest[r] = most;
#pragma unroll
                for (int c = 0; c < COLUMNS; c++) result[r][c] *= shrink;
            }
            __syncthreads();

            for (int j = 0; j < KEYS; j += 4) {
                four weights[ROWS];
#pragma unroll
                for (int r = 0; r < ROWS; r++)
                    weights[r] = load_four(t.scores + (ty * ROWS + r) * SCORE_STEP + j);
#pragma unroll
                for (int c = 0; c < COLUMNS; c++) {
                    const float *v = t.v + j * STEP + tx + c * SIDE;
#pragma unroll
                    for (int r = 0; r < ROWS; r++)
                        result[r][c] += weights[r].x * v[0] + weights[r].y * v[STEP] +
                                        weights[r].z * v[2 * STEP] + weights[r].w * v[3 * STEP];
                }
            }
            __syncthreads(); /* before the next tiles overwrite these */
        }

#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            if (place[r].query >= a.q_length) continue;
            const float factor = sum[r] > 0.0f ? 1.0f / sum[r] : 0.0f;
            const int64_t row =
                sample * a.y.batch_step + head * a.y.head_step + place[r].query * a.y.row_step;
#pragma unroll
            for (int c = 0; c < COLUMNS; c++)
                if (tx + c * SIDE < a.value_size)
                    nn_store_as(a.y.type, const_cast<void *>(a.y.data), row + tx + c * SIDE,
                                factor * result[r][c]);
            if (a.scores != nullptr && a.scores_kind == NN_CUDA_SCORES_PROBABILITIES)
                write_probabilities(a, place[r], tx, largest[r], sum[r]);
        }
    }
}

template <int SIZE, int ROWS>
cudaError_t launch_rows(const nn_cuda_attention &a, cudaStream_t stream) {
    constexpr int queries = tiles<SIZE, ROWS>::queries;
    const int64_t heads = a.batch * a.q_heads, most = 65535;
    const dim3 grid(static_cast<unsigned>((a.q_length + queries - 1) / queries),
                    static_cast<unsigned>(heads < most ? heads : most), 1);
    return nn_launch(attend<SIZE, ROWS>, grid, THREADS, sizeof(tiles<SIZE, ROWS>), stream, a,
                     heads);
}

template <int SIZE> cudaError_t launch(const nn_cuda_attention &a, cudaStream_t stream) {
    const int64_t blocks = (a.q_length + 63) / 64 * a.batch * a.q_heads;
    return blocks >= NN_CUDA_MULTIPROCESSORS ? launch_rows<SIZE, 4>(a, stream)
                                             : launch_rows<SIZE, 1>(a, stream);
}

template <typename T> __global__ void join(const nn_cuda_present a, int64_t count) {
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t column = i % a.size, row = i / a.size % a.length;
        const int64_t head = i / a.size / a.length % a.heads;
        const int64_t sample = i / a.size / a.length / a.heads;
        const bool is_past = row < a.past_length;
        const nn_cuda_heads &from = is_past ? a.past : a.now;
        const int64_t place = sample * from.batch_step + head * from.head_step +
                              (is_past ? row : row - a.past_length) * from.row_step + column;
        static_cast<T *>(a.out)[i] = static_cast<const T *>(from.data)[place];
    }
}

} // namespace

cudaError_t nn_cuda_launch_attention(const nn_cuda_attention *arguments, cudaStream_t stream) {
    const int64_t size =
        arguments->head_size > arguments->value_size ? arguments->head_size : arguments->value_size;
    if (nn_cuda_takes_half_attention(arguments))
        return nn_cuda_launch_half_attention(arguments, stream);
    if (size <= 32) return launch<32>(*arguments, stream);
    if (size <= 64) return launch<64>(*arguments, stream);
    if (size <= 128) return launch<128>(*arguments, stream);
    return size <= NN_CUDA_HEAD_SIZE ? launch<NN_CUDA_HEAD_SIZE>(*arguments, stream)
                                     : cudaErrorInvalidValue;
}

cudaError_t nn_cuda_launch_present(const nn_cuda_present *arguments, cudaStream_t stream) {
    constexpr int threads = 256;
    const nn_cuda_present &a = *arguments;
    const int64_t count = a.batch * a.heads * a.length * a.size;
    if (a.now.type == NNOPT_FLOAT)
        return nn_launch(join<uint32_t>, nn_grid_for(count, threads), threads, 0, stream, a, count);
    return nn_launch(join<uint16_t>, nn_grid_for(count, threads), threads, 0, stream, a, count);
}
