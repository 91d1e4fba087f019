#include "ops/family/copy.h"

typedef struct split_attrs {
    const char *delimiter; /* "": runs of white space */
    int64_t most;          /* splits of one text */
} split_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    split_attrs *parsed = out;
    NN_TRY(nn_attrs_string(attrs, "delimiter", "", &parsed->delimiter));
    NN_TRY(nn_attrs_int(attrs, "maxsplit", INT64_MAX, &parsed->most));
    if (parsed->most < 0) parsed->most = INT64_MAX;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    int64_t dims[NN_MAX_RANK + 1] = {0};
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_STRING)));
    for (int axis = 0; axis < in->rank; axis++) dims[axis] = in->dims[axis];
    if (in->rank >= 0) dims[in->rank] = NN_DIM_UNKNOWN;
    NN_TRY(nn_set_output(node, 0, NNOPT_STRING, in->rank < 0 ? in->rank : in->rank + 1, dims));
    return nn_set_output(node, 1, NNOPT_INT64, in->rank, in->dims);
}

/* Bytes of the white space that a text begins with, of one character; 0: none. The characters that
 * Unicode calls white space, and the four separators of ASCII. */
static size_t space_length(const char *text) {
    static const char *const wide[] = {"\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",
                                       "\u2003", "\u2004", "\u2005", "\u2006", "\u2007",
                                       "\u2008", "\u2009", "\u200a", "\u2028", "\u2029",
                                       "\u202f", "\u205f", "\u3000", "\xc2\x85"};
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80)
        return first == ' ' || (first >= '\t' && first <= '\r') || (first >= 0x1c && first <= 0x1f);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0) return strlen(wide[i]);
    return 0;
}

static const char *skip_spaces(const char *text) {
    for (size_t length; (length = space_length(text)) > 0;) text += length;
    return text;
}

/* Takes the next part off *rest, which ends as NULL. False when there is none. */
static bool next_part(const split_attrs *attrs, const char **rest, int64_t parts,
                      const char **begin, size_t *length) {
    bool by_space = attrs->delimiter[0] == '\0';
    const char *text = *rest, *end = NULL;
    if (text == NULL) return false;
    if (by_space) {
        text = skip_spaces(text);
        if (text[0] == '\0') return false;
    }
    *begin = text;
    if (parts < attrs->most && by_space) {
        end = text;
        while (end[0] != '\0' && space_length(end) == 0) end++;
        if (end[0] == '\0') end = NULL;
    } else if (parts < attrs->most) {
        end = strstr(text, attrs->delimiter);
    }
    *length = end != NULL ? (size_t)(end - text) : strlen(text);
    *rest = end != NULL ? end + strlen(attrs->delimiter) : NULL;
    return true;
}

static nn_status put_parts(const nn_call *call, const char *text, const char **out) {
    const char *rest = text, *begin;
    size_t length;
    for (int64_t parts = 0; next_part(call->node->attrs, &rest, parts, &begin, &length); parts++) {
        if (begin[length] == '\0')
            out[parts] = begin;
        else
            NN_TRY(nn_call_text(call, begin, length, &out[parts]));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    const char *const *texts = in->data;
    nn_tensor counts, *out = call->out[0], shape = *in;
    NN_TRY(nn_tensor_init(&counts, NNOPT_INT64, in->dims, in->rank));
    int64_t count = nn_tensor_count(in), most = 0;
    int64_t *parts = counts.data;
    for (int64_t i = 0; i < count; i++) {
        const char *rest = texts[i], *begin;
        size_t length;
        while (next_part(call->node->attrs, &rest, parts[i], &begin, &length)) parts[i]++;
        if (parts[i] > most) most = parts[i];
    }
    nn_status status = NN_OK;
    if (shape.rank == NN_MAX_RANK) {
        status = nn_view_fail(call->node, NN_UNSUPPORTED, "output 0 would have rank %d",
                              shape.rank + 1);
    } else {
        shape.dims[shape.rank++] = most;
        status = nn_tensor_init(out, NNOPT_STRING, shape.dims, shape.rank);
    }
    for (int64_t i = 0; i < count && status == NN_OK; i++)
        status = put_parts(call, texts[i], (const char **)out->data + i * most);
    if (status == NN_OK && call->out_count > 1 && call->out[1] != NULL)
        *call->out[1] = counts;
    else
        nn_tensor_clear(&counts);
    return status;
}

static const nn_kernel reference = {
    .name = "string_split_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_string_split = {
    .name = "StringSplit",
    .domain = "",
    .since = 20,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(split_attrs),
    .parse = parse,
    .infer = infer,
    .kernels = kernels,
};
