#include "ops/family/attention_parts.h"
#include "ops/family/loops.h"

#include <math.h>

typedef struct reference_work {
    const nn_attention *shape;
    double *workspace;
    int64_t worker_size;
} reference_work;

static int64_t worker_size(const nn_attention *a) {
    return 2 * a->length + 2 * a->head_size + 2 * a->value_size;
}

size_t nn_attention_reference_workspace(const nn_attention *attention, int threads) {
    return (size_t)(worker_size(attention) * threads) * sizeof(double);
}

static void round_to(nn_type type, double *x, int64_t count) {
    char block[NN_BLOCK * sizeof(double)];
    if (type == NNOPT_TYPE_NONE || type == NNOPT_DOUBLE) return;
    for (int64_t i = 0; i < count; i += NN_BLOCK) {
        int64_t n = count - i < NN_BLOCK ? count - i : NN_BLOCK;
        nn_store_double(type, x + i, block, n);
        nn_load_double(type, block, x + i, n);
    }
}

static void store_scores(const nn_attention *a, nn_attention_scores kind, int64_t row,
                         const double *x) {
    if (a->scores != NULL && a->scores_kind == kind)
        nn_store_double(a->scores_type, x, nn_at_out(a->scores, a->scores_type, row * a->length),
                        a->length);
}

/* Adds the mask to the scores of the keys in range; a key of bias -infinity is not seen whatever
 * its score is, NaN too. */
static void add_bias(const nn_attention *a, int64_t sample, int64_t head, int64_t query,
                     nn_key_range range, double *scores, double *bias) {
    for (int64_t j = 0; j < range.begin; j++) scores[j] = -INFINITY;
    for (int64_t j = range.end; j < a->length; j++) scores[j] = -INFINITY;
    if (a->mask == NULL) return;
    nn_load_double(a->mask_type, nn_attention_mask(a, sample, head, query), bias, range.end);
    for (int64_t j = range.begin; j < range.end; j++) {
        if (a->mask_type == NNOPT_BOOL) bias[j] = bias[j] != 0 ? 0 : -INFINITY;
        scores[j] = bias[j] == -INFINITY ? -INFINITY : scores[j] + bias[j];
    }
}

static void softmax(double *x, int64_t count) {
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < count; j++) largest = x[j] > largest ? x[j] : largest;
    for (int64_t j = 0; j < count; j++) {
        x[j] = x[j] == -INFINITY ? 0 : exp(x[j] - largest);
        sum += x[j];
    }
    for (int64_t j = 0; j < count && sum != 0; j++) x[j] /= sum;
}

static void attend_row(const reference_work *work, int64_t row, double *memory) {
    const nn_attention *a = work->shape;
    int64_t query = row % a->q_length, head = row / a->q_length % a->q_heads;
    int64_t sample = row / a->q_length / a->q_heads;
    int64_t shared = head / (a->q_heads / a->kv_heads);
    double *scores = memory, *bias = scores + a->length, *q = bias + a->length;
    double *k = q + a->head_size, *v = k + a->head_size, *y = v + a->value_size;
    nn_load_double(a->q.type, nn_heads_at(&a->q, sample, head, query), q, a->head_size);
    for (int64_t j = 0; j < a->length; j++) {
        nn_load_double(a->k.type, nn_attention_row(a, &a->past_k, &a->k, sample, shared, j), k,
                       a->head_size);
        double sum = 0;
        for (int64_t i = 0; i < a->head_size; i++) sum += q[i] * k[i];
        scores[j] = sum * a->scale;
    }
    store_scores(a, NN_SCORES_RAW, row, scores);
    if (a->cap > 0)
        for (int64_t j = 0; j < a->length; j++) scores[j] = tanh(scores[j] / a->cap) * a->cap;
    store_scores(a, NN_SCORES_CAPPED, row, scores);
    nn_key_range range = nn_attention_range(a, sample, query);
    add_bias(a, sample, head, query, range, scores, bias);
    store_scores(a, NN_SCORES_BIASED, row, scores);
    round_to(a->softmax_type, scores, a->length);
    softmax(scores, a->length);
    round_to(a->softmax_type, scores, a->length);
    store_scores(a, NN_SCORES_PROBABILITIES, row, scores);
    for (int64_t i = 0; i < a->value_size; i++) y[i] = 0;
    for (int64_t j = range.begin; j < range.end; j++) {
        nn_load_double(a->v.type, nn_attention_row(a, &a->past_v, &a->v, sample, shared, j), v,
                       a->value_size);
        for (int64_t i = 0; i < a->value_size; i++) y[i] += scores[j] * v[i];
    }
    nn_store_double(a->y.type, y, (void *)nn_heads_at(&a->y, sample, head, query), a->value_size);
}

static void attend_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const reference_work *work = argument;
    double *memory = work->workspace + work->worker_size * worker;
    for (int64_t row = begin; row < end; row++) attend_row(work, row, memory);
}

void nn_attention_reference(const nn_attention *attention, nn_pool *pool, void *workspace) {
    reference_work work = {attention, workspace, worker_size(attention)};
    nn_parallel(pool, attention->batch * attention->q_heads * attention->q_length, 1, attend_rows,
                &work);
}
