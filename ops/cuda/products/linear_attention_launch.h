#ifndef NN_CUDA_LINEAR_ATTENTION_LAUNCH_H
#define NN_CUDA_LINEAR_ATTENTION_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* LinearAttention (ops/family/linear_attention.h). Types are float, float16 or bfloat16; the state
 * is kept in float. */
typedef struct nn_cuda_linear_attention {
    nnopt_type type; /* of query, key, value, y */
    nnopt_type past_type, decay_type, beta_type, present_type;
    int64_t batch, length, q_heads, kv_heads, key, value;
    int64_t decays, betas; /* nn_linear_sizes */
    float scale;
    const void *query, *keys, *values;
    const void *past, *decay, *beta; /* NULL: zeros, no decay, no correction */
    void *y, *present;               /* present may be NULL */
} nn_cuda_linear_attention;

/* Bytes of shared memory that a block takes. */
size_t nn_cuda_linear_attention_shared(int64_t key);
cudaError_t nn_cuda_launch_linear_attention(const nn_cuda_linear_attention *arguments,
                                            cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
