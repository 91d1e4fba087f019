#include "ops/family/einsum.h"

/* ---- reading ---- */

static const char *skip_spaces(const char *text) {
    while (*text == ' ') text++;
    return text;
}

static int letter_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    return c >= 'a' && c <= 'z' ? 26 + c - 'a' : -1;
}

/* Reads subscripts up to a comma, an arrow or the end. */
static nn_status read_term(const nn_node_view *node, const char **text, nn_einsum_term *out) {
    const char *c = skip_spaces(*text);
    *out = (nn_einsum_term){.ellipsis = -1};
    for (; *c != 0 && *c != ',' && *c != '-'; c = skip_spaces(c)) {
        if (strncmp(c, "...", 3) == 0 && out->ellipsis < 0) {
            out->ellipsis = out->count;
            c += 3;
            continue;
        }
        int letter = letter_of(*c);
        if (letter < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "the equation has '%c' where a letter stands",
                                *c);
        if (out->count == NN_MAX_RANK)
            return nn_view_fail(node, NN_UNSUPPORTED, "more than %d subscripts", NN_MAX_RANK);
        out->letters[out->count++] = (uint8_t)letter;
        c++;
    }
    *text = c;
    return NN_OK;
}

static int count_letter(const nn_einsum_term *term, int letter) {
    int count = 0;
    for (int i = 0; i < term->count; i++) count += term->letters[i] == letter;
    return count;
}

static int count_in_inputs(const nn_einsum_equation *equation, int letter) {
    int count = 0;
    for (int i = 0; i < equation->inputs; i++) count += count_letter(&equation->in[i], letter);
    return count;
}

static nn_status check_output(const nn_node_view *node, const nn_einsum_equation *equation) {
    const nn_einsum_term *out = &equation->out;
    for (int i = 0; i < out->count; i++) {
        int letter = out->letters[i];
        if (count_letter(out, letter) > 1 || count_in_inputs(equation, letter) == 0)
            return nn_view_fail(node, NN_BAD_INPUT, "subscript '%c' of the output is %s",
                                letter < 26 ? 'A' + letter : 'a' + letter - 26,
                                count_letter(out, letter) > 1 ? "repeated" : "in no input");
    }
    return NN_OK;
}

static nn_status default_output(const nn_node_view *node, nn_einsum_equation *equation) {
    nn_einsum_term *out = &equation->out;
    *out = (nn_einsum_term){.ellipsis = -1};
    for (int i = 0; i < equation->inputs; i++)
        if (equation->in[i].ellipsis >= 0) out->ellipsis = 0;
    for (int letter = 0; letter < 52; letter++) {
        if (count_in_inputs(equation, letter) != 1) continue;
        if (out->count == NN_MAX_RANK)
            return nn_view_fail(node, NN_UNSUPPORTED, "more than %d subscripts", NN_MAX_RANK);
        out->letters[out->count++] = (uint8_t)letter;
    }
    return NN_OK;
}

nn_status nn_einsum_parse(const nn_node_view *node, const char *text, nn_einsum_equation *out) {
    *out = (nn_einsum_equation){0};
    for (;;) {
        if (out->inputs == NN_EINSUM_TERMS)
            return nn_view_fail(node, NN_UNSUPPORTED, "more than %d inputs", NN_EINSUM_TERMS);
        NN_TRY(read_term(node, &text, &out->in[out->inputs++]));
        if (*text != ',') break;
        text++;
    }
    if (out->inputs != node->in_count)
        return nn_view_fail(node, NN_BAD_INPUT, "the equation is for %d inputs, there are %d",
                            out->inputs, node->in_count);
    out->has_output = *text != 0;
    if (!out->has_output) return default_output(node, out);
    if (text[0] != '-' || text[1] != '>')
        return nn_view_fail(node, NN_BAD_INPUT, "the equation has '%c' where '->' stands", *text);
    text += 2;
    NN_TRY(read_term(node, &text, &out->out));
    if (*text != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "the equation goes on behind the output");
    return check_output(node, out);
}

/* ---- resolving ---- */

enum { FIRST_OF_ELLIPSIS = 52 };

/* "..." stands for `hidden` axes, the last of `most`. */
static nn_status write_axes(const nn_node_view *node, const nn_einsum_term *term, int hidden,
                            int most, nn_einsum_axes *out) {
    out->count = 0;
    if (term->count + hidden > NN_MAX_RANK)
        return nn_view_fail(node, NN_UNSUPPORTED, "rank %d is over the limit %d",
                            term->count + hidden, NN_MAX_RANK);
    for (int i = 0; i <= term->count; i++) {
        for (int k = 0; i == term->ellipsis && k < hidden; k++)
            out->index[out->count++] = (uint8_t)(FIRST_OF_ELLIPSIS + most - hidden + k);
        if (i < term->count) out->index[out->count++] = term->letters[i];
    }
    return NN_OK;
}

/* Size 1 goes with every other. */
static nn_status join_size(const nn_node_view *node, int input, int axis, int64_t size,
                           int64_t *joined) {
    if (*joined == 1 || *joined == size) {
        *joined = size;
        return NN_OK;
    }
    if (size == 1) return NN_OK;
    if (nn_dim_is_known(size) && nn_dim_is_known(*joined))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "axis %d of input %d has size %lld where another has %lld", axis, input,
                            (long long)size, (long long)*joined);
    if (nn_dim_is_known(size)) *joined = size;
    return NN_OK;
}

nn_status nn_einsum_resolve(const nn_node_view *node, const nn_einsum_equation *equation,
                            nn_einsum *out, bool *known) {
    int most = 0;
    *out = (nn_einsum){.inputs = equation->inputs};
    *known = true;
    for (int i = 0; i < NN_EINSUM_INDICES; i++) out->sizes[i] = 1;
    for (int i = 0; i < equation->inputs; i++) {
        const nn_einsum_term *term = &equation->in[i];
        int rank = node->in[i]->rank, hidden = rank - term->count;
        if (rank < 0) {
            *known = false;
            continue;
        }
        if (hidden < 0 || (hidden > 0 && term->ellipsis < 0))
            return nn_view_fail(node, NN_BAD_INPUT,
                                "input %d has rank %d, the equation gives it %d", i, rank,
                                term->count);
        if (hidden > most) most = hidden;
    }
    if (!*known) return NN_OK;
    for (int i = 0; i < equation->inputs; i++) {
        const nn_fact *in = node->in[i];
        nn_einsum_axes *axes = &out->in[i];
        NN_TRY(write_axes(node, &equation->in[i], in->rank - equation->in[i].count, most, axes));
        for (int k = 0; k < axes->count; k++)
            NN_TRY(join_size(node, i, k, in->dims[k], &out->sizes[axes->index[k]]));
    }
    return write_axes(node, &equation->out, equation->out.ellipsis >= 0 ? most : 0, most,
                      &out->out);
}
