/* Written as transposes, sums and matrix products: the inputs are multiplied from the left, and
 * what neither the output nor a later input has is summed as soon as it can be. */
#include "ops/family/einsum.h"

#include "ops/expansion.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    const char *equation;
    NN_TRY(nn_attrs_string(attrs, "equation", NULL, &equation));
    if (equation == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'equation' is missing");
    return nn_einsum_parse(node, equation, out);
}

static nn_status infer(const nn_node_view *node) {
    nn_einsum einsum;
    bool known;
    int64_t dims[NN_MAX_RANK];
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_NUMBER));
    NN_TRY(nn_check_same_types(node, 0, -1));
    nn_type type = NNOPT_TYPE_NONE;
    for (int i = 0; type == NNOPT_TYPE_NONE && i < node->in_count; i++) type = nn_in_type(node, i);
    NN_TRY(nn_einsum_resolve(node, node->attrs, &einsum, &known));
    if (!known) return nn_set_output(node, 0, type, -1, NULL);
    for (int i = 0; i < einsum.out.count; i++) dims[i] = einsum.sizes[einsum.out.index[i]];
    return nn_set_output(node, 0, type, einsum.out.count, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_einsum einsum;
    bool known;
    if (nn_einsum_resolve(node, node->attrs, &einsum, &known) != NN_OK || !known) return;
    double places = 1;
    for (int i = 0; i < NN_EINSUM_INDICES; i++) places *= (double)einsum.sizes[i];
    out->macs = node->in_count > 1 ? places : 0;
    out->flops = node->in_count > 1 ? 2 * places : places;
}

/* ---- expansion ---- */

typedef struct builder {
    nn_expansion *e;
    nn_einsum einsum;
    /* Where the size of an index is found that is not known yet. */
    nn_term *source[NN_EINSUM_INDICES];
    int source_axis[NN_EINSUM_INDICES];
} builder;

typedef struct operand {
    nn_term *term;
    nn_einsum_axes axes;
} operand;

typedef struct index_set {
    bool has[NN_EINSUM_INDICES];
} index_set;

static void include(index_set *set, const nn_einsum_axes *axes) {
    for (int i = 0; i < axes->count; i++) set->has[axes->index[i]] = true;
}

static index_set set_of(const nn_einsum_axes *axes) {
    index_set set = {0};
    include(&set, axes);
    return set;
}

static void append(nn_einsum_axes *axes, int index) {
    axes->index[axes->count++] = (uint8_t)index;
}

/* ---- shapes ---- */

static bool size_is_known(const builder *b, int index) {
    return nn_dim_is_known(b->einsum.sizes[index]);
}

static nn_term *size_term(const builder *b, int index) {
    if (size_is_known(b, index)) return nn_expand_ints(b->e, 1, &b->einsum.sizes[index]);
    int axis = b->source_axis[index];
    return nn_expand(b->e, "Shape", NN_TERMS(b->source[index]),
                     NN_ATTRS(nn_attr_int("start", axis), nn_attr_int("end", axis + 1)));
}

/* A list of sizes, each the product of a group of indices. */
typedef struct shape {
    int count;
    bool known; /* all of them */
    int64_t sizes[NN_MAX_RANK + 2];
    nn_einsum_axes groups[NN_MAX_RANK + 2];
} shape;

static nn_status add_group(const nn_node_view *node, const builder *b, const nn_einsum_axes *group,
                           shape *out) {
    int64_t size = 1;
    for (int i = 0; i < group->count && size_is_known(b, group->index[i]); i++)
        if (!nn_mul_size(size, b->einsum.sizes[group->index[i]], &size))
            return nn_view_fail(node, NN_BAD_INPUT, "a product of sizes is too large");
    for (int i = 0; i < group->count; i++)
        if (!size_is_known(b, group->index[i])) out->known = false;
    out->groups[out->count] = *group;
    out->sizes[out->count++] = size;
    return NN_OK;
}

static nn_status add_each(const nn_node_view *node, const builder *b, const nn_einsum_axes *axes,
                          shape *out) {
    for (int i = 0; i < axes->count; i++)
        NN_TRY(add_group(node, b, &(nn_einsum_axes){1, {axes->index[i]}}, out));
    return NN_OK;
}

static nn_term *reshape(const builder *b, nn_term *x, const shape *to) {
    nn_term *sizes[NN_MAX_RANK + 2], *all;
    for (int i = 0; i < to->count && !to->known; i++) {
        const nn_einsum_axes *group = &to->groups[i];
        sizes[i] = group->count == 0 ? nn_expand_ints(b->e, 1, &to->sizes[i]) : NULL;
        for (int k = 0; k < group->count; k++) {
            nn_term *size = size_term(b, group->index[k]);
            sizes[i] = k == 0 ? size : nn_expand(b->e, "Mul", NN_TERMS(sizes[i], size));
        }
    }
    if (to->known)
        all = nn_expand_ints(b->e, to->count, to->sizes);
    else
        all = nn_expand(b->e, "Concat", .in = sizes, .in_count = to->count,
                        NN_ATTRS(nn_attr_int("axis", 0)));
    return nn_expand(b->e, "Reshape", NN_TERMS(x, all), NN_ATTRS(nn_attr_int("allowzero", 1)));
}

