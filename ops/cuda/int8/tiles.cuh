/* The kernel of tiles_launch.h.
 *
 * A block makes one tile of rows by columns. Its depth goes by in stages, several of which are on
 * their way to shared memory while one is multiplied. There a line is the depth of one row (or
 * column) in a stage, in chunks of 16 bytes; chunk c of line r stands at place c ^ swizzle(r), so
 * that the eight rows of a matrix lie in different banks.
 *
 * A warp makes warp_rows by warp_columns of the tile. With slices, warps share the depth of a stage
 * and bring their sums together in the end; the first slice goes on with them. */
#ifndef NN_CUDA_TILES_CUH
#define NN_CUDA_TILES_CUH

#include "ops/cuda/int8/finish.cuh"
#include "ops/cuda/int8/tensor_core.cuh"
#include "ops/cuda/int8/tiles_launch.h"

enum { NN_CHUNK = 16 };

/* Narrow accesses and zero points of weights, which are rare, are taken by a middle and a small
 * form alone. */
constexpr bool nn_takes_all(int rows, int columns) {
    return (rows == 128 && columns == 64) || (rows == 32 && columns == 32);
}

template <int ROWS, int COLUMNS, int DEPTH, int WARP_ROWS, int WARP_COLUMNS, int SLICES, int STAGES>
struct nn_tile {
    static constexpr int rows = ROWS, columns = COLUMNS, depth = DEPTH, slices = SLICES,
                         stages = STAGES;
    static constexpr int warp_rows = WARP_ROWS, warp_columns = WARP_COLUMNS;
    static constexpr int row_warps = ROWS / WARP_ROWS, column_warps = COLUMNS / WARP_COLUMNS;
    static constexpr int threads = row_warps * column_warps * SLICES * 32;
    static constexpr int chunks = DEPTH / NN_CHUNK; /* of a line */
    static constexpr int lines_at_once = threads / chunks;
    static constexpr int row_lines = ROWS / lines_at_once; /* that a thread copies */
    static constexpr int column_lines = COLUMNS / lines_at_once;
    static constexpr int stage_bytes = (ROWS + COLUMNS) * DEPTH;
    static constexpr int row_blocks = WARP_ROWS / 16, column_blocks = WARP_COLUMNS / 8;
    static constexpr int sums = row_blocks * column_blocks * 4; /* of a thread */

    static constexpr bool takes_zeros = nn_takes_all(ROWS, COLUMNS);
    /* Registers are kept low enough for two blocks of eight warps, but for the largest tile. */
    static constexpr int blocks = ROWS * COLUMNS <= 128 * 128 ? 2 : 1;

    static_assert(threads % chunks == 0 && ROWS % lines_at_once == 0 &&
                      COLUMNS % lines_at_once == 0,
                  "every thread copies the same number of chunks");
    static_assert(DEPTH / 32 % SLICES == 0, "slices have whole steps");
    static_assert(DEPTH == 64 || DEPTH % 128 == 0, "swizzle below");

    /* Place of a chunk in its stage's rows or columns. */
    static __device__ __forceinline__ int place(int line, int chunk) {
        const int swizzle = DEPTH == 64 ? line >> 1 & 3 : line & 7;
        return line * DEPTH + (chunk ^ swizzle) * NN_CHUNK;
    }
};

/* The rows of x whose chunks a thread copies: where their windows begin. */
template <typename TILE> struct nn_row_lines {
    int offset[TILE::row_lines]; /* bytes from x; negative where the window begins on padding */
    int top[TILE::row_lines], left[TILE::row_lines];

    __device__ __forceinline__ nn_row_lines(const nn_cuda_tiles &a, int first) {
#pragma unroll
        for (int i = 0; i < TILE::row_lines; i++) {
            const int row = first + i * TILE::lines_at_once;
            top[i] = left[i] = 0;
            offset[i] = row * a.pixel;
            if (row >= a.rows) { /* reads padding */
                offset[i] = 0;
                top[i] = -(1 << 29);
            } else if (!a.is_plain) {
                uint32_t pixel, column;
                const int image =
                    static_cast<int>(nn_divide(static_cast<uint32_t>(row), a.by_pixels, &pixel));
                const int line = static_cast<int>(nn_divide(pixel, a.by_width, &column));
                top[i] = line * a.height.stride - a.height.pad;
                left[i] = static_cast<int>(column) * a.width.stride - a.width.pad;
                offset[i] = ((image * a.height.in + top[i]) * a.width.in + left[i]) * a.pixel;
            }
        }
    }
};

