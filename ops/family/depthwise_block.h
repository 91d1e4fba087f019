/* Depthwise convolution with the ones around it: what DepthwiseBlock (domain nnopt, plans only)
 * computes, in maps of two spatial axes.
 *
 *     x [N, C, H, W]  --expand-->  [N, E, h, w]  --depthwise-->  [N, E, oh, ow]
 *                     --project-->  [N, M, oh, ow]
 *
 * The first convolution is dense, mostly 1x1 (then h = H and w = W), the last one 1x1. Either may
 * be missing. The epilogue of the node is that of the last one. */
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
    nn_conv_attrs depthwise, expand;
    bool in_planes; /* x is taken in standard layout whatever that of the output */
    /* Two behind the first convolution, two behind the depthwise convolution where a second 1x1
     * follows. */
    nn_activation_chain activations;
} nn_depthwise_block_attrs;

enum { NN_BLOCK_ACTIVATIONS = 4 };

/* Behind the first and behind the depthwise convolution. */
nn_epilogue nn_depthwise_block_behind_expand(const nn_depthwise_block_attrs *attrs);
nn_epilogue nn_depthwise_block_behind_depthwise(const nn_depthwise_block_attrs *attrs);

/* The attributes of a Conv as those of a block's first convolution: other names for the same
 * values, at most NN_BLOCK_EXPAND_ATTRS in `out`. Returns how many. */
enum { NN_BLOCK_EXPAND_ATTRS = 6 };
int nn_depthwise_block_expand_attrs(const nn_attrs *conv, nn_attr *out);

/* op->parse: the attributes of the depthwise Conv, those of the first one with "expand_" before
 * their names, in_planes and a chain of four activations. */
nn_status nn_depthwise_block_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

nn_status nn_depthwise_block_infer(const nn_node_view *node);
void nn_depthwise_block_cost(const nn_node_view *node, nn_cost *out);

/* Of the depthwise convolution and of the first one, which must be there; facts are concrete and
 * have passed infer. */
nn_conv_geometry nn_depthwise_block_geometry(const nn_node_view *node);
nn_conv_geometry nn_depthwise_block_expand_geometry(const nn_node_view *node);

#endif
