/* Items are sorted by keys: numbers become integers of the same order, strings stay what they are. */
#include "ops/family/container.h"
#include "ops/family/copy.h"
#include "ops/family/pieces.h"

#include <stdlib.h>

typedef struct unique_attrs {
    bool has_axis; /* else the elements of the whole tensor are the items */
    int64_t axis;
    int64_t sorted; /* 0: in the order of first occurrence */
} unique_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    unique_attrs *parsed = out;
    parsed->has_axis = nn_attrs_find(attrs, "axis") != NULL;
    NN_TRY(nn_attrs_int(attrs, "axis", 0, &parsed->axis));
    NN_TRY(nn_attrs_int(attrs, "sorted", 1, &parsed->sorted));
    if (parsed->sorted != 0 && parsed->sorted != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'sorted' is %lld",
                            (long long)parsed->sorted);
    return NN_OK;
}

static const nn_type_set item_types = NN_TYPES_NUMBER | NN_TYPES_BOOL |
                                      NN_TYPE_BIT(NNOPT_COMPLEX64) |
                                      NN_TYPE_BIT(NNOPT_COMPLEX128) | NN_TYPE_BIT(NNOPT_STRING);

static nn_status infer(const nn_node_view *node) {
    const unique_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    const int64_t unknown = NN_DIM_UNKNOWN;
    NN_TRY(nn_check_types(node, 0, 0, item_types));
    int64_t items = in->rank < 0 ? NN_DIM_UNKNOWN : nn_fact_count(in);
    if (attrs->has_axis && in->rank >= 0) {
        int64_t dims[NN_MAX_RANK];
        int axis;
        NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
        for (int k = 0; k < in->rank; k++) dims[k] = k == axis ? NN_DIM_UNKNOWN : in->dims[k];
        items = in->dims[axis];
        NN_TRY(nn_set_output(node, 0, in->type, in->rank, dims));
    } else {
        NN_TRY(nn_set_output(node, 0, in->type, attrs->has_axis ? NN_RANK_UNKNOWN : 1, &unknown));
    }
    NN_TRY(nn_set_output(node, 1, NNOPT_INT64, 1, &unknown));
    NN_TRY(nn_set_output(node, 2, NNOPT_INT64, 1, &items));
    return nn_set_output(node, 3, NNOPT_INT64, 1, &unknown);
}

/* ---- keys ---- */

typedef struct unique_work {
    const nn_tensor *in;
    nn_rows rows; /* rows.size items */
    int64_t width; /* keys of an item */
    uint64_t *keys;
    int64_t *order;  /* items, sorted */
    int64_t *group;  /* of each item */
    int64_t *firsts; /* first item of each group */
    int64_t *counts, *renamed;
    int64_t groups;
} unique_work;

