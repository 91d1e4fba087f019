/* Nodes and attributes to messages. */
#include "formats/onnx_save_parts.h"

/* Field numbers of messages whose content is streamed. */
enum { NODE_ATTRIBUTE = 5, ATTRIBUTE_TENSOR = 5, ATTRIBUTE_GRAPH = 6 };

static void fill_strings(const nn_attr *attr, Onnx__AttributeProto *proto,
                         ProtobufCBinaryData *items) {
    for (int64_t i = 0; i < attr->count; i++)
        items[i] = (ProtobufCBinaryData){(size_t)attr->strings[i].length,
                                         (uint8_t *)(uintptr_t)attr->strings[i].bytes};
    proto->n_strings = (size_t)attr->count;
    proto->strings = items;
}

/* All of the attribute but its tensor or graph. */
static nn_status fill_attribute(nn_saver *saver, const nn_attr *attr, Onnx__AttributeProto *proto) {
    proto->name = nn_save_text(attr->name);
    proto->has_type = true;
    switch (attr->kind) {
    case NN_ATTR_FLOAT:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        proto->has_f = true;
        proto->f = attr->f;
        return NN_OK;
    case NN_ATTR_INT:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        proto->has_i = true;
        proto->i = attr->i;
        return NN_OK;
    case NN_ATTR_STRING:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        proto->has_s = true;
        proto->s.len = (size_t)attr->s.length;
        proto->s.data = (uint8_t *)(uintptr_t)attr->s.bytes;
        return NN_OK;
    case NN_ATTR_FLOATS:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
        proto->n_floats = (size_t)attr->count;
        proto->floats = (float *)(uintptr_t)attr->floats;
        return NN_OK;
    case NN_ATTR_INTS:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        proto->n_ints = (size_t)attr->count;
        proto->ints = (int64_t *)(uintptr_t)attr->ints;
        return NN_OK;
    case NN_ATTR_STRINGS: {
        size_t bytes = (size_t)attr->count * sizeof(ProtobufCBinaryData);
        ProtobufCBinaryData *items = nn_arena_alloc(&saver->arena, bytes);
        if (items == NULL) return nn_fail_memory(bytes);
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
        fill_strings(attr, proto, items);
        return NN_OK;
    }
    case NN_ATTR_TENSOR:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        return NN_OK;
    case NN_ATTR_GRAPH:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
        return NN_OK;
    case NN_ATTR_OPAQUE:
        break;
    }
    return nn_fail(NN_INTERNAL, "attribute '%s' has no value to save", attr->name);
}

static nn_status save_attribute(nn_saver *saver, const nn_attr *attr) {
    ProtobufCMessage *message;
    if (attr->kind == NN_ATTR_OPAQUE) {
        NN_TRY(nn_save_unpack(saver, &onnx__attribute_proto__descriptor, attr->opaque.bytes,
                              attr->opaque.size, &message));
        nn_rope_message(&saver->rope, message);
        return NN_OK;
    }
    NN_TRY(nn_save_unpack(saver, &onnx__attribute_proto__descriptor, attr->unknown_fields,
                          attr->unknown_size, &message));
    Onnx__AttributeProto *proto = (Onnx__AttributeProto *)message;
    const Onnx__TensorProto *tensor_rest = proto->t;
    proto->t = NULL;
    NN_TRY(fill_attribute(saver, attr, proto));
    nn_rope_message(&saver->rope, message);
    if (attr->kind != NN_ATTR_TENSOR && attr->kind != NN_ATTR_GRAPH) return NN_OK;
    nn_rope_mark mark = nn_rope_open(&saver->rope);
    if (attr->kind == NN_ATTR_TENSOR)
        NN_TRY(nn_save_tensor(saver, &attr->tensor->tensor, NULL, tensor_rest));
    else
        NN_TRY(nn_save_graph(saver, attr->graph));
    nn_rope_close(&saver->rope, mark,
                  attr->kind == NN_ATTR_TENSOR ? ATTRIBUTE_TENSOR : ATTRIBUTE_GRAPH);
    return NN_OK;
}

static nn_status name_values(nn_saver *saver, nn_value *const *values, int count, size_t *out_count,
                             char ***out) {
    char **names = nn_arena_alloc(&saver->arena, (size_t)count * sizeof *names);
    if (names == NULL) return nn_fail_memory((size_t)count * sizeof *names);
    for (int i = 0; i < count; i++)
        names[i] = (char *)(uintptr_t)(values[i] != NULL ? values[i]->name : "");
    *out_count = (size_t)count;
    *out = names;
    return NN_OK;
}

/* Reports are keyed by the nodes of the first model, also when files are compared. */
static nn_status add_origin(nn_saver *saver, const nn_node *node, Onnx__NodeProto *proto) {
    size_t count = proto->n_metadata_props, size = (count + 1) * sizeof *proto->metadata_props;
    if (strcmp(node->origin, node->name) == 0) return NN_OK;
    Onnx__StringStringEntryProto **entries = nn_arena_alloc(&saver->arena, size);
    Onnx__StringStringEntryProto *entry = nn_arena_alloc(&saver->arena, sizeof *entry);
    if (entries == NULL || entry == NULL) return nn_fail_memory(size);
    *entry = (Onnx__StringStringEntryProto)ONNX__STRING_STRING_ENTRY_PROTO__INIT;
    entry->key = nn_save_text(NN_ORIGIN_KEY);
    entry->value = nn_save_text(node->origin);
    if (count > 0) memcpy(entries, proto->metadata_props, count * sizeof *entries);
    entries[count] = entry;
    proto->metadata_props = entries;
    proto->n_metadata_props = count + 1;
    return NN_OK;
}

nn_status nn_save_node(nn_saver *saver, const nn_node *node) {
    if (strcmp(node->domain, "nnopt") == 0 || !nn_epilogue_is_empty(&node->epilogue))
        return nn_fail(NN_INTERNAL, "node '%s' (%s): belongs to a plan and cannot be saved",
                       node->name, node->op_type);
    ProtobufCMessage *message;
    NN_TRY(nn_save_unpack(saver, &onnx__node_proto__descriptor, node->unknown_fields,
                          node->unknown_size, &message));
    Onnx__NodeProto *proto = (Onnx__NodeProto *)message;
    NN_TRY(name_values(saver, node->inputs, node->in_count, &proto->n_input, &proto->input));
    NN_TRY(name_values(saver, node->outputs, node->out_count, &proto->n_output, &proto->output));
    proto->name = nn_save_text(node->name);
    proto->op_type = nn_save_text(node->op_type);
    proto->domain = nn_save_text(node->domain);
    proto->doc_string = nn_save_text(node->doc);
    NN_TRY(add_origin(saver, node, proto));
    nn_rope_message(&saver->rope, message);
    for (int64_t i = 0; i < node->attrs.count; i++) {
        nn_rope_mark mark = nn_rope_open(&saver->rope);
        NN_TRY(save_attribute(saver, &node->attrs.items[i]));
        nn_rope_close(&saver->rope, mark, NODE_ATTRIBUTE);
    }
    return NN_OK;
}
