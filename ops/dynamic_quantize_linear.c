#include "base/integers.h"
#include "ops/cpu/int8/int8_loops.h"
#include "ops/family/axes.h"
#include "ops/family/loops.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    if (x->type != NNOPT_TYPE_NONE && x->type != NNOPT_FLOAT)
        return nn_view_fail(node, NN_BAD_INPUT, "input must be float32, got %s",
                            nnopt_type_name(x->type));
    *node->out[0] = nn_fact_make(NNOPT_UINT8, x->rank, x->dims);
    *node->out[1] = nn_fact_make(NNOPT_FLOAT, 0, NULL);
    *node->out[2] = nn_fact_make(NNOPT_UINT8, 0, NULL);
    return NN_OK;
}

/* ---- reference --------------------------------------------------------------------------------
 */

/* The range, which holds zero, as scale and zero point; zero then has an exact image. */
static nn_quant quant_of(float low, float high) {
    float scale = high == low ? 1.0f : (high - low) / 255.0f;
    return (nn_quant){scale, nn_quant_round(-low / scale, 0, 0, 255), 0, 255};
}

static void store_parameters(const nn_call *call, const nn_quant *quant) {
    *(float *)call->out[1]->data = quant->scale;
    *(uint8_t *)call->out[2]->data = (uint8_t)quant->zero;
}

static nn_status run_reference(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    const float *values = x->data;
    int64_t count = nn_tensor_count(x);
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    nn_quant quant = quant_of(low, high);
    uint8_t *y = call->out[0]->data;
    for (int64_t i = 0; i < count; i++)
        y[i] = (uint8_t)nn_quant_round(values[i] / quant.scale, quant.zero, 0, 255);
    store_parameters(call, &quant);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "dynamic_quantize_linear_reference", .exactness = NN_EXACT, .run = run_reference};

/* ---- in pieces on several threads ----------------------------------------------------------- */

enum { MAX_PIECES = 64 };

typedef struct dynamic_work {
    const nn_int8_loops *loops;
    const float *x;
    uint8_t *y;
    int64_t count, piece;
    float low[MAX_PIECES], high[MAX_PIECES];
    nn_bytes_quant quant;
} dynamic_work;

static int64_t piece_length(const dynamic_work *work, int64_t piece) {
    int64_t left = work->count - piece * work->piece;
    return left < work->piece ? left : work->piece;
}

static void find_range(void *argument, int64_t begin, int64_t end, int worker) {
    dynamic_work *work = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        work->loops->range(work->x + i * work->piece, piece_length(work, i), &work->low[i],
                           &work->high[i]);
}

static void quantize_pieces(void *argument, int64_t begin, int64_t end, int worker) {
    const dynamic_work *work = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        work->loops->quantize(work->x + i * work->piece, work->y + i * work->piece,
                              piece_length(work, i), work->quant);
}

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    dynamic_work work = {.loops = loops,
                         .x = call->in[0]->data,
                         .y = call->out[0]->data,
                         .count = nn_tensor_count(call->in[0])};
    work.piece = work.count / MAX_PIECES + 1;
    if (work.piece < NN_GRAIN) work.piece = NN_GRAIN;
    int64_t pieces = nn_divide_up(work.count, work.piece);
    nn_parallel(call->pool, pieces, 1, find_range, &work);
    float low = 0, high = 0;
    for (int64_t i = 0; i < pieces; i++) {
        low = work.low[i] < low ? work.low[i] : low;
        high = work.high[i] > high ? work.high[i] : high;
    }
    nn_quant quant = quant_of(low, high);
    work.quant = nn_bytes_quant_of(&quant);
    nn_parallel(call->pool, pieces, 1, quantize_pieces, &work);
    store_parameters(call, &quant);
    return NN_OK;
}

NN_INT8_KERNELS("dynamic_quantize_linear", .layout = NN_LAYOUT_ANY, .layout_inputs = 1)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, &reference, NULL};

const nn_op nn_op_dynamic_quantize_linear = {
    .name = "DynamicQuantizeLinear",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 3,
    .max_outputs = 3,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
