#include "ops/family/attention.h"
#include "ops/family/axes.h"
#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

#include <math.h>

enum {
    Q = NN_ATTENTION_Q,
    K = NN_ATTENTION_K,
    V = NN_ATTENTION_V,
    MASK = NN_ATTENTION_MASK,
    PAST_K = NN_ATTENTION_PAST_K,
    PAST_V = NN_ATTENTION_PAST_V,
    VALID = NN_ATTENTION_VALID,
    Y = NN_ATTENTION_Y,
    PRESENT_K = NN_ATTENTION_PRESENT_K,
    PRESENT_V = NN_ATTENTION_PRESENT_V,
    SCORES = NN_ATTENTION_SCORES,
};

typedef struct attention_attrs {
    int64_t q_heads, kv_heads; /* 0: not given */
    int64_t left, right;       /* -1: without limit */
    float scale, cap;          /* scale 0: one over the root of the size of a head */
    bool has_scale;
    nn_attention_scores scores;
    nn_type softmax_type;
} attention_attrs;

static nn_status parse_window(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                              int64_t *out) {
    NN_TRY(nn_attrs_int(attrs, name, -1, out));
    if (*out >= -1) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' is %lld, less than -1", name,
                        (long long)*out);
}

static nn_status parse_heads(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                             int64_t *out) {
    NN_TRY(nn_attrs_int(attrs, name, 0, out));
    if (*out > 0 || nn_attrs_find(attrs, name) == NULL) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' is %lld, not positive", name,
                        (long long)*out);
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    attention_attrs *parsed = out;
    int64_t causal, mode, precision;
    NN_TRY(parse_heads(node, attrs, "q_num_heads", &parsed->q_heads));
    NN_TRY(parse_heads(node, attrs, "kv_num_heads", &parsed->kv_heads));
    NN_TRY(nn_attrs_float(attrs, "scale", 0, &parsed->scale));
    NN_TRY(nn_attrs_float(attrs, "softcap", 0, &parsed->cap));
    NN_TRY(nn_attrs_int(attrs, "is_causal", 0, &causal));
    NN_TRY(nn_attrs_int(attrs, "qk_matmul_output_mode", 0, &mode));
    NN_TRY(nn_attrs_int(attrs, "softmax_precision", NNOPT_TYPE_NONE, &precision));
    parsed->left = parsed->right = -1;
    if (node->opset >= 25) {
        NN_TRY(parse_window(node, attrs, "left_window_size", &parsed->left));
        NN_TRY(parse_window(node, attrs, "right_window_size", &parsed->right));
    }
    if (causal != 0) parsed->right = 0;
    parsed->has_scale = nn_attrs_find(attrs, "scale") != NULL;
    parsed->scores = (nn_attention_scores)mode;
    parsed->softmax_type = (nn_type)precision;
    if (mode < 0 || mode > NN_SCORES_PROBABILITIES)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'qk_matmul_output_mode' is %lld, not 0 to 3",
                            (long long)mode);
    if (precision < 0 || precision > NNOPT_INT2 ||
        (precision != NNOPT_TYPE_NONE && !nn_type_in((nn_type)precision, NN_TYPES_FLOAT)))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'softmax_precision' is %lld, no type of softmax",
                            (long long)precision);
    if (!(parsed->cap >= 0) || isinf(parsed->cap))
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'softcap' is %g", (double)parsed->cap);
    return NN_OK;
}

/* Sizes as far as they are known; 3-D inputs are [batch, length, heads x size]. */
typedef struct attention_sizes {
    int rank; /* 3, 4, or NN_RANK_UNKNOWN */
    int64_t batch, q_heads, kv_heads, q_length, kv_length, past_length, head_size, value_size;
} attention_sizes;

