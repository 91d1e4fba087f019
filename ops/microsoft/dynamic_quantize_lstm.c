/* DynamicQuantizeLSTM: an LSTM of quantised weights [D, inputs, 4 hidden], whose inputs are
 * quantised all at once and whose states in each step, as DynamicQuantizeLinear does. The inputs of
 * LSTM come first, then scales and zero points of W and R, one for a direction or one for each
 * column. */
#include "ops/cpu/float32/recurrent_step_f32.h"
#include "ops/cpu/int8/int8_loops.h"
#include "ops/cpu/int8/int8_product.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"
#include "ops/family/recurrent.h"

#include <math.h>

enum { W_SCALE = 8, W_ZERO, R_SCALE, R_ZERO, LSTM_INPUTS = 8 };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    return nn_recurrent_parse(node, attrs, NN_GATES_LSTM, out);
}

/* The node as LSTM sees it: floats, and weights with their last axes in the other order. */
typedef struct float_view {
    nn_fact weights[2];
    const nn_fact *in[LSTM_INPUTS];
    nn_node_view view;
} float_view;

static void make_float_view(const nn_node_view *node, float_view *out) {
    for (int i = 0; i < LSTM_INPUTS; i++) out->in[i] = nn_view_in(node, i);
    for (int i = 0; i < 2; i++) {
        nn_fact *fact = &out->weights[i];
        *fact = *node->in[NN_RNN_W + i];
        fact->type = NNOPT_FLOAT;
        fact->constant = NULL;
        if (fact->rank == 3) {
            fact->dims[1] = node->in[NN_RNN_W + i]->dims[2];
            fact->dims[2] = node->in[NN_RNN_W + i]->dims[1];
        }
        out->in[NN_RNN_W + i] = fact;
    }
    out->view = *node;
    out->view.in = out->in;
    out->view.in_count = LSTM_INPUTS;
}

static nn_status check_parameter(const nn_node_view *node, int index, int weights) {
    const nn_recurrent_attrs *attrs = node->attrs;
    const nn_fact *fact = node->in[index], *w = node->in[weights];
    int64_t count = nn_fact_count(fact);
    int64_t columns = w->rank == 3 ? nn_dim_multiply(w->dims[0], w->dims[2]) : NN_DIM_UNKNOWN;
    if (count < 0 || count == attrs->directions || !nn_dim_is_known(columns) || count == columns)
        return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have %d or %lld elements, has %lld",
                        index, attrs->directions, (long long)columns, (long long)count);
}

static nn_status infer(const nn_node_view *node) {
    float_view plain;
    NN_TRY(nn_check_types(node, NN_RNN_X, NN_RNN_X, NN_TYPE_BIT(NNOPT_FLOAT)));
    for (int i = W_SCALE; i <= R_ZERO; i++)
        if (nn_view_in(node, i) == NULL)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d is absent", i);
    for (int i = 0; i < 2; i++) {
        int weights = NN_RNN_W + i, scale = W_SCALE + 2 * i;
        NN_TRY(nn_quant_check_8bit(node, weights));
        NN_TRY(nn_quant_check_zero_type(node, weights, scale + 1));
        NN_TRY(nn_check_types(node, scale, scale, NN_TYPE_BIT(NNOPT_FLOAT)));
        NN_TRY(check_parameter(node, scale, weights));
        NN_TRY(check_parameter(node, scale + 1, weights));
    }
    make_float_view(node, &plain);
    return nn_recurrent_infer(&plain.view);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    float_view plain;
    make_float_view(node, &plain);
    nn_recurrent_cost(&plain.view, out);
}

/* ---- running ---- */

/* Memory of one direction. */
typedef struct direction_memory {
    float *products, *gates, *h, *c; /* steps x batch x columns, columns, batch x hidden, twice */
    int32_t *sums;                   /* columns */
    uint8_t *quantized;              /* batch x hidden */
} direction_memory;

typedef struct lstm_work {
    const nn_call *call;
    const nn_int8_loops *loops;
    nn_recurrent shape;
    nn_bytes_quant x_quant;
    uint8_t *x; /* quantised */
    char *memory;
    size_t direction_bytes;
} lstm_work;

static size_t rounded(int64_t bytes) {
    return (size_t)nn_round_up(bytes, NN_ALIGNMENT);
}

