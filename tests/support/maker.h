/* Small models for tests, written as text:
 *
 *     maker m = make(13);
 *     make_input(&m, "x", NNOPT_FLOAT, "N,3,8,8");
 *     make_random(&m, "w", "4,3,3,3", 1);
 *     make_node(&m, "Conv", "conv", "x,w", "y", "pads=[1,1,1,1] group=1");
 *     nn_model *model = make_model(&m, "y");
 *
 * Everything that fails ends the test. */
#ifndef NN_TEST_MAKER_H
#define NN_TEST_MAKER_H

#include "engine/run/session.h"
#include "tests/support/runner.h"

typedef struct maker {
    nn_graph *graph;
} maker;

maker make(int opset);
/* Dims as "2,3": a number, "?" for unknown, any other word for a symbol; "" is a scalar. */
void make_input(maker *m, const char *name, nn_type type, const char *dims);
void make_floats(maker *m, const char *name, const char *dims, const float *values);
void make_ints(maker *m, const char *name, nn_type type, const char *dims, const int64_t *values);
void make_random(maker *m, const char *name, const char *dims,
                 uint64_t seed); /* floats, N(0,1)/2 */
/* Values as "a,b,,c" (empty: absent); "com.microsoft:QLinearAdd" names a domain. Attributes are
 * separated by spaces: an int, a float (with a point), a list in brackets, a 'text'; NULL: none. */
nn_node *make_node(maker *m, const char *op_type, const char *name, const char *inputs,
                   const char *outputs, const char *attrs);
/* Ends making: outputs as "y,z". */
nn_model *make_model(maker *m, const char *outputs);

/* A float tensor of these dims on the heap, nn_tensor_clear it; random as make_random. */
nn_tensor random_tensor(const char *dims, uint64_t seed);
/* Opens, runs once, ends the session; copies output `index` for the caller to nn_tensor_clear. */
nn_tensor run_model(nn_model *model, const nn_session_options *options, const nn_tensor *inputs,
                    size_t input_count, int64_t index);
/* |a - b| <= atol + rtol |b| for all elements of two tensors of numbers. */
void check_close(const nn_tensor *a, const nn_tensor *b, double rtol, double atol);

#endif
