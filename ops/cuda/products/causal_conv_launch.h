#ifndef NN_CUDA_CAUSAL_CONV_LAUNCH_H
#define NN_CUDA_CAUSAL_CONV_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[row][t] = bias + sum over k of weight[k] line[row][t + k], where the line of a row is its past
 * of taps - 1 elements, or zeros, and then x; present is the end of the line. A row is a channel of
 * a sample. All of one type: float, float16, bfloat16. */
typedef struct nn_cuda_causal_conv {
    nnopt_type type;
    bool silu;
    int64_t batch, channels, length, taps;
    const void *x, *weight, *bias, *past; /* bias and past may be NULL */
    void *y, *present;                    /* present may be NULL */
} nn_cuda_causal_conv;
cudaError_t nn_cuda_launch_causal_conv(const nn_cuda_causal_conv *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
