#include "ops/cuda/int8/numbers_launch.h"

#include "ops/cuda/int8/parameters.cuh"

namespace {

enum { BLOCK = 128 };

__global__ void __launch_bounds__(BLOCK) fill_numbers(nn_cuda_numbers a) {
    const int x_zero = nn_parameter_byte(a.x_zero, 0);
    const float x_scale =
        a.x_scale.data == nullptr ? a.scale : __fmul_rn(a.scale, nn_parameter_float(a.x_scale, 0));
    const bool has_bias = a.bias.data != nullptr;
    for (int64_t i = nn_first(); i < a.columns; i += nn_stride()) {
        unsigned start = 0u - static_cast<unsigned>(x_zero) * static_cast<unsigned>(a.w_sums[i]);
        if (has_bias && a.offset == nullptr)
            start += static_cast<unsigned>(static_cast<const int32_t *>(a.bias.data)[i]);
        a.start[i] = static_cast<int>(start);
        float multiplier = 0.0f;
        if (a.w_scale.data != nullptr) {
            multiplier = __fmul_rn(x_scale, nn_parameter_float(a.w_scale, i));
            if (a.divides) multiplier = __fdiv_rn(multiplier, a.y_scale);
        }
        a.multiplier[i] = multiplier;
        if (a.offset == nullptr) continue;
        const float bias = static_cast<const float *>(a.bias.data)[i];
        a.offset[i] = a.divides ? __fdiv_rn(bias, a.y_scale) : bias;
    }
    if (nn_first() < NN_CUDA_PADDING_BYTES) a.padding[nn_first()] = static_cast<uint8_t>(x_zero);
}

} // namespace

cudaError_t nn_cuda_launch_numbers(const nn_cuda_numbers *arguments, cudaStream_t stream) {
    const unsigned grid = nn_grid_for(arguments->columns, BLOCK);
    return nn_launch(fill_numbers, grid > 0 ? grid : 1, BLOCK, 0, stream, *arguments);
}
