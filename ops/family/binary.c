#include "ops/family/binary.h"

nn_status nn_binary_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_binary_attrs *parsed = out;
    if (node->opset >= 7) return NN_OK;
    int64_t broadcast, axis;
    NN_TRY(nn_attrs_int(attrs, "broadcast", 0, &broadcast));
    NN_TRY(nn_attrs_int(attrs, "axis", -1, &axis));
    if (axis < -1 || axis >= NN_MAX_RANK)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'axis' is %lld", (long long)axis);
    *parsed = (nn_binary_attrs){.legacy = true, .broadcast = broadcast != 0, .axis = (int)axis};
    return NN_OK;
}

/* Operators with the column nn_binary_axes have these attributes. */
static const nn_binary_attrs *legacy_attrs(const nn_node_view *node) {
    const nn_binary_attrs *attrs = node->attrs;
    return node->op->axes == nn_binary_axes && attrs->legacy ? attrs : NULL;
}

/* Dims of input 1 with ones appended, so that it lies over input 0 as the attributes say. */
static int legacy_dims(const nn_binary_attrs *attrs, int a_rank, const int64_t *b, int b_rank,
                       int64_t dims[NN_MAX_RANK]) {
    int rank = attrs->broadcast && attrs->axis >= 0 && b_rank > 0 ? a_rank - attrs->axis : b_rank;
    for (int i = 0; i < rank; i++) dims[i] = i < b_rank ? b[i] : 1;
    return rank;
}

static nn_status shapes_fail(const nn_node_view *node, const int64_t *a, int a_rank,
                             const int64_t *b, int b_rank) {
    char a_text[200], b_text[200];
    return nn_view_fail(node, NN_BAD_INPUT, "shapes %s and %s cannot be broadcast",
                        nn_dims_text(a, a_rank, a_text, sizeof a_text),
                        nn_dims_text(b, b_rank, b_text, sizeof b_text));
}

static nn_status infer_legacy(const nn_node_view *node, const nn_binary_attrs *attrs, int *rank,
                              int64_t dims[NN_MAX_RANK]) {
    const nn_fact *a = node->in[0], *b = node->in[1];
    *rank = a->rank;
    for (int i = 0; i < a->rank; i++) dims[i] = a->dims[i];
    if (a->rank < 0 || b->rank < 0) return NN_OK;
    bool fits = attrs->broadcast ? b->rank <= a->rank : b->rank == a->rank;
    int offset = attrs->axis < 0 || b->rank == 0 ? a->rank - b->rank : attrs->axis;
    if (offset + b->rank > a->rank) fits = false;
    for (int i = 0; fits && i < b->rank; i++) {
        int64_t above = a->dims[i + offset], below = b->dims[i];
        bool differ = nn_dim_is_known(above) && nn_dim_is_known(below) && above != below;
        if (differ && !(attrs->broadcast && below == 1)) fits = false;
    }
    return fits ? NN_OK : shapes_fail(node, a->dims, a->rank, b->dims, b->rank);
}

nn_status nn_broadcast_inputs(const nn_node_view *node, int first, int *rank,
                              int64_t dims[NN_MAX_RANK]) {
    *rank = 0;
    for (int i = first; i < node->in_count; i++) {
        const nn_fact *in = nn_view_in(node, i);
        if (in == NULL) continue;
        if (in->rank < 0) {
            *rank = NN_RANK_UNKNOWN;
            return NN_OK;
        }
        if (!nn_broadcast_dims(dims, *rank, in->dims, in->rank, dims, rank))
            return shapes_fail(node, dims, *rank, in->dims, in->rank);
    }
    return NN_OK;
}

nn_status nn_infer_broadcast(const nn_node_view *node, nn_type_set set, nn_type type) {
    NN_TRY(nn_check_types(node, 0, -1, set));
    NN_TRY(nn_check_same_types(node, 0, -1));
    for (int i = 0; type == NNOPT_TYPE_NONE && i < node->in_count; i++) type = nn_in_type(node, i);
    return nn_infer_binary_shape(node, type);
}

