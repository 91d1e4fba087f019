#include "ops/cuda/int8/tiles.cuh"

cudaError_t nn_cuda_launch_signed_tiles(const nn_cuda_tiles *arguments, int form,
                                        cudaStream_t stream) {
    return nn_launch_form<true>(*arguments, form, stream);
}
