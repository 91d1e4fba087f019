#include "formats/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- named arrays ---- */

void nn_named_arrays_clear(nn_named_arrays *arrays) {
    for (int64_t i = 0; i < arrays->count; i++) {
        nn_free(arrays->items[i].name);
        nn_blob_release(arrays->items[i].blob);
    }
    nn_free(arrays->items);
    *arrays = (nn_named_arrays){0};
}

nn_status nn_named_arrays_add(nn_named_arrays *arrays, const char *name, nn_blob *blob) {
    char *copy = nn_strdup(name);
    if (copy == NULL || !NN_GROW(arrays->items, arrays->count, arrays->capacity)) {
        nn_free(copy);
        nn_blob_release(blob);
        return nn_fail_memory(strlen(name) + 1);
    }
    arrays->items[arrays->count++] = (nn_named_array){copy, blob};
    return NN_OK;
}

nn_blob *nn_named_arrays_find(const nn_named_arrays *arrays, const char *name) {
    for (int64_t i = 0; i < arrays->count; i++)
        if (strcmp(arrays->items[i].name, name) == 0) return arrays->items[i].blob;
    return NULL;
}

/* ---- the header: a Python dictionary ---- */

typedef struct npy_header {
    char descr[64];
    bool is_fortran;
    int rank;
    int64_t dims[NN_MAX_RANK];
    bool has_descr, has_order, has_shape;
} npy_header;

typedef struct npy_text {
    const char *at, *end;
} npy_text;

static void skip_space(npy_text *text) {
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t'))
        text->at++;
}

static bool take(npy_text *text, char wanted) {
    skip_space(text);
    if (text->at == text->end || *text->at != wanted) return false;
    text->at++;
    return true;
}

static bool take_word(npy_text *text, const char *word) {
    skip_space(text);
    size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    return true;
}

static bool take_string(npy_text *text, char *out, size_t size) {
    skip_space(text);
    if (text->at == text->end || (*text->at != '\'' && *text->at != '"')) return false;
    char quote = *text->at++;
    size_t length = 0;
    while (text->at < text->end && *text->at != quote) {
        if (length + 1 >= size || *text->at == '\\') return false;
        out[length++] = *text->at++;
    }
    out[length] = '\0';
    return take(text, quote);
}

static bool take_number(npy_text *text, int64_t *out) {
    skip_space(text);
    int64_t value = 0;
    const char *start = text->at;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
        if (!nn_mul_size(value, 10, &value) || !nn_add_size(value, *text->at++ - '0', &value))
            return false;
    *out = value;
    return text->at > start;
}

static bool take_shape(npy_text *text, npy_header *out) {
    if (!take(text, '(')) return false;
    while (!take(text, ')')) {
        if (out->rank == NN_MAX_RANK || !take_number(text, &out->dims[out->rank])) return false;
        take(text, 'L'); /* Python 2 wrote long integers so */
        out->rank++;
        if (!take(text, ',')) return take(text, ')');
    }
    return true;
}

static bool parse_header(const char *bytes, size_t size, npy_header *out) {
    npy_text text = {bytes, bytes + size};
    char key[32];
    if (!take(&text, '{')) return false;
    while (!take(&text, '}')) {
        if (!take_string(&text, key, sizeof key) || !take(&text, ':')) return false;
        if (strcmp(key, "descr") == 0) {
            if (take(&text, '[')) { /* a record: named here, refused by its type */
                snprintf(out->descr, sizeof out->descr, "record");
                return out->has_descr = true;
            }
            if (!take_string(&text, out->descr, sizeof out->descr)) return false;
            out->has_descr = true;
        } else if (strcmp(key, "fortran_order") == 0) {
            out->is_fortran = take_word(&text, "True");
            if (!out->is_fortran && !take_word(&text, "False")) return false;
            out->has_order = true;
        } else if (strcmp(key, "shape") == 0) {
            if (!take_shape(&text, out)) return false;
            out->has_shape = true;
        } else {
            return false;
        }
        if (!take(&text, ',')) return take(&text, '}');
    }
    return true;
}

/* ---- types ---- */

static const struct {
    const char *code; /* numpy's kind and bytes */
    nn_type type;
} type_codes[] = {
    {"f4", NNOPT_FLOAT},     {"f8", NNOPT_DOUBLE},      {"f2", NNOPT_FLOAT16}, {"u1", NNOPT_UINT8},
    {"u2", NNOPT_UINT16},    {"u4", NNOPT_UINT32},      {"u8", NNOPT_UINT64},  {"i1", NNOPT_INT8},
    {"i2", NNOPT_INT16},     {"i4", NNOPT_INT32},       {"i8", NNOPT_INT64},   {"b1", NNOPT_BOOL},
    {"c8", NNOPT_COMPLEX64}, {"c16", NNOPT_COMPLEX128},
};