nn_status nn_infer_binary_shape(const nn_node_view *node, nn_type type) {
    int rank;
    int64_t dims[NN_MAX_RANK];
    const nn_binary_attrs *attrs = legacy_attrs(node);
    if (attrs != NULL)
        NN_TRY(infer_legacy(node, attrs, &rank, dims));
    else
        NN_TRY(nn_broadcast_inputs(node, 0, &rank, dims));
    return nn_set_output(node, 0, type, rank, dims);
}

nn_status nn_infer_arithmetic(const nn_node_view *node, nn_element_function combine) {
    NN_TRY(nn_infer_broadcast(node, NN_TYPES_NUMBER, NNOPT_TYPE_NONE));
    const nn_fact *a = node->in[0], *b = node->in[1];
    int a_count = nn_elements_count(a), b_count = nn_elements_count(b);
    if (a_count < 0 || b_count < 0 || node->out[0] == NULL) return NN_OK;
    if (a_count != b_count && a_count != 1 && b_count != 1) return NN_OK;
    nn_elements_begin(node->out[0], a_count == 1 ? b_count : a_count);
    for (int i = 0; i < node->out[0]->element_count; i++)
        nn_elements_set(node->out[0], i,
                        combine(nn_elements_get(a, a_count == 1 ? 0 : i),
                                nn_elements_get(b, b_count == 1 ? 0 : i)));
    return NN_OK;
}

nn_status nn_binary_axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_binary_attrs *attrs = legacy_attrs(node);
    if (attrs == NULL || attrs->axis < 0) return nn_axes_of_broadcast(node, out);
    NN_TRY(nn_axes_add_broadcast(node, out, 0));
    const nn_fact *below = node->in[1];
    for (int axis = 0; axis < below->rank; axis++)
        if (below->dims[axis] != 1)
            NN_TRY(
                nn_axes_same(node, out, nn_in_axis(1, axis), nn_out_axis(0, axis + attrs->axis)));
    return NN_OK;
}

/* ---- running ---- */

static bool runs_through_float(const nn_binary_rows *rows, nn_type type) {
    return nn_type_in(type, NN_TYPES_HALF) && rows->of[type] == NULL;
}

static nn_binary_row row_for(const nn_binary_rows *rows, nn_type type) {
    return rows->of[runs_through_float(rows, type) ? NNOPT_FLOAT : type];
}

bool nn_binary_accepts(const nn_node_view *node, const nn_binary_rows *rows) {
    nn_type type = node->in[0]->type;
    return nn_epilogue_is_empty(&node->epilogue) && (int)type < NN_TYPE_COUNT &&
           row_for(rows, type) != NULL && nn_in_types_are(node, 0, -1, type);
}

typedef struct binary_work {
    nn_binary_row row;
    const nn_tensor *a, *b;
    nn_tensor *out;
    bool through_float, result_is_input_type;
    const nn_loops *loops;
} binary_work;

typedef union block {
    char bytes[NN_BLOCK * sizeof(int64_t)];
    float floats[NN_BLOCK];
} block;

/* Makes `count` elements readable with step 0 or 1, as floats for half types. */
static const void *fetch(const nn_tensor *tensor, int64_t offset, int64_t step, int64_t count,
                         bool through_float, block *buffer, int64_t *row_step) {
    const char *source = nn_at(tensor->data, tensor->type, offset);
    *row_step = step != 0;
    if (step != 0 && step != 1) {
        size_t size = (size_t)nn_type_bits(tensor->type) / 8;
        block gathered;
        char *target = through_float ? gathered.bytes : buffer->bytes;
        for (int64_t i = 0; i < count; i++)
            memcpy(target + (size_t)i * size, source + i * step * (int64_t)size, size);
        if (!through_float) return buffer;
        nn_load_float(tensor->type, gathered.bytes, buffer->floats, count);
        return buffer;
    }
    if (!through_float) return source;
    nn_load_float(tensor->type, source, buffer->floats, step == 0 ? 1 : count);
    return buffer;
}

