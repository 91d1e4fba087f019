#include "ops/family/reduce.h"

#include "ops/family/loops.h"

#include <math.h>

/* ---- attributes and shapes ---- */

nn_status nn_reduce_parse_since(const nn_node_view *node, const nn_attrs *attrs,
                                int axes_input_since, nn_reduce_attrs *out) {
    int64_t keep_dims, empty_is_none;
    NN_TRY(nn_attrs_int(attrs, "keepdims", 1, &keep_dims));
    NN_TRY(nn_attrs_int(attrs, "noop_with_empty_axes", 0, &empty_is_none));
    out->keep_dims = keep_dims != 0;
    out->empty_is_none = empty_is_none != 0;
    out->from_input = node->opset >= axes_input_since;
    if (out->from_input) return NN_OK;
    return nn_list_attribute(node, attrs, "axes", NN_MAX_RANK, &out->axes);
}

nn_status nn_reduce_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    return nn_reduce_parse_since(node, attrs, 18, out);
}

/* Flags per axis from a list of axes. */
static nn_status flag_axes(const nn_node_view *node, const nn_list *axes, int rank,
                           bool reduced[NN_MAX_RANK]) {
    const nn_reduce_attrs *attrs = node->attrs;
    if (axes->count > 0) return nn_check_axes(node, axes->values, axes->count, rank, reduced);
    for (int axis = 0; axis < NN_MAX_RANK; axis++) reduced[axis] = !attrs->empty_is_none;
    return NN_OK;
}

static nn_status infer_unknown_axes(const nn_node_view *node, const nn_list *axes) {
    const nn_reduce_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[NN_MAX_RANK];
    int rank = -1;
    if (attrs->keep_dims)
        rank = in->rank;
    else if (in->rank >= 0 && axes->count > 0 && axes->count <= in->rank)
        rank = in->rank - axes->count;
    for (int axis = 0; axis < rank; axis++) dims[axis] = NN_DIM_UNKNOWN;
    return nn_set_output(node, 0, in->type, rank, dims);
}

nn_status nn_reduce_infer(const nn_node_view *node, nn_type_set types) {
    const nn_reduce_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    nn_list axes = attrs->axes;
    bool reduced[NN_MAX_RANK];
    int64_t dims[NN_MAX_RANK];
    int rank = 0;
    NN_TRY(nn_check_types(node, 0, 0, types));
    if (attrs->from_input) NN_TRY(nn_list_input(node, 1, NN_MAX_RANK, &axes));
    if (in->rank < 0 || !axes.known) return infer_unknown_axes(node, &axes);
    NN_TRY(flag_axes(node, &axes, in->rank, reduced));
    for (int axis = 0; axis < in->rank; axis++) {
        if (reduced[axis] && attrs->keep_dims)
            dims[rank++] = 1;
        else if (!reduced[axis])
            dims[rank++] = in->dims[axis];
    }
    return nn_set_output(node, 0, in->type, rank, dims);
}

nn_status nn_reduce_infer_number(const nn_node_view *node) {
    return nn_reduce_infer(node, NN_TYPES_FLOAT | NN_TYPE_BIT(NNOPT_INT32) |
                                     NN_TYPE_BIT(NNOPT_INT64) | NN_TYPE_BIT(NNOPT_UINT32) |
                                     NN_TYPE_BIT(NNOPT_UINT64));
}

nn_status nn_reduce_relate(const nn_node_view *node, const bool reduced[NN_MAX_RANK],
                           bool keep_dims, nn_axis_relations *out) {
    for (int axis = 0, target = 0; axis < node->in[0]->rank; axis++) {
        if (reduced[axis]) {
            NN_TRY(nn_axes_fixed(node, out, nn_in_axis(0, axis)));
            if (keep_dims) target++;
        } else {
            NN_TRY(nn_axes_same(node, out, nn_in_axis(0, axis), nn_out_axis(0, target++)));
        }
    }
    return NN_OK;
}

bool nn_reduce_finds_axes(const nn_node_view *node, bool reduced[NN_MAX_RANK]) {
    const nn_reduce_attrs *attrs = node->attrs;
    nn_list axes = attrs->axes;
    if (attrs->from_input && nn_list_input(node, 1, NN_MAX_RANK, &axes) != NN_OK) return false;
    return axes.known && flag_axes(node, &axes, node->in[0]->rank, reduced) == NN_OK;
}

