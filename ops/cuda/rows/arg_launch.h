#ifndef NN_CUDA_ARG_LAUNCH_H
#define NN_CUDA_ARG_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x is [outer, size, inner], size > 0. y[outer, inner] is the place along `size` of the largest (or
 * smallest) element, of equals the first (or last); NaN beats all. With `one_hot` y is like x: 1 at
 * that place, else 0. y may be x then. */
typedef struct nn_cuda_arg {
    nnopt_type type;
    int largest, last, one_hot;
    const void *x;
    void *y;
    int64_t outer, size, inner;
} nn_cuda_arg;

cudaError_t nn_cuda_launch_arg(const nn_cuda_arg *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
