#ifndef NN_CUDA_CHAIN_LAUNCH_H
#define NN_CUDA_CHAIN_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"
#include "ops/family/functions.h"

#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NN_CUDA_CHAIN_STEPS = 16, NN_CUDA_CHAIN_OPERANDS = 3 };

/* The numbers of nn_chain_kind. */
typedef enum nn_cuda_chain_kind {
    NN_CUDA_CHAIN_FUNCTION,
    NN_CUDA_CHAIN_ADD,
    NN_CUDA_CHAIN_SUB,
    NN_CUDA_CHAIN_MUL,
    NN_CUDA_CHAIN_DIV,
    NN_CUDA_CHAIN_MAX,
    NN_CUDA_CHAIN_MIN,
} nn_cuda_chain_kind;

typedef struct nn_cuda_chain_step {
    unsigned char kind, function, operand;
    bool swapped;
    float p, q;
} nn_cuda_chain_step;

/* y = the steps after one another on x; loops of the operands y and x (one operand), then the
 * others. The others are float or have the type of x, each by itself. */
typedef struct nn_cuda_chain {
    nnopt_type type;
    int count, operand_count;
    nn_cuda_chain_step steps[NN_CUDA_CHAIN_STEPS];
    bool is_float[NN_CUDA_CHAIN_OPERANDS];
    nn_cuda_loops loops;
    const void *x, *operands[NN_CUDA_CHAIN_OPERANDS];
    void *y;
} nn_cuda_chain;

cudaError_t nn_cuda_launch_chain(const nn_cuda_chain *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
