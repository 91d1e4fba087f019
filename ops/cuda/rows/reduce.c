/* Reductions and pools over whole planes on a device. */
#include "ops/family/reduce.h"

#include "ops/cuda/rows/reduce_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/loops.h"
#include "ops/family/lp_pool.h"
#include "ops/family/types.h"

_Static_assert((int)NN_CUDA_REDUCE_RANK >= (int)NN_MAX_RANK, "all axes fit");

enum { WHOLE = NN_TYPES_INTEGER, BOOL = NN_TYPES_BOOL };

/* The operators, and the types that they take beside the floating ones. */
static const struct row {
    const char *name;
    nn_cuda_reduction reduction;
    nn_type_set more;
    bool is_pool; /* all axes but the first two */
} rows[] = {
    {"ReduceSum", NN_CUDA_REDUCE_SUM, WHOLE, false},
    {"ReduceMean", NN_CUDA_REDUCE_MEAN, WHOLE, false},
    {"ReduceMax", NN_CUDA_REDUCE_MAX, WHOLE | BOOL, false},
    {"ReduceMin", NN_CUDA_REDUCE_MIN, WHOLE | BOOL, false},
    {"ReduceProd", NN_CUDA_REDUCE_PROD, WHOLE, false},
    {"ReduceL1", NN_CUDA_REDUCE_L1, WHOLE, false},
    {"ReduceL2", NN_CUDA_REDUCE_L2, 0, false},
    {"ReduceSumSquare", NN_CUDA_REDUCE_SUM_SQUARE, WHOLE, false},
    {"ReduceLogSum", NN_CUDA_REDUCE_LOG_SUM, 0, false},
    {"ReduceLogSumExp", NN_CUDA_REDUCE_LOG_SUM_EXP, 0, false},
    {"GlobalAveragePool", NN_CUDA_REDUCE_MEAN, 0, true},
    {"GlobalMaxPool", NN_CUDA_REDUCE_MAX, 0, true},
    {"GlobalLpPool", NN_CUDA_REDUCE_L2, 0, true}, /* or L1, as p says */
    {NULL, NN_CUDA_REDUCE_SUM, 0, false},
};

static const struct row *row_of(const nn_node_view *node) {
    const struct row *row = rows;
    while (row->name != NULL && strcmp(row->name, node->op->name) != 0) row++;
    return row;
}

static bool find_axes(const nn_node_view *node, bool reduced[NN_MAX_RANK]) {
    if (!row_of(node)->is_pool) return nn_reduce_finds_axes(node, reduced);
    for (int axis = 0; axis < NN_MAX_RANK; axis++) reduced[axis] = axis >= 2;
    return true;
}

/* Of GlobalLpPool the order; else 0. */
static double order_of(const nn_node_view *node) {
    if (strcmp(node->op->name, "GlobalLpPool") != 0) return 0;
    return ((const nn_global_lp_attrs *)node->attrs)->p;
}

/* ---- axes ---- */

/* An axis that continues the one before it is one with it. */
static void append(nn_cuda_axes *axes, int64_t size, int64_t step) {
    const int last = axes->rank - 1;
    axes->count *= size;
    if (last >= 0 && axes->steps[last] == size * step) {
        axes->dims[last] *= size;
        axes->steps[last] = step;
        return;
    }
    axes->dims[axes->rank] = size;
    axes->steps[axes->rank++] = step;
}

/* `dims` are physical, `reduced` is by logical axis. */
static void split_axes(const int64_t *dims, int rank, nn_layout layout, const bool *reduced,
                       nn_cuda_reduce *out) {
    int64_t steps[NN_MAX_RANK], step = 1;
    out->kept.count = out->reduced.count = 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
        steps[axis] = step;
        step *= dims[axis];
    }
    for (int axis = 0; axis < rank; axis++) {
        if (dims[axis] == 1) continue;
        const bool is_reduced = reduced[nn_logical_axis(layout, rank, axis)];
        out->by_rows = is_reduced;
        append(is_reduced ? &out->reduced : &out->kept, dims[axis], steps[axis]);
    }
}

