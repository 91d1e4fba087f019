/* Conv, Gemm and MatMul with constant weights, seen as what they are: y = W x + b at many
 * positions. */
#ifndef NN_LINEAR_NODE_H
#define NN_LINEAR_NODE_H

#include "engine/graph/patch.h"
#include "ops/family/convolution.h"

/* One matrix a group: `outputs` rows of `inputs * taps` weights, then the bias when has_bias. The
 * column of input channel i (within the group) and tap t is i * taps + t. */
typedef struct nn_linear_node {
    nn_node *node;
    bool is_conv;
    bool transposed; /* Gemm with transB: weights are N x K as for Conv */
    bool has_bias;   /* the node can hold a bias: Conv and Gemm, even when it has none yet */
    int64_t groups, inputs, outputs, taps;
    int64_t side; /* inputs * taps + has_bias */
} nn_linear_node;

/* False when the node is none of these, its weights are not a float32 constant, or it is a Gemm
 * with transA, alpha or beta. */
bool nn_linear_node_init(nn_node *node, nn_linear_node *out);

/* Reads group g into matrix (outputs x side); writes all groups (groups x outputs x side) back as
 * new initialisers in a patch. */
void nn_linear_get(const nn_linear_node *linear, int64_t group, double *matrix);
nn_status nn_linear_set(const nn_linear_node *linear, nn_graph *graph, const double *matrices,
                        const char *pass, const char *reason);

/* An input tensor of a node in standard layout, seen as the rows of its product: one a position, in
 * the order of the output. Borrows both. NN_INTERNAL when the tensor does not fit the node. */
typedef struct nn_linear_rows {
    const nn_linear_node *linear;
    const nn_tensor *x;
    int64_t count;
    nn_window_axis axes[NN_MAX_SPATIAL]; /* convolutions; missing leading ones have one position */
} nn_linear_rows;
nn_status nn_linear_rows_init(const nn_linear_node *linear, const nn_tensor *x,
                              nn_linear_rows *out);
/* The input vector (side elements) of group `group` at `position`. */
void nn_linear_gather(const nn_linear_rows *rows, int64_t position, int64_t group, float *row);
/* The output vector (`outputs` elements) of group `group` at `position` of y, a result of this node
 * or of the node it was made from: channels[c] is the channel of y that output channel c of this
 * node corresponds to (NULL: the same). */
void nn_linear_gather_output(const nn_linear_node *linear, const nn_tensor *y, int64_t position,
                             int64_t group, const int64_t *channels, float *row);

#endif
