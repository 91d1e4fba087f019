#ifndef NN_CUDA_UNARY_LAUNCH_H
#define NN_CUDA_UNARY_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NN_CUDA_UNARY(symbol, ...)    NN_CUDA_FUNCTION_##symbol,
#define NN_CUDA_FUNCTION(symbol, ...) NN_CUDA_FUNCTION_##symbol,
typedef enum nn_cuda_function {
#include "ops/cuda/functions.def"
    NN_CUDA_FUNCTIONS,
} nn_cuda_function;
#undef NN_CUDA_UNARY
#undef NN_CUDA_FUNCTION

/* y[i] = f(x[i]); x and y may be the same. Types agree, but for predicates, which give bool. */
typedef struct nn_cuda_unary {
    nn_cuda_function function;
    nnopt_type type;   /* of x */
    double p, q;       /* parameters of floating types */
    int64_t low, high; /* bounds of integers; of uint64 the bits */
    const void *x;
    void *y;
    int64_t count;
} nn_cuda_unary;

cudaError_t nn_cuda_launch_unary(const nn_cuda_unary *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
