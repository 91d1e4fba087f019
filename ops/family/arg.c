#include "ops/family/arg.h"

#include "ops/family/loops.h"

nn_status nn_arg_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_arg_attrs *parsed = out;
    int64_t keep_dims, last;
    NN_TRY(nn_attrs_int(attrs, "axis", 0, &parsed->axis));
    NN_TRY(nn_attrs_int(attrs, "keepdims", 1, &keep_dims));
    NN_TRY(nn_attrs_int(attrs, "select_last_index", 0, &last));
    parsed->keep_dims = keep_dims != 0;
    parsed->last = last != 0;
    return NN_OK;
}

nn_status nn_arg_infer(const nn_node_view *node) {
    const nn_arg_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[NN_MAX_RANK];
    int axis, rank = 0;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_NUMBER));
    if (in->rank < 0) return nn_set_output(node, 0, NNOPT_INT64, -1, NULL);
    NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
    if (in->dims[axis] == 0) return nn_view_fail(node, NN_BAD_INPUT, "axis %d is empty", axis);
    for (int i = 0; i < in->rank; i++) {
        if (i != axis)
            dims[rank++] = in->dims[i];
        else if (attrs->keep_dims)
            dims[rank++] = 1;
    }
    return nn_set_output(node, 0, NNOPT_INT64, rank, dims);
}

nn_status nn_arg_axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_arg_attrs *attrs = node->attrs;
    bool reduced[NN_MAX_RANK];
    NN_TRY(nn_check_axes(node, &attrs->axis, 1, node->in[0]->rank, reduced));
    return nn_reduce_relate(node, reduced, attrs->keep_dims, out);
}

bool nn_arg_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_NUMBER);
}

typedef struct arg_work {
    const nn_tensor *in;
    int64_t *out;
    int64_t size, inner; /* of the axis, of what follows it */
    bool largest, last;
} arg_work;

static bool beats_real(const arg_work *work, double x, double best) {
    if (x != x) return best == best || work->last;
    if (best != best) return false;
    if (x == best) return work->last;
    return work->largest ? x > best : x < best;
}

static bool beats_whole(const arg_work *work, int64_t x, int64_t best) {
    if (x == best) return work->last;
    bool larger = work->in->type == NNOPT_UINT64 ? (uint64_t)x > (uint64_t)best : x > best;
    return work->largest ? larger : !larger;
}

static int64_t best_real(const arg_work *work, int64_t offset) {
    double best = 0, x;
    int64_t place = 0;
    for (int64_t i = 0; i < work->size; i++) {
        nn_load_double(work->in->type,
                       nn_at(work->in->data, work->in->type, offset + i * work->inner), &x, 1);
        if (i == 0 || beats_real(work, x, best)) {
            best = x;
            place = i;
        }
    }
    return place;
}

static int64_t best_whole(const arg_work *work, int64_t offset) {
    int64_t best = 0, x, place = 0;
    for (int64_t i = 0; i < work->size; i++) {
        nn_load_int(work->in->type, nn_at(work->in->data, work->in->type, offset + i * work->inner),
                    &x, 1);
        if (i == 0 || beats_whole(work, x, best)) {
            best = x;
            place = i;
        }
    }
    return place;
}

static void find_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const arg_work *work = argument;
    bool whole = nn_type_is_integer(work->in->type);
    for (int64_t i = begin; i < end; i++) {
        int64_t offset = i / work->inner * work->size * work->inner + i % work->inner;
        work->out[i] = whole ? best_whole(work, offset) : best_real(work, offset);
    }
}

nn_status nn_arg_run(const nn_call *call, bool largest) {
    const nn_arg_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
    arg_work work = {.in = in,
                     .out = call->out[0]->data,
                     .size = in->dims[axis],
                     .inner = nn_dims_product(in->dims, axis + 1, in->rank),
                     .largest = largest,
                     .last = attrs->last};
    if (work.size == 0) return nn_view_fail(call->node, NN_BAD_INPUT, "axis %d is empty", axis);
    nn_parallel(call->pool, nn_tensor_count(call->out[0]), NN_GRAIN / work.size + 1, find_chunk,
                &work);
    return NN_OK;
}
