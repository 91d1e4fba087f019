#include "ops/family/cumulative.h"

#include "base/integers.h"
nn_status nn_cumulative_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_cumulative_attrs *parsed = out;
    int64_t exclusive, reverse;
    NN_TRY(nn_attrs_int(attrs, "exclusive", 0, &exclusive));
    NN_TRY(nn_attrs_int(attrs, "reverse", 0, &reverse));
    *parsed = (nn_cumulative_attrs){exclusive != 0, reverse != 0};
    return NN_OK;
}

#define WIDE_INTEGERS                                                                              \
    (NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64) | NN_TYPE_BIT(NNOPT_UINT32) |             \
     NN_TYPE_BIT(NNOPT_UINT64))

nn_status nn_cumulative_infer(const nn_node_view *node) {
    int64_t value;
    int axis;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT | WIDE_INTEGERS));
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_scalar(node, 1));
    if (node->in[0]->rank >= 0 && nn_scalar_input(node, 1, 0, &value))
        NN_TRY(nn_check_axis(node, value, node->in[0]->rank, &axis));
    return nn_infer_like(node);
}

nn_status nn_cumulative_axes(const nn_node_view *node, nn_axis_relations *out) {
    bool mixed[NN_MAX_RANK] = {0};
    int64_t value;
    int axis = 0, rank = node->in[0]->rank;
    if (nn_scalar_input(node, 1, 0, &value)) {
        NN_TRY(nn_check_axis(node, value, rank, &axis));
        mixed[axis] = true;
    } else {
        for (int i = 0; i < rank; i++) mixed[i] = true;
    }
    return nn_axes_along(node, out, mixed);
}

bool nn_cumulative_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[0]->type, NN_TYPES_FLOAT | WIDE_INTEGERS);
}

enum { COLUMNS = NN_BLOCK }; /* neighbouring columns that go along the axis together */

typedef struct cumulative_work {
    const nn_tensor *in;
    nn_tensor *out;
    nn_cumulative_row row;
    int identity;
    int64_t size, inner, pieces; /* of the axis; of what follows it, and that in COLUMNS */
    bool exclusive, reverse;
} cumulative_work;

typedef union column_carry {
    float f32[COLUMNS];
    double f64[COLUMNS];
    int32_t i32[COLUMNS];
    int64_t i64[COLUMNS];
} column_carry;

static void set_carry(column_carry *carry, nn_type type, int value, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (type == NNOPT_DOUBLE)
            carry->f64[i] = value;
        else if (nn_type_is_float(type))
            carry->f32[i] = (float)value;
        else if (nn_type_bits(type) == 32)
            carry->i32[i] = value;
        else
            carry->i64[i] = value;
    }
}

/* One column of a half type whose steps are neighbours: a block of steps is converted at once. */
static void run_half_row(const cumulative_work *work, column_carry *carry, int64_t offset) {
    nn_type type = work->in->type;
    float block[NN_BLOCK];
    for (int64_t done = 0; done < work->size; done += NN_BLOCK) {
        int64_t count = work->size - done < NN_BLOCK ? work->size - done : NN_BLOCK;
        int64_t place = offset + (work->reverse ? work->size - done - count : done);
        nn_load_float(type, nn_at(work->in->data, type, place), block, count);
        float *first = work->reverse ? block + count - 1 : block;
        work->row(carry, first, first, count, work->reverse ? -1 : 1, 1, work->exclusive);
        nn_store_float(type, block, nn_at_out(work->out->data, type, place), count);
    }
}

static void run_half_columns(const cumulative_work *work, column_carry *carry, int64_t first,
                             int64_t step, int64_t count) {
    nn_type type = work->in->type;
    float block[COLUMNS];
    for (int64_t i = 0; i < work->size; i++) {
        int64_t place = first + i * step;
        nn_load_float(type, nn_at(work->in->data, type, place), block, count);
        work->row(carry, block, block, 1, 0, count, work->exclusive);
        nn_store_float(type, block, nn_at_out(work->out->data, type, place), count);
    }
}

static void cumulative_pieces(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const cumulative_work *work = argument;
    nn_type type = work->in->type;
    column_carry carry;
    for (int64_t i = begin; i < end; i++) {
        int64_t column = i % work->pieces * COLUMNS, count = work->inner - column;
        int64_t offset = i / work->pieces * work->size * work->inner + column;
        int64_t first = offset + (work->reverse ? (work->size - 1) * work->inner : 0);
        int64_t step = work->reverse ? -work->inner : work->inner;
        if (count > COLUMNS) count = COLUMNS;
        set_carry(&carry, type, work->identity, count);
        if (!nn_type_in(type, NN_TYPES_HALF))
            work->row(&carry, nn_at(work->in->data, type, first),
                      nn_at_out(work->out->data, type, first), work->size, step, count,
                      work->exclusive);
        else if (work->inner == 1)
            run_half_row(work, &carry, offset);
        else
            run_half_columns(work, &carry, first, step, count);
    }
}

nn_status nn_cumulative_run(const nn_call *call, const nn_cumulative_rows *rows) {
    const nn_cumulative_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int axis;
    NN_TRY(nn_check_axis(call->node, nn_scalar_tensor(call, 1, 0), in->rank, &axis));
    if (nn_tensor_count(in) == 0) return NN_OK;
    nn_type type = nn_type_in(in->type, NN_TYPES_HALF) ? NNOPT_FLOAT : in->type;
    int64_t inner = nn_dims_product(in->dims, axis + 1, in->rank);
    cumulative_work work = {.in = in,
                            .out = call->out[0],
                            .row = rows->of[type],
                            .identity = rows->identity,
                            .size = in->dims[axis],
                            .inner = inner,
                            .pieces = nn_divide_up(inner, COLUMNS),
                            .exclusive = attrs->exclusive,
                            .reverse = attrs->reverse};
    int64_t columns = nn_min(inner, COLUMNS);
    nn_parallel(call->pool, nn_dims_product(in->dims, 0, axis) * work.pieces,
                NN_GRAIN / (work.size * columns) + 1, cumulative_pieces, &work);
    return NN_OK;
}
