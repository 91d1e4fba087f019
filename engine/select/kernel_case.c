#include "engine/select/kernel_case.h"

#include "engine/select/select_trial.h"

#include <stdlib.h>

#define NN_KERNEL_CASE(op, inputs, attributes) {op, inputs, attributes, false},
#define NN_KERNEL_ODD(op, inputs, attributes)  {op, inputs, attributes, true},
const nn_kernel_case nn_kernel_cases[] = {
#include "engine/select/kernel_case_table.def"
    {NULL, NULL, NULL, false}};
#undef NN_KERNEL_CASE
#undef NN_KERNEL_ODD

static nn_status fail_row(const nn_kernel_case *which, const char *what) {
    return nn_fail(NN_INTERNAL, "kernel case '%s' (%s; %s): %s", which->op, which->inputs,
                   which->attributes, what);
}

static bool begins(const char **text, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0) return false;
    *text += length;
    return true;
}

/* ---- inputs ---- */

static nn_type read_type(const char **text) {
    static const struct {
        const char *name;
        nn_type type;
    } types[] = {{"f32:", NNOPT_FLOAT}, {"f16:", NNOPT_FLOAT16}, {"bf16:", NNOPT_BFLOAT16},
                 {"u8:", NNOPT_UINT8},  {"s8:", NNOPT_INT8},     {"s32:", NNOPT_INT32},
                 {"s64:", NNOPT_INT64}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (begins(text, types[i].name)) return types[i].type;
    return NNOPT_TYPE_NONE;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int read_dims(const char **text, int64_t *dims) {
    int rank = 0;
    while (is_digit(**text) && rank < NN_MAX_RANK) {
        char *end;
        dims[rank++] = strtoll(*text, &end, 10);
        *text = *end == 'x' ? end + 1 : end;
    }
    return rank;
}

static void set_all(nn_tensor *tensor, double value) {
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) nn_tensor_set(tensor, i, value);
}

static void scale_all(nn_tensor *tensor, double factor) {
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++)
        nn_tensor_set(tensor, i, factor * nn_tensor_get(tensor, i));
}

static void make_positive(nn_tensor *tensor) {
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) {
        double value = nn_tensor_get(tensor, i);
        nn_tensor_set(tensor, i, (value < 0 ? -value : value) + 0x1p-6);
    }
}

/* A number of digits, a point and a sign, whatever the locale. */
static double read_number(const char **text) {
    double value = 0, unit = 1;
    const bool is_negative = begins(text, "-");
    for (; is_digit(**text); ++*text) value = 10 * value + (**text - '0');
    if (begins(text, "."))
        for (; is_digit(**text); ++*text) value += (unit /= 10) * (**text - '0');
    return is_negative ? -value : value;
}

static nn_status read_input(const nn_kernel_case *which, const char **text, nn_case_node *node) {
    const int index = node->in_count++;
    nn_tensor *tensor = &node->in[index];
    int64_t dims[NN_MAX_RANK];
    if (begins(text, "-")) return NN_OK;
    nn_type type = read_type(text);
    if (type == NNOPT_TYPE_NONE) return fail_row(which, "an input has no type");
    const int rank = read_dims(text, dims);
    NN_TRY(nn_tensor_init(tensor, type, dims, rank));
    nn_trial_fill(tensor, (uint64_t)index + 1);
    if (begins(text, "+")) make_positive(tensor);
    if (begins(text, "*")) scale_all(tensor, read_number(text));
    if (begins(text, "=")) set_all(tensor, read_number(text));
    node->is_constant[index] = begins(text, "!");
    return **text == ' ' || **text == '\0' ? NN_OK : fail_row(which, "an input is malformed");
}

static nn_status read_inputs(const nn_kernel_case *which, nn_case_node *node) {
    for (const char *text = which->inputs; *text != '\0';) {
        if (*text == ' ') {
            text++;
            continue;
        }
        if (node->in_count == NN_CASE_INPUTS) return fail_row(which, "too many inputs");
        NN_TRY(read_input(which, &text, node));
    }
    return NN_OK;
}

/* ---- attributes ---- */

static nn_status read_text(const nn_kernel_case *which, const char **text, nn_case_node *node,
                           nn_text *out) {
    size_t length = strcspn(*text, "'");
    *out = (nn_text){nn_arena_strndup(&node->arena, *text, length), (int64_t)length};
    if (out->bytes == NULL) return nn_fail_memory(length + 1);
    *text += length;
    return begins(text, "'") ? NN_OK : fail_row(which, "a text does not end");
}

/* A number; *is_float tells whether it has a point. */
static nn_status read_figure(const nn_kernel_case *which, const char **text, double *out,
                             bool *is_float) {
    const char *begin = *text;
    *out = read_number(text);
    if (*text == begin) return fail_row(which, "a value is missing");
    *is_float = memchr(begin, '.', (size_t)(*text - begin)) != NULL;
    return NN_OK;
}

