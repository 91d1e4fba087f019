/* From element types to C++ types. */
#ifndef NN_CUDA_TYPES_CUH
#define NN_CUDA_TYPES_CUH

#include "ops/cuda/runtime/elements.cuh"

#include <nnopt.h>

/* NN_BY_TYPE(type, CASE): CASE(C++ type) as a statement for each type that kernels compute with. */
#define NN_TYPE_CASE(TYPE, type, CASE)                                                             \
case NNOPT_##TYPE:                                                                                 \
    CASE(type)
#define NN_EACH_INTEGER_CASE(CASE)                                                                 \
    NN_TYPE_CASE(INT8, int8_t, CASE)                                                               \
    NN_TYPE_CASE(INT16, int16_t, CASE)                                                             \
    NN_TYPE_CASE(INT32, int32_t, CASE)                                                             \
    NN_TYPE_CASE(INT64, int64_t, CASE)                                                             \
    NN_TYPE_CASE(UINT8, uint8_t, CASE)                                                             \
    NN_TYPE_CASE(UINT16, uint16_t, CASE)                                                           \
    NN_TYPE_CASE(UINT32, uint32_t, CASE)                                                           \
    NN_TYPE_CASE(UINT64, uint64_t, CASE)
#define NN_EACH_FLOAT_CASE(CASE)                                                                   \
    NN_TYPE_CASE(FLOAT, float, CASE)                                                               \
    NN_TYPE_CASE(FLOAT16, __half, CASE)                                                            \
    NN_TYPE_CASE(BFLOAT16, __nv_bfloat16, CASE)                                                    \
    NN_TYPE_CASE(DOUBLE, double, CASE)

#endif
