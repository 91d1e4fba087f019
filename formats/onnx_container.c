#include "formats/onnx_container.h"

/* Element types of SequenceProto and OptionalProto. */
enum { ITEM_NONE, ITEM_TENSOR, ITEM_SPARSE, ITEM_SEQUENCE, ITEM_MAP, ITEM_OPTIONAL };

const ProtobufCMessageDescriptor *nn_container_message(nn_type type) {
    return type == NNOPT_SEQUENCE   ? &onnx__sequence_proto__descriptor
           : type == NNOPT_OPTIONAL ? &onnx__optional_proto__descriptor
                                    : &onnx__map_proto__descriptor;
}

/* ---- reading ---- */

static nn_status take_blob(nn_status status, nn_blob *blob, nn_tensor *out) {
    NN_TRY(status);
    status = nn_tensor_copy(&blob->tensor, out);
    nn_blob_release(blob);
    return status;
}

static nn_status read_dense(nn_tensor_source *source, const Onnx__TensorProto *proto,
                            nn_tensor *out) {
    nn_blob *blob = NULL;
    nn_status status = nn_tensor_read(source, proto, &blob);
    return take_blob(status, blob, out);
}

static nn_status read_sparse(nn_tensor_source *source, const Onnx__SparseTensorProto *proto,
                             nn_tensor *out) {
    nn_blob *blob = NULL;
    nn_status status = nn_sparse_tensor_read(source, proto, &blob);
    return take_blob(status, blob, out);
}

/* Item `index` of whichever list holds items. */
static nn_status read_item(nn_tensor_source *source, const Onnx__SequenceProto *proto, size_t index,
                           nn_tensor *out) {
    if (proto->n_tensor_values > 0) return read_dense(source, proto->tensor_values[index], out);
    if (proto->n_sparse_tensor_values > 0)
        return read_sparse(source, proto->sparse_tensor_values[index], out);
    if (proto->n_sequence_values > 0)
        return nn_container_read(source, NNOPT_SEQUENCE, &proto->sequence_values[index]->base, out);
    if (proto->n_map_values > 0)
        return nn_container_read(source, NNOPT_MAP, &proto->map_values[index]->base, out);
    return nn_container_read(source, NNOPT_OPTIONAL, &proto->optional_values[index]->base, out);
}

static nn_status read_sequence(nn_tensor_source *source, const Onnx__SequenceProto *proto,
                               nn_tensor *out) {
    const size_t counts[] = {proto->n_tensor_values, proto->n_sparse_tensor_values,
                             proto->n_sequence_values, proto->n_map_values,
                             proto->n_optional_values};
    size_t count = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i] > 0 && count > 0)
            return nn_fail(NN_BAD_INPUT, "a sequence holds values of two kinds");
        count += counts[i];
    }
    NN_TRY(nn_tensor_init(out, NNOPT_SEQUENCE, (int64_t[]){(int64_t)count}, 1));
    nn_tensor *items = out->data;
    for (size_t i = 0; i < count; i++) {
        NN_TRY(read_item(source, proto, i, &items[i]));
        if (items[i].type != items[0].type)
            return nn_fail(NN_BAD_INPUT, "a sequence holds %s and %s",
                           nnopt_type_name(items[0].type), nnopt_type_name(items[i].type));
    }
    return NN_OK;
}

static nn_status read_optional(nn_tensor_source *source, const Onnx__OptionalProto *proto,
                               nn_tensor *out) {
    int count = (proto->tensor_value != NULL) + (proto->sparse_tensor_value != NULL) +
                (proto->sequence_value != NULL) + (proto->map_value != NULL) +
                (proto->optional_value != NULL);
    if (count > 1) return nn_fail(NN_BAD_INPUT, "an optional holds %d values", count);
    NN_TRY(nn_tensor_init(out, NNOPT_OPTIONAL, (int64_t[]){count}, 1));
    nn_tensor *item = out->data;
    if (count == 0) return NN_OK;
    if (proto->tensor_value != NULL) return read_dense(source, proto->tensor_value, item);
    if (proto->sparse_tensor_value != NULL)
        return read_sparse(source, proto->sparse_tensor_value, item);
    if (proto->sequence_value != NULL)
        return nn_container_read(source, NNOPT_SEQUENCE, &proto->sequence_value->base, item);
    if (proto->map_value != NULL)
        return nn_container_read(source, NNOPT_MAP, &proto->map_value->base, item);
    return nn_container_read(source, NNOPT_OPTIONAL, &proto->optional_value->base, item);
}

