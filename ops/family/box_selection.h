/* NonMaxSuppression: of each class of each sample the boxes that overlap no better one. Plans for
 * devices write it as SelectBoxes, which makes room for all that may be found, and a Slice. */
#ifndef NN_FAMILY_BOX_SELECTION_H
#define NN_FAMILY_BOX_SELECTION_H

#include "ops/op.h"

enum { NN_BOXES, NN_BOX_SCORES, NN_BOX_MOST, NN_BOX_OVERLAP, NN_BOX_SCORE_LIMIT };

typedef struct nn_box_attrs {
    bool is_centered; /* boxes are centre x, centre y, width, height; else two corners, y before x */
} nn_box_attrs;

nn_status nn_box_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
/* The rules of both operators' inputs. */
nn_status nn_box_check(const nn_node_view *node);
/* Boxes that may be found of a class; -1 where the inputs do not say. */
int64_t nn_box_most(const nn_node_view *node);

/* Triples of sample, class and box: those of a class from the best to the worst. */
typedef struct nn_box_list {
    int64_t *triples;
    int64_t count, capacity;
} nn_box_list;
/* The caller frees list->triples, also after a failure. */
nn_status nn_box_select(const nn_call *call, nn_box_list *list);

#endif