static nn_status split_heads(const nn_node_view *node, int index, int64_t heads, int64_t *size) {
    int64_t hidden = nn_fact_dim(node->in[index], 2);
    if (!nn_dim_is_known(hidden) || !nn_dim_is_known(heads)) return NN_OK;
    if (hidden % heads != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "input %d: %lld columns do not divide into %lld heads", index,
                            (long long)hidden, (long long)heads);
    if (nn_dim_is_known(*size) && *size != hidden / heads)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d has heads of size %lld, not %lld", index,
                            (long long)(hidden / heads), (long long)*size);
    *size = hidden / heads;
    return NN_OK;
}

static nn_status sizes_of_4d(const nn_node_view *node, attention_sizes *out) {
    const attention_attrs *attrs = node->attrs;
    if (node->opset >= 25 && (attrs->q_heads > 0 || attrs->kv_heads > 0))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attributes q_num_heads and kv_num_heads are for inputs of rank 3");
    NN_TRY(nn_agree_dim(node, Q, 1, &out->q_heads));
    NN_TRY(nn_agree_dim(node, Q, 2, &out->q_length));
    NN_TRY(nn_agree_dim(node, Q, 3, &out->head_size));
    NN_TRY(nn_agree_dim(node, V, 3, &out->value_size));
    NN_TRY(nn_agree_dim(node, K, 3, &out->head_size));
    for (int i = K; i <= V; i++) {
        NN_TRY(nn_agree_dim(node, i, 1, &out->kv_heads));
        NN_TRY(nn_agree_dim(node, i, 2, &out->kv_length));
    }
    return NN_OK;
}

static nn_status sizes_of_3d(const nn_node_view *node, attention_sizes *out) {
    const attention_attrs *attrs = node->attrs;
    if (attrs->q_heads == 0 || attrs->kv_heads == 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "inputs of rank 3 need attributes q_num_heads and kv_num_heads");
    out->q_heads = attrs->q_heads;
    out->kv_heads = attrs->kv_heads;
    NN_TRY(nn_agree_dim(node, Q, 1, &out->q_length));
    for (int i = K; i <= V; i++) NN_TRY(nn_agree_dim(node, i, 1, &out->kv_length));
    NN_TRY(split_heads(node, Q, out->q_heads, &out->head_size));
    NN_TRY(split_heads(node, K, out->kv_heads, &out->head_size));
    return split_heads(node, V, out->kv_heads, &out->value_size);
}

static nn_status past_sizes(const nn_node_view *node, attention_sizes *out) {
    bool has_k = nn_view_in(node, PAST_K) != NULL, has_v = nn_view_in(node, PAST_V) != NULL;
    if (has_k != has_v)
        return nn_view_fail(node, NN_BAD_INPUT, "past key and past value come together only");
    if (!has_k) {
        out->past_length = 0;
        return NN_OK;
    }
    if (nn_view_in(node, VALID) != NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "nonpad_kv_seqlen excludes a past key and value");
    for (int i = PAST_K; i <= PAST_V; i++) {
        NN_TRY(nn_check_rank(node, i, 4));
        NN_TRY(nn_agree_dim(node, i, 0, &out->batch));
        NN_TRY(nn_agree_dim(node, i, 1, &out->kv_heads));
        NN_TRY(nn_agree_dim(node, i, 2, &out->past_length));
        NN_TRY(nn_agree_dim(node, i, 3, i == PAST_K ? &out->head_size : &out->value_size));
    }
    return NN_OK;
}

static nn_status find_sizes(const nn_node_view *node, attention_sizes *out) {
    const int64_t unknown = NN_DIM_UNKNOWN;
    *out = (attention_sizes){NN_RANK_UNKNOWN, unknown, unknown, unknown, unknown,
                             unknown,         unknown, unknown, unknown};
    for (int i = Q; i <= V; i++) {
        int rank = node->in[i]->rank;
        if (rank == NN_RANK_UNKNOWN) continue;
        if (rank != 3 && rank != 4)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d has rank %d, not 3 or 4", i, rank);
        if (out->rank == NN_RANK_UNKNOWN) out->rank = rank;
        NN_TRY(nn_check_rank(node, i, out->rank));
        NN_TRY(nn_agree_dim(node, i, 0, &out->batch));
    }
    if (out->rank == 3) NN_TRY(sizes_of_3d(node, out));
    if (out->rank == 4) NN_TRY(sizes_of_4d(node, out));
    NN_TRY(past_sizes(node, out));
    if (nn_dim_is_known(out->q_heads) && nn_dim_is_known(out->kv_heads) &&
        (out->kv_heads == 0 || out->q_heads % out->kv_heads != 0))
        return nn_view_fail(node, NN_BAD_INPUT, "%lld query heads cannot share %lld key heads",
                            (long long)out->q_heads, (long long)out->kv_heads);
    return NN_OK;
}

