/* The only way to change a graph: a named set of edits, applied at once and logged. */
#ifndef NN_PATCH_H
#define NN_PATCH_H

#include "engine/graph/graph.h"

/* Edits are collected, then applied; an aborted patch leaves the graph as it was. New values and
 * nodes may be used in the same patch. Errors are sticky: the functions after a failure do nothing,
 * and apply returns the first. */
typedef struct nn_patch nn_patch;

/* `pass` and `reason` are copied into the log: "prune", "channel 3 of '/conv1' has no weight left".
 */
nn_status nn_patch_begin(nn_graph *graph, const char *pass, const char *reason, nn_patch **out);
/* Frees the patch in every case. Verifies the touched nodes and infers them and what follows. */
nn_status nn_patch_apply(nn_patch *patch);
void nn_patch_abort(nn_patch *patch);

/* A new constant; retains `blob`. NULL after a failure, as all functions below that return values.
 */
nn_value *nn_patch_constant(nn_patch *patch, const char *stem, nn_blob *blob);
nn_value *nn_patch_value(nn_patch *patch, const char *stem); /* to be an output of a new node */
/* A new node, placed after the producers of its inputs. `origin`: node this one stems from (its
 * origin is passed on), or NULL. Bodies among the attributes are taken, also on failure. */
nn_node *nn_patch_node(nn_patch *patch, const char *op_type, const char *domain, const char *stem,
                       nn_value *const *inputs, int in_count, nn_value *const *outputs,
                       int out_count, const nn_attrs *attrs, const nn_node *origin);
void nn_patch_remove_node(nn_patch *patch, nn_node *node); /* its outputs must end up unused */
void nn_patch_set_input(nn_patch *patch, nn_node *node, int input,
                        nn_value *value); /* NULL: absent */
void nn_patch_append_input(nn_patch *patch, nn_node *node, nn_value *value);
/* The node produces `value` instead of its output `output` (which loses its producer). */
void nn_patch_set_output(nn_patch *patch, nn_node *node, int output, nn_value *value);
/* Every reader of `from` (and the graph's output list, keeping the output's name) reads `to`,
 * bodies too. New nodes of this patch keep the inputs they were made with. */
void nn_patch_replace_uses(nn_patch *patch, nn_value *from, nn_value *to);
void nn_patch_set_initializer(nn_patch *patch, nn_value *value, nn_blob *blob);
void nn_patch_remove_initializer(nn_patch *patch, nn_value *value); /* must end up unused */
/* Bodies may be those the node has or new ones, which are taken. */
void nn_patch_set_attrs(nn_patch *patch, nn_node *node, const nn_attrs *attrs);
void nn_patch_set_epilogue(nn_patch *patch, nn_node *node, const nn_epilogue *epilogue);
void nn_patch_set_opset(nn_patch *patch, const char *domain, int64_t version);

/* Removes nodes and initialisers that nothing reads (not in bodies). No log record when all is
 * used. */
nn_status nn_graph_prune_unused(nn_graph *graph, const char *pass);

/* What the log holds, oldest first. */
typedef struct nn_patch_record {
    const char *pass, *reason;
    const char *const *nodes; /* names of the nodes that were added, changed or removed */
    int64_t node_count;
} nn_patch_record;
int64_t nn_patch_log_count(const nn_graph *graph);
const nn_patch_record *nn_patch_log_get(const nn_graph *graph, int64_t index);

/* ---- many edits in one patch ---- */

/* Puts edits into the patch. taken[position] is for it to note which nodes an edit has taken; all
 * false at first. */
typedef nn_status (*nn_patch_edits)(void *argument, nn_patch *patch, bool *taken);
/* Applies what `collect` put in; nothing when it fails. */
nn_status nn_patch_edit(nn_graph *graph, const char *pass, const char *reason,
                        nn_patch_edits collect, void *argument);

#endif
