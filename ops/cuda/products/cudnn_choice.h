/* Which engine of cuDNN runs a convolution: the fastest of those that the heuristics propose, kept
 * for the process, and between processes in a file (choice_file.h). */
#ifndef NN_CUDNN_CHOICE_H
#define NN_CUDNN_CHOICE_H

#include "ops/cuda/products/cudnn_conv.h"

/* *out lives as long as the process. NN_UNSUPPORTED where no engine runs the problem. */
nn_status nn_cudnn_choose(const nn_target *target, const nn_cudnn_conv *problem,
                          const nn_cudnn_conv_plan **out);

#endif
