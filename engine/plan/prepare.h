/* The planner's side of nn_kernel.prepare, and running a single node outside a plan. */
#ifndef NN_PREPARE_H
#define NN_PREPARE_H

#include "engine/plan/weight_cache.h"

/* Where pieces of constants are made; grows. Init with {0}. */
typedef struct nn_prepare_room {
    void *data;
    size_t bytes;
} nn_prepare_room;
void nn_prepare_room_clear(nn_prepare_room *room);

/* What a kernel asked for. Set node, arena and layout (and weights with blobs, to share packed
 * constants), leave the rest zero. */
struct nn_prepare {
    const nn_node_view *node;
    nn_arena *arena; /* state, and packed constants that are not shared */
    nn_layout layout;
    nn_device *device; /* in whose memory packed constants lie (needs weights); NULL: the host's */
    nn_weight_list *weights; /* takes the references to shared constants; NULL: nothing is shared */
    const uint64_t *blobs; /* blob id of each input; 0: no initialiser, its packing is not shared */
    /* Of each input what nn_prepare_piece reads, with room for pieces of it; NULL: the constants of
     * `node`, which are in memory. */
    const nn_blob *const *constants;
    nn_prepare_room *room;
    int variant; /* which the kernel is asked for: nn_prepare_variant */

    void *state;
    size_t workspace_bytes;
    uint32_t packed_inputs; /* bit i: run does not read input i */
    int64_t packed_bytes;
    const void *largest; /* of the packed constants */
    int64_t largest_bytes;
    char description[64]; /* of what it settled on; "": it said nothing */
};

/* Gives back the references in `weights`. Not for a plan, which keeps its list until it ends. */
void nn_prepare_clear(nn_prepare *prepare);

/* Prepares and runs one node with `kernel` on tensors in standard layout. `in` has NULL where
 * absent, `out` has data to write into. For constant folding and tests; allocates. */
nn_status nn_run_node(const nn_node_view *node, const nn_kernel *kernel, const nn_target *target,
                      nn_pool *pool, const nn_tensor *const *in, nn_tensor *const *out);

#endif
