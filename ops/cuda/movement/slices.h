#ifndef NN_CUDA_SLICES_H
#define NN_CUDA_SLICES_H

#include "ops/cuda/movement/gather_launch.h"
#include "ops/op.h"

/* The slices of GatherND and ScatterND, with a fault of their own for indices out of range. */
nn_status nn_cuda_slices_make(const nn_call *call, const nn_tensor *data, const nn_tensor *indices,
                              int batch_dims, nn_cuda_slices *out);

#endif