static nn_type type_of_code(const char *code) {
    for (size_t i = 0; i < sizeof type_codes / sizeof *type_codes; i++)
        if (strcmp(type_codes[i].code, code) == 0) return type_codes[i].type;
    return NNOPT_TYPE_NONE;
}

static const char *code_of_type(nn_type type) {
    for (size_t i = 0; i < sizeof type_codes / sizeof *type_codes; i++)
        if (type_codes[i].type == type) return type_codes[i].code;
    return NULL;
}

/* ---- reading ---- */

static nn_status read_exactly(nn_byte_reader *reader, void *out, int64_t size) {
    int64_t got = reader->read(reader, out, size);
    if (got < 0) return NN_IO;
    return got == size ? NN_OK
                       : nn_fail(NN_BAD_INPUT, "%s: ends %lld bytes too early", reader->name,
                                 (long long)(size - got));
}

/* Reads magic and dictionary; *used is what they take. */
static nn_status read_header(nn_byte_reader *reader, npy_header *out, int64_t *used) {
    unsigned char start[12] = {0};
    static const int64_t longest = 1 << 20;
    if (reader->size < 10) return nn_fail(NN_BAD_INPUT, "%s: not a .npy array", reader->name);
    NN_TRY(read_exactly(reader, start, 10));
    if (memcmp(start, "\x93NUMPY", 6) != 0 || start[6] < 1 || start[6] > 3)
        return nn_fail(NN_BAD_INPUT, "%s: not a .npy array", reader->name);
    int64_t length = start[8] | start[9] << 8;
    *used = 10;
    if (start[6] > 1) {
        NN_TRY(read_exactly(reader, start + 10, 2));
        length |= (int64_t)start[10] << 16 | (int64_t)start[11] << 24;
        *used = 12;
    }
    if (length > longest)
        return nn_fail(NN_BAD_INPUT, "%s: the header claims %lld bytes", reader->name,
                       (long long)length);
    char *text = nn_alloc((size_t)length + 1);
    if (text == NULL) return nn_fail_memory((size_t)length + 1);
    nn_status status = read_exactly(reader, text, length);
    if (status == NN_OK && (!parse_header(text, (size_t)length, out) || !out->has_descr))
        status = nn_fail(NN_BAD_INPUT, "%s: the array's header is damaged, or its rank is over %d",
                         reader->name, (int)NN_MAX_RANK);
    nn_free(text);
    *used += length;
    return status;
}

static void swap_bytes(uint8_t *bytes, int64_t count, int width) {
    for (int64_t i = 0; i < count; i++, bytes += width)
        for (int k = 0; k < width / 2; k++) {
            uint8_t byte = bytes[k];
            bytes[k] = bytes[width - 1 - k];
            bytes[width - 1 - k] = byte;
        }
}

/* Copies elements from Fortran order (first axis fastest) to C order. */
static void reorder(const npy_header *header, const char *from, char *to, int64_t width) {
    int64_t index[NN_MAX_RANK] = {0}, strides[NN_MAX_RANK], stride = 1, count = 1;
    for (int i = 0; i < header->rank; i++) {
        strides[i] = stride;
        stride *= header->dims[i];
        count *= header->dims[i];
    }
    for (int64_t n = 0, at = 0; n < count; n++) {
        memcpy(to + n * width, from + at * width, (size_t)width);
        for (int axis = header->rank - 1; axis >= 0; axis--) {
            at += strides[axis];
            if (++index[axis] < header->dims[axis]) break;
            at -= strides[axis] * header->dims[axis];
            index[axis] = 0;
        }
    }
}

/* Appends a code point as UTF-8; returns its bytes, 0 for what is none. */
static int put_utf8(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    int size = code < 0x10000 ? 3 : 4;
    out[0] = (char)(size == 3 ? 0xe0 | code >> 12 : 0xf0 | code >> 18);
    for (int i = 1; i < size; i++) out[i] = (char)(0x80 | (code >> (6 * (size - 1 - i)) & 0x3f));
    return size;
}

/* Strings of `width` bytes (kind 'S') or code points (kind 'U') to `char *` elements with their
 * texts behind them in one block. */
