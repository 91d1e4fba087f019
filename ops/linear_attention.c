#include "ops/family/linear_attention.h"

#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

enum {
    QUERY = NN_LINEAR_QUERY,
    KEY = NN_LINEAR_KEY,
    VALUE = NN_LINEAR_VALUE,
    PAST = NN_LINEAR_PAST,
    DECAY = NN_LINEAR_DECAY,
    BETA = NN_LINEAR_BETA
};
enum { Y = NN_LINEAR_Y, PRESENT = NN_LINEAR_PRESENT };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const rules[] = {"linear", "gated", "delta", "gated_delta"};
    nn_linear_attrs *parsed = out;
    const char *rule;
    NN_TRY(nn_attrs_int(attrs, "q_num_heads", 0, &parsed->q_heads));
    NN_TRY(nn_attrs_int(attrs, "kv_num_heads", 0, &parsed->kv_heads));
    NN_TRY(nn_attrs_float(attrs, "scale", 0, &parsed->scale));
    NN_TRY(nn_attrs_string(attrs, "update_rule", "gated_delta", &rule));
    if (parsed->q_heads <= 0 || parsed->kv_heads <= 0 || parsed->q_heads % parsed->kv_heads != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld query heads cannot share %lld key heads",
                            (long long)parsed->q_heads, (long long)parsed->kv_heads);
    int index = 0;
    while (index < 4 && strcmp(rule, rules[index]) != 0) index++;
    if (index == 4)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'update_rule' is '%s'", rule);
    parsed->decays = (index & 1) != 0;
    parsed->corrects = (index & 2) != 0;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_linear_attrs *attrs = node->attrs;
    const nn_type_set types = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF;
    nn_linear_sizes s;
    NN_TRY(nn_check_types(node, 0, -1, types));
    NN_TRY(nn_check_same_types(node, QUERY, VALUE));
    NN_TRY(nn_linear_sizes_of(node, &s));
    nn_type state =
        nn_view_in(node, PAST) != NULL ? nn_in_type(node, PAST) : nn_in_type(node, QUERY);
    const int64_t present[4] = {s.batch, attrs->kv_heads, s.key, s.value};
    const int64_t dims[3] = {s.batch, s.length, nn_dim_multiply(attrs->q_heads, s.value)};
    NN_TRY(nn_set_output(node, PRESENT, state, 4, present));
    return nn_set_output(node, Y, nn_in_type(node, QUERY), 3, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const nn_linear_attrs *attrs = node->attrs;
    nn_linear_sizes s;
    if (nn_linear_sizes_of(node, &s) != NN_OK) return;
    double products = (double)attrs->q_heads + (attrs->corrects ? 2 : 1) * (double)attrs->kv_heads;
    out->macs = (double)s.batch * (double)s.length * products * (double)s.key * (double)s.value;
    out->flops = 2 * out->macs;
}

/* State, one query or key, decays, a value, a result. */
static int64_t worker_floats(const nn_linear_sizes *s) {
    return (s->key * s->value + 2 * s->key + 2 * s->value + 15) / 16 * 16;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    nn_linear_sizes s;
    NN_TRY(nn_linear_sizes_of(node, &s));
    nn_prepare_workspace(services, (size_t)(worker_floats(&s) * target->threads) * sizeof(float));
    return NN_OK;
}

typedef struct linear_work {
    const nn_call *call;
    const nn_linear_attrs *attrs;
    nn_linear_sizes sizes;
    const nn_rows_f32 *rows;
    float scale;
} linear_work;

static void load(const linear_work *work, int input, int64_t place, float *out, int64_t count) {
    const nn_tensor *in = work->call->in[input];
    nn_load_float(in->type, nn_at(in->data, in->type, place), out, count);
}

/* y = S^T x */
static void recall(const linear_work *work, const float *state, const float *x, float *y) {
    const nn_linear_sizes *s = &work->sizes;
    memset(y, 0, (size_t)s->value * sizeof *y);
    work->rows->combine(state, s->value, s->key, x, y, s->value);
}