/* The mask is broadcast to [batch, q_heads, q_length], its last axis is at most `length`. */
static nn_status check_mask(const nn_node_view *node, const attention_sizes *sizes,
                            int64_t length) {
    const nn_fact *mask = nn_view_in(node, MASK);
    if (mask == NULL || mask->rank == NN_RANK_UNKNOWN) return NN_OK;
    if (mask->rank < 1 || mask->rank > 4)
        return nn_view_fail(node, NN_BAD_INPUT, "the mask has rank %d, not 1 to 4", mask->rank);
    const int64_t wanted[3] = {sizes->batch, sizes->q_heads, sizes->q_length};
    for (int i = 0; i + 1 < mask->rank; i++) {
        int64_t own = mask->dims[i], target = wanted[3 - (mask->rank - 1) + i];
        if (nn_dim_is_known(own) && nn_dim_is_known(target) && own != 1 && own != target)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "axis %d of the mask has size %lld, not %lld or 1", i,
                                (long long)own, (long long)target);
    }
    int64_t columns = mask->dims[mask->rank - 1];
    if (nn_dim_is_known(columns) && nn_dim_is_known(length) && columns > length)
        return nn_view_fail(node, NN_BAD_INPUT, "the mask has %lld columns for %lld keys",
                            (long long)columns, (long long)length);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, Q, V, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, Q, K));
    NN_TRY(nn_check_types(node, PAST_K, PAST_V, NN_TYPES_FLOAT));
    if (nn_view_in(node, MASK) != NULL)
        NN_TRY(nn_check_types(node, MASK, MASK, NN_TYPES_NUMBER | NN_TYPES_BOOL));
    if (nn_view_in(node, VALID) != NULL)
        NN_TRY(nn_check_types(node, VALID, VALID, NN_TYPE_BIT(NNOPT_INT64)));
    attention_sizes sizes;
    NN_TRY(find_sizes(node, &sizes));
    for (int i = 0; i < 2; i++) {
        nn_type past = nn_in_type(node, PAST_K + i), now = nn_in_type(node, K + i);
        if (past != NNOPT_TYPE_NONE && now != NNOPT_TYPE_NONE && past != now)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d is %s but input %d is %s", PAST_K + i,
                                nnopt_type_name(past), K + i, nnopt_type_name(now));
    }
    int64_t length = nn_dim_add(sizes.past_length, sizes.kv_length);
    NN_TRY(check_mask(node, &sizes, length));
    NN_TRY(nn_check_rank(node, VALID, 1));
    NN_TRY(nn_agree_dim(node, VALID, 0, &sizes.batch));
    nn_type type =
        nn_in_type(node, Q) != NNOPT_TYPE_NONE ? nn_in_type(node, Q) : nn_in_type(node, K);
    int64_t keys[4] = {sizes.batch, sizes.kv_heads, length, sizes.head_size};
    int64_t values[4] = {sizes.batch, sizes.kv_heads, length, sizes.value_size};
    int64_t scores[4] = {sizes.batch, sizes.q_heads, sizes.q_length, length};
    NN_TRY(nn_set_output(node, PRESENT_K, type, 4, keys));
    NN_TRY(nn_set_output(node, PRESENT_V, nn_in_type(node, V), 4, values));
    NN_TRY(nn_set_output(node, SCORES, type, 4, scores));
    int64_t wide[3] = {sizes.batch, sizes.q_length,
                       nn_dim_multiply(sizes.q_heads, sizes.value_size)};
    int64_t deep[4] = {sizes.batch, sizes.q_heads, sizes.q_length, sizes.value_size};
    return nn_set_output(node, Y, type, sizes.rank, sizes.rank == 3 ? wide : deep);
}

