#include "ops/cuda/int8/tiles.cuh"

#define NN_FORM(...) {__VA_ARGS__},
const nn_cuda_tile nn_cuda_tile_forms[NN_CUDA_TILES] = {NN_CUDA_TILE_ROWS(NN_FORM)};
#undef NN_FORM

namespace {

enum { BLOCK = 256 };

/* Four columns of a row for each thread, where they divide into four; else one. */
template <int WIDTH> __global__ void __launch_bounds__(BLOCK) join_parts(nn_cuda_tiles a) {
    const int64_t all = static_cast<int64_t>(a.rows) * a.y_step;
    for (int64_t i = nn_first(); i * WIDTH < all; i += nn_stride()) {
        int sums[WIDTH];
#pragma unroll
        for (int k = 0; k < WIDTH; k++) sums[k] = 0;
        for (int split = 0; split < a.splits; split++) {
            const int32_t *from = a.parts + split * all + i * WIDTH;
            if constexpr (WIDTH == 4) {
                const int4 part = *reinterpret_cast<const int4 *>(from);
                sums[0] += part.x;
                sums[1] += part.y;
                sums[2] += part.z;
                sums[3] += part.w;
            } else {
                sums[0] += *from;
            }
        }
        const int column = static_cast<int>(i * WIDTH % a.y_step);
#pragma unroll 1
        for (int k = 0; k < WIDTH; k++)
            nn_finish(a.finish, a.y, i * WIDTH + k, sums[k], column + k);
    }
}

cudaError_t join(const nn_cuda_tiles &a, cudaStream_t stream) {
    const int64_t all = static_cast<int64_t>(a.rows) * a.y_step;
    if (a.y_step % 4 == 0)
        return nn_launch(join_parts<4>, nn_grid_for(all / 4, BLOCK), BLOCK, 0, stream, a);
    return nn_launch(join_parts<1>, nn_grid_for(all, BLOCK), BLOCK, 0, stream, a);
}

} // namespace

int nn_cuda_tile_access(const nn_cuda_tiles *arguments) {
    const nn_cuda_tiles &a = *arguments;
    const int64_t steps = static_cast<int64_t>(a.channels) | a.pixel | a.x_group |
                          static_cast<int64_t>(reinterpret_cast<uintptr_t>(a.x));
    return steps % 16 == 0 ? 16 : steps % 4 == 0 ? 4 : 1;
}

bool nn_cuda_tile_takes(int form, int access, bool has_zeros) {
    const nn_cuda_tile &tile = nn_cuda_tile_forms[form];
    return (access == 16 && !has_zeros) || nn_takes_all(tile.rows, tile.columns);
}

cudaError_t nn_cuda_launch_tiles(const nn_cuda_tiles *arguments, int form, cudaStream_t stream) {
    const cudaError_t error = arguments->is_signed
                                  ? nn_cuda_launch_signed_tiles(arguments, form, stream)
                                  : nn_cuda_launch_unsigned_tiles(arguments, form, stream);
    if (error != cudaSuccess || arguments->splits == 1) return error;
    return join(*arguments, stream);
}
