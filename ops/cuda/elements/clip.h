#ifndef NN_CUDA_CLIP_H
#define NN_CUDA_CLIP_H

#include "ops/op.h"

/* Clip whose bounds are known only when it runs. */
extern const nn_kernel nn_kernel_clip_bounds_cuda;

#endif
