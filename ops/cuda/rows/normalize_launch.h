#ifndef NN_CUDA_NORMALIZE_LAUNCH_H
#define NN_CUDA_NORMALIZE_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* nn_normalize of ops/family/normalize.h with its data; size > 0. y may be x where the types are
 * the same. Parameters are double where x is, else any other floating type. */
typedef struct nn_cuda_normalize {
    nnopt_type x_type, y_type, scale_type, bias_type, statistics_type;
    int is_rms; /* the mean is taken as 0, the variance is the mean square */
    int64_t rows, size, run, period, row_periods, width, stride, rows_per_block;
    double epsilon;
    const void *x, *scale, *bias;       /* bias may be NULL */
    void *y, *mean, *inverse_deviation; /* the last two may be NULL */
} nn_cuda_normalize;

cudaError_t nn_cuda_launch_normalize(const nn_cuda_normalize *arguments, cudaStream_t stream);

/* y[outer, channel, inner] = (x - mean) / sqrt(variance + epsilon) scale + bias, a parameter for
 * each channel. y may be x. */
typedef struct nn_cuda_batch_normalize {
    nnopt_type type, parameter_types[4]; /* scale, bias, mean, variance */
    const void *parameters[4];
    double epsilon;
    int64_t outer, channels, inner;
    const void *x;
    void *y;
} nn_cuda_batch_normalize;

cudaError_t nn_cuda_launch_batch_normalize(const nn_cuda_batch_normalize *arguments,
                                           cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