static void binary_runs(void *argument, nn_cursor *cursor) {
    const binary_work *work = argument;
    int last = work->loops->rank - 1;
    int64_t a_step = work->loops->steps[1][last], b_step = work->loops->steps[2][last];
    bool direct =
        !work->through_float && (a_step == 0 || a_step == 1) && (b_step == 0 || b_step == 1);
    block a_block, b_block, y_block;
    int64_t run;
    while ((run = nn_cursor_next(cursor)) > 0) {
        int64_t limit = direct ? run : NN_BLOCK;
        for (int64_t i = 0; i < run; i += limit) {
            int64_t count = run - i < limit ? run - i : limit, a_row, b_row;
            const void *a = fetch(work->a, cursor->offset[1] + i * a_step, a_step, count,
                                  work->through_float, &a_block, &a_row);
            const void *b = fetch(work->b, cursor->offset[2] + i * b_step, b_step, count,
                                  work->through_float, &b_block, &b_row);
            void *y = nn_at_out(work->out->data, work->out->type, cursor->offset[0] + i);
            if (work->through_float && work->result_is_input_type) {
                work->row(a, a_row, b, b_row, y_block.floats, count);
                nn_store_float(work->out->type, y_block.floats, y, count);
            } else {
                work->row(a, a_row, b, b_row, y, count);
            }
        }
    }
}

static void add_out(nn_loops *loops, const nn_tensor *out) {
    nn_loops_init(loops, out->dims, out->rank);
    nn_loops_add_broadcast(loops, out->dims, out->rank);
}

/* `pitch` 0: dense. */
static void set_pitch(nn_loops *loops, const nn_tensor *tensor, int64_t pitch) {
    if (pitch > 0) nn_loops_set_pitch(loops, tensor->dims[tensor->rank - 1], pitch);
}

void nn_binary_loops(const nn_call *call, nn_loops *loops) {
    const nn_tensor *a = call->in[0], *b = call->in[1];
    const nn_binary_attrs *attrs = legacy_attrs(call->node);
    add_out(loops, call->out[0]);
    nn_loops_add_input(loops, call->layout, a);
    set_pitch(loops, a, nn_view_in_pitch(call->node, 0, 0));
    if (attrs != NULL && b->rank != a->rank) {
        int64_t dims[NN_MAX_RANK];
        int rank = legacy_dims(attrs, a->rank, b->dims, b->rank, dims);
        nn_loops_add_standard(loops, call->layout, dims, rank);
    } else {
        nn_loops_add_input(loops, call->layout, b);
        set_pitch(loops, b, nn_view_in_pitch(call->node, 1, 0));
    }
    nn_loops_collapse(loops);
}

nn_status nn_binary_run(const nn_call *call, const nn_binary_rows *rows) {
    const nn_tensor *a = call->in[0];
    nn_loops loops;
    nn_binary_loops(call, &loops);
    binary_work work = {.row = row_for(rows, a->type),
                        .a = a,
                        .b = call->in[1],
                        .out = call->out[0],
                        .through_float = runs_through_float(rows, a->type),
                        .result_is_input_type = call->out[0]->type == a->type,
                        .loops = &loops};
    nn_loops_run(&loops, call->pool, binary_runs, &work);
    return NN_OK;
}

nn_status nn_check_divisor(const nn_node_view *node, const nn_tensor *divisor) {
    if (!nn_type_is_integer(divisor->type)) return NN_OK;
    int64_t count = nn_tensor_count(divisor);
    for (int64_t i = 0; i < count; i++)
        if (nn_tensor_get_int(divisor, i) == 0)
            return nn_view_fail(node, NN_BAD_INPUT, "element %lld of the divisor is 0",
                                (long long)i);
    return NN_OK;
}

/* ---- folding many inputs ---- */

typedef struct fold_work {
    const nn_call *call;
    nn_binary_row row;
    double scale;
    bool through_float;
} fold_work;

static void scale_elements(nn_type type, void *data, double scale, int64_t count) {
    if (scale == 1) return;
    if (type == NNOPT_FLOAT) {
        float *y = data;
        for (int64_t i = 0; i < count; i++) y[i] = (float)(y[i] * scale);
    } else {
        double *y = data;
        for (int64_t i = 0; i < count; i++) y[i] *= scale;
    }
}