/* Where a place of the depth lies in a window. */
struct nn_tap {
    int down, across, offset;

    __device__ __forceinline__ nn_tap(const nn_cuda_tiles &a, int k) {
        down = across = 0;
        offset = k;
        if (a.is_plain) return;
        uint32_t channel, column;
        const uint32_t tap = nn_divide(static_cast<uint32_t>(k), a.by_channels, &channel);
        down = static_cast<int>(nn_divide(tap, a.by_taps_across, &column)) * a.height.dilation;
        across = static_cast<int>(column) * a.width.dilation;
        offset = (down * a.width.in + across) * a.pixel + static_cast<int>(channel);
    }
    __device__ __forceinline__ bool is_inside(const nn_cuda_tiles &a, int top, int left) const {
        if (a.is_plain) return top == 0;
        return static_cast<unsigned>(top + down) < static_cast<unsigned>(a.height.in) &&
               static_cast<unsigned>(left + across) < static_cast<unsigned>(a.width.in);
    }
};

/* One chunk of each of the thread's rows, beginning at place k of the depth. */
template <typename TILE, int ACCESS>
__device__ __forceinline__ void nn_copy_rows(const nn_cuda_tiles &a, const uint8_t *x,
                                             const nn_row_lines<TILE> &lines, uint8_t *shared,
                                             int line, int chunk, int k, int k_end) {
    if constexpr (ACCESS > 1) {
#pragma unroll
        for (int part = 0; part < NN_CHUNK; part += ACCESS) {
            const bool is_wanted = k + part < k_end;
            const nn_tap tap(a, is_wanted ? k + part : 0);
#pragma unroll
            for (int i = 0; i < TILE::row_lines; i++) {
                const uint8_t *from = tap.is_inside(a, lines.top[i], lines.left[i])
                                          ? x + lines.offset[i] + tap.offset
                                          : a.padding;
                nn_copy_async<ACCESS>(shared + TILE::place(line + i * TILE::lines_at_once, chunk) +
                                          part,
                                      from, is_wanted);
            }
        }
    } else {
        uint32_t words[TILE::row_lines][4];
#pragma unroll
        for (int part = 0; part < NN_CHUNK; part++) {
            const bool is_wanted = k + part < k_end;
            const nn_tap tap(a, is_wanted ? k + part : 0);
#pragma unroll
            for (int i = 0; i < TILE::row_lines; i++) {
                uint32_t byte = 0;
                if (is_wanted)
                    byte = tap.is_inside(a, lines.top[i], lines.left[i])
                               ? x[lines.offset[i] + tap.offset]
                               : a.padding[0];
                words[i][part / 4] =
                    part % 4 == 0 ? byte : words[i][part / 4] | byte << 8 * (part % 4);
            }
        }
#pragma unroll
        for (int i = 0; i < TILE::row_lines; i++)
            *reinterpret_cast<uint4 *>(shared +
                                       TILE::place(line + i * TILE::lines_at_once, chunk)) =
                make_uint4(words[i][0], words[i][1], words[i][2], words[i][3]);
    }
}

template <typename TILE>
__device__ __forceinline__ void nn_copy_columns(const nn_cuda_tiles &a, const int8_t *w, int first,
                                                uint8_t *shared, int line, int chunk, int k) {
#pragma unroll
    for (int i = 0; i < TILE::column_lines; i++) {
        const int own = line + i * TILE::lines_at_once, column = first + own;
        const bool is_wanted = column < a.columns && k < a.w_step;
        const int64_t offset = is_wanted ? static_cast<int64_t>(column) * a.w_step + k : 0;
        nn_copy_async<NN_CHUNK>(shared + TILE::place(own, chunk), w + offset, is_wanted);
    }
}