static nn_status read_keys(const Onnx__MapProto *proto, nn_tensor *out) {
    nn_type type = proto->has_key_type ? (nn_type)proto->key_type : NNOPT_TYPE_NONE;
    bool is_text = type == NNOPT_STRING;
    if ((!is_text && !nn_type_is_integer(type)) || (!is_text && nn_type_bits(type) < 8))
        return nn_fail(NN_BAD_INPUT, "keys of a map have type %d", (int)type);
    if (is_text ? proto->n_keys > 0 : proto->n_string_keys > 0)
        return nn_fail(NN_BAD_INPUT, "keys of a map stand in the wrong field");
    size_t count = is_text ? proto->n_string_keys : proto->n_keys;
    NN_TRY(nn_tensor_init(out, type, (int64_t[]){(int64_t)count}, 1));
    if (is_text) {
        const char **texts = out->data;
        nn_arena arena = {0};
        nn_status status = NN_OK;
        for (size_t i = 0; i < count && status == NN_OK; i++) {
            const ProtobufCBinaryData *key = &proto->string_keys[i];
            if (key->len > 0 && memchr(key->data, '\0', key->len) != NULL) {
                status = nn_fail(NN_UNSUPPORTED, "a key of a map holds a zero byte");
                break;
            }
            texts[i] = nn_arena_strndup(&arena, (const char *)key->data, key->len);
            if (texts[i] == NULL) status = nn_fail_memory(key->len);
        }
        if (status == NN_OK) status = nn_tensor_own_texts(out);
        if (status != NN_OK) nn_tensor_clear(out);
        nn_arena_clear(&arena);
        return status;
    }
    int64_t width = nn_type_bits(type) / 8;
    for (size_t i = 0; i < count; i++) {
        int64_t key = proto->keys[i];
        memcpy((char *)out->data + (int64_t)i * width, &key, (size_t)width);
        if (nn_tensor_get_int(out, (int64_t)i) != key)
            return nn_fail(NN_BAD_INPUT, "key %lld of a map does not fit %s", (long long)key,
                           nnopt_type_name(type));
    }
    return NN_OK;
}

/* Scalars of one type become a vector. */
static nn_status join_scalars(nn_tensor *values) {
    const nn_tensor *items = values->data;
    int64_t count = values->dims[0];
    if (count == 0) return NN_OK;
    for (int64_t i = 0; i < count; i++)
        if (items[i].rank != 0 || nn_type_is_container(items[i].type) ||
            nn_type_bits(items[i].type) < 8)
            return NN_OK;
    nn_tensor vector;
    NN_TRY(nn_tensor_init(&vector, items[0].type, &count, 1));
    int64_t width = nn_type_bits(items[0].type) / 8;
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)vector.data + i * width, items[i].data, (size_t)width);
    nn_status status = vector.type == NNOPT_STRING ? nn_tensor_own_texts(&vector) : NN_OK;
    if (status != NN_OK) {
        nn_tensor_clear(&vector);
        return status;
    }
    nn_tensor_clear(values);
    *values = vector;
    return NN_OK;
}

static nn_status read_map(nn_tensor_source *source, const Onnx__MapProto *proto, nn_tensor *out) {
    NN_TRY(nn_tensor_init(out, NNOPT_MAP, (int64_t[]){2}, 1));
    nn_tensor *items = out->data;
    NN_TRY(read_keys(proto, &items[0]));
    if (proto->values == NULL) return nn_fail(NN_BAD_INPUT, "a map has no values");
    NN_TRY(read_sequence(source, proto->values, &items[1]));
    if (items[0].dims[0] != items[1].dims[0])
        return nn_fail(NN_BAD_INPUT, "a map has %lld keys and %lld values",
                       (long long)items[0].dims[0], (long long)items[1].dims[0]);
    return join_scalars(&items[1]);
}

