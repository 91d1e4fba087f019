/* Which kernel runs a node, and in which of its variants: the first of its list that accepts, or
 * the one that was fastest when all that accept were timed on this machine.
 *
 * Measuring asks nothing but descriptors: candidates are the kernels that accept with
 * target.explores, in the layout that the first one works in, in each of their variants. They run
 * the node alone, in turn, with its own constants and with the second-level caches emptied between
 * runs, as weights come from there or further in a network. A candidate is chosen over the first in
 * the list where it is at least 4 % faster. A plan chosen so is at last run against the one that
 * was not, and thrown away when it is not faster. What was found is kept (engine/select/wisdom.h).
 */
#ifndef NN_SELECT_H
#define NN_SELECT_H

#include "engine/graph/graph.h"
#include "engine/select/wisdom.h"

typedef enum nn_selection {
    NN_SELECT_ESTIMATE, /* the first in the list; costs nothing */
    NN_SELECT_MEASURE,  /* what wisdom does not know is measured: likely candidates, in a budget */
    NN_SELECT_EXHAUSTIVE, /* all candidates, and again what was measured with fewer */
    NN_SELECT_WISDOM,     /* what wisdom knows, else the first in the list */
} nn_selection;

typedef struct nn_choice {
    const nn_kernel *kernel; /* NULL: the node needs none */
    int variant;             /* 0: as the kernel sees fit, else kernel->variants[it - 1] */
    const char *reason;      /* why it was chosen; NULL: nn_choice_estimate_reason */
} nn_choice;

/* The mode of a session, what is left of its budget, and its wisdom. One thread at a time. */
typedef struct nn_selector nn_selector;

/* `wisdom` NULL: the file below the cache folder. A file that cannot be used is only logged. */
nn_status nn_selector_create(nn_selection mode, double budget_seconds, const char *wisdom,
                             nn_selector **out);
void nn_selector_destroy(nn_selector *selector); /* NULL allowed */

/* What identifies a node to wisdom, as text: operator, types, shapes, attributes, epilogue, layout,
 * threads, precision. *out is NULL for nodes that cannot be measured alone: those with bodies or
 * with outputs of unknown shapes. */
nn_status nn_select_key(const nn_node *node, const nn_node_view *view, const nn_target *target,
                        const nn_kernel *first, nn_arena *arena, const char **out);

/* "the only one that accepts", or "first in the list". */
const char *nn_choice_estimate_reason(const nn_node_view *node, const nn_target *target);

#endif