/* What a warp holds. */
template <typename TILE> struct nn_warp_sums {
    int sums[TILE::row_blocks][TILE::column_blocks][4];
    int of_rows[TILE::row_blocks]
               [4]; /* sums of x alone: the first two entries of a row are alike */
};

template <typename TILE, bool SIGNED>
__device__ __forceinline__ void nn_multiply_stage(nn_warp_sums<TILE> &held, const uint8_t *rows,
                                                  const uint8_t *columns, int row, int column,
                                                  int slice, bool sums_rows) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const uint32_t ones[2] = {0x01010101u, 0x01010101u};
#pragma unroll
    for (int step = 0; step < TILE::depth / 32 / TILE::slices; step++) {
        const int chunk = (step * TILE::slices + slice) * 2;
        uint32_t a[TILE::row_blocks][4], b[TILE::column_blocks / 2][4];
        /* a: rows 0-7 and 8-15 of the first chunk, then of the second */
#pragma unroll
        for (int i = 0; i < TILE::row_blocks; i++)
            nn_load_matrices(a[i], rows + TILE::place(row + i * 16 + lane % 16, chunk + lane / 16));
            /* b: columns 0-7 of both chunks, then columns 8-15 */
#pragma unroll
        for (int j = 0; j < TILE::column_blocks / 2; j++)
            nn_load_matrices(b[j], columns + TILE::place(column + j * 16 + lane % 8 + lane / 16 * 8,
                                                         chunk + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < TILE::row_blocks; i++) {
#pragma unroll
            for (int j = 0; j < TILE::column_blocks; j++) {
                const uint32_t own[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
                nn_multiply_bytes<SIGNED>(held.sums[i][j], a[i], own);
            }
            if constexpr (TILE::takes_zeros)
                if (sums_rows) nn_multiply_bytes<SIGNED>(held.of_rows[i], a[i], ones);
        }
    }
}

/* Adds what the other slices hold to the first one's; `shared` is free. */
template <typename TILE>
__device__ __forceinline__ void nn_join_slices(nn_warp_sums<TILE> &held, int *shared, int slice) {
    constexpr int warps = TILE::row_warps * TILE::column_warps;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int warp = static_cast<int>(threadIdx.x) / 32 % warps;
    static_assert((TILE::slices - 1) * warps * TILE::sums * 32 * 4 <=
                      TILE::stages * TILE::stage_bytes,
                  "the sums of slices fit where stages were");
    int *flat = &held.sums[0][0][0];
    if (slice > 0) {
        int *own = shared + ((slice - 1) * warps + warp) * TILE::sums * 32 + lane;
#pragma unroll
        for (int i = 0; i < TILE::sums; i++) own[i * 32] = flat[i];
    }
    __syncthreads();
    if (slice == 0) {
        for (int other = 0; other < TILE::slices - 1; other++) {
            const int *from = shared + (other * warps + warp) * TILE::sums * 32 + lane;
#pragma unroll
            for (int i = 0; i < TILE::sums; i++) flat[i] += from[i * 32];
        }
    }
    __syncthreads();
}

/* Place of sum k of block (i, j) in the warp's part of the tile. */
__device__ __forceinline__ int nn_sum_row(int i, int k) {
    return i * 16 + static_cast<int>(threadIdx.x) % 32 / 4 + k / 2 * 8;
}
__device__ __forceinline__ int nn_sum_column(int j, int k) {
    return j * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + k % 2;
}

/* Sums of a split. */
template <typename TILE>
__device__ __forceinline__ void nn_store_parts(const nn_cuda_tiles &a,
                                               const nn_warp_sums<TILE> &held, int64_t group_column,
                                               int row, int column, int split) {
#pragma unroll
    for (int i = 0; i < TILE::row_blocks; i++)
#pragma unroll
        for (int j = 0; j < TILE::column_blocks; j++)
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const int m = row + nn_sum_row(i, k), n = column + nn_sum_column(j, k);
                if (m >= a.rows || n >= a.columns) continue;
                const int64_t line = static_cast<int64_t>(split) * a.rows + m;
                a.parts[line * a.y_step + group_column + n] = held.sums[i][j][k];
            }
}

