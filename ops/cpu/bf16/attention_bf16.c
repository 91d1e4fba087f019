/* Attention with bf16 products: for each head keys and values are packed, and a block of queries
 * keeps its scores in cache, float from the product with the keys through the softmax. */
#include "base/integers.h"
#include "ops/cpu/bf16/direct_bf16.h"
#include "ops/family/attention_parts.h"

enum {
    LEAST = 8,   /* fewer rows or columns leave most of a tile empty */
    BLOCK = 128, /* queries of a block, at most */
};

struct nn_attention_bf16 {
    nn_bf16_plan scores, values;
    int64_t block, blocks, score_step;
    size_t keys_bytes, values_bytes, bias_bytes, scores_bytes, mask_bytes, worker_bytes;
    int64_t lists[];
};

static bool is_float_or_bf16(nn_type type) {
    return type == NNOPT_FLOAT || type == NNOPT_BFLOAT16;
}

/* The products of a block of queries with keys and with values, without their lists. */
static bool make_plans(const nn_attention *a, nn_isa isa, nn_attention_bf16 *out) {
    const nn_epilogue none = {0};
    out->block = nn_min(a->q_length, BLOCK);
    out->blocks = nn_divide_up(a->q_length, out->block);
    out->score_step = nn_round_up(a->length, 16);
    nn_direct_problem scores = nn_direct_product(out->block, a->length, a->head_size);
    scores.in_pitch = a->q.row_step;
    nn_direct_dense_output(&scores, out->score_step);
    nn_direct_problem values = nn_direct_product(out->block, a->value_size, a->length);
    values.in_pitch = out->score_step;
    nn_direct_dense_output(&values, a->y.row_step);
    const nn_bf16_types score_types = {a->q.type == NNOPT_FLOAT, true, false};
    const nn_bf16_types value_types = {true, a->y.type == NNOPT_FLOAT, false};
    return nn_bf16_plan_make(&scores, &score_types, isa, 1, &none, &out->scores) &&
           nn_bf16_plan_make(&values, &value_types, isa, 1, &none, &out->values);
}

bool nn_attention_bf16_accepts(const nn_attention *a, nn_isa isa) {
    nn_attention_bf16 made;
    if (!is_float_or_bf16(a->q.type) || !is_float_or_bf16(a->k.type) ||
        !is_float_or_bf16(a->v.type) || !is_float_or_bf16(a->y.type))
        return false;
    if (a->softmax_type != NNOPT_TYPE_NONE && a->softmax_type != NNOPT_FLOAT) return false;
    return a->batch > 0 && a->q_heads > 0 && a->past_length == 0 && a->q_length >= LEAST &&
           a->length >= LEAST && a->head_size >= LEAST && a->value_size >= LEAST &&
           make_plans(a, isa, &made);
}

size_t nn_attention_bf16_bytes(const nn_attention *a, nn_isa isa) {
    nn_attention_bf16 made;
    make_plans(a, isa, &made);
    return sizeof made + nn_bf16_plan_bytes(&made.scores) + nn_bf16_plan_bytes(&made.values);
}

void nn_attention_bf16_make(const nn_attention *a, nn_isa isa, nn_attention_bf16 *out) {
    make_plans(a, isa, out);
    nn_bf16_plan_fill(&out->scores, out->lists);
    nn_bf16_plan_fill(&out->values, (char *)out->lists + nn_bf16_plan_bytes(&out->scores));
    out->keys_bytes = nn_bf16_packed_bytes(&out->scores);
    out->values_bytes = nn_bf16_packed_bytes(&out->values);
    size_t scores_bias = nn_bf16_bias_bytes(&out->scores);
    size_t values_bias = nn_bf16_bias_bytes(&out->values);
    out->bias_bytes = scores_bias > values_bias ? scores_bias : values_bias;
    out->scores_bytes = nn_aligned(out->block * out->score_step * (int64_t)sizeof(float));
    out->mask_bytes = nn_aligned(out->score_step * (int64_t)sizeof(float));
    size_t first = nn_bf16_workspace(&out->scores, 1), second = nn_bf16_workspace(&out->values, 1);
    out->worker_bytes = out->keys_bytes + out->values_bytes + out->scores_bytes + out->mask_bytes +
                        (first > second ? first : second);
}