nn_status nn_container_read(nn_tensor_source *source, nn_type type, const ProtobufCMessage *message,
                            nn_tensor *out) {
    nn_status status;
    memset(out, 0, sizeof *out);
    if (type == NNOPT_SEQUENCE)
        status = read_sequence(source, (const Onnx__SequenceProto *)message, out);
    else if (type == NNOPT_OPTIONAL)
        status = read_optional(source, (const Onnx__OptionalProto *)message, out);
    else
        status = read_map(source, (const Onnx__MapProto *)message, out);
    if (status != NN_OK) nn_tensor_clear(out);
    return status;
}

/* ---- writing ---- */

static nn_status make_tensor(const nn_tensor *tensor, nn_arena *arena, Onnx__TensorProto **out) {
    int64_t count = nn_tensor_count(tensor);
    Onnx__TensorProto *proto = nn_arena_alloc(arena, sizeof *proto);
    int64_t *dims = nn_arena_copy(arena, tensor->dims, sizeof tensor->dims);
    if (proto == NULL || dims == NULL) return nn_fail_memory(sizeof *proto);
    onnx__tensor_proto__init(proto);
    proto->n_dims = (size_t)tensor->rank;
    proto->dims = dims;
    proto->has_data_type = true;
    proto->data_type = (int32_t)tensor->type;
    *out = proto;
    if (tensor->type != NNOPT_STRING) {
        proto->has_raw_data = true;
        proto->raw_data.data = tensor->data;
        proto->raw_data.len = (size_t)nn_tensor_bytes(tensor);
        return NN_OK;
    }
    size_t bytes = (size_t)count * sizeof *proto->string_data;
    proto->string_data = nn_arena_alloc(arena, bytes + 1);
    if (proto->string_data == NULL) return nn_fail_memory(bytes);
    proto->n_string_data = (size_t)count;
    for (int64_t i = 0; i < count; i++) {
        const char *text = ((const char *const *)tensor->data)[i];
        proto->string_data[i].data = (uint8_t *)(uintptr_t)text;
        proto->string_data[i].len = strlen(text);
    }
    return NN_OK;
}

static nn_status make_value(const nn_tensor *value, nn_arena *arena, ProtobufCMessage **out) {
    if (nn_type_is_container(value->type)) return nn_container_message_of(value, NULL, arena, out);
    Onnx__TensorProto *proto;
    NN_TRY(make_tensor(value, arena, &proto));
    *out = &proto->base;
    return NN_OK;
}

static int32_t item_kind(nn_type type) {
    return type == NNOPT_SEQUENCE   ? ITEM_SEQUENCE
           : type == NNOPT_MAP      ? ITEM_MAP
           : type == NNOPT_OPTIONAL ? ITEM_OPTIONAL
                                    : ITEM_TENSOR;
}

/* The message of `count` items, which are all of one kind. */
static nn_status make_sequence(const nn_tensor *items, int64_t count, nn_arena *arena,
                               Onnx__SequenceProto **out) {
    Onnx__SequenceProto *proto = nn_arena_alloc(arena, sizeof *proto);
    ProtobufCMessage **list = nn_arena_alloc(arena, ((size_t)count + 1) * sizeof *list);
    if (proto == NULL || list == NULL) return nn_fail_memory((size_t)count * sizeof *list);
    onnx__sequence_proto__init(proto);
    for (int64_t i = 0; i < count; i++) NN_TRY(make_value(&items[i], arena, &list[i]));
    proto->has_elem_type = true;
    proto->elem_type = count > 0 ? item_kind(items[0].type) : ITEM_TENSOR;
    if (proto->elem_type == ITEM_TENSOR) {
        proto->n_tensor_values = (size_t)count;
        proto->tensor_values = (Onnx__TensorProto **)list;
    } else if (proto->elem_type == ITEM_SEQUENCE) {
        proto->n_sequence_values = (size_t)count;
        proto->sequence_values = (Onnx__SequenceProto **)list;
    } else if (proto->elem_type == ITEM_MAP) {
        proto->n_map_values = (size_t)count;
        proto->map_values = (Onnx__MapProto **)list;
    } else {
        proto->n_optional_values = (size_t)count;
        proto->optional_values = (Onnx__OptionalProto **)list;
    }
    *out = proto;
    return NN_OK;
}

