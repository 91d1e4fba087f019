/* Counts of the n-grams of a pool. The pool is sorted once for each plan; every candidate is looked
 * up in it by its length and its items. */
#include "ops/family/index.h"
#include "ops/family/infer.h"

#include <stdlib.h>

typedef enum weighting { WEIGHT_TF, WEIGHT_IDF, WEIGHT_TFIDF } weighting;

typedef struct vectorizer_attrs {
    weighting mode;
    int64_t shortest, longest, skips;
    const int64_t *starts; /* in the pool, of the n-grams of 1, 2, ... items */
    int64_t lengths;
    const int64_t *columns; /* of each n-gram */
    int64_t gram_count;
    const float *weights; /* of each n-gram; NULL: 1 */
    int64_t weight_count;
    const int64_t *numbers; /* the pool: one of both */
    const nn_text *texts;
    int64_t pool_count;
    int64_t width; /* columns of the output */
} vectorizer_attrs;

static nn_status need(const nn_node_view *node, const nn_attrs *attrs) {
    static const char *const names[] = {"mode",           "min_gram_length", "max_gram_length",
                                        "max_skip_count", "ngram_counts",    "ngram_indexes"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (nn_attrs_find(attrs, names[i]) == NULL)
            return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' is missing", names[i]);
    return NN_OK;
}

static nn_status parse_pool(const nn_node_view *node, const nn_attrs *attrs,
                            vectorizer_attrs *parsed) {
    const nn_attr *texts = nn_attrs_find(attrs, "pool_strings");
    NN_TRY(nn_attrs_ints(attrs, "pool_int64s", &parsed->numbers, &parsed->pool_count));
    if ((parsed->pool_count > 0) == (texts != NULL && texts->count > 0))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "needs one of 'pool_strings' and 'pool_int64s', not empty");
    if (parsed->pool_count > 0) return NN_OK;
    if (texts->kind != NN_ATTR_STRINGS)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'pool_strings' must be a list of strings");
    parsed->texts = texts->strings;
    parsed->pool_count = texts->count;
    return NN_OK;
}

/* Where the n-grams of `length` items begin in the pool, and how many there are. */
static int64_t count_grams(const vectorizer_attrs *attrs, int64_t length, int64_t *begin) {
    *begin = attrs->starts[length - 1];
    int64_t end = length < attrs->lengths ? attrs->starts[length] : attrs->pool_count;
    return (end - *begin) / length;
}

