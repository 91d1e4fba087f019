#include "ops/family/causal_conv.h"

#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/dims.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

enum {
    X = NN_CAUSAL_X,
    WEIGHT = NN_CAUSAL_WEIGHT,
    BIAS = NN_CAUSAL_BIAS,
    PAST = NN_CAUSAL_PAST,
};
enum { Y = NN_CAUSAL_Y, PRESENT = NN_CAUSAL_PRESENT };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_causal_attrs *parsed = out;
    const char *activation;
    NN_TRY(nn_attrs_string(attrs, "activation", "none", &activation));
    parsed->silu = strcmp(activation, "silu") == 0 || strcmp(activation, "swish") == 0;
    if (parsed->silu || strcmp(activation, "none") == 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'activation' is '%s'", activation);
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_same_types(node, 0, -1));
    for (int i = X; i <= PAST; i++) NN_TRY(nn_check_rank(node, i, i == BIAS ? 1 : 3));
    int64_t batch = NN_DIM_UNKNOWN, channels = NN_DIM_UNKNOWN, one = 1;
    NN_TRY(nn_agree_dim(node, X, 0, &batch));
    NN_TRY(nn_agree_dim(node, PAST, 0, &batch));
    NN_TRY(nn_agree_dim(node, X, 1, &channels));
    NN_TRY(nn_agree_dim(node, WEIGHT, 0, &channels));
    NN_TRY(nn_agree_dim(node, BIAS, 0, &channels));
    NN_TRY(nn_agree_dim(node, PAST, 1, &channels));
    NN_TRY(nn_agree_dim(node, WEIGHT, 1, &one));
    int64_t taps = nn_fact_dim(node->in[WEIGHT], 2);
    if (taps == 0) return nn_view_fail(node, NN_BAD_INPUT, "the kernel has no taps");
    int64_t carried = nn_dim_is_known(taps) ? taps - 1 : NN_DIM_UNKNOWN;
    NN_TRY(nn_agree_dim(node, PAST, 2, &carried));
    const int64_t dims[3] = {batch, channels, nn_fact_dim(node->in[X], 2)};
    const int64_t present[3] = {batch, channels, carried};
    NN_TRY(nn_set_output(node, PRESENT, nn_in_type(node, X), 3, present));
    return nn_set_output(node, Y, nn_in_type(node, X), 3, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    out->macs = (double)nn_fact_count(node->in[X]) * (double)node->in[WEIGHT]->dims[2];
    out->flops = 2 * out->macs;
}

/* What came before and the input, the taps, the result, for each worker. */
static int64_t worker_floats(const nn_fact *x, const nn_fact *weight) {
    return (2 * x->dims[2] + 2 * weight->dims[2] + 15) / 16 * 16;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    nn_prepare_workspace(services,
                         (size_t)(worker_floats(node->in[X], node->in[WEIGHT]) * target->threads) *
                             sizeof(float));
    return NN_OK;
}

typedef struct causal_work {
    const nn_call *call;
    const nn_rows_f32 *rows;
    bool silu;
    int64_t channels, length, taps, worker;
} causal_work;

static void load(const nn_tensor *in, int64_t place, float *out, int64_t count) {
    nn_load_float(in->type, nn_at(in->data, in->type, place), out, count);
}

static void convolve_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const causal_work *work = argument;
    const nn_call *call = work->call;
    const nn_rows_f32 *rows = work->rows;
    const nn_tensor *past = nn_call_in(call, PAST), *bias = nn_call_in(call, BIAS);
    nn_tensor *out = call->out[Y], *present = nn_call_out(call, PRESENT);
    const int64_t length = work->length, taps = work->taps, carried = taps - 1;
    float *x = (float *)call->workspace + work->worker * worker;
    float *weight = x + carried + length, *y = weight + taps;
    for (int64_t row = begin; row < end; row++) {
        int64_t channel = row % work->channels;
        float start = 0;
        memset(x, 0, (size_t)carried * sizeof *x);
        if (past != NULL) load(past, row * carried, x, carried);
        load(call->in[X], row * length, x + carried, length);
        load(call->in[WEIGHT], channel * taps, weight, taps);
        if (bias != NULL) load(bias, channel, &start, 1);
        rows->scale(x, weight[0], start, y, length);
        for (int64_t tap = 1; tap < taps; tap++) rows->blend(x + tap, weight[tap], y, 1, y, length);
        void *place = nn_at_out(out->data, out->type, row * length);
        nn_store_float(out->type, y, place, length);
        if (work->silu) {
            /* The activation sees the result of the convolution as the type holds it. */
            nn_load_float(out->type, place, y, length);
            rows->silu(NULL, y, y, length);
            nn_store_float(out->type, y, place, length);
        }
        if (present != NULL)
            nn_store_float(present->type, x + length,
                           nn_at_out(present->data, present->type, row * carried), carried);
    }
}

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    const nn_causal_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[X];
    causal_work work = {.call = call,
                        .rows = rows,
                        .silu = attrs->silu,
                        .channels = x->dims[1],
                        .length = x->dims[2],
                        .taps = call->in[WEIGHT]->dims[2],
                        .worker = worker_floats(call->node->in[X], call->node->in[WEIGHT])};
    nn_parallel(call->pool, x->dims[0] * x->dims[1], NN_GRAIN / ((work.length + 1) * work.taps) + 1,
                convolve_rows, &work);
    return NN_OK;
}

#define CAUSAL_KERNEL(suffix, table, level)                                                        \
    static nn_status run_##suffix(const nn_call *call) {                                           \
        return run_rows(call, &nn_rows_f32_##table);                                               \
    }                                                                                              \
    static const nn_kernel causal_conv_with_state_##suffix = {                                     \
        .name = "causal_conv_with_state_" #suffix,                                                 \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .prepare = prepare,                                                                        \
        .run = run_##suffix,                                                                       \
    };

CAUSAL_KERNEL(reference, portable, NN_ISA_PORTABLE)
CAUSAL_KERNEL(avx2, avx2, NN_ISA_AVX2)
CAUSAL_KERNEL(avx512, avx512, NN_ISA_AVX512)

static const nn_kernel *const kernels[] = {&causal_conv_with_state_avx512,
                                           &causal_conv_with_state_avx2,
                                           &causal_conv_with_state_reference, NULL};

const nn_op nn_op_causal_conv_with_state = {
    .name = "CausalConvWithState",
    .domain = "",
    .since = 27,
    .min_inputs = 2,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(nn_causal_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
