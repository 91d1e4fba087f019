#include "formats/onnx_tensor.h"

#include "formats/mapping.h"
#include "formats/onnx_external.h"
#include "formats/onnx_wire.h"

/* The numbers of TensorProto's data fields. */
enum {
    FIELD_FLOAT = 4,
    FIELD_INT32 = 5,
    FIELD_STRING = 6,
    FIELD_INT64 = 7,
    FIELD_RAW = 9,
    FIELD_DOUBLE = 10,
    FIELD_UINT64 = 11
};

/* How typed data holds elements of a type: the field, and the bytes that one entry gives. */
typedef struct entry_form {
    uint32_t field;
    int64_t width;
} entry_form;

static entry_form form_of(nn_type type) {
    int64_t width = nn_type_bits(type) < 8 ? 1 : nn_type_bits(type) / 8;
    switch (type) {
    case NNOPT_FLOAT:
    case NNOPT_COMPLEX64:
        return (entry_form){FIELD_FLOAT, 4};
    case NNOPT_DOUBLE:
    case NNOPT_COMPLEX128:
        return (entry_form){FIELD_DOUBLE, 8};
    case NNOPT_INT64:
        return (entry_form){FIELD_INT64, 8};
    case NNOPT_UINT32:
    case NNOPT_UINT64:
        return (entry_form){FIELD_UINT64, width};
    case NNOPT_STRING:
        return (entry_form){FIELD_STRING, 0};
    default:
        return (entry_form){FIELD_INT32, width};
    }
}

static const char *name_of(const Onnx__TensorProto *proto) {
    return proto->name != NULL ? proto->name : "";
}

/* What a look at the data fields found. */
typedef struct tensor_data {
    const uint8_t *raw;
    size_t raw_size;
    bool has_raw;
    uint32_t typed_field; /* 0: none */
    int64_t entries;
    const uint8_t *chunk; /* the only packed run of typed data, NULL when there are others */
    size_t chunk_size;
    int64_t chunks;
} tensor_data;

static bool is_fixed_width(uint32_t field) {
    return field == FIELD_FLOAT || field == FIELD_DOUBLE;
}

static int64_t entries_of(const nn_wire_field *field) {
    if (field->type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || field->number == FIELD_STRING)
        return 1;
    if (field->number == FIELD_FLOAT) return (int64_t)(field->size / 4);
    if (field->number == FIELD_DOUBLE) return (int64_t)(field->size / 8);
    int64_t count = 0;
    for (size_t i = 0; i < field->size; i++) count += field->bytes[i] < 0x80;
    return count;
}

