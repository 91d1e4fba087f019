/* Serialised messages made by hand, right or wrong. */
#ifndef NN_TEST_MESSAGE_H
#define NN_TEST_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

typedef struct message {
    uint8_t *bytes;
    size_t size, capacity;
} message;

void message_free(message *m);
void message_raw(message *m, const void *bytes, size_t size);
void message_varint(message *m, uint64_t value);
void message_number(message *m, uint32_t field, uint64_t value);
void message_bytes(message *m, uint32_t field, const void *bytes, size_t size);
void message_text(message *m, uint32_t field, const char *text);
void message_take(message *m, uint32_t field, message *inner); /* frees it */

/* Parts of models, by the field numbers of ONNX. */
message message_value(const char *name, int64_t dim); /* float32, rank 1 */
message message_node(const char *op, const char *name, const char *input, const char *output);
/* IR 8, opset 17, graph "g" with these contents. Frees the graph. */
message message_model(message *graph);

enum {
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_FLOATS = 4,
    TENSOR_INTS = 5,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    MODEL_IR = 1,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_FUNCTION = 25,
};

#endif
