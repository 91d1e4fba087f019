/* Cases of single operators: inputs, attributes and expected outputs, read from a text file.
 *
 *     case NAME
 *     op TYPE OPSET DOMAIN          ai.onnx is the default domain
 *     attr NAME KIND VALUES...      int, float, string, ints, floats, strings, tensor
 *     in TYPE DIMS VALUES...        dims as 2x3 or scalar; "in none" for an absent input
 *     out TYPE DIMS VALUES...       strings as 'TEXT with %XX for bytes, complex numbers as pairs
 *     within RTOL ATOL
 */
#ifndef NN_TEST_OP_CASE_H
#define NN_TEST_OP_CASE_H

#include "ops/op.h"

enum { OP_CASE_TENSORS = 16, OP_CASE_ATTRS = 16 };

typedef struct op_case {
    const char *name, *op_type, *domain;
    int opset;
    nn_attr attr_items[OP_CASE_ATTRS];
    nn_attrs attrs;
    int in_count, out_count;
    nn_tensor in[OP_CASE_TENSORS], out[OP_CASE_TENSORS];
    bool has_in[OP_CASE_TENSORS], has_out[OP_CASE_TENSORS];
    double rtol, atol;
} op_case;

/* Reads all cases of a file; stops the test program with a message when it is malformed. */
void op_cases_load(const char *path);
void op_cases_clear(void);
int op_cases_count(void);
const op_case *op_cases_get(int index);

/* Asserts that the operator infers what the case expects however little is known, and that every
 * kernel that accepts the node computes it: in every layout, in place, and on two threads. Operators
 * that are written as others have no kernels: only inference is checked. */
void op_case_check(const op_case *test);
/* Asserts that a model of this one node computes it: with the inputs after the first as constants
 * and as inputs, fused and not. */
void op_case_check_model(const op_case *test);
/* Asserts that `got` holds the elements of output `index`; `how` is for the message. */
void op_case_compare(const op_case *test, const char *how, int index, const nn_tensor *got);

#endif
