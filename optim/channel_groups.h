/* Dependency groups: which channels of which tensors can only be removed together.
 *
 * Every index of every axis of known size is an element; the axis relations of the operators unite
 * elements (union-find). A set of united elements is a structure: removing it means removing all of
 * its indices from all of its tensors. A structure that an unknown operator, a graph input or
 * output, or a mixing axis touches is pinned. */
#ifndef NN_CHANNEL_GROUPS_H
#define NN_CHANNEL_GROUPS_H

#include "engine/graph/graph.h"

typedef struct nn_channel_member {
    nn_value *value;
    int axis;
    int64_t index;
} nn_channel_member;

typedef struct nn_structure {
    const nn_channel_member *members;
    int64_t member_count;
    int64_t family; /* structures that lie in the same tensors, as the channels of one layer do */
} nn_structure;

typedef struct nn_channel_groups {
    nn_structure *structures; /* removable ones only */
    int64_t structure_count;
    int64_t family_count;
    nn_channel_member *members; /* storage */
} nn_channel_groups;

/* Facts must be inferred; dimensions that are not known are left alone. */
nn_status nn_channel_groups_build(const nn_graph *graph, nn_channel_groups *out);
void nn_channel_groups_clear(nn_channel_groups *groups);

#endif