/* More blocks where there are few outputs and much to add up for each. */
static int splits_of(const nn_cuda_reduce *reduce) {
    enum { WANTED = 512, LEAST = 2048 };
    int64_t blocks = reduce->by_rows ? reduce->kept.count : (reduce->kept.count + 31) / 32;
    int64_t most = reduce->reduced.count / LEAST;
    int64_t splits = blocks > 0 ? WANTED / blocks : 1;
    if (splits > most) splits = most;
    return splits > 1 ? (int)splits : 1;
}

/* ---- kernels ---- */

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const struct row *row = row_of(node);
    bool reduced[NN_MAX_RANK];
    const double order = order_of(node);
    (void)target;
    if (order != 0 && order != 1 && order != 2) return false;
    if (row->is_pool)
        for (int axis = 2; axis < node->in[0]->rank; axis++)
            if (node->in[0]->dims[axis] == 0) return false;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[0]->type, NN_TYPES_FLOAT | row->more) && find_axes(node, reduced);
}

/* Where all axes stay the output has a layout too. */
static bool accepts_any_layout(const nn_node_view *node, const nn_target *target) {
    const nn_reduce_attrs *attrs = node->attrs;
    return node->in[0]->rank >= 3 && node->in[0]->rank <= 5 &&
           (row_of(node)->is_pool || attrs->keep_dims) && accepts(node, target);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const nn_fact *x = node->in[0];
    bool reduced[NN_MAX_RANK];
    int64_t dims[NN_MAX_RANK], bytes = 0;
    const nn_layout layout = nn_prepare_layout(prepare);
    (void)target;
    nn_cuda_reduce *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    find_axes(node, reduced); /* succeeded in accepts */
    for (int axis = 0; axis < x->rank; axis++)
        dims[axis] = x->dims[nn_logical_axis(layout, x->rank, axis)];
    state->type = x->type;
    state->reduction = order_of(node) == 1 ? NN_CUDA_REDUCE_L1 : row_of(node)->reduction;
    split_axes(dims, x->rank, layout, reduced, state);
    state->splits = splits_of(state);
    if (state->splits > 1) {
        if (!nn_mul_size(state->kept.count, (int64_t)state->splits * NN_CUDA_REDUCE_PART, &bytes))
            return nn_view_fail(node, NN_NO_MEMORY, "the partial results are too large");
        nn_prepare_workspace(prepare, (size_t)bytes);
    }
    if (node->in_count > 1) nn_prepare_read(prepare, ~1u);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    nn_cuda_reduce arguments = *(const nn_cuda_reduce *)call->state;
    arguments.x = call->in[0]->data;
    arguments.y = call->out[0]->data;
    arguments.parts = call->workspace;
    return nn_cuda_launched(call, nn_cuda_launch_reduce(&arguments, call->queue->stream));
}

#define REDUCE_KERNEL(symbol, suffix, layout_, accepts_function)                                   \
    static const nn_kernel symbol##suffix = {                                                      \
        .name = #symbol #suffix,                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = layout_,                                                                         \
        .layout_inputs = layout_ == NN_LAYOUT_ANY,                                                 \
        .accepts = accepts_function,                                                               \
        .prepare = prepare,                                                                        \
        .run = run,                                                                                \
    };
#define REDUCE_KERNELS(symbol)                                                                     \
    REDUCE_KERNEL(symbol, _any_cuda, NN_LAYOUT_ANY, accepts_any_layout)                            \
    REDUCE_KERNEL(symbol, _cuda, NN_LAYOUT_STANDARD, accepts)                                      \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_any_cuda, &symbol##_cuda,     \
                                                           NULL};

REDUCE_KERNELS(reduce_sum)
REDUCE_KERNELS(reduce_mean)
REDUCE_KERNELS(reduce_max)
REDUCE_KERNELS(reduce_min)
REDUCE_KERNELS(reduce_prod)
REDUCE_KERNELS(reduce_l1)
REDUCE_KERNELS(reduce_l2)
REDUCE_KERNELS(reduce_sum_square)
REDUCE_KERNELS(reduce_log_sum)
REDUCE_KERNELS(reduce_log_sum_exp)
REDUCE_KERNELS(global_average_pool)
REDUCE_KERNELS(global_max_pool)
REDUCE_KERNELS(global_lp_pool)
