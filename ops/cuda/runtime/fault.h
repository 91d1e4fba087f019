/* Broken rules that kernels find while a queue runs (fault_launch.h). */
#ifndef NN_CUDA_FAULT_H
#define NN_CUDA_FAULT_H

#include "ops/cuda/runtime/fault_launch.h"
#include "ops/op.h"

/* The faults of one queue: a word that its kernels write, and what the codes mean. */
typedef struct nn_cuda_faults nn_cuda_faults;
nn_status nn_cuda_faults_create(nn_cuda_faults **out);
void nn_cuda_faults_destroy(nn_cuda_faults *faults); /* NULL allowed */
/* After a wait: NN_BAD_INPUT names the node of a fault since the last call. */
nn_status nn_cuda_faults_check(nn_cuda_faults *faults);

/* What a kernel of this call writes when `rule` ("an index is out of range") is broken. */
nn_status nn_cuda_fault_make(const nn_call *call, const char *rule, nn_cuda_fault *out);

#endif
