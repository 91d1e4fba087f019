/* Attention in float. Keys and values are packed once for each of their heads; a block of queries
 * then keeps its scores in cache: product with the keys, softmax row by row, product with the
 * values. A few queries (decoding a token) read keys and values where they lie. */
#include "base/integers.h"
#include "ops/cpu/float32/panels_f32.h"
#include "ops/family/attention_parts.h"
#include "ops/family/half.h"
#include "ops/family/loops.h"

#include <math.h>

enum {
    SCORES_IN_CACHE = 64 * 1024, /* floats: a quarter of a megabyte */
    VALUES_IN_CACHE = 256,       /* rows of values that are multiplied before the next */
    MOST_TILES = 4,              /* of rows in a block */
    FEW_QUERIES = 3,             /* are not worth packing keys and values */
    ROWS_AT_ONCE = 32,           /* of keys or values, read by all of a few queries in turn */
};

typedef struct float_work {
    const nn_attention *shape;
    const nn_rows_f32 *rows;
    nn_panels keys, values;
    bool packs;
    bool is_plain; /* floats, and nothing but a float mask between the product and the softmax */
    int64_t block, blocks; /* queries of a block, blocks of a head */
    int64_t shared; /* heads that read the same keys and are done together, where not packed */
    int64_t score_step;
    int64_t keys_floats, values_floats; /* of one packed head */
    int64_t worker_floats;
    float *packed_keys, *packed_values, *workers;
} float_work;

bool nn_attention_is_float(const nn_attention *a) {
    const nn_heads *all[] = {&a->q, &a->k, &a->v, &a->y};
    for (int i = 0; i < 4; i++)
        if (all[i]->type != NNOPT_FLOAT && !nn_is_half(all[i]->type)) return false;
    return a->softmax_type == NNOPT_TYPE_NONE || a->softmax_type == NNOPT_FLOAT;
}

static int64_t padded(int64_t floats) {
    return nn_round_up(floats, 16);
}

static float_work work_of(const nn_attention *a, const nn_attention_parts *parts) {
    float_work out = {.shape = a, .rows = parts->rows};
    out.keys = nn_panels_make(parts->tiles, NN_TILE_MAX_ROWS, a->head_size, a->length);
    out.values = nn_panels_make(parts->tiles, NN_TILE_MAX_ROWS, a->length, a->value_size);
    out.packs = a->q_length > FEW_QUERIES;
    out.is_plain = a->q.type == NNOPT_FLOAT && a->y.type == NNOPT_FLOAT && a->scores == NULL &&
                   a->cap == 0 && (a->mask_type == NNOPT_FLOAT || a->mask_type == NNOPT_TYPE_NONE);
    out.score_step = padded(a->length);
    int64_t tile = out.keys.shape->rows, tiles = SCORES_IN_CACHE / (tile * (out.score_step + 1));
    tiles = tiles < 1 ? 1 : nn_min(tiles, MOST_TILES);
    out.block = tile * tiles < a->q_length ? tile * tiles : a->q_length;
    out.shared = 1;
    if (!out.packs) {
        out.shared = a->q_heads / a->kv_heads;
        out.block = a->q_length * out.shared;
    }
    out.blocks = out.block > 0 ? nn_divide_up(a->q_length, out.block) : 0;
    if (out.packs) out.block = nn_divide_up(a->q_length, out.blocks);
    if (out.packs) {
        out.keys_floats = padded(nn_panels_floats(&out.keys));
        out.values_floats = padded(nn_panels_floats(&out.values));
    }
    /* Queries, scores, mask, results, rows of keys or values that are converted. */
    int64_t wide = nn_max(a->head_size, a->value_size);
    int64_t converted = (out.packs ? out.keys.shape->columns : ROWS_AT_ONCE) * padded(wide);
    out.worker_floats =
        out.block * (padded(a->head_size) + out.score_step + padded(a->value_size)) +
        out.score_step + converted;
    return out;
}

size_t nn_attention_workspace(const nn_attention *a, const nn_attention_parts *parts, int threads) {
    float_work work = work_of(a, parts);
    int64_t heads = a->batch * a->kv_heads;
    return (size_t)(heads * (work.keys_floats + work.values_floats) +
                    threads * work.worker_floats) *
           sizeof(float);
}

/* Rows [begin, end) of keys or values as floats, in place or in `buffer`, `step` apart. They lie on
 * one side of the end of the past. */
