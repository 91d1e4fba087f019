/* Recurrent layers: RNN, GRU, LSTM. X [T, B, I], hidden state [D, B, H] of D directions, G gates.
 *
 * Gates lie as the standard says: LSTM input, output, forget, cell; GRU update, reset, hidden. */
#ifndef NN_FAMILY_RECURRENT_H
#define NN_FAMILY_RECURRENT_H

#include "ops/gate_kind.h"
#include "ops/op.h"

enum { NN_RNN_X, NN_RNN_W, NN_RNN_R, NN_RNN_B, NN_RNN_LENGTHS, NN_RNN_H, NN_RNN_C, NN_RNN_P };
enum { NN_RNN_Y, NN_RNN_LAST_H, NN_RNN_LAST_C };
enum { NN_GATES_RNN = 1, NN_GATES_GRU = 3, NN_GATES_LSTM = 4 };
enum { NN_MOST_GATE_FUNCTIONS = 3 };

typedef struct nn_gate_function {
    nn_gate_kind kind;
    float alpha, beta;
} nn_gate_function;

typedef struct nn_recurrent_attrs {
    int gates, directions;
    bool reverse;        /* the one direction, or the second of two, runs from the end */
    bool batch_first;    /* X [B, T, I], Y [B, T, D, H], states [B, D, H]; else Y [T, D, B, H] */
    int64_t hidden_size; /* 0: not given */
    float clip;          /* what goes into the functions of gates is bounded by it; 0: is not */
    bool input_forget;   /* LSTM: the forget gate is 1 - the input gate */
    bool linear_before_reset;                              /* GRU */
    nn_gate_function functions[2][NN_MOST_GATE_FUNCTIONS]; /* of each direction: f, g, h */
} nn_recurrent_attrs;

nn_status nn_recurrent_parse(const nn_node_view *node, const nn_attrs *attrs, int gates,
                             nn_recurrent_attrs *out);
nn_status nn_recurrent_infer(const nn_node_view *node);
void nn_recurrent_cost(const nn_node_view *node, nn_cost *out);

/* Concrete numbers, and where a step of a direction lies. */
typedef struct nn_recurrent {
    const nn_recurrent_attrs *attrs;
    int64_t steps, batch, inputs, hidden, columns; /* columns: gates x hidden */
    int directions;
    int64_t x_step, x_sample;              /* elements of X from a step, a sample to the next */
    int64_t y_step, y_direction, y_sample; /* of Y */
    int64_t state_direction, state_sample; /* of states */
} nn_recurrent;

nn_recurrent nn_recurrent_of(const nn_node_view *node);

/* Steps of a sample; fails for lengths outside of 0 .. steps. */
nn_status nn_recurrent_check_lengths(const nn_call *call, const nn_recurrent *shape);
static inline int64_t nn_recurrent_length(const nn_call *call, const nn_recurrent *shape,
                                          int64_t sample) {
    const nn_tensor *lengths = nn_call_in(call, NN_RNN_LENGTHS);
    return lengths != NULL ? ((const int32_t *)lengths->data)[sample] : shape->steps;
}
static inline bool nn_recurrent_is_reverse(const nn_recurrent *shape, int64_t direction) {
    return direction == 1 || shape->attrs->reverse;
}

/* In double, for every floating type. */
extern const nn_kernel nn_kernel_recurrent_reference;

/* Columns that all of them share. */
#define NN_RECURRENT_COLUMNS                                                                       \
    .domain = "", .since = 1, .min_inputs = 3, .min_outputs = 0,                                   \
    .attr_size = sizeof(nn_recurrent_attrs), .infer = nn_recurrent_infer,                          \
    .cost = nn_recurrent_cost, .quant = NN_QUANT_FLOAT

#endif
