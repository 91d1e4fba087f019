#include "ops/cuda/int8/tiles.cuh"

cudaError_t nn_cuda_launch_unsigned_tiles(const nn_cuda_tiles *arguments, int form,
                                          cudaStream_t stream) {
    return nn_launch_form<false>(*arguments, form, stream);
}