/* Rounded bytes into the tile that stands in shared memory, lines of COLUMNS + 16 bytes. */
template <typename TILE>
__device__ __forceinline__ void nn_store_bytes(const nn_cuda_tiles &a, const nn_cuda_finish &f,
                                               const nn_warp_sums<TILE> &held, uint8_t *bytes,
                                               int row, int column, int first_column) {
#pragma unroll
    for (int j = 0; j < TILE::column_blocks; j++) {
        const int at = column + nn_sum_column(j, 0), n = first_column + at;
        int start[2] = {0, 0};
        float multiplier[2] = {0.0f, 0.0f}, offset[2] = {0.0f, 0.0f};
#pragma unroll
        for (int k = 0; k < 2; k++) {
            if (n + k >= a.columns) continue;
            start[k] = f.start[n + k];
            multiplier[k] = f.multiplier[n + k];
            if (f.offset != nullptr) offset[k] = f.offset[n + k];
        }
#pragma unroll
        for (int i = 0; i < TILE::row_blocks; i++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                unsigned pair = 0;
#pragma unroll
                for (int k = 0; k < 2; k++) {
                    const int sum = held.sums[i][j][half * 2 + k] + start[k];
                    float value = __fmul_rn(static_cast<float>(sum), multiplier[k]);
                    if (f.offset != nullptr) value = __fadd_rn(value, offset[k]);
                    pair |= (static_cast<unsigned>(nn_round_byte(value, f.rounding)) & 255u)
                            << 8 * k;
                }
                const int line = row + nn_sum_row(i, half * 2);
                *reinterpret_cast<uint16_t *>(bytes + line * (TILE::columns + NN_CHUNK) + at) =
                    static_cast<uint16_t>(pair);
            }
    }
}

/* From there to y, with the addend. */
template <typename TILE>
__device__ __forceinline__ void nn_write_bytes(const nn_cuda_tiles &a, const nn_cuda_finish &f,
                                               const uint8_t *bytes, uint8_t *y, int first_row,
                                               int first_column) {
    constexpr int pieces = TILE::columns / NN_CHUNK;
    const bool is_whole =
        a.columns % NN_CHUNK == 0 && a.y_step % NN_CHUNK == 0 && a.y_group % NN_CHUNK == 0 &&
        (reinterpret_cast<uintptr_t>(y) | reinterpret_cast<uintptr_t>(f.addend)) % NN_CHUNK == 0;
    for (int piece = static_cast<int>(threadIdx.x); piece < TILE::rows * pieces;
         piece += TILE::threads) {
        const int line = piece / pieces, at = piece % pieces * NN_CHUNK;
        const int m = first_row + line, n = first_column + at;
        if (m >= a.rows || n >= a.columns) continue;
        const int64_t place = static_cast<int64_t>(m) * a.y_step + n;
        const uint8_t *from = bytes + line * (TILE::columns + NN_CHUNK) + at;
        if (is_whole) {
            nn_vector<uint8_t> out = nn_load_vector(from);
            if (f.addend != nullptr) {
                const nn_vector<uint8_t> addend = nn_load_vector(f.addend + place);
#pragma unroll
                for (int i = 0; i < NN_CHUNK; i++)
                    out.items[i] = nn_add_bytes(f, out.items[i], addend.items[i]);
            }
            nn_store_vector(y + place, out);
            continue;
        }
        for (int i = 0; i < NN_CHUNK && n + i < a.columns; i++)
            y[place + i] =
                f.addend != nullptr ? nn_add_bytes(f, from[i], f.addend[place + i]) : from[i];
    }
}

/* All other results: 16 rows of a warp's sums at a time go through its part of shared memory, so
 * that what computes them is there once and neighbours write neighbours. */
