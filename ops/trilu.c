#include "ops/family/copy.h"
#include "ops/family/fill.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_trilu_attrs *parsed = out;
    int64_t upper;
    NN_TRY(nn_attrs_int(attrs, "upper", 1, &upper));
    parsed->upper = upper != 0;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_scalar(node, 1));
    if (in->rank >= 0 && in->rank < 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has rank %d, matrices need 2 axes",
                            in->rank);
    return nn_infer_like(node);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    bool mixed[NN_MAX_RANK] = {0};
    int rank = node->in[0]->rank;
    mixed[rank - 1] = mixed[rank - 2] = true;
    return nn_axes_along(node, out, mixed);
}

typedef struct trilu_work {
    const char *in;
    char *out;
    nn_type type;
    size_t size;
    int64_t rows, columns, diagonal;
    bool upper;
} trilu_work;

static void trilu_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const trilu_work *work = argument;
    size_t row_bytes = (size_t)work->columns * work->size;
    for (int64_t row = begin; row < end; row++) {
        /* Elements from `edge` on are above or on the diagonal. */
        int64_t edge = row % work->rows + work->diagonal + (work->upper ? 0 : 1);
        edge = edge < 0 ? 0 : edge > work->columns ? work->columns : edge;
        size_t offset = (size_t)row * row_bytes, middle = offset + (size_t)edge * work->size;
        size_t kept = work->upper ? middle : offset, zeroed = work->upper ? offset : middle;
        size_t left = middle - offset, right = row_bytes - left;
        if (work->in != work->out)
            memcpy(work->out + kept, work->in + kept, work->upper ? right : left);
        nn_fill_zero(work->type, work->out + zeroed, work->upper ? edge : work->columns - edge);
    }
}

static nn_status run(const nn_call *call) {
    const nn_trilu_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    trilu_work work = {.in = in->data,
                       .out = call->out[0]->data,
                       .type = in->type,
                       .size = nn_element_size(in->type),
                       .rows = in->dims[in->rank - 2],
                       .columns = in->dims[in->rank - 1],
                       .diagonal = nn_scalar_tensor(call, 1, 0),
                       .upper = attrs->upper};
    if (nn_tensor_count(in) == 0) return NN_OK;
    if (work.diagonal < -work.rows) work.diagonal = -work.rows;
    if (work.diagonal > work.columns) work.diagonal = work.columns;
    nn_parallel(call->pool, nn_dims_product(in->dims, 0, in->rank - 1), NN_GRAIN / work.columns + 1,
                trilu_rows, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "trilu_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_trilu = {
    .name = "Trilu",
    .domain = "",
    .since = 14,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_trilu_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
