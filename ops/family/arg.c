#include "ops/family/arg.h"

#include "ops/cpu/float32/rows_f32.h"
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

enum { COLUMNS = 256 }; /* neighbouring outputs that are found together */

/* Takes x of place `index` where it beats the best so far. The comparison of equals decides between
 * first and last; NaN, which is unequal to itself, beats all else. */
#define ARG_STEP(TYPE, type, suffix)                                                               \
    static void step_##suffix(const arg_work *work, const void *x_, void *best_, int64_t *place,   \
                              int64_t index, int64_t count) {                                      \
        const type *xs = x_;                                                                       \
        type *best = best_;                                                                        \
        const bool largest = work->largest, last = work->last, first = index == 0;                 \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const type x = xs[i], old = best[i];                                                   \
            bool better = largest ? x > old : x < old;                                             \
            bool odd = x != x && (old == old || last);                                             \
            bool take = first || odd || better || (last && x == old);                              \
            best[i] = take ? x : old;                                                              \
            place[i] = take ? index : place[i];                                                    \
        }                                                                                          \
    }
#define ARG_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = step_##suffix,
typedef void (*arg_step)(const arg_work *work, const void *x, void *best, int64_t *place,
                         int64_t index, int64_t count);
NN_EACH_REAL(ARG_STEP)
NN_EACH_INTEGER(ARG_STEP)
static const arg_step steps[NN_TYPE_COUNT] = {NN_EACH_REAL(ARG_ENTRY) NN_EACH_INTEGER(ARG_ENTRY)};

static void find_columns(const arg_work *work, int64_t offset, int64_t count, int64_t *place) {
    nn_type type = work->in->type;
    bool half = nn_type_in(type, NN_TYPES_HALF);
    arg_step step = steps[half ? NNOPT_FLOAT : type];
    int64_t best[COLUMNS];
    float loaded[COLUMNS];
    for (int64_t i = 0; i < work->size; i++) {
        const void *x = nn_at(work->in->data, type, offset + i * work->inner);
        if (half) nn_load_float(type, x, loaded, count);
        step(work, half ? loaded : x, best, place, i, count);
    }
}

static void find_float_columns(const arg_work *work, int64_t offset, int64_t count,
                               int64_t *place) {
    const nn_rows_f32 *rows = nn_rows_f32_best();
    const float *x = (const float *)work->in->data + offset;
    float best[COLUMNS] = {0};
    int32_t places[COLUMNS] = {0};
    for (int64_t i = 0; i < work->size; i++)
        rows->keep_extreme(x + i * work->inner, best, places, (int32_t)i, !work->largest,
                           work->last, count);
    for (int64_t i = 0; i < count; i++) place[i] = places[i];
}

/* The place of the largest or smallest of a row of floats: its value first, then where it is. */
static int64_t find_in_row(const arg_work *work, const float *x) {
    const nn_rows_f32 *rows = nn_rows_f32_best();
    float best = (work->largest ? rows->maximum : rows->minimum)(x, work->size);
    bool odd = best != best;
    for (int64_t i = 0; i < work->size; i++) {
        int64_t place = work->last ? work->size - 1 - i : i;
        if (odd ? x[place] != x[place] : x[place] == best) return place;
    }
    return 0;
}

static void find_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const arg_work *work = argument;
    if (work->inner == 1 && work->in->type == NNOPT_FLOAT) {
        for (int64_t i = begin; i < end; i++)
            work->out[i] = find_in_row(work, (const float *)work->in->data + i * work->size);
        return;
    }
    for (int64_t i = begin; i < end;) {
        int64_t column = i % work->inner, count = work->inner - column;
        if (count > COLUMNS) count = COLUMNS;
        if (count > end - i) count = end - i;
        int64_t offset = i / work->inner * work->size * work->inner + column;
        if (work->in->type == NNOPT_FLOAT && work->size <= INT32_MAX)
            find_float_columns(work, offset, count, work->out + i);
        else
            find_columns(work, offset, count, work->out + i);
        i += count;
    }
}

void nn_arg_find(nn_pool *pool, const nn_tensor *in, int64_t size, int64_t inner, bool largest,
                 bool last, int64_t *out) {
    arg_work work = {in, out, size, inner, largest, last};
    nn_parallel(pool, nn_tensor_count(in) / size, NN_GRAIN / size + 1, find_chunk, &work);
}

nn_status nn_arg_run(const nn_call *call, bool largest) {
    const nn_arg_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
    if (in->dims[axis] == 0)
        return nn_view_fail(call->node, NN_BAD_INPUT, "axis %d is empty", axis);
    nn_arg_find(call->pool, in, in->dims[axis], nn_dims_product(in->dims, axis + 1, in->rank),
                largest, attrs->last, call->out[0]->data);
    return NN_OK;
}