nn_status nn_reduce_axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_reduce_attrs *attrs = node->attrs;
    nn_list axes = attrs->axes;
    bool reduced[NN_MAX_RANK];
    if (attrs->from_input) NN_TRY(nn_list_input(node, 1, NN_MAX_RANK, &axes));
    if (axes.known) {
        NN_TRY(flag_axes(node, &axes, node->in[0]->rank, reduced));
        return nn_reduce_relate(node, reduced, attrs->keep_dims, out);
    }
    for (int axis = 0; axis < node->in[0]->rank; axis++)
        NN_TRY(nn_axes_fixed(node, out, nn_in_axis(0, axis)));
    for (int axis = 0; axis < node->out[0]->rank; axis++)
        NN_TRY(nn_axes_fixed(node, out, nn_out_axis(0, axis)));
    return NN_OK;
}

void nn_reduce_cost(const nn_node_view *node, nn_cost *out) {
    int64_t count = nn_fact_count(node->in[0]);
    out->flops = count > 0 ? (double)count : 0;
}

bool nn_reduce_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[0]->type, NN_TYPES_NUMBER | NN_TYPES_BOOL);
}

/* ---- running ---- */

enum {
    LANES = 16,    /* accumulators of one output element, where the input is contiguous */
    PIECE = 4096,  /* elements that one float sum takes */
    COLUMNS = 512, /* output elements that are reduced together, where they are */
};

typedef union accumulators {
    double real[COLUMNS];
    int64_t whole[COLUMNS];
} accumulators;

typedef union elements {
    double real[NN_BLOCK];
    int64_t whole[NN_BLOCK];
} elements;

typedef struct reduce_work {
    const nn_reducer *reducer;
    const nn_whole_reducer *whole; /* NULL: doubles */
    const nn_tensor *in;
    nn_tensor *out;
    nn_loops kept;           /* operand 0 the output, 1 the input */
    nn_loops reduced;        /* operand 0 the input */
    bool by_rows;            /* the innermost axis of the input is reduced */
    const nn_rows_f32 *rows; /* NULL: the reference */
} reduce_work;

static void start(const reduce_work *work, accumulators *sum, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (work->whole != NULL)
            sum->whole[i] = work->whole->start;
        else
            sum->real[i] = work->reducer->real.start;
    }
}

static void load(const reduce_work *work, int64_t offset, int64_t step, int64_t count,
                 elements *out) {
    nn_type type = work->in->type;
    const void *source = nn_at(work->in->data, type, offset);
    elements gathered;
    if (step != 1) {
        size_t size = (size_t)nn_type_bits(type) / 8;
        for (int64_t i = 0; i < count; i++)
            memcpy((char *)&gathered + (size_t)i * size, nn_at(source, type, i * step), size);
        source = &gathered;
    }
    if (work->whole != NULL)
        nn_load_int(type, source, out->whole, count);
    else
        nn_load_double(type, source, out->real, count);
}

static void add(const reduce_work *work, accumulators *sum, int64_t first, const elements *x,
                int64_t from, int64_t count) {
    if (work->whole != NULL)
        work->whole->step(sum->whole + first, x->whole + from, count);
    else
        work->reducer->real.step(sum->real + first, x->real + from, count);
}

/* Joins all lanes into the first. */
static void join_lanes(const reduce_work *work, accumulators *sum) {
    for (int64_t half = LANES / 2; half > 0; half /= 2) {
        if (work->whole != NULL)
            work->whole->join(sum->whole, sum->whole + half, half);
        else
            work->reducer->real.join(sum->real, sum->real + half, half);
    }
}

static void store(const reduce_work *work, accumulators *sum, int64_t offset, int64_t count) {
    int64_t reduced = work->reduced.count;
    nn_tensor *out = work->out;
    void *target = nn_at_out(out->data, out->type, offset);
    if (work->whole != NULL) {
        if (work->whole->finish != NULL) work->whole->finish(sum->whole, count, reduced);
        nn_store_int(out->type, sum->whole, target, count);
        return;
    }
    if (work->reducer->real.finish != NULL) work->reducer->real.finish(sum->real, count, reduced);
    if (nn_type_in(out->type, NN_TYPES_FLOAT)) {
        nn_store_double(out->type, sum->real, target, count);
        return;
    }
    for (int64_t i = 0; i < count; i++) nn_tensor_set(out, offset + i, sum->real[i]);
}

