/* Losses of class scores x [N, C, ...] against class numbers [N, ...]: the negative log likelihood
 * of x, or of its log softmax over the classes. Positions of the class `ignore_index` count
 * nothing; the mean divides by the sum of the weights of the others. */
#ifndef NN_FAMILY_LOSS_H
#define NN_FAMILY_LOSS_H

#include "ops/op.h"

typedef enum nn_reduction { NN_REDUCTION_NONE, NN_REDUCTION_SUM, NN_REDUCTION_MEAN } nn_reduction;

typedef struct nn_loss_attrs {
    nn_reduction reduction;
    bool has_ignored;
    int64_t ignored;
} nn_loss_attrs;

/* Inputs: scores, class numbers, weights of classes or absent. Outputs: loss, log probabilities (of
 * scores that were softmaxed). */
nn_status nn_loss_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_loss_infer(const nn_node_view *node);
nn_status nn_loss_axes(const nn_node_view *node, nn_axis_relations *out);
nn_status nn_loss_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services);
nn_status nn_loss_run(const nn_call *call, bool softmax);

#endif
