#include "ops/family/infer.h"

typedef enum case_change { CASE_KEPT, CASE_LOWER, CASE_UPPER } case_change;

typedef struct normalizer_attrs {
    case_change change;
    bool ignores_case; /* of stop words */
    char language[4];  /* ISO 639, "" for none: Turkish and some others have letters of their own */
    const nn_text *stops;
    int64_t stop_count;
} normalizer_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const changes[] = {"NONE", "LOWER", "UPPER"};
    normalizer_attrs *parsed = out;
    const char *change, *locale;
    int64_t sensitive;
    NN_TRY(nn_attrs_string(attrs, "case_change_action", "NONE", &change));
    NN_TRY(nn_attrs_string(attrs, "locale", "en_US", &locale));
    NN_TRY(nn_attrs_int(attrs, "is_case_sensitive", 0, &sensitive));
    int found = -1;
    for (int i = 0; i < 3; i++)
        if (strcmp(change, changes[i]) == 0) found = i;
    if (found < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'case_change_action' is '%s'", change);
    parsed->change = (case_change)found;
    parsed->ignores_case = sensitive == 0;
    size_t length = strcspn(locale, "_-.@");
    if (length == 2 || length == 3) memcpy(parsed->language, locale, length);
    const nn_attr *stops = nn_attrs_find(attrs, "stopwords");
    if (stops == NULL) return NN_OK;
    if (stops->kind != NN_ATTR_STRINGS)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'stopwords' must be a list of strings");
    parsed->stops = stops->strings;
    parsed->stop_count = stops->count;
    return NN_OK;
}

static nn_status check_shape(const nn_node_view *node, const int64_t *dims, int rank) {
    if (rank == 1 || (rank == 2 && (dims[0] == 1 || !nn_dim_is_known(dims[0])))) return NN_OK;
    char text[256];
    return nn_view_fail(node, NN_BAD_INPUT, "the shape must be C or 1xC, is %s",
                        nn_dims_text(dims, rank, text, sizeof text));
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_STRING)));
    if (in->rank >= 0) NN_TRY(check_shape(node, in->dims, in->rank));
    int64_t dims[2] = {in->rank == 2 ? 1 : NN_DIM_UNKNOWN, NN_DIM_UNKNOWN};
    return nn_set_output(node, 0, NNOPT_STRING, in->rank, dims);
}

#if NN_HAS_UNISTRING
#    include <stdlib.h>

#    include <unicase.h>

/* `text` in the other case, in the arena of the call. */
static nn_status map_case(const nn_call *call, case_change change, const char *text,
                          const char **out) {
    const normalizer_attrs *attrs = call->node->attrs;
    const char *language = attrs->language[0] != '\0' ? attrs->language : NULL;
    size_t length = 0;
    *out = text;
    if (change == CASE_KEPT || text[0] == '\0') return NN_OK;
    uint8_t *(*map)(const uint8_t *, size_t, const char *, uninorm_t, uint8_t *, size_t *) =
        change == CASE_LOWER ? u8_tolower : u8_toupper;
    uint8_t *mapped = map((const uint8_t *)text, strlen(text), language, NULL, NULL, &length);
    if (mapped == NULL)
        return nn_view_fail(call->node, NN_BAD_INPUT, "a text is not valid UTF-8: '%s'", text);
    nn_status status = nn_call_text(call, (const char *)mapped, length, out);
    free(mapped);
    return status;
}

typedef struct stop_words {
    const char **texts;
    case_change change; /* of texts before they are compared */
} stop_words;

/* Sorted, in the case in which they are compared. */
static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static nn_status make_stops(const nn_call *call, stop_words *stops) {
    const normalizer_attrs *attrs = call->node->attrs;
    size_t bytes = ((size_t)attrs->stop_count + 1) * sizeof *stops->texts;
    stops->texts = nn_arena_alloc(call->texts, bytes);
    if (stops->texts == NULL) return nn_fail_memory(bytes);
    if (attrs->ignores_case)
        stops->change = attrs->change != CASE_KEPT ? attrs->change : CASE_LOWER;
    for (int64_t i = 0; i < attrs->stop_count; i++)
        NN_TRY(map_case(call, stops->change, attrs->stops[i].bytes, &stops->texts[i]));
    qsort(stops->texts, (size_t)attrs->stop_count, sizeof *stops->texts, compare_texts);
    return NN_OK;
}

static nn_status normalize(const nn_call *call, const stop_words *stops, const char **out,
                           int64_t *count) {
    const normalizer_attrs *attrs = call->node->attrs;
    const char *const *texts = call->in[0]->data;
    *count = 0;
    for (int64_t i = 0; i < nn_tensor_count(call->in[0]); i++) {
        const char *compared;
        NN_TRY(
            map_case(call, attrs->stop_count > 0 ? stops->change : CASE_KEPT, texts[i], &compared));
        if (attrs->stop_count > 0 && bsearch(&compared, stops->texts, (size_t)attrs->stop_count,
                                             sizeof *stops->texts, compare_texts) != NULL)
            continue;
        NN_TRY(map_case(call, attrs->change, texts[i], &out[(*count)++]));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    int64_t count = nn_tensor_count(in);
    size_t bytes = ((size_t)count + 1) * sizeof(char *);
    stop_words stops = {0};
    NN_TRY(check_shape(call->node, in->dims, in->rank));
    NN_TRY(make_stops(call, &stops));
    const char **kept = nn_alloc(bytes);
    if (kept == NULL) return nn_fail_memory(bytes);
    nn_status status = normalize(call, &stops, kept, &count);
    if (status == NN_OK && count == 0) kept[count++] = "";
    int64_t dims[2] = {in->rank == 1 ? count : 1, count};
    if (status == NN_OK) status = nn_tensor_init(call->out[0], NNOPT_STRING, dims, in->rank);
    if (status == NN_OK) memcpy(call->out[0]->data, kept, (size_t)count * sizeof *kept);
    nn_free(kept);
    return status;
}

#else
static nn_status run(const nn_call *call) {
    (void)call;
    return nn_library_check(NN_LIBRARY_UNISTRING);
}
#endif

static const nn_kernel reference = {
    .name = "string_normalizer_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_string_normalizer = {
    .name = "StringNormalizer",
    .domain = "",
    .since = 10,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(normalizer_attrs),
    .parse = parse,
    .infer = infer,
    .library = NN_LIBRARY_UNISTRING,
    .kernels = kernels,
};