/* The largest element of a row, to be subtracted before exponentials; 0 when it is not finite. */
static double row_maximum(const reduce_work *work, int64_t offset) {
    elements x;
    nn_cursor cursor;
    double maximum = -INFINITY;
    int64_t run, step = work->reduced.steps[0][work->reduced.rank - 1];
    nn_cursor_start(&cursor, &work->reduced, 0, work->reduced.count);
    while ((run = nn_cursor_next(&cursor)) > 0)
        for (int64_t i = 0; i < run; i += NN_BLOCK) {
            int64_t count = run - i < NN_BLOCK ? run - i : NN_BLOCK;
            load(work, offset + cursor.offset[0] + i * step, step, count, &x);
            for (int64_t k = 0; k < count; k++)
                if (x.real[k] > maximum) maximum = x.real[k];
        }
    return isfinite(maximum) ? maximum : 0;
}

static void reduce_row(const reduce_work *work, int64_t in_offset, int64_t out_offset) {
    accumulators sum;
    elements x;
    nn_cursor cursor;
    bool exponentials = work->reducer->of_exponentials;
    double maximum = exponentials ? row_maximum(work, in_offset) : 0;
    int64_t run, step = work->reduced.steps[0][work->reduced.rank - 1];
    start(work, &sum, LANES);
    nn_cursor_start(&cursor, &work->reduced, 0, work->reduced.count);
    while ((run = nn_cursor_next(&cursor)) > 0)
        for (int64_t i = 0; i < run; i += NN_BLOCK) {
            int64_t count = run - i < NN_BLOCK ? run - i : NN_BLOCK;
            load(work, in_offset + cursor.offset[0] + i * step, step, count, &x);
            for (int64_t k = 0; exponentials && k < count; k++)
                x.real[k] = exp(x.real[k] - maximum);
            for (int64_t k = 0; k < count; k += LANES)
                add(work, &sum, 0, &x, k, count - k < LANES ? count - k : LANES);
        }
    join_lanes(work, &sum);
    if (exponentials) sum.real[0] = log(sum.real[0]) + maximum;
    store(work, &sum, out_offset, 1);
}

typedef void (*column_function)(const reduce_work *work, accumulators *sum, const elements *x,
                                const double *maximum, int64_t count);

static void add_columns(const reduce_work *work, accumulators *sum, const elements *x,
                        const double *maximum, int64_t count) {
    (void)maximum;
    add(work, sum, 0, x, 0, count);
}

static void take_maximum(const reduce_work *work, accumulators *sum, const elements *x,
                         const double *maximum, int64_t count) {
    (void)work;
    (void)maximum;
    for (int64_t i = 0; i < count; i++)
        if (x->real[i] > sum->real[i]) sum->real[i] = x->real[i];
}

static void add_exponentials(const reduce_work *work, accumulators *sum, const elements *x,
                             const double *maximum, int64_t count) {
    elements e;
    for (int64_t i = 0; i < count; i++) e.real[i] = exp(x->real[i] - maximum[i]);
    add(work, sum, 0, &e, 0, count);
}

/* Visits the reduced elements of `count` neighbouring outputs. */
static void visit_columns(const reduce_work *work, int64_t offset, int64_t count,
                          column_function visit, const double *maximum, accumulators *sum) {
    elements x;
    nn_cursor cursor;
    int64_t run, step = work->reduced.steps[0][work->reduced.rank - 1];
    nn_cursor_start(&cursor, &work->reduced, 0, work->reduced.count);
    while ((run = nn_cursor_next(&cursor)) > 0)
        for (int64_t i = 0; i < run; i++) {
            load(work, offset + cursor.offset[0] + i * step, 1, count, &x);
            visit(work, sum, &x, maximum, count);
        }
}

static void reduce_columns(const reduce_work *work, int64_t in_offset, int64_t out_offset,
                           int64_t count) {
    accumulators sum, maximum;
    start(work, &sum, count);
    if (!work->reducer->of_exponentials) {
        visit_columns(work, in_offset, count, add_columns, NULL, &sum);
    } else {
        for (int64_t i = 0; i < count; i++) maximum.real[i] = -INFINITY;
        visit_columns(work, in_offset, count, take_maximum, NULL, &maximum);
        for (int64_t i = 0; i < count; i++)
            if (!isfinite(maximum.real[i])) maximum.real[i] = 0;
        visit_columns(work, in_offset, count, add_exponentials, maximum.real, &sum);
        for (int64_t i = 0; i < count; i++) sum.real[i] = log(sum.real[i]) + maximum.real[i];
    }
    store(work, &sum, out_offset, count);
}