static nn_status check_pool(const nn_node_view *node, const vectorizer_attrs *parsed) {
    int64_t grams = 0, begin;
    for (int64_t i = 0; i < parsed->lengths; i++) {
        int64_t end = i + 1 < parsed->lengths ? parsed->starts[i + 1] : parsed->pool_count;
        if (parsed->starts[i] < 0 || end < parsed->starts[i] || end > parsed->pool_count ||
            (end - parsed->starts[i]) % (i + 1) != 0)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "'ngram_counts' gives %lld to %lld to n-grams of %lld items",
                                (long long)parsed->starts[i], (long long)end, (long long)i + 1);
        grams += count_grams(parsed, i + 1, &begin);
    }
    if (grams != parsed->gram_count)
        return nn_view_fail(node, NN_BAD_INPUT, "'ngram_indexes' has %lld values for %lld n-grams",
                            (long long)parsed->gram_count, (long long)grams);
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const modes[] = {"TF", "IDF", "TFIDF"};
    vectorizer_attrs *parsed = out;
    const char *mode;
    int found = -1;
    NN_TRY(need(node, attrs));
    NN_TRY(nn_attrs_string(attrs, "mode", NULL, &mode));
    for (int i = 0; i < 3; i++)
        if (strcmp(mode, modes[i]) == 0) found = i;
    if (found < 0) return nn_view_fail(node, NN_BAD_INPUT, "attribute 'mode' is '%s'", mode);
    parsed->mode = (weighting)found;
    NN_TRY(nn_attrs_int(attrs, "min_gram_length", 1, &parsed->shortest));
    NN_TRY(nn_attrs_int(attrs, "max_gram_length", 1, &parsed->longest));
    NN_TRY(nn_attrs_int(attrs, "max_skip_count", 0, &parsed->skips));
    NN_TRY(nn_attrs_ints(attrs, "ngram_counts", &parsed->starts, &parsed->lengths));
    NN_TRY(nn_attrs_ints(attrs, "ngram_indexes", &parsed->columns, &parsed->gram_count));
    NN_TRY(nn_attrs_floats(attrs, "weights", &parsed->weights, &parsed->weight_count));
    if (parsed->shortest < 1 || parsed->longest < parsed->shortest ||
        parsed->longest > parsed->lengths || parsed->skips < 0 || parsed->skips > INT32_MAX)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "n-grams of %lld to %lld items with %lld skips, of a pool to %lld",
                            (long long)parsed->shortest, (long long)parsed->longest,
                            (long long)parsed->skips, (long long)parsed->lengths);
    NN_TRY(parse_pool(node, attrs, parsed));
    NN_TRY(check_pool(node, parsed));
    for (int64_t i = 0; i < parsed->gram_count; i++) {
        if (parsed->columns[i] < 0 || parsed->columns[i] > INT32_MAX)
            return nn_view_fail(node, NN_BAD_INPUT, "'ngram_indexes' holds %lld",
                                (long long)parsed->columns[i]);
        if (parsed->columns[i] >= parsed->width) parsed->width = parsed->columns[i] + 1;
    }
    if (parsed->mode != WEIGHT_TF && parsed->weight_count > 0 &&
        parsed->weight_count != parsed->gram_count)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld weights for %lld n-grams",
                            (long long)parsed->weight_count, (long long)parsed->gram_count);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const vectorizer_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0,
                          attrs->texts != NULL
                              ? NN_TYPE_BIT(NNOPT_STRING)
                              : NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    if (in->rank < 0) return nn_set_output(node, 0, NNOPT_FLOAT, NN_RANK_UNKNOWN, NULL);
    if (in->rank > 2)
        return nn_view_fail(node, NN_BAD_INPUT, "the input must have rank 1 or 2, has %d",
                            in->rank);
    int64_t dims[2] = {in->rank == 2 ? in->dims[0] : attrs->width, attrs->width};
    return nn_set_output(node, 0, NNOPT_FLOAT, in->rank == 2 ? 2 : 1, dims);
}

/* ---- the sorted pool ---- */

/* Items as keys: numbers, or addresses of texts. */
typedef struct gram {
    const int64_t *items;
    int64_t length;
    int64_t index; /* in the pool; a later equal one takes the place of an earlier one */
} gram;

typedef struct gram_pool {
    bool is_text;
    gram *grams; /* by length and items */
    int64_t count;
} gram_pool;

static int compare_items(const gram *a, const gram *b, bool is_text) {
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    for (int64_t i = 0; i < a->length; i++) {
        if (a->items[i] == b->items[i]) continue;
        if (!is_text) return a->items[i] < b->items[i] ? -1 : 1;
        int order =
            strcmp((const char *)(intptr_t)a->items[i], (const char *)(intptr_t)b->items[i]);
        if (order != 0) return order;
    }
    return 0;
}

