/* Which nodes of the loaded model the nodes of a lowered graph stand for. */
#ifndef NN_COVERS_H
#define NN_COVERS_H

#include "engine/graph/graph.h"
#include "engine/graph/name_table.h"

/* Keyed by node names, so that it holds for clones of the graph. Starts as {0}; a node that was
 * never merged covers its own origin. Texts are borrowed from the graphs. */
typedef struct nn_covers {
    const struct nn_covers *base; /* what held before; NULL: nothing */
    nn_arena arena;
    nn_name_table table;
} nn_covers;

typedef struct nn_cover {
    const char **origins;
    int64_t count;
} nn_cover;

void nn_covers_clear(nn_covers *covers);
/* `into` does the work of `from`, too. */
nn_status nn_covers_merge(nn_covers *covers, const nn_node *into, const nn_node *from);
/* *out borrows from the table and the node. */
void nn_covers_get(const nn_covers *covers, const nn_node *node, nn_cover *out);

#endif