static nn_status read_list(const nn_kernel_case *which, const char **text, nn_case_node *node,
                           nn_attr *attr) {
    const int64_t at = node->attrs.count;
    attr->kind = NN_ATTR_INTS;
    attr->ints = node->lists[at];
    for (attr->count = 0; **text != ']' && attr->count < NN_CASE_LIST; begins(text, ",")) {
        const int64_t i = attr->count++;
        double value = 0;
        bool is_float = false;
        if (begins(text, "'")) {
            NN_TRY(read_text(which, text, node, &node->text_lists[at][i]));
            attr->kind = NN_ATTR_STRINGS;
            attr->strings = node->text_lists[at];
            continue;
        }
        NN_TRY(read_figure(which, text, &value, &is_float));
        node->lists[at][i] = (int64_t)value;
        node->float_lists[at][i] = (float)value;
        if (!is_float) continue;
        attr->kind = NN_ATTR_FLOATS;
        attr->floats = node->float_lists[at];
    }
    return begins(text, "]") ? NN_OK : fail_row(which, "a list does not end");
}

static nn_status read_value(const nn_kernel_case *which, const char **text, nn_case_node *node,
                            nn_attr *attr) {
    double value = 0;
    bool is_float = false;
    if (begins(text, "[")) return read_list(which, text, node, attr);
    if (begins(text, "'")) {
        attr->kind = NN_ATTR_STRING;
        return read_text(which, text, node, &attr->s);
    }
    NN_TRY(read_figure(which, text, &value, &is_float));
    attr->kind = is_float ? NN_ATTR_FLOAT : NN_ATTR_INT;
    if (is_float)
        attr->f = (float)value;
    else
        attr->i = (int64_t)value;
    return NN_OK;
}

static nn_status read_attributes(const nn_kernel_case *which, nn_case_node *node) {
    node->attrs.items = node->attr_items;
    for (const char *text = which->attributes; *text != '\0';) {
        if (*text == ' ') {
            text++;
            continue;
        }
        if (node->attrs.count == NN_CASE_ATTRS) return fail_row(which, "too many attributes");
        nn_attr *attr = &node->attr_items[node->attrs.count];
        size_t length = strcspn(text, "=");
        attr->name = nn_arena_strndup(&node->arena, text, length);
        if (attr->name == NULL) return nn_fail_memory(length + 1);
        text += length;
        if (!begins(&text, "=")) return fail_row(which, "an attribute has no value");
        NN_TRY(read_value(which, &text, node, attr));
        node->attrs.count++;
    }
    return NN_OK;
}

/* ---- the node ---- */

static nn_status find_op(const nn_kernel_case *which, nn_case_node *node) {
    const char *colon = strchr(which->op, ':');
    char domain[32] = "";
    if (colon != NULL) {
        size_t length = (size_t)(colon - which->op);
        if (length >= sizeof domain) return fail_row(which, "no such domain");
        memcpy(domain, which->op, length);
    }
    node->view.opset = domain[0] == '\0' || strcmp(domain, "nnopt") == 0 ? NN_OPSET_NEWEST : 1;
    node->op = nn_op_find(domain, colon != NULL ? colon + 1 : which->op, node->view.opset);
    return node->op != NULL ? NN_OK : fail_row(which, "no such operator");
}

static nn_status infer(nn_case_node *node) {
    nn_node_view *view = &node->view;
    for (int i = 0; i < node->in_count; i++) {
        if (node->in[i].type == NNOPT_TYPE_NONE) continue;
        node->in_facts[i] = nn_fact_of_tensor(&node->in[i], node->is_constant[i]);
        node->in_views[i] = &node->in_facts[i];
    }
    view->name = node->op->name;
    view->op = node->op;
    view->in_count = node->in_count;
    view->out_count = node->op->min_outputs > 1 ? node->op->min_outputs : 1;
    view->in = node->in_views;
    view->out = node->out_views;
    for (int i = 0; i < view->out_count; i++) {
        nn_fact *fact = i == 0 ? &node->out_fact : &node->other_outs[i];
        *fact = nn_fact_unknown();
        node->out_views[i] = fact;
    }
    if (node->op->parse != NULL && node->op->attr_size > 0) {
        void *parsed = nn_arena_alloc(&node->arena, node->op->attr_size);
        if (parsed == NULL) return nn_fail_memory(node->op->attr_size);
        NN_TRY(node->op->parse(view, &node->attrs, parsed));
        view->attrs = parsed;
    }
    return node->op->infer(view);
}

nn_status nn_case_node_init(nn_case_node *node, const nn_kernel_case *which) {
    memset(node, 0, sizeof *node);
    nn_status status = find_op(which, node);
    if (status == NN_OK) status = read_inputs(which, node);
    if (status == NN_OK) status = read_attributes(which, node);
    if (status == NN_OK) status = infer(node);
    if (status != NN_OK) nn_case_node_clear(node);
    return status;
}

void nn_case_node_clear(nn_case_node *node) {
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i].type != NNOPT_TYPE_NONE) nn_tensor_clear(&node->in[i]);
    nn_arena_clear(&node->arena);
    node->in_count = 0;
}
