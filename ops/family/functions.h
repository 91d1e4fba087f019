/* Functions of one number that operators compute of each element (functions.def), for code that has
 * all of them in one place: kernels of devices, chains of elementwise operators. Plain C and C++.
 */
#ifndef NN_FAMILY_FUNCTIONS_H
#define NN_FAMILY_FUNCTIONS_H

#define NN_FUNCTION_OPERATOR(symbol, ...) NN_FUNCTION_##symbol,
#define NN_FUNCTION_ROW(symbol, ...)      NN_FUNCTION_##symbol,
typedef enum nn_function_kind {
#include "ops/family/functions.def"
    NN_FUNCTIONS,
} nn_function_kind;
#undef NN_FUNCTION_OPERATOR
#undef NN_FUNCTION_ROW

typedef struct nn_function {
    nn_function_kind kind;
    double p, q; /* parameters; bounds of Clip are rounded where they are integers */
} nn_function;

#ifndef __cplusplus
#    include "ops/op.h"

/* True when the node (of the default domain, or Activation of plans) is a function of each element
 * of input 0 alone, whose type is one that this function is defined for: then it is *out. */
bool nn_function_of(const nn_node_view *node, nn_function *out);
/* An activation that is not NONE. */
nn_function nn_function_of_activation(nn_activation activation);
/* The same bits as the operators' reference kernels give, but for the last places. */
float nn_function_apply(const nn_function *function, float x);
#endif

#endif
