/* Weights and bias of a node that runs as a direct convolution: packed once when they are constant,
 * else in each run, in front of the workspace. */
#ifndef NN_DIRECT_OPERANDS_H
#define NN_DIRECT_OPERANDS_H

#include "ops/cpu/float32/direct/direct_f32.h"

typedef struct nn_direct_operands {
    int w, bias; /* inputs of the node */
    nn_direct_source source;
    int64_t bias_step;
    float bias_scale;
    const float *packed, *packed_bias; /* NULL: packed in each run */
    size_t packed_bytes, bias_bytes;   /* of workspace */
} nn_direct_operands;

/* Products by constant weights are shared where that is faster, unless results must be the same
 * bits whatever the threads. */
nn_sharing nn_direct_sharing(const nn_node_view *node, int w, const nn_target *target);

/* Tells the profile how the plan cuts its work up. */
void nn_direct_describe(const nn_direct_plan *plan, nn_prepare *services);

/* Fill in the first five members; packs what is constant and returns the workspace for the rest,
 * which comes before the plan's own. */
nn_status nn_direct_operands_prepare(const nn_node_view *node, const nn_direct_plan *plan,
                                     nn_prepare *services, nn_direct_operands *operands,
                                     size_t *workspace_bytes);

/* In run: weights, bias and what is left of the workspace. */
typedef struct nn_direct_ready {
    const float *w, *bias;
    void *workspace;
} nn_direct_ready;
nn_direct_ready nn_direct_operands_get(const nn_direct_operands *operands,
                                       const nn_direct_plan *plan, const nn_call *call);

#endif
