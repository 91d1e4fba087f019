/* Indices on a device: checked where they are used. */
#ifndef NN_CUDA_INDEX_CUH
#define NN_CUDA_INDEX_CUH

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/movement/gather_launch.h"

__device__ __forceinline__ void nn_report(nn_cuda_fault fault) {
    if (fault.flag != nullptr) *fault.flag = fault.code;
}

/* In 0 .. size - 1, counted from the end where it is negative; -1 where the axis is empty. */
__device__ __forceinline__ int64_t nn_checked_index(int64_t index, int64_t size,
                                                    nn_cuda_fault fault) {
    const int64_t place = index < 0 ? index + size : index;
    if (place >= 0 && place < size) return place;
    nn_report(fault);
    return place < 0 && size > 0 ? 0 : size - 1;
}

__device__ __forceinline__ int64_t nn_index_at(nnopt_type type, const void *indices, int64_t i) {
    return type == NNOPT_INT32 ? static_cast<int64_t>(static_cast<const int32_t *>(indices)[i])
                               : static_cast<const int64_t *>(indices)[i];
}

/* First element of the slice that tuple `index` names; -1 where an axis is empty. */
__device__ __forceinline__ int64_t nn_slice_offset(const nn_cuda_slices &slices, int64_t index) {
    int64_t rest, offset = nn_divide(index, slices.batch, &rest) * slices.batch_step;
    for (int i = 0; i < slices.tuple; i++) {
        const int64_t place = nn_checked_index(slices.indices[index * slices.tuple + i],
                                               slices.dims[i], slices.fault);
        if (place < 0) return -1;
        offset += place * slices.steps[i];
    }
    return offset;
}

#endif