template <typename TILE>
__device__ __forceinline__ void nn_write_others(const nn_cuda_tiles &a, const nn_cuda_finish &f,
                                                const nn_warp_sums<TILE> &held, int *shared,
                                                void *y, int row, int column) {
    constexpr int step = TILE::warp_columns + 4;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    int *own = shared + static_cast<int>(threadIdx.x) / 32 * 16 * step;
#pragma unroll
    for (int i = 0; i < TILE::row_blocks; i++) {
        __syncwarp();
#pragma unroll
        for (int j = 0; j < TILE::column_blocks; j++)
#pragma unroll
            for (int k = 0; k < 4; k++)
                own[nn_sum_row(0, k) * step + nn_sum_column(j, k)] = held.sums[i][j][k];
        __syncwarp();
#pragma unroll 1
        for (int at = lane; at < 16 * TILE::warp_columns; at += 32) {
            const int m = row + i * 16 + at / TILE::warp_columns;
            const int n = column + at % TILE::warp_columns;
            if (m >= a.rows || n >= a.columns) continue;
            nn_finish(f, y, static_cast<int64_t>(m) * a.y_step + n,
                      own[at / TILE::warp_columns * step + at % TILE::warp_columns], n);
        }
    }
}

template <typename TILE>
__device__ __forceinline__ void nn_take_off_zeros(const nn_cuda_tiles &a, const int32_t *w_zero,
                                                  nn_warp_sums<TILE> &held, int column) {
#pragma unroll
    for (int j = 0; j < TILE::column_blocks; j++)
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int n = column + nn_sum_column(j, k);
            const int zero = n < a.columns ? w_zero[n] : 0;
#pragma unroll
            for (int i = 0; i < TILE::row_blocks; i++)
                held.sums[i][j][k] -= zero * held.of_rows[i][k];
        }
}