static nn_status make_strings(const npy_header *header, const char *name, const uint8_t *raw,
                              int64_t count, int64_t width, bool is_unicode, bool swapped,
                              nn_blob **out) {
    int64_t text_size, size;
    nn_blob *blob;
    if (!nn_mul_size(count, width * (is_unicode ? 4 : 1) + 1, &text_size) ||
        !nn_mul_size(count, (int64_t)sizeof(char *), &size) || !nn_add_size(size, text_size, &size))
        return nn_fail(NN_BAD_INPUT, "%s: too many strings", name);
    int64_t none[1] = {0};
    NN_TRY(nn_blob_create(NNOPT_STRING, none, 1, &blob));
    char **texts = size > 0 ? nn_alloc_zero((size_t)size) : NULL;
    if (texts == NULL && size > 0) {
        nn_blob_release(blob);
        return nn_fail_memory((size_t)size);
    }
    blob->tensor.data = texts;
    blob->tensor.rank = header->rank;
    memcpy(blob->tensor.dims, header->dims, sizeof header->dims);
    char *at = (char *)(texts + count);
    for (int64_t i = 0; i < count; i++) {
        texts[i] = at;
        for (int64_t k = 0; k < width; k++) {
            const uint8_t *unit = raw + (i * width + k) * (is_unicode ? 4 : 1);
            uint32_t code = unit[0];
            if (is_unicode)
                code = swapped ? (uint32_t)unit[0] << 24 | unit[1] << 16 | unit[2] << 8 | unit[3]
                               : (uint32_t)unit[3] << 24 | unit[2] << 16 | unit[1] << 8 | unit[0];
            if (code == 0) break;
            int used = is_unicode ? put_utf8(code, at) : 1;
            if (!is_unicode) *at = (char)code;
            if (used == 0) {
                nn_blob_release(blob);
                return nn_fail(NN_BAD_INPUT, "%s: string %lld holds no valid text", name,
                               (long long)i);
            }
            at += used;
        }
        at++;
    }
    *out = blob;
    return NN_OK;
}

static nn_status read_strings(nn_byte_reader *reader, const npy_header *header, int64_t count,
                              int64_t data_size, nn_blob **out) {
    bool is_unicode = header->descr[1] == 'U';
    npy_text digits = {header->descr + 2, header->descr + strlen(header->descr)};
    int64_t width = 0, bytes;
    if (header->is_fortran && header->rank > 1)
        return nn_fail(NN_UNSUPPORTED, "%s: strings in Fortran order", reader->name);
    if (!take_number(&digits, &width) || !nn_mul_size(width, is_unicode ? 4 : 1, &bytes) ||
        !nn_mul_size(bytes, count, &bytes) || bytes != data_size)
        return nn_fail(NN_BAD_INPUT, "%s: the file does not have the size that its header says",
                       reader->name);
    uint8_t *raw = nn_alloc((size_t)bytes + 1);
    if (raw == NULL) return nn_fail_memory((size_t)bytes);
    nn_status status = read_exactly(reader, raw, bytes);
    if (status == NN_OK)
        status = make_strings(header, reader->name, raw, count, width, is_unicode,
                              header->descr[0] == '>', out);
    nn_free(raw);
    return status;
}

static nn_status read_numbers(nn_byte_reader *reader, const npy_header *header, nn_type type,
                              nn_blob **out) {
    nn_blob *blob;
    NN_TRY(nn_blob_create(type, header->dims, header->rank, &blob));
    nn_tensor *tensor = &blob->tensor;
    int64_t bytes = nn_tensor_bytes(tensor), width = nn_type_bits(type) / 8;
    nn_status status = bytes > 0 ? read_exactly(reader, tensor->data, bytes) : NN_OK;
    for (int64_t i = 0; type == NNOPT_BOOL && status == NN_OK && i < bytes; i++)
        ((uint8_t *)tensor->data)[i] = ((uint8_t *)tensor->data)[i] != 0;
    bool is_complex = type == NNOPT_COMPLEX64 || type == NNOPT_COMPLEX128;
    if (status == NN_OK && header->descr[0] == '>')
        swap_bytes(tensor->data, nn_tensor_count(tensor) * (is_complex ? 2 : 1),
                   (int)width / (is_complex ? 2 : 1));
    if (status == NN_OK && header->is_fortran && header->rank > 1 && bytes > 0) {
        char *ordered = nn_alloc((size_t)bytes);
        if (ordered == NULL) {
            status = nn_fail_memory((size_t)bytes);
        } else {
            reorder(header, tensor->data, ordered, width);
            nn_free(tensor->data);
            tensor->data = ordered;
        }
    }
    if (status == NN_OK)
        *out = blob;
    else
        nn_blob_release(blob);
    return status;
}

