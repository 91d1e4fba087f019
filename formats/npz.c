#include "base/file.h"
#include "formats/npy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zip.h>

static nn_status fail_zip(const char *verb, const char *path, zip_error_t *error) {
    int system_error =
        zip_error_system_type(error) == ZIP_ET_SYS ? zip_error_code_system(error) : 0;
    int code = zip_error_code_zip(error);
    bool is_damage = code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS || code == ZIP_ER_CRC ||
                     code == ZIP_ER_ZLIB || code == ZIP_ER_EOF || code == ZIP_ER_COMPRESSED_DATA;
    nn_status status = nn_fail(is_damage ? NN_BAD_INPUT : NN_IO, "cannot %s '%s': %s", verb, path,
                               system_error != 0      ? strerror(system_error)
                               : code == ZIP_ER_NOZIP ? "not a zip archive"
                                                      : zip_error_strerror(error));
    zip_error_fini(error);
    return status;
}

static nn_status fail_archive(const char *verb, const char *path, zip_t *archive) {
    zip_error_t error = *zip_get_error(archive);
    zip_error_t copy;
    zip_error_init(&copy);
    zip_error_set(&copy, error.zip_err, error.sys_err);
    return fail_zip(verb, path, &copy);
}

/* ---- reading ---- */

typedef struct entry_reader {
    nn_byte_reader base;
    zip_file_t *file;
} entry_reader;

static int64_t read_entry(nn_byte_reader *base, void *out, int64_t size) {
    entry_reader *self = (entry_reader *)base;
    int64_t filled = 0;
    while (filled < size) {
        zip_int64_t got =
            zip_fread(self->file, (char *)out + filled, (zip_uint64_t)(size - filled));
        if (got < 0) {
            nn_fail(NN_BAD_INPUT, "%s: %s", base->name, zip_file_strerror(self->file));
            return -1;
        }
        if (got == 0) break;
        filled += got;
    }
    return filled;
}

static nn_status load_entry(zip_t *archive, zip_uint64_t index, const zip_stat_t *info,
                            const char *path, nn_named_arrays *out) {
    /* The best that deflate can do is 1032 to 1; what claims more is damaged or a trap. */
    static const zip_uint64_t best_ratio = 1100;
    size_t length = strlen(info->name);
    if (length < 4 || strcmp(info->name + length - 4, ".npy") != 0)
        return nn_fail(NN_BAD_INPUT, "%s: entry '%s' is no .npy array", path, info->name);
    if (info->size / best_ratio > info->comp_size + 64)
        return nn_fail(NN_BAD_INPUT, "%s: entry '%s' claims %llu bytes from %llu", path, info->name,
                       (unsigned long long)info->size, (unsigned long long)info->comp_size);
    char *name = nn_format("%.*s", (int)(length - 4), info->name);
    char *place = nn_format("%s: array '%.*s'", path, (int)(length - 4), info->name);
    nn_status status = name != NULL && place != NULL ? NN_OK : nn_fail_memory(length);
    entry_reader reader = {
        .base = {.read = read_entry, .size = (int64_t)info->size, .name = place}};
    nn_blob *blob;
    if (status == NN_OK && nn_named_arrays_find(out, name) != NULL)
        status = nn_fail(NN_BAD_INPUT, "%s stands twice", place);
    if (status == NN_OK) {
        reader.file = zip_fopen_index(archive, index, 0);
        if (reader.file == NULL) status = fail_archive("read", path, archive);
    }
    if (status == NN_OK) status = nn_npy_read(&reader.base, &blob);
    if (status == NN_OK) {
        char rest;
        /* Reading to the end checks the entry's checksum. */
        if (read_entry(&reader.base, &rest, 1) != 0) {
            nn_blob_release(blob);
            status = nn_fail(NN_BAD_INPUT, "%s is damaged", place);
        } else {
            status = nn_named_arrays_add(out, name, blob);
        }
    }
    if (reader.file != NULL) zip_fclose(reader.file);
    nn_free(name);
    nn_free(place);
    return status;
}

