/* The inside of a patch: what its edits, their undoing and their checks share. */
#ifndef NN_PATCH_PARTS_H
#define NN_PATCH_PARTS_H

#include "engine/graph/graph_parts.h"
#include "engine/graph/patch.h"

typedef enum nn_edit_kind {
    NN_EDIT_ADD_VALUE,
    NN_EDIT_ADD_NODE,
    NN_EDIT_REMOVE_NODE,
    NN_EDIT_REMOVE_INITIALIZER,
    NN_EDIT_SET_INPUT,
    NN_EDIT_APPEND_INPUT,
    NN_EDIT_SET_OUTPUT,
    NN_EDIT_REPLACE_USES,
    NN_EDIT_SET_INITIALIZER,
    NN_EDIT_SET_ATTRS,
    NN_EDIT_SET_EPILOGUE,
    NN_EDIT_SET_OPSET,
} nn_edit_kind;

typedef struct nn_edit {
    nn_edit_kind kind;
    nn_node *node;
    nn_value *value, *other;
    int index;
    nn_blob *blob;  /* retained */
    nn_attrs attrs; /* own copy, and what its bodies read of the graph */
    nn_value **captures;
    int64_t capture_count;
    nn_epilogue epilogue;
    const char *domain;
    int64_t version;
} nn_edit;

/* How a node or value was before the patch touched it. */
typedef struct nn_saved_node {
    nn_node *node;
    nn_node before;
    nn_value **links; /* inputs, outputs, captures */
} nn_saved_node;

typedef struct nn_saved_value {
    nn_value *value;
    nn_value before;
    nn_use *uses;
    bool owns_initializer; /* the value has another one now; before.initializer's reference is here
                            */
} nn_saved_value;

typedef struct nn_rename {
    nn_graph *graph;
    nn_value *value;
} nn_rename;

struct nn_patch {
    nn_graph *graph;
    char *pass, *reason;
    nn_status status; /* of the first failure */
    char *message;
    nn_edit *edits;
    int64_t edit_count, edit_capacity;

    nn_saved_node *nodes;
    int64_t node_count, node_capacity;
    nn_saved_value *values;
    int64_t value_count, value_capacity;
    nn_rename *renames; /* values whose name changed: the name tables follow at the end */
    int64_t rename_count, rename_capacity;
    nn_node **order; /* graph->nodes as they were */
    int64_t order_count;
    nn_value **outputs;           /* graph->outputs as they were */
    nn_opset_import *opset_place; /* the top graph's list, and what stood there */
    nn_opset_import *opsets;
    int64_t opset_count;
    int64_t linked_values; /* graph->value_count as it was */
    bool is_started;       /* the lists above hold */
};

/* ---- undoing (patch_undo.c) ---- */

/* Remembers the graph's lists; nothing has changed yet. */
nn_status nn_patch_start(nn_patch *patch);
/* Remembers a node or value, once; call before changing it. */
nn_status nn_patch_touch_node(nn_patch *patch, nn_node *node);
nn_status nn_patch_touch_value(nn_patch *patch, nn_value *value);
/* Gives the value another name; its table follows when the patch is done. */
nn_status nn_patch_rename(nn_patch *patch, nn_graph *graph, nn_value *value, const char *name);
/* Everything back, or everything final. Neither can fail. */
void nn_patch_roll_back(nn_patch *patch);
void nn_patch_commit(nn_patch *patch);

/* ---- edits on the graph (patch_edit.c), and what follows from them (patch_settle.c) ---- */

nn_status nn_patch_perform(nn_patch *patch);
/* The value of `body` that captures `outer`, or NULL. */
nn_value *nn_graph_captured(const nn_graph *body, const nn_value *outer);
/* Order, checks, inference and the log record. */
nn_status nn_patch_settle(nn_patch *patch);

static inline bool nn_node_is_removed(const nn_node *node) {
    return node->position == -2;
}

#endif
