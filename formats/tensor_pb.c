#include "formats/tensor_pb.h"

#include "base/file.h"
#include "formats/mapping.h"
#include "formats/onnx_tensor.h"
#include "formats/onnx_wire.h"

nn_status nn_tensor_pb_load(const char *path, nn_blob **out) {
    nn_tensor_source source = {0};
    nn_arena arena = {0};
    ProtobufCMessage *message;
    NN_TRY(nn_mapping_open(path, &source.storage));
    nn_status status = nn_wire_unpack(&onnx__tensor_proto__descriptor, source.storage->base,
                                      source.storage->size, &arena, &message);
    if (status == NN_OK) status = nn_tensor_read(&source, (const Onnx__TensorProto *)message, out);
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

nn_status nn_tensor_pb_load_aligned(const char *path, int rank, nn_blob **out) {
    nn_blob *mapped, *copy;
    NN_TRY(nn_tensor_pb_load(path, &mapped));
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

static nn_status write_tensor(FILE *stream, const char *name, const nn_tensor *tensor) {
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