/* The next share of the memory; `used` counts on. NULL base: only counts. */
static void *take(char *base, size_t *used, int64_t bytes) {
    void *memory = base != NULL ? base + *used : NULL;
    *used += rounded(bytes);
    return memory;
}

static size_t lay_out(const nn_recurrent *s, char *base, direction_memory *out) {
    const int64_t states = s->batch * s->hidden, width = (int64_t)sizeof(float);
    size_t used = 0;
    out->products = take(base, &used, s->steps * s->batch * s->columns * width);
    out->gates = take(base, &used, s->columns * width);
    out->h = take(base, &used, states * width);
    out->c = take(base, &used, states * width);
    out->sums = take(base, &used, s->columns * width);
    out->quantized = take(base, &used, states);
    return used;
}

static nn_bytes_quant quantize_all(const nn_int8_loops *loops, const float *x, int64_t count,
                                   uint8_t *out) {
    float low = 0, high = 0;
    loops->range(x, count, &low, &high);
    float scale = high == low ? 1.0f : (high - low) / 255.0f;
    nn_bytes_quant quant = {scale, nn_quant_round(-low / scale, 0, 0, 255), 0};
    loops->quantize(x, out, count, quant);
    return quant;
}

/* y = q w for one row of bytes, in floats. */
static void multiply_row(const lstm_work *work, const uint8_t *q, nn_bytes_quant quant, int weights,
                         int64_t direction, int32_t *sums, float *y) {
    const nn_call *call = work->call;
    const nn_tensor *w = call->in[weights];
    int scale_input = weights == NN_RNN_W ? W_SCALE : R_SCALE;
    const nn_tensor *scale = call->in[scale_input], *zero = call->in[scale_input + 1];
    const int64_t columns = work->shape.columns, rows = w->dims[1];
    const uint8_t flip = w->type == NNOPT_INT8 ? 0x80 : 0;
    const uint8_t *bytes = (const uint8_t *)w->data + direction * rows * columns;
    bool scale_per_column = nn_tensor_count(scale) > work->shape.directions;
    bool zero_per_column = nn_tensor_count(zero) > work->shape.directions;
    uint32_t total = 0;
    memset(sums, 0, (size_t)columns * sizeof *sums);
    for (int64_t i = 0; i < rows; i++) {
        int32_t factor = q[i] - quant.zero;
        if (factor == 0) continue;
        total += (uint32_t)factor;
        work->loops->add_row(sums, bytes + i * columns, factor, columns, flip);
    }
    for (int64_t i = 0; i < columns; i++) {
        int64_t at = direction * columns + i;
        int32_t middle = nn_quant_load(zero->data, zero->type, zero_per_column ? at : direction);
        uint32_t sum = (uint32_t)sums[i] - total * (uint32_t)(middle + flip);
        float unit = ((const float *)scale->data)[scale_per_column ? at : direction];
        y[i] = (float)(int32_t)sum * (quant.scale * unit);
    }
}

static void multiply_inputs(const lstm_work *work, int64_t direction, const direction_memory *m) {
    const nn_recurrent *s = &work->shape;
    const nn_tensor *b = nn_call_in(work->call, NN_RNN_B);
    const float *bias = b != NULL ? (const float *)b->data + direction * 2 * s->columns : NULL;
    for (int64_t row = 0; row < s->steps * s->batch; row++) {
        float *y = m->products + row * s->columns;
        multiply_row(work, work->x + row * s->inputs, work->x_quant, NN_RNN_W, direction, m->sums,
                     y);
        for (int64_t i = 0; bias != NULL && i < s->columns; i++)
            y[i] += bias[i] + bias[s->columns + i];
    }
}

static void load_state(const lstm_work *work, int input, int64_t direction, float *state) {
    const nn_recurrent *s = &work->shape;
    const nn_tensor *given = nn_call_in(work->call, input);
    size_t bytes = (size_t)s->hidden * sizeof *state;
    for (int64_t b = 0; b < s->batch; b++) {
        int64_t place = direction * s->state_direction + b * s->state_sample;
        if (given != NULL)
            memcpy(state + b * s->hidden, (const float *)given->data + place, bytes);
        else
            memset(state + b * s->hidden, 0, bytes);
    }
}

