#ifndef NN_CUDA_BINARY_LAUNCH_H
#define NN_CUDA_BINARY_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"
#include "ops/cuda/runtime/fault_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NN_CUDA_BINARY(symbol, ...) NN_CUDA_BINARY_##symbol,
typedef enum nn_cuda_binary_function {
#include "ops/cuda/elements/binary_functions.def"
    NN_CUDA_BINARIES,
} nn_cuda_binary_function;
#undef NN_CUDA_BINARY

/* y = f(a, b) over loops of the operands y, a, b; y may be a or b where it lies as they do. Types
 * agree, but for comparisons, which give bool, and the exponents of Pow. */
typedef struct nn_cuda_binary {
    nn_cuda_binary_function function;
    nnopt_type type, exponent_type;
    nn_cuda_loops loops;
    const void *a, *b;
    void *y;
    double p; /* Mod: not 0 is C's; SwiGLU: alpha; Mean: factor; BitShift: not 0 is to the right */
    /* Add of floating types but double: y = after(before(a + b) + residual); NULL: no residual. */
    bool has_epilogue;
    nn_activation_argument before, after;
    const void *residual;
    nn_cuda_fault fault; /* of a divisor of 0 */
} nn_cuda_binary;

cudaError_t nn_cuda_launch_binary(const nn_cuda_binary *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
