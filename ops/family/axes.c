#include "ops/family/axes.h"

static nn_status append(const nn_node_view *node, nn_axis_relations *out,
                        const nn_axis_relation *relation) {
    if (out->count >= NN_MAX_RELATIONS)
        return nn_view_fail(node, NN_UNSUPPORTED, "more than %d axis relations", NN_MAX_RELATIONS);
    out->items[out->count++] = *relation;
    return NN_OK;
}

nn_status nn_axes_same(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                       nn_axis_end b) {
    nn_axis_relation relation = {.kind = NN_AXIS_SAME, .a = a, .b = b};
    return append(node, out, &relation);
}

nn_status nn_axes_mixed(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                        nn_axis_end b) {
    nn_axis_relation relation = {.kind = NN_AXIS_MIXED, .a = a, .b = b};
    return append(node, out, &relation);
}

nn_status nn_axes_fixed(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a) {
    return nn_axes_mixed(node, out, a, a);
}

nn_status nn_axes_offset(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                         nn_axis_end b, int64_t offset) {
    nn_axis_relation relation = {.kind = NN_AXIS_OFFSET, .a = a, .b = b, .offset = offset};
    return append(node, out, &relation);
}

nn_status nn_axes_contract(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                           nn_axis_end b) {
    nn_axis_relation relation = {.kind = NN_AXIS_CONTRACT, .a = a, .b = b};
    return append(node, out, &relation);
}

nn_status nn_axes_group(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                        nn_axis_end b, int64_t groups) {
    nn_axis_relation relation = {.kind = NN_AXIS_GROUP, .a = a, .b = b, .groups = groups};
    return append(node, out, &relation);
}

nn_status nn_axes_window(const nn_node_view *node, nn_axis_relations *out,
                         const nn_axis_relation *window) {
    nn_axis_relation relation = *window;
    relation.kind = NN_AXIS_WINDOW;
    return append(node, out, &relation);
}

nn_status nn_axes_merge(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                        nn_axis_end b, int64_t outer, int64_t inner) {
    nn_axis_relation relation = {
        .kind = NN_AXIS_MERGE, .a = a, .b = b, .inner = inner, .outer = outer};
    return append(node, out, &relation);
}

nn_status nn_axes_of_unary(const nn_node_view *node, nn_axis_relations *out) {
    for (int axis = 0; axis < node->in[0]->rank; axis++)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(0, axis), nn_out_axis(0, axis)));
    return NN_OK;
}

nn_status nn_axes_along(const nn_node_view *node, nn_axis_relations *out, const bool *mixed) {
    for (int axis = 0; axis < node->in[0]->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        NN_TRY(mixed[axis] ? nn_axes_mixed(node, out, from, to)
                           : nn_axes_same(node, out, from, to));
    }
    return NN_OK;
}

nn_status nn_axes_add_broadcast(const nn_node_view *node, nn_axis_relations *out, int index) {
    const nn_fact *in = nn_view_in(node, index), *result = node->out[0];
    if (in == NULL) return NN_OK;
    for (int axis = 0; axis < in->rank; axis++) {
        int target = axis + result->rank - in->rank;
        if (in->dims[axis] != 1 || result->dims[target] == 1)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(index, axis), nn_out_axis(0, target)));
    }
    return NN_OK;
}

nn_status nn_axes_of_broadcast(const nn_node_view *node, nn_axis_relations *out) {
    for (int index = 0; index < node->in_count; index++)
        NN_TRY(nn_axes_add_broadcast(node, out, index));
    return NN_OK;
}

/* ---- reshape ---- */

/* One side of a reshape: a run of axes, those of size 1 left out. */
typedef struct axis_run {
    const nn_fact *fact;
    bool is_output;
    int first, last; /* axes first .. last-1 */
} axis_run;

static nn_axis_end run_end(const axis_run *run, int axis) {
    return (nn_axis_end){run->is_output, 0, (int16_t)axis};
}

static int run_axes(const axis_run *run, int axes[NN_MAX_RANK]) {
    int count = 0;
    for (int axis = run->first; axis < run->last; axis++)
        if (run->fact->dims[axis] != 1) axes[count++] = axis;
    return count;
}

static int64_t product_of(const axis_run *run, const int *axes, int first, int last) {
    int64_t product = 1;
    for (int i = first; i < last; i++) {
        int64_t size = run->fact->dims[axes[i]];
        if (!nn_dim_is_known(size) || !nn_mul_size(product, size, &product)) return -1;
    }
    return product;
}

/* The axes of `many` become the one axis of `one`. */
static nn_status relate_merge(const nn_node_view *node, nn_axis_relations *out,
                              const axis_run *many, const axis_run *one, int target) {
    int axes[NN_MAX_RANK], count = run_axes(many, axes);
    for (int i = 0; i < count; i++) {
        int64_t outer = product_of(many, axes, 0, i);
        int64_t inner = product_of(many, axes, i + 1, count);
        nn_axis_end a = run_end(many, axes[i]), b = run_end(one, target);
        if (outer < 0 || inner < 0)
            NN_TRY(nn_axes_mixed(node, out, a, b));
        else
            NN_TRY(nn_axes_merge(node, out, a, b, outer, inner));
    }
    return NN_OK;
}