static nn_status make_optional(const nn_tensor *optional, nn_arena *arena,
                               Onnx__OptionalProto **out) {
    const nn_tensor *item = optional->data;
    Onnx__OptionalProto *proto = nn_arena_alloc(arena, sizeof *proto);
    ProtobufCMessage *value;
    if (proto == NULL) return nn_fail_memory(sizeof *proto);
    onnx__optional_proto__init(proto);
    *out = proto;
    proto->has_elem_type = true;
    if (optional->dims[0] == 0) return NN_OK;
    NN_TRY(make_value(item, arena, &value));
    proto->elem_type = item_kind(item->type);
    if (proto->elem_type == ITEM_TENSOR)
        proto->tensor_value = (Onnx__TensorProto *)value;
    else if (proto->elem_type == ITEM_SEQUENCE)
        proto->sequence_value = (Onnx__SequenceProto *)value;
    else if (proto->elem_type == ITEM_MAP)
        proto->map_value = (Onnx__MapProto *)value;
    else
        proto->optional_value = (Onnx__OptionalProto *)value;
    return NN_OK;
}

static nn_status make_keys(const nn_tensor *keys, nn_arena *arena, Onnx__MapProto *proto) {
    int64_t count = nn_tensor_count(keys);
    proto->has_key_type = true;
    proto->key_type = (int32_t)keys->type;
    if (keys->type == NNOPT_STRING) {
        Onnx__TensorProto *texts;
        NN_TRY(make_tensor(keys, arena, &texts));
        proto->n_string_keys = texts->n_string_data;
        proto->string_keys = texts->string_data;
        return NN_OK;
    }
    proto->keys = nn_arena_alloc(arena, ((size_t)count + 1) * sizeof *proto->keys);
    if (proto->keys == NULL) return nn_fail_memory((size_t)count * sizeof *proto->keys);
    proto->n_keys = (size_t)count;
    for (int64_t i = 0; i < count; i++) proto->keys[i] = nn_tensor_get_int(keys, i);
    return NN_OK;
}

/* A vector of values is written as a scalar for each key. */
static nn_status make_map(const nn_tensor *map, nn_arena *arena, Onnx__MapProto **out) {
    const nn_tensor *keys = map->data, *values = keys + 1;
    Onnx__MapProto *proto = nn_arena_alloc(arena, sizeof *proto);
    if (proto == NULL) return nn_fail_memory(sizeof *proto);
    onnx__map_proto__init(proto);
    *out = proto;
    NN_TRY(make_keys(keys, arena, proto));
    int64_t count = nn_tensor_count(keys), width = nn_type_bits(values->type) / 8;
    if (nn_type_is_container(values->type))
        return make_sequence(values->data, values->dims[0], arena, &proto->values);
    if (values->rank < 1 || values->dims[0] != count || width == 0)
        return nn_fail(NN_UNSUPPORTED, "values of a map of type %s cannot be written",
                       nnopt_type_name(values->type));
    size_t bytes = ((size_t)count + 1) * sizeof(nn_tensor);
    nn_tensor *items = nn_arena_alloc(arena, bytes);
    if (items == NULL) return nn_fail_memory(bytes);
    for (int64_t i = 0; i < count; i++) {
        items[i] = (nn_tensor){.type = values->type, .rank = values->rank - 1};
        for (int k = 0; k < items[i].rank; k++) items[i].dims[k] = values->dims[k + 1];
        items[i].data = (char *)values->data + i * nn_tensor_bytes(&items[i]);
    }
    return make_sequence(items, count, arena, &proto->values);
}

nn_status nn_container_message_of(const nn_tensor *container, const char *name, nn_arena *arena,
                                  ProtobufCMessage **out) {
    char *title = (char *)(uintptr_t)name;
    if (container->type == NNOPT_SEQUENCE) {
        Onnx__SequenceProto *proto = NULL;
        NN_TRY(make_sequence(container->data, container->dims[0], arena, &proto));
        proto->name = title;
        *out = &proto->base;
    } else if (container->type == NNOPT_OPTIONAL) {
        Onnx__OptionalProto *proto = NULL;
        NN_TRY(make_optional(container, arena, &proto));
        proto->name = title;
        *out = &proto->base;
    } else {
        Onnx__MapProto *proto = NULL;
        NN_TRY(make_map(container, arena, &proto));
        proto->name = title;
        *out = &proto->base;
    }
    return NN_OK;
}
