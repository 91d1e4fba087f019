#include "formats/onnx_rope.h"

#include "formats/onnx_wire.h"

enum { COPY_LIMIT = 4096 };

void nn_rope_clear(nn_rope *rope) {
    nn_free(rope->bytes);
    nn_free(rope->parts);
    *rope = (nn_rope){0};
}

int64_t nn_rope_size(const nn_rope *rope) {
    return rope->size + rope->part_bytes;
}

static uint8_t *extend(nn_rope *rope, int64_t size) {
    if (rope->out_of_memory) return NULL;
    if (size > rope->capacity - rope->size) {
        int64_t wanted = rope->capacity * 2 + size + COPY_LIMIT;
        uint8_t *grown = nn_realloc(rope->bytes, (size_t)rope->size, (size_t)wanted);
        if (grown == NULL) {
            rope->out_of_memory = true;
            return NULL;
        }
        rope->bytes = grown;
        rope->capacity = wanted;
    }
    uint8_t *at = rope->bytes + rope->size;
    rope->size += size;
    return at;
}

nn_rope_mark nn_rope_open(const nn_rope *rope) {
    return (nn_rope_mark){rope->size, rope->part_count, rope->part_bytes};
}

static size_t field_head(uint8_t *out, uint32_t number, int64_t size) {
    size_t used =
        nn_wire_put_varint(out, (uint64_t)number << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    return used + nn_wire_put_varint(out + used, (uint64_t)size);
}

void nn_rope_close(nn_rope *rope, nn_rope_mark mark, uint32_t number) {
    uint8_t head[20];
    int64_t content = nn_rope_size(rope) - mark.size - mark.part_bytes;
    int64_t size = (int64_t)field_head(head, number, content), moved = rope->size - mark.size;
    if (extend(rope, size) == NULL) return;
    uint8_t *start = rope->bytes + mark.size;
    memmove(start + size, start, (size_t)moved);
    memcpy(start, head, (size_t)size);
    for (int64_t i = mark.part_count; i < rope->part_count; i++) rope->parts[i].at += size;
}

void nn_rope_bytes(nn_rope *rope, uint32_t number, const void *bytes, int64_t size) {
    uint8_t head[20];
    int64_t head_size = (int64_t)field_head(head, number, size);
    uint8_t *at = extend(rope, head_size);
    if (at == NULL) return;
    memcpy(at, head, (size_t)head_size);
    if (size <= COPY_LIMIT) {
        at = extend(rope, size);
        if (at != NULL && size > 0) memcpy(at, bytes, (size_t)size);
        return;
    }
    if (!NN_GROW(rope->parts, rope->part_count, rope->part_capacity)) {
        rope->out_of_memory = true;
        return;
    }
    rope->parts[rope->part_count++] = (nn_rope_part){rope->size, bytes, size};
    rope->part_bytes += size;
}

void nn_rope_message(nn_rope *rope, const ProtobufCMessage *message) {
    uint8_t *at = extend(rope, (int64_t)protobuf_c_message_get_packed_size(message));
    if (at != NULL) protobuf_c_message_pack(message, at);
}

nn_status nn_rope_write(const nn_rope *rope, FILE *stream) {
    if (rope->out_of_memory) return nn_fail_memory((size_t)rope->size);
    int64_t at = 0;
    for (int64_t i = 0; i <= rope->part_count; i++) {
        int64_t end = i < rope->part_count ? rope->parts[i].at : rope->size;
        if (end > at) fwrite(rope->bytes + at, 1, (size_t)(end - at), stream);
        if (i < rope->part_count)
            fwrite(rope->parts[i].data, 1, (size_t)rope->parts[i].size, stream);
        at = end;
    }
    return NN_OK;
}
