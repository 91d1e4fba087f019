/* From the loops of the CPU's kernels to those of the device's. */
#ifndef NN_CUDA_LOOPS_H
#define NN_CUDA_LOOPS_H

#include "ops/cuda/elements/loops_launch.h"
#include "ops/family/loops.h"

/* `loops` are collapsed. */
void nn_cuda_loops_make(const nn_loops *loops, nn_cuda_loops *out);
/* Operand 0 is output 0, dense, then inputs first .. last broadcast to it. Collapsed. */
void nn_cuda_loops_of_call(const nn_call *call, int first, int last, nn_cuda_loops *out);

#endif