/* ---- steps ---- */

static void remove_axis(nn_einsum_axes *axes, int place) {
    axes->count--;
    for (int i = place; i < axes->count; i++) axes->index[i] = axes->index[i + 1];
}

/* An axis for each index: diagonals of repeated ones, and no axes of size 1 that others stretch. */
static nn_status load(const nn_node_view *node, builder *b, int input, nn_type type, operand *out) {
    const nn_fact *in = node->in[input];
    int64_t dims[NN_MAX_RANK], squeezed[NN_MAX_RANK];
    int squeezed_count = 0;
    nn_term *term = nn_expand_in(b->e, input);
    if (in->type != type) term = nn_expand_cast(b->e, term, type);
    *out = (operand){term, b->einsum.in[input]};
    nn_einsum_axes *axes = &out->axes;
    for (int i = 0; i < in->rank; i++) {
        int index = axes->index[i];
        dims[i] = in->dims[i];
        if (dims[i] == 1 || b->source[index] != NULL) continue;
        b->source[index] = term;
        b->source_axis[index] = i;
    }
    for (int i = 0; i < axes->count; i++)
        for (int k = i + 1; k < axes->count;) {
            if (axes->index[i] != axes->index[k]) {
                k++;
                continue;
            }
            if ((dims[i] == 1) != (dims[k] == 1))
                return nn_view_fail(node, NN_BAD_INPUT,
                                    "axes %d and %d of input %d have no diagonal", i, k, input);
            out->term = nn_expand(b->e, "Diagonal", NN_TERMS(out->term),
                                  NN_ATTRS(nn_attr_int("first", i), nn_attr_int("second", k)));
            remove_axis(axes, k);
            for (int j = k; j < axes->count; j++) dims[j] = dims[j + 1];
        }
    nn_einsum_axes kept = {0};
    for (int i = 0; i < axes->count; i++) {
        if (dims[i] == 1 && b->einsum.sizes[axes->index[i]] != 1)
            squeezed[squeezed_count++] = i;
        else
            append(&kept, axes->index[i]);
    }
    if (squeezed_count > 0)
        out->term = nn_expand(b->e, "Squeeze",
                              NN_TERMS(out->term, nn_expand_ints(b->e, squeezed_count, squeezed)));
    *axes = kept;
    return NN_OK;
}

static void sum_others(const builder *b, operand *x, const index_set *kept) {
    int64_t summed[NN_MAX_RANK];
    int count = 0;
    nn_einsum_axes left = {0};
    for (int i = 0; i < x->axes.count; i++) {
        if (kept->has[x->axes.index[i]])
            append(&left, x->axes.index[i]);
        else
            summed[count++] = i;
    }
    if (count == 0) return;
    x->term = nn_expand(b->e, "ReduceSum", NN_TERMS(x->term, nn_expand_ints(b->e, count, summed)),
                        NN_ATTRS(nn_attr_int("keepdims", 0)));
    x->axes = left;
}

/* Brings the axes into the order of the lists, one after the other. */
static void order_axes(const builder *b, operand *x, const nn_einsum_axes *const *lists,
                       int list_count) {
    int64_t order[NN_MAX_RANK];
    nn_einsum_axes wanted = {0};
    bool moves = false;
    for (int i = 0; i < list_count; i++)
        for (int k = 0; k < lists[i]->count; k++) append(&wanted, lists[i]->index[k]);
    for (int i = 0; i < wanted.count; i++) {
        int from = 0;
        while (x->axes.index[from] != wanted.index[i]) from++;
        order[i] = from;
        moves = moves || from != i;
    }
    if (moves) x->term = nn_expand_transpose(b->e, x->term, wanted.count, order);
    x->axes = wanted;
}

static nn_term *insert_axes(const builder *b, nn_term *x, int first, int count) {
    int64_t places[NN_MAX_RANK];
    for (int i = 0; i < count; i++) places[i] = first + i;
    if (count == 0) return x;
    return nn_expand(b->e, "Unsqueeze", NN_TERMS(x, nn_expand_ints(b->e, count, places)));
}

/* The indices of two operands: both have them and keep them; both have them and sum over them; only
 * one has them. */
typedef struct split {
    nn_einsum_axes batch, summed, left, right;
} split;

static split split_axes(const operand *x, const operand *y, const index_set *needed) {
    split out = {0};
    index_set in_x = set_of(&x->axes), in_y = set_of(&y->axes);
    for (int i = 0; i < x->axes.count; i++) {
        int index = x->axes.index[i];
        append(!in_y.has[index] ? &out.left : needed->has[index] ? &out.batch : &out.summed, index);
    }
    for (int i = 0; i < y->axes.count; i++)
        if (!in_x.has[y->axes.index[i]]) append(&out.right, y->axes.index[i]);
    return out;
}

