#include "ops/family/loss.h"

#include "base/integers.h"
#include "ops/family/axes.h"
#include "ops/family/dims.h"
#include "ops/family/index.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

#include <math.h>

enum { SCORES, CLASSES, WEIGHTS };

nn_status nn_loss_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const names[] = {"none", "sum", "mean"};
    nn_loss_attrs *parsed = out;
    const char *reduction;
    NN_TRY(nn_attrs_string(attrs, "reduction", "mean", &reduction));
    NN_TRY(nn_attrs_int(attrs, "ignore_index", 0, &parsed->ignored));
    parsed->has_ignored = nn_attrs_find(attrs, "ignore_index") != NULL;
    for (int i = 0; i < 3; i++) {
        if (strcmp(reduction, names[i]) != 0) continue;
        parsed->reduction = (nn_reduction)i;
        return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'reduction' is '%s'", reduction);
}

nn_status nn_loss_infer(const nn_node_view *node) {
    const nn_loss_attrs *attrs = node->attrs;
    const nn_fact *scores = node->in[SCORES], *classes = node->in[CLASSES];
    NN_TRY(nn_check_types(node, SCORES, SCORES, NN_TYPES_FLOAT));
    NN_TRY(nn_check_types(node, CLASSES, CLASSES,
                          NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_least_rank(node, SCORES, 2));
    NN_TRY(nn_check_least_rank(node, CLASSES, 1));
    int rank = scores->rank >= 0 ? scores->rank - 1 : classes->rank;
    int64_t dims[NN_MAX_RANK];
    for (int axis = 0; axis < rank; axis++) {
        dims[axis] = nn_fact_dim(scores, axis == 0 ? 0 : axis + 1);
        NN_TRY(nn_agree_dim(node, CLASSES, axis, &dims[axis]));
    }
    if (rank >= 0) NN_TRY(nn_check_rank(node, CLASSES, rank));
    if (nn_view_in(node, WEIGHTS) != NULL) {
        int64_t count = nn_fact_dim(scores, 1);
        NN_TRY(nn_check_types(node, WEIGHTS, WEIGHTS, NN_TYPES_FLOAT));
        NN_TRY(nn_check_rank(node, WEIGHTS, 1));
        NN_TRY(nn_agree_dim(node, WEIGHTS, 0, &count));
    }
    NN_TRY(nn_set_output(node, 1, scores->type, scores->rank, scores->dims));
    if (attrs->reduction != NN_REDUCTION_NONE) rank = 0;
    return nn_set_output(node, 0, scores->type, rank, dims);
}

nn_status nn_loss_axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_loss_attrs *attrs = node->attrs;
    int rank = node->in[SCORES]->rank;
    bool has_log = node->out_count > 1 && node->out[1] != NULL;
    for (int axis = 0; axis < rank; axis++) {
        nn_axis_end from = nn_in_axis(SCORES, axis);
        bool is_class = axis == 1;
        int own = axis > 1 ? axis - 1 : axis; /* of the class numbers */
        if (is_class)
            NN_TRY(nn_axes_fixed(node, out, from));
        else
            NN_TRY(nn_axes_same(node, out, from, nn_in_axis(CLASSES, own)));
        if (has_log) NN_TRY(nn_axes_same(node, out, from, nn_out_axis(1, axis)));
        if (is_class) continue;
        if (attrs->reduction == NN_REDUCTION_NONE)
            NN_TRY(nn_axes_same(node, out, from, nn_out_axis(0, own)));
        else
            NN_TRY(nn_axes_fixed(node, out, from));
    }
    if (nn_view_in(node, WEIGHTS) != NULL)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(SCORES, 1), nn_in_axis(WEIGHTS, 0)));
    return NN_OK;
}

/* Loss and weight of each position, in double. */
nn_status nn_loss_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    (void)target;
    nn_prepare_workspace(services, 2 * (size_t)nn_fact_count(node->in[CLASSES]) * sizeof(double));
    return NN_OK;
}

enum { COLUMNS = 64 }; /* neighbouring positions that are computed together */

typedef struct loss_work {
    const nn_call *call;
    const nn_loss_attrs *attrs;
    nn_tensor *log_probabilities; /* NULL: not wanted */
    bool softmax;
    int64_t classes, inner, pieces; /* of `inner` positions */
    double *loss, *weight;
} loss_work;

