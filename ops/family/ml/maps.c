#include "ops/family/ml/maps.h"

nn_status nn_map_check(const nn_node_view *node, const nn_tensor *map, nn_type_set keys,
                       nn_type_set values) {
    bool whole = map->type == NNOPT_MAP && map->rank == 1 && map->dims[0] == 2;
    if (!whole) return nn_view_fail(node, NN_BAD_INPUT, "input 0 is no map");
    const nn_tensor *key = nn_map_keys(map), *value = nn_map_values(map);
    if (!nn_type_in(key->type, keys))
        return nn_view_fail(node, NN_BAD_INPUT, "keys must not be of type %s",
                            nnopt_type_name(key->type));
    if (!nn_type_in(value->type, values))
        return nn_view_fail(node, NN_BAD_INPUT, "values must not be of type %s",
                            nnopt_type_name(value->type));
    if (key->rank != 1 || nn_tensor_count(key) != nn_tensor_count(value))
        return nn_view_fail(node, NN_BAD_INPUT, "a map has %lld keys but %lld values",
                            (long long)nn_tensor_count(key), (long long)nn_tensor_count(value));
    return NN_OK;
}

nn_status nn_map_init(nn_tensor *map, nn_type keys, nn_type values, int64_t count) {
    const int64_t two = 2;
    NN_TRY(nn_tensor_init(map, NNOPT_MAP, &two, 1));
    NN_TRY(nn_tensor_init((nn_tensor *)map->data, keys, &count, 1));
    return nn_tensor_init((nn_tensor *)map->data + 1, values, &count, 1);
}