static int compare_grams(const void *first, const void *second, void *argument) {
    const gram *a = first, *b = second;
    int order = compare_items(a, b, *(const bool *)argument);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    const vectorizer_attrs *attrs = node->attrs;
    size_t items_at = sizeof(gram_pool) + ((size_t)attrs->gram_count + 1) * sizeof(gram);
    size_t bytes = items_at + (size_t)attrs->pool_count * sizeof(int64_t);
    gram_pool *pool = nn_prepare_state(prepare, bytes);
    if (pool == NULL) return nn_fail_memory(bytes);
    int64_t *items = (int64_t *)((char *)pool + items_at);
    pool->grams = (gram *)(pool + 1);
    pool->is_text = attrs->texts != NULL;
    for (int64_t i = 0; i < attrs->pool_count; i++)
        items[i] = pool->is_text ? (int64_t)(intptr_t)attrs->texts[i].bytes : attrs->numbers[i];
    int64_t index = 0;
    for (int64_t length = 1; length <= attrs->lengths; length++) {
        int64_t begin, count = count_grams(attrs, length, &begin);
        bool is_used = length >= attrs->shortest && length <= attrs->longest;
        for (int64_t i = 0; i < count; i++, index++)
            if (is_used)
                pool->grams[pool->count++] = (gram){items + begin + i * length, length, index};
    }
    qsort_r(pool->grams, (size_t)pool->count, sizeof *pool->grams, compare_grams, &pool->is_text);
    return NN_OK;
}

/* The last of the equal n-grams of the pool, or -1. */
static int64_t find_gram(const gram_pool *pool, const gram *wanted) {
    int64_t low = 0, high = pool->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (compare_items(&pool->grams[middle], wanted, pool->is_text) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low > 0 && compare_items(&pool->grams[low - 1], wanted, pool->is_text) == 0;
    return found ? pool->grams[low - 1].index : -1;
}

/* ---- rows ---- */

static int64_t key_at(const nn_tensor *in, int64_t index) {
    if (in->type == NNOPT_STRING) return (int64_t)(intptr_t)((const char *const *)in->data)[index];
    return nn_index_at(in, index);
}

static void add_gram(const vectorizer_attrs *attrs, int64_t index, float *out) {
    bool is_weighted = attrs->mode != WEIGHT_TF && attrs->weight_count > 0;
    float weight = is_weighted ? attrs->weights[index] : 1, *column = &out[attrs->columns[index]];
    *column = attrs->mode == WEIGHT_IDF ? weight : *column + weight;
}

/* Adds up the n-grams of one row of `count` items. N-grams of one item know no skips. */
static void count_row(const vectorizer_attrs *attrs, const gram_pool *pool, const nn_tensor *in,
                      int64_t begin, int64_t count, int64_t *items, float *out) {
    for (int64_t step = 1; step <= attrs->skips + 1 && (step == 1 || step < count); step++) {
        for (int64_t length = attrs->shortest; length <= attrs->longest; length++) {
            if (length == 1 && step > 1) continue;
            if (length > count || (length - 1) > (count - 1) / step) break;
            int64_t starts = count - (length - 1) * step;
            for (int64_t start = 0; start < starts; start++) {
                for (int64_t i = 0; i < length; i++)
                    items[i] = key_at(in, begin + start + i * step);
                int64_t found = find_gram(pool, &(gram){items, length, 0});
                if (found >= 0) add_gram(attrs, found, out);
            }
        }
    }
}

static nn_status run(const nn_call *call) {
    const vectorizer_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int64_t rows = in->rank == 2 ? in->dims[0] : 1;
    int64_t count = in->rank == 2 ? in->dims[1] : nn_tensor_count(in);
    float *out = call->out[0]->data;
    int64_t *items = nn_alloc((size_t)attrs->longest * sizeof *items);
    if (items == NULL) return nn_fail_memory((size_t)attrs->longest * sizeof *items);
    nn_tensor_zero(call->out[0]);
    for (int64_t row = 0; row < rows; row++)
        count_row(attrs, call->state, in, row * count, count, items, out + row * attrs->width);
    nn_free(items);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "tfidf_vectorizer_reference",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_tfidf_vectorizer = {
    .name = "TfIdfVectorizer",
    .domain = "",
    .since = 9,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(vectorizer_attrs),
    .parse = parse,
    .infer = infer,
    .kernels = kernels,
};
