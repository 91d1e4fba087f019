#include "ops/family/body.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

#include <math.h>

static const char *const bodies[] = {"score_mod", "prob_mod", NULL};
enum { SCORE_BODY, PROBABILITY_BODY };

typedef struct flex_attrs {
    bool has_scale; /* else 1 / sqrt(head size) */
    float scale;
    nn_type softmax_type; /* NONE: float, and double for double inputs */
} flex_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    flex_attrs *parsed = out;
    int64_t type;
    parsed->has_scale = nn_attrs_find(attrs, "scale") != NULL;
    NN_TRY(nn_attrs_float(attrs, "scale", 1, &parsed->scale));
    NN_TRY(nn_attrs_int(attrs, "softmax_precision", NNOPT_TYPE_NONE, &type));
    if (type != NNOPT_TYPE_NONE && (type < 0 || !nn_type_in((nn_type)type, NN_TYPES_FLOAT)))
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'softmax_precision' is %lld",
                            (long long)type);
    parsed->softmax_type = (nn_type)type;
    return NN_OK;
}

static nn_status check_equal(const nn_node_view *node, const char *what, int64_t a, int64_t b) {
    if (!nn_dim_is_known(a) || !nn_dim_is_known(b) || a == b) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "%s are %lld and %lld, must be equal", what,
                        (long long)a, (long long)b);
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *q = node->in[0], *k = node->in[1], *v = node->in[2];
    NN_TRY(nn_check_types(node, 0, 2, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, 0, 2));
    for (int i = 0; i < 3; i++)
        if (node->in[i]->rank >= 0 && node->in[i]->rank != 4)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d must have rank 4, has %d", i,
                                node->in[i]->rank);
    if (q->rank < 0 || k->rank < 0 || v->rank < 0)
        return nn_set_output(node, 0, q->type, NN_RANK_UNKNOWN, NULL);
    NN_TRY(check_equal(node, "batch sizes of Q and K", q->dims[0], k->dims[0]));
    NN_TRY(check_equal(node, "batch sizes of Q and V", q->dims[0], v->dims[0]));
    NN_TRY(check_equal(node, "heads of K and V", k->dims[1], v->dims[1]));
    NN_TRY(check_equal(node, "lengths of K and V", k->dims[2], v->dims[2]));
    NN_TRY(check_equal(node, "head sizes of Q and K", q->dims[3], k->dims[3]));
    int64_t heads = q->dims[1], shared = k->dims[1];
    if (nn_dim_is_known(heads) && nn_dim_is_known(shared) &&
        (shared == 0 ? heads != 0 : heads % shared != 0))
        return nn_view_fail(node, NN_BAD_INPUT, "%lld heads of Q do not divide among %lld of K",
                            (long long)heads, (long long)shared);
    int64_t dims[4] = {q->dims[0], q->dims[1], q->dims[2], v->dims[3]};
    return nn_set_output(node, 0, q->type, 4, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const nn_fact *q = node->in[0], *k = node->in[1], *v = node->in[2];
    double scores = (double)(q->dims[0] * q->dims[1]) * (double)q->dims[2] * (double)k->dims[2];
    out->macs = scores * (double)(q->dims[3] + v->dims[3]);
    out->flops = 2 * out->macs + 4 * scores;
}

/* ---- computation, in double ---- */

/* Where the parts of the workspace begin, in doubles. */
typedef struct flex_places {
    int64_t scores, q, k, v, total;
} flex_places;

static bool find_places(const nn_node_view *node, flex_places *out) {
    const nn_fact *q = node->in[0], *k = node->in[1], *v = node->in[2];
    int64_t dims[4] = {q->dims[0], q->dims[1], q->dims[2], k->dims[2]}, count, bytes;
    *out = (flex_places){0};
    if (!nn_dims_count(dims, 4, &count)) return false;
    out->q = count;
    return nn_add_size(out->q, nn_fact_count(q), &out->k) &&
           nn_add_size(out->k, nn_fact_count(k), &out->v) &&
           nn_add_size(out->v, nn_fact_count(v), &out->total) &&
           nn_mul_size(out->total, (int64_t)sizeof(double), &bytes);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    flex_places places;
    if (!find_places(node, &places))
        return nn_view_fail(node, NN_BAD_INPUT, "the scores have too many elements");
    nn_prepare_workspace(prepare, (size_t)places.total * sizeof(double));
    return NN_OK;
}

typedef struct flex_work {
    int64_t group, q_length, length, head_size, value_size;
    double scale;
    double *scores;
    const double *q, *k, *v;
    nn_tensor *out;
} flex_work;

static void score_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const flex_work *work = argument;
    for (int64_t row = begin; row < end; row++) {
        const double *q = work->q + row * work->head_size;
        const double *k =
            work->k + row / work->q_length / work->group * work->length * work->head_size;
        double *scores = work->scores + row * work->length;
        for (int64_t s = 0; s < work->length; s++, k += work->head_size) {
            double sum = 0;
            for (int64_t e = 0; e < work->head_size; e++) sum += q[e] * k[e];
            scores[s] = sum * work->scale;
        }
    }
}

