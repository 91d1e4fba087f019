#ifndef NN_CUDA_ROI_LAUNCH_H
#define NN_CUDA_ROI_LAUNCH_H

#include "ops/cuda/runtime/fault_launch.h"

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y [count, channels, out_height, out_width] from regions of x [batch, channels, height, width].
 * All of one floating type; channels last both x and y are. A region of no sample of x is a fault,
 * and is then of the nearest sample. */
typedef struct nn_cuda_roi {
    nnopt_type type;
    bool channels_last;
    int64_t batch, channels, height, width, count, out_height, out_width;
    float scale; /* from the regions' coordinates to elements of x */
    const void *x, *rois;
    void *y;
    nn_cuda_fault no_sample;
} nn_cuda_roi;

/* RoiAlign: rois [count, 4] are x1, y1, x2, y2. */
typedef struct nn_cuda_roi_align {
    nn_cuda_roi roi;
    int64_t points; /* of a bin along one axis; 0: about one for each element, up to `most` */
    int64_t most;
    bool takes_largest, half_pixel;
    const int64_t *samples;
    nn_cuda_fault too_large; /* more points than that */
} nn_cuda_roi_align;
cudaError_t nn_cuda_launch_roi_align(const nn_cuda_roi_align *arguments, cudaStream_t stream);

/* MaxRoiPool: rois [count, 5] begin with the sample. */
cudaError_t nn_cuda_launch_max_roi(const nn_cuda_roi *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