/* The wire types that a data field may have. */
static bool has_valid_form(const nn_wire_field *field) {
    bool is_run = field->type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    switch (field->number) {
    case FIELD_FLOAT:
        return is_run ? field->size % 4 == 0 : field->type == PROTOBUF_C_WIRE_TYPE_32BIT;
    case FIELD_DOUBLE:
        return is_run ? field->size % 8 == 0 : field->type == PROTOBUF_C_WIRE_TYPE_64BIT;
    case FIELD_RAW:
    case FIELD_STRING:
        return is_run;
    default:
        return is_run ? field->size == 0 || field->bytes[field->size - 1] < 0x80
                      : field->type == PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static bool is_data_field(uint32_t number) {
    return number >= FIELD_FLOAT && number <= FIELD_UINT64 && number != 8;
}

static nn_status find_data(const Onnx__TensorProto *proto, const nn_wire_tensor *place,
                           tensor_data *out) {
    nn_wire wire = {place->bytes, place->bytes + place->size};
    while (nn_wire_more(&wire)) {
        nn_wire_field field;
        if (!nn_wire_next(&wire, &field))
            return nn_fail(NN_INTERNAL, "tensor '%s' changed while it was read", name_of(proto));
        if (!is_data_field(field.number)) continue;
        if (!has_valid_form(&field))
            return nn_fail(NN_BAD_INPUT, "tensor '%s': a data field has the wrong wire type",
                           name_of(proto));
        if (field.number == FIELD_RAW) {
            out->has_raw = true;
            out->raw = field.bytes;
            out->raw_size = field.size;
            continue;
        }
        int64_t entries = entries_of(&field);
        if (entries == 0) continue;
        if (out->typed_field != 0 && out->typed_field != field.number)
            return nn_fail(NN_BAD_INPUT, "tensor '%s' has data in two typed fields",
                           name_of(proto));
        out->typed_field = field.number;
        out->entries += entries;
        out->chunks++;
        out->chunk = field.bytes;
        out->chunk_size = field.size;
    }
    return NN_OK;
}

/* Stores one entry of int32_data, int64_data or uint64_data; false when it does not fit. Small
 * types may stand with either sign. */
static bool store_entry(uint8_t *out, int64_t width, uint32_t field, uint64_t value) {
    if (field == FIELD_INT32) {
        int64_t number = (int32_t)(uint32_t)value;
        int64_t limit = (int64_t)1 << (8 * width);
        if (width < 4 && (number < -limit / 2 || number >= limit)) return false;
    } else if (width < 8 && value >> (8 * width) != 0) {
        return false;
    }
    for (int64_t i = 0; i < width; i++) out[i] = (uint8_t)(value >> (8 * i));
    return true;
}

static nn_status fail_entry(const Onnx__TensorProto *proto, uint64_t value) {
    return nn_fail(NN_BAD_INPUT, "tensor '%s': value %lld does not fit %s", name_of(proto),
                   (long long)value, nnopt_type_name((nn_type)proto->data_type));
}

/* Decodes typed data into `out`, which has room for all entries. */
static nn_status decode_typed(const Onnx__TensorProto *proto, const nn_wire_tensor *place,
                              entry_form form, uint8_t *out) {
    nn_wire wire = {place->bytes, place->bytes + place->size};
    nn_wire_field field;
    while (nn_wire_more(&wire) && nn_wire_next(&wire, &field)) {
        if (field.number != form.field) continue;
        if (is_fixed_width(form.field)) {
            memcpy(out, field.bytes, field.size);
            out += field.size;
        } else if (field.type == PROTOBUF_C_WIRE_TYPE_VARINT) {
            if (!store_entry(out, form.width, form.field, field.value))
                return fail_entry(proto, field.value);
            out += form.width;
        } else {
            nn_wire run = {field.bytes, field.bytes + field.size};
            while (nn_wire_more(&run)) {
                uint64_t value;
                if (!nn_wire_varint(&run, &value))
                    return nn_fail(NN_BAD_INPUT, "tensor '%s': a number has more than 10 bytes",
                                   name_of(proto));
                if (!store_entry(out, form.width, form.field, value))
                    return fail_entry(proto, value);
                out += form.width;
            }
        }
    }
    return NN_OK;
}

/* Strings live in one block: the pointers, then the texts. */
static nn_status decode_strings(const Onnx__TensorProto *proto, const nn_wire_tensor *place,
                                nn_tensor *view, int64_t count, nn_blob **out) {
    size_t bytes = (size_t)count * sizeof(char *);
    nn_wire wire = {place->bytes, place->bytes + place->size};
    nn_wire_field field;
    while (nn_wire_more(&wire) && nn_wire_next(&wire, &field)) {
        if (field.number != FIELD_STRING) continue;
        if (field.size > 0 && memchr(field.bytes, '\0', field.size) != NULL)
            return nn_fail(NN_UNSUPPORTED, "tensor '%s': a string holds a zero byte",
                           name_of(proto));
        bytes += field.size + 1;
    }
    char **block = nn_alloc_zero(bytes);
    if (block == NULL) return nn_fail_memory(bytes);
    char *text = (char *)(block + count);
    int64_t index = 0;
    wire.at = place->bytes;
    while (nn_wire_more(&wire) && nn_wire_next(&wire, &field)) {
        if (field.number != FIELD_STRING) continue;
        block[index++] = text;
        if (field.size > 0) memcpy(text, field.bytes, field.size);
        text += field.size + 1;
    }
    nn_storage *storage;
    NN_TRY(nn_storage_take(block, bytes, &storage));
    view->data = block;
    nn_status status = nn_blob_wrap(view, storage, out);
    nn_storage_release(storage);
    return status;
}

/* Type and dims, checked; *count elements, *bytes of them. */
static nn_status read_shape(const Onnx__TensorProto *proto, nn_tensor *out, int64_t *count,
                            int64_t *bytes) {
    memset(out, 0, sizeof *out);
    nn_type type = proto->has_data_type ? (nn_type)proto->data_type : NNOPT_TYPE_NONE;
    if (type != NNOPT_STRING && !nn_type_is_plain(type))
        return nn_fail(type == NNOPT_TYPE_NONE ? NN_BAD_INPUT : NN_UNSUPPORTED,
                       "tensor '%s': element type %d is not known", name_of(proto), (int)type);
    if (proto->segment != NULL)
        return nn_fail(NN_UNSUPPORTED, "tensor '%s' comes in segments", name_of(proto));
    if (proto->n_dims > NN_MAX_RANK)
        return nn_fail(NN_UNSUPPORTED, "tensor '%s': rank %zu is over the limit of %d",
                       name_of(proto), proto->n_dims, (int)NN_MAX_RANK);
    out->type = type;
    out->rank = (int)proto->n_dims;
    for (int i = 0; i < out->rank; i++) {
        out->dims[i] = proto->dims[i];
        if (out->dims[i] < 0)
            return nn_fail(NN_BAD_INPUT, "tensor '%s': dimension %d is %lld", name_of(proto), i,
                           (long long)out->dims[i]);
    }
    if (!nn_dims_count(out->dims, out->rank, count) || !nn_type_bytes(type, *count, bytes)) {
        char text[256];
        return nn_fail(NN_BAD_INPUT, "tensor '%s': shape %s has too many elements", name_of(proto),
                       nn_dims_text(out->dims, out->rank, text, sizeof text));
    }
    return NN_OK;
}

/* Entries of one element each, which the tensor holds packed. */
static nn_status decode_packed(const Onnx__TensorProto *proto, const nn_wire_tensor *place,
                               entry_form form, int64_t count, nn_tensor *out) {
    uint8_t *codes = nn_alloc((size_t)count);
    if (codes == NULL) return nn_fail_memory((size_t)count);
    nn_status status = decode_typed(proto, place, form, codes);
    int bits = nn_type_bits(out->type);
    for (int64_t i = 0; i < count && status == NN_OK; i++)
        if (codes[i] >> bits != 0) status = fail_entry(proto, codes[i]);
    if (status == NN_OK) nn_pack(codes, bits, out->data, count);
    nn_free(codes);
    return status;
}

static nn_status fail_size(const Onnx__TensorProto *proto, const nn_tensor *view, int64_t needed,
                           int64_t got, const char *unit) {
    char text[256];
    return nn_fail(NN_BAD_INPUT, "tensor '%s': %s %s needs %lld %s, the file has %lld",
                   name_of(proto), nnopt_type_name(view->type),
                   nn_dims_text(view->dims, view->rank, text, sizeof text), (long long)needed, unit,
                   (long long)got);
}

nn_status nn_tensor_read(nn_tensor_source *source, const Onnx__TensorProto *proto, nn_blob **out) {
    nn_tensor view;
    int64_t count, bytes;
    NN_TRY(read_shape(proto, &view, &count, &bytes));
    if (proto->has_data_location &&
        proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        nn_storage *storage;
        NN_TRY(nn_external_find(source, proto, bytes, &storage, &view.data));
        return nn_blob_wrap(&view, storage, out);
    }
    nn_wire_tensor place = {NULL, 0};
    if (proto->has_raw_data) memcpy(&place, proto->raw_data.data, sizeof place);
    tensor_data data = {0};
    NN_TRY(find_data(proto, &place, &data));
    entry_form form = form_of(view.type);
    if (data.has_raw && data.entries > 0)
        return nn_fail(NN_BAD_INPUT, "tensor '%s' has both raw and typed data", name_of(proto));
    if (data.has_raw && view.type == NNOPT_STRING)
        return nn_fail(NN_BAD_INPUT, "tensor '%s': strings cannot stand in raw_data",
                       name_of(proto));
    if (data.has_raw || count == 0) {
        if ((int64_t)data.raw_size != bytes || data.entries > 0)
            return fail_size(proto, &view, bytes, (int64_t)data.raw_size, "bytes");
        if (bytes == 0) return nn_blob_create(view.type, view.dims, view.rank, out);
        view.data = (void *)(uintptr_t)data.raw;
        return nn_blob_wrap(&view, source->storage, out);
    }
    if (data.entries > 0 && data.typed_field != form.field)
        return nn_fail(NN_BAD_INPUT, "tensor '%s': %s data stands in the wrong field",
                       name_of(proto), nnopt_type_name(view.type));
    bool is_unpacked = nn_type_bits(view.type) == 6; /* the only types whose elements cross bytes */
    bool is_single = view.type == NNOPT_STRING || is_unpacked;
    int64_t needed = is_single ? count : bytes / form.width;
    if (data.entries != needed) return fail_size(proto, &view, needed, data.entries, "entries");
    if (view.type == NNOPT_STRING) return decode_strings(proto, &place, &view, count, out);
    if (is_fixed_width(form.field) && data.chunks == 1) {
        view.data = (void *)(uintptr_t)data.chunk;
        return nn_blob_wrap(&view, source->storage, out);
    }
    NN_TRY(nn_blob_create(view.type, view.dims, view.rank, out));
    nn_status status = is_unpacked ? decode_packed(proto, &place, form, count, &(*out)->tensor)
                                   : decode_typed(proto, &place, form, (*out)->tensor.data);
    if (status != NN_OK) nn_blob_release(*out);
    return status;
}

/* ---- sparse tensors ---- */

/* Tensors in a file may lie at any address. */
static int64_t int64_at(const nn_tensor *tensor, int64_t index) {
    int64_t value;
    memcpy(&value, (const char *)tensor->data + index * (int64_t)sizeof value, sizeof value);
    return value;
}

static nn_status scatter(const char *name, const nn_tensor *values, const nn_tensor *indices,
                         nn_tensor *dense) {
    int64_t count = nn_tensor_count(values), size = nn_tensor_count(dense);
    int64_t width = nn_type_bits(values->type) / 8;
    bool linear = indices->rank == 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int axis = 0; !linear && axis < dense->rank; axis++) {
            int64_t index = int64_at(indices, i * dense->rank + axis);
            if (index < 0 || index >= dense->dims[axis])
                return nn_fail(NN_BAD_INPUT, "sparse tensor '%s': index %lld of axis %d is outside",
                               name, (long long)index, axis);
            at = at * dense->dims[axis] + index;
        }
        if (linear) at = int64_at(indices, i);
        if (at < 0 || at >= size)
            return nn_fail(NN_BAD_INPUT, "sparse tensor '%s': index %lld is outside", name,
                           (long long)at);
        memcpy((char *)dense->data + at * width, (const char *)values->data + i * width,
               (size_t)width);
    }
    return NN_OK;
}