static void normalize_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const flex_work *work = argument;
    for (int64_t row = begin; row < end; row++) {
        double *scores = work->scores + row * work->length, most = -INFINITY, sum = 0;
        for (int64_t s = 0; s < work->length; s++) most = fmax(most, scores[s]);
        for (int64_t s = 0; s < work->length; s++) sum += scores[s] = exp(scores[s] - most);
        for (int64_t s = 0; s < work->length; s++) scores[s] /= sum;
    }
}

static void mix_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const flex_work *work = argument;
    double mixed[NN_BLOCK];
    for (int64_t row = begin; row < end; row++) {
        const double *scores = work->scores + row * work->length;
        const double *v =
            work->v + row / work->q_length / work->group * work->length * work->value_size;
        for (int64_t first = 0; first < work->value_size; first += NN_BLOCK) {
            int64_t left = work->value_size - first, size = left < NN_BLOCK ? left : NN_BLOCK;
            memset(mixed, 0, sizeof mixed);
            for (int64_t s = 0; s < work->length; s++)
                for (int64_t i = 0; i < size; i++)
                    mixed[i] += scores[s] * v[s * work->value_size + first + i];
            nn_store_double(
                work->out->type, mixed,
                nn_at_out(work->out->data, work->out->type, row * work->value_size + first), size);
        }
    }
}

/* Rounds the scores to `type` and, where the body is given, replaces them by what it makes. */
static nn_status modify(const nn_call *call, int index, nn_type type, const int64_t *dims,
                        double *scores) {
    bool has_body = call->bodies != NULL && call->bodies[index] != NULL;
    if (!has_body && type == NNOPT_DOUBLE) return NN_OK;
    nn_tensor tensor;
    nn_rounds rounds = {0};
    nn_body *body;
    NN_TRY(nn_tensor_init(&tensor, type, dims, 4));
    int64_t count = nn_tensor_count(&tensor);
    nn_store_double(type, scores, tensor.data, count);
    nn_status status = NN_OK;
    const nn_tensor *result = &tensor;
    if (has_body) {
        status = nn_find_body(call, index, 1, 1, &body);
        if (status == NN_OK) status = nn_rounds_init(&rounds, body);
        if (status == NN_OK) {
            rounds.in[0] = tensor;
            status = nn_rounds_run(&rounds);
            result = &rounds.out[0];
        }
        if (status == NN_OK &&
            (result->type != type || !nn_dims_equal(result->dims, result->rank, dims, 4))) {
            char got[256], wanted[256];
            status =
                nn_view_fail(call->node, NN_BAD_INPUT, "'%s' makes %s %s of %s %s", bodies[index],
                             nnopt_type_name(result->type),
                             nn_dims_text(result->dims, result->rank, got, sizeof got),
                             nnopt_type_name(type), nn_dims_text(dims, 4, wanted, sizeof wanted));
        }
    }
    if (status == NN_OK) nn_load_double(type, result->data, scores, count);
    nn_rounds_clear(&rounds);
    nn_tensor_clear(&tensor);
    return status;
}

static nn_status run(const nn_call *call) {
    const flex_attrs *attrs = call->node->attrs;
    const nn_tensor *q = call->in[0], *k = call->in[1], *v = call->in[2];
    flex_places places;
    if (!find_places(call->node, &places))
        return nn_view_fail(call->node, NN_BAD_INPUT, "the scores have too many elements");
    double *memory = call->workspace;
    nn_type type = attrs->softmax_type;
    if (type == NNOPT_TYPE_NONE) type = q->type == NNOPT_DOUBLE ? NNOPT_DOUBLE : NNOPT_FLOAT;
    flex_work work = {
        .group = k->dims[1] > 0 ? q->dims[1] / k->dims[1] : 1,
        .q_length = q->dims[2],
        .length = k->dims[2],
        .head_size = q->dims[3],
        .value_size = v->dims[3],
        .scale = attrs->has_scale ? attrs->scale : 1 / sqrt((double)q->dims[3]),
        .out = call->out[0],
    };
    int64_t rows = q->dims[0] * q->dims[1] * q->dims[2];
    if (rows == 0) return NN_OK;
    int64_t dims[4] = {q->dims[0], q->dims[1], q->dims[2], k->dims[2]};
    int64_t grain = NN_GRAIN / (work.length * (work.head_size + 1) + 1) + 1;
    if (places.total > 0) {
        work.scores = memory;
        work.q = memory + places.q;
        work.k = memory + places.k;
        work.v = memory + places.v;
        nn_load_double(q->type, q->data, memory + places.q, nn_tensor_count(q));
        nn_load_double(k->type, k->data, memory + places.k, nn_tensor_count(k));
        nn_load_double(v->type, v->data, memory + places.v, nn_tensor_count(v));
    }
    nn_parallel(call->pool, rows, grain, score_rows, &work);
    NN_TRY(modify(call, SCORE_BODY, type, dims, work.scores));
    nn_parallel(call->pool, rows, grain, normalize_rows, &work);
    NN_TRY(modify(call, PROBABILITY_BODY, type, dims, work.scores));
    nn_parallel(call->pool, rows, grain, mix_rows, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "flex_attention_reference",
    .exactness = NN_ROUNDING,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_flex_attention = {
    .name = "FlexAttention",
    .domain = "ai.onnx.preview",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(flex_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .bodies = bodies,
    .kernels = kernels,
};
