#include "ops/family/dims.h"
#include "ops/family/index.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"
#include "ops/family/rotary.h"

enum { X = NN_ROTARY_X, COS = NN_ROTARY_COS, SIN = NN_ROTARY_SIN, POSITIONS = NN_ROTARY_POSITIONS };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_rotary_attrs *parsed = out;
    int64_t interleaved;
    NN_TRY(nn_attrs_int(attrs, "rotary_embedding_dim", 0, &parsed->dim));
    NN_TRY(nn_attrs_int(attrs, "num_heads", 0, &parsed->heads));
    NN_TRY(nn_attrs_int(attrs, "interleaved", 0, &interleaved));
    parsed->interleaved = interleaved != 0;
    if (parsed->dim < 0 || parsed->dim % 2 != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'rotary_embedding_dim' is %lld",
                            (long long)parsed->dim);
    if (parsed->heads < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'num_heads' is %lld",
                            (long long)parsed->heads);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_type_set types = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF;
    NN_TRY(nn_check_types(node, X, SIN, types));
    NN_TRY(nn_check_same_types(node, X, SIN));
    int rank = node->in[X]->rank;
    if (rank != NN_RANK_UNKNOWN && rank != 3 && rank != 4)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has rank %d, not 3 or 4", rank);
    nn_rotary_sizes sizes;
    NN_TRY(nn_rotary_sizes_of(node, &sizes));
    bool by_position = nn_view_in(node, POSITIONS) != NULL;
    if (by_position) {
        NN_TRY(nn_check_types(node, POSITIONS, POSITIONS, NN_TYPE_BIT(NNOPT_INT64)));
        NN_TRY(nn_check_rank(node, POSITIONS, 2));
        NN_TRY(nn_agree_dim(node, POSITIONS, 0, &sizes.batch));
        NN_TRY(nn_agree_dim(node, POSITIONS, 1, &sizes.length));
        int64_t rows = nn_fact_dim(node->in[COS], 0);
        NN_TRY(nn_agree_dim(node, SIN, 0, &rows));
    }
    for (int i = COS; i <= SIN; i++) {
        NN_TRY(nn_check_rank(node, i, by_position ? 2 : 3));
        NN_TRY(nn_agree_dim(node, i, by_position ? 1 : 2, &sizes.half));
        if (by_position) continue;
        NN_TRY(nn_agree_dim(node, i, 0, &sizes.batch));
        NN_TRY(nn_agree_dim(node, i, 1, &sizes.length));
    }
    return nn_infer_like(node);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    int64_t count = nn_fact_count(node->in[X]);
    out->flops = count > 0 ? 3.0 * (double)count : 0;
}

/* Angles of a token and one head, for each worker. */
static int64_t worker_floats(const nn_rotary_sizes *sizes) {
    return 2 * sizes->half + 2 * sizes->size;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    nn_rotary_sizes sizes;
    NN_TRY(nn_rotary_sizes_of(node, &sizes));
    nn_prepare_workspace(services,
                         (size_t)(worker_floats(&sizes) * target->threads) * sizeof(float));
    return NN_OK;
}

typedef struct rotary_work {
    const nn_call *call;
    nn_rotary_sizes sizes;
    bool interleaved;
} rotary_work;

static void turn(const rotary_work *work, const float *cosine, const float *sine,
                 const float *restrict x, float *restrict y) {
    const int64_t half = work->sizes.half;
    if (work->interleaved) {
        for (int64_t i = 0; i < half; i++) {
            y[2 * i] = cosine[i] * x[2 * i] - sine[i] * x[2 * i + 1];
            y[2 * i + 1] = sine[i] * x[2 * i] + cosine[i] * x[2 * i + 1];
        }
    } else {
        for (int64_t i = 0; i < half; i++) y[i] = cosine[i] * x[i] - sine[i] * x[half + i];
        for (int64_t i = 0; i < half; i++) y[half + i] = sine[i] * x[i] + cosine[i] * x[half + i];
    }
    memcpy(y + 2 * half, x + 2 * half, (size_t)(work->sizes.size - 2 * half) * sizeof *y);
}

/* All heads of tokens [begin, end). */
static void turn_tokens(void *argument, int64_t begin, int64_t end, int worker) {
    const rotary_work *work = argument;
    const nn_call *call = work->call;
    const nn_rotary_sizes *s = &work->sizes;
    const nn_tensor *in = call->in[X], *positions = nn_call_in(call, POSITIONS);
    nn_tensor *out = call->out[0];
    float *cosine = (float *)call->workspace + worker_floats(s) * worker;
    float *sine = cosine + s->half, *x = sine + s->half, *y = x + s->size;
    for (int64_t token = begin; token < end; token++) {
        int64_t row = token;
        if (positions != NULL) {
            row = nn_index_at(positions, token);
            if (row < 0) row += call->in[COS]->dims[0];
        }
        nn_load_float(in->type, nn_at(call->in[COS]->data, in->type, row * s->half), cosine,
                      s->half);
        nn_load_float(in->type, nn_at(call->in[SIN]->data, in->type, row * s->half), sine, s->half);
        for (int64_t head = 0; head < s->heads; head++) {
            int64_t place = token * s->heads + head;
            if (in->rank == 4)
                place = (token / s->length * s->heads + head) * s->length + token % s->length;
            nn_load_float(in->type, nn_at(in->data, in->type, place * s->size), x, s->size);
            turn(work, cosine, sine, x, y);
            nn_store_float(in->type, y, nn_at_out(out->data, in->type, place * s->size), s->size);
        }
    }
}

static nn_status run(const nn_call *call) {
    const nn_rotary_attrs *attrs = call->node->attrs;
    rotary_work work = {.call = call, .interleaved = attrs->interleaved};
    NN_TRY(nn_rotary_sizes_of(call->node, &work.sizes));
    const nn_tensor *positions = nn_call_in(call, POSITIONS);
    if (positions != NULL) NN_TRY(nn_check_indices(call->node, positions, call->in[COS]->dims[0]));
    if (nn_tensor_count(call->in[X]) == 0) return NN_OK;
    int64_t each = work.sizes.heads * work.sizes.size;
    nn_parallel(call->pool, work.sizes.batch * work.sizes.length, NN_GRAIN / each + 1, turn_tokens,
                &work);
    return NN_OK;
}

static const nn_kernel rotary_embedding_reference = {
    .name = "rotary_embedding_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&rotary_embedding_reference, NULL};

const nn_op nn_op_rotary_embedding = {
    .name = "RotaryEmbedding",
    .domain = "",
    .since = 23,
    .min_inputs = 3,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_rotary_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
