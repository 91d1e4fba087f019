#ifndef NN_CUDA_RESIZE_LAUNCH_H
#define NN_CUDA_RESIZE_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NN_CUDA_RESIZE_AXES = 3 };

/* An axis that changes, and how many elements stand behind it up to the next one that does.
 * Coordinates and roundings are values of ops/family/resize.h. */
typedef struct nn_cuda_resize_axis {
    int64_t in, out, inner;
    double scale, length, roi_begin, roi_end;
    int changes; /* else in and out are 1 */
} nn_cuda_resize_axis;

/* x is [outer, in, inner, in, inner, in, inner], y the same with out. */
typedef struct nn_cuda_resize {
    nnopt_type type; /* of what is interpolated */
    int bytes;       /* of an element */
    int taps;        /* 1: nearest; 2: linear; 4: cubic */
    int coordinates, rounding, exclude_outside;
    int antialias; /* filters are stretched along axes that become shorter */
    double cubic;
    int64_t outer;
    nn_cuda_resize_axis axes[NN_CUDA_RESIZE_AXES];
    double extrapolation;
    uint64_t outside[2]; /* the same as an element */
    const void *x;
    void *y;
} nn_cuda_resize;

cudaError_t nn_cuda_launch_resize(const nn_cuda_resize *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