static const float *float_rows(const nn_attention *a, const nn_heads *past, const nn_heads *now,
                               int64_t sample, int64_t head, int64_t begin, int64_t end,
                               int64_t size, float *buffer, int64_t *step) {
    const nn_heads *heads = begin < a->past_length ? past : now;
    const void *first = nn_attention_row(a, past, now, sample, head, begin);
    if (heads->type == NNOPT_FLOAT) {
        *step = heads->row_step;
        return first;
    }
    *step = padded(size);
    for (int64_t i = 0; i < end - begin; i++)
        nn_load_float(heads->type, nn_at(first, heads->type, i * heads->row_step),
                      buffer + i * *step, size);
    return buffer;
}

/* ---- packing ---- */

static void pack_keys(const float_work *work, int64_t head, int64_t panel, float *buffer) {
    const nn_attention *a = work->shape;
    int64_t width = work->keys.shape->columns, begin = panel * width, end = begin + width;
    if (end > a->length) end = a->length;
    float *packed = work->packed_keys + head * work->keys_floats;
    if (begin < a->past_length && end > a->past_length) {
        /* The panel straddles the end of the past: its rows are gathered first. */
        int64_t size = a->head_size, step = padded(size);
        for (int64_t j = begin; j < end; j++) {
            const nn_heads *heads = j < a->past_length ? &a->past_k : &a->k;
            nn_load_float(
                heads->type,
                nn_attention_row(a, &a->past_k, &a->k, head / a->kv_heads, head % a->kv_heads, j),
                buffer + (j - begin) * step, size);
        }
        nn_panels_pack(&work->keys, work->rows, buffer, 1, step, begin, end, packed);
        return;
    }
    int64_t step;
    const float *rows = float_rows(a, &a->past_k, &a->k, head / a->kv_heads, head % a->kv_heads,
                                   begin, end, a->head_size, buffer, &step);
    nn_panels_pack(&work->keys, work->rows, rows, 1, step, begin, end, packed);
}

static void pack_values(const float_work *work, int64_t head, int64_t begin, int64_t end,
                        float *buffer) {
    const nn_attention *a = work->shape;
    const nn_panels *panels = &work->values;
    int64_t width = panels->shape->columns;
    float *packed = work->packed_values + head * work->values_floats;
    for (int64_t j = begin; j < end; j++) {
        int64_t step;
        const float *row = float_rows(a, &a->past_v, &a->v, head / a->kv_heads, head % a->kv_heads,
                                      j, j + 1, a->value_size, buffer, &step);
        for (int64_t panel = 0; panel < panels->count; panel++) {
            bool is_last = panel == panels->count - 1;
            int64_t own = is_last ? panels->last->columns : width;
            int64_t count = is_last ? a->value_size - panel * width : width;
            float *to = packed + panel * width * panels->k + j * own;
            memcpy(to, row + panel * width, (size_t)count * sizeof *to);
            memset(to + count, 0, (size_t)(own - count) * sizeof *to);
        }
    }
}

static void pack_panels(void *argument, int64_t begin, int64_t end, int worker) {
    const float_work *work = argument;
    float *buffer = work->workers + work->worker_floats * worker;
    int64_t width = work->keys.shape->columns;
    for (int64_t i = begin; i < end; i++) {
        int64_t head = i / work->keys.count, panel = i % work->keys.count;
        int64_t last = (panel + 1) * width;
        pack_keys(work, head, panel, buffer);
        pack_values(work, head, panel * width, nn_min(last, work->shape->length), buffer);
    }
}

/* ---- scores ---- */

static void store_scores(const nn_attention *a, nn_attention_scores kind, int64_t row,
                         const float *x) {
    if (a->scores != NULL && a->scores_kind == kind)
        nn_store_float(a->scores_type, x, nn_at_out(a->scores, a->scores_type, row * a->length),
                       a->length);
}

/* Adds the mask to scores [begin, end); a key of bias -infinity is not seen whatever its score is.
 */
static void add_mask(const nn_attention *a, const void *mask, float *x, int64_t begin, int64_t end,
                     float *buffer) {
    if (a->mask_type == NNOPT_BOOL) {
        const uint8_t *seen = mask;
        for (int64_t j = begin; j < end; j++) x[j] = seen[j] ? x[j] : -INFINITY;
        return;
    }
    const float *bias = mask;
    if (nn_is_half(a->mask_type)) {
        nn_load_float(a->mask_type, nn_at(mask, a->mask_type, begin), buffer + begin, end - begin);
        bias = buffer;
    } else if (a->mask_type != NNOPT_FLOAT) {
        double block[NN_BLOCK];
        for (int64_t j = begin; j < end; j += NN_BLOCK) {
            int64_t count = end - j < NN_BLOCK ? end - j : NN_BLOCK;
            nn_load_double(a->mask_type, nn_at(mask, a->mask_type, j), block, count);
            for (int64_t i = 0; i < count; i++) buffer[j + i] = (float)block[i];
        }
        bias = buffer;
    }
    for (int64_t j = begin; j < end; j++) x[j] = bias[j] == -INFINITY ? -INFINITY : x[j] + bias[j];
}

