#include "formats/onnx_wire.h"

#include "onnx.pb-c.h"

#include <stdio.h>

/* Unpacked messages may take this many bytes, and so many for each byte of the file that is not
 * tensor data. Real graphs take 4 to 16 bytes for one, empty messages 60. */
static const int64_t memory_floor = (int64_t)64 << 20;
static const int64_t memory_ratio = 20;

/* What protobuf-c 1.4 takes for one field while it scans a message: 32 bytes in doubling slabs once
 * the 16 on its stack are used up. */
enum { SCAN_STACK = 16, SCAN_BYTES = 64 };

/* ---- fields ---- */

bool nn_wire_varint(nn_wire *wire, uint64_t *out) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70 && wire->at < wire->end; shift += 7) {
        uint8_t byte = *wire->at++;
        if (shift == 63 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = value;
            return true;
        }
    }
    return false;
}

size_t nn_wire_put_varint(uint8_t *out, uint64_t value) {
    size_t size = 0;
    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

bool nn_wire_next(nn_wire *wire, nn_wire_field *out) {
    uint64_t tag, length;
    if (!nn_wire_varint(wire, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return false;
    out->number = (uint32_t)(tag >> 3);
    out->type = (ProtobufCWireType)(tag & 7);
    out->bytes = wire->at;
    out->value = 0;
    size_t left = (size_t)(wire->end - wire->at);
    switch (out->type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        if (!nn_wire_varint(wire, &out->value)) return false;
        out->size = (size_t)(wire->at - out->bytes);
        return true;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        out->size = out->type == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;
        if (left < out->size) return false;
        for (size_t i = 0; i < out->size; i++) out->value |= (uint64_t)out->bytes[i] << (8 * i);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!nn_wire_varint(wire, &length)) return false;
        out->bytes = wire->at;
        out->size = (size_t)length;
        if (length > (uint64_t)(wire->end - wire->at)) return false;
        break;
    default:
        return false; /* groups, and numbers that the encoding does not have */
    }
    wire->at = out->bytes + out->size;
    return true;
}

/* ---- the check, and the copy without tensor data ---- */

typedef struct walk {
    const uint8_t *base;
    int64_t memory; /* that unpacking takes so far */
    int64_t plain;  /* bytes read so far that are not tensor data */
    int64_t kept;   /* bytes of the copy so far */
    uint8_t *copy;  /* NULL while checking */
} walk;

static nn_status walk_fail(const walk *self, const ProtobufCMessageDescriptor *message,
                           const ProtobufCFieldDescriptor *field, const uint8_t *at,
                           const char *what) {
    return nn_fail(NN_BAD_INPUT, "byte %lld: '%s%s%s' %s", (long long)(at - self->base),
                   message->short_name, field != NULL ? "." : "", field != NULL ? field->name : "",
                   what);
}

/* Says why the field at `at` cannot be read. */
static nn_status fail_field(const walk *self, const ProtobufCMessageDescriptor *message,
                            const uint8_t *at, const uint8_t *end) {
    nn_wire wire = {at, end};
    uint64_t tag = 0, length = 0;
    if (!nn_wire_varint(&wire, &tag))
        return walk_fail(self, message, NULL, at,
                         "ends inside a field: the file is truncated or not ONNX");
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3));
    if ((tag & 7) == 3 || (tag & 7) == 4)
        return walk_fail(self, message, field, at, "is a group, which ONNX does not have");
    if ((tag & 7) > 5 || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return walk_fail(self, message, NULL, at,
                         "holds no valid field: the file is damaged or not ONNX");
    if ((tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && nn_wire_varint(&wire, &length)) {
        char text[128];
        snprintf(text, sizeof text,
                 "claims %llu bytes, only %lld follow: the file is truncated or damaged",
                 (unsigned long long)length, (long long)(wire.end - wire.at));
        return walk_fail(self, message, field, at, text);
    }
    return walk_fail(self, message, field, at,
                     "ends inside a number: the file is truncated or not ONNX");
}

static bool is_packable(ProtobufCType type) {
    return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_BYTES &&
           type != PROTOBUF_C_TYPE_MESSAGE;
}

static ProtobufCWireType wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* Elements of a packed field; false when it does not end with one. */
static bool packed_count(const nn_wire_field *field, ProtobufCWireType type, int64_t *out) {
    if (type == PROTOBUF_C_WIRE_TYPE_VARINT) {
        int64_t count = 0;
        for (size_t i = 0; i < field->size; i++) count += field->bytes[i] < 0x80;
        *out = count;
        return field->size == 0 || field->bytes[field->size - 1] < 0x80;
    }
    size_t size = type == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8;
    *out = (int64_t)(field->size / size);
    return field->size % size == 0;
}

static bool is_tensor_data(const ProtobufCMessageDescriptor *message, uint32_t number) {
    return message == &onnx__tensor_proto__descriptor &&
           ((number >= 4 && number <= 7) || (number >= 9 && number <= 11));
}

/* Whether tensors below this field are only carried along. */
static bool is_carried(const ProtobufCMessageDescriptor *message, uint32_t number) {
    if (message == &onnx__model_proto__descriptor) return number == 20; /* training_info */
    if (message == &onnx__attribute_proto__descriptor)
        return number == 10 || number == 11 || number == 22 || number == 23;
    return false;
}

static void put_varint(walk *self, uint64_t value) {
    uint8_t buffer[10];
    size_t size = nn_wire_put_varint(buffer, value);
    if (self->copy != NULL) memcpy(self->copy + self->kept, buffer, size);
    self->kept += (int64_t)size;
}

static void put_bytes(walk *self, const void *bytes, size_t size) {
    if (self->copy != NULL && size > 0) memcpy(self->copy + self->kept, bytes, size);
    self->kept += (int64_t)size;
}

static void put_field(walk *self, const nn_wire_field *field) {
    put_varint(self, (uint64_t)field->number << 3 | field->type);
    if (field->type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) put_varint(self, field->size);
    put_bytes(self, field->bytes, field->size);
}

enum { PADDED_VARINT = 5 };

/* A length that is not known yet takes five bytes, so that it can be filled in afterwards. */
static void fill_length(walk *self, int64_t at) {
    if (self->copy == NULL) return;
    uint64_t length = (uint64_t)(self->kept - at - PADDED_VARINT);
    for (int i = 0; i < PADDED_VARINT; i++)
        self->copy[at + i] =
            (uint8_t)((length >> (7 * i) & 0x7f) | (i < PADDED_VARINT - 1 ? 0x80 : 0));
}

static nn_status check_value(walk *self, const ProtobufCMessageDescriptor *message,
                             const ProtobufCFieldDescriptor *known, const nn_wire_field *field,
                             const uint8_t *at) {
    if (known == NULL) {
        self->memory += (int64_t)sizeof(ProtobufCMessageUnknownField) + (int64_t)field->size + 16;
        return NN_OK;
    }
    ProtobufCWireType expected = wire_type_of(known->type);
    bool packed = known->label == PROTOBUF_C_LABEL_REPEATED && is_packable(known->type) &&
                  field->type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (field->type != expected && !packed)
        return walk_fail(self, message, known, at, "has the wrong wire type");
    int64_t count = 1;
    if (packed && !packed_count(field, expected, &count))
        return walk_fail(self, message, known, at, "does not end with a whole element");
    if (known->type == PROTOBUF_C_TYPE_STRING && field->size > 0 &&
        memchr(field->bytes, '\0', field->size) != NULL)
        return walk_fail(self, message, known, at, "holds a zero byte");
    if (known->type == PROTOBUF_C_TYPE_STRING || known->type == PROTOBUF_C_TYPE_BYTES)
        self->memory += (int64_t)field->size + 32;
    else if (known->type != PROTOBUF_C_TYPE_MESSAGE)
        self->memory += count * 8;
    return NN_OK;
}

/* `cut`: tensors below lose their data in the copy. */
static nn_status walk_message(walk *self, const ProtobufCMessageDescriptor *message,
                              const uint8_t *bytes, size_t size, int depth, bool cut) {
    if (depth > NN_WIRE_MAX_DEPTH) {
        char text[64];
        snprintf(text, sizeof text, "is nested deeper than %d messages", (int)NN_WIRE_MAX_DEPTH);
        return walk_fail(self, message, NULL, bytes, text);
    }
    bool checking = self->copy == NULL;
    if (checking) self->memory += (int64_t)message->sizeof_message + 24;
    bool has_data = false;
    int64_t fields = 0;
    uint64_t seen_messages = 0; /* bit per field index; ONNX messages have under 64 fields */
    nn_wire wire = {bytes, bytes + size};
    while (nn_wire_more(&wire)) {
        const uint8_t *at = wire.at;
        nn_wire_field field;
        if (!nn_wire_next(&wire, &field)) return fail_field(self, message, at, wire.end);
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(message, field.number);
        if (cut && is_tensor_data(message, field.number)) {
            has_data = true;
            continue;
        }
        if (checking) {
            NN_TRY(check_value(self, message, known, &field, at));
            if (++fields > SCAN_STACK) self->memory += SCAN_BYTES;
            bool is_message = known != NULL && known->type == PROTOBUF_C_TYPE_MESSAGE;
            self->plain += (is_message ? field.bytes : wire.at) - at;
            if (self->memory > memory_floor + memory_ratio * self->plain) {
                char text[96];
                snprintf(text, sizeof text, "is one of too many: unpacking takes over %lld MB",
                         (long long)(self->memory >> 20));
                return walk_fail(self, message, known, at, text);
            }
        }
        if (known == NULL || known->type != PROTOBUF_C_TYPE_MESSAGE) {
            put_field(self, &field);
            continue;
        }
        if (known->label != PROTOBUF_C_LABEL_REPEATED) {
            uint64_t bit = (uint64_t)1 << ((known - message->fields) & 63);
            if (seen_messages & bit)
                return walk_fail(self, message, known, at, "stands twice where one may stand");
            seen_messages |= bit;
        }
        put_varint(self, (uint64_t)field.number << 3 | field.type);
        int64_t length_at = self->kept;
        self->kept += PADDED_VARINT;
        NN_TRY(walk_message(self, known->descriptor, field.bytes, field.size, depth + 1,
                            cut && !is_carried(message, field.number)));
        fill_length(self, length_at);
    }
    if (has_data) {
        nn_wire_tensor tensor = {bytes, size};
        if (checking) self->memory += (int64_t)sizeof tensor + 16;
        put_varint(self, 9 << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
        put_varint(self, sizeof tensor);
        put_bytes(self, &tensor, sizeof tensor);
    }
    return NN_OK;
}

/* ---- protobuf-c ---- */

static void *allocator_allocate(void *data, size_t size) {
    nn_wire_allocator *self = data;
    void *memory = nn_arena_alloc(self->arena, size);
    if (memory == NULL) self->failed = true;
    return memory;
}

static void allocator_free(void *data, void *memory) {
    (void)data;
    (void)memory;
}

void nn_wire_allocator_init(nn_wire_allocator *allocator, nn_arena *arena) {
    allocator->base.alloc = allocator_allocate;
    allocator->base.free = allocator_free;
    allocator->base.allocator_data = allocator;
    allocator->arena = arena;
    allocator->failed = false;
}

nn_status nn_wire_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                         size_t size, nn_arena *arena, ProtobufCMessage **out) {
    walk self = {.base = bytes};
    NN_TRY(walk_message(&self, descriptor, bytes, size, 1, true));
    size_t copy_size = (size_t)self.kept;
    uint8_t *copy = nn_alloc(copy_size + 1);
    if (copy == NULL) return nn_fail_memory(copy_size);
    self.kept = 0;
    self.copy = copy;
    nn_status status = walk_message(&self, descriptor, bytes, size, 1, true);
    if (status == NN_OK) {
        nn_wire_allocator allocator;
        nn_wire_allocator_init(&allocator, arena);
        *out = protobuf_c_message_unpack(descriptor, &allocator.base, copy_size, copy);
        if (allocator.failed)
            status = nn_fail_memory(copy_size);
        else if (*out == NULL)
            status = nn_fail(NN_BAD_INPUT, "'%s' is damaged", descriptor->short_name);
    }
    nn_free(copy);
    return status;
}

nn_status nn_wire_pack(const ProtobufCMessage *message, nn_arena *arena, const void **bytes,
                       size_t *size) {
    size_t packed = protobuf_c_message_get_packed_size(message);
    uint8_t *memory = nn_arena_alloc(arena, packed);
    if (memory == NULL) return nn_fail_memory(packed);
    *size = protobuf_c_message_pack(message, memory);
    *bytes = memory;
    return NN_OK;
}