/* -0 is 0, and NaN, of whatever bits, comes last. */
static uint64_t key_of_real(double value) {
    uint64_t bits, sign = (uint64_t)1 << 63;
    if (value != value) return UINT64_MAX;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

/* Keys of elements [begin, begin + count) that follow one another; complex ones have two each. */
static void make_keys(const nn_tensor *in, int64_t begin, int64_t count, uint64_t *keys) {
    nn_type type = in->type;
    if (type == NNOPT_COMPLEX64 || type == NNOPT_COMPLEX128) {
        type = type == NNOPT_COMPLEX64 ? NNOPT_FLOAT : NNOPT_DOUBLE;
        begin *= 2;
        count *= 2;
    }
    double reals[NN_BLOCK];
    int64_t integers[NN_BLOCK];
    const char *const *texts = in->data;
    uint64_t flip = type == NNOPT_UINT64 ? 0 : (uint64_t)1 << 63;
    for (int64_t done = 0; done < count; done += NN_BLOCK) {
        int64_t size = count - done < NN_BLOCK ? count - done : NN_BLOCK;
        if (type == NNOPT_STRING) {
            for (int64_t i = 0; i < size; i++)
                keys[done + i] = (uint64_t)(uintptr_t)texts[begin + done + i];
        } else if (nn_type_in(type, NN_TYPES_FLOAT)) {
            nn_load_double(type, nn_at(in->data, type, begin + done), reals, size);
            for (int64_t i = 0; i < size; i++) keys[done + i] = key_of_real(reals[i]);
        } else {
            nn_load_int(type, nn_at(in->data, type, begin + done), integers, size);
            for (int64_t i = 0; i < size; i++) keys[done + i] = (uint64_t)integers[i] ^ flip;
        }
    }
}

static int compare_keys(const unique_work *work, int64_t a, int64_t b) {
    const uint64_t *x = work->keys + a * work->width, *y = work->keys + b * work->width;
    for (int64_t i = 0; i < work->width; i++) {
        if (x[i] == y[i]) continue;
        if (work->in->type != NNOPT_STRING) return x[i] < y[i] ? -1 : 1;
        int order = strcmp((const char *)(uintptr_t)x[i], (const char *)(uintptr_t)y[i]);
        if (order != 0) return order;
    }
    return 0;
}

static int compare_items(const void *first, const void *second, void *argument) {
    int64_t a = *(const int64_t *)first, b = *(const int64_t *)second;
    int order = compare_keys(argument, a, b);
    return order != 0 ? order : (a > b) - (a < b);
}

/* ---- groups ---- */

static int compare_firsts(const void *first, const void *second, void *argument) {
    const int64_t *firsts = argument;
    int64_t a = firsts[*(const int64_t *)first], b = firsts[*(const int64_t *)second];
    return (a > b) - (a < b);
}

/* Numbers the groups by first occurrence; `order` is free for the new order. */
static void order_by_occurrence(unique_work *work) {
    int64_t *order = work->order;
    for (int64_t g = 0; g < work->groups; g++) order[g] = g;
    qsort_r(order, (size_t)work->groups, sizeof *order, compare_firsts, work->firsts);
    for (int64_t g = 0; g < work->groups; g++) work->renamed[order[g]] = g;
    for (int64_t i = 0; i < work->rows.size; i++)
        work->group[i] = work->renamed[work->group[i]];
    for (int64_t i = work->rows.size - 1; i >= 0; i--) work->firsts[work->group[i]] = i;
    for (int64_t g = 0; g < work->groups; g++) work->counts[g] = 0;
    for (int64_t i = 0; i < work->rows.size; i++) work->counts[work->group[i]]++;
}

static void find_groups(unique_work *work, bool sorted) {
    const nn_rows *rows = &work->rows;
    int64_t parts = work->width / (rows->inner > 0 && rows->outer > 0 ? rows->inner * rows->outer : 1);
    for (int64_t item = 0; item < rows->size; item++) {
        work->order[item] = item;
        for (int64_t block = 0; block < rows->outer && rows->inner > 0; block++)
            make_keys(work->in, (block * rows->size + item) * rows->inner, rows->inner,
                      work->keys + item * work->width + block * rows->inner * parts);
    }
    qsort_r(work->order, (size_t)rows->size, sizeof *work->order, compare_items, work);
    for (int64_t i = 0; i < rows->size; i++) {
        int64_t item = work->order[i];
        if (i == 0 || compare_keys(work, work->order[i - 1], item) != 0) {
            work->firsts[work->groups] = item;
            work->counts[work->groups++] = 0;
        }
        work->group[item] = work->groups - 1;
        work->counts[work->groups - 1]++;
    }
    if (!sorted) order_by_occurrence(work);
}

/* ---- results ---- */

static nn_status put_list(const nn_call *call, int index, const int64_t *values, int64_t count) {
    if (index >= call->out_count || call->out[index] == NULL) return NN_OK;
    NN_TRY(nn_tensor_init(call->out[index], NNOPT_INT64, &count, 1));
    if (count > 0) memcpy(call->out[index]->data, values, (size_t)count * sizeof *values);
    return NN_OK;
}

static nn_status put_results(const nn_call *call, const unique_work *work, int axis) {
    const nn_tensor *in = work->in;
    nn_tensor *out = call->out[0], shape = {.rank = 1};
    nn_rows to = work->rows;
    if (axis >= 0) shape = *in;
    shape.dims[axis >= 0 ? axis : 0] = to.size = work->groups;
    NN_TRY(nn_tensor_init(out, in->type, shape.dims, shape.rank));
    for (int64_t g = 0; g < work->groups; g++)
        nn_move_rows(in->type, out->data, &to, g, in->data, &work->rows, work->firsts[g], 1);
    NN_TRY(put_list(call, 1, work->firsts, work->groups));
    NN_TRY(put_list(call, 2, work->group, work->rows.size));
    return put_list(call, 3, work->counts, work->groups);
}

static nn_status run(const nn_call *call) {
    const unique_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    bool is_complex = in->type == NNOPT_COMPLEX64 || in->type == NNOPT_COMPLEX128;
    unique_work work = {.in = in, .rows = {1, nn_tensor_count(in), 1}};
    int axis = -1;
    if (attrs->has_axis) {
        NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
        work.rows = nn_rows_of(in->dims, in->rank, axis);
    }
    work.width = work.rows.outer * work.rows.inner * (is_complex ? 2 : 1);
    int64_t entries, bytes;
    if (!nn_mul_size(work.rows.size, work.width + 5, &entries) ||
        !nn_mul_size(entries, (int64_t)sizeof *work.keys, &bytes))
        return nn_view_fail(call->node, NN_BAD_INPUT, "the input has too many elements");
    uint64_t *memory = nn_alloc((size_t)bytes + sizeof *memory);
    if (memory == NULL) return nn_fail_memory((size_t)bytes);
    int64_t size = work.rows.size;
    work.keys = memory;
    work.order = (int64_t *)memory + size * work.width;
    work.group = work.order + size;
    work.firsts = work.group + size;
    work.counts = work.firsts + size;
    work.renamed = work.counts + size;
    find_groups(&work, attrs->sorted != 0);
    nn_status status = put_results(call, &work, axis);
    nn_free(memory);
    return status;
}

static const nn_kernel reference = {
    .name = "unique_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_unique = {
    .name = "Unique",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 4,
    .attr_size = sizeof(unique_attrs),
    .parse = parse,
    .infer = infer,
    .kernels = kernels,
};
