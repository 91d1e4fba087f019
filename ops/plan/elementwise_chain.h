/* ElementwiseChain (domain nnopt, plans for devices only): functions of one number and sums,
 * products and the like with one more operand, one after the other on each element. Input 0 has the
 * shape of the output; the others are broadcast to it. All is computed in float. */
#ifndef NN_ELEMENTWISE_CHAIN_H
#define NN_ELEMENTWISE_CHAIN_H

#include "ops/family/functions.h"

enum { NN_CHAIN_STEPS = 16, NN_CHAIN_OPERANDS = 3 };

typedef enum nn_chain_kind {
    NN_CHAIN_FUNCTION,
    NN_CHAIN_ADD,
    NN_CHAIN_SUB,
    NN_CHAIN_MUL,
    NN_CHAIN_DIV,
    NN_CHAIN_MAX,
    NN_CHAIN_MIN,
    NN_CHAIN_KINDS,
} nn_chain_kind;

/* y = function(y), or y = y op operand, or operand op y where `swapped`. */
typedef struct nn_chain_step {
    nn_chain_kind kind;
    int operand; /* 0 is input 1 of the node */
    bool swapped;
    nn_function function;
} nn_chain_step;

typedef struct nn_chain_attrs {
    int count;
    nn_chain_step steps[NN_CHAIN_STEPS];
} nn_chain_attrs;

/* Attributes for a new node; they point into `storage`. */
typedef struct nn_chain_lists {
    nn_attr items[5];
    int64_t kinds[NN_CHAIN_STEPS], operands[NN_CHAIN_STEPS], functions[NN_CHAIN_STEPS];
    float p[NN_CHAIN_STEPS], q[NN_CHAIN_STEPS];
} nn_chain_lists;
nn_attrs nn_chain_to_attrs(const nn_chain_attrs *chain, nn_chain_lists *storage);

#endif