static void store_state(const lstm_work *work, int output, int64_t direction, const float *state) {
    const nn_recurrent *s = &work->shape;
    const nn_tensor *out = nn_call_out(work->call, output);
    for (int64_t b = 0; out != NULL && b < s->batch; b++)
        memcpy((float *)out->data + direction * s->state_direction + b * s->state_sample,
               state + b * s->hidden, (size_t)s->hidden * sizeof *state);
}

static void run_step(const lstm_work *work, const nn_recurrent_cell *cell, int64_t direction,
                     int64_t i, const direction_memory *m) {
    const nn_recurrent *s = &work->shape;
    const nn_tensor *out = nn_call_out(work->call, NN_RNN_Y);
    nn_bytes_quant quant = quantize_all(work->loops, m->h, s->batch * s->hidden, m->quantized);
    for (int64_t b = 0; b < s->batch; b++) {
        int64_t length = nn_recurrent_length(work->call, s, b);
        if (i >= length) continue;
        int64_t t = nn_recurrent_is_reverse(s, direction) ? length - 1 - i : i;
        int64_t row = s->attrs->batch_first ? b * s->steps + t : t * s->batch + b;
        float *h = m->h + b * s->hidden;
        multiply_row(work, m->quantized + b * s->hidden, quant, NN_RNN_R, direction, m->sums,
                     m->gates);
        nn_recurrent_steps_f32_best()->lstm_cell(cell, m->products + row * s->columns, m->gates, h,
                                                 m->c + b * s->hidden);
        if (out != NULL)
            memcpy((float *)out->data + t * s->y_step + direction * s->y_direction +
                       b * s->y_sample,
                   h, (size_t)s->hidden * sizeof *h);
    }
}

static void run_directions(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const lstm_work *work = argument;
    const nn_recurrent *s = &work->shape;
    const nn_tensor *peepholes = nn_call_in(work->call, NN_RNN_P);
    for (int64_t d = begin; d < end; d++) {
        direction_memory m;
        lay_out(s, work->memory + (size_t)d * work->direction_bytes, &m);
        nn_recurrent_cell cell = {.functions = s->attrs->functions[d],
                                  .clip = s->attrs->clip > 0 ? s->attrs->clip : INFINITY,
                                  .coupled = s->attrs->input_forget,
                                  .hidden = s->hidden};
        if (peepholes != NULL) cell.peepholes = (const float *)peepholes->data + d * 3 * s->hidden;
        multiply_inputs(work, d, &m);
        load_state(work, NN_RNN_H, d, m.h);
        load_state(work, NN_RNN_C, d, m.c);
        for (int64_t i = 0; i < s->steps; i++) run_step(work, &cell, d, i, &m);
        store_state(work, NN_RNN_LAST_H, d, m.h);
        store_state(work, NN_RNN_LAST_C, d, m.c);
    }
}

static nn_recurrent shape_of(const nn_node_view *node) {
    float_view plain;
    make_float_view(node, &plain);
    return nn_recurrent_of(&plain.view);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    (void)target;
    nn_recurrent s = shape_of(node);
    direction_memory none;
    nn_prepare_workspace(services, rounded(nn_fact_count(node->in[NN_RNN_X])) +
                                       (size_t)s.directions * lay_out(&s, NULL, &none));
    return NN_OK;
}

/* Steps that a shorter sequence leaves out are zeros. */
static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    lstm_work work = {.call = call, .loops = loops, .shape = shape_of(call->node)};
    const nn_tensor *x = call->in[NN_RNN_X];
    nn_tensor *y = nn_call_out(call, NN_RNN_Y);
    direction_memory none;
    NN_TRY(nn_recurrent_check_lengths(call, &work.shape));
    if (y != NULL && nn_call_in(call, NN_RNN_LENGTHS) != NULL) nn_tensor_zero(y);
    work.x = call->workspace;
    work.memory = (char *)call->workspace + rounded(nn_tensor_count(x));
    work.direction_bytes = lay_out(&work.shape, work.memory, &none);
    work.x_quant = quantize_all(loops, x->data, nn_tensor_count(x), work.x);
    nn_parallel(call->pool, work.shape.directions, 1, run_directions, &work);
    return NN_OK;
}

NN_INT8_KERNELS("dynamic_quantize_lstm", .prepare = prepare)

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, NULL};

const nn_op nn_op_dynamic_quantize_lstm = {
    .name = "DynamicQuantizeLSTM",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 12,
    .min_outputs = 0,
    .max_outputs = 3,
    .attr_size = sizeof(nn_recurrent_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