static int64_t row_of(const nn_attention *a, const nn_query_row *at) {
    return (at->sample * a->q_heads + at->head) * a->q_length + at->query;
}

float nn_attention_softmax(const nn_attention *a, const nn_rows_f32 *rows, const nn_query_row *at,
                           float *x, float *mask, int64_t begin, int64_t end) {
    nn_key_range range = at->range;
    int64_t count = range.end - range.begin, row = row_of(a, at);
    bool all = a->scores != NULL && a->scores_kind != NN_SCORES_PROBABILITIES;
    store_scores(a, NN_SCORES_RAW, row, x);
    if (a->cap > 0) {
        int64_t first = all ? 0 : range.begin, size = all ? a->length : count;
        rows->scale(x + first, (float)(1 / a->cap), 0, x + first, size);
        rows->tanh(NULL, x + first, x + first, size);
        rows->scale(x + first, (float)a->cap, 0, x + first, size);
    }
    store_scores(a, NN_SCORES_CAPPED, row, x);
    const bool stores_biased = a->scores != NULL && a->scores_kind == NN_SCORES_BIASED;
    const void *bias =
        a->mask != NULL ? nn_attention_mask(a, at->sample, at->head, at->query) : NULL;
    const bool adds = bias != NULL && (a->mask_type != NNOPT_FLOAT || stores_biased);
    if (adds) add_mask(a, bias, x, range.begin, range.end, mask);
    if (stores_biased) {
        for (int64_t j = 0; j < range.begin; j++) x[j] = -INFINITY;
        for (int64_t j = range.end; j < a->length; j++) x[j] = -INFINITY;
        store_scores(a, NN_SCORES_BIASED, row, x);
    }
    const float *later = adds || bias == NULL ? NULL : (const float *)bias + range.begin;
    const float sum = rows->softmax(x + range.begin, 1, later, count);
    const float factor = sum == 0 ? 0 : 1 / sum;
    memset(x + begin, 0, (size_t)(range.begin - begin) * sizeof *x);
    memset(x + range.end, 0, (size_t)(end - range.end) * sizeof *x);
    if (a->scores != NULL && a->scores_kind == NN_SCORES_PROBABILITIES) {
        memset(x, 0, (size_t)begin * sizeof *x);
        memset(x + end, 0, (size_t)(a->length - end) * sizeof *x);
        rows->scale(x + begin, factor, 0, x + begin, end - begin);
        store_scores(a, NN_SCORES_PROBABILITIES, row, x);
        return 1;
    }
    return factor;
}

/* ---- blocks of queries ---- */

typedef struct block_memory {
    float *q, *scores, *mask, *y, *rows;
} block_memory;

static block_memory memory_of(const float_work *work, int worker) {
    const nn_attention *a = work->shape;
    block_memory out;
    out.q = work->workers + work->worker_floats * worker;
    out.scores = out.q + work->block * padded(a->head_size);
    out.mask = out.scores + work->block * work->score_step;
    out.y = out.mask + work->score_step;
    out.rows = out.y + work->block * padded(a->value_size);
    return out;
}

static void store_row(const nn_attention *a, const nn_query_row *at, const float *y) {
    nn_store_float(a->y.type, y, (void *)nn_heads_at(&a->y, at->sample, at->head, at->query),
                   a->value_size);
}

/* Keys that any of the queries [begin, end) may see. */
static nn_key_range range_of_block(const nn_attention *a, int64_t sample, int64_t begin,
                                   int64_t end) {
    nn_key_range all = {a->length, 0};
    for (int64_t i = begin; i < end; i++) {
        nn_key_range range = nn_attention_range(a, sample, i);
        if (range.begin < all.begin) all.begin = range.begin;
        if (range.end > all.end) all.end = range.end;
    }
    return a->scores != NULL ? (nn_key_range){0, a->length} : all;
}