/* Copies elements [begin, end) of the output's index space, from input `index`. At most NN_BLOCK.
 */
static void load_piece(const fold_work *work, int index, int64_t begin, int64_t end, block *out) {
    const nn_call *call = work->call;
    const nn_tensor *in = call->in[index];
    size_t size = work->through_float ? sizeof(float) : (size_t)nn_type_bits(in->type) / 8;
    char *target = out->bytes;
    nn_loops loops;
    add_out(&loops, call->out[0]);
    nn_loops_add_input(&loops, call->layout, in);
    nn_loops_collapse(&loops);
    nn_cursor cursor;
    nn_cursor_start(&cursor, &loops, begin, end);
    int64_t run, step = loops.steps[1][loops.rank - 1];
    while ((run = nn_cursor_next(&cursor)) > 0) {
        int64_t row_step;
        block buffer;
        const char *row =
            fetch(in, cursor.offset[1], step, run, work->through_float, &buffer, &row_step);
        for (int64_t i = 0; i < run; i++, target += size)
            memcpy(target, row + (size_t)(i * row_step) * size, size);
    }
}

/* Reads every input's piece before it writes, so that the output may lie over any of them. */
static void fold_pieces(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const fold_work *work = argument;
    nn_tensor *out = work->call->out[0];
    nn_type type = work->through_float ? NNOPT_FLOAT : out->type;
    block sum, next;
    for (int64_t i = begin; i < end; i += NN_BLOCK) {
        int64_t stop = i + NN_BLOCK < end ? i + NN_BLOCK : end, count = stop - i;
        load_piece(work, 0, i, stop, &sum);
        for (int k = 1; k < work->call->in_count; k++) {
            load_piece(work, k, i, stop, &next);
            work->row(&sum, 1, &next, 1, &sum, count);
        }
        scale_elements(type, &sum, work->scale, count);
        void *target = nn_at_out(out->data, out->type, i);
        if (work->through_float)
            nn_store_float(out->type, sum.floats, target, count);
        else
            memcpy(target, &sum, (size_t)count * (size_t)nn_type_bits(type) / 8);
    }
}

static void scale_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const fold_work *work = argument;
    nn_tensor *out = work->call->out[0];
    scale_elements(out->type, nn_at_out(out->data, out->type, begin), work->scale, end - begin);
}

static bool output_covers_late_input(const nn_call *call) {
    for (int k = 2; k < call->in_count; k++)
        if (call->in[k]->data == call->out[0]->data) return true;
    return false;
}

nn_status nn_variadic_run(const nn_call *call, const nn_binary_rows *rows, double scale) {
    nn_tensor *out = call->out[0];
    int64_t count = nn_tensor_count(out);
    bool through_float = runs_through_float(rows, out->type);
    fold_work fold = {call, row_for(rows, out->type), scale, through_float};
    if (through_float || call->in_count == 1 || output_covers_late_input(call)) {
        nn_parallel(call->pool, count, NN_GRAIN, fold_pieces, &fold);
        return NN_OK;
    }
    binary_work work = {.row = fold.row, .out = out, .result_is_input_type = true};
    for (int k = 1; k < call->in_count; k++) {
        nn_loops loops;
        add_out(&loops, out);
        work.a = k == 1 ? call->in[0] : out;
        work.b = call->in[k];
        nn_loops_add_input(&loops, call->layout, work.a);
        nn_loops_add_input(&loops, call->layout, work.b);
        nn_loops_collapse(&loops);
        work.loops = &loops;
        nn_loops_run(&loops, call->pool, binary_runs, &work);
    }
    if (scale != 1) nn_parallel(call->pool, count, NN_GRAIN, scale_chunk, &fold);
    return NN_OK;
}

void nn_cost_of_variadic(const nn_node_view *node, nn_cost *out) {
    int64_t count = nn_fact_count(node->out[0]);
    out->flops = count > 0 ? (double)count * (node->in_count - 1) : 0;
}
