/* Maps: containers of two tensors, keys of rank 1 and as many values. */
#ifndef NN_FAMILY_MAPS_H
#define NN_FAMILY_MAPS_H

#include "ops/family/infer.h"

/* Checks that a value of type map has keys and values of these types, and as many of each. */
nn_status nn_map_check(const nn_node_view *node, const nn_tensor *map, nn_type_set keys,
                       nn_type_set values);
static inline const nn_tensor *nn_map_keys(const nn_tensor *map) {
    return (const nn_tensor *)map->data;
}
static inline const nn_tensor *nn_map_values(const nn_tensor *map) {
    return (const nn_tensor *)map->data + 1;
}
static inline int64_t nn_map_count(const nn_tensor *map) {
    return nn_tensor_count(nn_map_keys(map));
}

/* Makes `map` a map with room for `count` pairs. */
nn_status nn_map_init(nn_tensor *map, nn_type keys, nn_type values, int64_t count);

#endif