static nn_status relate_runs(const nn_node_view *node, nn_axis_relations *out, const axis_run *in,
                             const axis_run *result) {
    int in_axes[NN_MAX_RANK], out_axes[NN_MAX_RANK];
    int in_count = run_axes(in, in_axes), out_count = run_axes(result, out_axes);
    if (in_count == 1 && out_count == 1)
        return nn_axes_same(node, out, run_end(in, in_axes[0]), run_end(result, out_axes[0]));
    if (out_count == 1) return relate_merge(node, out, in, result, out_axes[0]);
    if (in_count == 1) return relate_merge(node, out, result, in, in_axes[0]);
    for (int i = 0; i < in_count; i++) NN_TRY(nn_axes_fixed(node, out, run_end(in, in_axes[i])));
    for (int i = 0; i < out_count; i++)
        NN_TRY(nn_axes_fixed(node, out, run_end(result, out_axes[i])));
    return NN_OK;
}

static void skip_ones(const nn_fact *fact, int *axis, int end) {
    while (*axis < end && fact->dims[*axis] == 1) ++*axis;
}

/* Extends both runs from the front until their products agree; false when that cannot be seen. */
static bool match_front(axis_run *in, axis_run *result, int in_end, int out_end) {
    int64_t in_size = 1, out_size = 1;
    do {
        bool extend_in = in_size <= out_size;
        axis_run *run = extend_in ? in : result;
        if (run->last >= (extend_in ? in_end : out_end)) return false;
        int64_t size = run->fact->dims[run->last++];
        int64_t *product = extend_in ? &in_size : &out_size;
        if (size <= 0 || !nn_mul_size(*product, size, product)) return false;
    } while (in_size != out_size || in_size == 1);
    return true;
}

/* What follows both axes has the same known size, so the axes themselves must agree too. */
static bool rest_agrees(const nn_fact *in, int in_axis, const nn_fact *result, int out_axis) {
    int64_t in_rest = 1, out_rest = 1;
    while (++in_axis < in->rank)
        if (!nn_mul_size(in_rest, in->dims[in_axis], &in_rest)) return false;
    while (++out_axis < result->rank)
        if (!nn_mul_size(out_rest, result->dims[out_axis], &out_rest)) return false;
    return in_rest == out_rest && in_rest > 0;
}

nn_status nn_axes_of_reshape(const nn_node_view *node, nn_axis_relations *out) {
    const nn_fact *in = node->in[0], *result = node->out[0];
    int in_begin = 0, out_begin = 0, in_end = in->rank, out_end = result->rank;
    /* Equal sizes at the back are the same axes, symbols too; what lies between is matched from the
     * front, and what cannot be matched is one run. */
    axis_run back_in[NN_MAX_RANK], back_out[NN_MAX_RANK];
    int back = 0;
    for (;;) {
        skip_ones(in, &in_begin, in_end);
        skip_ones(result, &out_begin, out_end);
        if (in_begin >= in_end || out_begin >= out_end) break;
        int64_t a = in->dims[in_begin], b = result->dims[out_begin];
        if ((nn_dim_is_symbol(a) && a == b) ||
            (a < 0 && b < 0 && rest_agrees(in, in_begin, result, out_begin))) {
            NN_TRY(nn_axes_same(node, out, nn_in_axis(0, in_begin++), nn_out_axis(0, out_begin++)));
            continue;
        }
        axis_run front_in = {in, false, in_begin, in_begin};
        axis_run front_out = {result, true, out_begin, out_begin};
        if (!match_front(&front_in, &front_out, in_end, out_end)) break;
        NN_TRY(relate_runs(node, out, &front_in, &front_out));
        in_begin = front_in.last;
        out_begin = front_out.last;
    }
    while (in_end > in_begin && out_end > out_begin) {
        int64_t a = in->dims[in_end - 1], b = result->dims[out_end - 1];
        if (a == 1) {
            in_end--;
        } else if (b == 1) {
            out_end--;
        } else if (a == b && a != NN_DIM_UNKNOWN && a != 0) {
            back_in[back] = (axis_run){in, false, in_end - 1, in_end};
            back_out[back++] = (axis_run){result, true, out_end - 1, out_end};
            in_end--;
            out_end--;
        } else {
            break;
        }
    }
    for (int i = 0; i < back; i++) NN_TRY(relate_runs(node, out, &back_in[i], &back_out[i]));
    axis_run rest_in = {in, false, in_begin, in_end};
    axis_run rest_out = {result, true, out_begin, out_end};
    return relate_runs(node, out, &rest_in, &rest_out);
}
