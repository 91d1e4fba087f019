/* A serialised message whose large parts stay where they lie: protobuf's lengths stand before
 * content that is known only afterwards, and weights must not be copied for that. */
#ifndef NN_ONNX_ROPE_H
#define NN_ONNX_ROPE_H

#include "base/memory.h"

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

typedef struct nn_rope_part {
    int64_t at; /* in the bytes: stands before the byte of this index */
    const void *data;
    int64_t size;
} nn_rope_part;

/* Starts as {0}. Sticky: after a failed allocation nothing is added and writing says so. */
typedef struct nn_rope {
    uint8_t *bytes;
    int64_t size, capacity;
    nn_rope_part *parts; /* in order */
    int64_t part_count, part_capacity;
    int64_t part_bytes;
    bool out_of_memory;
} nn_rope;

typedef struct nn_rope_mark {
    int64_t size, part_count, part_bytes;
} nn_rope_mark;

void nn_rope_clear(nn_rope *rope);
int64_t nn_rope_size(const nn_rope *rope); /* with the parts */
/* Everything added between open and close becomes the content of field `number`. */
nn_rope_mark nn_rope_open(const nn_rope *rope);
void nn_rope_close(nn_rope *rope, nn_rope_mark mark, uint32_t number);
/* Field `number` with these bytes, which must live as long as the rope when they are over 4 KB. */
void nn_rope_bytes(nn_rope *rope, uint32_t number, const void *bytes, int64_t size);
/* The fields of a message. */
void nn_rope_message(nn_rope *rope, const ProtobufCMessage *message);
nn_status nn_rope_write(const nn_rope *rope, FILE *stream);

#endif