/* ---- floats ---- */

static float first_value(nn_float_reduction form) {
    if (form == NN_FLOAT_MAXIMUM) return -INFINITY;
    return form == NN_FLOAT_MINIMUM ? INFINITY : 0;
}

static float last_value(const reduce_work *work, float sum) {
    if (work->reducer->fast == NN_FLOAT_MEAN) return sum / (float)work->reduced.count;
    return work->reducer->fast == NN_FLOAT_LENGTH ? sqrtf(sum) : sum;
}

/* Long runs are summed in pieces, so that no float adds up too many. */
static double sum_pieces(const reduce_work *work, const float *x, int64_t count) {
    const nn_rows_f32 *rows = work->rows;
    double sum = 0;
    for (int64_t i = 0; i < count; i += PIECE) {
        int64_t n = count - i < PIECE ? count - i : PIECE;
        if (work->reducer->fast == NN_FLOAT_SUM_MAGNITUDES)
            sum += rows->sum_magnitudes(x + i, n);
        else if (work->reducer->fast == NN_FLOAT_SUM || work->reducer->fast == NN_FLOAT_MEAN)
            sum += rows->sum(x + i, n);
        else
            sum += rows->sum_squares(x + i, 0, n);
    }
    return sum;
}

static float join_run(const reduce_work *work, float sum, const float *x, int64_t count) {
    const nn_rows_f32 *rows = work->rows;
    float run;
    switch (work->reducer->fast) {
    case NN_FLOAT_MAXIMUM:
        run = rows->maximum(x, count);
        return run > sum || run != run ? run : sum;
    case NN_FLOAT_MINIMUM:
        run = rows->minimum(x, count);
        return run < sum || run != run ? run : sum;
    default:
        return (float)(sum + sum_pieces(work, x, count));
    }
}

static void join_columns(const reduce_work *work, float *sum, const float *x, int64_t count) {
    const nn_rows_f32 *rows = work->rows;
    switch (work->reducer->fast) {
    case NN_FLOAT_MAXIMUM:
        rows->max(sum, 1, x, 1, sum, count);
        break;
    case NN_FLOAT_MINIMUM:
        rows->min(sum, 1, x, 1, sum, count);
        break;
    case NN_FLOAT_SUM_SQUARES:
    case NN_FLOAT_LENGTH:
        rows->add_squares(sum, x, count);
        break;
    case NN_FLOAT_SUM_MAGNITUDES:
        rows->add_magnitudes(sum, x, count);
        break;
    default:
        rows->add(sum, 1, x, 1, sum, count);
        break;
    }
}

/* The reduction of each of several dense rows. */
static nn_reduce_rows row_function(const reduce_work *work) {
    const nn_rows_f32 *rows = work->rows;
    switch (work->reducer->fast) {
    case NN_FLOAT_MAXIMUM: return rows->maximum_rows;
    case NN_FLOAT_MINIMUM: return rows->minimum_rows;
    case NN_FLOAT_SUM_SQUARES:
    case NN_FLOAT_LENGTH: return rows->sum_squares_rows;
    case NN_FLOAT_SUM_MAGNITUDES: return rows->sum_magnitudes_rows;
    default: return rows->sum_rows;
    }
}

static void reduce_dense_rows(const reduce_work *work, int64_t begin, int64_t end) {
    int64_t size = work->reduced.count;
    float *y = work->out->data;
    row_function(work)((const float *)work->in->data + begin * size, size, y + begin, end - begin);
    for (int64_t i = begin; i < end; i++) y[i] = last_value(work, y[i]);
}

