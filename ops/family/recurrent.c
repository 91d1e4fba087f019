#include "ops/family/recurrent.h"

#include "ops/family/dims.h"
#include "ops/family/infer.h"

#include <math.h>
#include <strings.h>

/* ---- attributes ---- */

/* Name, how many of alpha and beta it takes, and their values where they are not given; NaN: they
 * must be. */
static const struct {
    const char *name;
    int parameters;
    float alpha, beta;
} functions[NN_GATE_KINDS] = {
    [NN_GATE_RELU] = {"Relu", 0, 0, 0},
    [NN_GATE_TANH] = {"Tanh", 0, 0, 0},
    [NN_GATE_SIGMOID] = {"Sigmoid", 0, 0, 0},
    [NN_GATE_AFFINE] = {"Affine", 2, 1, 0},
    [NN_GATE_LEAKY_RELU] = {"LeakyRelu", 1, 0.01f, 0},
    [NN_GATE_THRESHOLDED_RELU] = {"ThresholdedRelu", 1, 1, 0},
    [NN_GATE_SCALED_TANH] = {"ScaledTanh", 2, NAN, NAN},
    [NN_GATE_HARD_SIGMOID] = {"HardSigmoid", 2, 0.2f, 0.5f},
    [NN_GATE_ELU] = {"Elu", 1, 1, 0},
    [NN_GATE_SOFTSIGN] = {"Softsign", 0, 0, 0},
    [NN_GATE_SOFTPLUS] = {"Softplus", 0, 0, 0},
};

/* Values of activation_alpha and activation_beta, which the functions that have them take in turn.
 */
typedef struct gate_values {
    const float *alphas, *betas;
    int64_t alpha_count, beta_count;
} gate_values;

static nn_status find_function(const nn_node_view *node, const char *name, gate_values *values,
                               nn_gate_function *out) {
    int kind = 0;
    while (kind < NN_GATE_KINDS && strcasecmp(functions[kind].name, name) != 0) kind++;
    if (kind == NN_GATE_KINDS)
        return nn_view_fail(node, NN_UNSUPPORTED, "activation '%s' is not known", name);
    *out = (nn_gate_function){(nn_gate_kind)kind, functions[kind].alpha, functions[kind].beta};
    if (functions[kind].parameters > 0 && values->alpha_count > 0) {
        out->alpha = *values->alphas++;
        values->alpha_count--;
    }
    if (functions[kind].parameters > 1 && values->beta_count > 0) {
        out->beta = *values->betas++;
        values->beta_count--;
    }
    if (isnan(out->alpha) || isnan(out->beta))
        return nn_view_fail(node, NN_BAD_INPUT, "activation '%s' needs alpha and beta", name);
    return NN_OK;
}

static nn_status parse_functions(const nn_node_view *node, const nn_attrs *attrs,
                                 nn_recurrent_attrs *out) {
    const char *const defaults[NN_MOST_GATE_FUNCTIONS] = {
        out->gates == NN_GATES_RNN ? "Tanh" : "Sigmoid", "Tanh", "Tanh"};
    int each = out->gates == NN_GATES_RNN ? 1 : out->gates == NN_GATES_GRU ? 2 : 3;
    gate_values values;
    NN_TRY(nn_attrs_floats(attrs, "activation_alpha", &values.alphas, &values.alpha_count));
    NN_TRY(nn_attrs_floats(attrs, "activation_beta", &values.betas, &values.beta_count));
    const nn_attr *names = nn_attrs_find(attrs, "activations");
    if (names != NULL && names->kind != NN_ATTR_STRINGS)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'activations' must be a list of strings");
    if (names != NULL && names->count == 0) names = NULL;
    if (names != NULL && names->count < each * out->directions)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld activations for %d directions of %d",
                            (long long)names->count, out->directions, each);
    for (int i = 0; i < each * out->directions; i++)
        NN_TRY(find_function(node, names != NULL ? names->strings[i].bytes : defaults[i % each],
                             &values, &out->functions[i / each][i % each]));
    return NN_OK;
}