static void update(const linear_work *work, int64_t token, int64_t head, float *state, float *k,
                   float *decay, float *v, float *y) {
    const nn_linear_sizes *s = &work->sizes;
    const int64_t heads = work->attrs->kv_heads, place = token * heads + head;
    load(work, KEY, place * s->key, k, s->key);
    load(work, VALUE, place * s->value, v, s->value);
    if (work->attrs->decays) {
        load(work, DECAY, place * s->decays, decay, s->decays);
        work->rows->exp(NULL, decay, decay, s->decays);
        for (int64_t i = 0; i < s->key; i++)
            work->rows->scale(state + i * s->value, decay[s->decays > 1 ? i : 0], 0,
                              state + i * s->value, s->value);
    }
    if (work->attrs->corrects) {
        float beta;
        load(work, BETA, s->betas > 1 ? place : token * s->betas, &beta, 1);
        recall(work, state, k, y);
        work->rows->blend(v, beta, y, -beta, v, s->value);
    }
    for (int64_t i = 0; i < s->key; i++)
        work->rows->blend(v, k[i], state + i * s->value, 1, state + i * s->value, s->value);
}

/* All tokens of key heads [begin, end) with the query heads that share them. */
static void attend_heads(void *argument, int64_t begin, int64_t end, int worker) {
    const linear_work *work = argument;
    const nn_linear_attrs *attrs = work->attrs;
    const nn_linear_sizes *s = &work->sizes;
    nn_tensor *out = work->call->out[Y], *present = nn_call_out(work->call, PRESENT);
    float *state = (float *)work->call->workspace + worker_floats(s) * worker;
    float *k = state + s->key * s->value, *decay = k + s->key, *v = decay + s->key,
          *y = v + s->value;
    int64_t group = attrs->q_heads / attrs->kv_heads, size = s->key * s->value;
    for (int64_t item = begin; item < end; item++) {
        int64_t sample = item / attrs->kv_heads, head = item % attrs->kv_heads;
        if (nn_call_in(work->call, PAST) != NULL)
            load(work, PAST, item * size, state, size);
        else
            memset(state, 0, (size_t)size * sizeof *state);
        for (int64_t t = 0; t < s->length; t++) {
            int64_t token = sample * s->length + t;
            update(work, token, head, state, k, decay, v, y);
            for (int64_t own = head * group; own < (head + 1) * group; own++) {
                int64_t place = token * attrs->q_heads + own;
                load(work, QUERY, place * s->key, k, s->key);
                recall(work, state, k, y);
                work->rows->scale(y, work->scale, 0, y, s->value);
                nn_store_float(out->type, y, nn_at_out(out->data, out->type, place * s->value),
                               s->value);
            }
        }
        if (present != NULL)
            nn_store_float(present->type, state,
                           nn_at_out(present->data, present->type, item * size), size);
    }
}

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    linear_work work = {.call = call, .attrs = call->node->attrs, .rows = rows};
    NN_TRY(nn_linear_sizes_of(call->node, &work.sizes));
    work.scale = nn_linear_scale(work.attrs, &work.sizes);
    nn_parallel(call->pool, work.sizes.batch * work.attrs->kv_heads, 1, attend_heads, &work);
    return NN_OK;
}

#define LINEAR_KERNEL(suffix, table, level)                                                        \
    static nn_status run_##suffix(const nn_call *call) {                                           \
        return run_rows(call, &nn_rows_f32_##table);                                               \
    }                                                                                              \
    static const nn_kernel linear_attention_##suffix = {                                           \
        .name = "linear_attention_" #suffix,                                                       \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .prepare = prepare,                                                                        \
        .run = run_##suffix,                                                                       \
    };

LINEAR_KERNEL(reference, portable, NN_ISA_PORTABLE)
LINEAR_KERNEL(avx2, avx2, NN_ISA_AVX2)
LINEAR_KERNEL(avx512, avx512, NN_ISA_AVX512)

static const nn_kernel *const kernels[] = {&linear_attention_avx512, &linear_attention_avx2,
                                           &linear_attention_reference, NULL};

const nn_op nn_op_linear_attention = {
    .name = "LinearAttention",
    .domain = "",
    .since = 27,
    .min_inputs = 3,
    .max_inputs = 6,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(nn_linear_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
