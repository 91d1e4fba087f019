#include "ops/cuda/movement/copy_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/movement/bytes.cuh"

namespace {

constexpr int THREADS = 256;

template <typename T> __global__ void copy(nn_cuda_loops loops, T *to, const T *from) {
    for (int64_t i = nn_first(); i < loops.count; i += nn_stride()) {
        int64_t places[2];
        nn_locate(loops, i, places);
        to[places[0]] = from[places[1]];
    }
}

template <typename T> cudaError_t launch(const nn_cuda_copy &a, cudaStream_t stream) {
    return nn_launch(copy<T>, nn_grid_for(a.loops.count, THREADS), THREADS, 0, stream, a.loops,
                     static_cast<T *>(a.to), static_cast<const T *>(a.from));
}

/* ---- tiles ---- */

/* A side of a tile: 32 neighbours of 4 bytes are a line of 128 bytes, of the small types 64 are. */
template <typename T> struct tile {
    static constexpr int side = sizeof(T) <= 2 ? 64 : sizeof(T) <= 8 ? 32 : 16;
};
constexpr int TILE_ROWS = 8; /* of threads */

/* Blocks take tile after tile: `band_tiles` along the columns, then the rows, then the loops. A
 * tile has a column more than it needs, so that the threads of a warp hit different banks. */
template <typename T>
__global__ void transpose(nn_cuda_loops loops, T *to, const T *from, int64_t rows, int64_t columns,
                          int64_t row_step, int64_t column_step, int64_t row_tiles,
                          int64_t column_tiles) {
    constexpr int side = tile<T>::side;
    __shared__ T cells[side][side + 1];
    const int64_t tiles = loops.count * row_tiles * column_tiles;
    for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
        int64_t places[2];
        const int64_t plane = i / (row_tiles * column_tiles);
        const int64_t rest = i - plane * (row_tiles * column_tiles);
        const int64_t row = rest / column_tiles * side, column = rest % column_tiles * side;
        nn_locate(loops, plane, places);
        const T *source = from + places[1] + row + column * column_step;
        T *target = to + places[0] + row * row_step + column;
        for (int k = threadIdx.y; k < side && column + k < columns; k += TILE_ROWS)
            if (row + threadIdx.x < rows)
                cells[k][threadIdx.x] = source[k * column_step + threadIdx.x];
        __syncthreads();
        for (int k = threadIdx.y; k < side && row + k < rows; k += TILE_ROWS)
            if (column + threadIdx.x < columns)
                target[k * row_step + threadIdx.x] = cells[threadIdx.x][k];
        __syncthreads();
    }
}

template <typename T>
cudaError_t launch_tiles(const nn_cuda_transposition &a, cudaStream_t stream) {
    constexpr int side = tile<T>::side;
    const int64_t row_tiles = (a.rows + side - 1) / side;
    const int64_t column_tiles = (a.columns + side - 1) / side;
    return nn_launch(transpose<T>, nn_grid_for(a.loops.count * row_tiles * column_tiles, 1),
                     dim3(side, TILE_ROWS), 0, stream, a.loops, static_cast<T *>(a.to),
                     static_cast<const T *>(a.from), a.rows, a.columns, a.row_step, a.column_step,
                     row_tiles, column_tiles);
}

} // namespace

cudaError_t nn_cuda_launch_copy(const nn_cuda_copy *arguments, cudaStream_t stream){
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch, *arguments, stream)}

cudaError_t
    nn_cuda_launch_transposition(const nn_cuda_transposition *arguments, cudaStream_t stream) {
    NN_BY_SIZE(arguments->bytes, cudaErrorInvalidValue, launch_tiles, *arguments, stream)
}
