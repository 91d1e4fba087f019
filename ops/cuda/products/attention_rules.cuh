/* Which keys a query of attention sees, and what is added to its scores. */
#ifndef NN_CUDA_ATTENTION_RULES_CUH
#define NN_CUDA_ATTENTION_RULES_CUH

#include "ops/cuda/products/attention_launch.h"
#include "ops/cuda/runtime/elements.cuh"

/* Keys [begin, end) that a query may see. */
struct nn_key_range {
    int64_t begin, end;
};

__device__ inline nn_key_range nn_range_of(const nn_cuda_attention &a, int64_t sample,
                                           int64_t query) {
    nn_key_range out = {0, a.valid != nullptr ? a.valid[sample] : a.length};
    int64_t before = a.past_length;
    if (a.valid != nullptr && a.past_k.data == nullptr) before = a.valid[sample] - a.q_length;
    const int64_t position = before + query, reach = a.length + a.q_length;
    if (a.left >= 0 && a.left < reach && position - a.left > 0) out.begin = position - a.left;
    if (a.right >= 0 && a.right < reach && position + a.right + 1 < out.end)
        out.end = position + a.right + 1;
    if (a.mask != nullptr && a.mask_columns < out.end) out.end = a.mask_columns;
    if (out.end < 0) out.end = 0;
    if (out.end > a.length) out.end = a.length;
    if (out.begin > out.end) out.begin = out.end;
    return out;
}

/* What the mask adds at element i. */
__device__ inline float nn_mask_at(const nn_cuda_attention &a, int64_t i) {
    if (a.mask_type == NNOPT_BOOL)
        return static_cast<const uint8_t *>(a.mask)[i] != 0 ? 0.0f : -INFINITY;
    return nn_load_as(a.mask_type, a.mask, i);
}

/* Where one query stands. */
struct nn_query_place {
    int64_t sample, head, query;
    nn_key_range range;
};

/* A score to what the softmax takes; -infinity where the key is not seen, whatever the score is. */
__device__ inline float nn_biased_score(const nn_cuda_attention &a, const nn_query_place &at,
                                        int64_t key, float x) {
    float bias = key < at.range.begin || key >= at.range.end ? -INFINITY : 0.0f;
    if (a.mask != nullptr && bias == 0.0f)
        bias = nn_mask_at(a, at.sample * a.mask_steps[0] + at.head * a.mask_steps[1] +
                                 at.query * a.mask_steps[2] + key);
    return bias == -INFINITY ? -INFINITY : x + bias;
}

__device__ inline float nn_capped_score(const nn_cuda_attention &a, float x) {
    return a.cap > 0.0f ? a.cap * tanhf(x / a.cap) : x;
}

#endif