nn_status nn_npy_read(nn_byte_reader *reader, nn_blob **out) {
    npy_header header = {0};
    int64_t used = 0, count, bytes;
    NN_TRY(read_header(reader, &header, &used));
    if (strchr("<>|=", header.descr[0]) == NULL || header.descr[0] == '\0' ||
        strchr("OVMm", header.descr[1]) != NULL)
        return nn_fail(NN_UNSUPPORTED, "%s: arrays of numpy type '%s' cannot be read", reader->name,
                       header.descr);
    if (!nn_dims_count(header.dims, header.rank, &count))
        return nn_fail(NN_BAD_INPUT, "%s: too many elements", reader->name);
    if (header.descr[1] == 'U' || header.descr[1] == 'S')
        return read_strings(reader, &header, count, reader->size - used, out);
    nn_type type = type_of_code(header.descr + 1);
    if (type == NNOPT_TYPE_NONE)
        return nn_fail(NN_UNSUPPORTED, "%s: arrays of numpy type '%s' cannot be read", reader->name,
                       header.descr);
    if (!nn_type_bytes(type, count, &bytes) || bytes != reader->size - used) {
        char text[256];
        return nn_fail(NN_BAD_INPUT, "%s: %s %s needs other than the %lld bytes that the file has",
                       reader->name, nnopt_type_name(type),
                       nn_dims_text(header.dims, header.rank, text, sizeof text),
                       (long long)(reader->size - used));
    }
    return read_numbers(reader, &header, type, out);
}

typedef struct file_reader {
    nn_byte_reader base;
    FILE *stream;
} file_reader;

static int64_t read_file(nn_byte_reader *base, void *out, int64_t size) {
    file_reader *self = (file_reader *)base;
    size_t got = fread(out, 1, (size_t)size, self->stream);
    if (ferror(self->stream)) {
        nn_fail(NN_IO, "cannot read '%s': %s", base->name, strerror(errno));
        return -1;
    }
    return (int64_t)got;
}

nn_status nn_npy_load(const char *path, nn_blob **out) {
    struct stat info;
    file_reader reader = {.base = {.read = read_file, .name = path}};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor >= 0) reader.stream = fdopen(descriptor, "rb");
    if (reader.stream == NULL || fstat(descriptor, &info) != 0)
        return nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
    reader.base.size = info.st_size;
    nn_status status = S_ISREG(info.st_mode)
                           ? nn_npy_read(&reader.base, out)
                           : nn_fail(NN_IO, "cannot read '%s': not a regular file", path);
    fclose(reader.stream);
    return status;
}

/* ---- writing ---- */

nn_status nn_npy_header(const nn_tensor *tensor, const char *name, char **out, size_t *size) {
    const char *code = code_of_type(tensor->type);
    if (code == NULL)
        return nn_fail(NN_UNSUPPORTED,
                       "array '%s': numpy has no type %s; write to a folder instead", name,
                       nnopt_type_name(tensor->type));
    char shape[NN_MAX_RANK * 22 + 4];
    size_t used = (size_t)snprintf(shape, sizeof shape, "(");
    for (int i = 0; i < tensor->rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, i == 0 ? "%lld" : ", %lld",
                                 (long long)tensor->dims[i]);
    snprintf(shape + used, sizeof shape - used, tensor->rank == 1 ? ",)" : ")");
    char order = nn_type_bits(tensor->type) == 8 ? '|' : '<';
    char *text =
        nn_format("{'descr': '%c%s', 'fortran_order': False, 'shape': %s, }", order, code, shape);
    if (text == NULL) return nn_fail_memory(sizeof shape);
    /* The data starts at a multiple of 64; the dictionary ends with a newline. */
    size_t length = strlen(text), total = (10 + length + 1 + 63) / 64 * 64;
    char *header = nn_alloc(total);
    if (header != NULL) {
        memset(header, ' ', total);
        memcpy(header, "\x93NUMPY\x01\x00", 8);
        header[8] = (char)((total - 10) & 0xff);
        header[9] = (char)((total - 10) >> 8);
        memcpy(header + 10, text, length);
        header[total - 1] = '\n';
        *out = header;
        *size = total;
    }
    nn_free(text);
    return header != NULL ? NN_OK : nn_fail_memory(total);
}
