#include "ops/family/binary.h"
#include "ops/family/copy.h"

/* Elements are chosen by their size, never understood. */
#define WHERE_LOOP(x_index, y_index)                                                               \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) {                                     \
        const element a = xs[x_index], b = ys[y_index];                                            \
        result[i] = condition[i] != 0 ? a : b;                                                     \
    }
#define WHERE_ROW(bits, type)                                                                      \
    static void where_##bits(const uint8_t *condition, int64_t c_step, const void *x,              \
                             int64_t x_step, const void *y, int64_t y_step, void *out,             \
                             int64_t count) {                                                      \
        typedef type element;                                                                      \
        const type *xs = x, *ys = y;                                                               \
        type *result = out;                                                                        \
        if (c_step == 1 && x_step == 1 && y_step == 1) {                                           \
            WHERE_LOOP(i, i)                                                                       \
        } else if (c_step == 1 && x_step == 1 && y_step == 0) {                                    \
            WHERE_LOOP(i, 0)                                                                       \
        } else if (c_step == 1 && x_step == 0 && y_step == 1) {                                    \
            WHERE_LOOP(0, i)                                                                       \
        } else {                                                                                   \
            for (int64_t i = 0; i < count; i++)                                                    \
                result[i] = condition[i * c_step] != 0 ? xs[i * x_step] : ys[i * y_step];          \
        }                                                                                          \
    }

typedef struct pair {
    uint64_t halves[2];
} pair;

WHERE_ROW(8, uint8_t)
WHERE_ROW(16, uint16_t)
WHERE_ROW(32, uint32_t)
WHERE_ROW(64, uint64_t)
WHERE_ROW(128, pair)

typedef struct where_work {
    const nn_call *call;
    const nn_loops *loops;
} where_work;

static void where_runs(void *argument, nn_cursor *cursor) {
    const where_work *work = argument;
    const nn_tensor *x = work->call->in[1], *y = work->call->in[2];
    const uint8_t *condition = work->call->in[0]->data;
    nn_tensor *out = work->call->out[0];
    int last = work->loops->rank - 1;
    int64_t c_step = work->loops->steps[1][last], x_step = work->loops->steps[2][last];
    int64_t y_step = work->loops->steps[3][last], run;
    while ((run = nn_cursor_next(cursor)) > 0) {
        const uint8_t *c = condition + cursor->offset[1];
        const void *from_x = nn_at(x->data, x->type, cursor->offset[2]);
        const void *from_y = nn_at(y->data, y->type, cursor->offset[3]);
        void *to = nn_at_out(out->data, out->type, cursor->offset[0]);
        switch (nn_element_size(out->type)) {
        case 1:
            where_8(c, c_step, from_x, x_step, from_y, y_step, to, run);
            break;
        case 2:
            where_16(c, c_step, from_x, x_step, from_y, y_step, to, run);
            break;
        case 4:
            where_32(c, c_step, from_x, x_step, from_y, y_step, to, run);
            break;
        case 8:
            where_64(c, c_step, from_x, x_step, from_y, y_step, to, run);
            break;
        default:
            where_128(c, c_step, from_x, x_step, from_y, y_step, to, run);
            break;
        }
    }
}

static nn_status run(const nn_call *call) {
    nn_tensor *out = call->out[0];
    nn_loops loops;
    nn_loops_init(&loops, out->dims, out->rank);
    nn_loops_add_broadcast(&loops, out->dims, out->rank);
    for (int i = 0; i < 3; i++) nn_loops_add_input(&loops, call->layout, call->in[i]);
    nn_loops_collapse(&loops);
    where_work work = {call, &loops};
    nn_loops_run(&loops, call->pool, where_runs, &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_element_size(node->in[1]->type) > 0;
}

static nn_status infer(const nn_node_view *node) {
    int64_t dims[NN_MAX_RANK];
    int rank;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_BOOL));
    NN_TRY(nn_check_same_types(node, 1, 2));
    NN_TRY(nn_broadcast_inputs(node, 0, &rank, dims));
    nn_type type = nn_in_type(node, 1);
    return nn_set_output(node, 0, type != NNOPT_TYPE_NONE ? type : nn_in_type(node, 2), rank, dims);
}

static const nn_kernel reference = {
    .name = "where_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 7,
    .in_place = 6,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_where = {
    .name = "Where",
    .domain = "",
    .since = 9,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .axes = nn_axes_of_broadcast,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
