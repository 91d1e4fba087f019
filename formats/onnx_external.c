#include "formats/onnx_external.h"

#include "formats/mapping.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct nn_external_file {
    struct nn_external_file *next;
    char *location;
    nn_storage *storage;
};

void nn_tensor_source_clear(nn_tensor_source *source) {
    while (source->external != NULL) {
        nn_external_file *file = source->external;
        source->external = file->next;
        nn_storage_release(file->storage);
        nn_free(file->location);
        nn_free(file);
    }
}

static nn_status fail_location(const Onnx__TensorProto *proto, const char *location,
                               const char *rule) {
    return nn_fail(NN_BAD_INPUT, "tensor '%s': external data '%s' %s",
                   proto->name != NULL ? proto->name : "", location, rule);
}

static bool has_parent_part(const char *location) {
    for (const char *part = location; part != NULL;) {
        const char *end = strchr(part, '/');
        size_t length = end != NULL ? (size_t)(end - part) : strlen(part);
        if (length == 2 && part[0] == '.' && part[1] == '.') return true;
        part = end != NULL ? end + 1 : NULL;
    }
    return false;
}

/* The real path of `location` in `folder`, checked to lie below it; free with free(). */
static nn_status resolve(const Onnx__TensorProto *proto, const char *folder, const char *location,
                         char **out) {
    if (location[0] == '\0' || location[0] == '/' || has_parent_part(location))
        return fail_location(proto, location, "is not a path inside the model's folder");
    nn_status status = NN_OK;
    char *real_folder = realpath(folder, NULL), *real_file = NULL;
    char *joined = nn_format("%s/%s", folder, location);
    if (real_folder == NULL || joined == NULL) {
        status = nn_fail_memory(PATH_MAX);
        goto done;
    }
    real_file = realpath(joined, NULL);
    if (real_file == NULL) {
        status = nn_fail(NN_IO, "tensor '%s': external data '%s': %s",
                         proto->name != NULL ? proto->name : "", location, strerror(errno));
        goto done;
    }
    size_t length = strlen(real_folder);
    if (length == 1) length = 0; /* the root folder ends in its slash */
    if (strncmp(real_file, real_folder, length) != 0 || real_file[length] != '/')
        status = fail_location(proto, location, "is a link that leaves the model's folder");
done:
    if (status == NN_OK) {
        *out = real_file;
        real_file = NULL;
    }
    free(real_file);
    free(real_folder);
    nn_free(joined);
    return status;
}

static nn_status open_file(nn_tensor_source *source, const Onnx__TensorProto *proto,
                           const char *location, nn_storage **out) {
    for (nn_external_file *file = source->external; file != NULL; file = file->next) {
        if (strcmp(file->location, location) != 0) continue;
        *out = file->storage;
        return NN_OK;
    }
    char *path = NULL;
    NN_TRY(resolve(proto, source->folder, location, &path));
    nn_external_file *file = nn_alloc_zero(sizeof *file);
    char *copy = nn_strdup(location);
    nn_storage *storage = NULL;
    nn_status status = file != NULL && copy != NULL ? nn_mapping_open(path, &storage)
                                                    : nn_fail_memory(sizeof *file);
    free(path);
    if (status != NN_OK) {
        nn_free(file);
        nn_free(copy);
        return status;
    }
    *file = (nn_external_file){source->external, copy, storage};
    source->external = file;
    source->external_bytes += (int64_t)storage->size;
    *out = storage;
    return NN_OK;
}

static bool parse_number(const char *text, int64_t *out) {
    if (text[0] < '0' || text[0] > '9') return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && *end == '\0';
}

nn_status nn_external_find(nn_tensor_source *source, const Onnx__TensorProto *proto, int64_t bytes,
                           nn_storage **storage, void **data) {
    const char *location = NULL, *offset_text = "0", *length_text = NULL;
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        const char *key = entry->key != NULL ? entry->key : "";
        const char *value = entry->value != NULL ? entry->value : "";
        if (strcmp(key, "location") == 0) location = value;
        if (strcmp(key, "offset") == 0) offset_text = value;
        if (strcmp(key, "length") == 0) length_text = value;
    }
    if (location == NULL) return fail_location(proto, "", "has no location");
    if (source->folder == NULL)
        return fail_location(proto, location,
                             "cannot be used by a model that is parsed from memory");
    if (proto->data_type == NNOPT_STRING)
        return fail_location(proto, location, "cannot hold strings");
    int64_t offset, length = bytes;
    if (!parse_number(offset_text, &offset) ||
        (length_text != NULL && !parse_number(length_text, &length)))
        return fail_location(proto, location, "has an offset or a length that is no number");
    NN_TRY(open_file(source, proto, location, storage));
    if (length != bytes || offset > (int64_t)(*storage)->size ||
        bytes > (int64_t)(*storage)->size - offset)
        return nn_fail(
            NN_BAD_INPUT,
            "tensor '%s': needs %lld bytes, external data '%s' gives %lld at offset %lld of %zu",
            proto->name != NULL ? proto->name : "", (long long)bytes, location, (long long)length,
            (long long)offset, (*storage)->size);
    *data = bytes > 0 ? (char *)(*storage)->base + offset : NULL;
    return NN_OK;
}