/* Each file has kernels of its own. */
namespace {

template <typename TILE, int ACCESS, bool SIGNED>
__global__ void __launch_bounds__(TILE::threads, TILE::blocks) nn_tile_kernel(nn_cuda_tiles a) {
    uint8_t *shared = nn_dynamic_shared<uint8_t>();
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
    const int line = thread / TILE::chunks, chunk = thread % TILE::chunks;
    const int group = static_cast<int>(blockIdx.z) / a.splits;
    const int split = static_cast<int>(blockIdx.z) % a.splits;
    const int first_row = static_cast<int>(blockIdx.x) * TILE::rows;
    const int first_column = static_cast<int>(blockIdx.y) * TILE::columns;
    const int slice = warp / (TILE::row_warps * TILE::column_warps);
    const int row = warp % TILE::row_warps * TILE::warp_rows;
    const int column = warp / TILE::row_warps % TILE::column_warps * TILE::warp_columns;
    const uint8_t *x = a.x + group * a.x_group;
    const int8_t *w = a.w + group * a.w_group;
    const bool sums_rows = a.w_zero != nullptr;

    const int k_begin = split * a.split_depth;
    const int k_end = min(a.depth, k_begin + a.split_depth);
    const int stages = (k_end - k_begin + TILE::depth - 1) / TILE::depth;
    const nn_row_lines<TILE> lines(a, first_row + line);
    const auto copy = [&](int stage) {
        uint8_t *to = shared + stage % TILE::stages * TILE::stage_bytes;
        const int k = k_begin + stage * TILE::depth + chunk * NN_CHUNK;
        nn_copy_rows<TILE, ACCESS>(a, x, lines, to, line, chunk, k, k_end);
        nn_copy_columns<TILE>(a, w, first_column, to + TILE::rows * TILE::depth, line, chunk, k);
    };

    nn_warp_sums<TILE> held;
#pragma unroll
    for (int i = 0; i < TILE::row_blocks; i++)
#pragma unroll
        for (int k = 0; k < 4; k++) {
            held.of_rows[i][k] = 0;
#pragma unroll
            for (int j = 0; j < TILE::column_blocks; j++) held.sums[i][j][k] = 0;
        }
#pragma unroll
    for (int stage = 0; stage < TILE::stages - 1; stage++) {
        if (stage < stages) copy(stage);
        nn_end_copies();
    }
    for (int stage = 0; stage < stages; stage++) {
        nn_wait_copies<TILE::stages - 2>();
        __syncthreads(); /* the stage is there for all, and all are done with the one before */
        if (stage + TILE::stages - 1 < stages) copy(stage + TILE::stages - 1);
        nn_end_copies();
        const uint8_t *from = shared + stage % TILE::stages * TILE::stage_bytes;
        nn_multiply_stage<TILE, SIGNED>(held, from, from + TILE::rows * TILE::depth, row, column,
                                        slice, sums_rows);
    }
    nn_wait_copies<0>();
    __syncthreads();

    if constexpr (TILE::takes_zeros)
        if (sums_rows)
            nn_take_off_zeros<TILE>(a, a.w_zero + group * a.numbers_group, held,
                                    first_column + column);
    if constexpr (TILE::slices > 1)
        nn_join_slices<TILE>(held, reinterpret_cast<int *>(shared), slice);
    if (a.splits > 1) {
        if (slice == 0)
            nn_store_parts<TILE>(a, held, group * a.y_group, first_row + row, first_column + column,
                                 split);
        return;
    }
    nn_cuda_finish f = a.finish;
    f.start += group * a.numbers_group;
    if (f.multiplier != nullptr) f.multiplier += group * a.numbers_group;
    if (f.offset != nullptr) f.offset += group * a.numbers_group;
    const int64_t y_group = group * a.y_group;
    if (f.addend != nullptr) f.addend += y_group;
    if (f.is_simple) {
        static_assert(TILE::rows * (TILE::columns + NN_CHUNK) <= TILE::stages * TILE::stage_bytes,
                      "the tile of bytes fits where stages were");
        if (slice == 0) nn_store_bytes<TILE>(a, f, held, shared, row, column, first_column);
        __syncthreads();
        nn_write_bytes<TILE>(a, f, shared, static_cast<uint8_t *>(a.y) + y_group, first_row,
                             first_column);
        return;
    }
    static_assert(TILE::row_warps * TILE::column_warps * 16 * (TILE::warp_columns + 4) * 4 <=
                      TILE::stages * TILE::stage_bytes,
                  "the sums of 16 rows of each warp fit where stages were");
    if (slice > 0) return;
    void *y = f.type == NNOPT_FLOAT || f.type == NNOPT_INT32
                  ? static_cast<void *>(static_cast<int32_t *>(a.y) + y_group)
                  : static_cast<void *>(static_cast<uint8_t *>(a.y) + y_group);
    nn_write_others<TILE>(a, f, held, reinterpret_cast<int *>(shared), y, first_row + row,
                          first_column + column);
}

template <typename TILE, int ACCESS, bool SIGNED>
cudaError_t nn_launch_tile(const nn_cuda_tiles &a, cudaStream_t stream) {
    const dim3 grid(static_cast<unsigned>((a.rows + TILE::rows - 1) / TILE::rows),
                    static_cast<unsigned>((a.columns + TILE::columns - 1) / TILE::columns),
                    static_cast<unsigned>(a.groups * a.splits));
    return nn_launch(nn_tile_kernel<TILE, ACCESS, SIGNED>, grid, TILE::threads,
                     TILE::stages * TILE::stage_bytes, stream, a);
}

template <typename TILE, bool SIGNED>
cudaError_t nn_launch_access(const nn_cuda_tiles &a, cudaStream_t stream) {
    const int access = nn_cuda_tile_access(&a);
    if (access == 16) return nn_launch_tile<TILE, 16, SIGNED>(a, stream);
    if constexpr (nn_takes_all(TILE::rows, TILE::columns)) {
        if (access == 4) return nn_launch_tile<TILE, 4, SIGNED>(a, stream);
        return nn_launch_tile<TILE, 1, SIGNED>(a, stream);
    }
    return cudaErrorInvalidValue;
}

template <bool SIGNED>
cudaError_t nn_launch_form(const nn_cuda_tiles &a, int form, cudaStream_t stream) {
    int at = 0;
#define NN_TRY_FORM(...)                                                                           \
    if (form == at++) return nn_launch_access<nn_tile<__VA_ARGS__>, SIGNED>(a, stream);
    NN_CUDA_TILE_ROWS(NN_TRY_FORM)
#undef NN_TRY_FORM
    return cudaErrorInvalidValue;
}

} // namespace

#endif
