/* What the attention operators of com.microsoft add to that of the standard: masks in several
 * forms, given as integers, and biases. */
#ifndef NN_FAMILY_FUSED_ATTENTION_H
#define NN_FAMILY_FUSED_ATTENTION_H

#include "ops/expansion.h"

typedef struct nn_fused_attention_attrs {
    int64_t heads;
    bool is_causal, has_scale;
    float scale, filter; /* filter: what is added to scores that the mask takes out */
    int64_t sizes[3];    /* of q, k, v (qkv_hidden_sizes); has_sizes */
    bool has_sizes;
} nn_fused_attention_attrs;

nn_status nn_fused_attention_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

/* The operands of Attention; q, k, v have all rank 3 or all rank 4. */
typedef struct nn_fused_attention {
    nn_term *q, *k, *v, *mask, *past_k, *past_v;
    bool has_heads; /* rank 4 */
} nn_fused_attention;

/* The additive mask made of input `index`, which is one of
 *
 *     [B]        how many keys each sample has
 *     [2B]       the ends, then the beginnings of each sample's keys
 *     [B, T]     more than 0: the key is seen
 *     [B, S, T]  the same for each query
 *
 * and of `bias`, an input that is added to the scores. `batch` is the size of axis 0; `length`
 * makes the vector of one element T. *out NULL: no mask. */
nn_status nn_fused_attention_mask(const nn_node_view *node, nn_expansion *expansion, int index,
                                  int bias, int64_t batch, nn_term *length, nn_term **out);

/* y, present key, present value */
void nn_fused_attention_expand(const nn_node_view *node, nn_expansion *expansion,
                               const nn_fused_attention *attention, nn_term *out[3]);

/* Element `index` of the shape of `x`, as a vector of one element. */
nn_term *nn_expand_size(nn_expansion *expansion, nn_term *x, int64_t index);
/* 0, 1, .. count - 1, where `count` is a vector of one element: a vector. */
nn_term *nn_expand_range(nn_expansion *expansion, nn_term *count);
/* x cut on `axis` into `count` equal parts, or of these sizes. */
void nn_expand_split(nn_expansion *expansion, nn_term *x, int64_t axis, int count,
                     const int64_t *sizes, nn_term **out);
nn_term *nn_expand_squeeze(nn_expansion *expansion, nn_term *x, int64_t axis);

#endif