/* Queries times their scale, as floats. */
static void load_queries(const float_work *work, nn_query_row at, int64_t begin, int64_t end,
                         float *q) {
    const nn_attention *a = work->shape;
    for (int64_t i = begin; i < end; i++, q += padded(a->head_size)) {
        nn_load_float(a->q.type, nn_heads_at(&a->q, at.sample, at.head, i), q, a->head_size);
        work->rows->scale(q, (float)a->scale, 0, q, a->head_size);
    }
}

/* The same as nn_attention_softmax for raw scores that are not scaled yet. */
static float finish_plain(const float_work *work, const nn_query_row *at, float *x, int64_t begin,
                          int64_t end) {
    const nn_attention *a = work->shape;
    const nn_key_range range = at->range;
    const float *mask = NULL;
    if (a->mask != NULL)
        mask = (const float *)nn_attention_mask(a, at->sample, at->head, at->query) + range.begin;
    for (int64_t j = begin; j < range.begin; j++) x[j] = 0;
    for (int64_t j = range.end; j < end; j++) x[j] = 0;
    float sum =
        work->rows->softmax(x + range.begin, (float)a->scale, mask, range.end - range.begin);
    return sum == 0 ? 0 : 1 / sum;
}

/* Queries [begin, end) of one head with packed keys and values. Plain ones are read, and their
 * results made, where they lie. */
static void attend_block(const float_work *work, nn_query_row at, int64_t begin, int64_t end,
                         const block_memory *memory) {
    const nn_attention *a = work->shape;
    const bool plain = work->is_plain;
    int64_t count = end - begin, width = work->keys.shape->columns;
    int64_t shared = at.sample * a->kv_heads + at.head / (a->q_heads / a->kv_heads);
    const nn_key_range all = range_of_block(a, at.sample, begin, end);
    const float *q = plain ? nn_heads_at(&a->q, at.sample, at.head, begin) : memory->q;
    if (!plain) load_queries(work, at, begin, end, memory->q);
    nn_panels_product product = {.packed = work->packed_keys + shared * work->keys_floats,
                                 .x = q,
                                 .y = memory->scores,
                                 .rows = count,
                                 .x_step = plain ? a->q.row_step : padded(a->head_size),
                                 .y_step = work->score_step,
                                 .first = all.begin / width,
                                 .last = nn_divide_up(all.end, width),
                                 .k_end = a->head_size};
    nn_panels_multiply(&work->keys, &product);
    float factors[MOST_TILES * NN_TILE_MAX_ROWS];
    for (int64_t i = 0; i < count; i++) {
        float *scores = memory->scores + i * work->score_step;
        at.query = begin + i;
        at.range = nn_attention_range(a, at.sample, at.query);
        factors[i] = plain ? finish_plain(work, &at, scores, all.begin, all.end)
                           : nn_attention_softmax(a, work->rows, &at, scores, memory->mask,
                                                  all.begin, all.end);
    }
    int64_t y_step = plain ? a->y.row_step : padded(a->value_size);
    float *y = plain ? (float *)nn_heads_at(&a->y, at.sample, at.head, begin) : memory->y;
    product = (nn_panels_product){.packed = work->packed_values + shared * work->values_floats,
                                  .y = y,
                                  .rows = count,
                                  .x_step = work->score_step,
                                  .y_step = y_step,
                                  .last = work->values.count};
    for (int64_t i = 0; i < count && all.begin >= all.end; i++)
        memset(y + i * y_step, 0, (size_t)a->value_size * sizeof *y);
    for (int64_t j = all.begin; j < all.end; j += VALUES_IN_CACHE) {
        product.x = memory->scores + j;
        product.k_begin = j;
        product.k_end = all.end - j < VALUES_IN_CACHE ? all.end : j + VALUES_IN_CACHE;
        product.add = j > all.begin;
        nn_panels_multiply(&work->values, &product);
    }
    for (int64_t i = 0; i < count; i++) {
        at.query = begin + i;
        work->rows->scale(y + i * y_step, factors[i], 0, y + i * y_step, a->value_size);
        if (!plain) store_row(a, &at, y + i * y_step);
    }
}

/* Rows of keys or values from `begin` on that are read together: not over the end of the past. */
static int64_t rows_from(const nn_attention *a, int64_t begin, int64_t end) {
    if (begin < a->past_length && end > a->past_length) end = a->past_length;
    return end - begin < ROWS_AT_ONCE ? end - begin : ROWS_AT_ONCE;
}

/* All queries of `count` heads from at.head on that share keys and values, which stay where they
 * lie. */