/* log(sum(exp(x))) over the classes, for `count` positions from `offset` on. */
static void log_sums(const loss_work *work, int64_t offset, int64_t count, double *out) {
    const nn_tensor *in = work->call->in[SCORES];
    double maximum[COLUMNS], sum[COLUMNS], x[COLUMNS];
    for (int64_t i = 0; i < count; i++) {
        maximum[i] = -INFINITY;
        sum[i] = 0;
    }
    for (int64_t c = 0; c < work->classes; c++) {
        nn_load_double(in->type, nn_at(in->data, in->type, offset + c * work->inner), x, count);
        for (int64_t i = 0; i < count; i++) maximum[i] = x[i] > maximum[i] ? x[i] : maximum[i];
    }
    for (int64_t c = 0; c < work->classes; c++) {
        nn_load_double(in->type, nn_at(in->data, in->type, offset + c * work->inner), x, count);
        for (int64_t i = 0; i < count; i++) sum[i] += exp(x[i] - maximum[i]);
    }
    for (int64_t i = 0; i < count; i++) out[i] = maximum[i] + log(sum[i]);
    nn_tensor *result = work->log_probabilities;
    for (int64_t c = 0; result != NULL && c < work->classes; c++) {
        int64_t place = offset + c * work->inner;
        nn_load_double(in->type, nn_at(in->data, in->type, place), x, count);
        for (int64_t i = 0; i < count; i++) x[i] -= out[i];
        nn_store_double(result->type, x, nn_at_out(result->data, result->type, place), count);
    }
}

static void loss_pieces(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const loss_work *work = argument;
    const nn_tensor *in = work->call->in[SCORES], *classes = work->call->in[CLASSES];
    const nn_tensor *weights = nn_call_in(work->call, WEIGHTS);
    for (int64_t piece = begin; piece < end; piece++) {
        int64_t sample = piece / work->pieces, column = piece % work->pieces * COLUMNS;
        int64_t count = work->inner - column < COLUMNS ? work->inner - column : COLUMNS;
        int64_t offset = sample * work->classes * work->inner + column;
        double shift[COLUMNS] = {0};
        if (work->softmax) log_sums(work, offset, count, shift);
        for (int64_t i = 0; i < count; i++) {
            int64_t place = sample * work->inner + column + i, own = nn_index_at(classes, place);
            work->loss[place] = work->weight[place] = 0;
            if (work->attrs->has_ignored && own == work->attrs->ignored) continue;
            double weight = weights != NULL ? nn_tensor_get(weights, own) : 1;
            work->weight[place] = weight;
            work->loss[place] =
                weight * (shift[i] - nn_tensor_get(in, offset + i + own * work->inner));
        }
    }
}

static nn_status check_classes(const loss_work *work, int64_t count) {
    const nn_tensor *classes = work->call->in[CLASSES];
    for (int64_t i = 0; i < count; i++) {
        int64_t own = nn_index_at(classes, i);
        if (work->attrs->has_ignored && own == work->attrs->ignored) continue;
        if (own < 0 || own >= work->classes)
            return nn_view_fail(work->call->node, NN_BAD_INPUT, "class %lld is not one of %lld",
                                (long long)own, (long long)work->classes);
    }
    return NN_OK;
}

nn_status nn_loss_run(const nn_call *call, bool softmax) {
    const nn_tensor *in = call->in[SCORES];
    int64_t count = nn_tensor_count(call->in[CLASSES]);
    loss_work work = {.call = call,
                      .attrs = call->node->attrs,
                      .log_probabilities = nn_call_out(call, 1),
                      .softmax = softmax,
                      .classes = in->dims[1],
                      .inner = nn_dims_product(in->dims, 2, in->rank),
                      .loss = call->workspace};
    work.weight = work.loss + count;
    work.pieces = nn_divide_up(work.inner, COLUMNS);
    NN_TRY(check_classes(&work, count));
    if (count > 0)
        nn_parallel(call->pool, in->dims[0] * work.pieces,
                    NN_GRAIN / COLUMNS / 4 / (work.classes + 1) + 1, loss_pieces, &work);
    nn_tensor *out = call->out[0];
    if (work.attrs->reduction == NN_REDUCTION_NONE) {
        if (count > 0) nn_store_double(out->type, work.loss, out->data, count);
        return NN_OK;
    }
    double loss = 0, weight = 0;
    for (int64_t i = 0; i < count; i++) {
        loss += work.loss[i];
        weight += work.weight[i];
    }
    if (work.attrs->reduction == NN_REDUCTION_MEAN) loss /= weight;
    nn_store_double(out->type, &loss, out->data, 1);
    return NN_OK;
}
