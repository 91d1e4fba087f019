#include "tests/support/message.h"

#include <stdlib.h>
#include <string.h>

void message_free(message *m) {
    free(m->bytes);
    *m = (message){0};
}

void message_raw(message *m, const void *bytes, size_t size) {
    if (m->size + size > m->capacity) {
        m->capacity = (m->size + size) * 2;
        m->bytes = realloc(m->bytes, m->capacity);
        if (m->bytes == NULL) abort();
    }
    if (size > 0) memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

void message_varint(message *m, uint64_t value) {
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value >= 0x80 ? 0x80 : 0));
        message_raw(m, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

void message_number(message *m, uint32_t field, uint64_t value) {
    message_varint(m, (uint64_t)field << 3);
    message_varint(m, value);
}

void message_bytes(message *m, uint32_t field, const void *bytes, size_t size) {
    message_varint(m, (uint64_t)field << 3 | 2);
    message_varint(m, size);
    message_raw(m, bytes, size);
}

void message_text(message *m, uint32_t field, const char *text) {
    message_bytes(m, field, text, strlen(text));
}

void message_take(message *m, uint32_t field, message *inner) {
    message_bytes(m, field, inner->bytes, inner->size);
    message_free(inner);
}

message message_value(const char *name, int64_t dim) {
    message size = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    message_number(&size, 1, (uint64_t)dim);
    message_take(&shape, 1, &size);
    message_number(&tensor, 1, 1);
    message_take(&tensor, 2, &shape);
    message_take(&type, 1, &tensor);
    message_text(&value, 1, name);
    message_take(&value, 2, &type);
    return value;
}

message message_node(const char *op, const char *name, const char *input, const char *output) {
    message node = {0};
    if (input != NULL) message_text(&node, NODE_INPUT, input);
    if (output != NULL) message_text(&node, NODE_OUTPUT, output);
    message_text(&node, NODE_NAME, name);
    message_text(&node, NODE_OP, op);
    return node;
}

message message_model(message *graph) {
    message model = {0}, opset = {0};
    message_number(&model, MODEL_IR, 8);
    message_text(&opset, 1, "");
    message_number(&opset, 2, 17);
    message_take(&model, MODEL_OPSET, &opset);
    message_text(graph, GRAPH_NAME, "g");
    message_take(&model, MODEL_GRAPH, graph);
    return model;
}