/* Samples keep apart; nothing else may be taken out of anything. */
static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    for (int k = Y; k <= SCORES && k < node->out_count; k++) {
        if (node->out[k] == NULL) continue;
        for (int i = Q; i <= VALID; i++) {
            const nn_fact *in = nn_view_in(node, i);
            const bool has_samples =
                in != NULL && (i != MASK || (in->rank == 4 && in->dims[0] != 1));
            if (has_samples) NN_TRY(nn_axes_same(node, out, nn_in_axis(i, 0), nn_out_axis(k, 0)));
        }
        for (int axis = 1; axis < node->out[k]->rank; axis++)
            NN_TRY(nn_axes_fixed(node, out, nn_out_axis(k, axis)));
    }
    for (int i = Q; i <= VALID; i++) {
        const nn_fact *in = nn_view_in(node, i);
        for (int axis = i == MASK ? 0 : 1; in != NULL && axis < in->rank; axis++)
            if (i != MASK || axis > 0 || in->rank < 4)
                NN_TRY(nn_axes_fixed(node, out, nn_in_axis(i, axis)));
    }
    return NN_OK;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    attention_sizes s;
    if (find_sizes(node, &s) != NN_OK) return;
    double scores = (double)s.batch * (double)s.q_heads * (double)s.q_length *
                    (double)(s.past_length + s.kv_length);
    out->macs = scores * (double)(s.head_size + s.value_size);
    out->flops = 2 * out->macs + 5 * scores;
}

/* ---- running ---- */

static nn_heads heads_of(const nn_tensor *tensor, nn_type type, int rank, int64_t heads,
                         int64_t length, int64_t size) {
    nn_heads out = {.type = type, .data = tensor != NULL ? tensor->data : NULL};
    out.batch_step = heads * length * size;
    out.head_step = rank == 3 ? size : length * size;
    out.row_step = rank == 3 ? heads * size : size;
    return out;
}

nn_attention nn_attention_of(const nn_node_view *node, const nn_call *call) {
    const attention_attrs *attrs = node->attrs;
    const nn_tensor *in[VALID + 1] = {NULL};
    attention_sizes s;
    find_sizes(node, &s); /* succeeded in infer */
    for (int i = 0; call != NULL && i <= VALID; i++) in[i] = nn_call_in(call, i);
    nn_type type = node->in[Q]->type, value_type = node->in[V]->type;
    nn_attention out = {
        .batch = s.batch,
        .q_heads = s.q_heads,
        .kv_heads = s.kv_heads,
        .q_length = s.q_length,
        .past_length = s.past_length,
        .length = s.past_length + s.kv_length,
        .head_size = s.head_size,
        .value_size = s.value_size,
        .q = heads_of(in[Q], type, s.rank, s.q_heads, s.q_length, s.head_size),
        .k = heads_of(in[K], type, s.rank, s.kv_heads, s.kv_length, s.head_size),
        .v = heads_of(in[V], value_type, s.rank, s.kv_heads, s.kv_length, s.value_size),
        .past_k = heads_of(in[PAST_K], type, 4, s.kv_heads, s.past_length, s.head_size),
        .past_v = heads_of(in[PAST_V], value_type, 4, s.kv_heads, s.past_length, s.value_size),
        .y = heads_of(call ? call->out[Y] : NULL, node->out[Y]->type, s.rank, s.q_heads, s.q_length,
                      s.value_size),
        .scale = attrs->has_scale ? (double)attrs->scale : 1 / sqrt((double)s.head_size),
        .cap = (double)attrs->cap,
        .left = attrs->left,
        .right = attrs->right,
        .valid = in[VALID] != NULL ? in[VALID]->data : NULL,
        .softmax_type = attrs->softmax_type,
        .scores_kind = attrs->scores,
        .scores_type = type,
    };
    if (call != NULL && nn_call_out(call, SCORES) != NULL) out.scores = call->out[SCORES]->data;
    const nn_fact *mask = nn_view_in(node, MASK);
    if (mask == NULL) return out;
    out.mask = in[MASK] != NULL ? in[MASK]->data : NULL;
    out.mask_type = mask->type;
    out.mask_columns = mask->dims[mask->rank - 1];
    int64_t step = out.mask_columns;
    for (int axis = mask->rank - 2; axis >= 0; axis--) {
        out.mask_steps[3 - (mask->rank - 1) + axis] = mask->dims[axis] == 1 ? 0 : step;
        step *= mask->dims[axis];
    }
    return out;
}