nn_status nn_sparse_tensor_read(nn_tensor_source *source, const Onnx__SparseTensorProto *proto,
                                nn_blob **out) {
    static const int64_t limit = (int64_t)256 << 20;
    if (proto->values == NULL || proto->indices == NULL)
        return nn_fail(NN_BAD_INPUT, "a sparse tensor lacks values or indices");
    const char *name = name_of(proto->values);
    Onnx__TensorProto shape = *proto->values;
    shape.n_dims = proto->n_dims;
    shape.dims = proto->dims;
    nn_tensor view;
    nn_blob *values = NULL, *indices = NULL, *dense = NULL;
    int64_t count, bytes;
    NN_TRY(read_shape(&shape, &view, &count, &bytes));
    if (nn_type_bits(view.type) < 8 || bytes > limit)
        return nn_fail(NN_UNSUPPORTED, "sparse tensor '%s': %s of %lld bytes when dense", name,
                       nnopt_type_name(view.type), (long long)bytes);
    nn_status status;
    NN_TRY_DONE(nn_tensor_read(source, proto->values, &values));
    NN_TRY_DONE(nn_tensor_read(source, proto->indices, &indices));
    const nn_tensor *v = &values->tensor, *x = &indices->tensor;
    if (v->rank != 1 || x->type != NNOPT_INT64 || x->rank < 1 || x->rank > 2 ||
        x->dims[0] != v->dims[0] || (x->rank == 2 && x->dims[1] != view.rank)) {
        status = nn_fail(NN_BAD_INPUT, "sparse tensor '%s': indices do not fit the values", name);
        goto done;
    }
    NN_TRY_DONE(nn_blob_create(view.type, view.dims, view.rank, &dense));
    NN_TRY_DONE(scatter(name, v, x, &dense->tensor));
    *out = dense;
    dense = NULL;
done:
    nn_blob_release(values);
    nn_blob_release(indices);
    nn_blob_release(dense);
    return status;
}