nn_status nn_npz_load(const char *path, nn_named_arrays *out) {
    struct stat file;
    if (stat(path, &file) != 0)
        return nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode)) return nn_fail(NN_IO, "cannot read '%s': not a regular file", path);
    int code;
    zip_t *archive = zip_open(path, ZIP_RDONLY, &code);
    if (archive == NULL) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        return fail_zip("read", path, &error);
    }
    nn_status status = NN_OK;
    nn_named_arrays arrays = {0};
    zip_int64_t count = zip_get_num_entries(archive, 0);
    for (zip_int64_t i = 0; i < count && status == NN_OK; i++) {
        zip_stat_t info;
        if (zip_stat_index(archive, (zip_uint64_t)i, 0, &info) != 0)
            status = fail_archive("read", path, archive);
        else
            status = load_entry(archive, (zip_uint64_t)i, &info, path, &arrays);
    }
    zip_discard(archive);
    if (status == NN_OK)
        *out = arrays;
    else
        nn_named_arrays_clear(&arrays);
    return status;
}

/* ---- writing ---- */

/* Adds one array: `header` goes to the archive, the tensor's data is only read. */
static nn_status add_entry(zip_t *archive, const char *path, const char *name,
                           const nn_tensor *tensor, bool compress, char *header, size_t size) {
    char *entry = nn_format("%s.npy", name);
    if (entry == NULL) return nn_fail_memory(strlen(name) + 5);
    zip_buffer_fragment_t parts[2] = {{(zip_uint8_t *)header, size},
                                      {tensor->data, (zip_uint64_t)nn_tensor_bytes(tensor)}};
    zip_source_t *source =
        zip_source_buffer_fragment(archive, parts, parts[1].length > 0 ? 2 : 1, 0);
    zip_int64_t index = -1;
    if (source != NULL) index = zip_file_add(archive, entry, source, ZIP_FL_ENC_UTF_8);
    nn_status status = NN_OK;
    if (index < 0) {
        status = fail_archive("write", path, archive);
        if (source != NULL) zip_source_free(source);
    } else if (zip_set_file_compression(archive, (zip_uint64_t)index,
                                        compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) != 0) {
        status = fail_archive("write", path, archive);
    }
    nn_free(entry);
    return status;
}

static nn_status write_archive(const char *path, const char *shown, const char *const *names,
                               const nn_tensor *tensors, size_t count, bool compress,
                               char **headers) {
    int code;
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (archive == NULL) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        return fail_zip("write", shown, &error);
    }
    nn_status status = NN_OK;
    for (size_t i = 0; i < count && status == NN_OK; i++) {
        size_t size;
        status = nn_npy_header(&tensors[i], names[i], &headers[i], &size);
        if (status == NN_OK)
            status = add_entry(archive, shown, names[i], &tensors[i], compress, headers[i], size);
    }
    if (status == NN_OK && zip_close(archive) != 0)
        status = fail_archive("write", shown, archive);
    else if (status == NN_OK)
        return NN_OK;
    zip_discard(archive);
    return status;
}

nn_status nn_npz_save(const char *path, const char *const *names, const nn_tensor *tensors,
                      size_t count, bool compress) {
    nn_new_file file;
    NN_TRY(nn_new_file_open(path, &file));
    char **headers = nn_alloc_zero((count + 1) * sizeof *headers);
    nn_status status = NN_OK;
    if (headers == NULL)
        status = nn_fail_memory(count * sizeof *headers);
    else if (file.temporary == NULL)
        status = nn_fail(NN_IO, "cannot write '%s': an .npz needs a regular file", path);
    else
        /* libzip replaces the temporary file by its own when it is complete. */
        status = write_archive(file.temporary, path, names, tensors, count, compress, headers);
    for (size_t i = 0; headers != NULL && i < count; i++) nn_free(headers[i]);
    nn_free(headers);
    if (status == NN_OK) return nn_new_file_commit(&file);
    nn_new_file_discard(&file);
    return status;
}
