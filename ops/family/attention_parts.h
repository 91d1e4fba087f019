/* What the kernels of attention share. */
#ifndef NN_FAMILY_ATTENTION_PARTS_H
#define NN_FAMILY_ATTENTION_PARTS_H

#include "ops/family/attention.h"
#include "ops/family/types.h"

/* Keys [begin, end) that a query may see by its position; the mask is not asked. */
typedef struct nn_key_range {
    int64_t begin, end;
} nn_key_range;

static inline nn_key_range nn_attention_range(const nn_attention *a, int64_t sample,
                                              int64_t query) {
    nn_key_range out = {0, a->valid != NULL ? a->valid[sample] : a->length};
    int64_t before = a->past_length;
    if (a->valid != NULL && a->past_k.data == NULL) before = a->valid[sample] - a->q_length;
    int64_t position = before + query, reach = a->length + a->q_length;
    if (a->left >= 0 && a->left < reach && position - a->left > 0) out.begin = position - a->left;
    if (a->right >= 0 && a->right < reach && position + a->right + 1 < out.end)
        out.end = position + a->right + 1;
    if (a->mask != NULL && a->mask_columns < out.end) out.end = a->mask_columns;
    if (out.end < 0) out.end = 0;
    if (out.begin > out.end) out.begin = out.end;
    return out;
}

static inline const void *nn_heads_at(const nn_heads *heads, int64_t sample, int64_t head,
                                      int64_t row) {
    return nn_at(heads->data, heads->type,
                 sample * heads->batch_step + head * heads->head_step + row * heads->row_step);
}

/* Vector `row` of keys or values, of which the past is the front. */
static inline const void *nn_attention_row(const nn_attention *a, const nn_heads *past,
                                           const nn_heads *now, int64_t sample, int64_t head,
                                           int64_t row) {
    return row < a->past_length ? nn_heads_at(past, sample, head, row)
                                : nn_heads_at(now, sample, head, row - a->past_length);
}

/* One query and the keys that it may see. */
typedef struct nn_query_row {
    int64_t sample, head, query;
    nn_key_range range;
} nn_query_row;

/* Raw scores of one query to what multiplies the values, but for the factor that is returned. Zero
 * in [begin, end) outside of the keys that are seen. `mask` is room for as many floats as there are
 * keys. */
float nn_attention_softmax(const nn_attention *a, const nn_rows_f32 *rows, const nn_query_row *at,
                           float *x, float *mask, int64_t begin, int64_t end);

/* The mask's values for one query. */
static inline const void *nn_attention_mask(const nn_attention *a, int64_t sample, int64_t head,
                                            int64_t query) {
    return nn_at(a->mask, a->mask_type,
                 sample * a->mask_steps[0] + head * a->mask_steps[1] + query * a->mask_steps[2]);
}

#endif
