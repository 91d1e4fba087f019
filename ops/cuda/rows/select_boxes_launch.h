#ifndef NN_CUDA_SELECT_BOXES_LAUNCH_H
#define NN_CUDA_SELECT_BOXES_LAUNCH_H

#include "ops/cuda/runtime/fault_launch.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* SelectBoxes (ops/family/box_selection.h): boxes [samples, boxes, 4], scores [samples, classes,
 * boxes]; triples has room for `most` of each class of each sample, and is all zeros. An overlap
 * that is not from 0 to 1 is a fault. */
typedef struct nn_cuda_select_boxes {
    bool is_centered;
    int64_t samples, classes, boxes, most;
    const float *corners, *scores;
    const float *overlap, *score_limit; /* one number each; NULL: 0, none */
    int64_t *triples, *count;
    /* Workspace: for each class of each sample the scores that are left, what was found, and how
     * much. */
    float *left;
    int32_t *found, *found_count;
    nn_cuda_fault fault;
} nn_cuda_select_boxes;
cudaError_t nn_cuda_launch_select_boxes(const nn_cuda_select_boxes *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
