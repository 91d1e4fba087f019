#include "ops/family/copy.h"
#include "ops/family/infer.h"

typedef struct match_attrs {
    const char *pattern;
} match_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    match_attrs *parsed = out;
    NN_TRY(nn_attrs_string(attrs, "pattern", NULL, &parsed->pattern));
    if (parsed->pattern == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'pattern' is missing");
    return NN_OK;
}

#if NN_HAS_PCRE2
#    define PCRE2_CODE_UNIT_WIDTH 8
#    include "ops/family/pattern.h"

#    include <pcre2.h>

enum {
    MOST_STEPS = 10 * 1000 * 1000, /* of one text */
    MOST_HEAP = 64 * 1024,         /* KiB */
};

static nn_status compile(const nn_node_view *node, pcre2_code **out) {
    const match_attrs *attrs = node->attrs;
    char *pattern;
    nn_status status = nn_pattern_translate(attrs->pattern, &pattern);
    if (status != NN_OK)
        return nn_fail_context(status, "node '%s' (%s)", node->name, node->op->name);
    int code = 0;
    size_t offset = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    *out = NULL;
    if (context != NULL) {
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        *out = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                             PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
                                 PCRE2_NEVER_BACKSLASH_C,
                             &code, &offset, context);
    }
    pcre2_compile_context_free(context);
    nn_free(pattern);
    if (*out != NULL) return NN_OK;
    if (context == NULL || code == PCRE2_ERROR_HEAP_FAILED) return nn_fail_memory(1);
    char text[256] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return nn_view_fail(node, NN_BAD_INPUT, "pattern '%s', byte %zu: %s", attrs->pattern, offset,
                        text);
}

static nn_status infer(const nn_node_view *node) {
    pcre2_code *code;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_STRING)));
    NN_TRY(compile(node, &code));
    pcre2_code_free(code);
    return nn_set_output(node, 0, NNOPT_BOOL, node->in[0]->rank, node->in[0]->dims);
}

static nn_status match_all(const nn_call *call, const pcre2_code *code, pcre2_match_data *data,
                           pcre2_match_context *context) {
    const char *const *texts = call->in[0]->data;
    uint8_t *out = call->out[0]->data;
    for (int64_t i = 0; i < nn_tensor_count(call->in[0]); i++) {
        int found = pcre2_match(code, (PCRE2_SPTR)texts[i], strlen(texts[i]), 0, 0, data, context);
        out[i] = found >= 0;
        if (found >= 0 || found == PCRE2_ERROR_NOMATCH) continue;
        char text[256] = "";
        pcre2_get_error_message(found, (PCRE2_UCHAR *)text, sizeof text);
        return nn_view_fail(call->node, NN_BAD_INPUT, "element %lld cannot be matched: %s",
                            (long long)i, text);
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    pcre2_code *code;
    NN_TRY(compile(call->node, &code));
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    nn_status status;
    if (data == NULL || context == NULL) {
        status = nn_fail_memory(1);
    } else {
        pcre2_set_match_limit(context, MOST_STEPS);
        pcre2_set_depth_limit(context, MOST_STEPS);
        pcre2_set_heap_limit(context, MOST_HEAP);
        status = match_all(call, code, data, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return status;
}

#else
static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_STRING)));
    return nn_set_output(node, 0, NNOPT_BOOL, node->in[0]->rank, node->in[0]->dims);
}

static nn_status run(const nn_call *call) {
    (void)call;
    return nn_library_check(NN_LIBRARY_PCRE2);
}
#endif

static const nn_kernel reference = {
    .name = "regex_full_match_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_regex_full_match = {
    .name = "RegexFullMatch",
    .domain = "",
    .since = 20,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(match_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .library = NN_LIBRARY_PCRE2,
    .kernels = kernels,
};