static nn_status check_valid(const nn_node_view *node, const nn_attention *attention) {
    for (int64_t i = 0; attention->valid != NULL && i < attention->batch; i++)
        if (attention->valid[i] < 0 || attention->valid[i] > attention->length)
            return nn_view_fail(node, NN_BAD_INPUT, "nonpad_kv_seqlen %lld is %lld, not 0 to %lld",
                                (long long)i, (long long)attention->valid[i],
                                (long long)attention->length);
    return NN_OK;
}

typedef struct present_work {
    const nn_attention *shape;
    const nn_heads *past, *now;
    int64_t size;
    char *out;
} present_work;

static void join_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const present_work *work = argument;
    const nn_attention *a = work->shape;
    int64_t width = nn_type_bits(work->now->type) / 8;
    size_t bytes = (size_t)(work->size * width);
    for (int64_t i = begin; i < end; i++) {
        int64_t row = i % a->length, head = i / a->length % a->kv_heads;
        int64_t sample = i / a->length / a->kv_heads;
        bool is_past = row < a->past_length;
        const nn_heads *from = is_past ? work->past : work->now;
        if (!is_past) row -= a->past_length;
        int64_t place = sample * from->batch_step + head * from->head_step + row * from->row_step;
        memcpy(work->out + i * (int64_t)bytes, (const char *)from->data + place * width, bytes);
    }
}

/* The past and what is new, one after the other. */
static void write_present(const nn_call *call, const nn_attention *a, int index) {
    nn_tensor *out = nn_call_out(call, index);
    if (out == NULL || nn_tensor_count(out) == 0) return;
    present_work work = {.shape = a, .out = out->data};
    work.past = index == PRESENT_K ? &a->past_k : &a->past_v;
    work.now = index == PRESENT_K ? &a->k : &a->v;
    work.size = index == PRESENT_K ? a->head_size : a->value_size;
    nn_parallel(call->pool, a->batch * a->kv_heads * a->length, NN_GRAIN / (work.size + 1) + 1,
                join_rows, &work);
}

static nn_status start(const nn_call *call, nn_attention *out) {
    *out = nn_attention_of(call->node, call);
    write_present(call, out, PRESENT_K);
    write_present(call, out, PRESENT_V);
    return check_valid(call->node, out);
}

static nn_status prepare_reference(const nn_node_view *node, const nn_target *target,
                                   nn_prepare *services) {
    nn_attention attention = nn_attention_of(node, NULL);
    nn_prepare_workspace(services, nn_attention_reference_workspace(&attention, target->threads));
    return NN_OK;
}

static nn_status run_reference(const nn_call *call) {
    nn_attention attention;
    NN_TRY(start(call, &attention));
    nn_attention_reference(&attention, call->pool, call->workspace);
    return NN_OK;
}

static const nn_kernel attention_reference = {
    .name = "attention_reference",
    .exactness = NN_EXACT,
    .prepare = prepare_reference,
    .run = run_reference,
};

static bool accepts_float(const nn_node_view *node, const nn_target *target) {
    (void)target;
    nn_attention attention = nn_attention_of(node, NULL);
    return nn_epilogue_is_empty(&node->epilogue) && nn_attention_is_float(&attention);
}

