/* Running one node alone, by one kernel or another, to time it. */
#ifndef NN_SELECT_TRIAL_H
#define NN_SELECT_TRIAL_H

#include "engine/plan/prepare.h"

/* What all candidates of a node read and write: tensors of random values in one layout, and the
 * node's own constants. */
typedef struct nn_trial_node {
    const nn_node_view *view;
    const uint64_t *blobs; /* of each input; 0: none */
    nn_layout layout;      /* never ANY */
    nn_arena arena;
    nn_tensor *memory; /* inputs, then outputs; data is freed by clear where it is ours */
    bool *is_ours;
    const nn_tensor **in;
    nn_tensor **out;
} nn_trial_node;

/* Constants among the inputs are aligned and stay. `kernel` says which inputs come in its layout.
 */
nn_status nn_trial_node_init(nn_trial_node *node, const nn_node_view *view, const uint64_t *blobs,
                             const nn_kernel *kernel);
void nn_trial_node_clear(nn_trial_node *node);

typedef struct nn_trial {
    const nn_kernel *kernel;
    int variant;
    nn_arena arena;
    nn_weight_list weights;
    nn_prepare prepare;
    nn_call call;
    double seconds; /* of the fastest run; INFINITY: none */
    bool is_out;    /* of the race */
} nn_trial;

/* Prepares kernel and variant for the node; weights are packed into `cache`. */
nn_status nn_trial_init(nn_trial *trial, const nn_trial_node *node, const nn_kernel *kernel,
                        int variant, const nn_target *target, nn_weight_cache *cache,
                        nn_pool *pool);
void nn_trial_clear(nn_trial *trial);
/* Runs once and keeps the time when it is the least. */
nn_status nn_trial_run(nn_trial *trial);

/* Seeded random values: floats in [-1, 1), bytes of any value; wider integers are zero, so that
 * they are valid as indices. */
void nn_trial_fill(nn_tensor *tensor, uint64_t seed);
/* Reads enough memory on each thread that nothing else is left in its second-level cache. */
void nn_trial_evict(nn_pool *pool, const void *memory);
int64_t nn_trial_evict_bytes(const nn_pool *pool); /* that `memory` must have */

#endif
