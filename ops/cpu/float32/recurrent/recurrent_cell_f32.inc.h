/* What the steps of recurrent layers do with the sums of gates, for files of an instruction set. */
#ifndef NN_RECURRENT_CELL_F32_INC_H
#define NN_RECURRENT_CELL_F32_INC_H

#include "ops/cpu/float32/recurrent/recurrent_cell_f32.h"
#include "ops/cpu/float32/vector_math.h"

static vf gate_value(const nn_gate_function *f, vf x) {
    const vf alpha = vf_set(f->alpha), beta = vf_set(f->beta);
    switch (f->kind) {
    case NN_GATE_RELU:
        return vf_max(vf_zero(), x);
    case NN_GATE_TANH:
        return vf_tanh(x);
    case NN_GATE_SIGMOID:
        return vf_sigmoid(x);
    case NN_GATE_AFFINE:
        return vf_fma(alpha, x, beta);
    case NN_GATE_LEAKY_RELU:
        return vf_where_less(x, vf_zero(), alpha * x, x);
    case NN_GATE_THRESHOLDED_RELU:
        return vf_where_less(x, alpha, vf_zero(), x);
    case NN_GATE_SCALED_TANH:
        return alpha * vf_tanh(beta * x);
    case NN_GATE_HARD_SIGMOID:
        return vf_min(vf_set(1), vf_max(vf_zero(), vf_fma(alpha, x, beta)));
    case NN_GATE_ELU:
        return vf_where_less(x, vf_zero(), alpha * vf_expm1(vf_max(vf_set(-20), x)), x);
    case NN_GATE_SOFTSIGN:
        return x / (vf_set(1) + vf_abs(x));
    default:
        return vf_softplus(x);
    }
}

/* Of a sum, which is bounded first. NaN stays. */
NN_INLINE vf gate(const nn_gate_function *f, float clip, vf x) {
    return gate_value(f, vf_min(vf_set(clip), vf_max(vf_set(-clip), x)));
}

/* Sigmoid for gates, tanh for the cell and its result, and nothing else. */
NN_INLINE bool is_plain_lstm(const nn_recurrent_cell *cell) {
    const nn_gate_function *f = cell->functions;
    return f[0].kind == NN_GATE_SIGMOID && f[1].kind == NN_GATE_TANH && f[2].kind == NN_GATE_TANH &&
           cell->clip == __builtin_inff() && cell->peepholes == NULL && !cell->coupled;
}

NN_INLINE bool is_plain_gru(const nn_recurrent_cell *cell) {
    const nn_gate_function *f = cell->functions;
    return f[0].kind == NN_GATE_SIGMOID && f[1].kind == NN_GATE_TANH &&
           cell->clip == __builtin_inff();
}

NN_INLINE vf plain_lstm_units(const vf sums[4], vf *c) {
    const vf in = vf_sigmoid(sums[0]), forget = vf_sigmoid(sums[2]);
    *c = vf_fma(forget, *c, in * vf_tanh(sums[3]));
    return vf_sigmoid(sums[1]) * vf_tanh(*c);
}

/* The hidden state of the sums of four gates; `c` becomes the new cell. */
NN_INLINE vf lstm_units(const nn_recurrent_cell *cell, int64_t unit, int count, const vf sums[4],
                        vf *c) {
    if (is_plain_lstm(cell)) return plain_lstm_units(sums, c);
    const nn_gate_function *f = cell->functions;
    const float *peepholes = cell->peepholes != NULL ? cell->peepholes + unit : NULL;
    vf in = sums[0], out = sums[1], forget = sums[2];
    if (peepholes != NULL) {
        in = vf_fma(vf_load_first(peepholes, count), *c, in);
        forget = vf_fma(vf_load_first(peepholes + 2 * cell->hidden, count), *c, forget);
    }
    in = gate(&f[0], cell->clip, in);
    if (cell->coupled)
        forget = vf_set(1) - in;
    else
        forget = gate(&f[0], cell->clip, forget);
    *c = vf_fma(forget, *c, in * gate(&f[1], cell->clip, sums[3]));
    if (peepholes != NULL) out = vf_fma(vf_load_first(peepholes + cell->hidden, count), *c, out);
    return gate(&f[0], cell->clip, out) * gate_value(&f[2], *c);
}

#endif