#define ATTENTION_KERNEL(isa_name, level)                                                          \
    static const nn_attention_parts parts_##isa_name = {&nn_tiles_f32_##isa_name,                  \
                                                        &nn_rows_f32_##isa_name};                  \
    static nn_status prepare_##isa_name(const nn_node_view *node, const nn_target *target,         \
                                        nn_prepare *services) {                                    \
        nn_attention attention = nn_attention_of(node, NULL);                                      \
        nn_prepare_workspace(                                                                      \
            services, nn_attention_workspace(&attention, &parts_##isa_name, target->threads));     \
        return NN_OK;                                                                              \
    }                                                                                              \
    static nn_status run_##isa_name(const nn_call *call) {                                         \
        nn_attention attention;                                                                    \
        NN_TRY(start(call, &attention));                                                           \
        nn_attention_run(&attention, &parts_##isa_name, call->pool, call->workspace);              \
        return NN_OK;                                                                              \
    }                                                                                              \
    static const nn_kernel attention_f32_##isa_name = {                                            \
        .name = "attention_f32_" #isa_name,                                                        \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .accepts = accepts_float,                                                                  \
        .prepare = prepare_##isa_name,                                                             \
        .run = run_##isa_name,                                                                     \
    };

ATTENTION_KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
ATTENTION_KERNEL(avx2, NN_ISA_AVX2)
ATTENTION_KERNEL(avx512, NN_ISA_AVX512)
#endif

#if defined(__x86_64__)

static bool accepts_bf16(const nn_node_view *node, const nn_target *target) {
    for (int i = PRESENT_K; i <= SCORES; i++)
        if (i < node->out_count && node->out[i] != NULL) return false;
    if (nn_view_in(node, PAST_K) != NULL || nn_view_in(node, VALID) != NULL ||
        node->in[Q]->type != node->in[K]->type || !nn_epilogue_is_empty(&node->epilogue))
        return false;
    nn_attention attention = nn_attention_of(node, NULL);
    return nn_attention_bf16_accepts(&attention, target->isa);
}

static nn_status prepare_bf16(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services) {
    nn_attention attention = nn_attention_of(node, NULL);
    size_t bytes = nn_attention_bf16_bytes(&attention, target->isa);
    nn_attention_bf16 *state = nn_prepare_state(services, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    nn_attention_bf16_make(&attention, target->isa, state);
    nn_prepare_workspace(services, nn_attention_bf16_workspace(state, target->threads));
    return NN_OK;
}

static nn_status run_bf16(const nn_call *call) {
    nn_attention attention = nn_attention_of(call->node, call);
    nn_attention_bf16_run(call->state, &attention, call->pool, call->workspace);
    return NN_OK;
}

static bool accepts_avx512bf16(const nn_node_view *node, const nn_target *target) {
    return target->isa < NN_ISA_AMX && accepts_bf16(node, target);
}

#    define BF16_KERNEL(suffix, isa_level, accepts_function)                                       \
        static const nn_kernel attention_bf16_##suffix = {                                         \
            .name = "attention_bf16_" #suffix,                                                     \
            .isa = isa_level,                                                                      \
            .precision = NN_PRECISION_BF16,                                                        \
            .exactness = NN_ROUNDING,                                                              \
            .accepts = accepts_function,                                                           \
            .prepare = prepare_bf16,                                                               \
            .run = run_bf16,                                                                       \
        }
BF16_KERNEL(amx, NN_ISA_AMX, accepts_bf16);
BF16_KERNEL(avx512bf16, NN_ISA_BF16, accepts_avx512bf16);

#endif

static const nn_kernel *const kernels[] = {
#if defined(__x86_64__)
    &attention_bf16_amx,     &attention_bf16_avx512bf16, &attention_f32_avx512,
    &attention_f32_avx2,
#endif
    &attention_f32_portable, &attention_reference,       NULL};

const nn_op nn_op_attention = {
    .name = "Attention",
    .domain = "",
    .since = 23,
    .min_inputs = 3,
    .max_inputs = 7,
    .min_outputs = 1,
    .max_outputs = 4,
    .attr_size = sizeof(attention_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