/* Nothing is summed: an outer product in some axes, element by element in others. */
static void multiply(const builder *b, operand *x, operand *y, const split *s) {
    order_axes(b, x, (const nn_einsum_axes *[]){&s->batch, &s->left}, 2);
    order_axes(b, y, (const nn_einsum_axes *[]){&s->batch, &s->right}, 2);
    nn_term *wide_x = insert_axes(b, x->term, s->batch.count + s->left.count, s->right.count);
    nn_term *wide_y = insert_axes(b, y->term, s->batch.count, s->left.count);
    x->term = nn_expand(b->e, "Mul", NN_TERMS(wide_x, wide_y));
}

/* The axes of two groups behind the batch become one axis each. */
static nn_status merge(const nn_node_view *node, const builder *b, operand *x,
                       const nn_einsum_axes *batch, const nn_einsum_axes *first,
                       const nn_einsum_axes *second) {
    shape to = {.known = true};
    order_axes(b, x, (const nn_einsum_axes *[]){batch, first, second}, 3);
    if (first->count == 1 && second->count == 1) return NN_OK;
    NN_TRY(add_each(node, b, batch, &to));
    NN_TRY(add_group(node, b, first, &to));
    NN_TRY(add_group(node, b, second, &to));
    x->term = reshape(b, x->term, &to);
    return NN_OK;
}

static nn_status multiply_matrices(const nn_node_view *node, const builder *b, operand *x,
                                   operand *y, const split *s) {
    if (s->batch.count + 2 > NN_MAX_RANK)
        return nn_view_fail(node, NN_UNSUPPORTED, "%d batch axes", s->batch.count);
    NN_TRY(merge(node, b, x, &s->batch, &s->left, &s->summed));
    NN_TRY(merge(node, b, y, &s->batch, &s->summed, &s->right));
    x->term = nn_expand(b->e, "MatMul", NN_TERMS(x->term, y->term));
    if (s->left.count == 1 && s->right.count == 1) return NN_OK;
    shape to = {.known = true};
    NN_TRY(add_each(node, b, &s->batch, &to));
    NN_TRY(add_each(node, b, &s->left, &to));
    NN_TRY(add_each(node, b, &s->right, &to));
    x->term = reshape(b, x->term, &to);
    return NN_OK;
}

/* x becomes the product of x and y, without the indices that are not needed. */
static nn_status combine(const nn_node_view *node, const builder *b, operand *x, operand *y,
                         const index_set *needed) {
    index_set kept = *needed;
    include(&kept, &y->axes);
    sum_others(b, x, &kept);
    kept = *needed;
    include(&kept, &x->axes);
    sum_others(b, y, &kept);
    split s = split_axes(x, y, needed);
    if (s.batch.count + s.left.count + s.right.count > NN_MAX_RANK)
        return nn_view_fail(node, NN_UNSUPPORTED, "a product of rank %d, over the limit %d",
                            s.batch.count + s.left.count + s.right.count, NN_MAX_RANK);
    if (s.summed.count == 0)
        multiply(b, x, y, &s);
    else
        NN_TRY(multiply_matrices(node, b, x, y, &s));
    x->axes = s.batch;
    for (int i = 0; i < s.left.count; i++) append(&x->axes, s.left.index[i]);
    for (int i = 0; i < s.right.count; i++) append(&x->axes, s.right.index[i]);
    return NN_OK;
}

/* Half types compute in float, small integers in int32, of which the low bits are kept. */
static nn_type compute_type(nn_type type) {
    if (nn_type_in(type, NN_TYPES_HALF)) return NNOPT_FLOAT;
    return nn_type_is_integer(type) && nn_type_bits(type) < 32 ? NNOPT_INT32 : type;
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    builder b = {.e = e};
    bool known;
    nn_type type = nn_in_type(node, 0), inner = compute_type(type);
    NN_TRY(nn_einsum_resolve(node, node->attrs, &b.einsum, &known));
    if (!known || type == NNOPT_TYPE_NONE)
        return nn_view_fail(node, NN_UNSUPPORTED, "the ranks and types of inputs must be known");
    operand x, y;
    NN_TRY(load(node, &b, 0, inner, &x));
    const index_set output = set_of(&b.einsum.out);
    for (int i = 1; i < node->in_count; i++) {
        index_set needed = output;
        for (int k = i + 1; k < node->in_count; k++) include(&needed, &b.einsum.in[k]);
        NN_TRY(load(node, &b, i, inner, &y));
        NN_TRY(combine(node, &b, &x, &y, &needed));
    }
    sum_others(&b, &x, &output);
    order_axes(&b, &x, (const nn_einsum_axes *[]){&b.einsum.out}, 1);
    if (inner != type) x.term = nn_expand_cast(e, x.term, type);
    nn_expand_out(e, 0, x.term);
    return NN_OK;
}

const nn_op nn_op_einsum = {
    .name = "Einsum",
    .domain = "",
    .since = 12,
    .min_inputs = 1,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_einsum_equation),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
