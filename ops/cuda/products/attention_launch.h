#ifndef NN_CUDA_ATTENTION_LAUNCH_H
#define NN_CUDA_ATTENTION_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Vectors [batch][head][row][size] of floats of 16 or 32 bits; steps count elements. */
typedef struct nn_cuda_heads {
    nnopt_type type;
    const void *data; /* NULL: absent */
    int64_t batch_step, head_step, row_step;
} nn_cuda_heads;

/* Which intermediate values are written to `scores`: nn_attention_scores of ops/family/attention.h.
 */
typedef enum nn_cuda_scores {
    NN_CUDA_SCORES_RAW,
    NN_CUDA_SCORES_CAPPED,
    NN_CUDA_SCORES_BIASED,
    NN_CUDA_SCORES_PROBABILITIES,
} nn_cuda_scores;

/* Scaled dot product attention as ops/family/attention.h defines it. */
typedef struct nn_cuda_attention {
    int64_t batch, q_heads, kv_heads;
    int64_t q_length, past_length, length;
    int64_t head_size, value_size; /* at most NN_CUDA_HEAD_SIZE */
    nn_cuda_heads q, k, v, past_k, past_v;
    nn_cuda_heads y; /* written */
    float scale, cap;
    int64_t left, right;
    const int64_t *valid;
    nnopt_type mask_type; /* bool or floats */
    const void *mask;
    int64_t mask_steps[3], mask_columns;
    nn_cuda_scores scores_kind;
    nnopt_type scores_type;
    void *scores; /* NULL: not wanted */
} nn_cuda_attention;

enum {
    NN_CUDA_HEAD_SIZE = 256,
    NN_CUDA_HALF_HEAD_SIZE = 128,  /* on tensor cores */
    NN_CUDA_MULTIPROCESSORS = 132, /* fewer blocks leave some of a large device idle */
};

cudaError_t nn_cuda_launch_attention(const nn_cuda_attention *arguments, cudaStream_t stream);

/* On tensor cores (attention_half.cu), which nn_cuda_launch_attention takes where it can: queries,
 * keys and values of the same 16 bits, no scores to write. */
bool nn_cuda_takes_half_attention(const nn_cuda_attention *arguments);
cudaError_t nn_cuda_launch_half_attention(const nn_cuda_attention *arguments, cudaStream_t stream);

/* out[batch][head][row] = past or now: keys or values of the past, then new ones. */
typedef struct nn_cuda_present {
    int64_t batch, heads, past_length, length, size;
    nn_cuda_heads past, now;
    void *out; /* dense, of the type of `now` */
} nn_cuda_present;

cudaError_t nn_cuda_launch_present(const nn_cuda_present *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
