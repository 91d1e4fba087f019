/* Scaled dot product attention: for each sample and query head
 *
 *     y = softmax(cap(scale q k^T) + bias) v
 *
 * where bias is 0 or -infinity outside of what a query may see, plus a mask. Query heads share key
 * and value heads in groups of q_heads / kv_heads neighbours. A query that may see nothing gives
 * zeros. */
#ifndef NN_FAMILY_ATTENTION_H
#define NN_FAMILY_ATTENTION_H

#include "ops/cpu/float32/rows_f32.h"
#include "ops/cpu/float32/tile_f32.h"

/* Vectors [batch][head][row][size] anywhere in memory; steps count elements, a vector is dense. */
typedef struct nn_heads {
    nn_type type;
    void *data; /* NULL: absent; not written for inputs */
    int64_t batch_step, head_step, row_step;
} nn_heads;

/* Which intermediate values are wanted: after the product, the cap, the bias, the softmax. */
typedef enum nn_attention_scores {
    NN_SCORES_RAW,
    NN_SCORES_CAPPED,
    NN_SCORES_BIASED,
    NN_SCORES_PROBABILITIES,
} nn_attention_scores;

typedef struct nn_attention {
    int64_t batch, q_heads, kv_heads;
    int64_t q_length, past_length, length; /* length: of all keys, those of the past first */
    int64_t head_size, value_size;
    nn_heads q, k, v, past_k, past_v, y;
    double scale, cap; /* cap 0: none */
    /* Query i of sample b stands at position i + past_length, or i + valid[b] - q_length. It sees
     * keys from position - left to position + right (each -1: without limit), and of valid[b] only.
     */
    int64_t left, right;
    const int64_t *valid; /* NULL: all; 0 <= valid[b] <= length */
    /* Bool (false: -infinity) or a number that is added, for the first mask_columns keys; those
     * behind are not seen. Steps of samples, heads and queries, 0 where broadcast. */
    nn_type mask_type;
    const void *mask; /* NULL: none */
    int64_t mask_steps[3], mask_columns;
    nn_type softmax_type; /* scores are rounded to it before the softmax, probabilities behind;
                             NONE: not */
    nn_attention_scores scores_kind;
    nn_type scores_type;
    void *scores; /* [batch, q_heads, q_length, length]; NULL: not wanted */
} nn_attention;

/* Inputs and outputs of the operator Attention. */
enum {
    NN_ATTENTION_Q,
    NN_ATTENTION_K,
    NN_ATTENTION_V,
    NN_ATTENTION_MASK,
    NN_ATTENTION_PAST_K,
    NN_ATTENTION_PAST_V,
    NN_ATTENTION_VALID,
};
enum { NN_ATTENTION_Y, NN_ATTENTION_PRESENT_K, NN_ATTENTION_PRESENT_V, NN_ATTENTION_SCORES };

/* A node of Attention with concrete facts; without a call, without data. */
nn_attention nn_attention_of(const nn_node_view *node, const nn_call *call);

/* In double, for every floating type. */
size_t nn_attention_reference_workspace(const nn_attention *attention, int threads);
void nn_attention_reference(const nn_attention *attention, nn_pool *pool, void *workspace);

/* What float kernels of one instruction set are made of. */
typedef struct nn_attention_parts {
    const nn_tiles_f32 *tiles;
    const nn_rows_f32 *rows;
} nn_attention_parts;

/* In float; q, k, v of float, float16 or bfloat16, softmax_type none or float. Memory grows with
 * the length of keys alone: scores exist for a few queries at a time. */
bool nn_attention_is_float(const nn_attention *attention);
size_t nn_attention_workspace(const nn_attention *attention, const nn_attention_parts *parts,
                              int threads);
void nn_attention_run(const nn_attention *attention, const nn_attention_parts *parts, nn_pool *pool,
                      void *workspace);

/* With bf16 products and float sums and softmax, for plans of that precision: q, k, v and y of
 * float or bf16; without a past, a length for each sample or scores. */
typedef struct nn_attention_bf16 nn_attention_bf16;
bool nn_attention_bf16_accepts(const nn_attention *attention, nn_isa isa);
/* Bytes of what prepare makes once, in memory aligned to 8, from the sizes, the types and the
 * instruction set. */
size_t nn_attention_bf16_bytes(const nn_attention *attention, nn_isa isa);
void nn_attention_bf16_make(const nn_attention *attention, nn_isa isa, nn_attention_bf16 *out);
size_t nn_attention_bf16_workspace(const nn_attention_bf16 *made, int threads);
void nn_attention_bf16_run(const nn_attention_bf16 *made, const nn_attention *attention,
                           nn_pool *pool, void *workspace);

#endif
