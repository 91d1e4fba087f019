/* The wire format of protocol buffers, read with care: what stands between a file and protobuf-c.
 *
 * Encoding: https://protobuf.dev/programming-guides/encoding/ */
#ifndef NN_ONNX_WIRE_H
#define NN_ONNX_WIRE_H

#include "base/memory.h"

#include <protobuf-c/protobuf-c.h>

enum { NN_WIRE_MAX_DEPTH = 64 };

typedef struct nn_wire_field {
    uint32_t number;
    ProtobufCWireType type;
    uint64_t value;       /* of varints and fixed numbers */
    const uint8_t *bytes; /* length-prefixed: the payload; else the encoded number */
    size_t size;
} nn_wire_field;

typedef struct nn_wire {
    const uint8_t *at, *end;
} nn_wire;

static inline bool nn_wire_more(const nn_wire *wire) {
    return wire->at < wire->end;
}
/* Reads the next field, which must be there. False when it breaks the encoding; nothing is read
 * beyond `end`. */
bool nn_wire_next(nn_wire *wire, nn_wire_field *out);
bool nn_wire_varint(nn_wire *wire, uint64_t *out);
/* Writes a varint of at most 10 bytes; returns how many. */
size_t nn_wire_put_varint(uint8_t *out, uint64_t value);

/* Where the data of a TensorProto lies: the message as it stands in the checked bytes. In unpacked
 * messages it stands in raw_data, in place of raw_data and of all typed data. */
typedef struct nn_wire_tensor {
    const uint8_t *bytes;
    size_t size;
} nn_wire_tensor;

/* Checks `bytes` as a message of `descriptor`: encoding, nesting of at most NN_WIRE_MAX_DEPTH,
 * types of fields, no message twice where one may stand, no zero byte in a text, and memory for the
 * unpacked form that is in proportion. Then unpacks it into `arena`, all but the data of tensors,
 * for which an nn_wire_tensor stands in raw_data. Tensors that nnopt only carries along (training
 * information, sparse attributes, lists of tensors and of graphs) keep their data. NN_BAD_INPUT names
 * the field and the byte. */
nn_status nn_wire_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                         size_t size, nn_arena *arena, ProtobufCMessage **out);

/* The message packed into `arena`. */
nn_status nn_wire_pack(const ProtobufCMessage *message, nn_arena *arena, const void **bytes,
                       size_t *size);

/* A protobuf-c allocator over an arena, which frees nothing; `failed` tells an allocation failed.
 */
typedef struct nn_wire_allocator {
    ProtobufCAllocator base;
    nn_arena *arena;
    bool failed;
} nn_wire_allocator;
void nn_wire_allocator_init(nn_wire_allocator *allocator, nn_arena *arena);

#endif
