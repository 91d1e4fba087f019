/* Depthwise convolution with the pointwise ones around it: what DepthwiseBlock (domain nnopt, plans
 * only) computes, in maps of two spatial axes.
 *
 *     x [N, C, H, W]  --1x1-->  [N, E, H, W]  --depthwise-->  [N, E, OH, OW]  --1x1-->  [N, M, OH,
 * OW]
 *
 * Either 1x1 convolution may be missing. The epilogue of the node is that of the last one. */
#ifndef NN_FAMILY_DEPTHWISE_BLOCK_H
#define NN_FAMILY_DEPTHWISE_BLOCK_H

#include "ops/family/activation.h"
#include "ops/family/convolution.h"

enum {
    NN_BLOCK_X,
    NN_BLOCK_W,
    NN_BLOCK_EXPAND_W, /* absent: the depthwise convolution reads x */
    NN_BLOCK_EXPAND_BIAS,
    NN_BLOCK_BIAS,
    NN_BLOCK_PROJECT_W, /* absent: the depthwise convolution makes the output */
    NN_BLOCK_PROJECT_BIAS,
    NN_BLOCK_INPUTS
};

typedef struct nn_depthwise_block_attrs {
    nn_conv_attrs depthwise;
    /* Two behind the first 1x1, two behind the depthwise convolution where a second 1x1 follows. */
    nn_activation_chain activations;
} nn_depthwise_block_attrs;

enum { NN_BLOCK_ACTIVATIONS = 4 };

/* Behind the first 1x1 and behind the depthwise convolution. */
nn_epilogue nn_depthwise_block_behind_expand(const nn_depthwise_block_attrs *attrs);
nn_epilogue nn_depthwise_block_behind_depthwise(const nn_depthwise_block_attrs *attrs);

/* op->parse: the attributes of the depthwise Conv and a chain of four activations. */
nn_status nn_depthwise_block_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

nn_status nn_depthwise_block_infer(const nn_node_view *node);
void nn_depthwise_block_cost(const nn_node_view *node, nn_cost *out);

/* Of the depthwise convolution; facts are concrete and have passed infer. */
nn_conv_geometry nn_depthwise_block_geometry(const nn_node_view *node);

#endif