size_t nn_attention_bf16_workspace(const nn_attention_bf16 *made, int threads) {
    return made->bias_bytes + made->worker_bytes * (size_t)threads;
}

typedef struct bf16_work {
    const nn_attention_bf16 *made;
    const nn_attention *shape;
    const nn_rows_f32 *rows;
    const float *bias; /* zeros */
    char *workers;
} bf16_work;

/* A worker's part of the workspace. */
typedef struct worker_memory {
    char *keys, *values, *workspace;
    float *scores, *mask;
} worker_memory;

static worker_memory memory_of(const bf16_work *work, int worker) {
    const nn_attention_bf16 *made = work->made;
    char *own = work->workers + made->worker_bytes * (size_t)worker;
    worker_memory out = {.keys = own, .values = own + made->keys_bytes};
    out.scores = (float *)(out.values + made->values_bytes);
    out.mask = (float *)((char *)out.scores + made->scores_bytes);
    out.workspace = (char *)out.mask + made->mask_bytes;
    return out;
}

static void pack_head(const bf16_work *work, int64_t sample, int64_t head,
                      const worker_memory *memory) {
    const nn_attention *a = work->shape;
    const nn_heads *k = &a->k, *v = &a->v;
    nn_bf16_pack_transposed(&work->made->scores, nn_heads_at(k, sample, head, 0),
                            k->type == NNOPT_FLOAT, k->row_step, (float)a->scale,
                            (uint16_t *)memory->keys);
    nn_bf16_pack_matrix(&work->made->values, nn_heads_at(v, sample, head, 0),
                        v->type == NNOPT_FLOAT, v->row_step, (uint16_t *)memory->values);
}

/* Queries [begin, begin + block) of one head whose keys and values are packed. */
static void attend(const bf16_work *work, nn_query_row at, int64_t begin,
                   const worker_memory *memory) {
    const nn_attention_bf16 *made = work->made;
    const nn_attention *a = work->shape;
    nn_bf16_operands operands = {
        .packed = memory->keys,
        .bias = work->bias,
        .x = nn_heads_at(&a->q, at.sample, at.head, begin),
        .y = memory->scores,
    };
    nn_bf16_run(&made->scores, &operands, NULL, memory->workspace);
    for (int64_t i = 0; i < made->block; i++) {
        float *scores = memory->scores + i * made->score_step;
        at.query = begin + i;
        at.range = nn_attention_range(a, at.sample, at.query);
        float factor = nn_attention_softmax(a, work->rows, &at, scores, memory->mask, 0, a->length);
        work->rows->scale(scores, factor, 0, scores, a->length);
    }
    operands = (nn_bf16_operands){
        .packed = memory->values,
        .bias = work->bias,
        .x = memory->scores,
        .y = (void *)nn_heads_at(&a->y, at.sample, at.head, begin),
    };
    nn_bf16_run(&made->values, &operands, NULL, memory->workspace);
}

static void attend_heads(void *argument, int64_t begin, int64_t end, int worker) {
    const bf16_work *work = argument;
    const nn_attention *a = work->shape;
    const nn_attention_bf16 *made = work->made;
    const worker_memory memory = memory_of(work, worker);
    for (int64_t i = begin; i < end; i++) {
        nn_query_row at = {.sample = i / a->q_heads, .head = i % a->q_heads};
        pack_head(work, at.sample, at.head / (a->q_heads / a->kv_heads), &memory);
        for (int64_t block = 0; block < made->blocks; block++) {
            /* The last block begins earlier and makes some rows again. */
            int64_t first = block * made->block, latest = a->q_length - made->block;
            attend(work, at, nn_min(first, latest), &memory);
        }
    }
}

void nn_attention_bf16_run(const nn_attention_bf16 *made, const nn_attention *a, nn_pool *pool,
                           void *workspace) {
    bf16_work work = {made, a, nn_rows_f32_best(), workspace, (char *)workspace + made->bias_bytes};
    memset(workspace, 0, made->bias_bytes);
    nn_parallel(pool, a->batch * a->q_heads, 1, attend_heads, &work);
}
