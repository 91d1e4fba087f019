#include "formats/tensor_pb.h"

#include "base/file.h"
#include "formats/mapping.h"
#include "formats/onnx_container.h"
#include "formats/onnx_wire.h"

/* The blob over a container that was read, which it takes. */
static nn_status wrap_container(nn_tensor *container, nn_blob **out) {
    nn_status status = nn_blob_create(NNOPT_UINT8, (int64_t[]){0}, 1, out);
    if (status == NN_OK)
        (*out)->tensor = *container;
    else
        nn_tensor_clear(container);
    return status;
}

static nn_status read_message(nn_tensor_source *source, nn_type type, nn_arena *arena,
                              nn_blob **out) {
    const nn_storage *file = source->storage;
    bool is_container = nn_type_is_container(type);
    ProtobufCMessage *message;
    NN_TRY(
        nn_wire_unpack(is_container ? nn_container_message(type) : &onnx__tensor_proto__descriptor,
                       file->base, file->size, arena, &message));
    if (!is_container) return nn_tensor_read(source, (const Onnx__TensorProto *)message, out);
    nn_tensor container;
    NN_TRY(nn_container_read(source, type, message, &container));
    return wrap_container(&container, out);
}

nn_status nn_tensor_pb_load(const char *path, nn_type type, nn_blob **out) {
    nn_tensor_source source = {0};
    nn_arena arena = {0};
    NN_TRY(nn_mapping_open(path, &source.storage));
    nn_status status = read_message(&source, type, &arena, out);
    if (status != NN_OK) nn_fail_context(status, "%s", path);
    nn_tensor_source_clear(&source);
    nn_storage_release(source.storage);
    nn_arena_clear(&arena);
    return status;
}

static void add_axes(nn_tensor *tensor, int rank) {
    int added = rank - tensor->rank;
    if (added <= 0) return;
    for (int i = rank - 1; i >= 0; i--) tensor->dims[i] = i >= added ? tensor->dims[i - added] : 1;
    tensor->rank = rank;
}

nn_status nn_tensor_pb_load_aligned(const char *path, nn_type type, int rank, nn_blob **out) {
    nn_blob *mapped, *copy;
    NN_TRY(nn_tensor_pb_load(path, type, &mapped));
    if (nn_type_is_container(type)) {
        *out = mapped;
        return NN_OK;
    }
    add_axes(&mapped->tensor, rank);
    const nn_tensor *tensor = &mapped->tensor;
    if (mapped->storage == NULL || tensor->type == NNOPT_STRING) {
        *out = mapped;
        return NN_OK;
    }
    nn_status status = nn_blob_create(tensor->type, tensor->dims, tensor->rank, &copy);
    if (status == NN_OK) {
        if (copy->tensor.data != NULL)
            memcpy(copy->tensor.data, tensor->data, (size_t)nn_tensor_bytes(tensor));
        *out = copy;
    }
    nn_blob_release(mapped);
    return status;
}

/* Field numbers of TensorProto that are written by hand, so that data is not copied. */
enum { FIELD_STRING_DATA = 6, FIELD_RAW_DATA = 9 };

static void write_bytes(FILE *stream, uint32_t field, const void *bytes, size_t size) {
    uint8_t head[20];
    size_t used = nn_wire_put_varint(head, field << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    used += nn_wire_put_varint(head + used, size);
    fwrite(head, 1, used, stream);
    if (size > 0) fwrite(bytes, 1, size, stream);
}

static nn_status write_container(FILE *stream, const char *name, const nn_tensor *container) {
    nn_arena arena = {0};
    ProtobufCMessage *message;
    const void *bytes;
    size_t size;
    nn_status status = nn_container_message_of(container, name, &arena, &message);
    if (status == NN_OK) status = nn_wire_pack(message, &arena, &bytes, &size);
    if (status == NN_OK) fwrite(bytes, 1, size, stream);
    nn_arena_clear(&arena);
    return status;
}

static nn_status write_tensor(FILE *stream, const char *name, const nn_tensor *tensor) {
    if (nn_type_is_container(tensor->type)) return write_container(stream, name, tensor);
    Onnx__TensorProto proto = ONNX__TENSOR_PROTO__INIT;
    nn_arena arena = {0};
    const void *bytes;
    size_t size;
    int64_t dims[NN_MAX_RANK];
    memcpy(dims, tensor->dims, sizeof dims);
    proto.n_dims = (size_t)tensor->rank;
    proto.dims = dims;
    proto.has_data_type = true;
    proto.data_type = (int32_t)tensor->type;
    proto.name = (char *)(uintptr_t)name;
    nn_status status = nn_wire_pack(&proto.base, &arena, &bytes, &size);
    if (status == NN_OK) {
        fwrite(bytes, 1, size, stream);
        if (tensor->type != NNOPT_STRING)
            write_bytes(stream, FIELD_RAW_DATA, tensor->data, (size_t)nn_tensor_bytes(tensor));
        for (int64_t i = 0; tensor->type == NNOPT_STRING && i < nn_tensor_count(tensor); i++) {
            const char *text = ((const char *const *)tensor->data)[i];
            write_bytes(stream, FIELD_STRING_DATA, text, strlen(text));
        }
    }
    nn_arena_clear(&arena);
    return status;
}

nn_status nn_tensor_pb_save(const char *path, const char *name, const nn_tensor *tensor) {
    nn_new_file file;
    NN_TRY(nn_new_file_open(path, &file));
    nn_status status = write_tensor(file.stream, name, tensor);
    if (status == NN_OK) return nn_new_file_commit(&file);
    nn_new_file_discard(&file);
    return status;
}
