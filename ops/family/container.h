/* Sequences, optionals and maps: what their operators share. */
#ifndef NN_FAMILY_CONTAINER_H
#define NN_FAMILY_CONTAINER_H

#include "ops/family/infer.h"

static inline const nn_tensor *nn_items(const nn_tensor *container) {
    return container->data;
}
static inline nn_tensor *nn_items_out(nn_tensor *container) {
    return container->data;
}
static inline int64_t nn_item_count(const nn_tensor *container) {
    return container->dims[0];
}

/* ---- inference ---- */

/* Known types of inputs first .. last (-1: to the end) must be tensors / a sequence. */
nn_status nn_check_tensors(const nn_node_view *node, int first, int last);
nn_status nn_check_sequence(const nn_node_view *node, int index);
/* Input `index`, where given, is an int32 or int64 of one element. */
nn_status nn_check_position(const nn_node_view *node, int index);
/* Output `index` is a container, of which nothing more is said. */
nn_status nn_set_container(const nn_node_view *node, int index, nn_type type);
/* Output 0 has the type and shape of a value that is known. */
nn_status nn_set_output_as(const nn_node_view *node, const nn_tensor *value);

/* ---- run ---- */

/* The place in a sequence of `count` items that `position` names: -count .. count-1, negative ones
 * from the end; `at_end`: `count` is allowed too. */
nn_status nn_sequence_position(const nn_node_view *node, const nn_tensor *position, int64_t count,
                               bool at_end, int64_t *out);
/* A container of `count` items of no type. */
nn_status nn_container_init(nn_tensor *out, nn_type type, int64_t count);

#endif
