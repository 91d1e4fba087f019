#ifndef NN_CUDA_CLIP_LAUNCH_H
#define NN_CUDA_CLIP_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = x[i], not below *low and not above *high, which are of the same type and in the device's
 * memory; NULL: no bound. NaN stays. y may be x. */
typedef struct nn_cuda_clip {
    nnopt_type type; /* integers of 8 to 64 bits, floating types of 16 to 64 */
    int64_t count;
    const void *x, *low, *high;
    void *y;
} nn_cuda_clip;
cudaError_t nn_cuda_launch_clip(const nn_cuda_clip *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