/* By rows the innermost run of the input is contiguous, by columns neighbouring outputs are. */
static void reduce_floats(const reduce_work *work, int64_t in_offset, int64_t out_offset,
                          int64_t count) {
    const float *x = (const float *)work->in->data + in_offset;
    float *y = (float *)work->out->data + out_offset;
    float sum[COLUMNS];
    nn_cursor cursor;
    int64_t run, step = work->reduced.steps[0][work->reduced.rank - 1];
    for (int64_t i = 0; i < count; i++) sum[i] = first_value(work->reducer->fast);
    nn_cursor_start(&cursor, &work->reduced, 0, work->reduced.count);
    while ((run = nn_cursor_next(&cursor)) > 0) {
        const float *from = x + cursor.offset[0];
        if (work->by_rows) sum[0] = join_run(work, sum[0], from, run);
        for (int64_t i = 0; i < run && !work->by_rows; i++)
            join_columns(work, sum, from + i * step, count);
    }
    for (int64_t i = 0; i < count; i++) y[i] = last_value(work, sum[i]);
}

static void reduce_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const reduce_work *work = argument;
    nn_cursor cursor;
    int64_t run, last = work->kept.rank - 1;
    if (work->rows != NULL && work->by_rows && work->reduced.rank == 1 &&
        work->reduced.count <= PIECE) {
        reduce_dense_rows(work, begin, end);
        return;
    }
    int64_t in_step = work->kept.steps[1][last];
    nn_cursor_start(&cursor, &work->kept, begin, end);
    while ((run = nn_cursor_next(&cursor)) > 0) {
        int64_t width = work->by_rows ? 1 : COLUMNS;
        for (int64_t i = 0; i < run; i += width) {
            int64_t in_offset = cursor.offset[1] + i * in_step, out_offset = cursor.offset[0] + i;
            if (work->rows != NULL)
                reduce_floats(work, in_offset, out_offset, run - i < width ? run - i : width);
            else if (work->by_rows)
                reduce_row(work, in_offset, out_offset);
            else
                reduce_columns(work, in_offset, out_offset, run - i < width ? run - i : width);
        }
    }
}

/* Splits the axes of the input into those that stay and those that go. */
static void split_axes(const nn_tensor *in, const bool reduced[NN_MAX_RANK], reduce_work *work) {
    int64_t steps[NN_MAX_RANK], kept_dims[NN_MAX_RANK], kept_steps[NN_MAX_RANK];
    int64_t out_steps[NN_MAX_RANK], gone_dims[NN_MAX_RANK], gone_steps[NN_MAX_RANK];
    int kept = 0, gone = 0;
    nn_dense_steps(in->dims, in->rank, steps);
    for (int axis = 0; axis < in->rank; axis++) {
        if (in->dims[axis] == 1) continue;
        work->by_rows = reduced[axis];
        if (reduced[axis]) {
            gone_dims[gone] = in->dims[axis];
            gone_steps[gone++] = steps[axis];
        } else {
            kept_dims[kept] = in->dims[axis];
            kept_steps[kept++] = steps[axis];
        }
    }
    nn_dense_steps(kept_dims, kept, out_steps);
    nn_loops_init(&work->kept, kept_dims, kept);
    nn_loops_add(&work->kept, out_steps);
    nn_loops_add(&work->kept, kept_steps);
    nn_loops_collapse(&work->kept);
    nn_loops_init(&work->reduced, gone_dims, gone);
    nn_loops_add(&work->reduced, gone_steps);
    nn_loops_collapse(&work->reduced);
}

nn_status nn_reduce_run(const nn_call *call, const nn_reducer *reducer, const nn_rows_f32 *rows) {
    const nn_reduce_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_list axes = attrs->axes;
    bool reduced[NN_MAX_RANK];
    const nn_tensor *list = attrs->from_input && call->in_count > 1 ? call->in[1] : NULL;
    if (attrs->from_input) NN_TRY(nn_list_tensor(call->node, list, "input 1", NN_MAX_RANK, &axes));
    NN_TRY(flag_axes(call->node, &axes, in->rank, reduced));
    reduce_work work = {.reducer = reducer, .in = in, .out = call->out[0], .rows = rows};
    if (!nn_type_in(in->type, NN_TYPES_FLOAT)) work.whole = reducer->whole;
    if (work.whole != NULL && !nn_type_is_signed(in->type) && reducer->whole_unsigned != NULL)
        work.whole = reducer->whole_unsigned;
    split_axes(in, reduced, &work);
    int64_t outputs = work.kept.count, per_output = work.reduced.count;
    int64_t grain = per_output > 0 ? NN_GRAIN / per_output : NN_GRAIN;
    if (!work.by_rows && grain < COLUMNS) grain = COLUMNS;
    nn_parallel(call->pool, outputs, grain > 0 ? grain : 1, reduce_chunk, &work);
    return NN_OK;
}