static void attend_few(const float_work *work, nn_query_row at, int64_t count,
                       const block_memory *memory) {
    const nn_attention *a = work->shape;
    const nn_rows_f32 *rows = work->rows;
    const int64_t q_step = padded(a->head_size), y_step = padded(a->value_size);
    const int64_t first = at.head, shared = at.head / (a->q_heads / a->kv_heads);
    const int64_t queries = count * a->q_length;
    nn_key_range all = {a->length, 0};
    for (int64_t i = 0; i < queries; i++) {
        nn_key_range range = nn_attention_range(a, at.sample, i % a->q_length);
        float *q = memory->q + i * q_step;
        if (range.begin < all.begin) all.begin = range.begin;
        if (range.end > all.end) all.end = range.end;
        nn_load_float(a->q.type,
                      nn_heads_at(&a->q, at.sample, first + i / a->q_length, i % a->q_length), q,
                      a->head_size);
        rows->scale(q, (float)a->scale, 0, q, a->head_size);
    }
    if (a->scores != NULL) all = (nn_key_range){0, a->length};
    int64_t step;
    for (int64_t j = all.begin, n; j < all.end; j += n) {
        n = rows_from(a, j, all.end);
        const float *keys = float_rows(a, &a->past_k, &a->k, at.sample, shared, j, j + n,
                                       a->head_size, memory->rows, &step);
        for (int64_t i = 0; i < queries; i++)
            rows->dots(keys, step, n, memory->q + i * q_step, a->head_size,
                       memory->scores + i * work->score_step + j);
    }
    for (int64_t i = 0; i < queries; i++) {
        float *scores = memory->scores + i * work->score_step;
        at.head = first + i / a->q_length;
        at.query = i % a->q_length;
        at.range = nn_attention_range(a, at.sample, at.query);
        float factor = nn_attention_softmax(a, rows, &at, scores, memory->mask, all.begin, all.end);
        rows->scale(scores + all.begin, factor, 0, scores + all.begin, all.end - all.begin);
    }
    memset(memory->y, 0, (size_t)(queries * y_step) * sizeof(float));
    for (int64_t j = all.begin, n; j < all.end; j += n) {
        n = rows_from(a, j, all.end);
        const float *values = float_rows(a, &a->past_v, &a->v, at.sample, shared, j, j + n,
                                         a->value_size, memory->rows, &step);
        for (int64_t i = 0; i < queries; i++)
            rows->combine(values, step, n, memory->scores + i * work->score_step + j,
                          memory->y + i * y_step, a->value_size);
    }
    for (int64_t i = 0; i < queries; i++) {
        at.head = first + i / a->q_length;
        at.query = i % a->q_length;
        store_row(a, &at, memory->y + i * y_step);
    }
}

static void attend_heads(void *argument, int64_t begin, int64_t end, int worker) {
    const float_work *work = argument;
    const nn_attention *a = work->shape;
    block_memory memory = memory_of(work, worker);
    for (int64_t i = begin; i < end; i++) {
        int64_t head = i * work->shared;
        nn_query_row at = {.sample = head / a->q_heads, .head = head % a->q_heads};
        attend_few(work, at, work->shared, &memory);
    }
}

static void attend_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const float_work *work = argument;
    const nn_attention *a = work->shape;
    block_memory memory = memory_of(work, worker);
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i % work->blocks * work->block, last = first + work->block;
        int64_t head = i / work->blocks;
        nn_query_row at = {.sample = head / a->q_heads, .head = head % a->q_heads};
        attend_block(work, at, first, nn_min(last, a->q_length), &memory);
    }
}

void nn_attention_run(const nn_attention *a, const nn_attention_parts *parts, nn_pool *pool,
                      void *workspace) {
    float_work work = work_of(a, parts);
    int64_t heads = a->batch * a->kv_heads;
    work.packed_keys = workspace;
    work.packed_values = work.packed_keys + heads * work.keys_floats;
    work.workers = work.packed_values + heads * work.values_floats;
    if (work.packs) {
        nn_parallel(pool, heads * work.keys.count, 4, pack_panels, &work);
        nn_parallel(pool, a->batch * a->q_heads * work.blocks, 1, attend_blocks, &work);
        return;
    }
    /* Too few heads of keys for the threads: the heads that share them part. */
    if (heads < nn_pool_threads(pool)) work.shared = 1;
    nn_parallel(pool, a->batch * a->q_heads / work.shared, 1, attend_heads, &work);
}