nn_status nn_recurrent_parse(const nn_node_view *node, const nn_attrs *attrs, int gates,
                             nn_recurrent_attrs *out) {
    const char *direction;
    int64_t layout = 0, coupled = 0, linear = 0;
    out->gates = gates;
    NN_TRY(nn_attrs_string(attrs, "direction", "forward", &direction));
    NN_TRY(nn_attrs_int(attrs, "hidden_size", 0, &out->hidden_size));
    NN_TRY(nn_attrs_float(attrs, "clip", 0, &out->clip));
    if (node->opset >= 14) NN_TRY(nn_attrs_int(attrs, "layout", 0, &layout));
    if (gates == NN_GATES_LSTM) NN_TRY(nn_attrs_int(attrs, "input_forget", 0, &coupled));
    if (gates == NN_GATES_GRU && node->opset >= 3)
        NN_TRY(nn_attrs_int(attrs, "linear_before_reset", 0, &linear));
    out->batch_first = layout == 1;
    out->input_forget = coupled != 0;
    out->linear_before_reset = linear != 0;
    out->reverse = strcmp(direction, "reverse") == 0;
    out->directions = strcmp(direction, "bidirectional") == 0 ? 2 : 1;
    if (out->directions == 1 && !out->reverse && strcmp(direction, "forward") != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'direction' is '%s'", direction);
    if (layout != 0 && layout != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'layout' is %lld", (long long)layout);
    if (out->hidden_size < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'hidden_size' is %lld",
                            (long long)out->hidden_size);
    if (!(out->clip >= 0))
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'clip' is %g", (double)out->clip);
    return parse_functions(node, attrs, out);
}

/* ---- shapes ---- */

static nn_status check_matrix(const nn_node_view *node, int index, int64_t rows, int64_t columns) {
    const nn_recurrent_attrs *attrs = node->attrs;
    int64_t directions = attrs->directions;
    NN_TRY(nn_check_rank(node, index, columns == 0 ? 2 : 3));
    NN_TRY(nn_agree_dim(node, index, 0, &directions));
    NN_TRY(nn_agree_dim(node, index, 1, &rows));
    return columns == 0 ? NN_OK : nn_agree_dim(node, index, 2, &columns);
}

static nn_status check_state(const nn_node_view *node, int index, int64_t *batch, int64_t hidden) {
    const nn_recurrent_attrs *attrs = node->attrs;
    int64_t directions = attrs->directions;
    NN_TRY(nn_check_rank(node, index, 3));
    NN_TRY(nn_agree_dim(node, index, attrs->batch_first ? 1 : 0, &directions));
    NN_TRY(nn_agree_dim(node, index, attrs->batch_first ? 0 : 1, batch));
    return nn_agree_dim(node, index, 2, &hidden);
}

nn_status nn_recurrent_infer(const nn_node_view *node) {
    const nn_recurrent_attrs *attrs = node->attrs;
    const int batch_axis = attrs->batch_first ? 0 : 1;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != NULL && i != NN_RNN_LENGTHS) {
            NN_TRY(nn_check_types(node, i, i, NN_TYPES_FLOAT));
            if (nn_in_type(node, i) != NNOPT_TYPE_NONE && nn_in_type(node, 0) != NNOPT_TYPE_NONE &&
                nn_in_type(node, i) != nn_in_type(node, 0))
                return nn_view_fail(node, NN_BAD_INPUT, "input 0 is %s but input %d is %s",
                                    nnopt_type_name(nn_in_type(node, 0)), i,
                                    nnopt_type_name(nn_in_type(node, i)));
        }
    if (nn_view_in(node, NN_RNN_LENGTHS) != NULL)
        NN_TRY(nn_check_types(node, NN_RNN_LENGTHS, NN_RNN_LENGTHS, NN_TYPE_BIT(NNOPT_INT32)));
    NN_TRY(nn_check_rank(node, NN_RNN_X, 3));
    int64_t hidden = attrs->hidden_size > 0 ? attrs->hidden_size : NN_DIM_UNKNOWN;
    int64_t batch = nn_fact_dim(node->in[NN_RNN_X], batch_axis);
    int64_t steps = nn_fact_dim(node->in[NN_RNN_X], 1 - batch_axis);
    int64_t inputs = nn_fact_dim(node->in[NN_RNN_X], 2);
    NN_TRY(nn_agree_dim(node, NN_RNN_R, 2, &hidden));
    NN_TRY(nn_agree_dim(node, NN_RNN_W, 2, &inputs));
    int64_t rows = nn_dim_multiply(attrs->gates, hidden);
    NN_TRY(check_matrix(node, NN_RNN_W, rows, NN_DIM_UNKNOWN));
    NN_TRY(check_matrix(node, NN_RNN_R, rows, NN_DIM_UNKNOWN));
    NN_TRY(check_matrix(node, NN_RNN_B, nn_dim_multiply(2, rows), 0));
    NN_TRY(check_matrix(node, NN_RNN_P, nn_dim_multiply(3, hidden), 0));
    NN_TRY(check_state(node, NN_RNN_H, &batch, hidden));
    NN_TRY(check_state(node, NN_RNN_C, &batch, hidden));
    NN_TRY(nn_check_rank(node, NN_RNN_LENGTHS, 1));
    NN_TRY(nn_agree_dim(node, NN_RNN_LENGTHS, 0, &batch));
    const int64_t directions = attrs->directions;
    const int64_t sequence[] = {steps, directions, batch, hidden};
    const int64_t sequence_of_batch[] = {batch, steps, directions, hidden};
    const int64_t state[] = {directions, batch, hidden},
                  state_of_batch[] = {batch, directions, hidden};
    nn_type type = nn_in_type(node, 0);
    for (int i = NN_RNN_LAST_H; i <= NN_RNN_LAST_C; i++)
        NN_TRY(nn_set_output(node, i, type, 3, attrs->batch_first ? state_of_batch : state));
    return nn_set_output(node, NN_RNN_Y, type, 4,
                         attrs->batch_first ? sequence_of_batch : sequence);
}

nn_recurrent nn_recurrent_of(const nn_node_view *node) {
    const nn_recurrent_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[NN_RNN_X];
    bool first = attrs->batch_first;
    nn_recurrent out = {.attrs = attrs,
                        .steps = x->dims[first ? 1 : 0],
                        .batch = x->dims[first ? 0 : 1],
                        .inputs = x->dims[2],
                        .hidden = node->in[NN_RNN_R]->dims[2],
                        .directions = attrs->directions};
    out.columns = attrs->gates * out.hidden;
    out.x_step = first ? out.inputs : out.batch * out.inputs;
    out.x_sample = first ? out.steps * out.inputs : out.inputs;
    int64_t all = out.directions * out.hidden;
    out.y_step = first ? all : all * out.batch;
    out.y_direction = first ? out.hidden : out.batch * out.hidden;
    out.y_sample = first ? out.steps * all : out.hidden;
    out.state_direction = first ? out.hidden : out.batch * out.hidden;
    out.state_sample = first ? all : out.hidden;
    return out;
}

void nn_recurrent_cost(const nn_node_view *node, nn_cost *out) {
    nn_recurrent r = nn_recurrent_of(node);
    double rows = (double)r.steps * (double)r.batch * (double)r.directions;
    out->macs = rows * (double)r.columns * (double)(r.inputs + r.hidden);
    out->flops = 2 * out->macs + 4 * rows * (double)r.columns;
}

nn_status nn_recurrent_check_lengths(const nn_call *call, const nn_recurrent *shape) {
    for (int64_t i = 0; i < shape->batch; i++) {
        int64_t length = nn_recurrent_length(call, shape, i);
        if (length < 0 || length > shape->steps)
            return nn_view_fail(call->node, NN_BAD_INPUT,
                                "length %lld of the sequences is %lld, not 0 to %lld", (long long)i,
                                (long long)length, (long long)shape->steps);
    }
    return NN_OK;
}

/* ---- reference ---- */

/* NaN stays. */
static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static double gate_value(const nn_gate_function *f, double x) {
    double alpha = (double)f->alpha, beta = (double)f->beta;
    switch (f->kind) {
    case NN_GATE_RELU:
        return x < 0 ? 0 : x;
    case NN_GATE_TANH:
        return tanh(x);
    case NN_GATE_SIGMOID:
        return 1 / (1 + exp(-x));
    case NN_GATE_AFFINE:
        return alpha * x + beta;
    case NN_GATE_LEAKY_RELU:
        return x >= 0 ? x : alpha * x;
    case NN_GATE_THRESHOLDED_RELU:
        return x < alpha ? 0 : x;
    case NN_GATE_SCALED_TANH:
        return alpha * tanh(beta * x);
    case NN_GATE_HARD_SIGMOID:
        return clamp(alpha * x + beta, 0, 1);
    case NN_GATE_ELU:
        return x >= 0 ? x : alpha * expm1(x);
    case NN_GATE_SOFTSIGN:
        return x / (1 + fabs(x));
    default:
        return fmax(x, 0) + log1p(exp(-fabs(x)));
    }
}

/* Memory of one direction of one sample, in double. */
typedef struct reference_state {
    const nn_call *call;
    nn_recurrent shape;
    int64_t direction, sample;
    double *x, *h, *c, *gates, *reset_h;
} reference_state;

static int64_t reference_size(const nn_recurrent *shape) {
    return shape->inputs + 3 * shape->hidden + shape->columns;
}

static double element(const nn_call *call, int input, int64_t index) {
    const nn_tensor *tensor = nn_call_in(call, input);
    return tensor != NULL ? nn_tensor_get(tensor, index) : 0;
}

/* Row `row` of this direction's matrix, multiplied by x. */
static double row_product(const reference_state *s, int input, int64_t row, const double *x,
                          int64_t count) {
    const nn_tensor *matrix = s->call->in[input];
    int64_t first = (s->direction * s->shape.columns + row) * count;
    double block[NN_BLOCK], sum = 0;
    for (int64_t i = 0; i < count; i += NN_BLOCK) {
        int64_t n = count - i < NN_BLOCK ? count - i : NN_BLOCK;
        nn_load_double(matrix->type, nn_at(matrix->data, matrix->type, first + i), block, n);
        for (int64_t k = 0; k < n; k++) sum += block[k] * x[i + k];
    }
    return sum;
}

static double bias(const reference_state *s, int64_t row, bool of_state) {
    int64_t columns = s->shape.columns;
    return element(s->call, NN_RNN_B, (2 * s->direction + (of_state ? 1 : 0)) * columns + row);
}

static double bounded(const reference_state *s, double x) {
    double clip = (double)s->shape.attrs->clip;
    return clip > 0 ? clamp(x, -clip, clip) : x;
}

static double activate(const reference_state *s, int function, double x) {
    return gate_value(&s->shape.attrs->functions[s->direction][function], bounded(s, x));
}

/* What X and biases give for row `row`, with the state's product but not for the last gate of GRU.
 */
static double gate_sum(const reference_state *s, int64_t row) {
    return row_product(s, NN_RNN_W, row, s->x, s->shape.inputs) +
           row_product(s, NN_RNN_R, row, s->h, s->shape.hidden) + bias(s, row, false) +
           bias(s, row, true);
}

static void step_rnn(const reference_state *s) {
    for (int64_t i = 0; i < s->shape.hidden; i++) s->gates[i] = activate(s, 0, gate_sum(s, i));
    memcpy(s->h, s->gates, (size_t)s->shape.hidden * sizeof *s->h);
}

static void step_gru(const reference_state *s) {
    int64_t hidden = s->shape.hidden;
    double *z = s->gates, *r = z + hidden, *n = r + hidden;
    for (int64_t i = 0; i < 2 * hidden; i++) s->gates[i] = activate(s, 0, gate_sum(s, i));
    for (int64_t i = 0; i < hidden; i++) s->reset_h[i] = r[i] * s->h[i];
    for (int64_t i = 0; i < hidden; i++) {
        int64_t row = 2 * hidden + i;
        double x = row_product(s, NN_RNN_W, row, s->x, s->shape.inputs) + bias(s, row, false);
        if (s->shape.attrs->linear_before_reset)
            x += r[i] * (row_product(s, NN_RNN_R, row, s->h, hidden) + bias(s, row, true));
        else
            x += row_product(s, NN_RNN_R, row, s->reset_h, hidden) + bias(s, row, true);
        n[i] = activate(s, 1, x);
    }
    for (int64_t i = 0; i < hidden; i++) s->h[i] = (1 - z[i]) * n[i] + z[i] * s->h[i];
}

static void step_lstm(const reference_state *s) {
    int64_t hidden = s->shape.hidden;
    double *in = s->gates, *out = in + hidden, *forget = out + hidden, *cell = forget + hidden;
    int64_t peephole = 3 * hidden * s->direction;
    for (int64_t i = 0; i < s->shape.columns; i++) s->gates[i] = gate_sum(s, i);
    for (int64_t i = 0; i < hidden; i++) {
        double p[3];
        for (int k = 0; k < 3; k++) p[k] = element(s->call, NN_RNN_P, peephole + k * hidden + i);
        double keep, enter = activate(s, 0, in[i] + p[0] * s->c[i]);
        if (s->shape.attrs->input_forget)
            keep = 1 - enter;
        else
            keep = activate(s, 0, forget[i] + p[2] * s->c[i]);
        s->c[i] = keep * s->c[i] + enter * activate(s, 1, cell[i]);
        double leave = activate(s, 0, out[i] + p[1] * s->c[i]);
        s->h[i] = leave * gate_value(&s->shape.attrs->functions[s->direction][2], s->c[i]);
    }
}

static void store_state(const reference_state *s, int output, int64_t offset, const double *state) {
    nn_tensor *out = nn_call_out(s->call, output);
    if (out != NULL)
        nn_store_double(out->type, state, nn_at_out(out->data, out->type, offset), s->shape.hidden);
}

static void load_state(const reference_state *s, int input, int64_t offset, double *state) {
    const nn_tensor *in = nn_call_in(s->call, input);
    memset(state, 0, (size_t)s->shape.hidden * sizeof *state);
    if (in != NULL)
        nn_load_double(in->type, nn_at(in->data, in->type, offset), state, s->shape.hidden);
}

static void run_sequence(const reference_state *s) {
    const nn_recurrent *shape = &s->shape;
    const nn_tensor *x = s->call->in[NN_RNN_X];
    int64_t state = s->direction * shape->state_direction + s->sample * shape->state_sample;
    int64_t y = s->direction * shape->y_direction + s->sample * shape->y_sample;
    int64_t length = nn_recurrent_length(s->call, shape, s->sample);
    load_state(s, NN_RNN_H, state, s->h);
    load_state(s, NN_RNN_C, state, s->c);
    for (int64_t i = 0; i < length; i++) {
        int64_t t = nn_recurrent_is_reverse(shape, s->direction) ? length - 1 - i : i;
        int64_t place = t * shape->x_step + s->sample * shape->x_sample;
        nn_load_double(x->type, nn_at(x->data, x->type, place), s->x, shape->inputs);
        if (shape->attrs->gates == NN_GATES_RNN)
            step_rnn(s);
        else if (shape->attrs->gates == NN_GATES_GRU)
            step_gru(s);
        else
            step_lstm(s);
        store_state(s, NN_RNN_Y, y + t * shape->y_step, s->h);
    }
    store_state(s, NN_RNN_LAST_H, state, s->h);
    store_state(s, NN_RNN_LAST_C, state, s->c);
    memset(s->gates, 0, (size_t)shape->hidden * sizeof *s->gates);
    for (int64_t t = length; t < shape->steps; t++)
        store_state(s, NN_RNN_Y, y + t * shape->y_step, s->gates);
}

static void run_sequences(void *argument, int64_t begin, int64_t end, int worker) {
    const nn_call *call = argument;
    reference_state s = {.call = call, .shape = nn_recurrent_of(call->node)};
    s.x = (double *)call->workspace + reference_size(&s.shape) * worker;
    s.h = s.x + s.shape.inputs;
    s.c = s.h + s.shape.hidden;
    s.reset_h = s.c + s.shape.hidden;
    s.gates = s.reset_h + s.shape.hidden;
    for (int64_t i = begin; i < end; i++) {
        s.direction = i / s.shape.batch;
        s.sample = i % s.shape.batch;
        run_sequence(&s);
    }
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    nn_recurrent shape = nn_recurrent_of(node);
    nn_prepare_workspace(services,
                         (size_t)(reference_size(&shape) * target->threads) * sizeof(double));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    nn_recurrent shape = nn_recurrent_of(call->node);
    NN_TRY(nn_recurrent_check_lengths(call, &shape));
    nn_parallel(call->pool, shape.directions * shape.batch, 1, run_sequences, (void *)call);
    return NN_OK;
}

const nn_kernel nn_kernel_recurrent_reference = {
    .name = "recurrent_reference",
    .exactness = NN_EXACT,
    .prepare = prepare,
    .run = run,
};
